"""The checker of histories: nothing in a good one, and each broken promise by its name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from campaign.checker import REPEAT, Billed, History, summed, violations
from tests.campaign.history import KILL, again, billed, changed, made

Broken = Callable[[History], History]
LAST = "(SELECT max(id) FROM runs)"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> History:
    return made(tmp_path_factory.mktemp("history") / "monitor.db")


@pytest.fixture
def good(whole: History, tmp_path: Path) -> History:
    return replace(whole, database=Path(shutil.copy2(whole.database, tmp_path)))


def test_a_good_history_breaks_no_promise(good: History) -> None:
    assert violations(good) == []
    assert summed(good) == {
        "occurrences": 2,
        "runs billed": 2,
        "messages": 4,
        "messages that came more than once": 0,
    }


def test_a_copy_after_a_kill_that_says_what_it_is_breaks_no_promise(good: History) -> None:
    repeated = again(good, at=KILL + 1, text=f"\n({REPEAT})")
    assert violations(repeated) == []
    assert summed(repeated)["messages that came more than once"] == 1


def a_run_billed_twice(history: History) -> History:
    return billed(history, replace(history.billed[1], run_id="run_3", begin=300, end=301))


def a_run_of_no_row(history: History) -> History:
    return billed(history, Billed("run_3", "[ref 01JX]", 300, 301, True, None))


def a_run_while_another_goes_on(history: History) -> History:
    return replace(history, billed=[replace(history.billed[0], end=None), history.billed[1]])


def a_paid_result_that_was_not_kept(history: History) -> History:
    return replace(history, billed=[history.billed[0], replace(history.billed[1], run_id="run_9")])


def a_message_that_never_came(history: History) -> History:
    return replace(history, copies=history.copies[1:])


def a_message_twice_without_a_kill(history: History) -> History:
    return again(history, at=201, text=f"\n({REPEAT})")


def a_message_twice_and_not_marked(history: History) -> History:
    return again(history, at=KILL + 1)


def a_message_again_after_it_was_closed(history: History) -> History:
    return replace(again(history, at=KILL + 1, text=f"\n({REPEAT})"), closed={("b", "EV2"): KILL})


def a_message_of_no_event(history: History) -> History:
    return replace(history, copies=[*history.copies, replace(history.copies[0], text="changed")])


def an_occurrence_without_a_record(history: History) -> History:
    return replace(history, due={"espresso": [*history.due["espresso"], 1]})


def a_record_that_is_gone(history: History) -> History:
    return replace(history, judged={"01JGONE": "CHANGED"})


def statement(text: str) -> Broken:
    return lambda history: changed(history, text)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (a_run_billed_twice, "A1"),
        (a_run_of_no_row, "A2"),
        (a_run_while_another_goes_on, "D4"),
        (a_paid_result_that_was_not_kept, "B6"),
        (a_message_that_never_came, "C1"),
        (a_message_twice_without_a_kill, "C2"),
        (a_message_again_after_it_was_closed, "C2"),
        (a_message_of_no_event, "C1"),
        (a_message_twice_and_not_marked, "C2"),
        (an_occurrence_without_a_record, "G1"),
        (a_record_that_is_gone, "B10"),
        (statement(f"UPDATE runs SET verdict = 'SKIPPED' WHERE id = {LAST}"), "A4"),
        (statement(f"UPDATE runs SET verdict = 'UNCHANGED' WHERE id = {LAST}"), "B3"),
        (statement(f"UPDATE runs SET verdict = NULL, stage = 'settled' WHERE id = {LAST}"), "G1"),
        (statement(f"UPDATE runs SET result = CAST('{{\"price\":9}}' AS BLOB) WHERE id = {LAST}"), "B6"),
        (statement("UPDATE watch_state SET baseline_run = (SELECT min(id) FROM runs)"), "B1"),
        (statement("DELETE FROM outbox WHERE event = 'EV2'"), "B5"),
        (statement("DELETE FROM outbox WHERE event = 'EV2' AND target = 'a'"), "B5"),
        (statement("UPDATE outbox SET state = 'dead' WHERE event = 'EV2'"), "C1"),
        (statement("UPDATE outbox SET run = '01JGONE' WHERE event = 'EV2'"), "R2"),
    ],
)
def test_each_broken_promise_is_found(good: History, broken: Broken, named: str) -> None:
    found = violations(broken(good))
    assert named in {each.partition(":")[0] for each in found}, found


def test_two_records_of_one_occurrence_are_found(good: History) -> None:
    table = "CREATE TABLE loose AS SELECT * FROM runs"  # without the index that forbids it
    twice = f"INSERT INTO loose SELECT * FROM loose WHERE id = {LAST}"
    found = violations(changed(good, table, twice, "DROP TABLE runs", "ALTER TABLE loose RENAME TO runs"))
    assert any(each.startswith("A4: 2 records") for each in found), found


def test_a_damaged_database_is_found(good: History) -> None:
    changed(good, "PRAGMA writable_schema = ON", "DELETE FROM sqlite_master WHERE name = 'runs_history'")
    assert any(each.startswith("R2") for each in violations(good))
