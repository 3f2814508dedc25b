"""How much text a service takes in one message, and a message fitted to it as that service will count it.

Owns what apprise's own figures get wrong, with the sources; must not know how a message is sent, nor its words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from monitor.alert import markup, message


def _utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


_IN_BODY = frozenset({"discord", "fluxer", "fluxers", "nctalk", "nctalks", "revolt", "ryver"})  # titles are put there
_MOST = {
    # The text of an attachment is cut after 8,000 characters, with 200 as the answer:
    # https://github.com/ErikKalkoken/slackApiDoc/blob/master/message_limits.md
    "slack": 8_000,
    # `message-size-limit`, https://docs.ntfy.sh/config/: 4,096 bytes; longer ones become attachments or are refused.
    "ntfy": 4_096,
    "ntfys": 4_096,
}
_COUNTED: dict[str, Callable[[str], int]] = {
    "ntfy": _utf8,
    "ntfys": _utf8,
    # "1-4096 characters after entities parsing", which are UTF-16 units: https://core.telegram.org/api/entities
    "tgram": _utf16,
    "discord": _utf16,
}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A message as a service takes it; `whole` when nothing of its body was left out."""

    title: str
    body: str
    whole: bool


def title_room(service: Any, names: Collection[str]) -> int:
    """Return how many characters of a title a service takes apart from the body; 0 where it is part of the body."""
    return int(service.title_maxlen) if _IN_BODY.isdisjoint(names) else 0


def body_room(service: Any, names: Collection[str]) -> int:
    """Return how much text a service takes as the body."""
    counted = title_room(service, names) if service.overflow_amalgamate_title else 0
    return min([int(service.body_maxlen) - counted, *(_MOST[name] for name in names if name in _MOST)])


def fitted(service: Any, names: Collection[str], title: str, body: str, written: Callable[[Any, str], str]) -> Fitted:
    """Return title and body as long as the service of these schemes takes them; the event id is kept (C5, C1).

    `written` gives a body as it goes out to that service: escaped, it is longer than it was.
    """
    apart, most = title_room(service, names), body_room(service, names)
    size = next((_COUNTED[name] for name in names if name in _COUNTED), len)
    escape = markup.escape if markup.always(names) else str

    def made(room: int) -> tuple[str, str]:
        head, text = message.fitted(title, body, apart, room)
        return head, escape(text)

    whole = made(most + len(body) + len(title))  # room for all of it
    if size(written(service, whole[1])) <= most:
        return Fitted(escape(whole[0]), whole[1], whole=True)
    low, high = 0, most
    while low < high:  # the largest room whose text the service does not find too long
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(written(service, made(middle)[1])) <= most else (low, middle - 1)
    head, text = made(low)
    return Fitted(escape(head), text, whole=False)
