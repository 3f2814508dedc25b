"""Until when targets asked to be left alone (`Retry-After`): nothing goes to them before (reliability.md row 112).

Over a restart it is known by the messages that wait for it: their error ends with `REMARK`. Must not know the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor.errors import DeliveryError

REMARK = "; it asked for time"
LONGEST = timedelta(days=1, hours=1)  # nobody is left alone for longer (`answers.MAX_RETRY_AFTER`)


class Asked:
    """The targets that asked for time, and until when."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def remember(self, until: Mapping[str, datetime]) -> None:
        """Take up what an earlier process was asked for."""
        self._until |= until

    def heard(self, target: str, error: DeliveryError, until: datetime) -> str:
        """Leave a target alone until an instant if its refusal asks for time; returns the error as it is stored."""
        if error.retry_after is None or error.permanent:
            return error.message
        self._until[target] = until
        return error.message + REMARK

    def alone(self, now: datetime) -> set[str]:
        """Return the targets that are left alone now; an end too far off is of a clock that was stepped back."""
        self._until = {target: until for target, until in self._until.items() if now < until < now + LONGEST}
        return set(self._until)

    def ends(self) -> list[datetime]:
        """Return when those times end."""
        return list(self._until.values())
