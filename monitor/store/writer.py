"""How async code calls the store: one thread that writes, a few that read. Must not know what is called.

One writing thread keeps the order of writes the order of calls and never makes the event loop wait for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Self, TypeVar

from monitor.errors import StoreError
from monitor.store.store import Store

_READERS = 4

P = ParamSpec("P")
T = TypeVar("T")


class Writer:
    """Calls methods of a store on threads: `await writer(store.commit, …)`, `await writer.read(store.history, …)`.

    A call whose awaiting task is cancelled is still finished if it has begun. The store is closed by who opened it.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        self._closed = False

    async def __call__(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method that writes, after those that were asked for before it."""
        return await self._on(self._writing, partial(method, *args, **kwargs))

    async def read(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method that only reads, beside the writing ones."""
        return await self._on(self._reading, partial(method, *args, **kwargs))

    async def aclose(self) -> None:
        """Take nothing new and wait for what is in hand; each call is bounded by the store's time-outs."""
        self._closed = True
        await asyncio.to_thread(self._shut)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _shut(self) -> None:
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)

    async def _on(self, threads: Executor, call: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError("the store is being closed", hint="the work is taken up at the next start")
        return await asyncio.get_running_loop().run_in_executor(threads, call)
