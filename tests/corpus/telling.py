"""Playing a story to the judge, as the daemon would: what was told, and how that compares with what should have been.

Also run as a program: `python -m tests.corpus.telling` writes the table of figures into docs/quiet.md.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.agent.outcome import Completed
from monitor.files.documents import parse
from monitor.judge.decide import decide
from monitor.judge.decision import Change, Decision, Kind, Verdict, WatchState
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger, new_id
from tests.corpus.stories import FOLDER, NAMES, State, Story, story
from tests.corpus.wobble import Rules, wobbled

SEEDS = range(10)
FLAPS = 0.2  # share of first answers that leave something out; the answer after such a one never does
MOST_LOOKS = 5  # a judge that needs more will never have enough; the next step begins all the same
BEGIN = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "quiet.md"
MARKS = ("<!-- figures: python -m tests.corpus.telling -->", "<!-- end of figures -->")


def watch(name: str, definition: str) -> Watch:
    """Return a definition of the corpus, `bare` or `recommended`, with somebody to tell."""
    path = FOLDER / name / f"{definition}.yaml"
    fields = parse(path.read_text("utf-8"), str(path))[0].value
    return Watch.model_validate({"name": name, "notify": ["ops"]} | fields)


@dataclass(frozen=True, slots=True)
class Look:
    """One answer and what the judge made of it."""

    answer: Any
    decision: Decision
    flapped: bool


@dataclass(slots=True)
class Figures:
    """What a story's telling came to, over some seeds; `faults` says each slip in one line."""

    answers: int = 0
    steps: int = 0
    real: int = 0
    told: int = 0
    false: int = 0
    missed: int = 0
    inexact: int = 0
    invalid: int = 0
    drifts: int = 0
    others: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Count another's figures in."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def looks(tale: Story, judged: Watch, seed: int) -> Iterator[tuple[int, State, list[Look]]]:
    """Yield each step with the answers given in it: one, and those that the judge asked for to confirm it."""
    rules = Rules(tale.kinds, tale.optional, tale.flaps, tale.wordings)
    state, events, flap = WatchState(), itertools.count(), True
    for number, page in enumerate(tale.states):
        now, found = BEGIN + timedelta(hours=number), []
        for look in itertools.count():
            chance = random.Random(f"{tale.name}:{seed}:{number}:{look}")
            flap = chance.random() < FLAPS and not flap and look == 0  # never at the very first, never twice in a row
            answer = wobbled(page.truth, rules, chance, flap=flap)
            run = Run(new_id(now), judged.name, now, trigger=Trigger.CONFIRM if look else Trigger.CRON)
            decision = decide(judged, run, Completed(result=answer), state, now, lambda: f"E{next(events)}")
            state = decision.state
            found.append(Look(answer, decision, flap))
            if decision.check is None or look == MOST_LOOKS:
                break
            assert decision.check.at > now
            now = decision.check.at
        yield number, page, found


@dataclass(slots=True)
class Owed:
    """A real change that was not told yet: its step, what is to be told, whether the answer had left it out."""

    step: int
    told: dict[str, str]
    hidden: bool


def figures(tale: Story, judged: Watch, seed: int) -> Figures:
    """Return what one telling of a story came to.

    A real change may be told until the next one; the first change told in that time is it, any other one is false. It
    is exact when it has these places and no others, at its step, or one later where the answer had left it out.
    """
    total, owed = Figures(), None
    for number, page, found in looks(tale, judged, seed):
        total.steps += 1
        total.answers += len(found)
        if page.told:
            total.real += 1
            _missed(total, owed)
            owed = Owed(number, page.told, hidden=found[0].flapped and len(found) == 1)
        for look in found:
            where = f"{tale.name}, seed {seed}, step {number}"
            _heard(total, look.decision, page, where)
            if look.decision.verdict is Verdict.CHANGED:
                _weighed(total, look.decision, owed, number, where)
                owed = None
    _missed(total, owed)
    return total


def _heard(total: Figures, decision: Decision, page: State, where: str) -> None:
    """Count refused answers and messages that are not changes."""
    if decision.verdict.bad:
        total.invalid += 1
        total.faults.append(f"{where}: {decision.verdict} ({decision.reason})")
    for note in decision.notifications:
        if note.kind is Kind.DRIFT and str(note.message).split(":")[0] in page.rarer:
            total.drifts += 1
        elif note.kind is not Kind.CHANGE:
            total.others += 1
            total.faults.append(f"{where}: told a {note.kind}: {note.message}")


def _weighed(total: Figures, decision: Decision, owed: Owed | None, number: int, where: str) -> None:
    """Count a change that was told."""
    if owed is None:
        total.false += 1
        total.faults.append(f"{where}: false: {decision.reason}")
        return
    total.told += 1
    in_time = number in {owed.step, owed.step + owed.hidden}
    if not in_time or not exact(owed.told, decision.changes):
        total.inexact += 1
        total.faults.append(f"{where}: inexact: {decision.reason}; should be {owed.told} at step {owed.step}")


def _missed(total: Figures, owed: Owed | None) -> None:
    if owed is not None:
        total.missed += 1
        total.faults.append(f"step {owed.step} missed: {owed.told}")


def exact(told: dict[str, str], changes: tuple[Change, ...]) -> bool:
    """Say whether the changes are exactly those that should be told, by path and kind."""
    below = [path for path, kind in told.items() if kind == "below"]
    found: Counter[tuple[str, str]] = Counter()
    for change in changes:
        inside = next((path for path in below if f"{change.path}/".startswith(f"{path}/")), None)
        found[(inside, "below") if inside else (change.path, change.kind)] += 1
    return set(found) == set(told.items())


def measured(definition: str) -> dict[str, Figures]:
    """Return the figures of every story, summed over the seeds."""
    totals = {}
    for name in NAMES:
        tale, judged, total = story(name), watch(name, definition), Figures()
        for seed in SEEDS:
            total.add(figures(tale, judged, seed))
        totals[name] = total
    return totals


def table(bare: dict[str, Figures], recommended: dict[str, Figures]) -> str:
    """Return the table of docs/quiet.md."""
    head = (
        "| watch | looks | real changes | false alerts | missed | told with noise | drift | runs "
        "| false alerts, bare | missed, bare | told with noise, bare | answers refused, bare |\n"
        f"|---|{'--:|' * 11}"
    )
    sums = (Figures(), Figures())
    lines = [head]
    for name, quiet in recommended.items():
        lines.append(_row(name, quiet, bare[name]))
        sums[0].add(quiet)
        sums[1].add(bare[name])
    return "\n".join([*lines, _row("**all**", *sums)])


def _row(name: str, quiet: Figures, bare: Figures) -> str:
    cells = [name, quiet.steps, quiet.real, quiet.false + quiet.others, quiet.missed, quiet.inexact, quiet.drifts]
    cells.append(quiet.answers)
    cells += [bare.false + bare.others, bare.missed, bare.inexact, f"{100 * bare.invalid / bare.answers:.0f} %"]
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def documented() -> str:
    """Return the table as docs/quiet.md has it."""
    return PAGE.read_text("utf-8").split(MARKS[0])[1].split(MARKS[1])[0].strip()


def document(text: str) -> None:
    """Write the table into docs/quiet.md."""
    before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


if __name__ == "__main__":
    document(table(measured("bare"), measured("recommended")))
