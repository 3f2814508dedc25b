"""Ten pages over time, told by an agent that never says the same thing twice: what the watch tells of them.

With the recommended definitions no alert is false and no real change is missed; with four fields alone the figures are
counted, and docs/quiet.md shows both.
"""

from __future__ import annotations

from functools import cache

import pytest

from monitor.judge.decision import Change
from tests.corpus.stories import NAMES
from tests.corpus.telling import Figures, documented, exact, measured, table


@cache
def figures(definition: str) -> dict[str, Figures]:
    return measured(definition)


@pytest.mark.parametrize("name", NAMES)
def test_a_recommended_watch_tells_every_real_change_exactly_and_nothing_else(name: str) -> None:
    found = figures("recommended")[name]
    assert found.faults == []
    assert (found.told, found.missed, found.false, found.others) == (found.real, 0, 0, 0)


def test_the_documents_show_the_figures_as_they_are() -> None:
    """`python -m tests.corpus.telling` writes them anew."""
    assert documented() == table(figures("bare"), figures("recommended"))


def test_the_figures_can_fail() -> None:
    """Four fields alone are not enough for these pages: what counts false and missed alerts does count them."""
    bare = figures("bare").values()
    assert sum(one.false for one in bare) > 0
    assert sum(one.invalid for one in bare) > 0
    assert all(one.real == other.real for one, other in zip(bare, figures("recommended").values(), strict=True))


def test_exact_means_these_places_and_no_other() -> None:
    told = {"/a": "changed", "/tags": "below"}
    changes = (Change("/a", "changed"), Change("/tags/1", "added"), Change("/tags/0", "removed"))
    assert exact(told, changes)
    assert not exact(told, changes[:1])
    assert not exact(told, (*changes, Change("/tagsy", "added")))
    assert not exact(told, (Change("/a", "removed"), *changes[1:]))
