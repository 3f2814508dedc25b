"""What was recorded: history, single records, the overview, counts, and whether the tables agree with each other.

Reads only, each bounded; statements on a connection inside a read transaction. Must not know how a record came to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, or_, select
from sqlalchemy.dialects.sqlite import insert

from monitor.errors import UsageError
from monitor.judge.conditions.history import History, gathered
from monitor.judge.decision import Verdict
from monitor.store import rows
from monitor.store.records import Record, WatchRow
from monitor.store.tables import UNFINISHED, marks, outbox, retries, runs, watch_state

LIMIT = 100_000  # records in one answer
PREFIX = 6  # characters of an id that are enough to look for it
_GOOD = [str(verdict) for verdict in Verdict if verdict.good]
_CONFIRMED = [str(verdict) for verdict in Verdict if verdict.good and verdict is not Verdict.UNCONFIRMED]
_DAMAGE_SHOWN = 10


def history(
    connection: Connection, watch: str, limit: int, verdicts: list[str] | None, *, dry: bool = True
) -> list[Record]:
    """Return judged records of a watch, newest first; without dry runs when `dry` is False."""
    query = rows.RECORDS.where(runs.c.watch == watch, runs.c.stage == "judged")
    if verdicts is not None:
        query = query.where(runs.c.verdict.in_(verdicts))
    if not dry:
        query = query.where(runs.c.dry.is_(False))
    query = query.order_by(runs.c.id.desc()).limit(max(0, min(limit, LIMIT)))
    return [rows.record(row) for row in connection.execute(query)]


def good(connection: Connection, watch: str, limit: int) -> list[Record]:
    """Return the newest records with a valid result, newest first; dry runs are none of them."""
    return history(connection, watch, limit, _GOOD, dry=False)


def looked_back(connection: Connection, watch: str, generation: str, places: Collection[str], now: datetime) -> History:
    """Return what stood at some places in the confirmed good results of a generation, read one after another."""
    query = (
        select(runs.c.opened_at, runs.c.result)  # by our clock: the API's may be wrong
        .where(runs.c.watch == watch, runs.c.generation == generation, runs.c.verdict.in_(_CONFIRMED))
        .where(runs.c.dry.is_(False))
        .order_by(runs.c.id.desc())
        .limit(LIMIT)
    )
    rows_ = connection.execution_options(yield_per=200).execute(query)
    return gathered(((row.opened_at, row.result) for row in rows_), places, now)


def record(connection: Connection, name: str, *, raw: bool) -> Record | None:
    """Return the record with this id, remote run_id or unique beginning of an id; UsageError when several begin so."""
    query = (rows.RAW_RECORDS if raw else rows.RECORDS).where(runs.c.stage == "judged")
    for where in (runs.c.id == name, runs.c.run_id == name):
        row = connection.execute(query.where(where).order_by(runs.c.id.desc()).limit(1)).one_or_none()
        if row is not None:
            return rows.record(row, raw=raw)
    if len(name) < PREFIX or not name.isascii() or not name.isalnum():
        return None
    beginning = name.upper()  # a ULID is written in upper case
    found = connection.execute(query.where(runs.c.id >= beginning, runs.c.id < beginning + "~").limit(2)).all()
    if len(found) > 1:
        raise UsageError(f"several runs begin with {name}", hint="give more characters of the id")
    return rows.record(found[0], raw=raw) if found else None


def watch_rows(connection: Connection, day_start: datetime) -> list[WatchRow]:
    """Return every watch that has run, by name, through its pointer to its last run."""
    today = runs_by_watch(connection, day_start)
    query = (
        select(watch_state, runs.c.verdict, runs.c.reason, runs.c.finished_at)
        .outerjoin(runs, runs.c.id == watch_state.c.last_run)
        .order_by(watch_state.c.watch)
    )
    return [
        WatchRow(
            watch=row.watch,
            last_verdict=row.verdict,
            last_reason=row.reason,
            last_run=row.last_run,
            last_run_at=row.finished_at,
            failing_since=row.incident_opened_at,
            failures=row.failures,
            runs_today=today.get(row.watch, 0),
        )
        for row in connection.execute(query)
    ]


def generations(connection: Connection) -> dict[str, str]:
    """Return the generation of each watch's baseline."""
    query = select(watch_state.c.watch, watch_state.c.generation).where(watch_state.c.baseline_run.is_not(None))
    return {row.watch: row.generation for row in connection.execute(query)}


def runs_by_watch(connection: Connection, since: datetime) -> dict[str, int]:
    """Return how many runs each watch opened since an instant."""
    # Counted here: for a GROUP BY, SQLite without statistics prefers to walk the whole history in the order of watches.
    return Counter(connection.execute(select(runs.c.watch).where(runs.c.opened_at >= since)).scalars())


