"""Who may do what: tokens, the names this server answers to, and how often somebody may guess. Pure but for memory.

Tokens are compared in constant time and never in a URL (reliability.md row 48); Host names are an allow-list (row 44).
Must not know a request, a cookie or a page.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import socket
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from monitor.files.addresses import is_loopback
from monitor.files.secrets import Secret

Rights = Literal["full", "read"]

GUESSES = 10  # wrong tokens of one address in a window
WINDOW = 60.0  # seconds
_ADDRESSES = 1_024  # remembered; beyond, the oldest are forgotten
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token for everything and the one for reading only; both absent: a loopback server that trusts its machine."""

    full: Secret | None = None
    read: Secret | None = None

    @property
    def needed(self) -> bool:
        """True when nobody gets in without proving who they are."""
        return self.full is not None

    def rights(self, given: str) -> Rights | None:
        """Return what a token is good for; takes as long for a wrong one as for a right one."""
        digest = _digest(given)
        full = hmac.compare_digest(digest, _digest(self.full.reveal())) if self.full else False
        read = hmac.compare_digest(digest, _digest(self.read.reveal())) if self.read else False
        return "full" if full else "read" if read else None

    def key(self, rights: Rights) -> bytes | None:
        """Return the secret from which sessions of a token are signed; None where there is no such token."""
        token = self.full if rights == "full" else self.read
        return hmac.digest(_digest(token.reveal()), b"goal-monitor session", "sha256") if token else None


@dataclass(frozen=True, slots=True)
class Names:
    """The Host headers that are answered.

    A server on loopback answers to its own names with its own port, so that no page of the web reaches it by a name of
    its own (DNS rebinding). One that others reach answers to addresses, to names without a dot, which nobody can
    register, and to its own; `public` is the origin of `public_url`.
    """

    host: str
    port: int
    public: str | None = None

    @property
    def own_machine(self) -> bool:
        """True when only this machine reaches the server."""
        return is_loopback(self.host.strip("[]"))

    def known(self, header: str) -> bool:
        """Return whether a Host header is one of ours."""
        given = header.lower()
        if self.public is not None and given == urlsplit(self.public).netloc:
            return True
        name, port = _split(given)
        if name is None:
            return False
        own = {"localhost", "127.0.0.1", "::1", self.host.strip("[]").lower()}
        if self.own_machine:
            return name in own and port in {None, self.port}
        if self.public is not None:
            own.add((urlsplit(self.public).hostname or "localhost").lower())
        return name in own | {socket.gethostname().lower()} or _is_address(name) or bool(_NAME.match(name))


@dataclass(slots=True)
class Guesses:
    """Counts wrong tokens by address: after ten in a minute nothing of it is looked at for the rest of the minute."""

    wrong: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def wait(self, address: str, now: float) -> float:
        """Return for how many seconds no token of an address is looked at; 0 when it may try."""
        count, since = self.wrong.get(address, (0, now))
        return max(0.0, since + WINDOW - now) if count >= GUESSES else 0.0

    def missed(self, address: str, now: float) -> None:
        """Count a wrong token."""
        count, since = self.wrong.pop(address, (0, now))
        self.wrong[address] = (count + 1, since) if now - since < WINDOW else (1, now)
        while len(self.wrong) > _ADDRESSES:
            self.wrong.popitem(last=False)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _split(header: str) -> tuple[str | None, int | None]:
    """Return name and port of a Host header, the name without brackets; (None, None) for what is none."""
    match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]{1,253})(?::([0-9]{1,5}))?", header)
    if match is None:
        return None, None
    return match[1].strip("[]"), int(match[2]) if match[2] else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
