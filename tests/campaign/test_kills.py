"""Part `kills`: green as a small case, and red when runs are started again after a kill."""

from __future__ import annotations

import pytest

from campaign.kills import Kills
from campaign.part import Violation
from tests.campaign.test_syscalls import DEFECTS, judged

LONG = 45.0  # seconds; the aimed kill comes within the first few


def test_random_kills_break_no_promise() -> None:
    tally = judged(Kills(watches=4, kills=3, longest=1.2), 0)
    assert tally.counts["kills"] == 3
    assert tally.counts["runs billed"] >= 4


def test_runs_that_are_started_again_after_a_kill_are_found() -> None:
    """The kill is aimed at a run: one at a drawn moment mostly falls beside it, the more the busier the machine."""
    patches = (f"{DEFECTS}starts_anew", f"{DEFECTS}dies_in_a_run")
    with pytest.raises(Violation, match=r"A1: \d+ runs were billed"):
        judged(Kills(watches=1, kills=1, longest=LONG, patches=patches), 1)
