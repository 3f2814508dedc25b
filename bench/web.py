"""The console at 1,000 watches and 1,000,000 records: time of pages and API against a bare FastAPI route, and memory.

A real daemon over a generated database; requests one after another on one connection, each path 100 times. The bare
route runs in a process of its own on the same uvicorn, in the same minutes. `BENCH_RECORDS` changes the number per
watch.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ulid import ULID

from monitor.store.columns import micros, pack
from monitor.store.store import Store

WATCHES = 1_000
RECORDS = int(os.environ.get("BENCH_RECORDS", "1000"))  # of each watch
TIMES = 100
DASHBOARDS = 100
WATCH = """\
url: https://shop.example/{name}
goal: Find the price.
cron: "17 3 {day} * *"
tags: [{tag}]
output_schema: {{type: object, required: [price], properties: {{price: {{type: number}}}}}}
"""
PATHS = [
    "/", "/?q=w01&sort=failing", "/watches/w0042", "/outbox", "/incidents", "/spending",
    "/api/v1/status", "/api/v1/watches?limit=100", "/api/v1/watches/w0042/history", "/api/v1/watches/w0042/series",
    "/api/v1/changes", "/api/v1/flight", "/metrics", "/feeds/all.atom",
]  # fmt: skip
BARE = """
import uvicorn, sys
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def root(): return {"hello": "world"}
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", http="h11")
"""
COLUMNS = [
    "id", "watch", "due_at", "attempt", "trigger", "dry", "stage", "owner", "generation", "opened_at", "started_at",
    "finished_at", "updated_at", "kind", "steps", "verdict", "reason", "notifications", "changes", "result",
]  # fmt: skip


def main() -> None:
    """Make the database, start the daemon and a bare route, measure both, print the tables."""
    with tempfile.TemporaryDirectory(prefix="bench-web-") as name:
        folder = Path(name)
        began = time.monotonic()
        _workspace(folder)
        size = (folder / "state" / "monitor.db").stat().st_size
        print(f"{WATCHES * RECORDS:,} records, {size / 2**20:,.0f} MiB, made in {time.monotonic() - began:.0f} s\n")
        command = [sys.executable, "-m", "monitor", "--workspace", str(folder), "daemon"]
        environment = {"MONITOR_HTTP": "127.0.0.1:8731", "MONITOR_AGENT": "embedded", "MONITOR_LOG": "warning"}
        bare = [sys.executable, "-c", BARE, "8732"]
        with _running(command, 8731, os.environ | environment) as daemon, _running(bare, 8732, dict(os.environ)):
            print("| path | p50 ms | p99 ms | kB |\n|---|---|---|---|")
            _row("a bare FastAPI route", 8732, "/")
            for path in PATHS:
                _row(path, 8731, path)
            _row("a bare FastAPI route, again", 8732, "/")
            before = _memory(daemon.pid)
            during = asyncio.run(_watched(daemon.pid))
            print(f"\ndaemon: {before:.0f} MiB, with {DASHBOARDS} open dashboards {during:.0f} MiB")


def _workspace(folder: Path) -> None:
    (folder / "watches").mkdir()
    (folder / "monitor.yaml").write_text("agent: embedded\n")
    for number in range(WATCHES):
        text = WATCH.format(name=f"w{number:04}", day=number % 28 + 1, tag=f"t{number % 20}")
        (folder / "watches" / f"w{number:04}.yaml").write_text(text)
    (folder / "state").mkdir(mode=0o700)
    path = folder / "state" / "monitor.db"
    Store.open(str(path)).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        places = ", ".join("?" * len(COLUMNS))
        connection.executemany(f"INSERT INTO runs ({', '.join(COLUMNS)}) VALUES ({places})", _rows())
        connection.executemany(
            "INSERT INTO watch_state (watch, generation, baseline_run, failures, last_run, last_good_at, updated_at)"
            " VALUES (?, 'g', ?, 0, ?, ?, ?)",
            [(watch, run, run, at, at) for watch, run, at in _last(connection)],
        )
        connection.commit()


def _rows() -> Iterator[tuple[object, ...]]:
    """Every record, oldest first: one in ten a change, one in twenty a failure, over 90 days."""
    start = datetime.now(UTC) - timedelta(days=90)
    step = timedelta(days=90) / RECORDS
    for index in range(RECORDS):
        for number in range(WATCHES):
            at = start + index * step + timedelta(milliseconds=number * 7)
            turn = (index + number) % 20
            verdict = "FAILED" if turn == 3 else "CHANGED" if turn in {0, 10} else "UNCHANGED"
            price = 100 + (index // 10 + number) % 50
            moved = [{"path": "/price", "kind": "changed", "before": price - 1, "after": price}]
            now = micros(at)
            yield (
                str(ULID.from_datetime(at)), f"w{number:04}", now, 1, "cron", 0, "judged", "o", "g", now, now,
                now + 3_000_000, now + 3_000_000, "failed" if verdict == "FAILED" else "completed", 4, verdict,
                "as it is", 0, pack(moved if verdict == "CHANGED" else []),
                None if verdict == "FAILED" else pack({"price": price}),
            )  # fmt: skip


def _last(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    query = "SELECT watch, max(id), max(updated_at) FROM runs WHERE verdict = 'CHANGED' GROUP BY watch"
    return connection.execute(query).fetchall()


@contextlib.contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                _get(http.client.HTTPConnection("127.0.0.1", port, timeout=10), "/")
                break
            except OSError:
                if time.monotonic() > until or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _get(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
    return body


def _row(label: str, port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    size = len(_get(connection, path))
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        _get(connection, path)
        took.append((time.perf_counter() - began) * 1_000)
    connection.close()
    slowest = statistics.quantiles(took, n=100)[98]
    print(f"| `{label}` | {statistics.median(took):.1f} | {slowest:.1f} | {size / 1_000:.0f} |", flush=True)


async def _watched(pid: int) -> float:
    """Return the daemon's memory while dashboards are open and have been told something."""
    opened = []
    for _ in range(DASHBOARDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", 8731)
        writer.write(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1:8731\r\n\r\n")
        await reader.readuntil(b"event: flight")
        opened.append((reader, writer))
    for number in range(20):
        body = json.dumps({"for": f"{number + 1}h"}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", 8731, timeout=30)
        connection.request("POST", "/api/v1/watches/w0001/pause", body, {"content-type": "application/json"})
        connection.getresponse().read()
    await asyncio.sleep(3)
    found = _memory(pid)
    for _, writer in opened:
        writer.close()
    return found


def _memory(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1_024
    raise RuntimeError("the process is gone")
