"""Part `syscalls`: one run's life, killed right before each of its system calls, in six scenes (reliability.md T1).

Counted are the calls by which anything changes outside the process or comes into it: of files, of the database, of
sockets. One count goes over all threads. After the kill the daemon begins again until nothing is left half way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from campaign import scenes, tracing
from campaign.part import Check, Tally
from campaign.scenes import SCENES, Player, Scene
from campaign.stage import Snapshot
from campaign.tracing import ALL, Aim

SLOTS = 780  # more than any scene has calls
SLACK = 15  # threads take turns as they like: a life may have a few calls more than the one that was counted


@dataclass
class Syscalls:
    """Case n is scene n // SLOTS, killed before its call n % SLOTS + 1; `lanes` are played at once."""

    name: str = "syscalls"
    title: str = "kill -9 right before every system call of a run's life, in six scenes"
    proves: str = "A1 A2 A4 B1 B5 B6 C1 C2 R5 G1"
    size: int = SLOTS * len(SCENES)
    least: int = 60
    chunk: int = 20
    subject: tuple[str, ...] = (
        *("monitor/agent", "monitor/alert", "monitor/cli", "monitor/engine", "monitor/judge", "monitor/store"),
        *("campaign/syscalls.py", "campaign/scenes.py", "campaign/stage.py", "campaign/checker.py"),
        *("campaign/tracing.py", "campaign/lives.py"),
    )
    lanes: int = 2
    scenes: tuple[Scene, ...] = SCENES
    patches: tuple[str, ...] = ()
    aimed: frozenset[str] = ALL

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Prepare the scenes; nothing is drawn from `seed`: every call is a case."""
        del seed
        if why := tracing.refused():
            raise tracing.TracingError(why)
        with scenes.players(self.lanes, self.scenes, self.patches) as players:
            counts = scenes.counted(players[0], names=self.aimed)
            if max(counts.values()) + SLACK > SLOTS:
                raise RuntimeError(f"a scene has {max(counts.values())} calls: raise SLOTS in campaign/syscalls.py")

            def judge(player: Player, number: int, tally: Tally) -> None:
                scene, at = SCENES[number // SLOTS], number % SLOTS + 1
                if at > counts[scene.name] + SLACK:
                    tally.add("past the last call")
                else:
                    killed(player, number, Aim(at, self.aimed), tally)

            def check(numbers: Sequence[int], tally: Tally) -> None:
                scenes.spread(numbers, players, judge, tally)

            yield check


def killed(player: Player, number: int, aim: Aim, tally: Tally) -> None:
    """Kill a life as aimed, finish it, and check what is left."""
    scene, stage = SCENES[number // SLOTS], player.stage
    origin = player.begin(scene, number)
    life = stage.live(origin, aim=aim)
    struck = life.struck is not None
    seen = stage.snapshot() if struck else Snapshot()
    began_again = life.ended
    if struck or stage.rows("SELECT 1 FROM runs WHERE stage <> 'judged'"):
        lives = player.drained(scene, number, origin)
        tally.peak("most lives after a kill", lives)
    player.judge(scene, number, [began_again] if struck else [], seen, tally)
    tally.add(f"{scene.name}: kills" if struck else f"{scene.name}: ended before the call")
    if struck:
        tally.add(f"{scene.name}: before {life.struck}")
