"""What several watches may fail of together: the API, or one site; and the words for a group of them. Pure.

A cause is written `CODE where`: `NETWORK api`, `SITE shop.example`. A failure that is the watch's own has none. Must
not know when messages are gathered.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from monitor.agent.outcome import Code
from monitor.alert import plain
from monitor.judge.decision import Kind
from monitor.judge.values.reading import GOAL, SCHEMA
from monitor.watch.model import Watch

MIN_WATCHES = 3  # from so many watches on they are told as a group
WINDOW = timedelta(minutes=5)  # between two messages of one cause to one target, as Alertmanager's group_interval
KINDS = frozenset({Kind.FAILURE, Kind.REMINDER, Kind.RECOVERY})
API = "api"
_API = frozenset(
    {Code.NETWORK, Code.TLS, Code.PROTOCOL, Code.RATE, Code.AUTH, Code.BILLING, Code.FORBIDDEN, Code.UNKNOWN_OUTCOME}
)
_SITE = frozenset({Code.SITE, Code.AGENT, Code.TIMEOUT, GOAL, SCHEMA})
_SAID = {Kind.FAILURE: "fail", Kind.REMINDER: "still fail", Kind.RECOVERY: "recovered"}


def cause(kind: Kind, code: str | None, watch: Watch) -> str | None:
    """Return what other watches may fail of too; None where nothing but this watch is meant."""
    if kind not in KINDS or code is None:
        return None
    if code in _API:
        return f"{code} {API}"
    if code in _SITE:
        return f"{code} {plain.line(urlsplit(watch.url).hostname or '')}".strip()
    return None


def headline(kind: str, cause: str, count: int) -> str:
    """Return the title of a group: `12 watches fail: SITE shop.example`."""
    said = _SAID[Kind(kind)] if kind in KINDS else kind
    code, _, where = cause.partition(" ")
    return f"{count} watches {said}: {code} {'of the API' if where == API else where}".strip()
