"""What the daemon runs: the digests of each definition that it loaded, for `monitor plan`.

Statements on a connection inside a transaction. Must not know what a definition is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from monitor.store.tables import definitions


@dataclass(frozen=True, slots=True)
class Loaded:
    """One definition as the daemon loaded it: digests by field, and how many runs a month it stands for."""

    digests: dict[str, str]
    runs_a_month: int


def replace(connection: Connection, found: Mapping[str, Loaded], now: datetime) -> None:
    """Write what the daemon runs from now on in place of what it ran before."""
    connection.execute(delete(definitions))
    rows: list[dict[str, Any]] = [
        {"watch": name, "digests": each.digests, "runs_a_month": each.runs_a_month, "loaded_at": now}
        for name, each in found.items()
    ]
    if rows:
        connection.execute(insert(definitions), rows)


def listed(connection: Connection) -> dict[str, Loaded]:
    """Return what the daemon runs, by watch; nothing where none ever ran."""
    return {row.watch: Loaded(row.digests, row.runs_a_month) for row in connection.execute(select(definitions))}
