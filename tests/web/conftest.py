"""What the tests of the console share: a real one on a free port over a real store, and a way to ask it anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor import settings as reading
from monitor.clock import WallClock
from monitor.engine.actions import Actions
from monitor.engine.desk import Desk
from monitor.engine.dispatch import Dispatcher
from monitor.engine.execute import execute, resume
from monitor.engine.steps import Steps
from monitor.files.addresses import Listen
from monitor.files.secrets import Secret
from monitor.settings import Settings
from monitor.watch.model import Watch
from monitor.web.access import Tokens
from monitor.web.console import Console
from monitor.web.health import Health
from monitor.web.live import Live
from monitor.web.server import Door, serve
from tests.conftest import make_watch
from tests.engine.conftest import fresh, opened, state  # noqa: F401 - fixtures
from tests.scripted_api import ScriptedApi

TOKEN, READ_TOKEN = "full-0123456789abcdef-canary", "read-0123456789abcdef-canary"
TOKENS = Tokens(Secret(TOKEN), Secret(READ_TOKEN))
WELL = Health({"scheduler": None, "outbox": None, "store": None})


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Site:
    """A served console: where it is, and what it is made of."""

    base: str
    console: Console
    desk: Desk
    api: ScriptedApi
    watches: dict[str, Watch] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    async def ask(
        self, method: str, path: str, *headers: str, body: bytes | str | dict[str, Any] = b"", host: str | None = None
    ) -> Answer:
        """Send one request, byte for byte, and return the whole answer."""
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {f'127.0.0.1:{self.port}' if host is None else host}",
            "Connection: close",
        ]
        if isinstance(body, dict):
            lines.append("Content-Type: application/json")
            body = json.dumps(body)
        data = body.encode() if isinstance(body, str) else body
        if data:
            lines.append(f"Content-Length: {len(data)}")
        return await self.raw("\r\n".join([*lines, *headers, "", ""]).encode() + data)

    async def raw(self, data: bytes, *, within: float = 10.0) -> Answer:
        """Send bytes and return the answer, which ends with the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(within):
                answer = await reader.read()
        except ConnectionResetError:
            answer = b""  # it was cut off while it was still sending
        finally:
            writer.close()
        return parsed(answer)

    async def get(self, path: str, *headers: str) -> Answer:
        return await self.ask("GET", path, *headers)

    async def post(self, path: str, *headers: str, body: bytes | str | dict[str, Any] = b"") -> Answer:
        return await self.ask("POST", path, *headers, body=body)


def parsed(answer: bytes) -> Answer:
    """Return the parts of an answer; a chunked body is put together."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in rest)}
    if headers.get("transfer-encoding") == "chunked":
        whole, left = b"", body
        while left:
            size, _, left = left.partition(b"\r\n")
            whole, left = whole + left[: int(size or b"0", 16)], left[int(size or b"0", 16) + 2 :]
        body = whole
    return Answer(int(first.split()[1]) if first else 0, headers, body)


def settings_of(folder: Path, text: str = "", **environ: str) -> Settings:
    """The settings of a workspace whose monitor.yaml says `text`."""
    folder.mkdir(exist_ok=True)
    if text:
        (folder / "monitor.yaml").write_text(text)
    return reading.load(folder, {}, environ)


@asynccontextmanager
async def console_at(
    state: Path,  # noqa: F811 - the fixture of that name
    *watches: Watch,
    door: Door | None = None,
    health: Callable[[], Health] = lambda: WELL,
    yaml: str = "agent: embedded\n",
    api: ScriptedApi | None = None,
) -> AsyncIterator[Site]:
    """A console over the store in `state`, its runs made by a scripted API."""
    clock = WallClock()
    defined = {watch.name: watch for watch in watches or (make_watch(),)}
    settings = settings_of(state.parent / "workspace", yaml)
    door = door or Door(Listen("127.0.0.1", 0), Tokens(None, None))
    steps = Steps()
    async with (
        api or ScriptedApi() as scripted,
        opened(state, scripted, clock) as desk,
        Dispatcher(
            lambda watch, run: steps.recorded(run, lambda show: execute(watch, run, desk, show), desk),
            lambda watch, left: steps.recorded(left.run, lambda show: resume(watch, left, desk, show), desk),
            4,
            lambda record: live.recorded(record),  # noqa: PLW0108 - it is made further down
        ) as dispatcher,
    ):
        with ThreadPoolExecutor(2) as readers:
            async with Actions(desk, dispatcher, lambda: defined, lambda: settings.targets) as actions:
                live = Live(desk.store, readers, steps, clock)
                actions.changed = live.changed
                console = Console(
                    store=desk.store,
                    watches=lambda: defined,
                    problems=lambda: (),
                    settings=lambda: settings,
                    clock=clock,
                    actions=actions,
                    live=live,
                    health=health,
                    started_at=clock.now(),
                    readers=readers,
                )
                async with serve(console, door) as base:
                    yield Site(base, console, desk, scripted, defined)


@pytest.fixture
async def site(state: Path) -> AsyncIterator[Site]:  # noqa: F811 - the fixture of that name
    """A console on loopback that asks for no token."""
    async with console_at(state) as found:
        yield found


@pytest.fixture
async def guarded(state: Path) -> AsyncIterator[Site]:  # noqa: F811 - the fixture of that name
    """A console that asks for a token, and answers for https://monitor.example too."""
    door = Door(Listen("127.0.0.1", 0), TOKENS, "https://monitor.example")
    async with console_at(state, door=door, yaml="agent: embedded\ntargets: {ops: 'json://127.0.0.1:9'}\n") as found:
        yield found


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
