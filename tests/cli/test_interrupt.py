"""Ctrl-C during `monitor run`, `cancel`, and a new key in a running daemon: as processes, with real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import WATCH, Workspace
from tests.scripted_api import ScriptedApi


def _environment(api: ScriptedApi) -> dict[str, str]:
    return os.environ | {"TINYFISH_BASE_URL": api.url, "TINYFISH_API_KEY": "sk-tinyfish-test", "MONITOR_HTTP": ""}


def _until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def _start(workspace: Workspace, api: ScriptedApi, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "monitor", "--workspace", str(workspace.folder), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=_environment(api), stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    )


def _accepted(workspace: Workspace) -> bool:
    if not (workspace.folder / "state" / "monitor.db").exists():
        return False
    return any(run["stage"] == "accepted" for run in workspace("status", "--json").json["in_flight"])


def test_ctrl_c_detaches_and_the_next_run_picks_the_result_up(workspace: Workspace, api: ScriptedApi) -> None:
    """Exit 130, the remote run is left alone, and its result is judged by the next `monitor run` without a POST."""
    workspace.watch()
    workspace.use(api)
    script = api.next_run(result={"price": 5.0, "in_stock": True}).takes(None)
    process = _start(workspace, api, "run", "espresso-machine")
    _until(lambda: _accepted(workspace))
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "detached" in err
    assert "Traceback" not in err
    assert api.cancels == 0
    script.takes(0)
    for run in api.runs:
        run.ends_at = run.born
    (record,) = workspace("run", "espresso-machine", "--json").json
    assert (record["verdict"], record["result"]["price"]) == ("BASELINE", 5.0)
    assert api.posts == 1


def test_cancel_ends_what_a_killed_process_left_at_the_api(workspace: Workspace, api: ScriptedApi) -> None:
    """kill -9 of `monitor run`, then `monitor cancel`: cancelled at the API, one FAILED CANCELLED record, no POST."""
    workspace.watch()
    workspace.use(api)
    api.next_run().takes(None)
    process = _start(workspace, api, "run", "espresso-machine")
    _until(lambda: _accepted(workspace))
    process.kill()
    process.communicate(timeout=20)
    said = workspace("cancel", "espresso-machine", "--json")
    assert said.code == 0
    assert said.json["kind"] == "cancelled"
    assert (api.posts, api.cancels) == (1, 1)
    (record,) = workspace("history", "espresso-machine", "--json").json
    assert (record["verdict"], record["outcome"]["code"]) == ("FAILED", "CANCELLED")
    assert workspace("status", "--json").json["in_flight"] == []


def test_a_daemon_takes_a_new_key_up_without_a_restart(workspace: Workspace, api: ScriptedApi) -> None:
    """The key's file changes and SIGHUP comes: the next request carries the new key."""
    workspace.watch(text=WATCH.replace("*/30", "*"), jitter="0s")
    key = workspace.folder / "key"
    key.write_text("sk-tinyfish-old\n")
    environment = _environment(api) | {"TINYFISH_API_KEY_FILE": str(key)}
    environment.pop("TINYFISH_API_KEY")
    command = [sys.executable, "-m", "monitor", "--workspace", str(workspace.folder), "daemon", "--clock-speed", "60"]
    with (workspace.folder / "log.txt").open("wb") as log:
        daemon = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _until(lambda: api.posts >= 1)
        key.write_text("sk-tinyfish-new\n")
        daemon.send_signal(signal.SIGHUP)
        _until(lambda: any(request.headers["x-api-key"] == "sk-tinyfish-new" for request in api.requests))
    finally:
        daemon.terminate()
        assert daemon.wait(20) == 0
    log_text = (workspace.folder / "log.txt").read_text()
    assert "a new API key is used" in log_text
    assert "sk-tinyfish" not in log_text


def test_a_broken_pipe_and_a_full_disk_at_the_output_are_no_internal_errors(workspace: Workspace) -> None:
    """`monitor schema > /dev/full`: one line, exit 3."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "monitor", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
