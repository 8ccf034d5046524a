"""WeChat Work group robots (消息推送). Format and limits: developer.work.weixin.qq.com/document/path/99110.

The server answers HTTP 200 even when it refuses; only `errcode` counts. The whole address is the credential,
so no error ever names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import requests

from remediator.errors import NotifyError
from remediator.notify.channel import ChannelGoneError
from remediator.notify.letter import Letter, Line
from remediator.notify.markup import cut_chars, cut_columns, cut_markdown, quoted

TIMEOUT_S = (3, 10)
MARKDOWN_BYTES = 4096
TEXT_BYTES = 2048
LINE_CHARS = 3500
LABEL_COLUMNS = 10  # of a card's line: five Chinese characters, or twice as many Latin ones
COLOURS = {"good": "info", "bad": "warning", "quiet": "comment"}
NO_ROBOT = 93000  # deleted, or the address is wrong
PERMANENT = frozenset({40058, 40008})  # parameter refused, type unknown: trying again can't help
TOO_MANY = 45009
Body = dict[str, Any]


class Answer(Protocol):
    """What is used of an HTTP answer."""

    status_code: int

    def json(self) -> Any:
        """Return the body, parsed."""


Post = Callable[..., Answer]


class Robot:
    """One robot of one group."""

    def __init__(self, url: str, name: str, *, style: str = "markdown", post: Post = requests.post) -> None:
        self._url, self._post = url, post
        self.name = name
        self.style = style

    def send(self, letter: Letter) -> str:
        """Deliver `letter` and return what the server said. Raises NotifyError."""
        return judge(post_json(self._post, self._url, BODIES[self.style](letter)))


def post_json(post: Post, url: str, body: Body) -> Mapping[str, Any]:
    """POST `body` and return the parsed answer. Raises NotifyError, which never names the address."""
    try:
        answer = post(url, json=body, timeout=TIMEOUT_S, allow_redirects=False)
        data = answer.json() if answer.status_code == 200 else None
    except (requests.RequestException, ValueError) as error:
        raise NotifyError(type(error).__name__) from None
    if answer.status_code != 200:
        raise NotifyError(f"HTTP {answer.status_code}")
    if not isinstance(data, Mapping):
        raise NotifyError("the answer is not a JSON object")
    return data


def judge(answer: Mapping[str, Any]) -> str:
    """Return "errcode 0" or raise NotifyError with the server's code."""
    code = answer.get("errcode")
    if code == 0:
        return "errcode 0"
    if code == TOO_MANY:
        raise NotifyError(f"errcode {TOO_MANY}: too many messages in a minute", retry_after_s=60)
    if code == NO_ROBOT:
        raise ChannelGoneError(f"errcode {NO_ROBOT}: no such robot")
    # errmsg may repeat the key and the caller's address: the code is enough to look it up.
    raise NotifyError(
        f"errcode {code}" if isinstance(code, int) else "no errcode", permanent=code in PERMANENT
    )


def markdown_body(letter: Letter, limit: int = MARKDOWN_BYTES) -> Body:
    """Return `letter` as coloured markdown of at most `limit` bytes, its id and the mentions never cut away."""
    colour = COLOURS[letter.tone]
    head = f'**<font color="{colour}">{quoted(letter.headline)}</font>**'
    rows = [head, *(f"> {_markdown_line(line)}" for line in letter.lines)]
    links = " ".join(f"[{link.name}]({link.url})" for link in letter.links)
    tail = "\n".join(part for part in (links, _mentions(letter), _id(letter)) if part)
    return {"msgtype": "markdown", "markdown": {"content": _join("\n".join(rows), tail, limit)}}


def markdown_v2_body(letter: Letter) -> Body:
    """Return `letter` as markdown_v2: lists, but neither colours nor mentions."""
    rows = [f"## {quoted(letter.headline)}", *(f"- {_markdown_line(line)}" for line in letter.lines)]
    links = " ".join(f"[{link.name}]({link.url})" for link in letter.links)
    tail = "\n".join(part for part in (links, f"`{letter.message_id}`") if part)
    return {
        "msgtype": "markdown_v2",
        "markdown_v2": {"content": _join("\n".join(rows), tail, MARKDOWN_BYTES)},
    }


def text_body(letter: Letter) -> Body:
    """Return `letter` as plain text, with mentions."""
    colon = "：" if letter.language == "zh" else ": "
    rows = [letter.headline]
    rows += [f"{line.label}{colon}{line.plain}" for line in letter.lines]
    # `<@...>` in someone's log line would call that person: quote the text kind too.
    body = "\n".join(quoted(row, LINE_CHARS) for row in rows)
    tail = "\n".join([*(f"{link.name} {link.url}" for link in letter.links), letter.message_id])
    room = TEXT_BYTES - len(tail.encode()) - 1
    text: Body = {"content": f"{cut_markdown(body, room)}\n{tail}"}
    if letter.mentions:
        text["mentioned_list"] = list(letter.mentions)
    return {"msgtype": "text", "text": text}


def card_body(letter: Letter) -> Body:
    """Return the headline as a text_notice card; it only links, it can't act."""
    facts = [
        {"keyname": cut_columns(line.label, LABEL_COLUMNS), "value": cut_chars(line.text, 26)}
        for line in letter.lines
        if line.text
    ]
    card = {
        "card_type": "text_notice",
        "main_title": {"title": cut_chars(letter.headline, 26)},
        "sub_title_text": cut_chars(letter.lines[0].text if letter.lines else letter.headline, 112),
        "horizontal_content_list": facts[1:7],
        "card_action": {
            "type": 1,
            "url": letter.links[0].url if letter.links else "https://work.weixin.qq.com",
        },
    }
    return {"msgtype": "template_card", "template_card": card}


BODIES: dict[str, Callable[[Letter], Body]] = {
    "markdown": markdown_body,
    "markdown_v2": markdown_v2_body,
    "text": text_body,
    "card": card_body,
}


def _markdown_line(line: Line) -> str:
    command = f" `{line.command}`" if line.command else ""
    return f"**{line.label}** {quoted(line.text, LINE_CHARS)}{command}".rstrip()


def _mentions(letter: Letter) -> str:
    people = [person for person in letter.mentions if person != "@all"]  # markdown knows no @all
    return " ".join(f"<@{quoted(person)}>" for person in people)


def _id(letter: Letter) -> str:
    return f'<font color="comment">{letter.message_id}</font>'


def _join(body: str, tail: str, limit: int) -> str:
    return f"{cut_markdown(body, limit - len(tail.encode()) - 1)}\n{tail}"
