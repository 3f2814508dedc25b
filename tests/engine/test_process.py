"""The daemon as a process: signals, kills, a second one, and commands beside it, against a scripted API."""

from __future__ import annotations

import json
import os
import random
import signal
import string
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Rows
from tests.scripted_api import ScriptedApi
from tests.sinks import WebhookSink

WATCH = """\
url: https://shop.example/espresso-machine
goal: Find the price.
cron: "{cron}"
output_schema: {{type: object, required: [price], properties: {{price: {{type: number}}}}}}
notify: [{{to: "{to}", on: [baseline, change, failure, recovery]}}]
"""
LIMITED = """
import resource, sys
size = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # Python ignores SIGXFSZ: a write fails
from monitor.cli.main import main
main()
"""
YEARLY, EVERY_MINUTE = "0 0 1 1 *", "* * * * *"


class Workspace:
    """A folder with watches, and processes of `monitor` in it; what still runs at the end is killed."""

    def __init__(self, folder: Path, api: ScriptedApi, sink: WebhookSink) -> None:
        self.folder, self.api, self.sink = folder, api, sink
        self.rows = Rows(folder / "state" / "monitor.db")
        self._running: list[subprocess.Popen[str]] = []
        (folder / "watches").mkdir()

    def watch(self, cron: str, *names: str) -> None:
        for name in names:
            text = WATCH.format(cron=cron, to=self.sink.apprise_url(name))
            (self.folder / "watches" / f"{name}.yaml").write_text(text)

    def start(self, *arguments: str, file_size: int | None = None) -> subprocess.Popen[str]:
        """Start a process; with `file_size`, no file can grow beyond so many bytes: a full disk, by the system."""
        environ = os.environ | {
            "TINYFISH_API_KEY": "sk-canary",
            "TINYFISH_BASE_URL": self.api.url,
            "MONITOR_HTTP": "",
            "MONITOR_CONCURRENCY": "4",
            "TMPDIR": str(self.folder),
        }
        program = ["-m", "monitor"] if file_size is None else ["-c", LIMITED, str(file_size)]
        process = subprocess.Popen(
            [sys.executable, *program, "--workspace", str(self.folder), *arguments],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def daemon(self, speed: float) -> subprocess.Popen[str]:
        """Start a daemon; every daemon of a workspace is given the same origin, so that its time goes on."""
        self.origin = getattr(self, "origin", time.time())
        return self.start("daemon", "--clock-speed", f"{speed:g}", "--clock-origin", f"{self.origin:.3f}")

    def stages(self) -> list[str]:
        return [stage for stage, _ in self.rows.stages] if self.rows.path.exists() else []

    def end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=10)


@pytest.fixture
def workspace(tmp_path: Path, state: Path) -> Iterator[Workspace]:
    with ScriptedApi(result={"price": 1}).in_thread() as api, WebhookSink() as sink:
        found = Workspace(tmp_path, api, sink)
        try:
            yield found
        finally:
            found.end()


