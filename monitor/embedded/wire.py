"""The shapes that leave the embedded agent: instants, events, the run object (agent-api.md 4 and 6). Pure."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from monitor.embedded.order import Order

TERMINAL = ("COMPLETED", "FAILED", "CANCELLED")
STATUSES = ("PENDING", "RUNNING", *TERMINAL)

# Legal inside JSON, but line ends to readers that split a stream by Unicode rules, the official SDK among them
# (agent-api.md 4.1).
_LINE_ENDS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def instant(moment: datetime) -> str:
    """Return an aware instant as the API writes it: UTC, milliseconds, `Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def event(kind: str, now: str, run_id: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return one event, its keys in the order seen on the live wire: type, run_id, then fields, timestamp, result."""
    head: dict[str, Any] = {"type": kind}
    if run_id is not None:
        head["run_id"] = run_id
    tail = {name: fields.pop(name) for name in ("result", "error") if name in fields}
    return head | fields | {"timestamp": now} | tail


def frame(value: dict[str, Any]) -> bytes:
    """Return the bytes of one event of the stream: one `data:` line and an empty one."""
    return b"data: " + dumped(value) + b"\n\n"


def dumped(value: Any) -> bytes:
    """Return a value as JSON that no reader breaks at: on one line, halves of surrogate pairs and all."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_LINE_ENDS)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def finite(value: Any) -> Any:
    """Return a value with null for every number that JSON cannot carry: `1e999` on a page is read as infinite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list) else value


def complete(run: dict[str, Any], now: str) -> dict[str, Any]:
    """Return the COMPLETE event of a finished run: `result` on success, `error` otherwise, the other one absent.

    `extraction` is a field of this agent's own, which clients of the API ignore: where the values came from.
    """
    outcome = {"result": run["result"]} if run["status"] == "COMPLETED" else {}
    if run["error"] is not None:
        outcome = {"error": run["error"]}
    told = {"extraction": run["extraction"]} if run["extraction"] is not None else {}
    return event("COMPLETE", now, run["run_id"], status=run["status"], **outcome) | told


def new_run(run_id: str, order: Order, transport: str, now: str) -> dict[str, Any]:
    """Return the run object of a run that was just created; `transport` is one of sync, async, sse and not shown."""
    proxy = order.proxy_config
    return {
        "run_id": run_id,
        "status": "PENDING",
        "goal": order.goal,
        "created_at": now,
        "started_at": None,
        "finished_at": None,
        "num_of_steps": None,
        "result": None,
        "output_schema": order.output_schema,
        "error": None,
        "streaming_url": None,
        "schema_validation": None,
        "browser_config": {
            "proxy_enabled": proxy is not None and proxy.enabled,
            "proxy_country_code": proxy.country_code if proxy is not None and proxy.enabled else None,
        },
        "video_url": None,
        "steps": [],
        "profile_attached": False,
        "profile_id": None,
        "profile_hint": None,
        "extraction": None,
        "_transport": transport,
    }


def shown(run: dict[str, Any], *, detail: bool, pictures: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a run as the API shows it: whole, or without steps and video as in lists.

    `pictures` are the screenshots to show, by step: base64 or an address.
    """
    hidden = {"_transport"} if detail else {"_transport", "steps", "video_url", "extraction"}
    found = {name: value for name, value in run.items() if name not in hidden}
    if detail and pictures:
        found["steps"] = [step | {"screenshot": pictures.get(step["id"])} for step in run["steps"]]
    return found
