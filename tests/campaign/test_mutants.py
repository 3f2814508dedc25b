"""The promises have tests that carry their ids, each bug is still one, and the table of the page is what was found."""

from __future__ import annotations

import ast
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from campaign import promises
from campaign.mutants import HUNG, Mutants, copied, run_tests
from campaign.part import Tally, Violation
from campaign.promises import (
    PAGE,
    ROOT,
    Finding,
    Mutant,
    Promise,
    every_mutant,
    findings,
    function_of,
    section,
    written,
)

KNOWN = promises.promises()
IDS = [f"A{n}" for n in range(1, 8)] + [f"B{n}" for n in range(1, 11)] + [f"C{n}" for n in range(1, 11)]
IDS += [f"D{n}" for n in range(1, 8)] + [f"R{n}" for n in range(1, 11)] + ["G1"]
TESTS = """
from monitor.sums import add


def test_sums() -> None:
    assert add(1, 2) == 3


def test_nothing() -> None:
    pass
"""
DATA = """
- id: X1
  says: Sums are right.
  tests: [tests/test_sums.py::test_sums]
  mutants:
    - {name: minus, file: monitor/sums.py, old: one + other, new: one - other}
    - {name: unseen, file: monitor/sums.py, old: one + other, new: one - other,
       tests: ["tests/test_sums.py::test_nothing"]}
"""


def test_every_promise_of_the_groups_is_there_once() -> None:
    assert [promise.id for promise in KNOWN] == IDS
    assert all(promise.tests and promise.mutants and promise.says for promise in KNOWN)


@pytest.mark.parametrize("promise", KNOWN, ids=lambda promise: promise.id)
def test_the_tests_of_a_promise_exist_and_carry_its_id(promise: Promise) -> None:
    for test in promise.tests:
        function = function_of(test)
        assert function is not None, f"there is no {test}"
        told = f"{function.name} {ast.get_docstring(function) or ''}"
        assert re.search(rf"(?<![a-z0-9]){promise.id}(?![0-9])", told, re.IGNORECASE), (
            f"{test} does not name {promise.id}"
        )


@pytest.mark.parametrize("promise", KNOWN, ids=lambda promise: promise.id)
def test_a_bug_can_be_put_in_at_one_place_and_leaves_python(promise: Promise) -> None:
    assert len({mutant.name for mutant in promise.mutants}) == len(promise.mutants)
    for mutant in promise.mutants:
        text = (ROOT / mutant.file).read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1, f"{mutant.file}: {mutant.name}"
        assert mutant.new != mutant.old
        ast.parse(text.replace(mutant.old, mutant.new))
        assert mutant.tests
        assert set(mutant.tests) <= set(promise.tests)


def test_the_table_of_the_page_is_what_data_and_ledger_say() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert written(page, section(KNOWN, findings())) == page


def test_a_promise_without_a_killed_bug_is_shown_as_unproved() -> None:
    mutant = Mutant("X1", "minus", "a.py", "+", "-", ("tests/a.py::test_a[x]",))
    promise = Promise("X1", "Sums | are right.", ("tests/a.py::test_a[x]",), (mutant,))
    killed = Finding("X1", "minus", mutant.digest, True, "tests/a.py::test_a[x]", "c", "abc", "2026-11-21 10:00", 1.0)
    text = section([promise], [killed])
    assert "1 promises, 1 seeded bugs: 1 killed, 0 survived.\nUnproved: none." in text
    assert "| **X1** Sums \\| are right. | `a: test_a` | minus: killed by `a: test_a`, `abc`, 2026-11-21 |" in text
    text = section([promise], [killed, replace(killed, killed=False, by="")])
    assert "0 killed, 1 survived.\nUnproved: X1." in text
    assert "right. **Unproved.** | `a: test_a` | minus: **survived**, `abc`" in text
    changed = replace(promise, mutants=(replace(mutant, new="*"),))
    text = section([changed], [killed])
    assert "0 killed, 0 survived, 1 not run since they were changed.\nUnproved: X1." in text
    assert "minus: not run |" in text


