"""One run in flight, as its runner and its listeners see it, and room for such. Must not know how it is worked on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from monitor.embedded.captures import Captures
from monitor.embedded.order import Order


@dataclass(frozen=True, slots=True)
class Room:
    """How many runs are worked on at once, and how many may be in flight in all, those that wait included."""

    concurrency: int
    queue_limit: int


@dataclass(eq=False, slots=True)
class Flight:
    """One run in flight: its object as it stands, who listens to its events, and whether it has ended."""

    run: dict[str, Any]
    order: Order
    listeners: list[asyncio.Queue[dict[str, Any] | None]] = field(default_factory=list)
    ending: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    step_began: float = 0.0
    captures: Captures = field(default_factory=Captures)

    def tell(self, event: dict[str, Any] | None) -> None:
        """Hand an event to every listener; None means that the stream is cut."""
        for listener in self.listeners:
            listener.put_nowait(event)
