"""Where the schema of a run goes: into its field or, for a key that may not use `output_schema`, into the goal.

Owns how long that is remembered of a key: in memory, and in the store for other processes and the next start. The field
is tried again after a week; a new key has no memory (reliability.md row 31, agent-api.md 8.2). Must not know requests.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from monitor.agent.goal import goal_text
from monitor.engine.desk import Desk
from monitor.engine.patience import patiently
from monitor.errors import StoreError
from monitor.store.records import Unfinished
from monitor.watch.model import Watch
from monitor.watch.run import Run

REMEMBERED = timedelta(days=7)
REMARK = "the schema was sent in the goal: the account may not use output_schema"

log = structlog.get_logger("run")


async def in_goal(desk: Desk) -> bool:
    """Return whether a run that starts now has its schema in the goal; never raises for the store."""
    if desk.client.embedded:
        return False
    key, now = desk.client.key_digest or "", desk.clock.now()
    try:
        stored = await desk.writer.read(desk.store.schema_refused_at, key)
    except StoreError as error:
        log.warning("whether the account may use output_schema could not be read", error=str(error))
        stored = None
    known = (stored, desk.schema_refused.get(key))
    return any(at is not None and abs(now - at) < REMEMBERED for at in known)


async def into_goal(watch: Watch, run: Run, desk: Desk) -> None:
    """Write the goal that is sent next into the row, and remember the key, in one commit, before anything is sent.

    Raises StoreError that no waiting mends.
    """
    key, now = desk.client.key_digest or "", desk.clock.now()
    log.warning("the account may not use output_schema: the schema goes into the goal", watch=watch.name, run=run.id)
    desk.schema_refused[key] = now
    await patiently(desk, desk.store.restate, run.id, goal_text(watch, run, stated=True), key, now)


def was_stated(watch: Watch, left: Unfinished) -> bool:
    """Return whether a run that was opened earlier has its schema in the goal, by the text in its row."""
    return left.goal == goal_text(watch, left.run, stated=True)
