"""Part `disk`: green as a sample, and red when a run is started without its row."""

from __future__ import annotations

import pytest

from campaign.disk import SLOTS, Disk, failed
from campaign.part import Tally, Violation
from campaign.scenes import SCENES, Player
from tests.campaign.conftest import CHANGE
from tests.campaign.test_syscalls import DEFECTS, judged

BEGINS = 35  # a write of the transaction that opens the run's row


def case(call: int) -> int:
    return CHANGE * SLOTS + call - 1


@pytest.mark.parametrize(("call", "name"), [(BEGINS, "EIO"), (160, "ENOSPC")])
def test_a_disk_that_fails_breaks_no_promise(player: Player, call: int, name: str) -> None:
    tally = Tally()
    failed(player, case(call), tally)
    assert tally.counts[f"{name}: lives"] == tally.counts["runs billed"] == 1


def test_a_run_that_is_started_without_its_row_is_found() -> None:
    part = Disk(lanes=1, scenes=(SCENES[CHANGE],), patches=(f"{DEFECTS}starts_without_its_row",))
    with pytest.raises(Violation) as found:
        judged(part, case(BEGINS + 1))
    assert found.value.args[0].partition(": ")[2].startswith(("R3", "A1", "A2"))
