"""Where a database on PostgreSQL is: what libpq is given, and a name without a secret for every text.

A URL whose password holds a character that must be percent-encoded is refused before libpq reads the rest of it as a
host and says it in an error. Must not open a connection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from monitor.errors import UsageError

_MISSING = "a store on PostgreSQL needs psycopg, which is not installed"
_HOW_TO_INSTALL = "install the extra: pip install 'goal-monitor[postgres]'"
_FORM = "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with @ : / ? # % of a password as %40 %3A %2F %3F %23 %25"
_CONNECT_TIMEOUT = 10  # seconds for each host that the URL names
# Half a minute until a peer that vanished is noticed; what the URL says of these goes first.
_DEFAULTS = {
    "connect_timeout": _CONNECT_TIMEOUT,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "goal-monitor",
}


@dataclass(frozen=True, slots=True)
class Address:
    """One database. `name` has no password and is what people are shown; `conninfo` is for libpq alone."""

    name: str
    conninfo: str = field(repr=False)
    password: str | None = field(repr=False, default=None)

    def said(self, text: str) -> str:
        """Return one line of what a library said, without the password."""
        line = " ".join(text.split())[:500]
        return line.replace(self.password, "***") if self.password else line


def require_driver() -> None:
    """Raise UsageError where the extra that holds psycopg is not installed."""
    try:
        import psycopg  # noqa: F401 - looked for, not used
    except ImportError as error:
        raise UsageError(_MISSING, hint=_HOW_TO_INSTALL) from error


def address(url: str) -> Address:
    """Return the database that a URL names; raises UsageError, which never holds a part of an unreadable URL."""
    require_driver()
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    scheme, _, rest = url.partition("://")
    if not scheme or "\0" in rest:
        raise UsageError("the URL of the database cannot be read", hint=_FORM)
    try:
        given: dict[str, Any] = dict(conninfo_to_dict(f"postgresql://{rest}"))
    except ProgrammingError:
        raise UsageError("the URL of the database cannot be read", hint=_FORM) from None
    ports = [port for port in str(given.get("port") or "").split(",") if port]
    misread = "@" in f"{given.get('dbname') or ''}{given.get('host') or ''}" or not all(map(str.isdecimal, ports))
    if misread:
        raise UsageError("the URL of the database cannot be read", hint=_FORM)
    wanted: dict[str, Any] = {key: value for key, value in _DEFAULTS.items() if key not in given}
    if "," in str(given.get("host") or "") and "target_session_attrs" not in given:
        wanted["target_session_attrs"] = "read-write"  # of several servers, the one that takes writes
    password = given.get("password")
    return Address(_name(given), make_conninfo("", **given, **wanted), str(password) if password else None)


def _name(given: dict[str, Any]) -> str:
    user = f"{given['user']}@" if given.get("user") else ""
    port = f":{given['port']}" if given.get("port") else ""
    return f"postgresql://{user}{given.get('host') or ''}{port}/{given.get('dbname') or ''}"
