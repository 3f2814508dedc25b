"""Targets: keys that hold no secret, URLs resolved late, and what is refused at load."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.alert.targets import Targets, check, key
from monitor.errors import DeliveryError, SecretError
from monitor.watch.findings import Finding
from tests.conftest import make_watch

CANARY = "CanaryT0ken4711"


@pytest.mark.parametrize("entry", ["ops", "Team A", "${env:OPS_URL}", "${file:/run/secrets/ops}"])
def test_names_and_references_are_their_own_keys(entry: str) -> None:
    assert key(entry) == entry


@pytest.mark.parametrize(
    ("entry", "begins"),
    [
        (f"ntfys://{CANARY}@ntfy.sh/espresso", "ntfys#"),
        (f"SLACK://{CANARY}/b/c", "slack#"),
        (f"user:{CANARY}@host", "url#"),
        ("slack://${env:TOKEN}/b/c", "slack#"),
        ("\ud800://x", "url#"),
    ],
)
def test_the_key_of_a_url_is_its_scheme_and_a_digest(entry: str, begins: str) -> None:
    made = key(entry)
    assert made.startswith(begins)
    assert len(made) == len(begins) + 12
    assert CANARY not in made
    assert key(entry) == made
    assert key(entry + "x") != made


def test_a_reference_is_resolved_when_it_is_needed() -> None:
    secrets: dict[str, str] = {}
    targets = Targets({"ops": "${env:OPS}"}, {"a": ["ops", "json://host/x"]}, lambda text: secrets.get(text, text))
    secrets["${env:OPS}"] = "json://ops/y\n"
    assert targets.url("ops") == "json://ops/y"
    assert targets.url(key("json://host/x")) == "json://host/x"


def test_a_target_that_nobody_names_any_more_is_permanent() -> None:
    with pytest.raises(DeliveryError, match="target removed") as caught:
        Targets({"ops": "json://x"}, {}, str).url("json#0123456789ab")
    assert caught.value.permanent
    assert caught.value.retry_after is None


def test_a_reference_that_cannot_be_resolved_names_itself_only() -> None:
    def resolve(text: str) -> str:
        raise SecretError(f"{text} is not set")

    with pytest.raises(SecretError, match=r"\$\{env:OPS\} is not set"):
        Targets({"ops": "${env:OPS}"}, {}, resolve).url("ops")


def test_a_changed_definition_has_another_digest_and_a_removed_one_none() -> None:
    one, other = Targets({"ops": "json://x"}, {}, str), Targets({"ops": "json://y"}, {}, str)
    assert one.digest("ops") == Targets({"ops": "json://x"}, {}, str).digest("ops") != other.digest("ops")
    assert one.digest("gone") == ""
    with pytest.raises(DeliveryError, match="cannot be read"):
        Targets({}, {}, str, complete=False).digest("gone")


def test_the_others_are_those_that_the_same_watch_tells() -> None:
    targets = Targets({"ops": "json://x", "spare": "json://z"}, {"a": ["ops", "json://y", "ops"], "b": ["ops"]}, str)
    assert targets.others("a", "ops") == [key("json://y")]
    assert targets.others("b", "ops") == targets.others("unknown", "ops") == []
    assert targets.in_use() == {"ops", key("json://y")}


def findings(*to: str, named: dict[str, str] | None = None, environ: dict[str, str] | None = None) -> list[Finding]:
    watch = make_watch(notify=[{"to": list(to)}])
    return list(check(watch, named or {}, environ or {}, Path("/nowhere")))


def test_good_targets_are_no_problem() -> None:
    named = {"ops": "${env:OPS}", "hook": "jsons://host/x"}
    assert findings("ops", "hook", "ntfys://ntfy.sh/espresso", named=named, environ={"OPS": "json://host"}) == []


def test_a_service_may_be_named_by_its_own_web_address() -> None:
    assert findings("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ") == []


@pytest.mark.parametrize(
    ("entry", "message", "hint"),
    [
        ("osp", 'no target is named "osp"', 'did you mean "ops"?'),
        ("nobody", 'no target is named "nobody"', "name it under targets: in monitor.yaml"),
        (f"user:{CANARY}@host", "neither a target of monitor.yaml nor an apprise URL", "a URL begins like"),
        (f"slakc://{CANARY}/b/c", "slakc:// is no notification service that apprise knows", 'did you mean "slack"?'),
        (f"slack://{CANARY}", "not a usable slack:// URL", "appriseit.com"),
        (f"smpp://{CANARY}:p@host/1/2", "smpp:// cannot be used here: what it needs is not installed", "smpplib"),
        (f"mqtt://host/{CANARY}?version=v5.0", "mqtt:// does not work with version 5 of MQTT", "3.1.1"),
        ("syslog://", "syslog:// acts on this machine and is not allowed", "over the network"),
        ("${env:MISSING}", "${env:MISSING} is not set", "MISSING"),
        ("json://host/${env:MISSING}", "${env:MISSING} is not set", "MISSING"),
        ("broken", 'target "broken": not a usable slack:// URL', "appriseit.com"),
    ],
)
def test_what_cannot_be_sent_to_is_found_at_load(entry: str, message: str, hint: str) -> None:
    found = findings("ops", entry, named={"ops": "json://host", "broken": f"slack://{CANARY}"})
    assert [each.path for each in found] == [("notify", 0, "to", 1)]
    assert found[0].message == message
    assert hint in (found[0].hint or "")
    assert CANARY not in repr(found)


@pytest.mark.parametrize("scheme", ["dbus", "gnome", "kde", "macosx", "windows", "glib", "blink1", "syslog"])
def test_services_of_this_machine_are_refused(scheme: str) -> None:
    assert "acts on this machine" in findings(f"{scheme}://")[0].message
