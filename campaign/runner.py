"""Running a part in slices: which cases are next, for how long, and the ledger's line for each slice.

Owns time limits, the choice of a sample and what a line says of the code. Must not know what a case is.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from campaign.ledger import Ledger, Line
from campaign.part import Check, Part, Tally, Violation

ROOT = Path(__file__).parent.parent
SLICE = 300.0  # seconds after which what was done is written down: a crash loses no more than that


class End(Enum):
    """How a run of a part ended."""

    COMPLETE = "complete"
    UNFINISHED = "unfinished"
    VIOLATED = "violated"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a part is to be run: `scale` of its cases, at most so many `minutes`, `again` from the start."""

    seed: int
    scale: float = 1.0
    minutes: float = 20.0
    again: bool = False
    code: str | None = None  # the digest of what is loaded; files may be edited while a campaign runs
    slice_seconds: float = SLICE


def sample(part: Part, scale: float) -> int:
    """Return how many cases a scale stands for: all at 1, and never fewer than the part's `least`."""
    return min(part.size, max(part.least, round(part.size * scale)))


def number(part: Part, cases: int, position: int) -> int:
    """Return the number of the case at a position of a sample: spread evenly, and all of them at full scale."""
    return position * part.size // cases


def run(part: Part, ledger: Ledger, terms: Terms, say: Callable[[str], None]) -> End:
    """Run what is left of a part and write each slice down; a violation ends it and is written down too."""
    cases, code = sample(part, terms.scale), terms.code or digest(part.subject)
    at = 0 if terms.again else ledger.reached((part.name, terms.seed, terms.scale, code))
    say(f"{part.name}: {part.title}; {cases} cases, seed {terms.seed}" + (f", from case {at}" if at else ""))
    if at >= cases:
        say(f"{part.name}: complete already (run it again with --again)")
        return End.COMPLETE
    stop, head = time.monotonic() + terms.minutes * 60, commit()
    with part.opened(terms.seed) as check:
        while at < cases and time.monotonic() < stop:
            line, broken = _slice(part, check, (at, cases), terms, stop)
            ledger.append(replace(line, code=code, commit=head))
            at = line.end
            if broken is not None:
                say(f"{part.name}: VIOLATION in {broken}\n  smallest case: {broken.smallest}")
                say(f"  repeat: {command(part.name, terms.seed, None)} --only {broken.number}")
                return End.VIOLATED
            say(f"{part.name}: {at} of {cases} cases, no violation, {line.seconds:.0f} s")
    if at < cases:
        say(f"{part.name}: unfinished; the same command goes on from case {at}")
    return End.COMPLETE if at >= cases else End.UNFINISHED


def _slice(part: Part, check: Check, span: tuple[int, int], terms: Terms, stop: float) -> tuple[Line, Violation | None]:
    """Judge cases from the first of `span` until the slice's time is over; return its line, and what broke it."""
    (begin, cases), began, tally, broken = span, time.monotonic(), Tally(), None
    at, until = begin, min(stop, began + terms.slice_seconds)
    while at < cases and (at == begin or time.monotonic() < until):
        positions = range(at, min(at + part.chunk, cases))
        try:
            check([number(part, cases, position) for position in positions], tally)
        except Violation as violation:
            broken = violation
            break
        at = positions.stop
    line = Line(
        part=part.name,
        begin=begin,
        end=at,
        cases=cases,
        scale=terms.scale,
        seed=terms.seed,
        code="",
        commit="",
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        seconds=round(time.monotonic() - began, 1),
        command=command(part.name, terms.seed, terms.scale),
        machine=f"Python {platform.python_version()}, {platform.machine()}",
        counts=dict(sorted(tally.counts.items())),
        most={name: round(value, 3) for name, value in sorted(tally.most.items())},
        failure=None
        if broken is None
        else {"number": broken.number, "what": broken.what, "smallest": broken.smallest[:4_000]},
    )
    return line, broken


def only(part: Part, seed: int, case: int, say: Callable[[str], None]) -> End:
    """Judge one case and write nothing down."""
    tally = Tally()
    with part.opened(seed) as check:
        try:
            check([case], tally)
        except Violation as violation:
            say(f"{part.name}: VIOLATION in {violation}\n  smallest case: {violation.smallest}")
            return End.VIOLATED
    say(f"{part.name}: case {case} keeps its promises: {dict(tally.counts)}")
    return End.COMPLETE


def command(name: str, seed: int, scale: float | None) -> str:
    """Return the command that repeats a part."""
    return f"python -m campaign {name} --seed {seed}" + (f" --scale {scale:g}" if scale not in {None, 1.0} else "")


def digest(subject: tuple[str, ...], root: Path = ROOT) -> str:
    """Return a digest of the Python files under `subject`; equal exactly where what is tested is equal."""
    found = hashlib.sha256()
    for name in subject:
        place = root / name
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def commit(root: Path = ROOT) -> str:
    """Return the commit of the working tree, with `+` where tracked files differ from it."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    head = _said(git, root, "rev-parse", "--short=10", "HEAD")
    return head + ("+" if _said(git, root, "status", "--porcelain", "--untracked-files=no") else "") or "unknown"


def _said(git: str, root: Path, *words: str) -> str:
    done = subprocess.run([git, "-C", str(root), *words], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return done.stdout.strip() if done.returncode == 0 else ""
