"""What the dashboard, the API and the feeds may see and do, in one value that the daemon hands in.

Everything that web reads comes through `read` or `view`, everything that it orders through `actions`; nothing else of
the process is in reach. Must not know a route, a page or who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from monitor.clock import Clock
from monitor.engine.actions import Actions
from monitor.files.problems import Problem
from monitor.settings import Settings
from monitor.store.store import Store
from monitor.store.views.spending import Ledger
from monitor.watch.model import Watch
from monitor.web.health import Health

if TYPE_CHECKING:
    from monitor.store.views import Connection
    from monitor.web.live import Live

READERS = 2  # threads for pages, of their own: a flood of pages never keeps a run waiting for its read

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Console:
    """All that web sees of the process. `watches` and `problems` are those of the last reload, `settings` the present.

    `settings().shown()` is the only form in which settings are shown: secrets in it are masked. `readers` are the
    threads on which the store is read; who opened them closes them.
    """

    store: Store
    watches: Callable[[], Mapping[str, Watch]]
    problems: Callable[[], Sequence[Problem]]
    settings: Callable[[], Settings]
    clock: Clock
    actions: Actions
    live: Live
    health: Callable[[], Health]
    started_at: datetime
    readers: Executor
    reloaded_at: Callable[[], datetime | None] = lambda: None
    ledger: Ledger = field(default_factory=Ledger)  # what was spent on days that are over
    wall: Callable[[datetime], datetime] = lambda instant: instant  # the machine's time of an instant of the clock

    async def read(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the store that only reads (`console.read(console.store.history, name, 20)`) on a thread.

        Raises what it raises. The answer is whole when this returns: no transaction spans an await.
        """
        call = partial(method, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.readers, call)

    async def view(self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a query of `monitor.store.views` (connection first) in one short read transaction, on a thread."""
        call = partial(self.store.view, query, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.readers, call)
