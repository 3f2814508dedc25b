"""`backtest` and `noise` on a real workspace, and `diff` side by side: the tuning that costs no run."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.cli import difference, tuning
from monitor.engine import tuning as past
from monitor.judge.decision import Change
from monitor.store import outcomes
from monitor.watch.compare import Compare
from tests.cli.conftest import WATCH, Workspace
from tests.scripted_api import ScriptedApi

TOLERANT = {"compare": {"tolerance": {"/price": "2%"}}}


def _lived(workspace: Workspace, api: ScriptedApi, *prices: Any, **fields: Any) -> None:
    """Run the watch once for each price."""
    workspace.watch(**fields)
    workspace.use(api)
    for price in prices:
        api.next_run(result={"price": price, "in_stock": True})
        workspace("run", "espresso-machine")


def test_backtest_says_what_the_present_definition_would_have_said(workspace: Workspace, api: ScriptedApi) -> None:
    """Four changes were recorded; with a tolerance one would have been; no run is made for it."""
    _lived(workspace, api, 799, 795, 799, 795, 699)
    made = len(api.requests)
    workspace.watch(**TOLERANT)
    said = workspace("backtest", "espresso-machine", "--json")
    assert said.code == 0
    assert said.json["verdicts"]["then"] == {"BASELINE": 1, "CHANGED": 4}
    assert said.json["verdicts"]["now"] == {"BASELINE": 1, "CHANGED": 1, "UNCHANGED": 3}
    assert said.json["fields"] == {"/price": 3}
    history = [record["run"] for record in workspace("history", "espresso-machine", "--json").json]
    assert [row["run"] for row in said.json["rows"]] == history[::-1]
    for_people = workspace("backtest", "espresso-machine")
    assert "5 records, 3 of them judged otherwise now" in for_people.out
    assert re.search(r"CHANGED +4 +1", for_people.out)
    assert re.search(r"/price +3", for_people.out)
    assert history[0] not in for_people.out
    assert history[1] in for_people.out
    assert len(api.requests) == made


def test_backtest_counts_alerts_then_and_now_without_a_secret(workspace: Workspace, api: ScriptedApi) -> None:
    """Targets go by the names that the outbox keeps."""
    url = "json://user:geheim@127.0.0.1:9/hook"
    _lived(workspace, api, 1, 2, notify=[url])
    said = workspace("backtest", "espresso-machine", "--json")
    then, now = said.json["alerts"]["then"], said.json["alerts"]["now"]
    assert then == now
    assert then["kinds"] == {"change": 1}
    assert "geheim" not in said.out + workspace("backtest", "espresso-machine").out


def test_noise_prints_lines_that_quiet_what_it_says(workspace: Workspace, api: ScriptedApi) -> None:
    """The block goes into the watch file as it is; then nothing is left to quiet, and backtest agrees."""
    _lived(workspace, api, 799, "$795.00", 799, 795, 699)
    found = workspace("noise", "espresso-machine")
    assert found.code == 0
    assert "5 good results" in found.out
    assert "would have hidden 3 changes, the largest 795 -> 799" in re.sub(r"(\d)\.0\b", r"\1", found.out)
    document = workspace("noise", "espresso-machine", "--json").json
    assert document["records"] == {"now": 4, "quiet": 1}
    (price,) = document["fields"]
    assert (price["path"], price["changed"], price["flipped_back"], price["coerced"]) == ("/price", 4, 2, 1)
    block = yaml.safe_load(document["yaml"])
    assert Compare.model_validate(block["compare"]).tolerance == {"/price": "1%"}
    path = workspace.watch()
    path.write_text(WATCH + document["yaml"] + "\n", encoding="utf-8")
    assert workspace("noise", "espresso-machine", "--json").json["suggestions"] == []
    assert "nothing to quiet" in workspace("noise", "espresso-machine").out
    assert workspace("backtest", "espresso-machine", "--json").json["verdicts"]["now"]["UNCHANGED"] == 3


def test_what_would_be_lost_is_listed_for_people(
    workspace: Workspace, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small moves that stayed look real, the first of them with their time."""
    _lived(workspace, api, *[800 - 4 * step for step in range(5)])
    monkeypatch.setattr(tuning, "MOST_REAL", 1)
    found = workspace("noise", "espresso-machine").out
    assert len(re.findall(r"looks real: 20\d\d-.*Z /price: ", found)) == 1
    assert "more (--json has them)" in found


