"""Webhooks: each end of a run, told to the address that its order named (agent-api.md 12).

A hint, delivered at least once while this process lives: whoever gets it asks `GET /v1/runs/{id}`. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import structlog

from monitor.clock import Clock
from monitor.embedded import wire
from monitor.embedded.order import Order
from monitor.errors import FetchError
from monitor.fetch import Policy, post

log = structlog.get_logger(__name__)

TIMEOUT = 10.0  # seconds of one attempt
PAUSES = (1.0, 2.0, 4.0)  # seconds before the second, third and fourth attempt
MAX_PENDING = 1_000


class Webhooks:
    """Delivers the ends of runs under one policy, in tasks of `group`; `stop` gives up what is not delivered."""

    def __init__(self, policy: Policy, clock: Clock, group: asyncio.TaskGroup) -> None:
        self._policy = policy
        self._clock = clock
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()

    def ended(self, order: Order, run: dict[str, Any]) -> None:
        """Begin to tell one end, if its order names an address."""
        if order.webhook_url is None:
            return
        if len(self._tasks) >= MAX_PENDING:
            log.warning("embedded_webhook_dropped", run_id=run["run_id"], reason="too many are waiting")
            return
        told = self._told(order.webhook_url, run["run_id"], payload(run))
        task = self._group.create_task(told, name=f"embedded-webhook-{run['run_id']}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Give up every delivery that is under way, and say so."""
        for task in list(self._tasks):
            log.warning("embedded_webhook_dropped", task=task.get_name(), reason="the agent stops")
            task.cancel()

    async def _told(self, url: str, run_id: str, content: bytes) -> None:
        host = urlsplit(url).hostname  # the rest of the address may hold a secret
        for number in range(len(PAUSES) + 1):
            if number:
                await self._clock.sleep(PAUSES[number - 1])
            said, final = await self._attempt(url, content)
            if said is None:
                return
            log.warning("embedded_webhook_failed", run_id=run_id, host=host, attempt=number + 1, problem=said)
            if final:
                return

    async def _attempt(self, url: str, content: bytes) -> tuple[str | None, bool]:
        """Return what went wrong, None for nothing, and whether repeating it cannot help."""
        try:
            status = await post(url, content, policy=self._policy)
        except FetchError as problem:
            return problem.message, problem.code in {"blocked_address", "bad_url"}
        if 200 <= status < 300:
            return None, True
        return f"it answered {status}", status < 500


def payload(run: dict[str, Any]) -> bytes:
    """Return the body of the webhook of a finished run: the whole run, without screenshots."""
    told = {
        "event": f"run.{run['status'].lower()}",
        "run_id": run["run_id"],
        "status": run["status"],
        "data": wire.shown(run, detail=True),
    }
    return json.dumps(told, separators=(",", ":")).encode()
