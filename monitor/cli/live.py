"""Live progress of runs: the agent's steps, elapsed time and live-view link on a terminal; else plain lines.

Draws only; gets `Progress` values. Everything goes to stderr, so that stdout stays data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from monitor.cli import output
from monitor.clock import Clock

if TYPE_CHECKING:
    from monitor.agent.follow import Progress
    from monitor.store.records import Record


@dataclass
class _Row:
    started: float
    step: str = "opening"
    link: str = ""
    ended: str = ""
    took: float = 0.0


class PlainProgress:
    """One line per step, for pipes and logs."""

    def __init__(self, clock: Clock, *, quiet: bool = False) -> None:
        self._clock = clock
        self._quiet = quiet
        self._last: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def of(self, name: str) -> Callable[[Progress], None]:
        """Return the function that shows the progress of one watch."""

        def show(progress: Progress) -> None:
            text = progress.text or progress.kind
            if progress.streaming_url:
                text = f"live view: {progress.streaming_url}"
            if not self._quiet and self._last.get(name) != text:
                self._last[name] = text
                output.note(f"{name}: {text}")

        return show

    def end(self, name: str, record: Record) -> None:
        """Say nothing: the record itself is the data that follows."""

    def aside(self) -> AbstractContextManager[None]:
        """Keep out of the way of a question; plain lines do."""
        return nullcontext()


class TerminalProgress:
    """A live table, one row per run, redrawn in place."""

    def __init__(self, clock: Clock) -> None:
        from rich.live import Live

        self._clock = clock
        self._rows: dict[str, _Row] = {}
        self._live = Live(
            get_renderable=self._draw, console=output.console(stderr=True), refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def of(self, name: str) -> Callable[[Progress], None]:
        """Return the function that shows the progress of one watch."""
        row = self._rows[name] = _Row(self._clock.monotonic())

        def show(progress: Progress) -> None:
            row.step = progress.text or progress.kind
            row.link = progress.streaming_url or row.link

        return show

    def end(self, name: str, record: Record) -> None:
        """Show the verdict in the run's row."""
        row = self._rows[name]
        row.ended = record.verdict
        row.took = self._clock.monotonic() - row.started

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Keep out of the way of a question."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start(refresh=True)

    def _draw(self) -> Any:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        for name, row in self._rows.items():
            seconds = row.took or self._clock.monotonic() - row.started
            mark = Text("•") if row.ended else Spinner("dots")
            text = Text(output.plain(row.ended or row.step), overflow="ellipsis", no_wrap=True)
            grid.add_row(mark, Text(name, style="bold"), Text(f"{seconds:5.1f}s", style="dim"), text)
            if row.link and not row.ended:
                grid.add_row("", "", "", Text(output.plain(row.link), style="dim", overflow="fold"))
        return grid


def progress_for(clock: Clock, *, quiet: bool) -> PlainProgress | TerminalProgress:
    """Return the display that fits stderr: live on a terminal, plain lines when piped, nothing when `quiet`."""
    import sys

    if sys.stderr.isatty() and not quiet:
        return TerminalProgress(clock)
    return PlainProgress(clock, quiet=quiet)
