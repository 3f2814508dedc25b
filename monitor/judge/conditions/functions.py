"""The functions that CEL lacks and conditions want: `abs min max sum round lower`, and what each function takes.

Every ValueError raised here is in words for people. Must not know CEL.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Takes:
    """How many values a function takes, `most` None for any number; what they are, in words; and a call as an example.

    `place` says that the first one is a JSON Pointer, and `within` that the second one is a time to look back.
    """

    least: int
    most: int | None
    words: str
    example: str
    place: bool = False
    within: bool = False

    def fits(self, count: int) -> bool:
        """Return whether the function can be called with so many values."""
        return self.least <= count and (self.most is None or count <= self.most)


def _window_of(name: str) -> Takes:
    return Takes(1, 2, "takes a place and, if you like, a time such as 30d", f'{name}("/price", "30d")', True, True)


def _many(name: str) -> Takes:
    return Takes(1, None, "takes numbers, or a list of numbers", f"{name}(new.price, old.price)")


TAKES: Mapping[str, Takes] = {
    **{name: _window_of(name) for name in ("low", "high", "mean")},
    "since": Takes(2, 2, "takes a place and a value", 'since("/price", new.price)', place=True),
    "abs": Takes(1, 1, "takes one number", "abs(new.price - old.price)"),
    **{name: _many(name) for name in ("min", "max", "sum")},
    "round": Takes(1, 2, "takes a number and, if you like, how many digits to keep", "round(new.price, 2)"),
    "lower": Takes(1, 1, "takes one text", "lower(new.name)"),
}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("takes numbers")  # noqa: TRY004 - what a caller catches is one class for every wrong value
    return float(value)


def _numbers(arguments: tuple[Any, ...]) -> list[float]:
    one_list = len(arguments) == 1 and isinstance(arguments[0], list)
    return [_number(one) for one in (arguments[0] if one_list else arguments)]


def _some(arguments: tuple[Any, ...]) -> list[float]:
    numbers = _numbers(arguments)
    if not numbers:
        raise ValueError("takes at least one number")
    return numbers


def _round(number: Any, digits: Any = 0.0) -> float:
    value, kept = _number(number), _number(digits)
    if not math.isfinite(kept):
        raise ValueError("takes numbers")
    return round(value, int(kept))


def _folded(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError("takes text")  # noqa: TRY004 - what a caller catches is one class for every wrong value
    return text.lower()


BUILT_IN: Mapping[str, Function] = {
    "abs": lambda number: abs(_number(number)),
    "min": lambda *given: min(_some(given)),
    "max": lambda *given: max(_some(given)),
    "sum": lambda *given: math.fsum(_numbers(given)),
    "round": _round,
    "lower": _folded,
}
