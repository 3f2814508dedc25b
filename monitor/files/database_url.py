"""The URL of a database on PostgreSQL: whether it can be meant so, and how it is shown. Must not open anything.

What is refused here never stands in the message: a password whose @ or / is not percent-encoded is read as a host.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"(?:postgresql|postgres)(?:\+psycopg)?://", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):([^/?#@]*)@")
_IN_QUERY = re.compile(r"(?<=[?&])(password|sslpassword)=[^&]*", re.IGNORECASE)
_FORM = (
    "must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with @ : / ? # % of a password as %40 %3A %2F %3F %23 %25"
)


def is_meant(text: str) -> bool:
    """Return whether a text names a database on PostgreSQL."""
    return _SCHEME.match(text) is not None


def checked(text: str) -> str:
    """Return a URL as `postgresql://…`; raises ValueError, without a word of it, for what cannot be one."""
    rest = _SCHEME.sub("", text, count=1)
    server, _, _ = re.sub(r"[?].*", "", rest, flags=re.DOTALL).partition("/")
    account, at, hosts = server.rpartition("@")
    ports = [port for host in hosts.split(",") for port in re.findall(r":([^:\]]*)\Z", host)]
    sound = rest.isprintable() and " " not in rest and "#" not in rest and "@" not in account
    sound = sound and "@" not in rest.partition("?")[0][len(account) + len(at) :]
    if not sound or account.count(":") > 1 or any(not port.isascii() or not port.isdecimal() for port in ports if port):
        raise ValueError(_FORM)
    return f"postgresql://{rest}"


def masked(text: str) -> str:
    """Return a URL without its password."""
    return _IN_QUERY.sub(r"\1=***", _PASSWORD.sub(r"\1:***@", text, count=1))
