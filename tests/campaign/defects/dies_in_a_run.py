"""No defect: the kill that is aimed. The first process that follows a run of "w…" dies once the run is billed.

A kill at a drawn moment falls into a run or beside it, as busy as the machine is. Import it after the defect that it is
to show, so that it sees what the program asked for.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from monitor.engine import execute

_follow = execute.follow  # type: ignore[attr-defined]


async def follow(*given: Any, progress: Any, **rest: Any) -> Any:
    def shown(seen: Any) -> None:
        progress(seen)
        if seen.kind == "started" and given[1].name.startswith("w"):
            _die_once()

    return await _follow(*given, progress=shown, **rest)


def _die_once() -> None:
    died = Path(os.environ["TMPDIR"], "died")  # of the workspace: later lives come to their own end
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)


execute.follow = follow  # type: ignore[attr-defined]
