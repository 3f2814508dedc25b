"""What a check says of a watch: where in the watch, and what. `load` turns the path into file, line and column.

Rooms hand their checks to `load` as callables, so that this room need not know conditions, targets or providers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from monitor.watch.model import Watch


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of one watch: `path` leads to it (`("notify", 0, "to", 1)`); a `warning` refuses nothing.

    A `note` is a warning of something that is as it should be and good to know: only `validate` shows it.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str | None = None
    warning: bool = False
    note: bool = False


Check = Callable[[Watch], Iterable[Finding]]
