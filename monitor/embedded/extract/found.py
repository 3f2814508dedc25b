"""What extraction found, as plain values. Knows nothing of pages or schemas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


class _Missing:
    """The type of `MISSING`: not found, which is not the same as null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


@dataclass(slots=True)
class Extraction:
    """A result, the source of each value by JSON Pointer, and the pointers of required values that were not found.

    `cut`: the page was so long that only its beginning was read.
    """

    result: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    cut: bool = False  # whether the page was longer than what is parsed of one


def below(pointer: str, name: str | int) -> str:
    """Return the JSON Pointer of `name` under `pointer` (RFC 6901)."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"
