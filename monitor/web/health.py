"""`GET /healthz` and `/readyz`: whether scheduler, outbox and store are alive, for probes (reliability.md C10).

The routes that need no token (F6): they say ok or failing per part, and that there are dead messages (C4), and nothing
else. Must not know how a part judges itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from fastapi import APIRouter

log = structlog.get_logger("health")


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with each part of the process, None where it is alive; strangers may read it.

    Dead messages (`dead`) are said and do not turn it red: starting the process again, as those do who ask, cures none.
    """

    parts: Mapping[str, str | None]
    dead: bool = False

    @property
    def ok(self) -> bool:
        """True when every part is alive."""
        return not any(self.parts.values())


def router(health: Callable[[], Health]) -> APIRouter:
    """Return the two routes; a process that answers at all is ready when it is well."""
    from fastapi import APIRouter
    from starlette.responses import JSONResponse, Response

    routes = APIRouter(include_in_schema=False)

    async def healthz() -> Response:
        status, said = report(health)
        return JSONResponse(said, status)

    routes.add_api_route("/healthz", healthz)
    routes.add_api_route("/readyz", healthz)
    return routes


def report(health: Callable[[], Health]) -> tuple[int, dict[str, Any]]:
    """Return status and body; a check that itself fails is a failing process, not an error page."""
    try:
        found = health()
    except Exception as error:  # noqa: BLE001 - whatever is wrong in there, the answer is "failing"
        log.error("the health check failed", kind=type(error).__name__)  # noqa: TRY400 - no traceback
        return 503, {"status": "failing"}
    dead = {"messages": "some could not be delivered"} if found.dead else {}
    if found.ok:
        return 200, {"status": "ok"} | dead
    parts = {part: f"failing: {why}" if why else "ok" for part, why in found.parts.items()}
    return 503, {"status": "failing"} | parts | dead
