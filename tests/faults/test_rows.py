"""Every row of the fault matrix 2.1 to 2.5 has a test that bears its number, one named here, or a reason."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

ELSEWHERE = {
    1: ("tests/files/test_documents.py", "test_what_is_no_regular_file_is_refused_without_blocking"),
    2: ("tests/engine/test_reloading.py", "test_what_is_broken_goes_on_and_what_was_taken_away_does_not"),
    3: ("tests/watch/test_invalid_files.py", "test_an_invalid_file_is_told_with_exactly_these_words"),
    4: ("tests/watch/test_load.py", "test_two_watches_with_one_name_are_both_refused_with_both_places"),
    5: ("tests/engine/test_reloading.py", "test_a_folder_that_cannot_be_listed_keeps_its_watches"),
    6: ("tests/engine/test_execute.py", "test_a_missing_secret_is_recorded_and_nothing_is_sent"),
    7: ("tests/agent/test_schema.py", "test_what_is_sent_is_always_what_the_provider_takes"),
    8: ("tests/engine/test_daemon.py", "test_each_minute_of_a_driven_day_has_one_record"),
    9: ("tests/engine/test_schedule.py", "test_what_was_slept_through_is_missed_but_for_the_newest"),
    11: ("tests/engine/test_schedule.py", "test_a_suspension_of_two_days_is_one_run"),
    13: ("tests/watch/test_cron.py", "test_summer_time_follows_debians_rule"),
    14: ("tests/files/test_small_forms.py", "test_anything_else_is_no_zone"),
    15: ("tests/engine/test_daemon.py", "test_more_watches_than_places_run_late_and_every_occurrence_has_its_record"),
    97: ("tests/engine/test_judging.py", "test_a_result_that_breaks_the_judge_is_a_failure_and_is_told"),
    102: ("tests/store/test_store_contention.py", "test_a_disk_that_fills_up_stops_the_write_and_harms_nothing"),
    103: ("tests/store/test_sqlite.py", "test_a_damaged_or_foreign_file_is_refused_and_left_as_it_is"),
    105: ("tests/store/test_postgres.py", "test_row_105_a_commit_whose_answer_is_lost_is_found_to_be_there"),
}
NOT_OURS = {
    24: "no proxy is used for the API: none is read from the environment, and there is no setting for one",
    107: "power loss cannot be made here; tests/store/test_sqlite.py checks that the journal is set to survive it",
}


def _numbered() -> set[int]:
    found: set[int] = set()
    for path in HERE.glob("test_*.py"):
        for numbers in re.findall(r"def test_rows?_(\d+a?(?:_and_\d+|_to_\d+)?)_", path.read_text(encoding="utf-8")):
            first, *more = (int(number) for number in re.findall(r"\d+", numbers))
            found |= set(range(first, more[0] + 1)) if "_to_" in numbers else {first, *more}
    return found


def test_every_row_has_a_test_or_a_reason() -> None:
    numbered = _numbered()
    missing = [row for row in range(1, 110) if row not in numbered | set(ELSEWHERE) | set(NOT_OURS)]
    assert missing == []
    assert numbered & set(NOT_OURS) == set()


def test_the_tests_that_are_elsewhere_exist() -> None:
    for row, (file, name) in ELSEWHERE.items():
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), row
