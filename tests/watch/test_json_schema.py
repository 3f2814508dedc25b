"""The schema for editors: it takes what the loader takes, and says no where the loader says no."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from monitor.files import documents
from monitor.watch.json_schema import file_schema
from monitor.watch.model import Watch
from monitor.watch.promised import PROMISED

WHOLE = """
url: https://shop.example/espresso-machine
goal: Find the price.
cron: ["*/30 7-22 * * *", "@daily"]
output_schema: {type: object}
name: espresso-machine
timezone: Europe/Berlin
enabled: true
tags: [kitchen]
run:
  browser_profile: stealth
  proxy_config: {enabled: true, type: tetra, country_code: DE}
  agent_config: {mode: strict, max_steps: 40, max_duration_seconds: 300}
  capture_config: {screenshots: true}
transport: sse
compare: {ignore: [/fetched_at], identity: {/offers: seller, /x: [a, b]}}
notify: [ops, {to: [deals, "ntfys://ntfy.sh/espresso"], on: [change]}, {to: ops}]
limits: {timeout: 10m}
"""


def errors(changes: dict[str, Any]) -> list[str]:
    [document] = documents.parse(WHOLE, "w.yaml")
    validator = jsonschema.Draft202012Validator(file_schema())
    return [error.message for error in validator.iter_errors({**document.value, **changes})]


def test_the_schema_is_a_schema_and_takes_the_whole_reference() -> None:
    jsonschema.Draft202012Validator.check_schema(file_schema())
    assert errors({}) == []
    assert errors({"cron": "@daily", "output_schema": "schema.json"}) == []
    assert file_schema()["required"] == ["url", "goal", "output_schema", "cron"]


@pytest.mark.parametrize(
    "changes",
    [
        {"shedule": 1},
        {"url": "file:///x"},
        {"cron": []},
        {"output_schema": "schema.toml"},
        {"limits": {"timeout": 3}},
        {"limits": {"timeout": "3 m"}},
        {"notify": "ops"},
        {"notify": [{"on": ["change"]}]},
        {"notify": [{"to": "ops", "on": ["missing"]}]},
        {"compare": {"identity": {"offers": "x"}}},
        {"run": {"use_vault": "yes"}},
        {"run": None},
    ],
)
def test_an_editor_marks_what_the_loader_refuses(changes: dict[str, Any]) -> None:
    assert errors(changes)


def test_fields_that_are_not_built_are_absent() -> None:
    schema = file_schema()
    at = {
        "": schema,
        "limits": schema["$defs"]["Limits"],
        "compare": schema["$defs"]["Compare"],
        "notify[]": schema["$defs"]["Rule"],
    }
    for field in PROMISED.fields:
        level, _, name = field.rpartition(".")
        assert name not in at[level]["properties"]


def test_every_field_of_the_model_is_there() -> None:
    assert set(file_schema()["properties"]) == set(Watch.model_fields)


def test_a_promised_field_is_not_in_the_model() -> None:
    assert not PROMISED.fields & set(Watch.model_fields)
