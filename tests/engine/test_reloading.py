"""Definitions held against each other, and what a schedule and a dispatcher make of the difference."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.engine.definitions import Difference, difference, kept
from monitor.engine.dispatch import Dispatcher
from monitor.engine.reloading import stamp
from monitor.engine.schedule import Schedule, offset
from monitor.store.definitions import Loaded as Definition
from monitor.store.definitions import Reload
from monitor.store.store import Store
from monitor.watch.load import load
from monitor.watch.model import Watch
from monitor.watch.run import Run, Trigger
from tests.conftest import SimulatedClock, make_watch

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOBODY = 65_534
SOUND = """\
url: https://shop.example/x
goal: Find the price.
cron: "0 * * * *"
output_schema: {type: object, required: [price], properties: {price: {type: number}}}
"""

# What stays


def write(root: Path, **files: str) -> None:
    (root / "watches").mkdir(exist_ok=True)
    for name, text in files.items():
        (root / "watches" / f"{name}.yaml").write_text(text, encoding="utf-8")


def removed(root: Path) -> None:
    (root / "watches" / "b.yaml").unlink()


def a_typing_error(root: Path) -> None:
    write(root, b=SOUND.replace("goal", "gaol"))


def no_yaml(root: Path) -> None:
    write(root, b="url: [\n")


def half_written(root: Path) -> None:
    write(root, b=SOUND[:60])


def no_file_any_more(root: Path) -> None:
    removed(root)
    (root / "watches" / "b.yaml").mkdir()  # a folder of that name: what was b is gone


def the_whole_folder(root: Path) -> None:
    (root / "watches").rename(root / "elsewhere")


def a_name_twice(root: Path) -> None:
    write(root, c=f"name: b\n{SOUND}")


def one_document_of_two(root: Path) -> None:
    write(root, two=f"name: one\n{SOUND}---\nname: two\n{SOUND.replace('cron', 'corn')}")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (removed, {"a", "one", "two"}),
        (no_file_any_more, {"a", "one", "two"}),
        (a_typing_error, {"a", "b", "one", "two"}),
        (no_yaml, {"a", "b", "one", "two"}),
        (half_written, {"a", "b", "one", "two"}),
        (the_whole_folder, {"a", "b", "one", "two"}),
        (a_name_twice, {"a", "b", "one", "two"}),
        (one_document_of_two, {"a", "b", "one", "two"}),
    ],
)
def test_what_is_broken_goes_on_and_what_was_taken_away_does_not(
    tmp_path: Path, change: Callable[[Path], None], names: set[str]
) -> None:
    write(tmp_path, a=SOUND, b=SOUND, two=f"name: one\n{SOUND}---\nname: two\n{SOUND}")
    before = load(tmp_path)
    assert not before.problems
    change(tmp_path)
    after = kept(before, load(tmp_path))
    assert after.watches.keys() == names == after.sources.keys()
    assert all(after.watches[name] == before.watches[name] for name in names)


def test_a_folder_that_cannot_be_listed_keeps_its_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a=SOUND)
    monkeypatch.chdir(tmp_path)  # the folders above are the tests' own
    tmp_path.chmod(0o755)
    before = load(Path())
    us = os.geteuid()
    (tmp_path / "watches").chmod(0)
    try:
        if us == 0:
            os.seteuid(NOBODY)  # root lists every folder
        after = load(Path())
    finally:
        os.seteuid(us)
        (tmp_path / "watches").chmod(0o700)
    assert not after.watches
    assert kept(before, after).watches == before.watches


def test_only_what_says_something_else_differs() -> None:
    before = {name: make_watch(name=name) for name in ("same", "edited", "retried", "gone")}
    after = {name: make_watch(name=name) for name in ("same", "new")}
    after |= {
        "edited": make_watch(name="edited", goal="another"),
        "retried": make_watch(name="retried", limits={"retries": 1}),
    }
    assert difference(before, after) == Difference(("new",), ("edited", "retried"), ("gone",))
    assert not difference(before, dict(before))


def test_a_stamp_changes_with_each_file_that_counts_and_with_no_other(tmp_path: Path) -> None:
    write(tmp_path, a=SOUND)
    seen = [stamp(tmp_path)]
    for path in ("monitor.yaml", ".env", "watches/b.yaml", "watches/schema.json"):
        (tmp_path / path).write_text("x", encoding="utf-8")
        seen.append(stamp(tmp_path))
    assert len(set(seen)) == 5
    for path in ("watches/.b.swp", "watches/b.yaml~", "watches/#b#", "other.yaml"):
        (tmp_path / path).write_text("x", encoding="utf-8")
        assert stamp(tmp_path) == seen[-1]


# The schedule


class Fired:
    """A schedule that stands still, and what it handed over."""

    def __init__(self) -> None:
        self.due: list[tuple[str, datetime]] = []
        self.missed: list[tuple[str, list[datetime]]] = []
        clock: Any = SimulatedClock(NOON)
        self.schedule = Schedule(clock, lambda watch, at: self.due.append((watch.goal, at)), self._miss)

    def _miss(self, watch: Watch, instants: Sequence[datetime], _code: str, _why: str) -> None:
        self.missed.append((watch.goal, list(instants)))


def late(**fields: Any) -> Watch:
    """A watch of every minute whose offset is more than ten seconds."""
    return next(make_watch(name=f"w{n}", cron="* * * * *", jitter="50s", **fields) for n in range(99)
                 if offset(make_watch(name=f"w{n}", jitter="50s")) > timedelta(seconds=10))  # fmt: skip


def test_what_waits_for_its_offset_runs_as_it_is_defined_now() -> None:
    fired, watch = Fired(), late()
    fired.schedule.add([watch], NOON - timedelta(seconds=90))
    edited = watch.model_copy(update={"cron": ("0 0 1 1 *",), "goal": "edited"})
    fired.schedule.change(edited, NOON + timedelta(seconds=5))
    assert fired.due == [("edited", NOON)]
    assert fired.missed == [("edited", [NOON - timedelta(minutes=1)])]
    fired.schedule.change(watch, NOON + timedelta(seconds=6))
    assert len(fired.due) == 1  # the instant is not handed over a second time


@pytest.mark.anyio
async def test_the_same_schedule_goes_on_without_a_break() -> None:
    fired, watch = Fired(), make_watch(cron="* * * * *", jitter="0s")
    fired.schedule.add([watch], NOON - timedelta(seconds=90))
    fired.schedule.change(watch.model_copy(update={"goal": "edited"}), NOON)
    assert fired.due == []
    (group,) = fired.schedule._groups.values()
    await fired.schedule._fire(group)
    assert fired.due == [("edited", NOON)]


@pytest.mark.anyio
async def test_a_watch_that_joins_others_has_nothing_of_what_was_due_before() -> None:
    fired = Fired()
    first, second = (make_watch(name=name, goal=name, cron="* * * * *", jitter="0s") for name in ("a", "b"))
    fired.schedule.add([first], NOON - timedelta(seconds=90))
    fired.schedule.add([second], NOON)
    (group,) = fired.schedule._groups.values()
    await fired.schedule._fire(group)
    assert fired.due == [("a", NOON)]


def test_one_that_is_removed_leaves_the_others_and_the_last_one_its_job() -> None:
    fired = Fired()
    for name in ("a", "b"):
        fired.schedule.add([make_watch(name=name, jitter="0s")], NOON)
    fired.schedule.remove("a")
    (group,) = fired.schedule._groups.values()
    assert list(group.members) == ["b"]
    fired.schedule.remove("b")
    fired.schedule.remove("nobody")
    assert not fired.schedule._groups
    assert fired.schedule._scheduler.get_jobs() == []


# The dispatcher


@pytest.mark.anyio
async def test_an_occurrence_that_waits_runs_as_edited_or_not_at_all() -> None:
    ran: list[tuple[str, str]] = []
    let_go = asyncio.Event()

    async def execute(watch: Watch, run: Run) -> Any:
        await let_go.wait()
        ran.append((watch.name, watch.goal))

    def run(name: str, trigger: Trigger = Trigger.CRON) -> Run:
        return Run(f"r-{name}", name, NOON, trigger=trigger)

    watches = {name: make_watch(name=name, goal="as it was") for name in ("first", "edited", "gone", "back", "retry")}
    async with Dispatcher(execute, execute, 1, lambda _: None) as runs:  # type: ignore[arg-type] # it resumes none
        for name, watch in watches.items():
            runs.start(watch, run(name, Trigger.RETRY if name == "retry" else Trigger.CRON))
        await asyncio.sleep(0)
        for name in watches:
            runs.redefine(make_watch(name=name, goal="edited"))
        assert runs.withdraw("first") is None  # it goes on
        assert runs.withdraw("retry") is None  # it is in the store
        assert runs.withdraw("gone") == run("gone")
        assert runs.withdraw("gone") is None
        assert runs.withdraw("back") == run("back")
        assert runs.start(watches["back"], run("back")) is None  # it was told of already
        let_go.set()
        await runs.idle()
    assert sorted(ran) == [("back", "as it was"), ("edited", "edited"), ("first", "as it was"), ("retry", "as it was")]


# The store


def test_what_a_reload_changed_is_written_and_the_rest_stays(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "monitor.db")) as store:
        assert store.last_reload() is None
        store.run_definitions({name: Definition({"goal": name}, 1) for name in ("a", "b", "c")}, NOON, [{"file": "x"}])
        found = store.last_reload()
        assert found is not None
        assert (set(found.added), found.problems) == ({"a", "b", "c"}, ({"file": "x"},))
        reload = Reload(NOON, ("d",), ("a",), ("b",))
        store.redefine({"a": Definition({"goal": "new"}, 2), "d": Definition({}, 3)}, ["b"], reload, NOON)
        assert store.last_reload() == reload
        assert {name: each.runs_a_month for name, each in store.definitions().items()} == {"a": 2, "c": 1, "d": 3}