def wait_for(reached: Callable[[], object], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until, "it did not come so far"
        time.sleep(0.01)


def test_a_signal_ends_the_daemon_and_the_next_one_finishes_the_run(workspace: Workspace) -> None:
    workspace.watch(EVERY_MINUTE, "espresso")
    script = workspace.api.every_run(result={"price": 1}).takes(None)
    first = workspace.daemon(60)
    wait_for(lambda: "accepted" in workspace.stages())
    asked = time.monotonic()
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0
    assert time.monotonic() - asked < 10
    assert workspace.api.cancels == 0
    left = workspace.rows("SELECT * FROM runs WHERE stage = 'accepted'")
    assert [row["run_id"] for row in left] == ["run_1"]

    script.ends_after, workspace.api.runs[0].ends_at = 0.0, 0.0
    second = workspace.daemon(60)
    message = workspace.sink.wait_for(1)[0]
    assert "espresso: first result" in json.dumps(message.json)
    wait_for(lambda: workspace.rows(f"SELECT id FROM runs WHERE id = '{left[0]['id']}' AND verdict = 'BASELINE'"))
    second.send_signal(signal.SIGINT)
    assert second.wait(10) == 0
    assert Counter(run.goal for run in workspace.api.runs).most_common(1)[0][1] == 1


def test_a_second_daemon_is_refused_and_names_the_first_and_run_works_beside_it(workspace: Workspace) -> None:
    """R7: a second daemon is refused and names the first and run works beside it."""
    workspace.watch(YEARLY, "espresso")
    first = workspace.daemon(1)
    wait_for((workspace.folder / "state" / "daemon.lock").exists)
    wait_for(lambda: str(first.pid) in (workspace.folder / "state" / "daemon.lock").read_text())
    second = workspace.start("daemon")
    _, said = second.communicate(timeout=20)
    assert (second.returncode, str(first.pid) in said) == (4, True)
    assert "Traceback" not in said
    beside = workspace.start("run", "espresso", "--json")
    out, said = beside.communicate(timeout=20)
    assert beside.returncode == 0, said
    assert [record["verdict"] for record in json.loads(out)] == ["BASELINE"]
    assert len(workspace.sink.wait_for(1)) == 1
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0


def test_once_runs_what_is_due_and_ends(workspace: Workspace) -> None:
    workspace.watch("0 0 * * *", "espresso", "grinder")
    for posts in (2, 2):  # the second time there is nothing due
        process = workspace.start("daemon", "--once", "--json")
        out, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
        assert workspace.api.posts == posts
    assert json.loads(out) == []
    assert len(workspace.sink.wait_for(2)) == 2


def _result_that_does_not_fit(workspace: Workspace) -> int:
    """Let the next run give a result that the database cannot take; returns how large a file may become for that."""
    text = "".join(random.Random(1).choices(string.ascii_letters, k=120_000))  # packed: 90 kB
    workspace.api.every_run(result={"price": 1, "text": text})
    return workspace.rows.path.stat().st_size + 65_536


def _spooled(workspace: Workspace) -> list[Path]:
    return list(workspace.folder.glob("goal-monitor-*/*.outcome"))


def _recovered(workspace: Workspace) -> None:
    """Start again, with a disk that takes writes and an API that says nothing: what was paid for is there."""
    workspace.api.answer("GET", "/v1/runs", 503, {})
    workspace.api.answer("GET", "/v1/runs/run_1", 503, {})
    process = workspace.start("daemon", "--once", "--json")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert (workspace.rows.records, workspace.api.posts) == ([("BASELINE", None)], 1)
    assert len(workspace.sink.wait_for(1)) == 1
    assert _spooled(workspace) == []


def test_once_on_a_full_disk_ends_and_loses_nothing_that_was_paid(workspace: Workspace) -> None:
    """R3, row 101: exit 4 with one line after a minute of its clock; the next start has the result from the spool."""
    workspace.watch("0 0 * * *", "espresso")
    file_size = _result_that_does_not_fit(workspace)
    process = workspace.start("daemon", "--once", "--clock-speed", "30", file_size=file_size)
    _, said = process.communicate(timeout=40)
    assert process.returncode == 4, said
    assert "Traceback" not in said
    assert [line for line in said.splitlines() if line.startswith("monitor:")] == [said.splitlines()[-1]]
    assert "gave up: the store took nothing for 6" in said.splitlines()[-1]
    assert workspace.stages() == ["accepted"]
    (path,) = _spooled(workspace)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    _recovered(workspace)


def test_a_daemon_that_is_killed_while_its_disk_is_full_loses_nothing_that_was_paid(workspace: Workspace) -> None:
    """R3, row 101: kill -9 while the result is in memory and in the spool only."""
    workspace.watch("0 0 * * *", "espresso")
    file_size = _result_that_does_not_fit(workspace)
    process = workspace.start("daemon", "--once", file_size=file_size)
    wait_for(lambda: _spooled(workspace))
    process.kill()
    process.wait(10)
    assert workspace.stages() == ["accepted"]
    _recovered(workspace)


def test_kills_at_random_moments_cost_no_run_and_lose_no_record_and_no_message(workspace: Workspace) -> None:
    seed = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"KILL_SEED={seed}")  # noqa: T201 - pytest shows it with a failure, so that it can be run again
    chance = random.Random(seed)
    names = ("a", "b", "c")
    workspace.watch(EVERY_MINUTE, *names)
    prices = iter(range(1, 100_000))
    workspace.api._default = lambda: workspace.api._script({"price": next(prices)}, None, None, 3).takes(
        chance.choice([0.0, 0.0, 0.3])
    )
    for _ in range(6):
        process = workspace.daemon(100)
        before = workspace.api.posts
        wait_for(lambda before=before: workspace.api.posts > before or "accepted" in workspace.stages())
        time.sleep(chance.uniform(0.0, 0.8))
        process.kill()
        process.wait(10)
    process = workspace.daemon(100)
    wait_for(lambda: "accepted" not in workspace.stages() and "intent" not in workspace.stages())
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0

    rows = workspace.rows
    assert max(Counter(run.goal for run in workspace.api.runs).values()) == 1  # a goal holds its run's reference
    for name in names:
        due = [row["due_at"] for row in rows(f"SELECT due_at FROM runs WHERE watch = '{name}' ORDER BY due_at")]
        assert len(due) == len(set(due))
        assert due == _minutes(due)
    told = rows("SELECT run FROM runs JOIN outbox ON outbox.run = runs.id WHERE verdict IN ('BASELINE', 'CHANGED')")
    news = rows("SELECT id FROM runs WHERE verdict IN ('BASELINE', 'CHANGED')")
    assert {row["run"] for row in told} == {row["id"] for row in news}
    sent = {row["event"] for row in rows("SELECT event FROM outbox WHERE state = 'done'")}
    heard = json.dumps([request.json for request in workspace.sink.received])
    assert all(event in heard for event in sent)
    assert not rows("SELECT id FROM outbox WHERE state = 'dead'")


def _minutes(due: list[Any]) -> list[Any]:
    """Return the instants, in microseconds, of every minute from the first to the last of `due`."""
    return list(range(due[0], due[-1] + 1, 60_000_000)) if due else []  # killed before its first due time


# --- signals

HANGS = """
import asyncio, sys
from monitor.engine.daemon import stop_signals
async def main():
    stop = asyncio.Event()
    with stop_signals(stop, float(sys.argv[1])):
        print("up", flush=True)
        await stop.wait()
        print("stopping", flush=True)
        await asyncio.sleep(3600)
asyncio.run(main())
"""


@contextmanager
def hanging(within: float) -> Iterator[subprocess.Popen[str]]:
    """A process that does not come to an end when it is asked to."""
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS, str(within)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_stopping_that_hangs_is_cut_off() -> None:
    """R6: stopping that hangs is cut off."""
    with hanging(0.3) as process:
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert "taken up at the next start" in process.stderr.read()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(second: signal.Signals) -> None:
    """R6: a second signal ends the process at once."""
    with hanging(30) as process:
        process.send_signal(second)
        assert process.wait(5) == -second
