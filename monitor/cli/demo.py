"""`monitor demo`: the whole main job on this machine in under a minute, nothing faked.

This process serves the demo shop and the embedded agent, shows the alerts, and keeps a daemon running as a process
of its own: real HTTP, server-sent events, extraction and SQLite, the same code as with TinyFish. Only the daemon's
clock is driven faster.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from monitor.cli import output
from monitor.cli.scenes import SCENES, WATCHES, Scene, Told, set_price
from monitor.clock import WallClock
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.cli.screen import Alert, Screen
    from monitor.embedded.shop import Shop
    from monitor.store.records import Delivery
    from monitor.store.store import Store

SPEED = 20.0  # one minute of the daemon is 3 s
PATIENCE = 25.0  # seconds for the alerts of one scene

MONITOR_YAML = """\
agent: embedded
group_wait: 0s
targets:
  screen: {screen}
defaults:
  notify:
    - to: screen
      on: [baseline, change, failure, recovery, drift]
"""


_KEEP = "Stay up: the shop goes on changing until Ctrl-C; a killed daemon is started again."
_NOISY = "Every answer of the agent comes in another order, form and wrapping; what is told stays the same."


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("demo")(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help=_KEEP)] = False,
    noisy: Annotated[bool, typer.Option("--noisy", help=_NOISY)] = False,
) -> int:
    """The whole main job on this machine in under a minute: demo shop, embedded agent, daemon, alerts."""
    folder = Path(tempfile.mkdtemp(prefix="monitor-demo-"))
    try:
        return asyncio.run(_demo(folder, keep=keep, noisy=noisy))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _demo(folder: Path, *, keep: bool, noisy: bool) -> int:
    from monitor.cli.screen import Screen
    from monitor.embedded.server import EmbeddedAgent
    from monitor.embedded.shop import Shop
    from monitor.embedded.wobble import SEED
    from monitor.engine.daemon import stop_signals

    shop = Shop()
    noise = SEED if noisy else None
    whole = False
    origin = datetime.now(UTC)
    clock = WallClock(SPEED, origin)  # the agent dates its runs in the daemon's time
    stop = asyncio.Event()
    begin = time.monotonic()
    (folder / "state").mkdir()
    with stop_signals(stop), Screen() as screen:
        ledger = folder / "state" / "agent.db"
        async with EmbeddedAgent(ledger=ledger, shop=shop, clock=clock, noise=noise) as agent:
            _say(f"shop: {agent.base_url}/demo/  agent: {agent.base_url}  (both in this process)")
            if noise is not None:
                _show_noise(noise)
            _write_workspace(folder, screen.url)
            _say(f"workspace: {folder} ({len(WATCHES)} watches, all due every minute)")
            async with Supervisor(folder, agent.base_url, origin, _free_port(keep=keep)) as supervisor:
                pace = f"its clock runs {SPEED:g} times faster: a minute is {60 / SPEED:g} s"
                _say(f"daemon: process {supervisor.pid}; {pace}")
                _say(f"dashboard: http://{supervisor.dashboard}/{'' if keep else '  (for as long as the demo runs)'}")
                played = asyncio.create_task(_play(shop, screen, keep=keep), name="scenes")
                stopped = asyncio.create_task(stop.wait(), name="stop")
                await asyncio.wait({played, stopped}, return_when=asyncio.FIRST_COMPLETED)
                stopped.cancel()
                if not played.done():
                    played.cancel()
                    with suppress(asyncio.CancelledError):
                        await played
                else:
                    played.result()
                    whole = True
    _summary(folder, time.monotonic() - begin, keep=keep, whole=whole)
    return 0


def _say(text: str) -> None:
    output.line(f"[demo] {text}")


def _show_noise(seed: int) -> None:
    """Show one answer as it may come: the very function that the agent uses."""
    from monitor.embedded.wobble import wobbled

    answer = {"price": 499.0, "currency": "EUR", "in_stock": True}
    price = {"type": "number", "description": "In euros"}
    schema = {"properties": {"price": price, "currency": {"enum": ["EUR", "USD"]}, "in_stock": {"type": "boolean"}}}
    _say(f"noise: the answer {json.dumps(answer)} may come as")
    for number in range(1, 5):
        _say(f"       {json.dumps(wobbled(answer, schema, seed, number), ensure_ascii=False)}")


def _write_workspace(folder: Path, screen: str) -> None:
    (folder / "monitor.yaml").write_text(MONITOR_YAML.format(screen=screen), encoding="utf-8")
    (folder / "watches").mkdir()
    examples = resources.files("monitor.embedded") / "examples"
    for name in WATCHES:
        text = (examples / f"{name}.yaml").read_text(encoding="utf-8")
        every_minute = re.sub(r"(?m)^cron:.*$", 'cron: "* * * * *"', text)
        (folder / "watches" / f"{name}.yaml").write_text(every_minute, encoding="utf-8")


def _free_port(*, keep: bool) -> int:
    """Return the port of the dashboard: the usual one for a demo that stays, unless somebody has it, or a free one."""
    for port in (8600, 0) if keep else (0,):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise MonitorError("no port is free for the dashboard")


class Supervisor:
    """Keeps a daemon running: a daemon that dies is started again, and resumes."""

    def __init__(self, folder: Path, base_url: str, origin: datetime, port: int) -> None:
        self._log = folder / "daemon.log"
        self.dashboard = f"127.0.0.1:{port}"  # also of a daemon that is started again
        clock = ["--clock-speed", f"{SPEED:g}", "--clock-origin", f"{origin.timestamp():.6f}"]
        driven = ["--embedded-at", base_url, *clock]
        self._command = [sys.executable, "-m", "monitor", "--workspace", str(folder), "daemon", *driven]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MONITOR_", "TINYFISH_"))}
        self._environment = kept | {"MONITOR_AGENT": "embedded"}
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The daemon's process id."""
        assert self._process is not None
        return self._process.pid

    async def _start(self) -> asyncio.subprocess.Process:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, "--http", self.dashboard, stdout=log, stderr=log, env=self._environment
            )
        return self._process

    async def _watch(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            _say(f"the daemon ended ({code}); starting it again: it resumes where it was")
            if code == 2:  # somebody took the port between our look and its start
                self.dashboard = f"127.0.0.1:{_free_port(keep=False)}"
                _say(f"dashboard: http://{self.dashboard}/")
            await self._start()

    async def __aenter__(self) -> Self:
        await self._start()
        self._task = asyncio.create_task(self._watch(), name="supervisor")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        assert self._process is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 10)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


