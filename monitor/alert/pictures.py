"""Which picture goes along with a message: the screenshot of the run that a single message tells of.

Must not know how pictures come to be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitor.store.records import Delivery

_TOLD = frozenset({"change", "baseline"})
_KINDS = ("jpg", "png")


def picture(folder: Path | None, part: Sequence[Delivery]) -> Path | None:
    """Return the picture that lies in `folder` for a message, if there is one; a digest has none."""
    if folder is None or len(part) > 1 or part[0].kind not in _TOLD:
        return None
    return next((path for kind in _KINDS if (path := folder / f"{part[0].run}.{kind}").is_file()), None)
