"""What a part of the campaign is: numbered cases that can be repeated one by one, and what they add up to.

Owns the contract between the runner and the parts. A case is decided by (seed, number) alone, so that a part can be cut
into slices anywhere and a violation can be repeated with `--only NUMBER`. Must not know the ledger.
"""

# ruff: noqa: S311 - a campaign draws its cases from a seeded generator so that each can be repeated; nothing is secret
from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

Item = TypeVar("Item", bytes, tuple[object, ...])


class Violation(Exception):
    """A case broke a promise: `what` names it in one line, `smallest` is the smallest input found that does."""

    def __init__(self, number: int, what: str, smallest: str) -> None:
        super().__init__(f"case {number}: {what}")
        self.number, self.what, self.smallest = number, what, smallest


@dataclass
class Tally:
    """What cases add up to: `counts` are summed over slices, of `most` the largest counts."""

    counts: Counter[str] = field(default_factory=Counter)
    most: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, number: int = 1) -> None:
        """Count `number` more of `name`."""
        self.counts[name] += number

    def peak(self, name: str, value: float) -> None:
        """Note `value` if it is the largest of `name` so far."""
        self.most[name] = max(value, self.most.get(name, value))

    def join(self, counts: dict[str, int], most: dict[str, float]) -> None:
        """Take in another tally."""
        self.counts.update(counts)
        for name, value in most.items():
            self.peak(name, value)


class Check(Protocol):
    """Judges cases by their numbers; raises Violation for the first that breaks a promise."""

    def __call__(self, numbers: Sequence[int], tally: Tally, /) -> None: ...


class Part(Protocol):
    """One part. `least` is the fewest cases of a sample, `chunk` how many are judged at once.

    `subject` are the folders and files whose change makes an earlier slice worthless; `proves` names the promises.
    """

    name: str
    title: str
    proves: str
    least: int
    chunk: int
    subject: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many cases there are in all."""
        ...

    def opened(self, seed: int) -> AbstractContextManager[Check]:
        """Return the check of this seed; what it needs (servers, loops) lives as long as the context."""
        ...


def chance(seed: int, part: str, number: int) -> random.Random:
    """Return the generator of one case: the same for the same three, on every machine and Python."""
    return random.Random(f"{seed}:{part}:{number}")


def smallest(whole: Item, fails: Callable[[Item], bool], tries: int = 2_000) -> Item:
    """Return a piece of `whole` that still fails and from which no single stretch can be left out (within `tries`)."""
    length = max(len(whole) // 2, 1)
    while len(whole) > 1 and tries > 0:
        start, shorter = 0, False
        while start < len(whole) and tries > 0:
            candidate = whole[:start] + whole[start + length :]
            tries -= 1
            if fails(candidate):
                whole, shorter = candidate, True
            else:
                start += length
        if length == 1 and not shorter:
            break
        length = max(length // 2, 1)
    return whole
