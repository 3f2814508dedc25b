"""What is kept of the steps of a run besides its values: the HTML of a page and its screenshot, both bounded. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

Kind = Literal["html", "screenshot"]
MAX_OF_RUN = 16 * 1024 * 1024  # bytes; what is beyond is not kept
_ABSENT: dict[Kind, str] = {
    "html": "no HTML was kept of this step: ask for it with capture_config.html when the run is made",
    "screenshot": "no screenshot was kept of this step: ask for it with capture_config.screenshots when the run is"
    " made, and have pages rendered (the `browser` extra)",
}


class Captures:
    """The captures of one run by step and kind; the last of a kind and step stays."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Kind], bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def __iter__(self) -> Iterator[tuple[str, Kind, bytes]]:
        return ((step, kind, content) for (step, kind), content in self._kept.items())

    def put(self, step_id: str, kind: Kind, content: bytes) -> None:
        """Keep `content` if all of the run's captures stay within 16 MiB with it."""
        rest = sum(len(each) for key, each in self._kept.items() if key != (step_id, kind))
        if rest + len(content) <= MAX_OF_RUN:
            self._kept[step_id, kind] = content

    def of(self, kind: Kind) -> dict[str, bytes]:
        """Return what was kept of one kind, by step."""
        return {step: content for (step, each), content in self._kept.items() if each == kind}


def absent(kind: Kind) -> str:
    """Return why a step has no capture of this kind, and what to do."""
    return _ABSENT[kind]
