"""Lives of `monitor`: a process that has imported all and forks one for each order, without the time of the imports.

Orders are lines of JSON on stdin, answers lines of JSON on stdout (`python -m campaign.lives`); `Lives` is the other
side. A life is the command line's own `run`, in a process of its own, ended as any process ends. One thread only, so
that forking is sound, and so that it is the one which ptrace wants. Must not know workspaces.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from campaign import tracing
from campaign.tracing import Aim, Seen

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Life:
    """How a life ended: its exit code (negative: the signal), when it began and ended (monotonic), what was seen."""

    code: int
    began: float
    ended: float
    overdue: bool
    count: int = 0
    struck: str | None = None
    times: int = 0
    first: float = 0.0
    last: float = 0.0


class Lives:
    """The process that forks lives; `live` runs one of them to its end. One caller at a time."""

    def __init__(self, *patches: str) -> None:
        """Fork lives; `patches` are modules whose import changes the program, to show that a defect is found."""
        self._process = subprocess.Popen(  # noqa: S603 - fixed words
            [sys.executable, "-m", "campaign.lives", *patches],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def live(
        self, words: list[str], environ: dict[str, str], log: Path, *, aim: Aim | None = None, seconds: float = 60.0
    ) -> Life:
        """Run `monitor` with these words; it is killed after `seconds`, or by its aim. Its output is added to `log`."""
        found = self._ask({"words": words, "environ": environ, "log": str(log), "aim": _aim(aim), "seconds": seconds})
        return Life(**found)

    def learn(self, words: list[str], environ: dict[str, str], log: Path) -> Life:
        """Run a life as `live` does, and import whatever it imported for all lives to come."""
        modules = str(log.with_suffix(".modules"))
        order = {"words": words, "environ": environ, "log": str(log), "aim": None, "seconds": 60.0, "modules": modules}
        return Life(**self._ask(order))

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the process that forks lives has ended"}')
        if "error" in answer:
            raise tracing.TracingError(answer["error"])
        found: dict[str, Any] = answer
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def _aim(aim: Aim | None) -> dict[str, Any] | None:
    return None if aim is None else asdict(aim) | {"names": sorted(aim.names)}


# --- the other side


def serve() -> None:
    """Take orders until stdin ends."""
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = _lived(order)
        except tracing.TracingError as error:
            answer = {"error": str(error)}
        if "modules" in order:
            _import(Path(order["modules"]))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _lived(order: dict[str, Any]) -> dict[str, Any]:
    gate, go = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if not child:
        os.close(go)
        os.read(gate, 1)
        os.close(gate)
        _be(order)
    os.close(gate)
    overdue: list[bool] = []

    def end(*_: object) -> None:
        overdue.append(True)
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, order["seconds"])
    aim, seen = order["aim"], Seen()
    try:
        if aim is None:
            os.close(go)
            _, seen.status = os.waitpid(child, 0)
        else:
            seen = tracing.follow(child, Aim(**aim | {"names": frozenset(aim["names"])}), lambda: os.close(go))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    found = {name: getattr(seen, name) for name in ("count", "struck", "times", "first", "last")}
    code = os.waitstatus_to_exitcode(seen.status)
    return {"code": code, "began": began, "ended": time.monotonic(), "overdue": bool(overdue), **found}


def _be(order: dict[str, Any]) -> None:
    """Become a process of `monitor`; does not return."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, number)
    os.environ.clear()
    os.environ.update(order["environ"])
    if "modules" in order:
        atexit.register(lambda: Path(order["modules"]).write_text("\n".join(sys.modules), encoding="utf-8"))
    from monitor.cli.main import main

    main(order["words"])
    raise AssertionError("main ends the process")


def _import(modules: Path) -> None:
    """Import these in their order: an inner module that comes before its package leaves that half made."""
    for name in modules.read_text(encoding="utf-8").splitlines():
        if name not in sys.modules and not name.startswith("_"):
            try:
                importlib.import_module(name)
            except ImportError:  # a module that another one puts in place itself
                continue
    assert threading.active_count() == 1, "forking needs a process of one thread"


if __name__ == "__main__":
    for patch in sys.argv[1:]:
        importlib.import_module(patch)
    serve()
