"""`show RUN --bundle FILE.zip`: the evidence of one record, written whole or not at all. Must not know its parts."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.engine import evidence
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.settings import Settings
    from monitor.store.records import Record
    from monitor.store.store import Store


def write(path: Path, store: Store, record: Record, settings: Settings, now: datetime) -> dict[str, Any]:
    """Write the bundle of a record (mode 0600) and return its manifest; raises UsageError when the file exists."""
    content, manifest = evidence.bundle(store, record, settings, now)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        path.hardlink_to(partial)  # whole or not there, and never in place of another file
    except FileExistsError:
        raise UsageError(f"{path} exists", hint="nothing was written; choose another name") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {(error.strerror or 'unknown error').lower()}") from None
    finally:
        with contextlib.suppress(OSError):  # it was not made, or it is the bundle by now
            partial.unlink()
    return manifest
