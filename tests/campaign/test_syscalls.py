"""Part `syscalls`: green as a sample, and red when the program has a defect; and the following of a child itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.part import Part, Tally, Violation
from campaign.scenes import SCENES, Player
from campaign.stage import Snapshot
from campaign.syscalls import SLOTS, Syscalls, killed
from campaign.tracing import Aim, Seen, follow
from tests.campaign.conftest import CHANGE

CONNECTS = frozenset({"connect"})
DEFECTS = "tests.campaign.defects."


def judged(part: Part, *numbers: int) -> Tally:
    tally = Tally()
    with part.opened(1) as check:
        check(numbers, tally)
    return tally


def case(call: int) -> int:
    return CHANGE * SLOTS + call - 1


@pytest.mark.parametrize("call", [60, 300, 410])
def test_a_kill_at_a_system_call_breaks_no_promise(player: Player, call: int) -> None:
    tally = Tally()
    killed(player, case(call), Aim(call), tally)
    assert tally.counts["change: kills"] == tally.counts["runs billed"] == 1


def test_a_message_that_is_closed_before_it_is_sent_is_found() -> None:
    part = Syscalls(lanes=1, scenes=(SCENES[CHANGE],), patches=(f"{DEFECTS}closes_early",), aimed=CONNECTS)
    with pytest.raises(Violation) as found:
        judged(part, case(SLOTS), case(3))  # the third is the sink's
    assert "C1:" in found.value.smallest


def test_a_run_that_is_billed_twice_is_found(player: Player) -> None:
    number = case(1)
    player.begin(SCENES[CHANGE], number)
    player.drained(SCENES[CHANGE], number, player.stage.origin())
    player.judge(SCENES[CHANGE], number, [], Snapshot(), Tally())
    player.stage.api.runs *= 2
    with pytest.raises(Violation, match="A1"):
        player.judge(SCENES[CHANGE], number, [], Snapshot(), Tally())


# --- following a child


def followed(work: Callable[[], None], aim: Aim) -> Seen:
    gate, go = os.pipe()
    child = os.fork()
    if not child:
        os.close(go)
        os.read(gate, 1)
        try:
            work()
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    os.close(gate)
    return follow(child, aim, lambda: os.close(go))


def writes(path: Path, *texts: bytes) -> Callable[[], None]:
    def work() -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        for text in texts:
            os.write(descriptor, text)

    return work


def test_a_child_is_killed_before_the_call_and_not_after_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    seen = followed(writes(path, b"one", b"two", b"three"), Aim(3, frozenset({"write"})))
    assert (os.waitstatus_to_exitcode(seen.status), seen.struck, seen.count) == (-signal.SIGKILL, "write", 3)
    assert path.read_bytes() == b"onetwo"


def test_a_call_that_fails_has_no_effect_and_the_next_one_has(tmp_path: Path) -> None:
    path = tmp_path / "file"
    seen = followed(writes(path, b"one", b"two"), Aim(2, frozenset({"write"}), error=28))
    assert (os.waitstatus_to_exitcode(seen.status), seen.struck, seen.times) == (28, "write", 1)
    assert path.read_bytes() == b"one"


def test_what_is_never_called_is_counted_as_nothing(tmp_path: Path) -> None:
    seen = followed(writes(tmp_path / "file", b"one"), Aim(1, frozenset({"fsync"})))
    assert (os.waitstatus_to_exitcode(seen.status), seen.struck, seen.count) == (0, None, 0)
