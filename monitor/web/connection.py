"""One connection of the server: uvicorn's own, with a bound on how long the head of a request may take to arrive.

Without it, whoever sends a header every few seconds keeps his place for ever (reliability.md row 49). Bodies are bound
by `body`. Must not know what is asked.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

WHOLE_WITHIN = 10.0  # seconds of real time


class Connection(H11Protocol):
    """Closes when a request was begun, or nothing was said at all, and its head is not there in time."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take what came; what begins a new request begins its time."""
        if self._late is None and self._between():
            self._expect()
        super().data_received(data)
        if not self._between() and self._late is not None:
            self._late.cancel()
            self._late = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        if self._late is not None:
            self._late.cancel()
            self._late = None
        super().connection_lost(exc)

    def _between(self) -> bool:
        """Return whether no request is being answered."""
        cycle: Any = self.cycle  # None until the first request, whatever its annotation says
        return cycle is None or cycle.response_complete

    def _expect(self) -> None:
        self._late = self.loop.call_later(WHOLE_WITHIN, self._too_late)

    def _too_late(self) -> None:
        self._late = None
        if self._between() and not self.transport.is_closing():
            self.transport.close()