def runs_since(connection: Connection, watch: str | None, since: datetime) -> int:
    """Return how many runs were opened since an instant: committed intents, dry ones too, no skips (A5)."""
    query = select(func.count()).select_from(runs).where(runs.c.opened_at >= since)
    return connection.execute(query if watch is None else query.where(runs.c.watch == watch)).scalar_one()


def last_occurrence(connection: Connection, watch: str) -> datetime | None:
    """Return the due instant of the newest cron occurrence of a watch that has a row, run or not."""
    query = select(runs.c.due_at).where(runs.c.watch == watch, runs.c.trigger == "cron")
    found: datetime | None = connection.execute(query.order_by(runs.c.due_at.desc()).limit(1)).scalar_one_or_none()
    return found


def occurrence_counts(connection: Connection, watch: str, since: datetime) -> dict[str, int]:
    """Return how many cron occurrences of a watch due since an instant have a row, by verdict or `unfinished`."""
    found = dict.fromkeys((*(str(verdict) for verdict in Verdict), "unfinished"), 0)
    query = select(func.coalesce(runs.c.verdict, "unfinished"), func.count())
    query = query.where(runs.c.watch == watch, runs.c.due_at >= since, runs.c.trigger == "cron")
    return found | {row[0]: row[1] for row in connection.execute(query.group_by(runs.c.verdict))}


def occurrences(connection: Connection, watch: str, since: datetime, limit: int) -> list[datetime]:
    """Return the due instants of the cron occurrences of a watch that have a row, in order."""
    query = select(runs.c.due_at).where(runs.c.watch == watch, runs.c.due_at >= since, runs.c.trigger == "cron")
    query = query.order_by(runs.c.due_at).limit(max(0, min(limit, LIMIT)))
    return list(connection.execute(query).scalars())


def counts(connection: Connection) -> dict[str, int]:
    """Return how many records there are of each verdict, and how many runs are unfinished or wait for a retry."""
    found = dict.fromkeys((str(verdict) for verdict in Verdict), 0)
    query = select(runs.c.verdict, func.count()).where(runs.c.verdict.is_not(None)).group_by(runs.c.verdict)
    found |= {row[0]: row[1] for row in connection.execute(query)}
    found["unfinished"] = connection.execute(select(func.count()).select_from(runs).where(UNFINISHED)).scalar_one()
    found["retries"] = connection.execute(select(func.count()).select_from(retries)).scalar_one()
    return found


def damage(connection: Connection) -> list[str]:
    """Return what is wrong with the database in words, nothing when it is sound."""
    checked = connection.exec_driver_sql(f"PRAGMA quick_check({_DAMAGE_SHOWN})").scalars()
    found = [f"quick_check: {line}" for line in checked if line != "ok"]
    if found:
        return found  # what the tables say is worth nothing then
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    found += [f"a row of {row[0]} refers to a row of {row[2]} that does not exist" for row in broken[:_DAMAGE_SHOWN]]
    return found + _disagreements(connection)


def _disagreements(connection: Connection) -> list[str]:
    first = runs.alias("first")
    earlier = exists().where(
        first.c.watch == runs.c.watch, first.c.due_at == runs.c.due_at, first.c.attempt == runs.c.attempt - 1
    )
    not_good = or_(runs.c.verdict.is_(None), runs.c.verdict.not_in(("BASELINE", "CHANGED")), runs.c.dry)
    checks = {
        "repeated attempts without the attempt before": select(func.count())
        .select_from(runs)
        .where(runs.c.attempt > 1, ~earlier),
        "judged runs without a reason": select(func.count()).where(
            runs.c.stage == "judged", func.coalesce(runs.c.reason, "") == ""
        ),
        "records of runs without an outcome": select(func.count()).where(
            runs.c.stage == "judged", runs.c.opened_at.is_not(None), runs.c.kind.is_(None)
        ),
        "baselines that are not the result of a BASELINE or CHANGED record": select(func.count())
        .select_from(watch_state.join(runs, runs.c.id == watch_state.c.baseline_run))
        .where(not_good),
        "messages of runs that are not judged": select(func.count())
        .select_from(outbox.join(runs, runs.c.id == outbox.c.run))
        .where(runs.c.stage != "judged", outbox.c.watch != ""),  # a stop may be told before its run is judged
    }
    counted = {what: connection.execute(query).scalar_one() for what, query in checks.items()}
    return [f"{number} {what}" for what, number in counted.items() if number]


def mark(connection: Connection, name: str, now: datetime) -> None:
    """Write an instant under a name, in place of the one before."""
    row = insert(marks).values(name=name, at=now)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"at": now}))


def mark_anew(connection: Connection, name: str, now: datetime) -> None:
    """Write an instant under a name so that the file is written even where the same instant stands there."""
    connection.execute(delete(marks).where(marks.c.name == name))
    connection.execute(insert(marks).values(name=name, at=now))
