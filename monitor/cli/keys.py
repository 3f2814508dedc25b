"""A new API key without a restart: taken up when a file that may hold it changes, or at SIGHUP.

Looks at `.env`, `monitor.yaml` and the key's own file. A key that cannot be read is told, and the old one stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Self

import structlog

from monitor.agent.client import Client
from monitor.engine.breaking import kept_up
from monitor.engine.desk import Desk
from monitor.engine.stops import probe_key
from monitor.errors import MonitorError
from monitor.settings import Settings

log = structlog.get_logger("daemon")

LOOK = 5.0  # seconds of real time between looks at the files

Stamp = tuple[tuple[int, int] | None, ...]


class KeyKeeper:
    """Keeps the client's key the one that the settings name, while it is open; `read` reads the settings anew."""

    def __init__(self, settings: Settings, read: Callable[[], Settings], desk: Desk) -> None:
        self._settings = settings
        self._read = read
        self._desk = desk
        self.hung_up = asyncio.Event()  # set at SIGHUP
        self._taken: Stamp | None = None  # of the files, when what they say was last taken up
        self._task: asyncio.Task[None] | None = None

    def _stamp(self) -> Stamp:
        named = self._settings.environ.get("TINYFISH_API_KEY_FILE")
        workspace = self._settings.workspace
        paths = [workspace / ".env", workspace / "monitor.yaml", *([workspace / Path(named)] if named else [])]
        return tuple(_stat(path) for path in paths)

    async def _run(self) -> None:
        if self._taken is None:
            self._taken = self._stamp()
        while True:
            try:
                async with asyncio.timeout(LOOK):
                    await self.hung_up.wait()
            except TimeoutError:
                pass  # time for a look
            now = self._stamp()
            if now != self._taken or self.hung_up.is_set():
                self.hung_up.clear()
                await self._take_up()
                self._taken = now  # not before: where taking it up breaks, it is tried again

    async def _take_up(self) -> None:
        try:
            settings = self._read()
            key = settings.api_key.reveal() if settings.api_key else ""
            changed = _use(self._desk.client, key)
        except MonitorError as error:
            log.warning("the API key cannot be read; the old one stays", error=str(error))
            return
        self._settings = settings
        if changed:
            log.info("a new API key is used from now on")
            await probe_key(self._desk, at_once=True)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(kept_up(self._run, self._desk.clock, "API key"), name="API key")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _use(client: Client, key: str) -> bool:
    before = client.key_digest
    if key:
        client.use_key(key)
    return client.key_digest != before


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
