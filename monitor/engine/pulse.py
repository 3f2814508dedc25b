"""Does the store still take writes? A small commit every few seconds, for health. Must not decide what follows."""

from __future__ import annotations

import asyncio
from typing import Self

import structlog

from monitor.engine.desk import Desk
from monitor.errors import StoreError

log = structlog.get_logger("store")

EVERY = 10.0  # seconds of real time between probes
STALE = 45.0  # seconds without a successful probe after which the store counts as stalled


class StorePulse:
    """Probes the store while it is open; `beats` says whether it answered lately."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last = 0.0
        self._task: asyncio.Task[None] | None = None

    def beats(self) -> bool:
        """True when the store took a write within the last `STALE` seconds."""
        return asyncio.get_running_loop().time() - self._last < STALE

    async def _probe(self) -> None:
        desk = self._desk
        while True:
            try:
                await desk.writer(desk.store.probe_write, desk.clock.now())
                self._last = asyncio.get_running_loop().time()
            except StoreError as error:
                log.warning("the store does not take a write", error=str(error))
            except Exception:
                log.exception("the probe of the store broke")  # and `beats` turns false if it goes on breaking
            await asyncio.sleep(EVERY)

    async def __aenter__(self) -> Self:
        self._last = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._probe(), name="store pulse")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
