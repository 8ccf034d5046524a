"""WeChat Work's callback cryptography (developer.work.weixin.qq.com/document/path/90968, path/91144). Pure.

Signature: SHA-1 over the sorted token, timestamp, nonce and ciphertext. Cipher: AES-256-CBC, the IV is the key's
first half, PKCS#7 padding to 32; inside: 16 random bytes, length (4 bytes, big-endian), message, receiver id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32


class BadCallback(Exception):
    """The call does not come from WeChat Work, or was changed on the way."""


def key_of(encoding_aes_key: str) -> bytes:
    """Return the AES key of the 43 characters that the console shows. Raises ValueError."""
    key = base64.b64decode(encoding_aes_key + "=", validate=True)
    if len(key) != BLOCK:
        raise ValueError("an EncodingAESKey has 43 characters")
    return key


def signature(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Return what `msg_signature` must be."""
    joined = "".join(sorted((token, timestamp, nonce, encrypted)))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def open_message(
    token: str, key: bytes, receiver: str, *, claimed: str, timestamp: str, nonce: str, encrypted: str
) -> str:
    """Return the message inside. Raises BadCallback."""
    expected = signature(token, timestamp, nonce, encrypted)
    if not hmac.compare_digest(expected.encode(), claimed.encode("utf-8", "replace")):
        raise BadCallback("wrong signature")
    try:
        ciphertext = base64.b64decode(encrypted, validate=True)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
    except (binascii.Error, ValueError):
        raise BadCallback("not decipherable") from None
    message, to = _unpack(padded)
    if not hmac.compare_digest(to, receiver.encode()):
        raise BadCallback("meant for somebody else")
    return message.decode("utf-8", "replace")


def _unpack(padded: bytes) -> tuple[bytes, bytes]:
    padding = padded[-1] if padded else 0
    if not 1 <= padding <= BLOCK or len(padded) < 20 + padding:
        raise BadCallback("wrong padding")
    plain = padded[:-padding]
    (length,) = struct.unpack(">I", plain[16:20])
    if 20 + length > len(plain):
        raise BadCallback("wrong length")
    return plain[20 : 20 + length], plain[20 + length :]
