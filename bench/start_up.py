"""Start-up of `monitor --help` and `monitor validate` (10 watches) against bare `python -c pass`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.load import write_watches

ROUNDS = 9


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_watches(Path(folder), 10)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "monitor --help": [sys.executable, "-m", "monitor", "--help"],
            "monitor validate (10 watches)": [sys.executable, "-m", "monitor", "--workspace", folder, "validate"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):  # interleaved, so that a busy moment of the machine meets all of them
            for name, command in commands.items():
                times[name].append(_seconds(command))
        floor = statistics.median(times["python -c pass"])
        for name, measured in times.items():
            median = statistics.median(measured)
            print(f"{name:32} median {median:.3f} s  best {min(measured):.3f} s  {median / floor:5.1f} x the floor")


def _seconds(command: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MONITOR_", "TINYFISH_"))}
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begin
