"""`compare`: what of two results is compared, and how. Must not know results."""

from __future__ import annotations

import math
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Strict, field_validator, model_validator

from monitor.watch.part import Flag, Part, Pointer, Text

_PERCENT = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)\s*%")


def _amount(value: object) -> object:
    """Check a tolerance: a number (absolute), or a percentage of the baseline as text."""
    if isinstance(value, str) and _PERCENT.fullmatch(value.strip()):
        return value.strip().replace(" ", "")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError("a tolerance is a number from 0 on, or a percentage such as 1%")
    return value


Amount = Annotated[float | str, BeforeValidator(_amount)]
Likeness = Annotated[float, Strict(), Field(gt=0, le=1)]


def _some_key(value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    if any(not keys for keys in value.values()):
        raise ValueError("identity needs at least one key per list")
    twice = next((keys for keys in value.values() if len(set(keys)) < len(keys)), None)
    if twice:
        raise ValueError(f"identity names a key twice: {', '.join(twice)}; name each key once")
    return value


class Compare(Part):
    """`compare`: entries are JSON Pointers where `*` is any item or key.

    `tolerance` is absolute (a number) or relative to the baseline (text, `1%`); `similar` is the least likeness, from 0
    to 1, of texts that count as the same.
    """

    ignore: tuple[Pointer, ...] = ()
    identity: Annotated[dict[Pointer, tuple[Text, ...]], AfterValidator(_some_key)] = Field(default_factory=dict)
    unordered: tuple[Pointer, ...] = ()
    tolerance: dict[Pointer, Amount] = Field(default_factory=dict)
    similar: dict[Pointer, Likeness] = Field(default_factory=dict)
    coerce: Flag = True

    @field_validator("identity", mode="before")
    @classmethod
    def _one_key_or_several(cls, value: object) -> object:
        if isinstance(value, dict):
            return {path: (keys,) if isinstance(keys, str) else keys for path, keys in value.items()}
        return value

    @model_validator(mode="after")
    def _one_way_per_list(self) -> Compare:
        both = sorted(set(self.unordered) & set(self.identity))
        if both:
            raise ValueError(
                f"{both[0]} is in identity and in unordered: rows have an identity, plain values are unordered"
            )
        return self


def relative(amount: float | str) -> float | None:
    """Return the share of the baseline that a tolerance such as `1%` stands for (0.01); None for an absolute one."""
    return float(amount[:-1]) / 100 if isinstance(amount, str) else None
