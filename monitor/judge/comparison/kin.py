"""Which changed row of a list without an identity is which: by the members that two rows share.

A guess that decides only how a change is described, never whether there is one. Must not know places or margins.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import Any

MOST_SHARERS = 8  # rows with the same value of a member; a value that more rows have (a currency) says nothing of one
MOST_WEIGHED = 3  # candidates for one row that are looked at whole, those first that share most of what few rows have

Member = tuple[str, Any]


def kin(old: Sequence[Any], new: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Yield (old index, new index) of rows, given as canonical forms, that are likely one row which changed.

    Both share at least half of their members, and some value that few rows have. Of several the one that shares most is
    taken, then the nearest; each row at most once. Linear in the number of members.
    """
    sharers: defaultdict[Member, list[int]] = defaultdict(list)
    members = [_members(row) for row in old]
    for at, row in enumerate(members):
        for member in row:
            sharers[member].append(at)
    taken: set[int] = set()
    for at, row in enumerate(map(_members, new)):
        groups = (sharers.get(member, ()) for member in row)
        few = (other for group in groups if len(group) <= MOST_SHARERS for other in group)
        telling = Counter(other for other in few if other not in taken)
        nearest = nsmallest(MOST_WEIGHED, telling, key=lambda other: (-telling[other], abs(other - at), other))
        shared = {other: len(row & members[other]) for other in nearest}
        best = max(nearest, key=lambda other: shared[other], default=None)
        if best is not None and 2 * shared[best] >= max(len(old[best]), len(new[at])):
            taken.add(best)
            yield best, at


def _members(row: Any) -> set[Member]:
    """Return the plain members of an object, which can be hashed; those that hold others are left out."""
    if not isinstance(row, dict):
        return set()
    return {(name, value) for name, value in row.items() if not _nested(value)}


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list) or (isinstance(value, tuple) and len(value) > 1)
