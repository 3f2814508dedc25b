"""A message is closed when it is claimed, not when its target took it."""

from __future__ import annotations

from typing import Any

from monitor.store import deliveries

_claim = deliveries.claim


def claim(connection: Any, now: Any, *rest: Any) -> Any:
    rows = _claim(connection, now, *rest)
    for row in rows:
        deliveries.delivered(connection, row.id, now)
    return rows


deliveries.claim = claim  # type: ignore[assignment]
