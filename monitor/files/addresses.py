"""Addresses as people write them in settings: an origin to call, one to ping, where to listen, a database.

Owns their forms only; nothing is looked up or connected to.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from monitor.files import database_url


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the dashboard listens; port 0 is any free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """True when only this machine can reach it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """True for a host that is this machine by its form: localhost, 127.0.0.0/8, ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(text: str) -> str:
    """Return scheme, host and port of an API; raises ValueError unless it is https, or http on loopback.

    The error never repeats the text: somebody may have put credentials into it.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("must be an origin, as in https://agent.tinyfish.ai") from None
    if not host or not text.isascii() or not re.fullmatch(r"[\w.\[\]:-]+", parts.netloc) or port == 0 or "\\" in text:
        raise ValueError("must be an origin without a user name, as in https://agent.tinyfish.ai")
    if parts.path not in {"", "/"} or "?" in text or "#" in text or text != text.strip():
        raise ValueError("must be an origin alone, without a path, as in https://agent.tinyfish.ai")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("must be https (http on this machine only): the API key would be readable on the way")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def public(text: str) -> str | None:
    """Return the origin by which others reach the dashboard, None for an empty text; raises ValueError.

    Without a path: the dashboard stands at the root of its address. The error never repeats the text.
    """
    if not text:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    fit = bool(host) and port != 0 and bool(re.fullmatch(r"[A-Za-z0-9.\[\]:-]+", parts.netloc)) if host else False
    if not fit or parts.scheme not in {"http", "https"} or parts.path not in {"", "/"} or re.search(r"[?#\s\\]", text):
        raise ValueError("must be the address of the dashboard without a path, as in https://monitor.example")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def service(text: str) -> str | None:
    """Return the url of a service of the user's own, None for an empty text; raises ValueError, without the text."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        fit = bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit or parts.scheme not in {"http", "https"} or not re.fullmatch(r"[!-\[\]-~]{1,2083}", text):
        raise ValueError("must be an http or https url, as in http://127.0.0.1:11434/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a url without a user name, a query or a fragment")
    return text.rstrip("/")


def ping(text: str) -> str:
    """Return an address that is asked for now and then; raises ValueError unless it is http or https.

    The error never repeats the text: such an address is a secret by itself.
    """
    try:
        parts = urlsplit(text)
        fit = bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit or parts.scheme not in {"http", "https"} or not re.fullmatch(r"[!-\[\]-~]{1,2083}", text):
        raise ValueError("must be an http or https url, as in https://hc.example/ping/…")
    if "@" in parts.netloc:
        raise ValueError("must be an http or https url without a user name")
    return text


def listen(text: str) -> Listen | None:
    """Return the host and port of `host:port`, None for an empty text; raises ValueError."""
    if not text.strip():
        return None
    host, _, port = text.strip().rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    named = bare == host and re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", bare)
    address = _is_address(bare) and (":" in bare) == (bare != host)
    if not (named or address) or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or int(port) > 65_535:
        raise ValueError("must be host:port, as in 127.0.0.1:8600 or [::1]:8600, or empty to switch it off")
    return Listen(bare, int(port))


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def database(text: str) -> str:
    """Return the path in `sqlite:///…` or in a plain path, or a URL of PostgreSQL; ValueError for everything else."""
    if database_url.is_meant(text):
        return database_url.checked(text)
    scheme, separator, rest = text.partition("://")
    if (scheme != "sqlite") if separator else text.startswith(("postgres:", "postgresql:", "sqlite:")):
        raise ValueError("must be a path, sqlite:///state/monitor.db, or postgresql://…")
    path = rest[1:] if separator else text
    if (separator and not rest.startswith("/")) or not path.strip("/ ") or not path.isprintable() or "?" in path:
        raise ValueError("must be the path of a file, or sqlite:/// and a path")
    if path.startswith(("~", ":memory:")) or path.endswith("/"):
        raise ValueError("must be the path of a file, written out: ~ and :memory: are not known here")
    return path
