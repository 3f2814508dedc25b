"""What errors of PostgreSQL, psycopg and SQLAlchemy mean to us (reliability.md rows 105, 39).

Texts are the server's first line without DETAIL, which would hold values of rows. Must not know what was being done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy.exc

from monitor.errors import StoreBusy, StoreCorrupt, StoreError, StoreUnwritable
from monitor.store.postgresql.address import Address

_BUSY = {
    "40001": "a conflict with another transaction",
    "40P01": "a deadlock with another transaction",
    "55P03": "locked by another process for too long",
    "57014": "it took too long",
    "25P03": "this process paused inside a transaction",
}
_READ_ONLY = "25006"
_NO_RIGHT = "42501"
# Resources, shut down or not yet up, failure of the system: what the server says passes without us.
_UNWRITABLE = ("53", "57P", "58", "08")
_CORRUPT = "XX0"


@contextmanager
def translated(where: Address) -> Iterator[None]:
    """Turn errors of the libraries into those of `monitor.errors`."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        raise meaning(error.orig, where) from error
    except sqlalchemy.exc.TimeoutError as error:
        raise StoreBusy(f"{where.name}: every connection is in use", hint="try again") from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or type(error).__name__
        raise StoreError(
            f"{where.name}: {where.said(str(cause))}", hint="this is a defect; please report it"
        ) from error
    except psycopg.Error as error:
        raise meaning(error, where) from error


def meaning(error: BaseException | None, where: Address) -> StoreError:
    """Return what a driver's error means to us."""
    state = getattr(error, "sqlstate", None) or ""
    said = where.said(_first_line(error))
    if state in _BUSY:
        return StoreBusy(f"{where.name}: {_BUSY[state]} ({said})", hint="try again")
    if state == _READ_ONLY:
        return StoreUnwritable(
            f"{where.name}: the server takes no writes ({said})",
            hint="it is a standby, or set to read only; name the primary, or several hosts, in MONITOR_STATE",
        )
    if state == _NO_RIGHT:
        return StoreUnwritable(f"{where.name}: {said}", hint="give the user of MONITOR_STATE that right")
    if state.startswith(_CORRUPT):
        return StoreCorrupt(f"{where.name}: {said}", hint="look at the server's log, and restore a backup")
    if state.startswith(_UNWRITABLE):
        return StoreUnwritable(f"{where.name}: {said}", hint="look at the server; this process goes on when it does")
    if not state and isinstance(error, psycopg.OperationalError):
        return StoreUnwritable(
            f"{where.name}: cannot be reached ({said})",
            hint="check that the server runs and that MONITOR_STATE has the right host, user, password and database",
        )
    return StoreError(f"{where.name}: {said}", hint="this is a defect; please report it")


def lost(error: BaseException | None) -> bool:
    """Return whether an error says that the connection is no more."""
    state = getattr(error, "sqlstate", None) or ""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and (
        not state or state.startswith(("57P0", "08", "25P03"))
    )


def _first_line(error: BaseException | None) -> str:
    diagnosed = getattr(getattr(error, "diag", None), "message_primary", None)
    text = diagnosed or str(error)
    return text.splitlines()[0] if text.splitlines() else type(error).__name__
