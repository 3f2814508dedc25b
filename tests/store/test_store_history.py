"""What was recorded can be found again, newest first and cheaply."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.errors import UsageError
from monitor.judge.decision import Verdict, WatchState
from monitor.store import history as queries
from monitor.store.store import Store
from monitor.watch.run import Trigger, new_id
from tests.store.scenes import (
    NOW,
    at,
    bad,
    begin,
    completed,
    failed,
    finish,
    good,
    letter,
    make_run,
    of_a_file,
    retry_of,
    whole,
)


def several(store: Store, verdicts: list[str], watch: str = "espresso") -> list[str]:
    """Record one run per verdict, a minute apart; returns their ids."""
    ids = []
    for number, verdict in enumerate(verdicts):
        run = begin(store, make_run(number, watch=watch), now=at(number))
        state = store.state_of(watch)
        if verdict in {"BASELINE", "CHANGED"}:
            finish(store, run, good(run, Verdict(verdict), {"price": number}))
        elif Verdict(verdict).good:
            finish(store, run, good(run, Verdict(verdict), {"price": number}, state=state))
        else:
            finish(store, run, bad(run, state, verdict=Verdict(verdict)), outcome=failed())
        ids.append(run.id)
    return ids


def test_history_is_newest_first_and_bounded(store: Store) -> None:
    ids = several(store, ["BASELINE", "UNCHANGED", "CHANGED", "FAILED"])
    several(store, ["BASELINE"], watch="another")
    assert [record.id for record in store.history("espresso")] == ids[::-1]
    assert [record.id for record in store.history("espresso", limit=2)] == [ids[3], ids[2]]
    assert store.history("espresso", limit=0) == store.history("espresso", limit=-5) == []
    assert len(store.history("espresso", limit=10**30)) == 4
    assert store.history("nobody") == []


def test_history_of_one_verdict(store: Store) -> None:
    ids = several(store, ["BASELINE", "UNCHANGED", "CHANGED", "UNCHANGED"])
    assert [record.id for record in store.history("espresso", verdict="UNCHANGED")] == [ids[3], ids[1]]
    assert [record.id for record in store.history("espresso", verdict=Verdict.CHANGED)] == [ids[2]]


def test_runs_that_are_not_judged_are_no_history(store: Store) -> None:
    run = begin(store, make_run())
    assert store.history("espresso") == []
    assert store.record(run.id) is None


def test_the_latest_results_are_the_valid_ones(store: Store) -> None:
    ids = several(store, ["BASELINE", "FAILED", "CHANGED", "INVALID"])
    dry = make_run(50, dry=True)
    whole(store, dry, good(dry))
    assert [record.id for record in store.latest_result("espresso", 2)] == [ids[2], ids[0]]
    assert [record.result for record in store.latest_result("espresso", 1)] == [{"price": 2}]


def test_dry_runs_do_not_crowd_out_the_latest_results(store: Store) -> None:
    (first,) = several(store, ["BASELINE"])
    for minute in (50, 51):
        dry = make_run(minute, dry=True)
        whole(store, dry, good(dry))
    assert [record.id for record in store.latest_result("espresso", 1)] == [first]


def test_a_record_is_found_by_its_id_its_beginning_and_the_remote_id(store: Store) -> None:
    run = make_run()
    record = whole(store, run, good(run))
    for name in (run.id, run.id[:6], run.id[:15], run.id[:8].lower(), "run_1"):
        assert store.record(name) == record
    for name in (run.id[:5], "", "ZZZZZZZ", "run_", "%%%%%%%", "\udcff\udcff\udcff\udcff\udcff\udcff", run.id + "0"):
        assert store.record(name) is None


def test_a_beginning_of_several_ids_is_refused(store: Store) -> None:
    ids = several(store, ["BASELINE", "UNCHANGED"])
    with pytest.raises(UsageError, match="several runs"):
        store.record(ids[0][:6])
    assert store.record(ids[0]) is not None


def test_of_two_runs_with_one_remote_id_the_newest_is_found(store: Store) -> None:
    ids = several(store, ["BASELINE", "UNCHANGED"])
    found = store.record("run_1")
    assert found is not None
    assert found.id == ids[1]


def test_the_overview_shows_the_last_run_of_every_watch(store: Store) -> None:
    several(store, ["BASELINE", "FAILED", "FAILED"])
    ids = several(store, ["BASELINE", "UNCHANGED"], watch="another")
    store.record_skip("another", at(60), Trigger.CRON, Verdict.SKIPPED, "OVERLAP", "x", NOW)
    another, espresso = store.watch_rows(at(1))
    assert (another.watch, another.last_run, another.last_verdict, another.failing_since) == (
        "another",
        ids[1],
        "UNCHANGED",
        None,
    )
    assert another.last_run_at == NOW
    assert (espresso.failures, espresso.failing_since, espresso.runs_today) == (2, NOW, 2)


def test_what_was_opened_is_counted_whatever_became_of_it(store: Store) -> None:
    several(store, ["BASELINE", "FAILED"])
    begin(store, make_run(9, watch="another", dry=True), now=at(9))
    store.record_skip("another", at(10), Trigger.CRON, Verdict.SKIPPED, "CEILING", "x", NOW)
    assert store.runs_since(None, at(0)) == 3
    assert store.runs_since(None, at(1)) == 2
    assert store.runs_since("espresso", at(1)) == 1
    assert store.runs_since("another", at(10)) == 0


def test_counts_cover_every_verdict(store: Store) -> None:
    several(store, ["BASELINE", "FAILED", "FAILED"])
    begin(store, make_run(9))
    counts = store.counts()
    assert (counts["BASELINE"], counts["FAILED"], counts["MISSED"], counts["unfinished"], counts["retries"]) == (
        1,
        2,
        0,
        1,
        0,
    )


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2100, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    ],
)
def test_instants_come_back_exactly(store: Store, instant: datetime) -> None:
    run = replace(make_run(), due_at=instant, id=new_id(instant))
    outcome = completed(started_at=instant - timedelta(microseconds=1), finished_at=instant + timedelta(microseconds=1))
    begin(store, run)
    record = finish(store, run, good(run), outcome=outcome)
    (again,) = store.history("espresso")
    assert again == record
    assert (again.started_at, again.due_at, again.finished_at) == (outcome.started_at, instant, outcome.finished_at)


def test_a_time_without_a_zone_from_an_agent_is_read_as_utc(store: Store) -> None:
    run = begin(store, make_run())
    outcome = completed(started_at=datetime(2026, 1, 1, 1, 1))  # noqa: DTZ001 - what a careless agent sends
    record = finish(store, run, good(run), outcome=outcome)
    assert record.started_at == datetime(2026, 1, 1, 1, 1, tzinfo=UTC)


def test_a_sound_store_has_nothing_to_say(store: Store) -> None:
    several(store, ["BASELINE", "FAILED", "CHANGED"])
    begin(store, make_run(9))
    assert store.integrity() == []


@of_a_file
def test_tables_that_disagree_are_named(store: Store) -> None:
    ids = several(store, ["BASELINE", "FAILED"])
    run = make_run(9)
    whole(store, run, good(run, Verdict.CHANGED), letter("e1"))
    with store._database.write() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("UPDATE watch_state SET baseline_run = ?", (ids[1],))
        connection.exec_driver_sql("UPDATE runs SET reason = '', attempt = 3 WHERE id = ?", (ids[0],))
        connection.exec_driver_sql("UPDATE runs SET kind = NULL WHERE id = ?", (ids[1],))
        connection.exec_driver_sql("UPDATE runs SET stage = 'settled', verdict = NULL WHERE id = ?", (run.id,))
    found = "\n".join(store.integrity())
    for words in (
        "without the attempt before",
        "without a reason",
        "without an outcome",
        "baselines that",
        "not judged",
    ):
        assert words in found


@of_a_file
def test_rows_that_refer_to_nothing_are_named(store: Store) -> None:
    run = make_run()
    whole(store, run, good(run), letter("e1"))
    raw = store._database._engine.raw_connection()
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("DELETE FROM runs")
    raw.commit()
    raw.close()
    assert any("does not exist" in line for line in store.integrity())


@of_a_file
@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda c: queries.history(c, "w", 20, None), "runs_history"),
        (lambda c: queries.history(c, "w", 20, ["CHANGED"]), "runs_verdicts"),
        (lambda c: queries.record(c, "01JABCDEF", raw=False), "runs_remote"),
        (lambda c: queries.runs_since(c, None, NOW), "COVERING INDEX runs_opened"),
        (lambda c: queries.runs_by_watch(c, NOW), "COVERING INDEX runs_opened"),
        (lambda c: queries.last_occurrence(c, "w"), "sqlite_autoindex_runs_2"),
        (queries.counts, "COVERING INDEX runs_verdicts"),
        (lambda c: queries.watch_rows(c, NOW), "sqlite_autoindex_runs_1"),
    ],
)
def test_reads_go_through_an_index(store: Store, ask, index: str) -> None:  # type: ignore[no-untyped-def]
    assert index in plans(store, ask)
    assert "SCAN runs\n" not in plans(store, ask)


def plans(store: Store, ask) -> str:  # type: ignore[no-untyped-def]
    """How SQLite answers the queries that `ask` makes."""
    from sqlalchemy import event

    seen: list[tuple[str, object]] = []
    engine = store._database._engine

    def on_statement(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", on_statement)
    with store._database.read() as connection:
        ask(connection)
    event.remove(engine, "before_cursor_execute", on_statement)
    lines = []
    with store._database.read() as connection:
        for statement, parameters in seen:
            if statement.startswith("SELECT"):
                lines += [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    return "\n".join(lines) + "\n"


def test_a_state_that_was_never_written_is_empty(store: Store) -> None:
    assert store.state_of("espresso") == WatchState()


def test_both_sides_of_the_schedule_can_be_counted(store: Store) -> None:
    """reliability.md G1: each occurrence counts once, whatever became of it."""
    run = begin(store, make_run(0))
    retry, again = retry_of(run, 1)
    store.commit(run, failed(), bad(run, WatchState(), retry=retry), [], now=NOW, later=again)
    whole(store, again, good(again))
    store.record_skip("espresso", at(30), Trigger.CRON, Verdict.MISSED, "DOWN", "x", NOW)
    by_hand = make_run(31, trigger=Trigger.MANUAL)
    whole(store, by_hand, good(by_hand))
    begin(store, make_run(60))
    counted = store.occurrence_counts("espresso", at(0))
    assert {name: number for name, number in counted.items() if number} == {"FAILED": 1, "MISSED": 1, "unfinished": 1}
    assert set(counted) == {*map(str, Verdict), "unfinished"}
    assert store.occurrences("espresso", at(0)) == [at(0), at(30), at(60)]
    assert store.occurrences("espresso", at(1)) == [at(30), at(60)]
    assert store.occurrences("espresso", at(0), limit=1) == [at(0)]
    assert store.occurrences("other", at(0)) == []
