"""What a fetch may reach and how much it may take. A value; knows nothing of sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

PRODUCT = "goal-monitor"  # the name by which robots.txt addresses this program
USER_AGENT = f"{PRODUCT}/0.1 (a page monitor run by the person who watches this page)"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, with credentials that are never shown; `url` is `http://host:port` or `https://host:port`."""

    url: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of one fetch: addresses, bytes (also after decompression), seconds in all, redirects.

    `pins` sends a host name to an address of this program's own, unchecked: `{"demo.localhost": ("127.0.0.1", 40123)}`.
    Through a `proxy` names are resolved by the proxy: then only what a url itself says is checked.
    """

    allow_loopback: bool = False
    allow_private: bool = False
    pins: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    max_bytes: int = 10 * 1024 * 1024
    timeout: float = 30.0
    max_redirects: int = 5
    user_agent: str = USER_AGENT
    proxy: Proxy | None = None

    def public_only(self) -> Policy:
        """Return this policy without its leave to reach loopback and private addresses."""
        return replace(self, allow_loopback=False, allow_private=False)
