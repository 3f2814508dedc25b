"""Who of a target's several recipients took a message: remembered as digests, so that a repeat goes to the others only.

A URL may name many (`mailto://…?to=a,b`, `ntfy://host/one,two`). apprise asks a tracker of its own before it speaks to
each of them; what it finds there is this (reliability.md C2). Must not know how a message is sent or stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_LENGTH = 16  # hexadecimal digits of a digest


class Accepted:
    """The recipients of one message at one URL that took it.

    Kept under digests that hold for this URL only: an address is personal, and another URL may count its recipients
    otherwise. `known` is what `text` gave before.
    """

    def __init__(self, url: str, known: str | None = None) -> None:
        self._salt = hashlib.sha256(url.encode("utf-8", "surrogatepass")).digest()
        self._known = frozenset((known or "").split())
        self._digests = set(self._known)

    def __contains__(self, recipient: Any) -> bool:
        return self._digest(recipient) in self._digests

    def add(self, recipient: Any) -> None:
        """Take note that a recipient took the message; the name of apprise's own tracker."""
        self._digests.add(self._digest(recipient))

    def grown(self) -> bool:
        """Return whether anybody took it since."""
        return self._digests > self._known

    def any(self) -> bool:
        """Return whether anybody took it, now or before."""
        return bool(self._digests)

    def text(self) -> str:
        """Return the digests as they are stored."""
        return " ".join(sorted(self._digests))

    def _digest(self, recipient: Any) -> str:
        said = repr(recipient).encode("utf-8", "surrogatepass")
        return hashlib.sha256(self._salt + said).hexdigest()[:_LENGTH]


_present: ContextVar[Accepted | None] = ContextVar("accepted", default=None)


@contextmanager
def remembered(accepted: Accepted) -> Iterator[None]:
    """Let the sends of this thread inside the block leave out who took the message, and note who takes it."""
    token = _present.set(accepted)
    try:
        yield
    finally:
        _present.reset(token)


def present() -> Accepted | None:
    """Return who took the message that this thread sends."""
    return _present.get()
