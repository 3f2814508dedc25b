"""What the parts of a definition are made of: the frozen model, and the scalar types that several parts share.

Must not know which parts there are.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Strict, StringConstraints

from monitor.files import durations


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration is a string such as 30s, 10m, 6h or 7d")  # noqa: TRY004 - pydantic reports ValueErrors
    return durations.parse(value, zero=True)


def _longer_than_nothing(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("a duration must be longer than nothing")
    return value


Delay = Annotated[timedelta, BeforeValidator(_duration)]  # may be 0s
Duration = Annotated[Delay, AfterValidator(_longer_than_nothing)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Pointer = Annotated[str, StringConstraints(pattern=r"^(/[^/]*)+$")]


class Part(BaseModel):
    """A frozen piece of a definition; unknown fields are errors and error texts never show the value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
