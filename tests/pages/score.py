"""How much of the pages of this corpus extraction reads right: `python -m tests.pages.score [--practice] [--misses …]`.

Each property of a case's schema counts once; a property of a list's rows counts by the share of its rows. A value is
right, wrong (another value than the answer, or a value where the answer is null) or missing (null where there is one).
Of the frozen cases only the figures are shown, never a name or a value: nobody may tune extraction to them.
`--rendered` also reads the pages that a script builds, through Chromium; otherwise they are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from monitor.embedded.extract import extract
from monitor.fetch.page import decode

PAGES = Path(__file__).parent
Row = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """Shares of properties, summed: `right + wrong + missing` is the number of properties."""

    right: float = 0.0
    wrong: float = 0.0
    missing: float = 0.0
    cases: int = 0
    misses: list[str] = field(default_factory=list)

    @property
    def all(self) -> float:
        """The number of properties."""
        return self.right + self.wrong + self.missing

    def add(self, other: Tally) -> None:
        """Add what another tally counted."""
        self.right += other.right
        self.wrong += other.wrong
        self.missing += other.missing
        self.cases += other.cases
        self.misses += other.misses

    def line(self) -> str:
        """Return the shares as one line of text."""
        whole = self.all or 1.0
        shares = [f"{name} {100 * part / whole:5.1f} %" for name, part in self.parts().items()]
        return f"{self.cases:3} cases {self.all:4.0f} properties  {'  '.join(shares)}"

    def parts(self) -> dict[str, float]:
        """Return the three counts by name."""
        return {"right": self.right, "wrong": self.wrong, "missing": self.missing}


def cases(group: str = "open") -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the folder of each case of a group with what its `case.yaml` says."""
    for path in sorted((PAGES / group).glob("*/case.yaml")):
        yield path.parent, yaml.safe_load(path.read_text("utf-8"))


