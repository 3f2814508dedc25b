"""How much text a service takes in one message, and a message fitted to it as that service will count it.

Owns what apprise's own figures get wrong, with the sources; must not know how a message is sent, nor its words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from monitor.alert import markup, message

_NTFY_JSON = 7_800  # characters of title and text as JSON: beyond 8,000 in all apprise sends a file, no message


def _ntfy(title: str, text: str) -> int:
    """Return how many bytes a text counts for: those of UTF-8, or what its JSON, escaped to ASCII, is too long by."""
    as_json = len(json.dumps(title)) + len(json.dumps(text))
    return max(len(text.encode("utf-8", "surrogatepass")), _MOST["ntfy"] + as_json - _NTFY_JSON)


def _utf16(_title: str, text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _characters(_title: str, text: str) -> int:
    return len(text)


_IN_BODY = frozenset({"discord", "fluxer", "fluxers", "nctalk", "nctalks", "revolt", "ryver"})  # titles are put there
_MOST = {
    # The text of an attachment is cut after 8,000 characters, with 200 as the answer:
    # https://github.com/ErikKalkoken/slackApiDoc/blob/master/message_limits.md
    "slack": 8_000,
    # `message-size-limit`, https://docs.ntfy.sh/config/: 4,096 bytes; longer ones become attachments or are refused.
    "ntfy": 4_096,
    "ntfys": 4_096,
}
_COUNTED: dict[str, Callable[[str, str], int]] = {
    "ntfy": _ntfy,
    "ntfys": _ntfy,
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
    size = next((_COUNTED[name] for name in names if name in _COUNTED), _characters)
    escape = markup.escape if markup.always(names) else str

    def made(room: int) -> tuple[str, str]:
        head, text = message.fitted(title, body, apart, room)
        return head, escape(text)

    whole = made(most + len(body) + len(title))  # room for all of it
    if size(whole[0], written(service, whole[1])) <= most:
        return Fitted(escape(whole[0]), whole[1], whole=True)
    low, high = 0, most
    while low < high:  # the largest room whose text the service does not find too long
        middle = (low + high + 1) // 2
        head, text = made(middle)
        low, high = (middle, high) if size(head, written(service, text)) <= most else (low, middle - 1)
    head, text = made(low)
    return Fitted(escape(head), text, whole=False)
