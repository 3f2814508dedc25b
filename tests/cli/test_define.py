"""`init`, `validate`, `schema`, `settings`, `doctor`: the user's files, without a run."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.cli.main import run
from monitor.judge.decision import Verdict
from monitor.store.store import Store
from monitor.watch.run import Trigger
from tests.cli.conftest import WATCH, Said, Workspace
from tests.scripted_api import ScriptedApi


def _at(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    capsys.readouterr()
    code = run(["--workspace", str(folder), *arguments])
    printed = capsys.readouterr()
    return Said(code, printed.out, printed.err)


def test_init_writes_a_workspace_that_runs_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new user needs no account: init, validate, run."""
    assert _at(tmp_path, capsys, "init").code == 0
    checked = _at(tmp_path, capsys, "validate", "--json")
    assert checked.json == {"watches": 2, "problems": []}
    ran = _at(tmp_path, capsys, "run", "--all", "--json")
    assert [record["verdict"] for record in ran.json] == ["BASELINE", "BASELINE"]
    assert ran.json[0]["result"] == {"price": 499.0, "currency": "EUR", "in_stock": True}
    assert _at(tmp_path, capsys, "init").code == 2


def test_init_writes_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONITOR_WORKSPACE", str(tmp_path / "there"))
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    capsys.readouterr()
    assert (tmp_path / "there" / "monitor.yaml").is_file()
    assert not (tmp_path / "watches").exists()


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file in the way: exit 2, nothing written, the file as it was."""
    (tmp_path / "monitor.yaml").write_text("agent: tinyfish\n")
    said = _at(tmp_path, capsys, "init")
    assert said.code == 2
    assert "monitor.yaml" in said.err
    assert (tmp_path / "monitor.yaml").read_text() == "agent: tinyfish\n"
    assert not (tmp_path / "watches").exists()


def test_validate_reports_every_problem_of_every_file_with_its_position(workspace: Workspace) -> None:
    """Exit 2, one line a problem: file:line:column, field, what, hint."""
    workspace.watch("good")
    workspace.watch("a", WATCH.replace("goal:", "gaol:"))
    workspace.watch("b", WATCH.replace("type: number", "type: numbr"), notify=["nobody"], confrim={"runs": 2})
    said = workspace("validate", "--json")
    assert said.code == 2
    assert said.json["watches"] == 1
    problems = said.json["problems"]
    assert all(set(problem) == {"file", "line", "column", "field", "message", "hint"} for problem in problems)
    by_file = {problem["file"]: problem for problem in problems}
    assert (by_file["watches/a.yaml"]["line"], by_file["watches/a.yaml"]["column"]) == (2, 1)
    assert 'did you mean "goal"?' in [problem["hint"] for problem in problems if problem["file"] == "watches/a.yaml"]
    fields = {problem["field"] for problem in problems if problem["file"] == "watches/b.yaml"}
    assert any(field.startswith("output_schema") for field in fields)
    assert any(field.startswith("notify") for field in fields)
    assert "confrim" in fields  # one wrong field does not hide what is wrong with the others


def test_what_is_checked_on_this_machine_only_is_a_note_and_no_problem(workspace: Workspace) -> None:
    """One note a watch, with its position; none where the whole schema is sent; `run` does not repeat it."""
    schema = {
        "type": "object",
        "required": ["price"],
        "properties": {"price": {"type": "number", "multipleOf": 0.01}, "sku": {"type": "string", "pattern": "^A"}},
        "additionalProperties": False,
    }
    workspace.watch(text=WATCH.partition("output_schema:")[0], output_schema=schema)
    said = workspace("validate")
    assert said.code == 0
    assert "note: watches/espresso-machine.yaml:" in said.out
    assert "multipleOf at /properties/price, pattern at /properties/sku, additionalProperties at /" in said.out
    found = workspace("validate", "--json").json
    assert (found["watches"], found["problems"]) == (1, [])
    (note,) = found["notes"]
    assert (note["field"], note["line"] > 0) == ("output_schema", True)
    assert "notes" not in workspace("validate", "--json", "--agent", "embedded").json


def test_a_field_of_a_later_version_is_refused_not_ignored(workspace: Workspace) -> None:
    """`gate` and its kind are "not supported yet"."""
    workspace.watch(gate={"select": "main"})
    said = workspace("validate")
    assert said.code == 2
    assert "gate: is not supported yet" in said.out


@pytest.mark.parametrize("field", ["url", "name"])
def test_defaults_cannot_give_every_watch_the_same_url_or_name(workspace: Workspace, field: str) -> None:
    """Refused at the field, with the reason; a goal may be shared."""
    workspace.watch()
    workspace.settings(f"agent: embedded\ndefaults:\n  tags: [a]\n  {field}: https://shop.example/x\n")
    said = workspace("validate", "--json")
    assert said.code == 2
    (problem,) = said.json["problems"]
    place = (problem["file"], problem["line"], problem["column"], problem["field"])
    assert place == ("monitor.yaml", 4, 5 + len(field), f"defaults.{field}")
    assert "every watch the same" in problem["message"]
    workspace.settings("defaults: {goal: Find the price.}\n")
    assert workspace("validate").code == 0


def test_a_target_that_no_watch_uses_is_checked_too(workspace: Workspace) -> None:
    """A problem at its line of monitor.yaml, once, and not in place of those of used ones."""
    workspace.watch(notify=["used"])
    workspace.settings(
        "targets:\n  good: json://127.0.0.1/x\n  used: nonsense\n  spare: ${env:NOT_SET}\n  idle: foo://x\n"
    )
    said = workspace("validate", "--json")
    assert said.code == 2
    places = [(problem["file"], problem["line"], problem["field"]) for problem in said.json["problems"]]
    assert sorted(places) == [
        ("monitor.yaml", 4, "targets.spare"),
        ("monitor.yaml", 5, "targets.idle"),
        ("watches/espresso-machine.yaml", 10, "notify[0].to[0]"),
    ]
    assert "NOT_SET" in workspace("validate").out
    one = str(workspace.folder / "watches" / "espresso-machine.yaml")
    assert len(workspace("validate", one, "--json").json["problems"]) == 1


def test_validate_prints_the_next_three_times_and_the_money(workspace: Workspace) -> None:
    """Three due times in the watch's zone, runs and dollars a month, and that nobody is told."""
    workspace.watch(text=WATCH.replace("*/30 * * * *", "0 9 * * *"), timezone="Europe/Berlin")
    said = workspace("validate")
    assert said.code == 0
    assert said.out.count("09:00 CET") == 3
    assert "about 30 runs a month, about $1.44" in said.out
    assert "nobody is told" in said.out


