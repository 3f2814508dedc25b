"""The most memory that this process held at once since a moment: the system's own mark, set back before."""

from __future__ import annotations

from pathlib import Path

_STATUS, _MARKS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """Begins a measurement; other threads of the process count, too."""

    def __init__(self) -> None:
        _MARKS.write_text("5")  # proc(5): resets the high-water mark to what is held now
        self._before = _kib("VmRSS")

    def grown_mib(self) -> float:
        """Return by how many MiB the process has grown at most."""
        return (_kib("VmHWM") - self._before) / 1024


def _kib(name: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
