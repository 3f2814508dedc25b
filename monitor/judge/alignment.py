"""Which items of two lists without an identity belong together: deepdiff's alignment of tokens, one per equal items.

Tokens, because deepdiff by itself takes 1 for True and 1.0, and has no canonical form (reliability.md finding 6).
Bounded, because its alignment of two lists of 5,000 items that keep repeating took 450 s. Must not know the items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

MOST_ITEMS = 10_000
MOST_PAIRS = 20_000  # equal pairs across the two lists: 80,000 of them took 0.7 s, a million 3 s and more

Pair = tuple[int | None, int | None]
Describe = Callable[[Sequence[Any], Sequence[Any]], list[Pair] | None]


def aligned(old: Sequence[Any], new: Sequence[Any], describe: Describe) -> list[Pair] | None:
    """Return (old index, new index) of what differs, None on one side for removed and added; None when unknown.

    `old` and `new` are the items' canonical forms, `describe` what aligns the parts between common ends. Where it
    cannot, lists of one length are paired by index.
    """
    head = _common(old, new, 1, min(len(old), len(new)))
    tail = _common(old, new, -1, min(len(old), len(new)) - head)
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    pairs: list[Pair] | None
    if not left or not right:
        pairs = [(index, None) for index in range(len(left))] or [(None, index) for index in range(len(right))]
    elif len(left) == len(right) == 1:
        pairs = [(0, 0)]
    else:
        pairs = describe(left, right) or _by_index(left, right)
    return [(None if a is None else head + a, None if b is None else head + b) for a, b in pairs] if pairs else None


def _common(old: Sequence[Any], new: Sequence[Any], step: int, most: int) -> int:
    count = 0
    while count < most and (old[count] == new[count] if step > 0 else old[-1 - count] == new[-1 - count]):
        count += 1
    return count


def _by_index(left: Sequence[Any], right: Sequence[Any]) -> list[Pair] | None:
    if len(left) != len(right):
        return None
    return [(index, index) for index, item in enumerate(left) if item != right[index]]


def described(left: Sequence[str], right: Sequence[str]) -> list[Pair] | None:
    """Return how deepdiff aligns two lists of texts that stand for their items; None where that could take minutes."""
    there = Counter(right)
    if sum(count * there[text] for text, count in Counter(left).items()) > MOST_PAIRS:
        return None
    from deepdiff import DeepDiff

    numbers = {text: f"t{number}" for number, text in enumerate(dict.fromkeys((*left, *right)))}
    difference = DeepDiff(
        [numbers[text] for text in left],
        [numbers[text] for text in right],
        view="tree",
        ignore_private_variables=False,
        threshold_to_diff_deeper=0,
    )
    pairs: list[Pair] = []
    for kind, levels in difference.items():
        for level in levels:
            old_at, new_at = level.path(output_format="list"), level.path(output_format="list", use_t2=True)
            pairs.append(
                (
                    None if kind == "iterable_item_added" else old_at[0],
                    None if kind == "iterable_item_removed" else new_at[0],
                )
            )
    return sorted(
        pairs, key=lambda pair: (pair[1] if pair[1] is not None else pair[0], pair[1] is not None, pair[0] or 0)
    )
