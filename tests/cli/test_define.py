"""`init`, `validate`, `schema`, `settings`, `doctor`: the user's files, without a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.cli.main import run
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


def test_a_field_of_a_later_version_is_refused_not_ignored(workspace: Workspace) -> None:
    """`confirm` and its kind are "not supported yet"."""
    workspace.watch(confirm={"runs": 2})
    said = workspace("validate")
    assert said.code == 2
    assert "confirm: is not supported yet" in said.out


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


def test_an_unknown_command_and_a_wrong_option_exit_2(workspace: Workspace) -> None:
    """Usage errors are one line and exit 2."""
    for arguments in (("frobnicate",), ("run", "--al"), ("history",)):
        said = workspace(*arguments)
        assert said.code == 2
        assert said.err.count("\n") == 1
