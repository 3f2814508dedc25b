"""One scene for every row of the fault matrix: a watch with a baseline, a scripted API, a real store, what must hold.

A scene is played over the full stack: execute, tracker, client, sockets on one side, SQLite on the other.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import Clock, WallClock
from monitor.engine.desk import Desk
from monitor.engine.execute import execute_to_the_end
from monitor.store.records import Record
from monitor.watch.model import Watch
from monitor.watch.run import Trigger
from tests.conftest import SimulatedClock
from tests.engine.conftest import Rows, fresh, opened, run_of, state, telling  # noqa: F401 - fixtures
from tests.scripted_api import BilledRun, Script, ScriptedApi, sse

BEFORE = {"price": 499.0, "in_stock": True}
AFTER = {"price": 449.0, "in_stock": True}
GOOD = "CHANGED"
STARTED = Script._event("STARTED")


@dataclass
class Scene:
    """A watch `espresso-machine` whose baseline is BEFORE; the next run that is paid for gives AFTER."""

    state: Path
    api: ScriptedApi
    clock: Clock = field(default_factory=SimulatedClock)
    watch: Watch = field(default_factory=telling)
    fields: dict[str, Any] = field(default_factory=dict)
    url: str | None = None
    baseline: str = ""

    def __post_init__(self) -> None:
        self.rows = Rows(self.state / "monitor.db")

    def desk(self) -> AbstractAsyncContextManager[Desk]:
        """Open a process's desk."""

        class Elsewhere:
            url = self.url or self.api.url

        fields: dict[str, Any] = {"everyone": lambda: [self.watch]} | self.fields
        return opened(self.state, Elsewhere, self.clock, **fields)  # type: ignore[arg-type] # only its url is read

    def fast(self, speed: float) -> None:
        """Let the clock be the wall's, driven: for what expires while a socket is read."""
        self.clock = WallClock(speed)

    def told(self) -> list[dict[str, Any]]:
        """Return every message of the outbox."""
        return self.rows("SELECT event, target, kind, title, body, watch FROM outbox ORDER BY id")

    @property
    def posts(self) -> int:
        """How many requests asked for a run since the baseline."""
        return self.api.posts

    @property
    def billed(self) -> int:
        """How many runs were created since the baseline."""
        return len(self.api.runs) - 1  # run_1 is the baseline's

    async def run(self, trigger: Trigger = Trigger.CRON, watch: Watch | None = None) -> Record:
        """Execute one run of the watch in a process of its own."""
        watch = watch or self.watch
        async with self.desk() as desk:
            return await execute_to_the_end(watch, run_of(watch, self.clock, trigger), desk)

    async def ends(
        self,
        verdict: str,
        code: str | None = None,
        *,
        posts: int = 1,
        billed: int = 1,
        says: str = "",
        cancels: int = 0,
    ) -> Record:
        """Execute one run and check all that must hold of it."""
        record = await self.run()
        assert (record.verdict, record.code) == (verdict, code), record.reason
        assert (self.posts, self.billed, self.api.cancels) == (posts, billed, cancels)
        self.check(record, says)
        return record

    def check(self, record: Record, says: str = "") -> None:
        """Check a record and what is stored beside it, however it came about."""
        assert says in record.reason, record.reason
        assert record.reason.isprintable()
        assert 0 < len(record.reason) <= 2_100
        assert "sk-canary" not in record.reason
        row = self.rows(f"SELECT stage, run_id FROM runs WHERE id = '{record.id}'")[0]
        assert row == {"stage": "judged", "run_id": record.run_id}
        assert self.rows("SELECT id FROM runs WHERE stage <> 'judged'") == []
        kept = self.rows("SELECT baseline_run FROM watch_state WHERE watch = 'espresso-machine'")[0]["baseline_run"]
        assert kept == (record.id if record.verdict == "CHANGED" else self.baseline)
        if record.verdict == "CHANGED":
            assert record.result == AFTER

    def stream(self, *parts: bytes | float) -> Script:
        """Script the stream of the next run, byte for byte; the run itself completes with AFTER."""
        return self.api.next_run(result=AFTER).raw(*parts)


def event(kind: str, **more: Any) -> bytes:
    """Return one event of the run."""
    return sse({"type": kind, "run_id": "{run_id}", "timestamp": "2026-11-21T12:00:00.000Z"} | more)


def complete(**more: Any) -> bytes:
    """Return the COMPLETE event of a run that went well."""
    return event("COMPLETE", **({"status": "COMPLETED", "result": AFTER} | more))


async def _baseline(folder: Path) -> None:
    async with ScriptedApi(result=BEFORE) as api:
        scene = Scene(folder, api)
        async with scene.desk() as desk:
            record = await execute_to_the_end(scene.watch, run_of(scene.watch, scene.clock), desk)
        assert record.verdict == "BASELINE"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, fresh: Path) -> Path:  # noqa: F811 - the fixture
    """A database in which the watch has its baseline, to be copied."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copy2(fresh, folder / "monitor.db")
    asyncio.run(_baseline(folder))
    return folder / "monitor.db"


@pytest.fixture
async def scene(state: Path, prepared: Path, anyio_backend: str) -> AsyncIterator[Scene]:  # noqa: F811 - the fixture
    shutil.copy2(prepared, state / "monitor.db")
    async with ScriptedApi(result=AFTER) as api:
        made = Scene(state, api)
        made.baseline = made.rows("SELECT id FROM runs")[0]["id"]
        made.clock.advance(60)  # type: ignore[attr-defined] # it is the simulated one as yet
        script = Script(result=BEFORE)
        api.runs.append(BilledRun("run_1", made.watch.goal, {}, script, datetime.now(UTC), time.monotonic(), 0.0))
        yield made
