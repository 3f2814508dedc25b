"""What every group of the store's methods has: the opened database. Must not know what they do with it."""

from __future__ import annotations

from monitor.store.database import Database


class Part:
    """A group of methods of `Store`, each one short transaction on the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database
