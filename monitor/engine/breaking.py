"""What happens when a task breaks: a group ends with one error, a loop goes on. Must not know what the tasks do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog

from monitor.clock import Clock
from monitor.errors import MonitorError, StoreCorrupt, StoreError

log = structlog.get_logger("daemon")

FIRST, LONGEST = 5.0, 600.0  # seconds until a loop that broke is begun again; doubling


@contextmanager
def one_error() -> Iterator[None]:
    """Raise the first error for the user out of a group of errors as it is, so that the command line can tell it."""
    try:
        yield
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = next(iter(first.exceptions))
        if isinstance(first, MonitorError):
            raise first from None
        raise


@contextmanager
def enduring(what: str, **about: str) -> Iterator[None]:
    """Log what breaks inside and go on; only a damaged store is raised (see the top of `daemon`)."""
    try:
        yield
    except StoreCorrupt:
        raise
    except StoreError as error:
        log.error(what, error=str(error), **about)  # noqa: TRY400 - the line says all; no traceback for a full disk
    except Exception:
        log.exception(what, **about)


async def kept_up(loop: Callable[[], Awaitable[None]], clock: Clock, what: str) -> None:
    """Run a loop until it is cancelled: when it breaks, log it and begin it anew after a pause (reliability.md row 16).

    The pause doubles up to `LONGEST` seconds while it breaks sooner than after so long.
    """
    pause = FIRST
    while True:
        begun = clock.monotonic()
        try:
            await loop()
        except Exception:
            log.exception("a loop broke and is begun again", loop=what, seconds=pause)
        if clock.monotonic() - begun > LONGEST:
            pause = FIRST
        await clock.sleep(pause)
        pause = min(pause * 2, LONGEST)
