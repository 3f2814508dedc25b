"""Connections to PostgreSQL with every wait bounded, and what a server and its database must be.

Connections are in autocommit: each transaction of ours begins with words of its own, together with its locks, in one
round trip. Must not know the tables.
"""

from __future__ import annotations

from typing import Any

import psycopg

from monitor.errors import StoreError
from monitor.store.postgresql.address import Address

OLDEST = 14  # the oldest server that PostgreSQL's own project still mended when this was written
STATEMENT = 60  # seconds of one statement
IDLE = 20  # seconds that a process may pause inside a transaction; others wait for its locks


def connect(where: Address, *, lock_timeout: float) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection; `lock_timeout` in seconds. Raises psycopg.Error, and StoreError for an unfit server."""
    connection = psycopg.connect(where.conninfo, autocommit=True)
    try:
        _check(connection, where)
        connection.execute(
            f"SET lock_timeout = {max(1, round(lock_timeout * 1000))}; SET statement_timeout = {STATEMENT * 1000};"
            f"SET idle_in_transaction_session_timeout = {IDLE * 1000}; SET TimeZone = 'UTC';"
            "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET synchronous_commit = on;"
            # So that the server notices within a minute that this machine is gone, and frees its locks.
            "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: psycopg.Connection[Any], where: Address) -> None:
    major = connection.info.server_version // 10_000
    if major < OLDEST:
        raise StoreError(f"{where.name}: PostgreSQL {major} is too old", hint=f"use PostgreSQL {OLDEST} or newer")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(
            f"{where.name}: the database's encoding is {encoding}, not UTF8", hint="make one with ENCODING 'UTF8'"
        )


def run(connection: psycopg.Connection[Any], words: str) -> tuple[list[tuple[Any, ...]], int]:
    """Run several statements in one round trip; returns the rows of the last one, and how many it was about."""
    cursor = connection.execute(words.encode())
    while cursor.nextset():
        pass
    return (cursor.fetchall() if cursor.description else []), cursor.rowcount
