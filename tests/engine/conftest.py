"""What the tests of the engine share: a state folder, and a process's desk that is opened and left like a real one."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from monitor.agent.client import Client
from monitor.clock import Clock
from monitor.engine.desk import Desk
from monitor.store.owners import Owner
from monitor.store.store import Store
from monitor.store.writer import Writer
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id
from tests.conftest import make_watch
from tests.scripted_api import ScriptedApi

TELLING: dict[str, Any] = {"notify": [{"to": "ops", "on": ["baseline", "change", "failure", "recovery"]}]}


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as `Store.open` makes it, to be copied: migrating anew for each test takes longer than the test."""
    path = tmp_path_factory.mktemp("fresh") / "monitor.db"
    Store.open(str(path)).close()
    return path


@pytest.fixture
def state(tmp_path: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with an empty store in it; its spool is in a folder of the test too."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    shutil.copy2(fresh, folder / "monitor.db")
    return folder


@dataclass
class Rows:
    """The tables as another process sees them, by a connection of its own."""

    path: Path

    def __call__(self, query: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]

    @property
    def stages(self) -> list[tuple[str, str | None]]:
        return [(row["stage"], row["run_id"]) for row in self("SELECT stage, run_id FROM runs ORDER BY id")]

    @property
    def records(self) -> list[tuple[str, str | None]]:
        return [
            (row["verdict"], row["code"]) for row in self("SELECT verdict, code FROM runs ORDER BY due_at, attempt")
        ]


@pytest.fixture
def rows(state: Path) -> Rows:
    return Rows(state / "monitor.db")


@dataclass
class Told:
    """Counts how often the sender was woken, and what was in the outbox then."""

    rows: Rows
    seen: list[int] = field(default_factory=list)

    def __call__(self) -> None:
        self.seen.append(len(self.rows("SELECT id FROM outbox")))


@asynccontextmanager
async def opened(
    state: Path,
    api: ScriptedApi,
    clock: Clock,
    *,
    writer: Callable[[Store], Writer] = Writer,
    busy_timeout: float = 10.0,
    **fields: Any,
) -> AsyncIterator[Desk]:
    """A process's desk; leaving it gives the ownership up, so that what is unfinished counts as a dead process's."""
    with Store.open(str(state / "monitor.db"), busy_timeout=busy_timeout) as store, Owner.claim(state) as owner:
        async with writer(store) as calls, Client(api.url, "sk-canary", clock=clock) as client:
            fields = {"reveal": lambda text: text, "told": Told(Rows(state / "monitor.db"))} | fields
            yield Desk(store=store, writer=calls, client=client, clock=clock, owner=owner, **fields)


def telling(**changes: Any) -> Watch:
    """A watch that tells `ops` of everything."""
    return make_watch(**(TELLING | changes))


def run_of(watch: Watch, clock: Clock, trigger: Trigger = Trigger.CRON, **changes: Any) -> Run:
    """A run of the present instant."""
    now = clock.now()
    return Run(**({"id": new_id(now), "watch": watch.name, "due_at": now, "trigger": trigger} | changes))


async def until(reached: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until what other tasks, threads and processes do has come so far; fails the test after `seconds`."""
    async with asyncio.timeout(seconds):
        while not reached():  # noqa: ASYNC110 - what is waited for happens in other processes and in databases
            await asyncio.sleep(0.005)