def test_the_section_stands_between_its_markers_and_nothing_else_changes() -> None:
    made = written("# A\n\n<!-- campaign -->\nfigures\n", "one\n")
    assert made == "# A\n\n<!-- promises -->\none\n<!-- /promises -->\n\n<!-- campaign -->\nfigures\n"
    assert written(made, "two\n") == made.replace("one", "two")
    assert written("# A\n", "one\n") == "# A\n\n<!-- promises -->\none\n<!-- /promises -->\n"


@pytest.fixture
def part(tmp_path: Path) -> Mutants:
    """The part for a project of two files."""
    root = tmp_path / "project"
    for name, text in {
        "monitor/__init__.py": "",
        "monitor/sums.py": "def add(one: int, other: int) -> int:\n    return one + other\n",
        "tests/test_sums.py": TESTS,
        "ignored.txt": "x",
        ".gitignore": "ignored.txt\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (tmp_path / "promises.yaml").write_text(DATA)
    return Mutants(tmp_path / "mutants.jsonl", root, tmp_path / "promises.yaml", page=None)


def judged(part: Mutants, *numbers: int) -> Tally:
    tally = Tally()
    with part.opened(1) as check:
        check(numbers, tally)
    return tally


def test_a_bug_is_killed_or_survives_and_the_tree_is_left_alone(part: Mutants) -> None:
    assert part.size == 2
    assert dict(judged(part, 0, 1).counts) == {"killed": 1, "survived": 1}
    killed, survived = findings(part.ledger)
    assert (killed.killed, killed.by) == (True, "tests/test_sums.py::test_sums")
    assert (survived.killed, survived.by) == (False, "")
    assert "one + other" in (part.root / "monitor/sums.py").read_text()
    bugs = list(every_mutant(promises.promises(part.data)))
    assert [finding.digest for finding in (killed, survived)] == [bug.digest for bug in bugs]


def test_a_killed_bug_is_not_tried_again_until_its_file_or_tests_change(part: Mutants) -> None:
    judged(part, 0)
    judged(part, 0)
    assert len(findings(part.ledger)) == 1
    tests = part.root / "tests/test_sums.py"
    tests.write_text(TESTS.replace("add(1, 2) == 3", "add(2, 2) == 4"))
    judged(part, 0)
    assert len(findings(part.ledger)) == 2


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("monitor/sums.py", "one + other", "other + one", "holds the text of this bug 0 times"),
        ("tests/test_sums.py", "def test_sums", "def test_other", "there is no such test"),
        ("tests/test_sums.py", "== 3", "== 4", "its tests do not pass without a bug"),
    ],
)
def test_a_bug_that_cannot_be_tried_is_a_violation(part: Mutants, file: str, old: str, new: str, says: str) -> None:
    path = part.root / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(Violation, match=says):
        judged(part, 0)
    assert findings(part.ledger) == []


def test_a_bug_that_is_no_python_is_a_violation_and_no_kill(part: Mutants) -> None:
    part.data.write_text(DATA.replace("new: one - other}", "new: one +}"))
    with pytest.raises(Violation, match="the tests cannot be run with"):
        judged(part, 0)


def test_tests_that_hang_have_failed(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import time\n\ndef test_it():\n    time.sleep(60)\n")
    began = time.monotonic()
    assert run_tests(tmp_path, ["test_it.py"], within=2.0) == (1, HUNG)
    assert time.monotonic() - began < 20


def test_a_copy_has_what_git_does_not_ignore(part: Mutants, tmp_path: Path) -> None:
    place = copied(part.root, tmp_path / "copy")
    assert (place / "tests/test_sums.py").read_text() == TESTS
    assert not (place / "ignored.txt").exists()


@pytest.mark.parametrize(("text", "reader"), [("a: 1", promises.promises), ("{}", findings)])
def test_data_of_another_form_is_refused_with_its_place(tmp_path: Path, text: str, reader: object) -> None:
    path = tmp_path / "data"
    path.write_text(text)
    with pytest.raises(ValueError, match=str(path)):
        reader(path)  # type: ignore[operator]
