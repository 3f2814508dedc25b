"""Occurrences that did not run: one notification for all that one downtime cost (`on: [missed]`).

Must not know why nothing ran, nor how occurrences are recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from monitor.judge.decision import Kind, Notification
from monitor.judge.telling import targets
from monitor.watch.model import Watch


def missed(
    watch: Watch, instants: Sequence[datetime], code: str, reason: str, new_event: Callable[[], str]
) -> Notification | None:
    """Return what is told of occurrences that were missed together, oldest first; None where nobody wants to know."""
    whom = targets(watch, Kind.MISSED)
    if not whom or not instants:
        return None
    return Notification(
        new_event(), Kind.MISSED, whom, code=code, message=reason, since=instants[0], failures=len(instants)
    )
