"""A message is closed when it is claimed, not when its target took it."""

from __future__ import annotations

from typing import Any

from monitor.store import deliveries

_claim = deliveries.claim


def claim(connection: Any, now: Any, *rest: Any) -> Any:
    groups = _claim(connection, now, *rest)
    for group in groups:
        deliveries.delivered(connection, [row.id for row in group], now)
    return groups


deliveries.claim = claim  # type: ignore[assignment]
