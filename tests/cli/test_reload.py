"""Definitions and settings edited under a running daemon, in a process of its own: taken up without a restart."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from typing import Any

from tests.cli.conftest import WATCH, Workspace
from tests.cli.test_status import daemon, eventually
from tests.scripted_api import ScriptedApi

YEARLY = WATCH.replace("*/30 * * * *", "0 0 1 1 *")
MINUTELY = WATCH.replace('"*/30 * * * *"', '"* * * * *"\njitter: 0s')
BROKEN = YEARLY.replace("goal:", "gaol:")


def running(workspace: Workspace) -> dict[str, Any]:
    """The document of `status` about the last reload; empty before the daemon has written one."""
    if not (workspace.folder / "state" / "monitor.db").exists():
        return {}
    return workspace("status", "--json").json["reload"] or {}


def log(workspace: Workspace) -> str:
    return (workspace.folder / "log.txt").read_text(encoding="utf-8")


def records(workspace: Workspace, watch: str) -> int:
    with closing(sqlite3.connect(workspace.folder / "state" / "monitor.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM runs WHERE watch = ?", (watch,)).fetchone()[0])


def test_files_that_come_change_and_go_are_taken_up_and_plan_stays_true(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.use(api)
    for name in ("stays", "goes"):
        workspace.watch(name, YEARLY)
    with daemon(workspace, api, speed="60"):
        eventually(lambda: "watching" in log(workspace))
        assert set(running(workspace)["added"]) == {"stays", "goes"}
        assert workspace("plan").code == 0

        workspace.watch("comes", MINUTELY)
        eventually(lambda: running(workspace)["added"] == ["comes"])
        eventually(lambda: records(workspace, "comes") >= 2)
        assert workspace("plan").code == 0

        workspace.watch("comes", MINUTELY, enabled=False)
        eventually(lambda: running(workspace)["changed"] == ["comes"])
        (workspace.folder / "watches" / "goes.yaml").unlink()
        eventually(lambda: running(workspace)["removed"] == ["goes"])
        assert workspace("plan").code == 0
        still = records(workspace, "comes")
        eventually(lambda: not workspace("status", "--json").json["in_flight"])
        assert records(workspace, "comes") <= still + 1
    assert records(workspace, "stays") == 0


def test_a_broken_file_keeps_the_last_good_definition_and_is_told_once(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.use(api)
    workspace.watch("mine", MINUTELY)
    with daemon(workspace, api, speed="60") as process:
        eventually(lambda: records(workspace, "mine") if "watching" in log(workspace) else 0)
        workspace.watch("mine", MINUTELY.replace("goal:", "gaol:"))
        eventually(lambda: running(workspace)["problems"])
        broken = running(workspace)
        assert {problem["file"] for problem in broken["problems"]} == {"watches/mine.yaml"}
        assert broken["removed"] == []
        said = workspace("status")
        assert "last reload" in said.out
        before = records(workspace, "mine")
        eventually(lambda: records(workspace, "mine") > before + 1)  # it goes on as it was
        process.send_signal(signal.SIGHUP)
        eventually(lambda: running(workspace)["at"] != broken["at"])
        assert log(workspace).count("gaol") == 1

        workspace.watch("mine", MINUTELY)
        eventually(lambda: not running(workspace)["problems"])
        assert "every definition is sound again" in log(workspace)


def test_settings_are_taken_up_and_broken_ones_stay_as_they_were(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.use(api)
    workspace.settings("spending: {runs_per_day: 1000}\n")
    workspace.watch("mine", MINUTELY)
    with daemon(workspace, api, speed="60"):
        eventually(lambda: records(workspace, "mine") if "watching" in log(workspace) else 0)
        workspace.settings("spending: {usd_per_day: 0.000001}\nconcurrency: 7\n")
        eventually(lambda: "some settings are taken up at the next start only" in log(workspace))
        eventually(lambda: "CEILING" in workspace("history", "mine").out)
        workspace.settings("spending: {usd_per_day: [}\n")
        eventually(lambda: "a definition cannot be used" in log(workspace))
        assert "monitor.yaml:1:" in log(workspace)
