"""Part `kills`: green as a small case, and red when runs are started again after a kill."""

from __future__ import annotations

import pytest

from campaign.kills import Kills
from campaign.part import Violation
from tests.campaign.test_syscalls import DEFECTS, judged


def test_random_kills_break_no_promise() -> None:
    tally = judged(Kills(watches=4, kills=3, longest=1.2), 0)
    assert tally.counts["kills"] == 3
    assert tally.counts["runs billed"] >= 4


def test_runs_that_are_started_again_after_a_kill_are_found() -> None:
    part = Kills(watches=3, kills=2, longest=1.5, takes=(1.5,), patches=(f"{DEFECTS}starts_anew",))
    with pytest.raises(Violation, match=r"A1: \d+ runs were billed"):
        _until_one_falls_into_a_run(part)


def _until_one_falls_into_a_run(part: Kills) -> None:
    """A kill before a run or after it shows nothing, and on a busy machine most are."""
    for case in range(1, 9):
        judged(part, case)
