"""Part `disk`: one run's life with a disk that fails at each write and sync of the database (reliability.md T3, R3).

The call fails with EIO, it alone, or with ENOSPC, it and all that follow for 0.6 s. The process goes on, or
ends with exit code 4; while nothing can be written no run is started; when the disk is well again nothing is lost, and
one run was billed.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from campaign import scenes, tracing
from campaign.part import Check, Tally, Violation
from campaign.scenes import SCENES, Player, Scene
from campaign.stage import ENDINGS, Snapshot
from campaign.tracing import DISK, Aim
from tests.scripted_api import CREATES

SLOTS = 480  # more than any scene has writes and syncs
SLACK = 8
FAULTS = ((errno.ENOSPC, 0.6), (errno.EIO, 0.0))  # a full disk lasts; a sector that cannot be written is one call
UNWRITABLE = 4  # the exit code of a store that cannot be used


@dataclass
class Disk:
    """Case n is scene n // SLOTS at the write or sync n % SLOTS + 1; full disks and I/O errors take turns."""

    name: str = "disk"
    title: str = "a full disk or an I/O error, in turn, from every write and sync of the database, in six scenes"
    proves: str = "R3 A1 B1 B6 C1 G1"
    size: int = SLOTS * len(SCENES)
    least: int = 48
    chunk: int = 20
    subject: tuple[str, ...] = (
        *("monitor/agent", "monitor/alert", "monitor/cli", "monitor/engine", "monitor/judge", "monitor/store"),
        *("campaign/disk.py", "campaign/scenes.py", "campaign/stage.py", "campaign/checker.py"),
        *("campaign/tracing.py", "campaign/lives.py"),
    )
    lanes: int = 2
    scenes: tuple[Scene, ...] = SCENES
    patches: tuple[str, ...] = ()

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Prepare the scenes; nothing is drawn from `seed`: every call is a case."""
        del seed
        if why := tracing.refused():
            raise tracing.TracingError(why)
        with scenes.players(self.lanes, self.scenes, self.patches) as players:
            counts = scenes.counted(players[0], names=DISK)
            if max(counts.values()) + SLACK > SLOTS:
                raise RuntimeError(f"a scene has {max(counts.values())} writes: raise SLOTS in campaign/disk.py")

            def judge(player: Player, number: int, tally: Tally) -> None:
                if number % SLOTS + 1 > counts[SCENES[number // SLOTS].name] + SLACK:
                    tally.add("past the last call")
                else:
                    failed(player, number, tally)

            def check(numbers: Sequence[int], tally: Tally) -> None:
                scenes.spread(numbers, players, judge, tally)

            yield check


def failed(player: Player, number: int, tally: Tally) -> None:
    """Let the disk fail in a life, finish it with a disk that is well, and check what is left."""
    which, at = number // SLOTS, number % SLOTS + 1
    scene, (error, lasting), stage = SCENES[which], FAULTS[at % len(FAULTS)], player.stage
    origin = player.begin(scene, number)
    life = stage.live(origin, aim=Aim(at, DISK, error, lasting), seconds=30.0)
    what = f"{scene.name}; {errno.errorcode[error]} for {lasting:g} s from call {at}, a {life.struck}"
    if life.overdue or life.code not in ENDINGS | {UNWRITABLE}:
        how = "was still there after 30 s" if life.overdue else f"ended with {life.code}"
        said = stage.output.read_text(encoding="utf-8", errors="replace")[-1_500:]
        raise Violation(number, f"R3: the process {how}", f"{what}; {said}")
    if life.times > 1:
        early = [request.at for request in stage.api.requests if request.method == "POST" and request.path in CREATES]
        if any(life.first < at < life.last for at in early):
            raise Violation(number, "R3: a run was started while nothing could be written", what)
    if life.code == UNWRITABLE or stage.rows("SELECT 1 FROM runs WHERE stage <> 'judged'"):
        player.drained(scene, number, origin)
    else:
        stage.drain(origin, 2)
    player.judge(scene, number, [life.ended], Snapshot(), tally)
    kind = errno.errorcode[error]
    tally.add(f"{kind}: lives" if life.struck else f"{kind}: ended before the call")
    tally.add(f"{kind}: calls that failed", life.times)
    if life.struck:
        tally.add(f"{kind}: ended with exit code 4" if life.code == UNWRITABLE else f"{kind}: went on to the end")
