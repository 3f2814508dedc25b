"""Definitions and settings that changed on disk, taken up without a restart: events of the file system, or SIGHUP.

What is broken is told once and keeps its last good definition; only what changed is touched. Events only wake: whether
anything changed is seen from the files themselves, which are also looked at every so often, for file systems that send
no events. Must not know how a file is read (`read` is handed in), nor what a watch does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import structlog

from monitor.engine.breaking import kept_up
from monitor.engine.daemon import Daemon
from monitor.engine.definitions import Difference, definition, difference, kept
from monitor.engine.patience import patiently
from monitor.errors import DefinitionError, MonitorError
from monitor.files.problems import Problem
from monitor.settings import FILE, Settings
from monitor.store.definitions import Reload
from monitor.watch.load import FOLDER, Loaded

log = structlog.get_logger("daemon")

LOOK = 30.0  # seconds of real time between looks at the files while events work
BLIND = 5.0  # … while they do not
QUIET = 200  # milliseconds without an event before the files are looked at: editors write in several steps
SHOWN = 10  # names in one line of the log
# What a part of the process holds on to; a change of one is taken up at the next start.
AT_START = ("agent", "base_url", "state", "queue", "concurrency", "http", "log", "llm_url", "llm_model",
            "ignore_robots", "allow_private")  # fmt: skip

Stamp = tuple[tuple[str, int, int, int, int], ...]


@dataclass(slots=True)
class Present:
    """The settings and definitions that a process goes by at present."""

    settings: Settings
    loaded: Loaded


class Reloading:
    """Takes up what changes while it is open. `problems` are those of the last reading, `last` what came of it."""

    def __init__(
        self,
        present: Present,
        settings: Callable[[], Settings],
        load: Callable[[Settings], Loaded],
        daemon: Daemon,
    ) -> None:
        self.hung_up = asyncio.Event()  # set at SIGHUP: read again, whatever the files look like
        self.problems: tuple[Problem, ...] = present.loaded.errors
        self.last = Reload(daemon.clock.now(), added=tuple(present.loaded.watches), problems=_as_json(self.problems))
        self._present = present
        self._settings = settings
        self._load = load
        self._daemon = daemon
        self._root = present.settings.workspace
        self._wake = asyncio.Event()
        self._events_work = False
        self._told: frozenset[Problem] = frozenset(self.problems)
        self._told_of_start: tuple[str, ...] = ()
        self._seen: Stamp | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def _run(self) -> None:
        if self._seen is None:
            self._seen = await asyncio.to_thread(stamp, self._root)
        while True:
            await self._woken()
            self._wake.clear()
            now = await asyncio.to_thread(stamp, self._root)
            if now != self._seen or self.hung_up.is_set():
                self.hung_up.clear()
                await self.reload()
                self._seen = now  # not before: where taking it up breaks, it is tried again

    async def _woken(self) -> None:
        """Wait for an event, a SIGHUP, or until it is time for a look."""
        waits = [asyncio.create_task(event.wait()) for event in (self._wake, self.hung_up)]
        try:
            seconds = LOOK if self._events_work else BLIND
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def reload(self) -> Difference:
        """Read everything again and run what is sound of it; returns what differs from before."""
        daemon, now = self._daemon, self._daemon.clock.now()
        settings, about_settings = await asyncio.to_thread(self._read_settings)
        fresh = await asyncio.to_thread(self._load, settings)
        loaded = kept(self._present.loaded, fresh)
        found = difference(daemon.watches, loaded.watches)
        self._present.settings, self._present.loaded = settings, loaded
        await daemon.redefine(loaded.watches, found, complete=not loaded.errors and not about_settings)
        self._tell((*about_settings, *loaded.errors), found)
        self.last = Reload(now, found.added, found.changed, found.removed, _as_json(self.problems))
        definitions = await asyncio.to_thread(
            lambda: {name: definition(loaded.watches[name], now) for name in (*found.added, *found.changed)}
        )
        await patiently(daemon.desk, daemon.desk.store.redefine, definitions, found.removed, self.last, now)
        return found

    def _read_settings(self) -> tuple[Settings, tuple[Problem, ...]]:
        """Return the settings as they are now, and what is wrong with them: then they stay as they were."""
        before = self._present.settings
        try:
            fresh = self._settings()
        except DefinitionError as error:
            return before, tuple(error.problems)
        except MonitorError as error:
            return before, (Problem(FILE, 0, 0, "", error.message, error.hint),)
        held = {name: getattr(before, name) for name in AT_START}
        later = tuple(name for name, value in held.items() if getattr(fresh, name) != value)
        if later and later != self._told_of_start:
            log.warning("some settings are taken up at the next start only", settings=", ".join(later))
        self._told_of_start = later
        return replace(fresh, **held), ()

    def _tell(self, problems: tuple[Problem, ...], found: Difference) -> None:
        """Log what changed, each problem once, and that there is none any more."""
        if found:
            words = {"added": found.added, "changed": found.changed, "removed": found.removed}
            log.info("definitions are read again", **{key: _listed(names) for key, names in words.items() if names})
        for problem in problems:
            if problem not in self._told:
                log.error("a definition cannot be used; what was sound of it before stays", problem=str(problem))
        if self.problems and not problems:
            log.info("every definition is sound again")
        self.problems, self._told = problems, frozenset(problems)

    # Events

    async def _watch_root(self) -> None:
        """Wake for settings, and watch the folder of definitions, anew each time that it comes and goes."""
        from watchfiles import awatch

        folder = self._begin(self._watch_folder, "events of definitions")
        try:
            changes = awatch(self._root, recursive=False, step=QUIET, watch_filter=_of_ours)
            self._events_work = True
            async for batch in changes:
                if any(Path(path).name == FOLDER for _, path in batch):
                    folder.cancel()
                    folder = self._begin(self._watch_folder, "events of definitions")
                self._wake.set()
        finally:
            self._events_work = False
            folder.cancel()

    async def _watch_folder(self) -> None:
        from watchfiles import awatch

        if not (self._root / FOLDER).is_dir():
            return  # the root says when it comes
        async for _ in awatch(self._root / FOLDER, step=QUIET, watch_filter=None):
            self._wake.set()

    def _begin(self, events: Callable[[], object], name: str) -> asyncio.Task[None]:
        async def seen() -> None:
            try:
                await events()  # type: ignore[misc] # a coroutine function of ours
            except OSError as error:  # no inotify watch is left, or the folder went away meanwhile
                self._events_work = False
                log.warning("the file system sends no events; files are looked at from time to time", error=str(error))

        task = asyncio.create_task(seen(), name=name)
        self._tasks = [each for each in self._tasks if not each.done()] + [task]
        return task

    async def __aenter__(self) -> Self:
        self._begin(self._watch_root, "events of settings")
        reading = kept_up(self._run, self._daemon.clock, "reload")
        self._tasks.append(asyncio.create_task(reading, name="reload"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def stamp(root: Path) -> Stamp:
    """Return what tells whether a file was written since: path, times, size and inode of settings and definitions."""
    paths = [root / FILE, root / ".env"]
    for folder, below, names in os.walk(root / FOLDER):
        below[:] = [name for name in below if not name.startswith(".")]
        paths += [Path(folder, name) for name in names if not name.startswith((".", "#")) and not name.endswith("~")]
    return tuple(sorted(found for path in paths if (found := _look(path)) is not None))


def _look(path: Path) -> tuple[str, int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _of_ours(_change: object, path: str) -> bool:
    return Path(path).name in {FILE, ".env", FOLDER}


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _as_json(problems: tuple[Problem, ...]) -> tuple[dict[str, object], ...]:
    return tuple(problem.as_json() for problem in problems)
