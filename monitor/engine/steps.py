"""What runs show while they go on: collected for whoever watches now, and kept with the record for later.

Nothing depends on it: a run whose steps cannot be kept is as good as any other. Must not know who watches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from monitor.agent.follow import Progress
from monitor.engine.desk import Desk
from monitor.engine.journal import Watcher
from monitor.errors import StoreError
from monitor.store.records import Record, stamp
from monitor.watch.run import Run

log = structlog.get_logger("run")

MOST = 200  # steps of one run that are kept; of a longer one the first and the last half
LENGTH = 300  # characters of one step

Listener = Callable[[Run, Progress | None], None]


def _nobody(run: Run, progress: Progress | None) -> None:
    """Watch nothing."""


class Steps:
    """Collects the steps of the runs of this process. `listener` is told each, and None when a run has ended."""

    def __init__(self) -> None:
        self.listener: Listener = _nobody
        self._shown: dict[str, list[dict[str, Any]]] = {}

    def of(self, run_id: str) -> list[dict[str, Any]]:
        """Return the steps of a run in flight here, oldest first, as `{"at", "kind", "text"}`."""
        return list(self._shown.get(run_id, ()))

    async def recorded(self, run: Run, work: Callable[[Watcher], Awaitable[Record]], desk: Desk) -> Record:
        """Await the record of a run that shows its steps to what `work` is given, and keep them with the record."""
        shown = self._shown[run.id] = []

        def show(progress: Progress) -> None:
            if progress.streaming_url is None:  # the row has the url; it is no text to keep (reliability.md row 40)
                shown.append({"at": stamp(progress.at), "kind": progress.kind, "text": progress.text[:LENGTH]})
                if len(shown) > MOST:
                    del shown[MOST // 2]
            self.listener(run, progress)

        self.listener(run, Progress("opened", "it begins", None, desk.clock.now()))
        try:
            record = await work(show)
            if shown:
                await _keep(record.id, shown, desk)
            return record
        finally:
            del self._shown[run.id]
            self.listener(run, None)


async def _keep(run_id: str, shown: list[dict[str, Any]], desk: Desk) -> None:
    try:
        await desk.writer(desk.store.keep_progress, run_id, shown)
    except StoreError as error:
        log.warning("the steps of a run could not be kept", run=run_id, error=str(error))
