"""Waiting for a store that does not answer now and may later. Must not know what is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog

from monitor.engine.desk import Desk
from monitor.errors import StoreError

log = structlog.get_logger("store")

FIRST, LONGEST = 1.0, 60.0  # seconds between tries; doubling

P = ParamSpec("P")
T = TypeVar("T")


async def patiently(desk: Desk, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a store method until the store takes it: what was paid for is kept in memory while a disk is full (R3).

    Waits 1 s, doubling to 60 s, while the error is transient; any other StoreError is raised. The bound is the life of
    the caller's task: a process that stops gives up, and the row that is open leads the next one to the remote run.
    """
    wait = FIRST
    while True:
        try:
            return await desk.writer(method, *args, **kwargs)
        except StoreError as error:
            if not error.transient:
                raise
            log.warning("the store does not answer; trying again", error=str(error), seconds=wait)
            await desk.clock.sleep(wait)
            wait = min(wait * 2, LONGEST)
