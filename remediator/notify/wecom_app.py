"""The WeChat Work app API: messages to people, and buttons for approve and deny where a callback exists.

Format and limits: developer.work.weixin.qq.com/document/path/90236; token: path/91039. The file:

    corpid: ww...
    secret: ...
    agentid: 1000002
    to: [wangwei, lina]            # or "@all"
    callback: {token: ..., aes_key: ..., operators: [wangwei]}    # optional
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from remediator.errors import ConfigError, NotifyError
from remediator.notify.letter import Letter
from remediator.notify.markup import cut_chars
from remediator.notify.wecom import Answer, judge, markdown_body, post_json
from remediator.notify.wecom_crypto import key_of

API = "https://qyapi.weixin.qq.com"
MARKDOWN_BYTES = 2048
TIMEOUT_S = (3, 10)
TOKEN_REFUSED = frozenset({40014, 42001})
MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, repr=False)
class Callback:
    """What proves that a call comes from WeChat Work, and who may decide through it."""

    token: str
    key: bytes
    operators: frozenset[str]


@dataclass(frozen=True, repr=False)
class AppConfig:
    """The app's file. Never printed."""

    corpid: str
    secret: str
    agentid: int
    to: str
    callback: Callback | None = None
    api: str = API


def load_app(path: Path) -> AppConfig:
    """Read the file. Raises ConfigError, which quotes none of it."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"wecom_app_file: {path} can't be read ({type(error).__name__})") from None
    data = data if isinstance(data, dict) else {}
    wrong = [
        f"wecom_app_file: {name}: is missing"
        for name in ("corpid", "secret", "agentid")
        if not data.get(name)
    ]
    if data.get("agentid") and not str(data["agentid"]).isdigit():
        wrong.append("wecom_app_file: agentid: must be a number")
    callback = _callback(data.get("callback"), wrong)
    if wrong:
        raise ConfigError(wrong)
    to = data.get("to", "@all")
    people = "|".join(map(str, to)) if isinstance(to, list) else str(to)
    api = str(data.get("api") or API).rstrip("/")
    return AppConfig(str(data["corpid"]), str(data["secret"]), int(data["agentid"]), people, callback, api)


def _callback(data: Any, wrong: list[str]) -> Callback | None:
    if not data:
        return None
    data = data if isinstance(data, dict) else {}
    try:
        key = key_of(str(data.get("aes_key")))
    except ValueError:
        wrong.append("wecom_app_file: callback.aes_key: must have the 43 characters that the console shows")
        return None
    operators = data.get("operators")
    if not isinstance(operators, list) or not operators or not data.get("token"):
        wrong.append("wecom_app_file: callback: needs token and operators, a list of user ids")
        return None
    return Callback(str(data["token"]), key, frozenset(map(str, operators)))


class App:
    """One app. Its token is fetched once, kept until it runs out, and fetched anew when the server refuses it."""

    name = "wecom-app"

    def __init__(
        self,
        config: AppConfig,
        *,
        clock: Callable[[], datetime],
        get: Callable[..., Answer] = requests.get,
        post: Callable[..., Answer] = requests.post,
    ) -> None:
        self._config, self._clock, self._get, self._post = config, clock, get, post
        self._token, self._until = "", clock()

    def send(self, letter: Letter) -> str:
        """Deliver `letter` to the app's people and to whom it mentions.

        Raises NotifyError, which never names token or secret.
        """
        body = {"touser": self._to(letter), "agentid": self._config.agentid, **self._content(letter)}
        answer = self._send(body)
        if answer.get("errcode") in TOKEN_REFUSED:
            self._token = ""
            answer = self._send(body)
        said = judge(answer)
        if answer.get("invaliduser"):
            said += ", some receivers are unknown"
        return said

    def _to(self, letter: Letter) -> str:
        people = self._config.to.split("|")
        if "@all" in people:
            return "@all"
        return "|".join(dict.fromkeys([*people, *letter.mentions]))

    def _send(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        url = f"{self._config.api}/cgi-bin/message/send?access_token={self._fresh_token()}"
        return post_json(self._post, url, dict(body))

    def _content(self, letter: Letter) -> dict[str, Any]:
        asks = [line.command for line in letter.lines if line.command.startswith("remediator approve ")]
        if asks and self._config.callback is not None:
            return card(letter, asks[0].rpartition(" ")[2])
        return markdown_body(replace(letter, mentions=()), MARKDOWN_BYTES)  # who is mentioned gets it

    def _fresh_token(self) -> str:
        now = self._clock()
        if self._token and now < self._until:
            return self._token
        query = {"corpid": self._config.corpid, "corpsecret": self._config.secret}
        url = f"{self._config.api}/cgi-bin/gettoken"
        try:
            answer = self._get(url, params=query, timeout=TIMEOUT_S, allow_redirects=False)
            data = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise NotifyError(type(error).__name__) from None
        judge(data if isinstance(data, Mapping) else {})
        lives = timedelta(seconds=float(data.get("expires_in", 7200)))
        self._token, self._until = str(data.get("access_token", "")), now + lives - MARGIN
        return self._token


def card(letter: Letter, approval_id: str) -> dict[str, Any]:
    """Return a card with two buttons; the answer comes back through the callback."""
    zh = letter.language == "zh"
    body = {
        "card_type": "button_interaction",
        "main_title": {"title": cut_chars(letter.headline, 36)},
        "sub_title_text": cut_chars("\n".join(f"{line.label} {line.text}" for line in letter.lines[:3]), 512),
        "task_id": letter.message_id,
        "button_list": [
            {"text": "批准" if zh else "Approve", "style": 1, "key": f"approve {approval_id}"},
            {"text": "否决" if zh else "Deny", "style": 2, "key": f"deny {approval_id}"},
        ],
    }
    return {"msgtype": "template_card", "template_card": body}
