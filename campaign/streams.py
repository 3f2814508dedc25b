"""Twenty recorded streams of one run that goes well, as bytes, and what the API shows of that run afterwards.

They differ in framing (LF, CR, CRLF, comments, BOM, fields in odd places), in spelling (snake and camel case, legacy
results) and in what is inside (separators that Python would split at, long texts, failures). Must not know who reads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

RUN = "run_1"
WHEN = "2026-11-21T12:00:00.000Z"
PRICE: dict[str, Any] = {"price": 499.0, "in_stock": True}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A whole stream, and the run as GET shows it: `result`, or `error` with its status."""

    name: str
    body: bytes
    result: Any = None
    error: dict[str, Any] | None = None
    status: str = "COMPLETED"


def framed(event: Any, *, end: str = "\n", before: str = "data: ") -> bytes:
    """Return one event as one line of data and a blank line."""
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    return f"{before}{text}{end}{end}".encode()


def started(**more: Any) -> dict[str, Any]:
    """Return STARTED."""
    return {"type": "STARTED", "run_id": RUN, "timestamp": WHEN} | more


def progress(text: str) -> dict[str, Any]:
    """Return PROGRESS."""
    return {"type": "PROGRESS", "run_id": RUN, "purpose": text, "timestamp": WHEN}


def beat() -> dict[str, Any]:
    """Return HEARTBEAT."""
    return {"type": "HEARTBEAT", "timestamp": WHEN}


def complete(result: Any = None, **more: Any) -> dict[str, Any]:
    """Return COMPLETE."""
    found: dict[str, Any] = {"type": "COMPLETE", "run_id": RUN, "status": "COMPLETED", "timestamp": WHEN}
    return found | ({} if result is None else {"result": result}) | more


def url() -> dict[str, Any]:
    """Return STREAMING_URL."""
    return {"type": "STREAMING_URL", "run_id": RUN, "streaming_url": "https://live.example/s/1", "timestamp": WHEN}


def _lines(*events: Any, end: str = "\n", before: str = "data: ") -> bytes:
    return b"".join(framed(event, end=end, before=before) for event in events)


def _over_lines(event: dict[str, Any], end: str = "\n") -> bytes:
    text = json.dumps(event, ensure_ascii=False, indent=1)
    return "".join(f"data: {line}{end}" for line in text.split("\n")).encode() + end.encode()


def _camel(event: dict[str, Any]) -> dict[str, Any]:
    names = {"run_id": "runId", "streaming_url": "streamingUrl", "result": "resultJson"}
    return {names.get(name, name): value for name, value in event.items()}


def recorded() -> tuple[Recorded, ...]:
    """Return the twenty streams."""
    return (*_framings(), *_spellings(), *_contents())


def _framings() -> tuple[Recorded, ...]:
    steps = [progress(f"step {number}: read the page") for number in range(3)]
    usual = [started(), url(), *steps, beat(), complete(PRICE)]
    fields = b"event: PROGRESS\nid: 7\nretry: 3000\nunknown: x\nnocolon\n"
    return (
        Recorded("plain", _lines(*usual), PRICE),
        Recorded("crlf", _lines(*usual, end="\r\n"), PRICE),
        Recorded("cr", _lines(*usual, end="\r"), PRICE),
        Recorded("no blank after the colon", _lines(*usual, before="data:"), PRICE),
        Recorded("byte order mark", b"\xef\xbb\xbf" + _lines(*usual), PRICE),
        Recorded("comments", b": hello\n\n" + b": beat\n\n".join(framed(each) for each in usual), PRICE),
        Recorded("other fields", b"".join(fields + framed(each) for each in usual), PRICE),
        Recorded("data over several lines", b"".join(_over_lines(each) for each in usual[:3] + usual[-1:]), PRICE),
        Recorded("mixed ends", framed(usual[0], end="\r\n") + framed(steps[0], end="\r") + framed(usual[-1]), PRICE),
        Recorded("many heartbeats", _lines(started(), *[beat()] * 20, complete(PRICE)), PRICE),
    )


def _spellings() -> tuple[Recorded, ...]:
    text = json.dumps(PRICE)
    named = b"event: STARTED\n" + framed({"run_id": RUN}) + b"event: COMPLETE\n"
    return (
        Recorded("camel case", _lines(*(_camel(each) for each in (started(), url(), complete(PRICE)))), PRICE),
        Recorded("a result that is text", _lines(started(), progress("x"), complete(text)), text),
        Recorded("the type in the event field", named + framed({"status": "COMPLETED", "result": PRICE}), PRICE),
        Recorded("no result in COMPLETE", _lines(started(), progress("x"), complete()), PRICE),
        Recorded("nulls", _lines(started(error=None, x=None), complete(PRICE, error=None, help_url=None)), PRICE),
    )


def _contents() -> tuple[Recorded, ...]:
    odd: dict[str, Any] = {"name": "Café \u2028 \u2029 \u0085 \x0b \U0001f600 \u200b", "price": 5}
    rows = {"offers": [{"seller": f"shop {number}", "price": number + 0.5} for number in range(25)]}
    error = {"code": "SITE_BLOCKED", "message": "captcha", "category": "AGENT_FAILURE"}
    unknown = {"type": "TF_API_RESULT", "run_id": RUN, "timestamp": WHEN, "data": [1, {"type": "COMPLETE"}]}
    return (
        Recorded("separators inside", _lines(started(), progress(odd["name"]), complete(odd)), odd),
        Recorded("a long result", _lines(started(), complete(rows)), rows),
        Recorded("a type nobody knows", _lines(started(), unknown, "[DONE]", complete(PRICE), unknown), PRICE),
        Recorded("a failed run", _lines(started(), complete(status="FAILED", error=error)), None, error, "FAILED"),
        Recorded("a cancelled run", _lines(started(), complete(status="CANCELLED")), None, None, "CANCELLED"),
    )