def test_only_what_ran_since_is_shown(workspace: Workspace, api: ScriptedApi) -> None:
    """A duration back from now; what is none is a usage error."""
    _lived(workspace, api, 1, 2)
    for command in ("backtest", "noise"):
        assert workspace(command, "espresso-machine", "--since", "1h").err == ""
        wrong = workspace(command, "espresso-machine", "--since", "soon")
        assert (wrong.code, wrong.out) == (2, "")
        assert "--since: 'soon' is not a duration" in wrong.err
    _age(workspace.folder)
    assert workspace("backtest", "espresso-machine", "--since", "1h", "--json").json["records"] == 0
    assert workspace("noise", "espresso-machine", "--since", "1h", "--json").json["results"] == 0
    assert workspace("noise", "espresso-machine", "--since", "30d", "--json").json["results"] == 2
    said = workspace("backtest", "espresso-machine", "--since", "1h")
    assert (said.code, said.err) == (
        0,
        "espresso-machine has no stored results in the last 1h: monitor run espresso-machine makes one\n",
    )


def _age(folder: Path) -> None:
    """Put every record two days back."""
    import sqlite3

    days = 2 * 86_400 * 1_000_000
    with sqlite3.connect(folder / "state" / "monitor.db") as database:
        database.execute("UPDATE runs SET due_at = due_at - ?, opened_at = opened_at - ?", (days, days))
    database.close()


@pytest.mark.parametrize("command", ["backtest", "noise"])
def test_a_watch_without_history_is_one_clear_line(command: str, workspace: Workspace, api: ScriptedApi) -> None:
    """No database, or no records: exit 0; an unknown watch: exit 2."""
    workspace.watch()
    for _ in range(2):
        said = workspace(command, "espresso-machine")
        assert (said.code, said.out) == (0, "")
        assert said.err == "espresso-machine has no stored results yet: monitor run espresso-machine makes one\n"
        assert workspace(command, "espresso-machine", "--json").code == 0
        workspace.use(api)
        workspace.watch("other")
        workspace("run", "other")
    unknown = workspace(command, "expresso-machine")
    assert (unknown.code, unknown.out) == (2, "")
    assert 'there is no watch "expresso-machine"' in unknown.err
    assert "espresso-machine" in unknown.err


def test_failed_invalid_and_dry_runs_are_no_results_of_noise(workspace: Workspace, api: ScriptedApi) -> None:
    """Only what the present schema takes is counted; backtest judges all but the dry ones."""
    _lived(workspace, api, 1, "ask us", 2)
    api.next_run(error={"code": "SITE_BLOCKED", "message": "blocked"})
    workspace("run", "espresso-machine")
    workspace("run", "espresso-machine", "--dry-run")
    assert workspace("noise", "espresso-machine", "--json").json["results"] == 2
    rows = workspace("backtest", "espresso-machine", "--json").json["rows"]
    assert [row["now"]["verdict"] for row in rows] == ["BASELINE", "INVALID", "CHANGED", "FAILED"]
    assert not any(row["differs"] for row in rows)


