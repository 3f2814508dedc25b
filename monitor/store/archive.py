"""The methods of `Store` for what was recorded, and for judging it again. Must not know a statement of SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from monitor.agent.outcome import Outcome
from monitor.judge.conditions.history import History
from monitor.judge.decision import Decision
from monitor.store import history, outcomes, rejudging, seen
from monitor.store.history import LIMIT
from monitor.store.part import Part
from monitor.store.records import Judgement, NewDelivery, PastRun, Record, Rejudging, WatchRow


class Archive(Part):
    """Records: read whole and bounded; only a new judgement ever changes one."""

    def history(
        self, watch: str, limit: int = 20, verdict: str | None = None, before: str | None = None
    ) -> list[Record]:
        """Return the records of a watch, newest first; at most 100,000; with ids below one, to go on from a page."""
        with self._database.read() as connection:
            verdicts = None if verdict is None else [str(verdict)]
            return history.history(connection, watch, limit, verdicts, before=before)

    def records(self, watch: str) -> Iterator[Record]:
        """Yield every record of a watch, oldest first, dry ones too; read in pages, each a transaction of its own."""
        after = ""
        while True:
            with self._database.read() as connection:
                page = history.page(connection, watch, after, outcomes.PAGE)
            yield from page
            if len(page) < outcomes.PAGE:
                return
            after = page[-1].id

    def baseline_before(self, found: Record) -> Record | None:
        """Return the record that another one was compared with; None for a first one and for what did not run."""
        with self._database.read() as connection:
            return history.baseline_before(connection, found)

    def latest_result(self, watch: str, n: int = 1) -> list[Record]:
        """Return the newest `n` records with a valid result, newest first, without dry runs."""
        with self._database.read() as connection:
            return history.good(connection, watch, n)

    def generations(self) -> dict[str, str]:
        """Return, by watch, the fingerprint of the definition under which its baseline was taken."""
        with self._database.read() as connection:
            return history.generations(connection)

    def looked_back(self, watch: str, generation: str, places: Collection[str], now: datetime) -> History:
        """Return the history of a generation at some places, for conditions that look back."""
        with self._database.read() as connection:
            return history.looked_back(connection, watch, generation, places, now)

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

    def steps_since(self, instant: datetime) -> int:
        """Return how many steps all runs opened since an instant cost; what is not known counts `STEPS` a run."""
        with self._database.read() as connection:
            return history.steps_since(connection, instant)

    def last_occurrence(self, watch: str) -> datetime | None:
        """Return the due instant of the newest recorded cron occurrence, run or not."""
        with self._database.read() as connection:
            return history.last_occurrence(connection, watch)

    def first_seen(self) -> dict[str, datetime]:
        """Return, by watch, when a daemon first saw it scheduled: from then on every occurrence has a record (G1)."""
        with self._database.read() as connection:
            return seen.listed(connection)

    def see(self, scheduled: Collection[str], gone: Collection[str], now: datetime) -> dict[str, datetime]:
        """Remember the watches that are scheduled now, forget those that are `gone`, and return `first_seen`."""
        found = self.first_seen()
        new, old = [watch for watch in scheduled if watch not in found], [watch for watch in gone if watch in found]
        if new or old:
            with self._database.write() as connection:
                seen.add(connection, new, now)
                seen.forget(connection, old)
                found = seen.listed(connection)
        return found

    def counts(self) -> dict[str, int]:
        """Return the number of records by verdict, and of `unfinished` runs and waiting `retries`."""
        with self._database.read() as connection:
            return history.counts(connection)

    def occurrence_counts(self, watch: str, since: datetime) -> dict[str, int]:
        """Return how many cron occurrences due since an instant have a record, by verdict, and how many `unfinished`.

        Each occurrence counts once, however many attempts it took; `doctor` holds this against the schedule (G1).
        """
        with self._database.read() as connection:
            return history.occurrence_counts(connection, watch, since)

    def occurrences(self, watch: str, since: datetime, limit: int = LIMIT) -> list[datetime]:
        """Return the due instants since an instant that have a row of trigger cron, in order; at most 100,000."""
        with self._database.read() as connection:
            return history.occurrences(connection, watch, since, limit)

    def past_runs(self, watch: str, newest: int | None = None) -> Iterator[PastRun]:
        """Yield the runs of a watch that were made and judged, oldest first, without dry runs; `newest` of them or all.

        Read page by page, each in a transaction of its own: runs that end meanwhile are seen too.
        """
        with self._database.read() as connection:
            after = "" if newest is None else outcomes.before_newest(connection, watch, newest)
        while True:
            with self._database.read() as connection:
                page = outcomes.page(connection, watch, after, outcomes.PAGE)
            yield from page
            if len(page) < outcomes.PAGE:
                return
            after = page[-1].run.id

    # Judged again

    def outcome_of_record(self, run_id: str) -> Outcome | None:
        """Return how a finished run ended, exactly as it was settled; None for what did not run or has no record."""
        with self._database.read() as connection:
            return rejudging.outcome(connection, run_id)

    def rejudging(self, run_id: str) -> Rejudging | None:
        """Return what it takes to judge a finished run again; None for what did not run or has no record."""
        with self._database.read() as connection:
            return rejudging.prepared(connection, run_id)

    def rejudged(
        self,
        found: Rejudging,
        decision: Decision,
        deliveries: Sequence[NewDelivery] = (),
        *,
        generation: str,
        now: datetime,
    ) -> Record:
        """Commit a new judgement of a finished run with its messages, and keep the old one (`earlier_judgements`).

        `found` is what `rejudging` gave and the decision was made on, `generation` that of the present definition. A
        judgement that says the same changes nothing and tells nothing; a retry of the decision is not made. Raises
        StoreConflict, with nothing written, when a newer record or another baseline came in between.
        """
        with self._database.write() as connection:
            return rejudging.commit(connection, found, decision, deliveries, generation, now)

    def earlier_judgements(self, run_id: str) -> list[Judgement]:
        """Return what a record said before it was judged again, first judgement first; nothing for most records."""
        with self._database.read() as connection:
            return rejudging.earlier(connection, run_id)
