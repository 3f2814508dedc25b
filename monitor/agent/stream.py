"""The open stream of one run: bytes in, events out, within a time limit. Must not know how it was opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx

from monitor.agent import events
from monitor.agent import happenings as h
from monitor.agent.events import WireEvent
from monitor.agent.masking import Mask
from monitor.agent.outcome import Code, Fault
from monitor.agent.sse import Decoder, Payload
from monitor.agent.transport import TROUBLE, trouble


class EventStream:
    """An open stream of one run; `read` gives what came, and `aclose` closes its connection."""

    def __init__(self, response: httpx.Response, limit: Callable[[float], asyncio.Timeout], mask: Mask) -> None:
        self._response, self._limit, self._mask = response, limit, mask
        self._chunks = response.aiter_raw()
        self._decoder = Decoder()

    async def read(self, within: float) -> tuple[WireEvent, ...] | h.Expired | h.Lost:
        """Return the events of the next bytes (none, if they complete none) that come `within` so many seconds."""
        if self._decoder.exceeded:
            return h.Lost(Fault(Code.PROTOCOL, f"the stream is refused: {self._decoder.exceeded}"))
        try:
            async with self._limit(within):
                chunk = await anext(self._chunks)
        except StopAsyncIteration:
            return h.Lost(Fault(Code.NETWORK, "the stream ended before the run did"))
        except TimeoutError:
            return h.Expired()
        except TROUBLE as error:
            return h.Lost(trouble(error, "while the stream was read", masked=self._mask.text))
        return tuple(events.event(self._masked(payload)) for payload in self._decoder.feed(chunk))

    def _masked(self, payload: Payload) -> Payload:
        return Payload(self._mask.document(payload.data), self._mask.text(payload.name), payload.damaged)

    async def aclose(self) -> None:
        """Close the connection; the run itself goes on (agent-api.md 4.4)."""
        await self._response.aclose()
