"""The outbox: which messages may be sent now, which of them together, and what became of them. At least once, in order.

A row is pending, then sending (committed before the send leaves), then done, dead, or pending again. What is older and
undelivered in a pair (watch, target) goes first or along, so a newer message never overtakes (reliability.md C1, C2,
C7); what is held (quiet hours, a pause) is decided here and now, never when a row is written.
Statements on a connection inside a transaction; must not know targets' URLs or when to try again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from monitor.store import pauses, rows
from monitor.store.records import Delivery, Gathering
from monitor.store.tables import outbox

# The words of the partial indexes, so that SQLite uses them.
_OPEN = "state IN ('pending', 'sending')"
_SKEW = timedelta(minutes=1)  # between clocks of processes; what was not tried yet is due when it is written
_HEADS: Select[Any] = select(outbox.c.id, outbox.c.watch, outbox.c.target)


def claim(
    connection: Connection, now: datetime, limit: int, sender: str, skip_targets: Collection[str], gathering: Gathering
) -> list[list[Delivery]]:
    """Take up to `limit` groups that are ready, first due first; each as its rows are now, oldest first."""
    ready = or_(outbox.c.attempts > 0, outbox.c.next_at <= now - gathering.wait)
    heads = _heads(_HEADS, now, skip_targets, gathering).where(outbox.c.next_at <= now, ready)
    groups: list[list[int]] = []
    taken: set[int] = set()
    for head in connection.execute(heads.order_by(outbox.c.next_at, outbox.c.id).limit(limit)).all():
        if head.id in taken:
            continue
        ids = [head.id] if gathering.most == 1 else list(_gathered(connection, head, now, gathering))
        groups.append(ids)
        taken.update(ids)
        _take(connection, ids, sender, now)
    found = {row.id: row for row in _select(connection, outbox.c.id.in_(taken))} if taken else {}
    return [[found[each] for each in ids] for ids in groups]


def _take(connection: Connection, ids: Collection[int], sender: str, now: datetime) -> None:
    values = {"state": "sending", "sender": sender, "attempts": outbox.c.attempts + 1}
    values["first_at"] = func.coalesce(outbox.c.first_at, literal(now, outbox.c.first_at.type))
    connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(**values))


def _gathered(connection: Connection, head: Row[Any], now: datetime, gathering: Gathering) -> Iterator[int]:
    """Yield what goes along with a message that is ready: due, alike, and with nothing older left behind."""
    columns = (outbox.c.id, outbox.c.watch, outbox.c.state, outbox.c.next_at)
    query = select(*columns).where(outbox.c.target == head.target, literal_column(_OPEN))
    query = _unheld(query, now, gathering.hold).order_by(outbox.c.id)
    wanted, left = gathering.alike(head.watch), gathering.most
    behind: set[str] = set()  # watches of which something older is not sent now
    for row in connection.execute(query):
        if row.watch in behind or gathering.alike(row.watch) != wanted:
            continue
        if row.state != "pending" or row.next_at > now:
            behind.add(row.watch)
            continue
        yield row.id
        left -= 1
        if left == 0:
            return


def next_at(
    connection: Connection, now: datetime, skip_targets: Collection[str], gathering: Gathering
) -> datetime | None:
    """Return when the next group is ready, None when none waits; messages that are held or behind do not count."""
    found: list[datetime] = []
    for fresh in (True, False):
        tried = outbox.c.attempts == 0 if fresh else outbox.c.attempts > 0
        query = _heads(select(outbox.c.next_at), now, skip_targets, gathering).where(tried)
        at = connection.execute(query.order_by(outbox.c.next_at).limit(1)).scalar_one_or_none()
        if at is not None:
            found.append(at + gathering.wait if fresh else at)
    return min(found, default=None)


def delivered(connection: Connection, ids: Collection[int], now: datetime) -> int:
    """Close messages that their target took, also when they were released meanwhile."""
    return _change(connection, ids, ("pending", "sending"), state="done", sender=None, done_at=now, error=None)


def put_back(connection: Connection, ids: Collection[int], at: datetime, error: str, *, repeat: bool) -> int:
    """Let messages that were being sent wait until `at`; `repeat` when the target may have taken them."""
    flagged = {"repeat": True} if repeat else {}
    return _change(connection, ids, ("sending",), state="pending", sender=None, next_at=at, error=error, **flagged)


def accept(connection: Connection, ids: Collection[int], accepted: str) -> int:
    """Remember which recipients of their target took messages that others of it did not."""
    return _change(connection, ids, ("pending", "sending"), accepted=accepted)


def bury(connection: Connection, ids: Collection[int], error: str, now: datetime, refused_by: str | None) -> int:
    """Give messages up: dead letters, kept and shown; they no longer hold up those behind them."""
    values = {"state": "dead", "sender": None, "done_at": now, "error": error, "refused_by": refused_by}
    return _change(connection, ids, ("pending", "sending"), **values)


def retry(connection: Connection, ids: Collection[int], now: datetime) -> int:
    """Let messages that are dead, dropped or waiting be tried now, with all their time again."""
    again = or_(outbox.c.state.in_(("dead", "pending")), outbox.c.dropped_at.is_not(None))
    return _revive(connection, and_(outbox.c.id.in_(ids), again), now)


def drop(connection: Connection, ids: Collection[int], now: datetime) -> int:
    """Close messages that nobody wants delivered any more; one that is being sent stays."""
    return _change(connection, ids, ("pending", "dead"), state="done", done_at=now, dropped_at=now)


def refused(connection: Connection) -> list[tuple[str, str]]:
    """Return each target that has dead letters with the digest of the definition that refused them."""
    query = select(outbox.c.target, outbox.c.refused_by).where(outbox.c.state == "dead")
    return [(row[0], row[1]) for row in connection.execute(query.where(outbox.c.refused_by.is_not(None)).distinct())]


def revive(connection: Connection, target: str, digest: str, now: datetime, removed_since: datetime) -> int:
    """Take up the dead letters that another definition of a target refused (reliability.md row 114).

    Those of a target that had been removed (row 122) only when that was not before `removed_since`.
    """
    other = and_(outbox.c.refused_by != digest, or_(outbox.c.refused_by != "", outbox.c.done_at >= removed_since))
    return _revive(connection, and_(outbox.c.state == "dead", outbox.c.target == target, other), now)


def _revive(connection: Connection, where: ColumnElement[bool], now: datetime) -> int:
    values = {"state": "pending", "attempts": 0, "next_at": now}
    cleared = dict.fromkeys(("first_at", "done_at", "dropped_at", "refused_by"))
    return connection.execute(update(outbox).where(where).values(**values, **cleared)).rowcount


def asked_for_time(connection: Connection, remark: str, now: datetime) -> dict[str, datetime]:
    """Return until when messages wait whose error ends with `remark`, by target."""
    waits = and_(outbox.c.state == "pending", outbox.c.next_at > now, outbox.c.error.endswith(remark, autoescape=True))
    query = select(outbox.c.target, func.max(outbox.c.next_at)).where(waits).group_by(outbox.c.target)
    return {row[0]: row[1] for row in connection.execute(query)}


def stuck(connection: Connection, now: datetime, latest: datetime) -> bool:
    """Return whether any message waits for a time that a clock which was stepped back since has meant."""
    return connection.execute(select(outbox.c.id).where(_stuck(now, latest)).limit(1)).first() is not None


def unstick(connection: Connection, now: datetime, latest: datetime) -> int:
    """Let those messages be sent now; returns how many."""
    return connection.execute(update(outbox).where(_stuck(now, latest)).values(next_at=now)).rowcount


def _stuck(now: datetime, latest: datetime) -> ColumnElement[bool]:
    fresh = and_(outbox.c.attempts == 0, outbox.c.next_at > now + _SKEW)
    return and_(outbox.c.state == "pending", outbox.c.next_at > now, or_(fresh, outbox.c.next_at > latest))


def senders(connection: Connection) -> list[str]:
    """Return who is sending at the moment."""
    return list(connection.execute(select(outbox.c.sender).where(outbox.c.state == "sending").distinct()).scalars())


def release(connection: Connection, dead: Collection[str]) -> int:
    """Give the messages of dead senders back, flagged as possible repeats; returns how many."""
    changed = connection.execute(
        update(outbox)
        .where(outbox.c.state == "sending", outbox.c.sender.in_(dead))
        .values(state="pending", sender=None, repeat=True)
    )
    return changed.rowcount


def listed(connection: Connection, state: str | None, limit: int, before: int | None = None) -> list[Delivery]:
    """Return messages, newest first; `undelivered` are all that are not done; those below a number, for a next page."""
    query = rows.DELIVERIES.order_by(outbox.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(outbox.c.id < before)
    if state == "undelivered":
        query = query.where(outbox.c.state.in_(("pending", "sending", "dead")))
    elif state is not None:
        query = query.where(outbox.c.state == state)
    return [rows.delivery(row) for row in connection.execute(query)]


def of_run(connection: Connection, run_id: str, limit: int) -> list[Delivery]:
    """Return the messages of a run, newest first."""
    query = rows.DELIVERIES.where(outbox.c.run == run_id).order_by(outbox.c.id.desc()).limit(limit)
    return [rows.delivery(row) for row in connection.execute(query)]


def found(connection: Connection, name: str, limit: int) -> list[Delivery]:
    """Return the messages that a number, or an event's id or its beginning, means."""
    if name.isascii() and name.isdigit() and len(name) < 19:
        return _select(connection, outbox.c.id == int(name))
    if len(name) < 6 or not name.isalnum():
        return []
    begins = and_(outbox.c.event >= name.upper(), outbox.c.event < name.upper() + "~")
    return [rows.delivery(row) for row in connection.execute(rows.DELIVERIES.where(begins).limit(limit))]


