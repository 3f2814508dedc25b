"""The screenshot of a run whose change is told: asked for once, kept in a file, attached by the outbox where it can be.

Only for watches with `capture_config: {screenshots: true}`. A picture is an extra: whatever goes wrong is logged and
the message goes without. Must not know targets.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from monitor.agent.screenshots import Picture
from monitor.engine.desk import Desk
from monitor.errors import AgentError
from monitor.judge.decision import Decision, Kind
from monitor.watch.model import Watch
from monitor.watch.run import Run

log = structlog.get_logger("run")

KEEP = timedelta(days=30)  # far longer than a message may wait for its target
_TOLD = {Kind.BASELINE, Kind.CHANGE}


def folder(database: Path) -> Path:
    """Return where the pictures of a workspace lie."""
    return database.parent / "screenshots"


async def keep(watch: Watch, run: Run, run_id: str | None, decision: Decision, desk: Desk) -> None:
    """Keep the picture of a run that is told of; before its messages are stored, so that none leaves without it."""
    capture = watch.run.capture_config
    if capture is None or not capture.screenshots or run_id is None:
        return
    if not any(note.kind in _TOLD for note in decision.notifications):
        return
    try:
        picture = await desk.client.screenshot(run_id)
        if picture is not None:
            _write(folder(desk.store.path), run.id, picture)
    except (AgentError, OSError) as error:
        log.warning("a message goes without its screenshot", watch=watch.name, run=run.id, error=str(error))


def _write(place: Path, name: str, picture: Picture) -> None:
    place.mkdir(mode=0o700, exist_ok=True)
    partial = place / f"{name}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(picture.content)
    partial.rename(place / f"{name}.{picture.kind}")


def prune(database: Path, now: datetime) -> None:
    """Remove the pictures that no message can still need."""
    place = folder(database)
    for path in place.iterdir() if place.is_dir() else ():
        if path.stat().st_mtime < (now - KEEP).timestamp():
            path.unlink(missing_ok=True)
