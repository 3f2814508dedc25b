"""`export`, `show --bundle` and `schedule`: what leaves the store and the definitions in one piece."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import stat
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cli import export
from monitor.cli.export import _cell
from tests.cli.conftest import WATCH, Workspace
from tests.scripted_api import ScriptedApi

HOSTILE = '=HYPERLINK("http://evil.example";"x")'
TEXTS = WATCH.replace("    in_stock: {type: boolean}", "    in_stock: {type: boolean}\n    title: {type: string}")


@pytest.fixture
def filled(workspace: Workspace, api: ScriptedApi) -> Workspace:
    """A watch with a baseline, a change and a hostile title."""
    workspace.use(api)
    workspace.watch(text=TEXTS)
    for price in (499.0, 449.0):
        api.next_run(result={"price": price, "in_stock": True, "title": HOSTILE})
        assert workspace("run", "espresso-machine").code == 0
    return workspace


def test_every_record_is_one_line_oldest_first(filled: Workspace) -> None:
    said = filled("export", "espresso-machine")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["verdict"] for line in lines] == ["BASELINE", "CHANGED"]
    assert lines[1]["changes"] == [{"path": "/price", "kind": "changed", "before": 499.0, "after": 449.0}]
    assert filled("export", "espresso-machine", "--json").json == lines


def test_a_spreadsheet_takes_nothing_for_a_formula(filled: Workspace) -> None:
    said = filled("export", "espresso-machine", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["result.price"] for row in rows] == ["499.0", "449.0"]
    assert rows[0]["result.title"] == f"'{HOSTILE}"
    assert rows[1]["verdict"] == "CHANGED"
    assert json.loads(rows[1]["result"])["title"] == HOSTILE


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_no_cell_begins_as_a_formula_does(value: object) -> None:
    cell = _cell(value)
    if isinstance(value, str) and cell.lstrip(" ")[:1] in set("=+-@\t\r\n"):
        float(cell)  # a number is what it says


def test_more_records_than_a_page_are_all_there(filled: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.store.outcomes.PAGE", 1)
    assert len(filled("export", "espresso-machine").out.splitlines()) == 2


def test_parquet_without_its_library_is_one_line_that_names_the_extra(
    filled: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(export.importlib, "import_module", absent)
    said = filled("export", "espresso-machine", "--format", "parquet")
    assert (said.code, said.out) == (2, "")
    assert "pip install goal-monitor[parquet]" in said.err


def test_parquet_has_typed_columns(filled: Workspace, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    command = [sys.executable, "-m", "monitor", "--workspace", str(filled.folder), "export", "espresso-machine"]
    with (tmp_path / "out.parquet").open("wb") as file:
        subprocess.run([*command, "--format", "parquet"], stdout=file, check=True)
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(row["verdict"], row["attempt"], row["dry"], row["due_at"].utcoffset()) for row in rows] == [
        (verdict, 1, False, timedelta(0)) for verdict in ("BASELINE", "CHANGED")
    ]
    assert rows[0]["result.title"] == HOSTILE


def test_a_watch_that_is_not_there_is_told(filled: Workspace) -> None:
    assert filled("export", "espreso-machine").code == 2
    assert filled("export", "espresso-machine", "--format", "xlsx").code == 2


def _bundle(workspace: Workspace) -> tuple[Path, dict[str, object]]:
    run = workspace("history", "espresso-machine", "--json").json[0]["run"]
    path = workspace.folder / "evidence.zip"
    return path, workspace("show", run, "--bundle", str(path), "--json").json


def test_a_bundle_holds_both_results_and_proves_itself(filled: Workspace) -> None:
    path, manifest = _bundle(filled)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    told = json.loads(parts.pop("manifest.json"))
    assert told["files"] == manifest["files"]
    assert {each["name"]: each["sha256"] for each in told["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in parts.items()
    }
    assert json.loads(parts["before.json"])["result"]["price"] == 499.0
    assert json.loads(parts["after.json"])["price"] == 449.0
    assert json.loads(parts["diff.json"])[0]["path"] == "/price"
    assert parts["diff.txt"] == b"/price: 499.0 -> 449.0\n"
    assert json.loads(parts["raw.json"])["status"] == "COMPLETED"
    assert json.loads(parts["record.json"])["verdict"] == "CHANGED"
    assert b"sk-tinyfish-test" not in b"".join(parts.values())
    cost = json.loads(parts["cost.json"])
    assert cost["usd"] == (None if cost["steps"] is None else pytest.approx(cost["steps"] * 0.016))


def test_a_bundle_takes_no_other_files_place(filled: Workspace) -> None:
    path, _ = _bundle(filled)
    before = path.read_bytes()
    run = filled("history", "espresso-machine", "--json").json[0]["run"]
    again = filled("show", run, "--bundle", str(path))
    assert (again.code, path.read_bytes()) == (2, before)
    assert "exists" in again.err
    assert filled("show", run, "--bundle", str(filled.folder / "no" / "x.zip")).code == 2
    assert [each.name for each in filled.folder.iterdir() if each.name.startswith(".evidence")] == []


def test_coming_occurrences_say_what_the_change_of_the_clocks_does(workspace: Workspace) -> None:
    workspace.watch(text=WATCH.replace("*/30 * * * *", "30 2 * * *"), timezone="Europe/Berlin")
    workspace.watch("off", enabled=False)
    found = workspace("schedule", "espresso-machine", "--next", "366", "--json").json
    notes = [each for each in found if each["note"]]
    assert len(found) == 366
    assert {note["note"].split(" at ")[0] for note in notes} >= {
        "the clock goes forward by 1 h",
        "the clock goes back by 1 h",
    }
    assert all(each["timezone"] == "Europe/Berlin" for each in found)
    said = workspace("schedule")
    assert len(said.out.splitlines()) == 6
    assert "off: disabled" in said.err
    assert workspace("schedule", "nobody").code == 2
