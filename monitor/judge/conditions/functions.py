"""The functions that CEL lacks and conditions want: `abs min max sum round lower`. Must not know CEL."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Function = Callable[..., Any]


def _numbers(arguments: tuple[Any, ...]) -> list[float]:
    one_list = len(arguments) == 1 and isinstance(arguments[0], list)
    numbers = arguments[0] if one_list else list(arguments)
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
        raise ValueError("takes numbers")
    return [float(one) for one in numbers]


def _folded(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError("takes text")  # noqa: TRY004 - what a caller catches is one class for every wrong value
    return text.lower()


BUILT_IN: Mapping[str, Function] = {
    "abs": lambda *given: abs(*_numbers(given)),
    "min": lambda *given: min(_numbers(given)),
    "max": lambda *given: max(_numbers(given)),
    "sum": lambda *given: math.fsum(_numbers(given)),
    "round": lambda number, digits=0.0: round(_numbers((number,))[0], int(digits)) / 1.0,
    "lower": _folded,
}
