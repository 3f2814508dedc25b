"""Two texts beside each other, word by word, for people who look at a difference. Must not know where it is shown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

MOST_WORDS = 2_000  # of one text; difflib may take the square of it
_AROUND = 6  # words left standing on both sides of what differs

Piece = tuple[str, str]  # how ("same", "old", "new"), and the text


def words(before: str, after: str) -> list[Piece]:
    """Return what two texts have in common and what each has alone, by words, far stretches of sameness shortened."""
    old, new = (re.findall(r"\S+\s*", text)[:MOST_WORDS] for text in (before, after))
    pieces: list[Piece] = []
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (kind, a, b, c, d) in enumerate(blocks):
        if kind == "equal":
            pieces.append(("same", _around(old[a:b], first=number == 0, last=number == len(blocks) - 1)))
            continue
        pieces += [(how, "".join(part)) for how, part in (("old", old[a:b]), ("new", new[c:d])) if part]
    return pieces


def _around(same: Sequence[str], *, first: bool, last: bool) -> str:
    head, tail = 0 if first else _AROUND, 0 if last else _AROUND
    if len(same) <= head + tail + 1:
        return "".join(same)
    return f"{''.join(same[:head])}… {''.join(same[len(same) - tail :])}"
