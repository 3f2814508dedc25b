"""When a paid result goes to the spool and when it comes back: `store.spool` beside the store (reliability.md row 101).

A spool that cannot be used is logged and changes nothing: the result is in memory, and at the API. Must not know files.
"""

from __future__ import annotations

import asyncio

import structlog

from monitor.agent.outcome import Outcome
from monitor.engine.desk import Desk
from monitor.engine.patience import patiently
from monitor.errors import StoreError
from monitor.store.records import Unfinished
from monitor.store.spool import Spool
from monitor.watch.run import Run

log = structlog.get_logger("store")


async def settle(run: Run, outcome: Outcome, desk: Desk) -> None:
    """Store an outcome; while the store takes nothing, what was paid for is in the spool too."""
    try:
        await desk.writer(desk.store.settle, run.id, outcome, desk.clock.now())
    except StoreError as error:
        if not error.transient:
            raise
        spooled = outcome.run_id is not None and await _put(run, outcome, desk, error)
    else:
        return
    await patiently(desk, desk.store.settle, run.id, outcome, desk.clock.now())
    if spooled:
        await drop(run.id, desk)


async def _put(run: Run, outcome: Outcome, desk: Desk, why: StoreError) -> bool:
    spool = Spool.of(desk.store.path)
    try:
        await asyncio.to_thread(spool.put, run, outcome)
    except (StoreError, ValueError) as error:
        log.warning("a result that the store does not take is in memory only", run=run.id, error=str(error))
        return False
    log.warning(
        "a result that the store does not take is spooled", run=run.id, folder=str(spool.folder), error=str(why)
    )
    return True


async def taken(left: Unfinished, desk: Desk) -> Outcome | None:
    """Return what the spool holds of a run that is not settled, None when nothing that can be believed; see `drop`."""
    try:
        outcome = await asyncio.to_thread(Spool.of(desk.store.path).take, left.run)
    except StoreError as error:
        log.warning("the spool is not used", run=left.run.id, error=str(error))
        return None
    if outcome is None:
        return None
    if left.run_id is not None and outcome.run_id != left.run_id:
        log.warning("the spool holds the result of another remote run", run=left.run.id)
        return None
    log.info("a result comes from the spool", watch=left.run.watch, run=left.run.id)
    return outcome


async def drop(run_id: str, desk: Desk) -> None:
    """Forget what the spool holds of a run that is settled."""
    try:
        await asyncio.to_thread(Spool.of(desk.store.path).drop, run_id)
    except StoreError as error:
        log.warning("the spool keeps a result that is stored", run=run_id, error=str(error))


async def clear(desk: Desk) -> None:
    """Remove from the spool what the store has; what belongs to no run of this store is named and stays."""
    try:
        waiting = await asyncio.to_thread(Spool.of(desk.store.path).waiting)
    except StoreError as error:
        log.warning("the spool is not used", error=str(error))
        return
    if not waiting:
        return
    unfinished = {left.run.id: left for left in await patiently(desk, desk.store.unfinished)}
    for run_id in waiting:
        left = unfinished.get(run_id)
        if left is not None and left.outcome is None:
            continue  # whoever resumes the run takes it
        record = None if left else await patiently(desk, desk.store.record, run_id)
        if left is not None or (record is not None and record.id == run_id):
            await drop(run_id, desk)
        else:
            log.warning("the spool holds a result of an unknown run; it stays there", run=run_id)
