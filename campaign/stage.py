"""A stage for lives of `monitor`: a workspace, an API that bills, a sink that keeps a log, and whoever forks lives.

Owns the workspace's files, driven clocks, and the collecting of a history. Must not know promises.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from campaign.checker import Billed, Copy, History
from campaign.lives import Life, Lives
from campaign.tracing import Aim
from tests.scripted_api import ScriptedApi
from tests.sinks import Answer, Received, WebhookSink

DAY = 86_400
SPEED = 100.0  # the searches for a run take two minutes: 1.2 s here
WATCH = """\
url: https://shop.example/{name}
goal: Find the price.
cron: "{cron}"
jitter: 0s
output_schema: {{type: object, required: [price], properties: {{price: {{type: number}}}}}}
notify: [{{to: [{to}], on: [baseline, change, failure, recovery]}}]
"""
OPEN = """SELECT (SELECT count(*) FROM runs WHERE stage <> 'judged') +
                 (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending'))"""
ENDINGS = frozenset({0, 3})  # exit codes of a life that came to its own end


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was committed at some time: verdicts by row, and when each (target, event) was seen done."""

    judged: dict[str, str] = field(default_factory=dict)
    closed: dict[tuple[str, str], float] = field(default_factory=dict)


class Stage:
    """One workspace at a time.

    `refuses` tells whether the sink answers a target's request with 500 instead of taking it; `patches` are those of
    `Lives`.
    """

    def __init__(
        self,
        targets: Sequence[str] = ("a", "b"),
        refuses: Callable[[str], bool] | None = None,
        patches: Sequence[str] = (),
    ) -> None:
        self.targets = tuple(targets)
        self._patches = tuple(patches)
        self.log: list[Copy] = []
        self.refusals = 0
        self._refuses = refuses or (lambda _: False)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="campaign-")))
        self.api = self._stack.enter_context(ScriptedApi().in_thread())
        self.sink = self._stack.enter_context(WebhookSink(self._answer))
        self.lives = self._stack.enter_context(Lives(*self._patches))
        self.output = self.folder / "output"
        (self.folder / "watches").mkdir()
        (self.folder / "tmp").mkdir()
        lines = "".join(f"  {name}: {self.sink.apprise_url(name)}\n" for name in self.targets)
        (self.folder / "monitor.yaml").write_text(f"targets:\n{lines}", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sink.release()
        self._stack.__exit__(kind, error, trace)

    def _answer(self, request: Received) -> Answer:
        target = request.path.strip("/")
        if self._refuses(target):
            self.refusals += 1
            return Answer(status=500)
        words = request.json
        self.log.append(Copy(target, f"{words['title']}\n{words['message']}", time.monotonic()))
        return Answer()

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def database(self) -> Path:
        """The database."""
        return self.state / "monitor.db"

    def watch(self, cron: str, *names: str) -> None:
        """Write watches that tell every target."""
        for name in names:
            text = WATCH.format(name=name, cron=cron, to=", ".join(self.targets))
            (self.folder / "watches" / f"{name}.yaml").write_text(text, encoding="utf-8")

    def origin(self, days: float = 0.0, speed: float = SPEED) -> float:
        """Return the origin with which a driven clock shows the time of `days` ago now."""
        return time.time() + days * DAY / (speed - 1)

    def live(
        self, origin: float, *, once: bool = True, aim: Aim | None = None, seconds: float = 60.0, speed: float = SPEED
    ) -> Life:
        """Run one daemon on the workspace, to its end or to what ends it.

        `ended` is when the sink had received all that it sent: on a busy machine that is later than its death.
        """
        life = self.lives.live(
            self._words(origin, speed, once=once), self._environ(), self.output, aim=aim, seconds=seconds
        )
        self.sink.quiet()
        return replace(life, ended=time.monotonic())

    def learn(self) -> Life:
        """Run the first life, after which none has to import anything."""
        return self.lives.learn(self._words(self.origin(), SPEED), self._environ(), self.output)

    def _words(self, origin: float, speed: float, *, once: bool = True) -> list[str]:
        words = ["--workspace", str(self.folder), "daemon", *(["--once"] if once else [])]
        return [*words, "--clock-speed", f"{speed:g}", "--clock-origin", f"{origin:.6f}"]

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MONITOR_", "TINYFISH_"))}
        ours = {"TINYFISH_API_KEY": "sk-campaign", "TINYFISH_BASE_URL": self.api.url, "MONITOR_HTTP": ""}
        kept |= {"TMPDIR": str(self.folder / "tmp")}  # where results are spooled
        return kept | ours | {"MONITOR_CONCURRENCY": "8", "MONITOR_LOG": "info:json"}

    def forget(self) -> None:
        """Empty the ledger, the log and the output."""
        self.api.runs.clear()
        self.api.requests.clear()
        self.api._queue.clear()  # noqa: SLF001 - what was scripted for the life before
        self.log.clear()
        self.output.unlink(missing_ok=True)

    def keep(self, name: str) -> Path:
        """Put the state folder aside, to begin from it."""
        kept = self.folder / f"kept-{name}"
        shutil.rmtree(kept, ignore_errors=True)
        self.state.replace(kept)
        return kept

    def begin_from(self, kept: Path) -> None:
        """Begin again from a state folder that was put aside."""
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.copytree(kept, self.state)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database; only between lives, for it would end a transaction that a kill left half way."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query).fetchall()

    def drain(self, origin: float, lives: int, speed: float = SPEED) -> list[Life]:
        """Begin again, as often as is needed and `lives` times at most, until nothing is left half way."""
        done: list[Life] = []
        while len(done) < lives:
            done.append(self.live(origin, speed=speed))
            if done[-1].code in ENDINGS and not self.rows(OPEN)[0][0]:
                break
        return done

    def history(
        self,
        kills: Sequence[float],
        due: Mapping[str, Sequence[int]],
        earlier: Iterable[str] = (),
        seen: Snapshot | None = None,
    ) -> History:
        """Return what the lives since the last `forget` left."""
        now = time.monotonic()
        billed = [
            Billed(
                run.run_id,
                run.goal,
                run.born,
                min([end for end in (run.ends_at, run.cancelled_at) if end is not None], default=None),
                run.status(now) == "COMPLETED",
                run.script.result,
            )
            for run in self.api.runs
        ]
        to = frozenset(self.targets)
        then = seen or Snapshot()
        log, old = list(self.log), frozenset(earlier)
        return History(self.database, billed, log, kills, due, to, then.judged, old, then.closed)

    def snapshot(self) -> Snapshot:
        """Return what is committed after a kill, read from a copy: reading itself would roll back what is half done."""
        copy = self.folder / "snapshot"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.state, copy)
        now = time.monotonic()
        with closing(sqlite3.connect(copy / "monitor.db")) as connection:
            judged = dict(connection.execute("SELECT id, verdict FROM runs WHERE stage = 'judged'").fetchall())
            done = connection.execute("SELECT target, event FROM outbox WHERE state = 'done'").fetchall()
        return Snapshot(judged, dict.fromkeys(done, now))

    def complaints(self) -> list[str]:
        """Return the lines of the lives' output that speak of a defect."""
        if not self.output.exists():
            return []
        found = []
        for line in self.output.read_text(encoding="utf-8", errors="replace").splitlines():
            if "Traceback" in line or "internal error" in line:
                try:
                    said = json.loads(line)
                except ValueError:
                    found.append(line[:300])
                    continue
                last = str(said.get("exception", "")).strip().rpartition("\n")[2]
                found.append(f"{said.get('event')}: {last}"[:300])
        return found
