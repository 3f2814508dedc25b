"""What a person may order of the daemon: one place for the dashboard and the API, each order written down first.

Owns what an order does and that it is recorded with who and when; money stays where it is counted, in `begin_run`
(reliability.md A5, row 52). Must not know a route, a page or how somebody proved who they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self

import structlog

from monitor.agent.outcome import Code
from monitor.engine.cancel import cancel_run, named
from monitor.engine.desk import Desk
from monitor.engine.dispatch import Dispatcher
from monitor.errors import MonitorError, NoSuch, UsageError
from monitor.files.problems import did_you_mean
from monitor.store.records import Delivery, Unfinished, stamp
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id

log = structlog.get_logger("orders")

LONGEST_PAUSE = timedelta(days=3_650)
BETWEEN_TESTS = 10.0  # seconds between two test messages to one target
NOTICES = 1.0  # seconds in which whoever follows a run sees for himself that it was cancelled
_CANCELS = 20  # in hand at once; each takes four minutes at most

Changed = Callable[[str, str | None], None]  # what changed (watches, outbox, orders), and of which watch


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order: `message` is one line for a person, `document` the same for a script."""

    ok: bool
    message: str
    document: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the object that the API answers."""
        return {"ok": self.ok, "message": self.message} | self.document


def _told_nobody(what: str, watch: str | None) -> None:
    """Tell nobody."""


class Actions:
    """Carries orders out while it is open. Every method takes `who` ordered it, one line; raises NoSuch, StoreError."""

    def __init__(
        self,
        desk: Desk,
        dispatcher: Dispatcher,
        watches: Callable[[], Mapping[str, Watch]],
        targets: Callable[[], Mapping[str, str]],
    ) -> None:
        self.changed: Changed = _told_nobody
        self._desk, self._dispatcher, self._watches, self._targets = desk, dispatcher, watches, targets
        self._tested: dict[str, float] = {}
        self._cancels: dict[str, asyncio.Task[None]] = {}  # by run id
        self._group = asyncio.TaskGroup()

    async def run_now(self, name: str, who: str, *, dry: bool = False) -> Answer:
        """Start a run of a watch, counted against the ceilings like any other; a watch that runs already is let be."""
        watch = self._watch(name)
        now = self._desk.clock.now()
        # An occurrence of cron is a whole minute: a run by hand never takes its key (reliability.md A4).
        due_at = now if now.microsecond else now.replace(microsecond=1)
        run = Run(new_id(now), watch.name, due_at, trigger=Trigger.MANUAL, dry=dry)
        return await self._ordered(who, "dry run" if dry else "run", name, partial(self._start, watch, run), watch=name)

    async def _start(self, watch: Watch, run: Run) -> Answer:
        if self._dispatcher.closing:
            return Answer(False, "the daemon is stopping", {"watch": watch.name, "run": None})
        flight = await self._desk.writer.read(self._desk.store.in_flight)
        other = next((left.run for left in flight if left.run.watch == watch.name), None)
        # No await from here on: nothing of the watch can begin in between.
        waiting = self._dispatcher.start(watch, run) if other is None else run
        if waiting is run:
            other = other or self._dispatcher.held()[watch.name]
            found = {"watch": watch.name, "run": other.id}
            return Answer(False, f"{watch.name} runs already, as run {other.id}", found)
        return Answer(True, f"run {run.id} of {watch.name} was started", {"watch": watch.name, "run": run.id})

    async def cancel(self, name: str, who: str) -> Answer:
        """Order that a run in flight is cancelled at the API; what comes of it is its record (reliability.md A7).

        `name` is a run's id (or 6 characters of its beginning), the API's run_id, or the watch whose run it is.
        Returns at once: asking the API may take four minutes.
        """
        left = named(await self._desk.writer.read(self._desk.store.in_flight), name)
        return await self._ordered(who, "cancel", left.run.id, partial(self._stop, left), watch=left.run.watch)

    async def _stop(self, left: Unfinished) -> Answer:
        found = {"watch": left.run.watch, "run": left.run.id}
        if left.run.id in self._cancels:
            return Answer(True, f"run {left.run.id} is being cancelled already", found)
        if len(self._cancels) >= _CANCELS:
            return Answer(False, f"{_CANCELS} runs are being cancelled; try again in a minute", found)
        task = self._group.create_task(self._cancelled(left), name=f"cancel {left.run.watch} {left.run.id}")
        self._cancels[left.run.id] = task
        task.add_done_callback(lambda _: self._cancels.pop(left.run.id))
        return Answer(True, f"run {left.run.id} of {left.run.watch} is being cancelled", found)

    async def _cancelled(self, left: Unfinished) -> None:
        watch = self._watches().get(left.run.watch)
        followed = left.run.watch in self._dispatcher.held()
        try:
            outcome = await cancel_run(self._desk, left, watch, followed=followed)
            if followed and not (outcome.fault is not None and outcome.fault.code is Code.UNKNOWN_OUTCOME):
                await self._recorded(left, watch)
        except MonitorError as error:
            log.warning("a run could not be cancelled", run=left.run.id, error=str(error))
        except Exception:
            log.exception("cancelling a run broke", run=left.run.id)
        else:
            log.info("a run was cancelled by hand", watch=left.run.watch, run=left.run.id, became=outcome.kind)
        self.changed("watches", left.run.watch)

    async def _recorded(self, left: Unfinished, watch: Watch | None) -> None:
        """See to it that a run which was cancelled at the API gets its record, also where its stream goes on."""
        await self._desk.clock.sleep(NOTICES)
        flight = {other.run.id: other for other in await self._desk.writer.read(self._desk.store.in_flight)}
        if left.run.id in flight and not self._dispatcher.closing:
            await self._dispatcher.let_go(left.run.watch)
            if watch is not None:  # else the daemon's next look lets it go
                self._dispatcher.resume(watch, flight[left.run.id])

    async def pause(self, name: str, until: datetime | None, who: str) -> Answer:
        """Silence a watch until an instant, None for until it is resumed: not run, not paid, its messages held."""
        watch, now = self._watch(name), self._desk.clock.now()
        until = until and until.replace(microsecond=0)
        if until is not None and not now < until <= now + LONGEST_PAUSE:
            raise UsageError("a pause ends in the future, within ten years", hint="leave its end out for no end")
        said = f"{watch.name}: paused {f'until {stamp(until)}' if until else 'until it is resumed'}"

        async def work() -> Answer:
            await self._desk.writer(self._desk.store.pause_watch, watch.name, until, now)
            return Answer(True, said, {"watch": watch.name, "paused": True, "paused_until": stamp(until)})

        return await self._ordered(who, "pause", watch.name, work, watch=watch.name)

    async def resume(self, name: str, who: str) -> Answer:
        """Reopen a watch; its messages are delivered. One that is no longer defined can be resumed too."""
        now = self._desk.clock.now()
        if name not in await self._desk.writer.read(self._desk.store.pauses, now):
            self._watch(name)

        async def work() -> Answer:
            was = await self._desk.writer(self._desk.store.resume_watch, name, now)
            self._desk.told()
            said = f"{name}: {'resumed' if was else 'was not paused'}"
            return Answer(True, said, {"watch": name, "paused": False, "was_paused": was})

        return await self._ordered(who, "resume", name, work, watch=name)

    async def retry(self, message: str, who: str) -> Answer:
        """Try a message again now, with all its time; `message` is its number or its event's id (or its beginning)."""
        write = self._desk.store.retry_messages
        return await self._on_messages(who, "retry", message, write, "will be tried again", "delivered already")

    async def drop(self, message: str, who: str) -> Answer:
        """Close a message without a delivery; it stays visible as dropped."""
        return await self._on_messages(
            who, "drop", message, self._desk.store.drop_messages, "dropped", "closed already"
        )

    async def _on_messages(
        self,
        who: str,
        action: str,
        name: str,
        write: Callable[[Collection[int], datetime], int],
        done: str,
        otherwise: str,
    ) -> Answer:
        found: list[Delivery] = await self._desk.writer.read(self._desk.store.find_messages, name)
        if not found:
            raise NoSuch(f'there is no message "{name}"', hint="the outbox lists them")

        async def work() -> Answer:
            changed = await self._desk.writer(write, [each.id for each in found], self._desk.clock.now())
            self._desk.told()
            which = f"message {found[0].id} to {found[0].target}" if len(found) == 1 else f"{changed} of {len(found)}"
            said = f"{which}: {done}" if changed else f"{which}: not changed, it is {otherwise} or being sent"
            return Answer(changed > 0, said, {"changed": changed, "messages": [each.id for each in found]})

        return await self._ordered(who, action, name, work, watch=found[0].watch, what="outbox")

    async def test_target(self, name: str, who: str) -> Answer:
        """Send a test message to a named target now, at most one in ten seconds."""
        from monitor.alert import trial

        targets = self._targets()
        if name not in targets:
            raise NoSuch(f'no target is named "{name}"', hint=did_you_mean(name, targets))
        now = self._desk.clock.monotonic()
        if now - self._tested.get(name, float("-inf")) < BETWEEN_TESTS:
            raise UsageError(f"{name} was sent a test message a moment ago", hint="wait ten seconds")
        self._tested = {key: at for key, at in self._tested.items() if key in targets} | {name: now}

        async def work() -> Answer:
            at = self._desk.clock.now()
            problem = await asyncio.to_thread(trial.test, name, targets[name], self._desk.reveal, at)
            said = f"{name}: the test message was {'taken' if problem is None else f'not taken: {problem}'}"
            return Answer(problem is None, said, {"target": name, "delivered": problem is None, "error": problem})

        return await self._ordered(who, "test", name, work, what="orders")

    def _watch(self, name: str) -> Watch:
        watches = self._watches()
        if name not in watches:
            raise NoSuch(f'there is no watch "{name}"', hint=did_you_mean(name, watches))
        return watches[name]

    async def _ordered(
        self,
        who: str,
        action: str,
        subject: str,
        work: Callable[[], Awaitable[Answer]],
        *,
        watch: str = "",
        what: str = "watches",
    ) -> Answer:
        """Write an order down, carry it out, write down what came of it, and say that something changed."""
        writer, store = self._desk.writer, self._desk.store
        number = await writer(store.order, who, action, subject, self._desk.clock.now(), watch=watch)
        try:
            answer = await work()
        except MonitorError as error:
            await writer(store.ended_order, number, f"not done: {error}")
            raise
        await writer(store.ended_order, number, answer.message)
        log.info("an order", who=who, action=action, subject=subject, result=answer.message)
        self.changed(what, watch or None)
        return answer

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in list(self._cancels.values()):
            task.cancel()  # the rows stay as they are: the next start resumes them, or they can be cancelled again
        await self._group.__aexit__(None, None, None)
