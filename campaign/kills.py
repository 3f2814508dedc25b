"""Part `kills`: the daemon under load, killed at random moments, fifty times a case (reliability.md T2).

Fifty watches in driven time, four targets of which one refuses a tenth, an API at which a tenth of the runs goes wrong
(cut, 502 though the run was made, silence, 429). Each life is killed after 0 to 3 s; the last ones come to their own
end. A case is one workspace; twenty cases are 1,000 kills.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from campaign import checker
from campaign.part import Check, Tally, Violation, chance
from campaign.stage import ENDINGS, Stage
from tests.scripted_api import Script

TARGETS = ("a", "b", "c", "refuses")
EVERY = 5 * 60  # driven seconds between the occurrences of a watch: 3 s here
KILLED = -9
LIVES = 12  # at most, until a workspace is drained


@dataclass
class Kills:
    """Case n is a workspace of its own, with everything drawn from (seed, n)."""

    name: str = "kills"
    title: str = "kill -9 of the daemon at random moments: 50 watches, 4 targets, a tenth of the runs faulty"
    proves: str = "A1 A2 A3 A4 B1 B3 B5 B6 C1 C2 C3 D4 G1"
    size: int = 20
    least: int = 1
    chunk: int = 1
    subject: tuple[str, ...] = (
        *("monitor/agent", "monitor/alert", "monitor/cli", "monitor/engine", "monitor/judge", "monitor/store"),
        *("campaign/kills.py", "campaign/stage.py", "campaign/checker.py", "campaign/lives.py"),
    )
    watches: int = 50
    kills: int = 50
    longest: float = 3.0  # seconds of a life that is killed
    patches: tuple[str, ...] = ()
    takes: tuple[float, ...] = (0.0, 0.05, 0.4)  # seconds of a run

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Nothing is shared between cases."""

        def check(numbers: Sequence[int], tally: Tally) -> None:
            for number in numbers:
                self._case(number, chance(seed, self.name, number), tally)

        yield check

    def _case(self, number: int, draw: random.Random, tally: Tally) -> None:
        refusing, fate = (random.Random(draw.random()) for _ in range(2))  # noqa: S311 - see `part`
        with Stage(TARGETS, lambda target: target == "refuses" and refusing.random() < 0.1, self.patches) as stage:
            stage.watch("0 0 1 1 *", "first")
            stage.learn()
            stage.forget()
            stage.keep("first")
            (stage.folder / "watches" / "first.yaml").unlink()
            names = [f"w{index:02}" for index in range(self.watches)]
            stage.watch("*/5 * * * *", *names)
            api = Api(fate, self.takes)
            stage.api._default = api.next  # noqa: SLF001 - the server has no word for scripts that are drawn
            origin = stage.origin()
            ends = []
            for _ in range(self.kills):
                life = stage.live(origin, once=False, seconds=draw.uniform(0.001, self.longest))
                if life.code != KILLED:
                    raise Violation(number, f"R10: a daemon ended by itself, with {life.code}", _last(stage))
                ends.append(life.ended)
            api.faults = 0.0
            lives = stage.drain(origin, LIVES)
            if lives[-1].code not in ENDINGS:
                raise Violation(number, f"R4: a life after the kills ended with {lives[-1].code}", _last(stage))
            self._judge(number, stage, ends, tally)
            tally.add("kills", len(ends))
            tally.peak("lives until all was done", len(lives))
            for name, count in api.made.items():
                tally.add(f"POSTs answered with {name}", count)

    def _judge(self, number: int, stage: Stage, ends: list[float], tally: Tally) -> None:
        due = {}
        found = stage.rows("SELECT watch, min(due_at), max(due_at) FROM runs WHERE attempt = 1 GROUP BY watch")
        for name, begin, end in found:
            due[name] = list(range(begin, end + 1, EVERY * 1_000_000))
        history = stage.history(ends, due)
        broken = checker.violations(history) + [f"R10: {line}" for line in stage.complaints()]
        if broken:
            raise Violation(number, f"{len(broken)} in all, the first: {broken[0]}", "; ".join(broken[:20]))
        for name, count in checker.summed(history).items():
            tally.add(name, count)
        tally.add("refused by a target", stage.refusals)
        codes = "SELECT verdict || coalesce(' ' || code, ''), count(*) FROM runs GROUP BY 1"
        for verdict, count in stage.rows(codes):
            tally.add(f"records {verdict}", count)


class Api:
    """What each POST comes to: drawn, a tenth goes wrong while `faults` says so; prices are four."""

    def __init__(self, draw: random.Random, takes: Sequence[float]) -> None:
        self._draw, self._takes = draw, takes
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.faults = 0.1
        self.made: dict[str, int] = {}

    def next(self) -> Script:
        """Return the script of the next POST."""
        with self._lock:
            draw, run = self._draw, f"run-{next(self._numbers)}"
            script = Script(result={"price": draw.randrange(4)}, run_id=run, ends_after=draw.choice(self._takes))
            kind = "a whole stream"
            if draw.random() < self.faults:
                kind = draw.choice(["a cut", "502 (made)", "silence", "429"])
            self.made[kind] = self.made.get(kind, 0) + 1
            if kind == "a cut":
                script.cut_after(draw.randrange(200))
            elif kind == "502 (made)":
                script.status(502, "bad gateway", billed=True)
            elif kind == "silence":
                script.hang_before_first_byte() if draw.random() < 0.5 else script.hang_after(draw.randrange(90))
            elif kind == "429":
                script.status(429, {"error": {"code": "RATE_LIMIT_EXCEEDED"}}, {"Retry-After": "5"})
            return script


def _last(stage: Stage) -> str:
    return stage.output.read_text(encoding="utf-8", errors="replace")[-1_500:] if stage.output.exists() else ""