def test_loopback_pages_are_refused_for_tinyfish_and_fine_for_the_embedded_agent(workspace: Workspace) -> None:
    """interface.md, "Workspace": TinyFish cannot reach them."""
    workspace.watch(text=WATCH.replace("https://shop.example", "http://127.0.0.1:8000"))
    said = workspace("validate")
    assert said.code == 2
    assert "watches/espresso-machine.yaml:1:6: url: 127.0.0.1" in said.out
    assert workspace("validate", "--agent", "embedded").code == 0
    workspace.watch(text=WATCH.replace("https://shop.example", "http://192.168.1.4"))
    assert workspace("validate", "--agent", "embedded").code == 2
    workspace.settings("agent: embedded\nallow_private: true\n")
    assert workspace("validate").code == 0


def test_settings_prints_values_with_their_origin_and_no_secret(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Option over environment over .env over monitor.yaml over default; secrets masked."""
    monkeypatch.setenv("TINYFISH_API_KEY", "sk-tinyfish-canary")
    (workspace.folder / ".env").write_text("MONITOR_CONCURRENCY=7\n")
    workspace.settings("concurrency: 3\nlog: debug\n")
    said = workspace("settings", "--json")
    assert said.json["concurrency"]["value"] in (7, "7")
    assert ".env" in said.json["concurrency"]["origin"]
    assert "monitor.yaml" in said.json["log"]["origin"]
    assert "canary" not in said.out + workspace("settings").out


def test_schema_accepts_the_example_and_refuses_a_misspelt_field(workspace: Workspace) -> None:
    """`monitor schema` is a JSON Schema that editors can use."""
    import jsonschema

    from monitor.files import documents

    schema = workspace("schema").json
    example = documents.parse(WATCH, "watch.yaml")[0].value
    jsonschema.validate(example, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**example, "gaol": "x"}, schema)


def test_doctor_is_green_with_a_key_that_the_api_takes_and_red_without(workspace: Workspace, api: ScriptedApi) -> None:
    """Exit 0 when all is well; 3 with the line that says what to do."""
    workspace.watch()
    assert workspace("doctor").code == 3
    workspace.use(api)
    said = workspace("doctor", "--json")
    assert said.code == 0, said.out
    assert {check["name"] for check in said.json["checks"]} >= {"settings", "watches", "database", "agent"}
    api.answer("GET", "/v1/runs", 401, {"error": {"code": "INVALID_API_KEY", "message": "bad"}})
    assert workspace("doctor").code == 3


def test_doctor_finds_a_damaged_database_and_leaves_it_alone(workspace: Workspace, api: ScriptedApi) -> None:
    """R4: a file that is not a database is reported, exit 3, and kept byte for byte; other commands exit 4."""
    workspace.watch()
    workspace.use(api)
    (workspace.folder / "state").mkdir()
    database = workspace.folder / "state" / "monitor.db"
    database.write_bytes(b"not a database, but somebody's file" * 100)
    assert workspace("doctor").code == 3
    said = workspace("run", "espresso-machine")
    assert said.code == 4
    assert said.err.count("\n") == 1
    assert api.posts == 0
    assert database.read_bytes() == b"not a database, but somebody's file" * 100


def test_doctor_counts_the_occurrences_since_a_watch_was_first_seen(workspace: Workspace, api: ScriptedApi) -> None:
    """G1: an occurrence before the first record counts too, once a daemon has seen the watch."""
    path = workspace.watch()
    workspace.use(api)
    half_hour = timedelta(minutes=30)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    due = [now - number * half_hour for number in (3, 2, 1)]
    seen = due[0] - timedelta(minutes=5)
    os.utime(path, (seen.timestamp() - 60, seen.timestamp() - 60))
    (workspace.folder / "state").mkdir()
    with Store.open(str(workspace.folder / "state" / "monitor.db")) as store:
        store.see(["espresso-machine"], [], seen)
        for at in (due[2], due[0]):
            assert workspace("doctor").code == (0 if at == due[2] and not store.counts()["MISSED"] else 3)
            store.record_skip("espresso-machine", at, Trigger.CRON, Verdict.MISSED, "DOWN", "nothing was running", now)
        said = workspace("doctor", "--json")
        assert said.code == 3
        (found,) = [check["text"] for check in said.json["checks"] if check["name"] == "occurrences"]
        assert f"1 missing between them; without a record: espresso-machine {due[1]:%Y-%m-%dT%H:%MZ}" in found
        store.record_skip("espresso-machine", due[1], Trigger.CRON, Verdict.MISSED, "DOWN", "nothing was running", now)
    assert workspace("doctor").code == 0


def test_an_unknown_command_and_a_wrong_option_exit_2(workspace: Workspace) -> None:
    """Usage errors are one line and exit 2."""
    for arguments in (("frobnicate",), ("run", "--al"), ("history",)):
        said = workspace(*arguments)
        assert said.code == 2
        assert said.err.count("\n") == 1


def test_validate_sums_the_cost_of_a_month_and_holds_it_against_the_ceilings(workspace: Workspace) -> None:
    """`spending` of monitor.yaml: the price of a step, and a warning before the runs that would be skipped."""
    workspace.settings("spending: {usd_per_step: 0.5, usd_per_day: 10, runs_per_day: 90}\n")
    for name in ("a", "b"):
        workspace.watch(name)
    said = workspace("validate")
    assert said.code == 0
    assert "in all about 2,880 runs a month, about $4,320.00 (at 3 steps a run, $0.5 a step)" in said.out
    assert "warning: that is more than spending.runs_per_day lets through (90 a day)" in said.out
    assert "warning: that is likely more than spending.usd_per_day lets through ($10.00 a day)" in said.out
    free = workspace("validate", "--agent", "embedded")
    assert "usd_per_day" not in free.out
