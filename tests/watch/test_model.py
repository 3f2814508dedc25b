"""The watch itself: what it refuses by itself, what may be written shorter, and when a new generation begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.watch import names
from monitor.watch.model import Limits, RunOptions, Watch
from monitor.watch.run import Run, Trigger, new_id
from tests.conftest import make_watch


def refused(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        make_watch(**changes)
    return str(caught.value)


def test_a_watch_has_the_documented_defaults() -> None:
    watch = make_watch()
    assert (watch.timezone, watch.enabled, watch.transport, watch.tags, watch.notify) == ("UTC", True, "sse", (), ())
    assert watch.limits.timeout == timedelta(minutes=10)
    assert (watch.limits.retries, watch.limits.failing_after) == (1, 2)
    assert watch.run.model_dump(exclude_none=True) == {}


def test_one_may_be_written_without_its_list() -> None:
    watch = make_watch(cron="@daily", notify=["ops", {"to": "me", "on": ["change"]}], compare={"identity": {"/a": "k"}})
    assert watch.cron == ("@daily",)
    assert [rule.to for rule in watch.notify] == [("ops",), ("me",)]
    assert watch.notify[0].on == ("change", "failure", "recovery", "reminder", "drift", "stale")
    assert watch.compare.identity == {"/a": ("k",)}
    assert make_watch(compare={"identity": {"/a": ["k", "l"]}}).compare.identity == {"/a": ("k", "l")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run": {"proxy_config": {"enabled": True, "type": "custom"}}}, "needs its url"),
        ({"run": {"credential_item_ids": ["a"]}}, "needs use_vault: true"),
        ({"run": {"use_vault": True}}, "use_vault needs credential_item_ids"),
        ({"run": {"profile_id": "p"}}, "profile_id needs use_profile"),
        ({"run": {"webhook_url": "http://hooks.example"}}, "webhook_url must be https"),
        ({"compare": {"identity": {"/a": []}}}, "at least one key"),
        ({"compare": {"identity": {"/a": ["k", "l", "k"]}}}, "names a key twice: k, l, k"),
        ({"compare": {"identity": [1]}}, "dictionary"),
        ({"notify": "ops"}, "tuple"),
        ({"limits": {"timeout": "2d"}}, "at most 1d"),
        ({"limits": {"timeout": 3}}, "a duration is a string"),
        ({"output_schema": {"type": "array"}}, "must be of type object"),
        ({"timezone": "Mars"}, "time zone"),
        ({"name": "a/b"}, "cannot hold"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    assert words in refused(**changes)


def test_what_depends_on_another_field_is_taken_with_it() -> None:
    options = RunOptions.model_validate(
        {
            "use_vault": True,
            "credential_item_ids": ["a"],
            "use_profile": True,
            "profile_id": "p",
            "webhook_url": "https://h.example",
        }
    )
    assert options.credential_item_ids == ("a",)
    assert Limits(timeout=timedelta(seconds=5)).timeout.total_seconds() == 5


def test_a_watch_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        make_watch().url = "https://other.example"


@pytest.mark.parametrize(
    ("changes", "new"),
    [
        ({"url": "https://other.example"}, True),
        ({"goal": "Other."}, True),
        ({"output_schema": {"type": "object"}}, True),
        ({"compare": {"ignore": ["/a"]}}, True),
        ({"cron": "@daily"}, False),
        ({"notify": ["ops"]}, False),
        ({"tags": ["a"], "enabled": False, "timezone": "Europe/Berlin"}, False),
        ({"compare": {}}, False),
    ],
)
def test_a_new_generation_begins_with_url_goal_schema_or_compare(changes: dict[str, Any], new: bool) -> None:
    """B8: a new generation begins with url goal schema or compare."""
    assert (make_watch(**changes).fingerprint != make_watch().fingerprint) is new


def test_a_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    schema = make_watch().output_schema
    assert make_watch(output_schema=dict(reversed(schema.items()))).fingerprint == make_watch().fingerprint


@pytest.mark.parametrize("name", ["a", "Espresso machine", "café", "a.b-c_d", "日本", "x" * 100])
def test_a_plain_name_is_a_name(name: str) -> None:
    assert names.checked(name) == name


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a/b", "a\\b", "a\nb", "a\x00", ".a", "-a", "a:b", "a*", "x" * 101, "a\u200bb", "a\u2003b"]
)
def test_what_would_trouble_files_or_terminals_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        names.checked(name)


@given(st.text(max_size=20))
def test_a_name_is_checked_once_for_all_its_forms(name: str) -> None:
    try:
        checked = names.checked(name)
    except ValueError:
        return
    assert names.checked(checked) == checked
    assert names.folded(checked) == names.folded(name)


def test_the_id_of_a_run_sorts_by_its_time() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert new_id(early) < new_id(late)
    assert len(new_id(early)) == 26
    run = Run(id=new_id(early), watch="w", due_at=early)
    assert (run.attempt, run.trigger, run.dry) == (1, Trigger.CRON, False)


def test_errors_of_the_model_never_show_a_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Watch.model_validate({"name": "a", "url": "https://x.example", "goal": ["canary"], "notify": "canary"})
    assert "canary" not in str(caught.value)