def counts(connection: Connection) -> dict[str, int]:
    """Return how many messages are pending, being sent, and dead."""
    wanted = ("pending", "sending", "dead")
    query = select(outbox.c.state, func.count()).where(outbox.c.state.in_(wanted)).group_by(outbox.c.state)
    return dict.fromkeys(wanted, 0) | {row[0]: row[1] for row in connection.execute(query)}


def held(connection: Connection, now: datetime, kinds: Collection[str]) -> tuple[int, int]:
    """Return how many messages wait for the end of quiet hours, and how many others for their watch to be resumed."""
    quiet = outbox.c.kind.in_(kinds)
    silent = outbox.c.watch.in_(pauses.names(now))
    query = select(quiet, func.count()).where(outbox.c.state == "pending", or_(quiet, silent)).group_by(quiet)
    by_quiet = {bool(row[0]): row[1] for row in connection.execute(query)}
    return by_quiet.get(True, 0), by_quiet.get(False, 0)


def _heads(query: Select[Any], now: datetime, skip_targets: Collection[str], gathering: Gathering) -> Select[Any]:
    """Restrict a query to pending rows that are not held, with no older undelivered row of the same (watch, target)."""
    older = outbox.alias("older")
    ahead = exists(literal_column("1")).where(
        older.c.watch == outbox.c.watch,
        older.c.target == outbox.c.target,
        older.c.id < outbox.c.id,
        literal_column(f"older.{_OPEN}"),
    )
    if gathering.hold:
        ahead = ahead.where(or_(older.c.state != "pending", older.c.kind.not_in(gathering.hold)))
    found = _unheld(query.where(outbox.c.state == "pending", ~ahead), now, gathering.hold)
    if gathering.crowd:
        found = found.where(~_crowded(now, gathering))
    return found.where(outbox.c.target.not_in(skip_targets)) if skip_targets else found


