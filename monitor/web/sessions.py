"""The session of somebody who gave a token at the login page: a signed cookie, and the word that its forms carry.

Nothing is stored: a session is signed with a key made from its token, so it ends when the token changes (reliability.md
row 48, CVE-2023-44400). Sessions that were logged out are remembered until they end. Must not know routes.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.web.access import Rights, Tokens

COOKIE = "monitor_session"
LASTS = timedelta(days=7)
_ENDED = 4_096  # logged-out sessions that are remembered


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is good: what it may do, its random name, and when it ends."""

    rights: Rights
    name: str
    ends: datetime


@dataclass(slots=True)
class Sessions:
    """Signs and reads session cookies; `seed` is a secret of this process, for those who need no session."""

    tokens: Tokens
    seed: bytes
    ended: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def begun(self, rights: Rights, name: str, now: datetime) -> str:
        """Return the cookie's value of a new session; `name` is random and never used again."""
        ends = int((now + LASTS).timestamp())
        said = f"1.{rights}.{ends}.{name}"
        key = self.tokens.key(rights)
        assert key is not None, "a session begins with a token"
        return f"{said}.{_signature(key, said)}"

    def read(self, cookie: str, now: datetime) -> Session | None:
        """Return the session of a cookie; None when it is not ours, of another token, over or logged out."""
        said, _, signature = cookie.rpartition(".")
        version, _, rest = said.partition(".")
        rights, _, rest = rest.partition(".")
        ends, _, name = rest.partition(".")
        if (
            version != "1"
            or rights not in {"full", "read"}
            or not (ends.isascii() and ends.isdigit())
            or len(ends) > 12
        ):
            return None
        key = self.tokens.key("full" if rights == "full" else "read")
        if key is None or not hmac.compare_digest(_signature(key, said).encode(), signature.encode()):
            return None
        if int(ends) <= now.timestamp() or name in self.ended:
            return None
        return Session("full" if rights == "full" else "read", name, datetime.fromtimestamp(int(ends), now.tzinfo))

    def end(self, session: Session) -> None:
        """Log a session out."""
        self.ended[session.name] = None
        while len(self.ended) > _ENDED:
            self.ended.popitem(last=False)

    def word(self, session: Session | None) -> str:
        """Return the word that the forms of a session carry (row 43); another site cannot know it."""
        return _signature(self.seed, f"form.{session.name if session else 'nobody'}")


def _signature(key: bytes, said: str) -> str:
    return hmac.digest(key, said.encode(), "sha256").hex()
