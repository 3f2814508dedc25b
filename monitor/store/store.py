"""The `Store`: everything that outlives the process, behind methods of one short transaction each.

Threads: any thread may call any method; `monitor.store.database` says how writes wait for each other. Async code calls
through `monitor.store.writer.Writer`: one writing thread, a few reading ones. Nothing is left open between calls.

Errors: StoreBusy, StoreUnwritable, StoreCorrupt, StoreConflict, StoreError; nothing was written when one is raised, but
an error of the disk at the commit itself may hide a commit that arrived: `begin_run`, `accepted` and `settle` may be
called again with the same values. Must not know what is done between its calls, nor a statement of SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from ulid import ULID

from monitor.agent.outcome import Outcome
from monitor.judge.decision import Decision, Verdict, WatchState
from monitor.store import deliveries as messages
from monitor.store import history, judging, opening, sqlite, terminal
from monitor.store.database import Database
from monitor.store.records import Begun, Delivery, Existing, NewDelivery, Record, Unfinished, WatchRow
from monitor.watch.run import Run, Trigger, new_id

__all__ = ["Begun", "Existing", "Store"]


class Store:
    """The database of one workspace; open it with `Store.open`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, str] = {}  # run id -> the owner under which this process holds the run
        self._last_id = ""

    @classmethod
    def open(cls, url_or_path: str, *, create: bool = True, busy_timeout: float = sqlite.BUSY_TIMEOUT) -> Store:
        """Open the store, making or migrating it where needed; `busy_timeout` in seconds.

        Raises UsageError (not a path or sqlite URL), StoreNewer and StoreCorrupt (the file is left as it is),
        StoreBusy, StoreUnwritable, and StoreError when there is no store and `create` is False.
        """
        return cls(Database.open(sqlite.path_of(url_or_path), create=create, busy_timeout=busy_timeout))

    def close(self) -> None:
        """Close every connection; calls that follow raise StoreError."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The database file; its folder is the state folder."""
        return self._database.path

    @property
    def journal(self) -> str:
        """How commits reach the disk, in words, for `doctor` (reliability.md R1)."""
        journal = self._database.journal
        return f"{journal.mode}, synchronous {journal.synchronous}"

    # Runs, from intent to settled

    def begin_run(self, run: Run, *, goal: str, generation: str, owner: str, now: datetime) -> Begun | Existing:
        """Commit the row of a run before anything is asked, or say which run stands in its way.

        Of any number of processes that begin the same occurrence, or two of one watch, exactly one is told `Begun`
        (reliability.md A4). `goal` is the exact text that will be sent. A waiting retry of this attempt is used up.
        """
        fields = {"goal": goal, "generation": generation, "owner": owner, "opened_at": now, "updated_at": now}
        with self._database.write() as connection:
            answer = opening.begin(connection, run, fields)
        if isinstance(answer, Begun):
            self._held[run.id] = owner
        return answer

    def accepted(self, row_id: str, remote_run_id: str, streaming_url: str | None, now: datetime) -> None:
        """Commit the remote run's id; StoreConflict when the run is no longer ours or has another remote id."""
        fields = {"updated_at": now} | ({"streaming_url": streaming_url} if streaming_url else {})
        with self._database.write() as connection:
            opening.accept(connection, row_id, self._owner_of(row_id), remote_run_id, fields)

    def settle(self, row_id: str, outcome: Outcome, now: datetime) -> None:
        """Commit how a run ended, raw record included, before it is judged (B6); StoreConflict as above."""
        with self._database.write() as connection:
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

    def commit(
        self,
        run: Run,
        outcome: Outcome,
        decision: Decision,
        deliveries: Sequence[NewDelivery],
        *,
        now: datetime,
        retry_run: Run | None = None,
        owner: str | None = None,
    ) -> Record:
        """Commit a decision with all it causes in one transaction and return the record (reliability.md B1, B5, C1).

        A dry run changes its own row and nothing else. `owner` is who holds the run when that is not this store.
        Raises StoreConflict, with nothing written, when the run is judged already, was taken over, or the decision was
        made on a state that is no longer the stored one; ValueError when retry and `retry_run` do not go together.
        """
        if (decision.retry is None) != (retry_run is None):
            raise ValueError("a decision with a retry needs its run, and one without takes none")
        told = 0 if run.dry else len({each.event for each in deliveries})
        with self._database.write() as connection:
            holder = owner or self._owner_of(run.id)
            record = judging.judge(connection, run, holder, outcome, decision, now, told)
            if not run.dry:
                judging.replace_state(connection, run, decision, now)
                judging.enqueue(connection, run, deliveries, now)
                if retry_run is not None:
                    judging.wait_to_retry(connection, decision, retry_run)
        self._held.pop(run.id, None)
        return record

    def record_skip(
        self, watch: str, due_at: datetime, trigger: Trigger, verdict: Verdict, code: str, reason: str, now: datetime
    ) -> Record | None:
        """Record an occurrence that did not run (MISSED, SKIPPED); None when it has a row already."""
        fields = opening.skip_fields(verdict, code, reason, now)
        with self._database.write() as connection:
            return opening.skip(connection, Run(self._skip_id(now), watch, due_at, 1, trigger), fields)

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

    # Records

    def history(self, watch: str, limit: int = 20, verdict: str | None = None) -> list[Record]:
        """Return the records of a watch, newest first; at most 100,000."""
        with self._database.read() as connection:
            return history.history(connection, watch, limit, None if verdict is None else [str(verdict)])

    def latest_result(self, watch: str, n: int = 1) -> list[Record]:
        """Return the newest `n` records with a valid result, newest first, without dry runs."""
        with self._database.read() as connection:
            return history.good(connection, watch, n)

    def record(self, name: str, raw: bool = False) -> Record | None:  # noqa: FBT001, FBT002 - the one flag is what its name says
        """Return a record by its id, a unique beginning of it (6 characters or more), or the remote run_id.

        Raises UsageError when several ids begin so; None for runs that are not judged.
        """
        with self._database.read() as connection:
            return history.record(connection, name, raw=raw)

    def watch_rows(self, now_day_start: datetime) -> list[WatchRow]:
        """Return what `status` shows of every watch that has run; `now_day_start` begins "today"."""
        with self._database.read() as connection:
            return history.watch_rows(connection, now_day_start)

    def runs_since(self, watch: str | None, instant: datetime) -> int:
        """Return how many runs one watch, or all, opened since an instant; what spending ceilings count."""
        with self._database.read() as connection:
            return history.runs_since(connection, watch, instant)

    def last_occurrence(self, watch: str) -> datetime | None:
        """Return the due instant of the newest recorded cron occurrence, run or not."""
        with self._database.read() as connection:
            return history.last_occurrence(connection, watch)

    def counts(self) -> dict[str, int]:
        """Return the number of records by verdict, and of `unfinished` runs and waiting `retries`."""
        with self._database.read() as connection:
            return history.counts(connection)

    # The outbox

    def claim(self, now: datetime, limit: int, sender: str, *, skip_targets: Collection[str] = ()) -> list[Delivery]:
        """Take due messages for sending, oldest first; only the oldest undelivered one of each (watch, target).

        They are committed as sending, with one attempt more, before this returns (reliability.md C2).
        """
        with self._database.write() as connection:
            return messages.claim(connection, now, limit, sender, skip_targets)

    def delivered(self, delivery_id: int, now: datetime) -> bool:
        """Close a message that its target took; False when it was closed before."""
        with self._database.write() as connection:
            return messages.delivered(connection, delivery_id, now)

    def put_back(self, delivery_id: int, at: datetime, error: str, now: datetime, *, repeat: bool = False) -> bool:
        """Let a message wait until `at`, not before `now`; `repeat` when the target may have taken it."""
        with self._database.write() as connection:
            return messages.put_back(connection, delivery_id, max(at, now), error, repeat=repeat)

    def bury(self, delivery_id: int, error: str, now: datetime) -> bool:
        """Make a message a dead letter; False when it was closed before."""
        with self._database.write() as connection:
            return messages.bury(connection, delivery_id, error, now)

    def release(self, sender_not_alive: Callable[[str], bool]) -> int:
        """Give back what dead senders were sending, flagged `repeat`; returns how many messages."""
        with self._database.read() as connection:
            found = messages.senders(connection)
        dead = [sender for sender in found if sender_not_alive(sender)]
        if not dead:
            return 0
        with self._database.write() as connection:
            return messages.release(connection, dead)

    def outbox(self, state: str | None = None, limit: int = 100) -> list[Delivery]:
        """Return messages, newest first, of one state or all."""
        with self._database.read() as connection:
            return messages.listed(connection, state, limit)

    def outbox_counts(self) -> dict[str, int]:
        """Return the number of messages `pending`, `sending` and `dead`."""
        with self._database.read() as connection:
            return messages.counts(connection)

    def next_delivery_at(self, *, skip_targets: Collection[str] = ()) -> datetime | None:
        """Return when the next message can be claimed; None when none waits."""
        with self._database.read() as connection:
            return messages.next_at(connection, skip_targets)

    # Health

    def probe_write(self, now: datetime) -> None:
        """Prove with a small commit that the store can be written; called before every POST (reliability.md R3)."""
        self._database.check_same_file()
        with self._database.write() as connection:
            history.mark(connection, "probe", now)

    def integrity(self) -> list[str]:
        """Return what is wrong with the database, in words; an empty list when it is sound. Reads the whole file."""
        with self._database.read() as connection:
            return history.damage(connection)

    def _owner_of(self, row_id: str) -> str:
        return opening.owner_in(self._held.get, row_id)

    def _skip_id(self, now: datetime) -> str:
        """Return a fresh id that sorts after the one before it also within one millisecond."""
        fresh = new_id(now)
        if fresh[:10] == self._last_id[:10] and fresh <= self._last_id:
            fresh = str(ULID.from_int(int(ULID.from_str(self._last_id)) + 1))
        self._last_id = fresh
        return fresh