def test_histories_longer_than_a_page_are_read_whole(
    workspace: Workspace, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages, the newest results, and at most so many characters of them."""
    monkeypatch.setattr(outcomes, "PAGE", 2)
    _lived(workspace, api, 1, 2, 3, 4)
    assert workspace("backtest", "espresso-machine", "--json").json["records"] == 4
    monkeypatch.setattr(past, "MOST_RESULTS", 3)
    assert workspace("noise", "espresso-machine", "--json").json["results"] == 3
    monkeypatch.setattr(past, "MOST_CHARACTERS", 60)
    assert workspace("noise", "espresso-machine", "--json").json["results"] < 3
    monkeypatch.setattr(tuning, "MOST_ROWS", 1)
    workspace.watch(compare={"ignore": ["/price"]})
    assert "the newest 1 of 3; --json has all" in workspace("backtest", "espresso-machine").err


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


LONG = "A small espresso machine with two boilers and a rotary pump, made of steel, in three colours, for the home"
OFFERS = """\
url: https://shop.example/espresso-machine
goal: Find the offers.
cron: "@daily"
compare: {identity: {/offers: seller}}
output_schema:
  type: object
  properties:
    text: {type: string}
    same: {type: number}
    offers: {type: array, items: {type: object, properties: {seller: {type: string}, price: {type: number}}}}
"""


def _offers(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.watch(text=OFFERS)
    workspace.use(api)
    for price, seller, text in ((10, "B", LONG), (12, "C", LONG.replace("steel", "brass"))):
        rows = [{"seller": "A", "price": price}, {"seller": seller, "price": 7}]
        api.next_run(result={"offers": rows, "text": text, "same": 1})
        workspace("run", "espresso-machine")


def test_diff_is_plain_lines_when_piped(workspace: Workspace, api: ScriptedApi) -> None:
    """One line a change, rows by key, long text with the words marked, no escape sequences."""
    _offers(workspace, api)
    lines = workspace("diff", "espresso-machine").out.splitlines()
    assert lines[0] == "/text: … and a rotary pump, made of [-steel,-] {+brass,+} in three colours, for the home"
    assert lines[1:] == [
        "/offers/seller=A/price: 10 -> 12",
        '/offers/seller=B: - {"seller": "B", "price": 7}',
        '/offers/seller=C: + {"seller": "C", "price": 7}',
    ]
    assert list(workspace("diff", "espresso-machine", "--json").json["changes"][0]) == [
        "path",
        "kind",
        "before",
        "after",
    ]


def test_diff_is_side_by_side_in_colour_on_a_terminal(
    workspace: Workspace, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows stand under their key; what both have is not repeated."""
    _offers(workspace, api)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert workspace("diff", "espresso-machine").code == 0
    drawn = screen.getvalue()
    assert "\x1b[1;31msteel" in drawn
    assert "\x1b[1;32mbrass" in drawn
    bare = re.sub(r"\x1b\[[\d;]*m", "", drawn)
    assert "/offers/seller=A" in bare
    assert re.search(r"^ *price +10 +12 *$", bare, re.MULTILINE)
    assert "seller: B" in bare


def _shown(capsys: pytest.CaptureFixture[str], *changes: Change, terminal: bool, after: Any = None) -> tuple[str, str]:
    difference.show(changes, after, after, terminal=terminal)
    printed = capsys.readouterr()
    return printed.out, printed.err


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_page_says_cannot_drive_the_terminal(terminal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of paths, values, notes and long texts are not printed."""
    bad = "\x1b[2J\u202e"
    out, _ = _shown(
        capsys,
        Change(f"/{bad}/a={bad}/x", "changed", bad, 1, note=bad),
        Change("/long", "changed", bad + LONG, LONG + bad),
        Change("", "changed", [bad], {"a": [bad]}),
        terminal=terminal,
    )
    assert "\x1b[2J" not in out
    assert "\u202e" not in out


def test_long_differences_are_capped_and_unchanged_fields_named(capsys: pytest.CaptureFixture[str]) -> None:
    """500 changes, 2,000 characters of a value, 20 unchanged names."""
    many = [Change(f"/n{number}", "added", after=number) for number in range(difference.MOST_SHOWN + 5)]
    out, err = _shown(capsys, *many, terminal=False)
    assert len(out.splitlines()) == difference.MOST_SHOWN
    assert "5 more changes; --json has all" in err
    out, err = _shown(capsys, Change("/big", "removed", "x" * 10_000), terminal=True, after={"a/b": 1, "big": 2})
    assert out.count("x") == 2_000
    assert "the same in both: a/b" in err


def test_words_in_common_stand_once() -> None:
    """What differs, with a few words around; texts without anything in common are two pieces."""
    assert difference.words("a b c", "a x c") == [("same", "a "), ("old", "b "), ("new", "x "), ("same", "c")]
    assert difference.words("a", "b") == [("old", "a"), ("new", "b")]
    middle = " ".join(str(number) for number in range(100))
    pieces = difference.words(f"old {middle} old", f"new {middle} new")
    assert pieces[2] == ("same", "0 1 2 3 4 5 … 94 95 96 97 98 99 ")
