"""What every group of the store's methods has: the opened database. Must not know what they do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from monitor.store.database import Database

# What a write may be alone with (`Database.write`). Whoever names parts touches only rows of them, or changes a row by
# one conditional statement; all others are alone with everything.
STARTS = "starts"  # what decides whether a run may start: ceilings are counted, stops opened and closed
OUTBOX = "outbox"  # which message is sent next


def of_watch(name: str) -> str:
    """Return the part of a watch: its state, its records, its retries, and the order of its messages."""
    return f"watch:{name}"


def of_run(run_id: str) -> str:
    """Return the part of one row of `runs`."""
    return f"run:{run_id}"


P = ParamSpec("P")
T = TypeVar("T")


class Part:
    """A group of methods of `Store`, each one short transaction on the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def view(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a query of `monitor.store.views` reads, in one read transaction."""
        with self._database.read() as connection:
            return query(connection, *args, **kwargs)
