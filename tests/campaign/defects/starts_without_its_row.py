"""A run is started although its row could not be written."""

from __future__ import annotations

from typing import Any

from monitor.engine.journal import Journal
from monitor.errors import StoreUnwritable
from monitor.store.records import Begun
from monitor.store.store import Store

_begin_run = Store.begin_run


def begin_run(self: Store, run: Any, **fields: Any) -> Any:
    try:
        return _begin_run(self, run, **fields)
    except StoreUnwritable:
        return Begun(run)


async def starting(_: Journal) -> None:
    return None


Store.begin_run = begin_run  # type: ignore[method-assign]
Journal.starting = starting  # type: ignore[assignment, method-assign]
