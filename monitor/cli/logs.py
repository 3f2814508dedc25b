"""How the daemon logs: structlog to stderr, one line per event, JSON or for people, at the level of `MONITOR_LOG`."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from monitor.cli import output
from monitor.files.choices import Log


def quiet() -> None:
    """Let commands that print data log warnings only, to stderr."""
    configure(Log("warning", "console"))


def configure(log: Log) -> None:
    """Set up structlog for a level and a format; other libraries speak only from WARNING on."""
    level = logging.getLevelNamesMapping()[log.level.upper()]
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if log.format != "json":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tracebacks if log.format == "json" else _details_to_a_file,
            renderer,
            _masked,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


# Without local variables: one of them may be a secret (reliability.md F1).
_tracebacks = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def _masked(_logger: object, _method: str, line: Any) -> str:
    """Mask secrets in a whole line, the words of foreign exceptions among them (reliability.md F1)."""
    return output.masked(line)


def _details_to_a_file(_logger: object, _method: str, event: Any) -> Any:
    """Keep a line a line: nobody ever sees a traceback, its place is named (interface.md, "Commands")."""
    if event.pop("exc_info", None):
        error = sys.exception()
        if error is not None:
            event["error"] = type(error).__name__
            event["details"] = output.details(error)
    return event
