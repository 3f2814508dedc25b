"""The framework: slices that go on where the last one stopped, a ledger that says so, and a page made from it alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from campaign import __main__ as command
from campaign import report
from campaign.ledger import DEFAULT, Ledger, counted
from campaign.part import Check, Tally, Violation, smallest
from campaign.runner import End, Terms, commit, digest, number, only, run, sample

SEED = 7


@dataclass
class Counting:
    """A part whose cases are counted; `bad` are broken."""

    bad: frozenset[int] = frozenset()
    name: str = "counting"
    title: str = "cases that count"
    proves: str = "X1"
    size: int = 100
    least: int = 5
    chunk: int = 10
    subject: tuple[str, ...] = ("campaign/part.py",)

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        def check(numbers: Sequence[int], tally: Tally) -> None:
            for case in numbers:
                if case in self.bad:
                    raise Violation(case, f"broken under seed {seed}", f"case {case}")
                tally.add("cases")
                tally.add("ours: billed", 1)
                tally.add("theirs: billed", 2)
                tally.peak("largest", case)

        yield check


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


def hushed(_line: str) -> None:
    """Say nothing."""


def test_a_part_goes_on_where_its_time_ran_out(ledger: Ledger) -> None:
    short = Terms(SEED, minutes=1e-9)
    ends = [run(Counting(), ledger, short, hushed)]
    assert ends == [End.UNFINISHED] or ledger.reached(next(ledger.lines()).series) == 10
    while ends[-1] is End.UNFINISHED:
        ends.append(run(Counting(), ledger, Terms(SEED, slice_seconds=0.0), hushed))
    lines = list(ledger.lines())
    assert lines[-1].end == 100
    assert [line.begin for line in lines[1:]] == [line.end for line in lines[:-1]]
    assert sum(line.counts["cases"] for line in counted(lines)) == 100
    assert run(Counting(), ledger, Terms(SEED), hushed) is End.COMPLETE
    assert len(list(ledger.lines())) == len(lines)


def test_again_another_seed_another_scale_and_other_code_begin_anew(ledger: Ledger) -> None:
    for terms in (Terms(SEED), Terms(SEED, again=True), Terms(8), Terms(SEED, scale=0.5), Terms(SEED, code="other")):
        assert run(Counting(), ledger, terms, hushed) is End.COMPLETE
    assert [(line.begin, line.end) for line in ledger.lines()] == [(0, 100)] * 3 + [(0, 50), (0, 100)]


def test_a_sample_is_spread_over_all_cases_and_repeated_by_number() -> None:
    part = Counting()
    assert [number(part, 5, position) for position in range(sample(part, 0.01))] == [0, 20, 40, 60, 80]
    assert [number(part, 100, position) for position in range(sample(part, 1.0))] == list(range(100))


def test_a_violation_is_printed_written_down_and_not_passed_by(ledger: Ledger) -> None:
    said: list[str] = []
    part = Counting(bad=frozenset({42}))
    assert run(part, ledger, Terms(SEED), said.append) is End.VIOLATED
    assert run(part, ledger, Terms(SEED), said.append) is End.VIOLATED
    first, second = ledger.lines()
    assert first.failure == {"number": 42, "what": "broken under seed 7", "smallest": "case 42"}
    assert (first.begin, first.end, second.begin, second.end) == (0, 40, 40, 40)
    assert any("python -m campaign counting --seed 7 --only 42" in line for line in said)
    assert only(part, SEED, 42, said.append) is End.VIOLATED
    assert only(part, SEED, 41, said.append) is End.COMPLETE


def test_a_line_says_with_what_and_how_it_came_about(ledger: Ledger) -> None:
    run(Counting(), ledger, Terms(SEED, scale=0.5), hushed)
    (line,) = (json.loads(text) for text in ledger.path.read_text().splitlines())
    assert line["command"] == "python -m campaign counting --seed 7 --scale 0.5"
    assert line["code"] == digest(("campaign/part.py",)) != digest(("campaign/ledger.py",))
    assert line["commit"] == commit()
    assert (line["counts"]["cases"], line["most"]["largest"]) == (50, 98)


def test_a_line_that_is_not_ours_is_refused_with_its_place(ledger: Ledger) -> None:
    ledger.path.write_text('{"part": "x"}\n')
    with pytest.raises(ValueError, match=r"ledger\.jsonl:1: not a line"):
        list(ledger.lines())


def test_the_page_is_what_the_ledger_says(ledger: Ledger, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Mine\n\nStays.\n")
    fine, broken, missing = Counting(), Counting(frozenset({3}), name="broken"), Counting(name="missing")
    run(fine, ledger, Terms(SEED), hushed)
    run(fine, ledger, Terms(SEED, scale=0.1), hushed)
    run(broken, ledger, Terms(SEED), hushed)
    parts = {part.name: part for part in (fine, broken, missing)}
    report.write(ledger, page, parts)
    text = page.read_text()
    assert text.startswith(f"# Mine\n\nStays.\n\n{report.MARKER}\n")
    assert "| counting | X1 | 100 | 0 | 7 |" in text
    assert "| broken | X1 | 0 of 100 | 1 | 7 |" in text
    assert "Not run yet: missing." in text
    assert "| | ours | theirs |\n|---|---|---|\n| billed | 100 | 200 |" in text
    assert "cases 100; largest: 99." in text
    assert "- broken, case 3, seed 7," in text
    assert "Smallest: `case 3`. Open." in text
    report.write(ledger, page, parts)
    assert page.read_text() == text
    run(Counting(name="broken"), ledger, Terms(SEED, code="mended"), hushed)
    report.write(ledger, page, parts)
    assert "Smallest: `case 3`. Mended since." in page.read_text()


def test_the_page_of_the_repository_is_what_its_ledger_says(tmp_path: Path) -> None:
    if not DEFAULT.exists():
        pytest.fail("campaign/ledger.jsonl is committed")
    copy = tmp_path / "reliability.md"
    copy.write_text(report.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    report.write(Ledger(), copy, command.parts())
    assert copy.read_text(encoding="utf-8") == report.PAGE.read_text(encoding="utf-8")


def test_the_command_runs_parts_and_names_what_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"counting": Counting(), "broken": Counting(frozenset({3}), name="broken")}
    monkeypatch.setattr(command, "parts", lambda: parts)
    places = ["--ledger", str(tmp_path / "l.jsonl"), "--page", str(tmp_path / "p.md")]
    assert command.main(["counting", *places]) == 0
    assert "seed 20261121" in capsys.readouterr().out
    assert command.main(["--seed", "7", *places]) == 1
    assert command.main(["counting", "--seed", "9", "--minutes", "0", *places]) == 3
    assert command.main(["broken", "--only", "3", *places]) == 1
    assert command.main(["models", *places]) == 2
    assert command.main(["nope", *places]) == 2
    assert "no such part: nope (there are: counting, broken, report)" in capsys.readouterr().err
    assert command.main(["report", *places]) == 0
    assert "| counting |" in (tmp_path / "p.md").read_text()
    with pytest.raises(SystemExit):
        command.main(["--scale", "2"])


def test_the_smallest_case_is_one_from_which_nothing_can_be_left_out() -> None:
    assert smallest(b"xxxaxxxbxxx", lambda text: b"a" in text and b"b" in text) == b"ab"
    assert smallest((1, 2, 3), lambda items: 2 in items) == (2,)
    assert replace(Counting(), size=3).size == 3
