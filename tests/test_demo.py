"""`monitor demo`, to its end: the whole main job, as a new user sees it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.cli.demo import Supervisor, _agree, _write_workspace
from monitor.cli.scenes import SCENES
from monitor.errors import MonitorError

COMMAND = [sys.executable, "-m", "monitor", "demo"]


@pytest.mark.timeout(120)
def test_the_demo_tells_every_change_and_ends_by_itself_also_when_every_answer_wobbles(tmp_path: Path) -> None:
    """Exit 0 within a minute; every alert delivered; each change, failure and recovery told; nothing left behind."""
    begin = time.monotonic()
    started = {mode: _started(tmp_path / f"demo{mode}", mode) for mode in ("", "--noisy")}  # at once: they mostly wait
    for mode, process in started.items():
        out, err = process.communicate(timeout=110)
        assert process.returncode == 0, out[-3000:] + err
        assert time.monotonic() - begin < 60
        assert err == ""
        _told_all(out)
        assert ("may come as" in out) is (mode == "--noisy")


def _started(folder: Path, mode: str) -> subprocess.Popen[str]:
    folder.mkdir()
    environment = os.environ | {"TMPDIR": str(folder)}
    return subprocess.Popen(
        [*COMMAND, *mode.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def _told_all(out: str) -> None:
    titles = re.findall(r"ALERT  (.*)", out)
    for start in ("espresso-machine: price 499 → 449 (-10%)", "plans: plans › Household › price 24 → 27"):
        assert any(title.startswith(start) for title in titles), titles
    for watch in ("espresso-machine", "grinders", "plans", "news"):
        assert sum(title.startswith(f"{watch}: failing (SITE)") for title in titles) == 1
        assert sum(title.startswith(f"{watch}: recovered") for title in titles) == 1
    summary = re.search(r"(\d+) of (\d+) alerts delivered", out)
    assert summary
    assert summary[1] == summary[2] == str(len(titles))
    assert "changed in the shop: 6 things; told: 6\n" in out
    assert out.count(": told once\n") == 6
    assert out.endswith("[demo] every change was told, once, and nothing else\n")
    workspace = re.search(r"workspace: (\S+)", out)
    assert workspace
    assert not Path(workspace[1]).exists()


def test_a_demo_that_told_anything_else_says_so_and_fails() -> None:
    """A change that was not told, or told twice, or one too many: exit 3, by MonitorError."""
    changed = [change for scene in SCENES for change in scene.changes]
    _agree(list(reversed(changed)))
    for told in (
        changed[1:],
        [*changed, changed[0]],
        [*changed, ("news", "/news", 1)],
        [*changed[1:], ("plans", "/x", 1)],
    ):
        with pytest.raises(MonitorError, match="what was told is not what was changed"):
            _agree(told)


@pytest.mark.timeout(120)
def test_a_killed_daemon_is_started_again_and_nothing_is_lost_or_told_twice(tmp_path: Path) -> None:
    """kill -9 of the daemon in the middle: the demo goes on, every change is told, no occurrence runs twice."""
    log = tmp_path / "out.txt"
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        demo = subprocess.Popen([*COMMAND, "--keep"], stdout=out, stderr=out, env=environment)
        try:
            pid = int(_wait_for(log, r"daemon: process (\d+)"))
            _wait_for(log, r"(ALERT  espresso-machine: price 499)")
            os.kill(pid, signal.SIGKILL)
            _wait_for(log, r"(the daemon ended \(-9\))")
            _wait_for(log, r"(ALERT  espresso-machine: recovered)")
        finally:
            demo.send_signal(signal.SIGINT)
            assert demo.wait(30) == 0
    text = log.read_text(encoding="utf-8")
    drops = [alert for alert in text.split("ALERT  ") if alert.startswith("espresso-machine: price 499 → 449")]
    assert len({re.findall(r"event (\S+)", alert)[0] for alert in drops}) == 1
    assert sum("possible repeat" in alert for alert in drops) == len(drops) - 1 <= 1  # a copy per kill while sending
    assert "Traceback" not in text


@pytest.mark.anyio
@pytest.mark.timeout(60)
async def test_a_daemon_whose_port_was_taken_is_started_again_on_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two demos that found the same port free do not keep each other from running."""
    (tmp_path / "state").mkdir()
    _write_workspace(tmp_path, "json://127.0.0.1:9/")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with Supervisor(tmp_path, "http://127.0.0.1:9", datetime.now(UTC), port) as supervisor:
            text = await asyncio.to_thread(_wait_for, tmp_path / "daemon.log", r"(dashboard: \S+)")
            assert text == f"dashboard: http://{supervisor.dashboard}/"
            assert supervisor.dashboard != f"127.0.0.1:{port}"
    assert f"[demo] dashboard: http://{supervisor.dashboard}/" in capsys.readouterr().out


def _wait_for(log: Path, pattern: str) -> str:
    """Return the first group of `pattern` once the log holds it; fails after 60 s."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := re.search(pattern, log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"{pattern} did not appear in:\n{log.read_text(encoding='utf-8')[-3000:]}")
