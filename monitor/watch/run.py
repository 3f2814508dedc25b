"""A run: one attempt to do what a watch asks, opened for one due instant. Knows nothing of how it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ulid import ULID


class Trigger(StrEnum):
    """Why a run was opened."""

    CRON = "cron"
    MANUAL = "manual"
    CONFIRM = "confirm"
    RETRY = "retry"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt for one occurrence: (watch, due_at, attempt) is unique. `id` (a ULID) is the goal's reference."""

    id: str
    watch: str
    due_at: datetime
    attempt: int = 1
    trigger: Trigger = Trigger.CRON
    dry: bool = False


def new_id(now: datetime) -> str:
    """Return a fresh ULID whose time part is `now`."""
    return str(ULID.from_datetime(now.astimezone(UTC)))
