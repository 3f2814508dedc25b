"""What the daemon runs: the digests of each definition that it loaded, for `monitor plan`, and when it last read them.

Statements on a connection inside a transaction. Must not know what a definition is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from monitor.store.records import stamp
from monitor.store.tables import definitions, reloads
from monitor.store.upserts import insert as upsert

_LAST = "last"


@dataclass(frozen=True, slots=True)
class Loaded:
    """One definition as the daemon loaded it: digests by field, and how many runs a month it stands for."""

    digests: dict[str, str]
    runs_a_month: int


@dataclass(frozen=True, slots=True)
class Reload:
    """When the daemon last read the definitions, and what came of it: names of watches, and problems as JSON objects.

    A watch with a problem goes on as it was last sound, if it ever was.
    """

    at: datetime
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problems: tuple[dict[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the object `reload` of `status --json`."""
        names = {"added": list(self.added), "changed": list(self.changed), "removed": list(self.removed)}
        return {"at": stamp(self.at), **names, "problems": list(self.problems)}


def replace(connection: Connection, found: Mapping[str, Loaded], now: datetime) -> None:
    """Write what the daemon runs from now on in place of what it ran before."""
    connection.execute(delete(definitions))
    rows = [_row(name, each, now) for name, each in found.items()]
    if rows:
        connection.execute(insert(definitions), rows)


def change(connection: Connection, found: Mapping[str, Loaded], gone: Collection[str], now: datetime) -> None:
    """Write some definitions anew and forget others; all that is neither stays as it is."""
    for name in gone:
        connection.execute(delete(definitions).where(definitions.c.watch == name))
    for name, each in found.items():
        row = _row(name, each, now)
        values = {column: value for column, value in row.items() if column != "watch"}
        connection.execute(
            upsert(connection, definitions).values(**row).on_conflict_do_update(index_elements=["watch"], set_=values)
        )


def _row(name: str, each: Loaded, now: datetime) -> dict[str, Any]:
    return {"watch": name, "digests": each.digests, "runs_a_month": each.runs_a_month, "loaded_at": now}


def reloaded(connection: Connection, found: Reload) -> None:
    """Write what the last reading of the definitions came to, in place of the one before."""
    values = {"at": found.at, "said": {key: value for key, value in found.as_json().items() if key != "at"}}
    row = upsert(connection, reloads).values(name=_LAST, **values)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))


def last_reload(connection: Connection) -> Reload | None:
    """Return what the last reading of the definitions by a daemon came to; None where none ever ran."""
    row = connection.execute(select(reloads).where(reloads.c.name == _LAST)).one_or_none()
    return None if row is None else Reload(row.at, **{key: tuple(value) for key, value in row.said.items()})


def listed(connection: Connection) -> dict[str, Loaded]:
    """Return what the daemon runs, by watch; nothing where none ever ran."""
    return {row.watch: Loaded(row.digests, row.runs_a_month) for row in connection.execute(select(definitions))}
