"""The `Store`: everything that outlives the process, behind methods of one short transaction each.

Threads: any thread may call any method; `monitor.store.database` says how writes wait for each other. Async code calls
through `monitor.store.writer.Writer`: one writing thread, a few reading ones. Nothing is left open between calls.

Errors: StoreBusy, StoreUnwritable, StoreCorrupt, StoreConflict, StoreError; nothing was written when one is raised, but
an error of the disk at the commit itself may hide a commit that arrived: `begin_run`, `accepted` and `settle` may be
called again with the same values. Must not know what is done between its calls, nor a statement of SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from ulid import ULID

from monitor.agent.outcome import Outcome
from monitor.judge.decision import Decision, Verdict, WatchState
from monitor.store import database, judging, opening, stops, terminal
from monitor.store.archive import Archive
from monitor.store.brakes import Brakes
from monitor.store.database import Database
from monitor.store.logbook import Logbook
from monitor.store.outbox import Outbox
from monitor.store.part import STARTS, of_run, of_watch
from monitor.store.records import (
    Begun,
    EndedStop,
    Existing,
    NewDelivery,
    NewStop,
    Notice,
    Record,
    Refused,
    StartLimits,
    Unfinished,
)
from monitor.store.upkeep import Upkeep
from monitor.watch.run import Run, Trigger, new_id

__all__ = ["Begun", "Existing", "Refused", "StartLimits", "Store"]


class Store(Brakes, Archive, Outbox, Logbook, Upkeep):
    """The database of one workspace; open it with `Store.open`.

    Runs, from intent to judged, are here; the rest is in the parts that it is made of.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._held: dict[str, str] = {}  # run id -> the owner under which this process holds the run
        self._last_id = ""

    @classmethod
    def open(
        cls,
        url_or_path: str,
        *,
        create: bool = True,
        busy_timeout: float = database.BUSY_TIMEOUT,
        folder: Path | None = None,
    ) -> Store:
        """Open the store, making or migrating it where needed; `busy_timeout` in seconds.

        `folder` is where this machine keeps files beside a database on PostgreSQL (default: the current folder's
        `state`). Raises UsageError (neither a path nor a URL of a database that we know), StoreNewer and StoreCorrupt
        (the database is left as it is), StoreBusy, StoreUnwritable, and StoreError when there is no store and `create`
        is False.
        """
        return cls(database.opened(url_or_path, create=create, busy_timeout=busy_timeout, folder=folder))

    def close(self) -> None:
        """Close every connection; calls that follow raise StoreError."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The database file, or what stands for a database elsewhere; its folder is this machine's state folder."""
        return self._database.path

    @property
    def journal(self) -> str:
        """How commits reach the disk, in words, for `doctor` (reliability.md R1)."""
        return self._database.durability

    # Runs, from intent to settled

    def begin_run(
        self,
        run: Run,
        *,
        goal: str,
        generation: str,
        owner: str,
        now: datetime,
        limits: StartLimits | None = None,
    ) -> Begun | Existing | Refused:
        """Commit the row of a run before anything is asked, or say what stands in its way.

        Of any number of processes that begin the same occurrence, or two of one watch, exactly one is told `Begun`
        (reliability.md A4). `goal` is the exact text that will be sent. A waiting retry of this attempt is used up.
        With `limits`, a run that nothing else stands in the way of is `Refused` by an open stop or a ceiling, decided
        in the same transaction (A5, A6): exactly one run of all processes passes a BILLING stop whose probe is due, and
        an AUTH stop of another key is closed.
        """
        fields = {"goal": goal, "generation": generation, "owner": owner, "opened_at": now, "updated_at": now}
        with self._database.write(STARTS, of_watch(run.watch)) as connection:
            answer = opening.begin(connection, run, fields, limits)
        if isinstance(answer, Begun):
            self._held[run.id] = owner
        return answer

    def accepted(
        self, row_id: str, remote_run_id: str, streaming_url: str | None, now: datetime, replaces: str | None = None
    ) -> None:
        """Commit the remote run's id; StoreConflict when the run is no longer ours or has another remote id.

        `replaces` is a remote id that proved to be another's: it gives way, and so does the url stored with it.
        """
        fields = {"updated_at": now} | ({"streaming_url": streaming_url} if streaming_url or replaces else {})
        with self._database.write(of_run(row_id)) as connection:
            opening.accept(connection, row_id, self._owner_of(row_id), remote_run_id, fields, replaces)

    def restate(self, row_id: str, goal: str, key_digest: str, now: datetime) -> None:
        """Commit the goal that a run is sent with next, and that the API refused `output_schema` to a key.

        For a run that the API refused: StoreConflict when it has a remote id, or is no longer ours.
        """
        with self._database.write() as connection:
            opening.restate(connection, row_id, self._owner_of(row_id), goal, now)
            stops.refuse_schema(connection, key_digest, now)

    def settle(self, row_id: str, outcome: Outcome, now: datetime) -> None:
        """Commit how a run ended, raw record included, before it is judged (B6); StoreConflict as above."""
        with self._database.write(of_run(row_id)) as connection:
            opening.settle(connection, row_id, self._owner_of(row_id), outcome, now)

    outcome_of = staticmethod(terminal.outcome_of)

    def unfinished(self, owner_not_alive: Callable[[str], bool] | None = None) -> list[Unfinished]:
        """Return the runs that are not judged, oldest first; with a callable, those whose owner it calls dead."""
        with self._database.read() as connection:
            found = opening.unfinished(connection)
        return found if owner_not_alive is None else [each for each in found if owner_not_alive(each.owner)]

    def in_flight(self) -> list[Unfinished]:
        """Return every run that is not judged, whoever holds it."""
        return self.unfinished()

    def take_over(self, row_id: str, old_owner: str, new_owner: str) -> bool:
        """Make an unfinished run `new_owner`'s; False when it is judged or no longer `old_owner`'s."""
        with self._database.write() as connection:
            taken = opening.take_over(connection, row_id, old_owner, new_owner)
        if taken:
            self._held[row_id] = new_owner
        return taken

    # Judged

    def state_of(self, watch: str) -> WatchState:
        """Return all that is remembered of a watch, its baseline with the result."""
        with self._database.read() as connection:
            return judging.state_of(connection, watch)

    def commit(  # noqa: PLR0913 - all that one transaction takes
        self,
        run: Run,
        outcome: Outcome,
        decision: Decision,
        deliveries: Sequence[NewDelivery],
        *,
        now: datetime,
        later: Run | None = None,
        owner: str | None = None,
        stops: Sequence[NewStop | EndedStop] = (),
    ) -> Record:
        """Commit a decision with all it causes in one transaction and return the record (reliability.md B1, B5, C1).

        A dry run changes its own row and nothing else, but for `stops`: what every run has to know of a refused key or
        an empty purse, with messages of its own. `owner` is who holds the run when that is not this store.
        Raises StoreConflict, with nothing written, when the run is judged already, was taken over, or the decision was
        made on a state that is no longer the stored one; ValueError when a retry or check and `later`, its run, do not
        go together.
        """
        next_run = decision.retry or decision.check
        if (next_run is None) != (later is None):
            raise ValueError("a decision with a retry or a check needs its run, and one without takes none")
        told = 0 if run.dry else len({each.event for each in deliveries})
        with self._database.write(of_watch(run.watch), *([STARTS] if stops else [])) as connection:
            holder = owner or self._owner_of(run.id)
            record = judging.judge(connection, run, holder, outcome, decision, now, told)
            if not run.dry:
                judging.replace_state(connection, run, decision, now)
                judging.enqueue(connection, run.id, run.watch, deliveries, now)
                if decision.verdict.good:
                    judging.drop_checks(connection, run.watch)
                if next_run is not None and later is not None:
                    judging.wait(connection, later, next_run.at, next_run.reason)
            judging.change_stops(connection, run, stops, now)
        self._held.pop(run.id, None)
        return record

    def silent_since(self, before: datetime) -> list[tuple[str, datetime]]:
        """Return the watches without a valid result since `before` of which that was not told, and since when."""
        with self._database.read() as connection:
            return judging.silent_since(connection, before)

    def told_before(self, instant: datetime) -> list[tuple[str, datetime]]:
        """Return the watches whose open incident was last told before an instant, and when."""
        with self._database.read() as connection:
            return judging.told_before(connection, instant)

    def tell_unrun(
        self, watch: str, tell: Callable[[Run, WatchState], tuple[WatchState, Sequence[NewDelivery]]], now: datetime
    ) -> bool:
        """Write what time alone makes worth telling, without a run: the state and the messages that `tell` gives.

        It is handed the last run and the state; returns True when there are messages.
        """
        with self._database.write() as connection:
            return judging.tell_unrun(connection, watch, tell, now)

    def record_skip(  # noqa: PLR0913 - the columns of one record
        self,
        watch: str,
        due_at: datetime,
        trigger: Trigger,
        verdict: Verdict,
        code: str,
        reason: str,
        now: datetime,
        *,
        notice: Notice | None = None,
    ) -> Record | None:
        """Record an occurrence that did not run (MISSED, SKIPPED), and in the same transaction what is told of it once.

        Returns None, with nothing written, when the occurrence has a row already.
        """
        fields = opening.skip_fields(verdict, code, reason, now)
        with self._database.write(of_watch(watch)) as connection:
            run = Run(self._skip_id(now), watch, due_at, 1, trigger)
            record = opening.skip(connection, run, fields)
            if record is not None and notice is not None:
                judging.tell_once(connection, notice, run.id, watch, now)
        return record

    # Retries that wait

    def due_retries(self, now: datetime) -> list[tuple[Run, datetime]]:
        """Return the retries that are due, with when they were; `begin_run` uses one up."""
        with self._database.read() as connection:
            return opening.due_retries(connection, now)

    def waiting_retry(self, watch: str) -> tuple[Run, datetime] | None:
        """Return the next retry of a watch and when it is due."""
        with self._database.read() as connection:
            found = opening.due_retries(connection, None, watch)
        return found[0] if found else None

    def drop_retry(self, run: Run) -> bool:
        """Forget a waiting retry, of a watch that is gone or that ran again meanwhile; False when none waited."""
        with self._database.write() as connection:
            return opening.drop_retry(connection, run)

    def _owner_of(self, row_id: str) -> str:
        return opening.owner_in(self._held.get, row_id)

    def _skip_id(self, now: datetime) -> str:
        """Return a fresh id that sorts after the one before it also within one millisecond."""
        fresh = new_id(now)
        if fresh[:10] == self._last_id[:10] and fresh <= self._last_id:
            fresh = str(ULID.from_int(int(ULID.from_str(self._last_id)) + 1))
        self._last_id = fresh
        return fresh
