"""Moving a whole store to another database: every row of every table, from one state, in one transaction.

From SQLite to PostgreSQL (`monitor migrate-state`), and from PostgreSQL to a SQLite file: what `monitor backup` writes
there. Must not know what the rows mean.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    func,
    insert,
    select,
)
from sqlalchemy.types import TypeEngine

from monitor.errors import StoreError, UsageError
from monitor.store import copies, sqlite
from monitor.store.columns import Instant, Name, Packed, Words
from monitor.store.database import Database
from monitor.store.sqlite_database import SqliteDatabase
from monitor.store.tables import metadata, writers

_PAGE = 200  # rows of one INSERT; a result may have 2 MiB
_LEFT = {writers.name}  # who writes to a database belongs to it
_LYING: dict[type[Any], TypeEngine[Any]] = {Packed: LargeBinary(), Instant: BigInteger(), Words: Text(), Name: Text()}


def _as_it_lies(table: Table) -> Table:
    """Return a table whose values are neither read nor made anew: what cannot be read is moved, too."""
    columns = (Column(each.name, _LYING.get(type(each.type), each.type)) for each in table.columns)
    return Table(table.name, MetaData(), *columns)


# What is referred to goes first.
TABLES = tuple(_as_it_lies(table) for table in metadata.sorted_tables if table.name not in _LEFT)
_NUMBERED = {"outbox", "judgements", "orders"}  # their `id` is given out by the database


def move(source: Database, target: Database) -> dict[str, int]:
    """Copy every row and return how many, by table.

    Nothing is written unless everything is: raises UsageError when the target holds anything, StoreError when a count
    differs at the end. The source is read from one state and left as it is.
    """
    moved = {}
    with source.read() as reader, target.write() as writer:
        for table in TABLES:
            if writer.execute(select(table).limit(1)).first() is not None:
                raise UsageError("the target holds records already; two stores cannot be one", hint="name an empty one")
        for table in TABLES:
            moved[table.name] = _copied(reader, writer, table)
        for table in TABLES:
            there, here = (connection.execute(_counted(table)).scalar_one() for connection in (reader, writer))
            if there != here:
                raise StoreError(f"{table.name}: {there} rows were read and {here} written", hint="nothing was moved")
        _go_on_counting(writer)
    return moved


def to_file(source: Database, target: Path) -> None:
    """Write everything to a new SQLite file, private, checked and whole or not there."""
    target = target.absolute()
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already and is left as it is", hint="name another file")
    with copies.unfinished(target) as made:
        copy = SqliteDatabase.open(made, create=True, busy_timeout=sqlite.BUSY_TIMEOUT)
        try:
            move(source, copy)
        finally:
            copy.close()
        copies.publish(made, target)


def _copied(reader: Connection, writer: Connection, table: Table) -> int:
    """Copy the rows of a table, page by page."""
    copied = 0
    found = reader.execution_options(yield_per=_PAGE).execute(select(table))
    for page in found.mappings().partitions(_PAGE):
        writer.execute(insert(table), [dict(row) for row in page])
        copied += len(page)
    return copied


def _counted(table: Table) -> Select[int]:
    return select(func.count()).select_from(table)


def _go_on_counting(writer: Connection) -> None:
    """Let PostgreSQL number new rows after those that were moved; SQLite does so by itself."""
    if writer.dialect.name != "postgresql":
        return
    for table in TABLES:
        if table.name in _NUMBERED:
            most = writer.execute(select(func.max(table.c.id))).scalar_one()
            if most is not None:
                writer.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), most)))
