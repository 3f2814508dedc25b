"""The promises, the tests that prove each, and the bugs that must turn those tests red; and their table in the docs.

Owns `promises.yaml` (data) and the section of docs/reliability.md between its two markers. Must not run anything; what
became of each bug is in the ledger of `mutants`. `python -m campaign.promises` writes the section anew.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "promises.yaml"
LEDGER = Path(__file__).parent / "mutants.jsonl"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- promises -->", "<!-- /promises -->"
BEFORE = "<!-- campaign -->"  # the section is made in front of it, where there is none
_HEAD = """
## Promise, test, seeded bug

Generated from `campaign/promises.yaml` and `campaign/mutants.jsonl` by `python -m campaign mutants`; nothing here is
written by hand. Each bug is put into a copy of the tree, and only the tests named for its promise are run there: they
pass without it and have to fail with it (killed). A `+` after a commit means that the working tree differed from it.
A bug that no test notices is shown as survived, and a promise without a killed bug as unproved.
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: in `file`, the one occurrence of `old` becomes `new`; `tests` are those that are to notice."""

    promise: str
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return what tells this bug from another or an earlier one of its name; its tests' names are part of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise of reliability.md part 1: in short, with the tests that prove it and the bugs they must notice."""

    id: str
    says: str
    tests: tuple[str, ...]
    mutants: tuple[Mutant, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one bug: `by` is the first test that failed; `code` is a digest of what was run."""

    promise: str
    mutant: str
    digest: str
    killed: bool
    by: str
    code: str
    commit: str
    date: str
    seconds: float


def promises(data: Path = DATA) -> list[Promise]:
    """Return the promises in their order; raises ValueError for data that is not of this form."""
    try:
        return [_promise(entry) for entry in yaml.safe_load(data.read_text(encoding="utf-8"))]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{data}: not a list of promises: {error!r}") from None


def _promise(entry: Mapping[str, Any]) -> Promise:
    name, tests = str(entry["id"]), tuple(entry["tests"])
    mutants = tuple(
        Mutant(name, each["name"], each["file"], each["old"], each["new"], tuple(each.get("tests", tests)))
        for each in entry.get("mutants", [])
    )
    return Promise(name, " ".join(entry["says"].split()), tests, mutants)


def findings(ledger: Path = LEDGER) -> list[Finding]:
    """Return every line of the ledger, oldest first; raises ValueError for one that is not of this form."""
    if not ledger.exists():
        return []
    found = []
    for number, text in enumerate(ledger.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found.append(Finding(**json.loads(text)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{ledger}:{number}: not a finding about a mutant: {error}") from None
    return found


def function_of(test: str, root: Path = ROOT) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the function that a node id names, parameters left out; None when there is none."""
    file, _, name = test.partition("::")
    path = root / file
    return _functions(path, path.stat().st_mtime_ns).get(name.partition("[")[0]) if path.is_file() else None


@lru_cache(maxsize=256)
def _functions(path: Path, _changed: int) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def section(known: Sequence[Promise], found: Sequence[Finding]) -> str:
    """Return the section, without its markers."""
    newest = {each.digest: each for each in found}
    bugs = [(mutant, _of(mutant, newest)) for promise in known for mutant in promise.mutants]
    killed = sum(finding is not None and finding.killed for _, finding in bugs)
    survived = sum(finding is not None and not finding.killed for _, finding in bugs)
    unproved = [promise.id for promise in known if not _proved(promise, newest)]
    waiting = len(bugs) - killed - survived
    lines = [
        *_HEAD.strip("\n").splitlines(),
        "",
        f"{len(known)} promises, {len(bugs)} seeded bugs: {killed} killed, {survived} survived"
        + (f", {waiting} not run since they were changed." if waiting else "."),
        f"Unproved: {', '.join(unproved) if unproved else 'none'}.",
        "",
        "| promise | tests | seeded bugs |",
        "|---|---|---|",
        *(_row(promise, newest) for promise in known),
    ]
    return "\n".join(lines) + "\n"


def _of(mutant: Mutant, newest: Mapping[str, Finding]) -> Finding | None:
    """Return what became of a bug last, if the ledger speaks of the bug as it is now."""
    return newest.get(mutant.digest)


def _proved(promise: Promise, newest: Mapping[str, Finding]) -> bool:
    return any((finding := _of(mutant, newest)) is not None and finding.killed for mutant in promise.mutants)


def _row(promise: Promise, newest: Mapping[str, Finding]) -> str:
    tests = "<br>".join(f"`{_short(test)}`" for test in promise.tests) or "none"
    bugs = "<br>".join(_bug(mutant, _of(mutant, newest)) for mutant in promise.mutants) or "none"
    unproved = "" if _proved(promise, newest) else " **Unproved.**"
    return f"| **{promise.id}** {_cell(promise.says)}{unproved} | {tests} | {bugs} |"


def _bug(mutant: Mutant, finding: Finding | None) -> str:
    if finding is None:
        return f"{_cell(mutant.name)}: not run"
    became = f"killed by `{_short(finding.by)}`" if finding.killed else "**survived**"
    return f"{_cell(mutant.name)}: {became}, `{finding.commit}`, {finding.date[:10]}"


def _short(test: str) -> str:
    return test.removeprefix("tests/").partition("[")[0].replace(".py::", ": ")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def written(page: str, body: str) -> str:
    """Return the text of a page with the section in its place: between its markers, or made before the campaign's."""
    whole = f"{BEGIN}\n{body}{END}"
    if BEGIN in page and END in page:
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        return before + whole + after
    before, marker, after = page.partition(BEFORE)
    return f"{before.rstrip()}\n\n{whole}\n" + (f"\n{marker}{after}" if marker else "")


def write(page: Path = PAGE, ledger: Path = LEDGER) -> None:
    """Write the section anew into `page`."""
    text = page.read_text(encoding="utf-8")
    page.write_text(written(text, section(promises(), findings(ledger))), encoding="utf-8")


def every_mutant(known: Sequence[Promise]) -> Iterator[Mutant]:
    """Yield the bugs of all promises in their order: their numbers are the campaign's case numbers."""
    for promise in known:
        yield from promise.mutants


if __name__ == "__main__":
    write()
