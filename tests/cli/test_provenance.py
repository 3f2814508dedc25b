"""What `run`, `show` and `hint` say of a page's values: where each came from, what is absent, how a place is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.cli.provenance import lines
from tests.cli.conftest import Workspace
from tests.scripted_api import ScriptedApi

SCHEMA = {
    "type": "object",
    "required": ["price"],
    "properties": {
        "price": {"type": "number"},
        "frobnicator": {"type": "string"},
        "warranty_months": {"type": ["integer", "null"]},
    },
}
HEAD = "url: http://demo.localhost/espresso-machine\ngoal: the machine\ncron: '@daily'\n"


@pytest.fixture
def embedded(workspace: Workspace) -> Workspace:
    workspace.settings("agent: embedded\n")
    workspace.watch("m", f"{HEAD}output_schema: {json.dumps(SCHEMA)}\n")
    return workspace


def test_a_run_says_what_was_not_found_and_what_to_do_until_it_is_done(embedded: Workspace) -> None:
    said = embedded("run", "m")
    assert said.code == 0
    (line,) = [line for line in said.out.splitlines() if "not found" in line]
    assert line.strip().startswith("not found on the page: /frobnicator, /warranty_months; monitor hint m --value")
    hinted = embedded("hint", "m", "--value", "frobnicator=2.1 l", "--write")
    assert hinted.code == 0, hinted.err
    assert "/frobnicator  x-css: " in hinted.out
    ran = embedded("run", "m")
    assert '"frobnicator": "2.1 l"' in ran.out
    assert "not found on the page: /warranty_months; " in ran.out
    listed = embedded("run", "m", "--json")
    assert "not found" not in listed.out + listed.err
    run = listed.json[0]["run"]
    shown = embedded("show", run).out.splitlines()
    found = [line for line in shown if line.startswith("found:")]
    assert [line.split()[1] for line in found] == ["/price", "/frobnicator"]
    assert "x-css" in found[1]
    assert "absent:   /warranty_months is not found on the page" in shown
    assert embedded("show", run, "--json").json["raw"]["extraction"]["absent"] == ["/warranty_months"]


def test_a_required_value_that_is_not_found_fails_and_names_both_ways_out(embedded: Workspace) -> None:
    schema = SCHEMA | {"required": ["frobnicator"]}
    embedded.watch("m", f"{HEAD}output_schema: {json.dumps(schema)}\n")
    said = embedded("run", "m")
    assert said.code == 3
    assert "not found on the page: /frobnicator" in said.out
    assert "--value PROPERTY=TEXT" in said.out
    assert "make the property optional" in said.out


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("frobnicator", "not PROPERTY=TEXT"),
        ("frobnicator=", "not PROPERTY=TEXT"),
        ("nothing=1", 'no property "nothing"'),
        ("warranty_months=soon", "cannot be read as integer"),
    ],
)
def test_a_value_that_cannot_be_looked_for_is_a_usage_error(embedded: Workspace, value: str, words: str) -> None:
    said = embedded("hint", "m", "--value", value)
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert [path.name for path in (embedded.folder / "watches").iterdir()] == ["m.yaml"]


def test_a_value_that_the_page_does_not_hold_gets_no_hint(embedded: Workspace) -> None:
    found = embedded("hint", "m", "--value", "frobnicator=not there", "--json").json
    assert {"path": "/frobnicator", "reason": "its value stands in no place of its own on the page"} in found[
        "not_hinted"
    ]


def test_another_agent_tells_no_places(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.watch()
    workspace.use(api)
    said = workspace("run", "espresso-machine")
    assert "not found" not in said.out
    run = workspace("history", "espresso-machine", "--json").json[0]["run"]
    assert "found:" not in workspace("show", run).out


@pytest.mark.parametrize("raw", [None, "text", [], {}, {"extraction": 1}, {"extraction": {"sources": [], "absent": 1}}])
def test_a_record_of_any_form_can_be_shown(raw: Any) -> None:
    assert lines(raw) == []


def test_what_a_record_tells_stays_on_its_line() -> None:
    raw = {"extraction": {"sources": {"/a": "x\nresult: forged", "/b": 3}, "absent": ["/c\nd", 4]}}
    assert lines(raw) == ["found:    /a from x result: forged", "absent:   /c d is not found on the page"]
