"""A stage for the console: the demo shop and the embedded agent here, a real daemon with its dashboard in a process.

The daemon's clock runs faster, so that a history worth looking at is there in seconds.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path

from monitor.clock import WallClock
from monitor.embedded.server import EmbeddedAgent
from monitor.embedded.shop import Shop
from monitor.store.store import Store

SPEED = 30.0  # one minute of the daemon is 2 s
PATIENCE = 60.0  # seconds for anything that must come about
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)> \u202etxt.exe"

YAML = """\
agent: embedded
group_wait: 0s
timezone: Europe/Berlin
targets:
  inbox: json://127.0.0.1:{port}/
  nobody: json://127.0.0.1:9/
defaults:
  notify:
    - to: inbox
      on: [baseline, change, failure, recovery]
"""
LOST = """\
url: http://demo.localhost/nowhere
goal: Find the price of what is gone.
cron: "* * * * *"
limits: {failing_after: 1}
tags: [gone]
output_schema: {type: object, required: [price], properties: {price: {type: number}}}
"""


@dataclass
class Theatre:
    """A daemon that runs; `shop` is what its watches look at, `taken` what its target was sent."""

    folder: Path
    base: str
    shop: Shop
    taken: list[bytes] = field(default_factory=list)

    def history(self, watch: str) -> list[str]:
        """The verdicts of a watch, newest first."""
        with Store.open(str(self.folder / "state" / "monitor.db"), create=False) as store:
            return [record.verdict for record in store.history(watch, limit=500)]

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something is so; fails with what was waited for."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"in vain: {what}\n{(self.folder / 'daemon.log').read_text()[-3_000:]}"
            time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _workspace(folder: Path, port: int) -> None:
    (folder / "state").mkdir(parents=True)
    (folder / "watches").mkdir()
    (folder / "monitor.yaml").write_text(YAML.format(port=port))
    examples = resources.files("monitor.embedded") / "examples"
    for name in ("espresso-machine", "grinders", "news"):
        text = (examples / f"{name}.yaml").read_text(encoding="utf-8")
        every = "* * * * *" if name == "espresso-machine" else "*/3 * * * *"
        (folder / "watches" / f"{name}.yaml").write_text(re.sub(r"(?m)^cron:.*$", f'cron: "{every}"', text))
    (folder / "watches" / "lost.yaml").write_text(LOST)


@contextmanager
def _sink(taken: list[bytes]) -> Iterator[int]:
    """A target that takes everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _agent(folder: Path, shop: Shop, clock: WallClock) -> Iterator[str]:
    """The embedded agent on a thread with a loop of its own."""
    up, stop = threading.Event(), asyncio.Event()
    found: list[tuple[str, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with EmbeddedAgent(ledger=folder / "state" / "agent.db", shop=shop, clock=clock) as agent:
            found.append((agent.base_url, asyncio.get_running_loop()))
            up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(PATIENCE)
    base, loop = found[0]
    try:
        yield base
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


@contextmanager
def theatre(folder: Path, **environ: str) -> Iterator[Theatre]:
    """A shop, an agent and a daemon over a workspace in `folder`, until the block ends."""
    taken: list[bytes] = []
    shop, origin = Shop(), datetime.now(UTC)
    shop.publish(HOSTILE, "2026-11-20", "Nothing in it.")
    with _sink(taken) as port:
        _workspace(folder, port)
        with _agent(folder, shop, WallClock(SPEED, origin)) as agent:
            driven = [
                "--embedded-at",
                agent,
                "--clock-speed",
                f"{SPEED:g}",
                "--clock-origin",
                f"{origin.timestamp():.6f}",
            ]
            kept = {key: value for key, value in os.environ.items() if not key.startswith(("MONITOR_", "TINYFISH_"))}
            with (folder / "daemon.log").open("wb") as log:
                command = [sys.executable, "-m", "monitor", "--workspace", str(folder), "daemon", *driven]
                daemon = subprocess.Popen(
                    [*command, "--http", "127.0.0.1:0"],
                    stdout=log,
                    stderr=log,
                    env=kept | {"MONITOR_AGENT": "embedded"} | environ,
                )
                try:
                    yield _up(folder, shop, taken)
                finally:
                    daemon.terminate()
                    daemon.wait(PATIENCE)


def _up(folder: Path, shop: Shop, taken: list[bytes]) -> Theatre:
    """The daemon once it answers, by the address that it prints."""
    stage = Theatre(folder, "", shop, taken)
    said = lambda: re.search(r"http://127\.0\.0\.1:\d+", (folder / "daemon.log").read_text())  # noqa: E731 - short
    stage.until(lambda: said() is not None, "the daemon says where its dashboard is")
    found = said()
    assert found is not None
    stage.base = found[0]
    stage.until(lambda: _answers(f"{stage.base}/healthz"), "the daemon answers")
    return stage