def hinted(case: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a case with its hints written into it."""
    schema: dict[str, Any] = copy.deepcopy(case["schema"])
    for pointer, hint in case["hints"].items():
        node = schema
        for part in pointer.split("/")[1:]:
            node = _below(node, part.replace("~1", "/").replace("~0", "~"))
        node.update({name if name.startswith("x-") else f"x-{name}": value for name, value in hint.items()})
    return schema


def _below(node: dict[str, Any], part: str) -> dict[str, Any]:
    """Return what stands under a part of a pointer; `/properties` and `/items` may be left out."""
    if part in ("properties", "items") and part in node:
        found: dict[str, Any] = node[part]
        return found
    if "type" not in node and part in node:  # below `/properties`
        named: dict[str, Any] = node[part]
        return named
    if "properties" in node:
        return _below(node["properties"], part)
    if "items" in node:
        inner: dict[str, Any] = node["items"]
        return inner if part.isdigit() or part in ("-", "*", "[]") else _below(inner, part)
    raise KeyError(f"a hint names {part!r}, which the schema does not have")


def class_of(case: dict[str, Any]) -> str:
    """Return which class of pages a case belongs to."""
    if case.get("rendered"):
        return "rendered"
    listed = any(part.get("items", {}).get("type") == "object" for part in case["schema"]["properties"].values())
    return "lists" if listed else "one thing"


def same(answer: Any, found: Any) -> bool:
    """Return whether a value is the answer: numbers by value, texts but for white space and Unicode form."""
    if isinstance(answer, str) and isinstance(found, str):
        return _plain(answer) == _plain(found)
    if isinstance(answer, bool) or isinstance(found, bool):
        return answer is found
    if isinstance(answer, int | float) and isinstance(found, int | float):
        return abs(answer - found) < 1e-9
    return bool(answer == found)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def measure(case: dict[str, Any], result: Row) -> Tally:
    """Return how much of a case's answer a result holds."""
    tally = Tally(cases=1)
    for name, prop in case["schema"]["properties"].items():
        answer, found = case["answer"][name], result.get(name)
        if prop["type"] == "array" and prop["items"]["type"] == "object":
            _rows(tally, name, prop["items"], answer, found or [], unordered=name in (case.get("unordered") or []))
        elif prop["type"] == "array":
            good = found is not None and len(answer) == len(found) and all(map(same, answer, found))
            _count(tally, name, answer, found, right=good)
        else:
            _count(tally, name, answer, found, right=same(answer, found))
    return tally


def _count(tally: Tally, name: str, answer: Any, found: Any, *, right: bool, weight: float = 1.0) -> None:
    if right:
        tally.right += weight
        return
    if found is None:
        tally.missing += weight
    else:
        tally.wrong += weight
    tally.misses.append(f"{name}: {found!r:.120} instead of {answer!r:.120}")


def _rows(tally: Tally, name: str, shape: Row, answers: list[Row], found: list[Row], *, unordered: bool) -> None:
    aligned = _aligned(answers, found, unordered=unordered)
    weight = 1.0 / max(len(aligned), 1)
    for answer, row in aligned:
        for prop in shape["properties"]:
            at = f"{name}[].{prop}"
            if answer is None:
                _count(tally, at, "no such row", row and row.get(prop), right=False, weight=weight)
            elif row is None:
                _count(tally, at, answer[prop], None, right=False, weight=weight)
            else:
                _count(tally, at, answer[prop], row.get(prop), right=same(answer[prop], row.get(prop)), weight=weight)


def _aligned(answers: list[Row], found: list[Row], *, unordered: bool) -> list[tuple[Row | None, Row | None]]:
    """Return answers beside the rows that are most alike, in order; rows that stand alone beside None."""

    def likeness(answer: Row, row: Row) -> int:
        return sum(same(value, row.get(name)) for name, value in answer.items() if value is not None)

    if unordered:
        left = list(found)
        pairs: list[tuple[Row | None, Row | None]] = []
        for answer in answers:
            best = max(left, key=lambda row: likeness(answer, row), default=None)
            left = [row for row in left if row is not best]
            pairs.append((answer, best))
        return pairs + [(None, row) for row in left]

    @cache
    def best_from(i: int, j: int) -> tuple[float, tuple[tuple[int | None, int | None], ...]]:
        if i == len(answers):
            return 0.0, tuple((None, k) for k in range(j, len(found)))
        if j == len(found):
            return 0.0, tuple((k, None) for k in range(i, len(answers)))
        beside, skipped, extra = best_from(i + 1, j + 1), best_from(i + 1, j), best_from(i, j + 1)
        options = [
            (beside[0] + likeness(answers[i], found[j]) + 0.1, ((i, j), *beside[1])),
            (skipped[0], ((i, None), *skipped[1])),
            (extra[0], ((None, j), *extra[1])),
        ]
        return max(options, key=lambda option: option[0])

    return [(None if i is None else answers[i], None if j is None else found[j]) for i, j in best_from(0, 0)[1]]


def score(
    *, group: str, with_hints: bool, rendered: bool = False, told: Callable[[str], None] | None = None
) -> dict[str, Tally]:
    """Return the tallies of a group by class of pages, and of all as `all`; built pages only where `rendered`."""
    found: dict[str, Tally] = {}
    for folder, case in cases(group):
        if case.get("rendered") and not rendered:
            continue  # what they hold needs a browser
        content = (folder / "page.html").read_bytes()
        text = asyncio.run(built(content)) if case.get("rendered") else decode(content, "text/html")[0]
        schema = hinted(case) if with_hints else case["schema"]
        extraction = extract(text, case["url"], schema)
        tally = measure(case, extraction.result)
        if told is not None and group != "frozen":
            told(f"{folder.name}: {tally.right:.1f} of {tally.all:.0f}")
            for miss in dict.fromkeys(tally.misses):
                told(f"    {miss}")
            for pointer, source in extraction.sources.items():
                told(f"      ~ {pointer}: {source}"[:150]) if "/1/" not in pointer else None
        for name in (class_of(case), "all"):
            found.setdefault(name, Tally()).add(tally)
    return found


async def built(content: bytes) -> str:
    """Return a page as Chromium shows it after its scripts ran; served from a loopback address of its own."""
    from monitor.embedded.looking import look
    from monitor.fetch import Policy
    from tests.embedded.sites import served

    async with served({"/": content.decode("utf-8", "replace")}) as site:
        return (await look(f"{site.url}/", Policy(allow_loopback=True), obey_robots=False)).text


def main() -> None:
    """Print the shares of one group, without hints and with `x-css` where its cases have hints."""
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--frozen", dest="group", action="store_const", const="frozen", help="held out: figures alone")
    chosen.add_argument("--practice", dest="group", action="store_const", const="practice", help="other kinds of pages")
    parser.add_argument("--rendered", action="store_true", help="also pages that a script builds, through Chromium")
    parser.add_argument("--misses", choices=("plain", "hints"), help="show what was not right (not of the frozen)")
    asked = parser.parse_args()
    group = asked.group or "open"
    for with_hints, title in ((False, "no hints"), (True, "with x-css")):
        if with_hints and group == "practice":
            continue  # its cases have no hints
        told = print if asked.misses == ("hints" if with_hints else "plain") else None
        tallies = score(group=group, with_hints=with_hints, rendered=asked.rendered, told=told)
        for name, tally in sorted(tallies.items(), key=lambda entry: entry[0] == "all"):
            print(f"{group}, {title}, {name:10} {tally.line()}")  # noqa: T201 - a command prints


if __name__ == "__main__":
    main()
