"""SIGTERM and SIGINT as an event, and the bound on how long stopping may take. Must not know what is being stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOP_WITHIN = 9.0  # seconds from the signal to the end of the process (interface: 10 s)


@contextmanager
def stop_signals(stop: asyncio.Event, within: float = STOP_WITHIN) -> Iterator[None]:
    """Set `stop` on the first SIGTERM or SIGINT; a second one ends the process at once (reliability.md R6).

    If this context is still open `within` seconds after the first one (a database that another process locks, a thread
    that hangs), the process ends all the same: what is open is in the store, as after a kill, and is taken up at the
    next start.
    """
    loop = asyncio.get_running_loop()
    alarm = threading.Timer(within, _end)  # a thread: the loop itself may be what does not come back
    alarm.daemon = True

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)  # SIGINT would raise KeyboardInterrupt and wait for every task
            signal.raise_signal(number)
        stop.set()
        if not alarm.is_alive():
            alarm.start()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        alarm.cancel()
        for number in numbers:
            loop.remove_signal_handler(number)


@contextmanager
def hang_ups(*events: asyncio.Event) -> Iterator[None]:
    """Set every event at each SIGHUP: what reads files reads them again."""

    def on_signal() -> None:
        for event in events:
            event.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, on_signal)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _end() -> None:
    print("stopping took too long; what is open is taken up at the next start", file=sys.stderr, flush=True)  # noqa: T201 - logging may be what hangs
    os._exit(0)
