"""Six lives of one run, each from a state folder that was prepared once: what `syscalls` and `disk` break at each call.

Every scene has one occurrence that is due, in driven time: today's of a daily watch; what was before happened on the
days before. Owns what must stand in the records afterwards. Must not know how a life is broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from campaign import checker
from campaign.part import Tally, Violation
from campaign.stage import DAY, ENDINGS, Snapshot, Stage
from campaign.tracing import Aim
from tests.scripted_api import Script
from tests.store.first_release import take_back

NAME = "espresso"
BEFORE, AFTER = {"price": 1}, {"price": 2}
ERROR = {"code": "SITE_BLOCKED", "message": "an access check", "category": "SITE_FAILURE"}
Judged = Callable[["Player", int, Tally], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """One life: the days before (`good`, `failed`), what the API does today, and the verdict and messages expected."""

    name: str
    past: tuple[str, ...]
    today: str
    verdict: str
    events: int
    lost: bool = False  # the POST is answered by nothing; its run is made
    old: bool = False  # the database is of revision 0001


SCENES = (
    Scene("no change", ("good",), "good", "UNCHANGED", 0),
    Scene("change", ("good",), "changed", "CHANGED", 1),
    Scene("failure", ("good", "failed"), "failed", "FAILED", 1),
    Scene("recovery", ("good", "failed", "failed"), "good", "UNCHANGED", 1),
    Scene("reconcile", ("good",), "changed", "CHANGED", 1, lost=True),
    Scene("migration", ("good",), "changed", "CHANGED", 1, old=True),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A prepared state folder: its occurrences, the one of today included, and its verdicts by row."""

    folder: Path
    due: list[int]
    verdicts: dict[str, str]


class Player:
    """Plays scenes on one stage."""

    def __init__(self, stage: Stage, scenes: Sequence[Scene] = SCENES) -> None:
        self.stage = stage
        self.scenes = tuple(scenes)
        self.kept: dict[str, Kept] = {}

    def prepare(self) -> None:
        """Make the state folder of every scene."""
        stage = self.stage
        stage.watch(f"0 {(datetime.now(UTC).hour + 12) % 24} * * *", NAME)
        stage.api.every_run(result=BEFORE)
        life = stage.learn()
        if life.code != 0:
            raise RuntimeError(f"a first life ended with {life.code}: {stage.output.read_text(encoding='utf-8')}")
        for scene in self.scenes:
            stage.keep("last")
            for ago, day in zip(range(len(scene.past), 0, -1), scene.past, strict=True):
                self._answer(day, f"{scene.name}-{ago}")
                stage.live(stage.origin(days=ago))
            if scene.old:
                take_back(stage.database)
            rows = stage.rows("SELECT id, verdict, due_at FROM runs ORDER BY due_at")
            due = [row[2] for row in rows]
            verdicts = {row[0]: row[1] for row in rows}
            if len(due) != len(scene.past):
                raise RuntimeError(f"the scene {scene.name!r} could not be prepared: {rows}")
            self.kept[scene.name] = Kept(stage.keep(scene.name), [*due, due[-1] + DAY * 1_000_000], verdicts)
            stage.state.mkdir()

    def begin(self, scene: Scene, number: int) -> float:
        """Set the stage for a scene and return the origin of its clock."""
        stage = self.stage
        stage.begin_from(self.kept[scene.name].folder)
        stage.forget()
        self._answer(scene.today, f"run-{number}")
        if scene.lost:
            first = stage.api.next_run(result=AFTER)
            first.run_id = f"run-{number}"
            first.close_without_byte()
        return stage.origin()

    def _answer(self, day: str, run_id: str) -> None:
        every = self.stage.api.every_run
        script: Script = every(error=ERROR) if day == "failed" else every(result=BEFORE if day == "good" else AFTER)
        script.run_id = run_id

    def judge(self, scene: Scene, number: int, kills: Sequence[float], seen: Snapshot, tally: Tally) -> None:
        """Check the history of a scene that was played to its end; raises Violation."""
        kept, stage = self.kept[scene.name], self.stage
        seen = replace(seen, judged=kept.verdicts | seen.judged)
        history = stage.history(kills, {NAME: kept.due}, kept.verdicts, seen)
        broken = checker.violations(history) + [f"R10: {line}" for line in stage.complaints()]
        today = stage.rows(
            f"SELECT verdict, notifications FROM runs WHERE due_at = {kept.due[-1]} ORDER BY attempt DESC LIMIT 1"  # noqa: S608 - a number of ours
        )
        if today != [(scene.verdict, scene.events)]:
            broken.append(f"G1: today's record is {today}, not {scene.verdict} with {scene.events} events")
        if broken:
            raise Violation(number, broken[0], f"{scene.name}; {'; '.join(broken)}")
        found = checker.summed(history)
        tally.add("runs billed", found["runs billed"])
        tally.add("POSTs", stage.api.posts)
        tally.add("messages that came more than once", found["messages that came more than once"])

    def drained(self, scene: Scene, number: int, origin: float) -> int:
        """Begin again until all is done, and return in how many lives; raises Violation where it does not get there."""
        lives = self.stage.drain(origin, 4)
        if lives[-1].code not in ENDINGS:
            said = self.stage.output.read_text(encoding="utf-8", errors="replace")[-600:]
            raise Violation(number, f"R4: a life after the fault ended with {lives[-1].code}", f"{scene.name}; {said}")
        return len(lives)


@contextmanager
def players(lanes: int, played: Sequence[Scene] = SCENES, patches: Sequence[str] = ()) -> Iterator[list[Player]]:
    """Give so many players on stages of their own, prepared for these scenes."""
    with ExitStack() as stack:
        found = [Player(stack.enter_context(Stage(patches=patches)), played) for _ in range(lanes)]
        with ThreadPoolExecutor(lanes) as pool:
            list(pool.map(Player.prepare, found))
        yield found


def spread(numbers: Sequence[int], found: Sequence[Player], judge: Judged, tally: Tally) -> None:
    """Judge cases on all stages at once; raises the first violation, by number."""

    def lane(at: int) -> tuple[Tally, Violation | None]:
        own = Tally()
        try:
            for number in numbers[at :: len(found)]:
                judge(found[at], number, own)
        except Violation as violation:
            return own, violation
        return own, None

    with ThreadPoolExecutor(len(found)) as pool:
        ended = list(pool.map(lane, range(len(found))))
    for own, _ in ended:
        tally.join(dict(own.counts), own.most)
    broken = sorted((violation for _, violation in ended if violation is not None), key=lambda each: each.number)
    if broken:
        raise broken[0]


def counted(player: Player, **aim: Any) -> Counter[str]:
    """Return how many calls that are aimed at each scene has, from one whole life of each."""
    counts: Counter[str] = Counter()
    for scene in player.scenes:
        life = player.stage.live(player.begin(scene, 0), aim=Aim(**aim))
        if life.code not in ENDINGS:
            raise RuntimeError(f"a whole life of {scene.name!r} ended with {life.code}")
        counts[scene.name] = life.count
    return counts