def _crowded(now: datetime, gathering: Gathering) -> ColumnElement[bool]:
    """Return what holds for a new message whose cause several other watches have just told its target."""
    other, since = outbox.alias("other"), now - gathering.crowd_wait
    watches = select(func.count(other.c.watch.distinct())).where(
        other.c.state == "done",
        other.c.next_at > since,
        other.c.target == outbox.c.target,
        other.c.kind == outbox.c.kind,
        other.c.cause == outbox.c.cause,
        other.c.watch != outbox.c.watch,
    )
    fresh = and_(outbox.c.cause.is_not(None), outbox.c.attempts == 0, outbox.c.next_at > since)
    return and_(fresh, watches.scalar_subquery() >= gathering.crowd)


def _unheld(query: Select[Any], now: datetime, hold: Collection[str]) -> Select[Any]:
    """Leave out what quiet hours or a pause hold back; what is being sent is not."""
    query = query.where(or_(outbox.c.state != "pending", outbox.c.watch.not_in(pauses.names(now))))
    return query.where(or_(outbox.c.state != "pending", outbox.c.kind.not_in(hold))) if hold else query


def _change(connection: Connection, ids: Collection[int], states: tuple[str, ...], **values: Any) -> int:
    where: ColumnElement[bool] = and_(outbox.c.id.in_(ids), outbox.c.state.in_(states))
    return connection.execute(update(outbox).where(where).values(**values)).rowcount


def _select(connection: Connection, where: ColumnElement[bool]) -> list[Delivery]:
    return [rows.delivery(row) for row in connection.execute(rows.DELIVERIES.where(where).order_by(outbox.c.id))]
