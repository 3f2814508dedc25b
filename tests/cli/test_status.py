"""Who watches the watcher, from outside: `status` of a daemon that stands still, was killed, or was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from monitor.clock import WallClock
from monitor.store.store import Store
from tests.cli.conftest import WATCH, Said, Workspace
from tests.scripted_api import ScriptedApi
from tests.sinks import Answer, WebhookSink

CANARY = "canary-7f3a9"
SPEED = "60"  # two minutes are two seconds
YEARLY = WATCH.replace("*/30 * * * *", "0 0 1 1 *")


@contextmanager
def daemon(
    workspace: Workspace, api: ScriptedApi, http: str = "", speed: str = SPEED
) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon in a process of its own with a driven clock; it logs to log.txt."""
    environment = os.environ | {"TINYFISH_BASE_URL": api.url, "TINYFISH_API_KEY": "sk-test", "MONITOR_HTTP": http}
    command = [sys.executable, "-m", "monitor", "--workspace", str(workspace.folder), "daemon", "--clock-speed", speed]
    with (workspace.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)


def eventually(reached: Callable[[], object], seconds: float = 40.0) -> None:
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until, "it did not come so far"
        time.sleep(0.05)


def status_with(workspace: Workspace, code: int, text: str = "") -> Said:
    """Ask for the status until it is so."""
    found: list[Said] = []

    def so() -> bool:
        found.append(workspace("status"))
        return found[-1].code == code and text in found[-1].out

    eventually(so)
    return found[-1]


def beating(workspace: Workspace) -> bool:
    path = workspace.folder / "state" / "monitor.db"
    if not path.exists():
        return False
    daemon = workspace("status", "--json").json["daemon"]
    return {"scheduler", "outbox", "store"} == set(daemon["parts"]) and not daemon["problems"]


def test_c10_a_daemon_that_is_frozen_is_seen_from_outside_and_is_well_when_it_goes_on(
    workspace: Workspace, api: ScriptedApi
) -> None:
    """C10: SIGSTOP: exit 3 and a line for each part; the pings of the dead man's switch stop; SIGCONT ends it all."""
    with WebhookSink() as sink:
        workspace.settings(f"dead_man: {sink.url}/{CANARY}\n")
        workspace.watch(text=YEARLY)
        with daemon(workspace, api) as process:
            sink.wait_for(1, 40)
            eventually(lambda: beating(workspace))
            assert status_with(workspace, 0).out.count("has not moved") == 0
            process.send_signal(signal.SIGSTOP)
            said = status_with(workspace, 3, "the daemon's scheduler has not moved since 2026-").out
            assert "the daemon's outbox has not moved since 2026-" in said
            assert "the daemon's store has not moved since 2026-" in said
            count = len(sink.received)
            process.send_signal(signal.SIGCONT)
            status_with(workspace, 0)
            sink.wait_for(count + 1, 40)
            process.terminate()
            assert process.wait(20) == 0
    found = workspace("status", "--json")
    assert (found.code, found.json["daemon"]) == (0, {"expected": False, "parts": {}, "problems": []})
    log = (workspace.folder / "log.txt").read_text()
    assert CANARY not in log
    assert "Traceback" not in log


def test_c10_a_daemon_that_was_killed_is_missed_until_one_is_started_or_once_is_used(
    workspace: Workspace, api: ScriptedApi
) -> None:
    workspace.watch(text=YEARLY)
    workspace.use(api)
    with daemon(workspace, api) as process:
        eventually(lambda: beating(workspace))
        process.kill()
        process.wait(20)
        status_with(workspace, 3, "the daemon ended without being stopped; it last moved at 2026-")
    with daemon(workspace, api) as process:
        status_with(workspace, 0)
        process.kill()
        process.wait(20)
        status_with(workspace, 3)
    assert workspace("daemon", "--once").code == 0
    assert workspace("status").code == 0


def test_a_part_that_stands_still_is_named_alone(workspace: Workspace, api: ScriptedApi) -> None:
    """The marks of another process: one is old, the others are not."""
    workspace.watch(text=YEARLY)
    workspace.use(api)
    workspace("status")
    now = WallClock().now()
    with Store.open(str(workspace.folder / "state" / "monitor.db")) as store:
        store.beat(["scheduler", "store"], now, now + timedelta(hours=1))
        store.beat(["outbox"], now - timedelta(minutes=9), now - timedelta(minutes=7))
    said = workspace("status")
    assert said.code == 3
    assert [line.split(" since ")[0] for line in said.out.splitlines() if "has not moved" in line] == [
        "the daemon's outbox has not moved"
    ]
    parts = workspace("status", "--json").json["daemon"]["parts"]
    assert {part: found["ok"] for part, found in parts.items()} == {"outbox": False, "scheduler": True, "store": True}


def test_no_daemon_is_no_problem_for_those_who_use_run(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.watch(text=YEARLY)
    workspace.use(api)
    assert workspace("run", "espresso-machine").code == 0
    assert workspace("status").code == 0


def test_a_daemon_that_could_not_be_opened_was_never_supposed_to_run(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.watch(text=YEARLY)
    workspace.use(api)
    assert workspace("daemon", "--http", "999.1.1.1:80").code == 2
    assert workspace("status").code == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dead_man: '${env:NO_SUCH_PING}'\n", "${env:NO_SUCH_PING} is not set"),
        ("dead_man: ftp://canary-7f3a9.example/x\n", "dead_man: must be an http or https url"),
    ],
)
def test_an_address_that_cannot_be_asked_ends_the_start_with_one_line(
    workspace: Workspace, api: ScriptedApi, line: str, words: str
) -> None:
    workspace.settings(line)
    workspace.watch(text=YEARLY)
    workspace.use(api)
    said = workspace("daemon")
    assert said.code == 2
    assert words in said.err
    assert CANARY not in said.err


def test_row_121_healthz_is_red_when_no_target_takes_messages_and_says_dead_messages_when_some_do_not(
    workspace: Workspace, api: ScriptedApi
) -> None:
    """Row 121, C4: a target that is gone for good; its message is dead, the switch is silent, health is red."""
    with WebhookSink(Answer(410)) as target, WebhookSink() as pinged:
        workspace.settings(f"targets: {{ops: '{target.apprise_url()}'}}\ndead_man: {pinged.url}\n")
        workspace.watch(text=WATCH.replace("*/30", "*"), notify=[{"to": "ops", "on": ["baseline", "change"]}])
        with daemon(workspace, api, "127.0.0.1:0", "240") as process:
            log = workspace.folder / "log.txt"
            eventually(lambda: "/healthz" in log.read_text())
            address = log.read_text().split("health: ")[1].split()[0]
            eventually(lambda: '"outbox":"failing: no target takes messages"' in _asked(address)[1])
            assert _asked(address)[0] == 503
            eventually(lambda: '"messages":"some could not be delivered"' in _asked(address)[1])
            eventually(lambda: "dead_man is not pinged" in log.read_text())
            assert workspace("status").code == 3
            process.terminate()
            assert process.wait(20) == 0


def _asked(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
