"""`python -m campaign [PART...]`: run parts in slices; `python -m campaign report` writes docs/reliability.md's tables.

Ends with 0 when every part is complete without a violation, 1 for a violation, 3 when time ran out (run it again).
"""

# ruff: noqa: T201 - a campaign is a script that prints
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from campaign import report
from campaign.catalogue import GROUPS, parts
from campaign.ledger import DEFAULT, Ledger
from campaign.runner import End, Terms, digest, only, run
from campaign.tracing import TracingError

SEED = 20261121
EXITS = {End.COMPLETE: 0, End.UNFINISHED: 3, End.VIOLATED: 1}


def main(words: list[str] | None = None) -> int:
    """Run what the command line asks for and return the exit code."""
    asked = _parser().parse_args(words)
    ledger, known = Ledger(asked.ledger), parts()
    names = [name for word in asked.parts or known for name in GROUPS.get(word, (word,))]
    if names == ["report"]:
        report.write(ledger, asked.page, known)
        print(f"written: {asked.page}")
        return 0
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no such part: {', '.join(unknown)} (there are: {', '.join(known)}, report)", file=sys.stderr)
        return 2
    loaded = {name: digest(known[name].subject) for name in names}  # files may be edited while a campaign runs
    print(f"seed {asked.seed}, scale {asked.scale:g}, ledger {asked.ledger}", flush=True)
    ends = []
    for name in names:
        if asked.only is not None:
            ends.append(only(known[name], asked.seed, asked.only, _say))
        else:
            terms = Terms(asked.seed, asked.scale, asked.minutes, asked.again, loaded[name])
            try:
                ends.append(run(known[name], ledger, terms, _say))
            except TracingError as error:  # a machine on which processes cannot be traced
                print(f"{name}: {error}", file=sys.stderr)
                return 2
    if asked.only is None and asked.ledger == DEFAULT:
        report.write(ledger, asked.page, known)
    codes = [EXITS[end] for end in ends]
    return 1 if 1 in codes else max(codes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join([*parts(), *GROUPS])}; or: report")
    parser.add_argument("--seed", type=int, default=SEED, help="what every case is drawn from (default: %(default)s)")
    parser.add_argument("--scale", type=_scale, default=1.0, help="the share of the cases (default: all)")
    parser.add_argument("--minutes", type=float, default=20.0, help="the most time of each part (default: 20)")
    parser.add_argument("--again", action="store_true", help="from the first case, whatever the ledger holds")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="judge this one case and write nothing down")
    parser.add_argument("--ledger", type=Path, default=DEFAULT, help=argparse.SUPPRESS)
    parser.add_argument("--page", type=Path, default=report.PAGE, help=argparse.SUPPRESS)
    return parser


def _scale(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError("a scale is more than 0 and at most 1")
    return value


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