async def _play(shop: Shop, screen: Screen, *, keep: bool) -> None:
    """Play the scenes, each once its alerts have arrived; with `keep`, go on changing the shop for ever."""
    for scene in SCENES:
        await _scene(scene, shop, screen)
    if not keep:
        return
    _say("staying up: the shop goes on changing; Ctrl-C ends it, and kill -9 of the daemon is welcome")
    for price in itertools.cycle((479.0, 429.0, 459.0, 499.0)):
        await _scene(
            Scene(f"the espresso machine now costs {price:g} euros", partial(set_price, price), WATCHES[:1]),
            shop,
            screen,
        )


async def _scene(scene: Scene, shop: Shop, screen: Screen) -> None:
    _say(scene.text)
    scene.act(shop)
    await _hear(screen, scene.heard)


async def _hear(screen: Screen, watches: Sequence[str]) -> None:
    """Show alerts until each of `watches` was heard of; raises MonitorError when one stays silent."""
    waiting = set(watches)
    try:
        async with asyncio.timeout(PATIENCE):
            while waiting:
                alert = await screen.arrived.get()
                _show(alert)
                waiting -= {watch for watch in waiting if alert.title.startswith(watch)}
    except TimeoutError:
        raise MonitorError(
            f"no alert came from {', '.join(sorted(waiting))} in {PATIENCE:g} s", hint="see daemon.log with --keep"
        ) from None


def _show(alert: Alert) -> None:
    output.line(f"  ALERT  {alert.title}")
    for line in alert.body.splitlines():
        output.line(f"         {line}")


def _summary(folder: Path, seconds: float, *, keep: bool, whole: bool) -> None:
    """Say what came of it; raises MonitorError where a whole demo told anything but what was changed in the shop."""
    from monitor.store.store import Store

    with Store.open(str(folder / "state" / "monitor.db"), create=False) as store:
        records = {record.id: record for watch in WATCHES for record in store.history(watch, limit=10_000)}
        messages = list(_messages(store))
    verdicts = [record.verdict for record in records.values()]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts)))
    delivered = sum(message.state == "done" for message in messages)
    _say(f"{len(verdicts)} runs in {seconds:.0f} s: {counts}; {delivered} of {len(messages)} alerts delivered")
    if whole:
        done = [message for message in messages if message.state == "done"]
        told = [_said(m.watch, change) for m in done if m.kind == "change" for change in records[m.run].changes]
        _agree([*told, *((message.watch, message.title, "drift") for message in done if message.kind == "drift")])
    if keep:
        _say(f"the workspace stays: monitor --workspace {folder} history {WATCHES[0]}")


def _messages(store: Store) -> Iterator[Delivery]:
    """Yield every message of the outbox, page by page, newest first."""
    before = None
    while page := store.outbox(before=before):
        yield from page
        before = page[-1].id


def _said(watch: str, change: dict[str, Any]) -> Told:
    """Return a change that was told as the scenes have it: of a row that is added, its name is enough."""
    return watch, change["path"], change["after"] if change["kind"] == "changed" else change["kind"]


def _agree(told: list[Told]) -> None:
    """Say what was changed in the shop and what was told of it; raises MonitorError when they differ."""
    changed = [change for scene in SCENES for change in scene.changes]
    _say(f"changed in the shop: {len(changed)} things; told: {len(told)}")
    for watch, path, after in changed:
        heard = "told once" if told.count((watch, path, after)) == 1 else "NOT told once"
        output.line(f"         {watch} {path} {after if after == 'added' else f'= {json.dumps(after)}'}: {heard}")
    surplus = [change for change in told if change not in changed]
    if surplus or len(told) != len(changed) or any(told.count(change) != 1 for change in changed):
        raise MonitorError(f"what was told is not what was changed: {json.dumps(told, ensure_ascii=False)}"[:1_000])
    _say("every change was told, once, and nothing else")
