"""10,000 messages at once through the outbox to a loopback webhook, against bare apprise sending each of them.

Each contestant runs in a process of its own, so that its peak of memory is its own. Bare apprise is one Apprise object
that is told 10,000 times: no store, no order, no retry, nothing that survives.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COUNT = 10_000


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        pass


def _outbox(url: str, count: int, *, gathered: bool) -> int:
    import structlog

    from monitor.agent.outcome import Completed
    from monitor.alert import services
    from monitor.alert.manners import Manners
    from monitor.alert.outbox import Outbox
    from monitor.alert.targets import Targets
    from monitor.clock import WallClock
    from monitor.judge.decision import Decision, Verdict
    from monitor.store.records import NewDelivery
    from monitor.store.store import Store
    from monitor.store.writer import Writer
    from monitor.watch.run import Run, new_id

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))

    async def send(store: Store) -> int:
        manners = Manners(timedelta(seconds=10) if gathered else timedelta(0))
        async with Writer(store) as writer:
            box = Outbox(
                store, writer, lambda: Targets({"ops": url}, {}, str), WallClock(), sender="bench",
                chance=random.Random(1), manners=lambda: manners,
            )  # fmt: skip
            return await box.drain(600)

    with tempfile.TemporaryDirectory() as folder, Store.open(str(Path(folder) / "monitor.db")) as store:
        now = datetime.now(UTC)
        run = Run(new_id(now), "everything", now)
        store.begin_run(run, goal="x", generation="g", owner="bench", now=now)
        outcome = Completed(run_id="r", result={})
        store.settle(run.id, outcome, now)
        messages = []
        for number in range(count):
            event = new_id(now)
            body = f"price {number} → {number + 1} (+1%)\n\nhttps://shop.example/{number}\nevent {event}"
            messages.append(NewDelivery(event, "ops", "change", f"watch-{number}: price moved", body))
        decision = Decision(Verdict.CHANGED, "changed", store.state_of(run.watch))
        store.commit(run, outcome, decision, (), now=now, owner="bench")
        with store._database.write() as connection:  # noqa: SLF001 - as ten thousand watches would have written them
            from monitor.store import judging

            for number, message in enumerate(messages):
                judging.enqueue(connection, run.id, f"watch-{number}", [message], now)
        del messages
        services.open_service(url)  # apprise is loaded, as it is for its own run
        begun = time.perf_counter()
        left = asyncio.run(send(store))
        _report(begun)
        return left


def _bare(url: str, count: int) -> int:
    import apprise

    told = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False))
    told.add(url)
    begun = time.perf_counter()
    for number in range(count):
        told.notify(title=f"watch-{number}: price moved", body=f"price {number} → {number + 1} (+1%)")
    _report(begun)
    return 0


def _report(begun: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - begun, "peak": peak}))


def main(count: int = COUNT) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"json://127.0.0.1:{server.server_address[1]}/hook"
    for name, label, sent in (
        ("digests", "outbox, digests (the daemon)", count),
        ("singles", "outbox, each alone, a tenth of them", count // 10),
        ("bare", "bare apprise, nothing stored", count),
    ):
        command = [sys.executable, "-m", "bench.outbox", name, url, str(sent)]
        said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        speed = sent / said["seconds"]
        print(f"{label:40} {said['seconds']:7.1f} s  {speed:8.0f} messages/s  peak {said['peak']:.0f} MiB")
    server.shutdown()


if __name__ == "__main__":
    _name, _url, _count = sys.argv[1:4]
    if _name == "bare":
        sys.exit(_bare(_url, int(_count)))
    sys.exit(_outbox(_url, int(_count), gathered=_name == "digests") != 0)
