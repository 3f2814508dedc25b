"""From what the API said of a failure to a `Fault`: one table, pure.

Owns the codes, the hints, the cap and the cleaning of texts, and the reading of Retry-After (agent-api.md sections 6.2
and 9; reliability.md rows 27-43 and 72-80). Must not know when a request was made or what follows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from monitor.agent.events import RunError, envelope
from monitor.agent.outcome import Code, Fault
from monitor.agent.wire import Damaged, read_object

TEXT = 2_000
_WAIT = (1.0, 3_600.0)

# api code -> (our code, what to do); run-level codes of agent-api.md 6.2 and HTTP-level ones of section 9, case-folded
_CODES: dict[str, tuple[Code, str | None]] = {
    "SITE_BLOCKED": (Code.SITE, "try run.browser_profile: stealth with a proxy; it is never switched on by itself"),
    "MAX_STEPS_EXCEEDED": (Code.AGENT, "simplify the goal, or raise run.agent_config.max_steps"),
    "TASK_FAILED": (Code.AGENT, "look at the goal and the url: the agent could not do what they ask"),
    "TIMEOUT": (Code.TIMEOUT, "simplify the goal, or raise run.agent_config.max_duration_seconds"),
    "CONTENT_POLICY_VIOLATION": (Code.CONFIG, "change the goal or the url: the API refuses them as they are"),
    "CANCELLED": (Code.CANCELLED, None),
    "INSUFFICIENT_CREDITS": (Code.BILLING, "top up the account; runs stay off until then"),
    "INVALID_INPUT": (Code.CONFIG, "correct the watch: the API refuses the request as it is"),
    "MISSING_API_KEY": (Code.AUTH, "set TINYFISH_API_KEY"),
    "INVALID_API_KEY": (Code.AUTH, "check TINYFISH_API_KEY"),
    "UNAUTHORIZED": (Code.AUTH, "check TINYFISH_API_KEY"),
    "RATE_LIMIT_EXCEEDED": (Code.RATE, "lower MONITOR_CONCURRENCY or spread the watches"),
    "SERVICE_BUSY": (Code.AGENT, None),
}
_CATEGORIES = {"BILLING_FAILURE": Code.BILLING, "SYSTEM_FAILURE": Code.AGENT, "AGENT_FAILURE": Code.AGENT}

_STATUSES: dict[int, tuple[Code, str | None]] = {
    400: _CODES["INVALID_INPUT"],
    401: _CODES["INVALID_API_KEY"],
    402: _CODES["INSUFFICIENT_CREDITS"],
    404: (Code.PROTOCOL, "check TINYFISH_BASE_URL"),
    405: (Code.PROTOCOL, "check TINYFISH_BASE_URL"),
    408: (Code.NETWORK, None),
    409: _CODES["INVALID_INPUT"],
    410: (Code.PROTOCOL, "check TINYFISH_BASE_URL"),
    413: (Code.CONFIG, "make the goal or the output_schema smaller"),
    422: _CODES["INVALID_INPUT"],
    429: _CODES["RATE_LIMIT_EXCEEDED"],
}

_CREDITS = re.compile(r"credit|subscription|billing|payment", re.IGNORECASE)
_SCHEMA = re.compile(r"output[ _-]?schema|structured[ _-]outputs?\b", re.IGNORECASE)
_GATED = {  # a word in the refusal -> the field of the watch that it is about (agent-api.md section 3)
    "max_steps": "run.agent_config.max_steps",
    "max_duration_seconds": "run.agent_config.max_duration_seconds",
    "cursor_style": "run.agent_config.cursor_style",
    "mode": "run.agent_config.mode",
    "agent_config": "run.agent_config",
    "elements": "run.capture_config.elements",
    "recording": "run.capture_config.recording",
    "screenshots": "run.capture_config.screenshots",
    "snapshots": "run.capture_config.snapshots",
    "html": "run.capture_config.html",
    "capture_config": "run.capture_config",
    "capture": "run.capture_config",
    "proxy_config": "run.proxy_config",
    "use_vault": "run.use_vault",
    "use_profile": "run.use_profile",
    "profile_id": "run.profile_id",
    "browser_profile": "run.browser_profile",
}


def clean(text: str, limit: int = TEXT) -> str:
    """Return `text` on one line, without control, bidi and zero-width characters, at most `limit` long."""
    kept = "".join(" " if char.isspace() else char for char in text[: limit * 4] if _shown(char))
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _shown(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def wait(seconds: float | None) -> float | None:
    """Return a waiting time within 1 s and 1 h, or None where none was named."""
    return None if seconds is None else min(max(seconds, _WAIT[0]), _WAIT[1])


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (seconds or an HTTP date), 1 s to 1 h; garbage is None."""
    if value is None or len(value) > 64:
        return None
    text = value.strip()
    if re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]+)?", text):
        return wait(float(text))
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    then = then.replace(tzinfo=UTC) if then.tzinfo is None else then
    return wait((then - now).total_seconds())


def from_run(error: RunError | None, status: str = "FAILED") -> Fault:
    """Return why a run ended FAILED or CANCELLED, by its error object; any of its fields may be missing."""
    error = error or RunError()
    api_code = clean(error.code, 64).upper() if error.code else None
    category = clean(error.category, 64).upper() if error.category else None
    code, hint = _CODES.get(api_code or "", (None, None))
    if category == "BILLING_FAILURE":
        code, hint = _CODES["INSUFFICIENT_CREDITS"]
    if code is None:
        code = Code.CANCELLED if status == "CANCELLED" else _CATEGORIES.get(category or "", Code.AGENT)
    message = clean(error.message) or f"the run ended {status} without saying why"
    return Fault(
        code=code,
        message=message,
        hint=clean(error.help_message) if error.help_message else hint,
        api_code=api_code,
        category=category,
        retryable=category == "SYSTEM_FAILURE" or api_code == "SERVICE_BUSY",
        retry_after=wait(error.retry_after),
    )


def from_http(status: int, body: bytes, headers: Mapping[str, str], *, now: datetime) -> Fault:
    """Return what an HTTP answer that is not a success means; the body may be an envelope, HTML or anything."""
    error = _envelope(body)
    api_code = clean(error.code, 64).upper() if error.code else None
    code, hint = _status(status, api_code, error)
    told = clean(error.message) or _head(body)
    message = f"the API answered {status}" + (f" {api_code}" if api_code else "") + (f": {told}" if told else "")
    if status in range(300, 400):
        message = f"the API answered {status} and points to {_host(headers.get('location'))}: not followed"
        hint = "set TINYFISH_BASE_URL to where the API really is"
    elif where := _where(error.details):
        message += f" ({where})"
    if code is Code.FORBIDDEN and (field := _gated(error)):
        message = f"the account may not use {field}: {message}"
    return Fault(
        code=code,
        message=clean(message),
        hint=hint,
        api_code=api_code,
        category=clean(error.category, 64).upper() if error.category else None,
        retryable=api_code == "SERVICE_BUSY",
        retry_after=retry_after(headers.get("retry-after"), now) or wait(error.retry_after),
    )


def refuses_schema(status: int, body: bytes) -> bool:
    """Return whether an answer refuses a request for its `output_schema`, a gated feature (agent-api.md 8.2)."""
    error = _envelope(body)
    api_code = clean(error.code, 64).upper() if error.code else None
    return status == 403 and _gated(error) == "output_schema" and _forbidden(api_code, error)[0] is Code.FORBIDDEN


def _status(status: int, api_code: str | None, error: RunError) -> tuple[Code, str | None]:
    if status == 403:
        return _forbidden(api_code, error)
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= 500:
        return Code.NETWORK, None
    return Code.PROTOCOL, "check TINYFISH_BASE_URL"


def _forbidden(api_code: str | None, error: RunError) -> tuple[Code, str | None]:
    """403: a gated field or, on legacy plans, no credits; the text decides (agent-api.md section 9)."""
    field = _gated(error)
    if api_code == "INSUFFICIENT_CREDITS" or (field != "output_schema" and _CREDITS.search(_said(error))):
        return _CODES["INSUFFICIENT_CREDITS"]
    if field:
        if field == "output_schema":
            return Code.FORBIDDEN, "have output_schema enabled for the account"
        return Code.FORBIDDEN, f"remove {field} from the watch, or have it enabled for the account"
    return Code.FORBIDDEN, "the account may not do this: ask the provider which field of the request is gated"


def _gated(error: RunError) -> str | None:
    """Return the field of the watch that a refusal names (row 31)."""
    text = _said(error)
    if _SCHEMA.search(text):
        return "output_schema"
    return next((field for word, field in _GATED.items() if re.search(rf"\b{word}\b", text)), None)


def _said(error: RunError) -> str:
    return f"{error.message} {error.details or ''}"[:8_000]


def _envelope(body: bytes) -> RunError:
    try:
        return envelope(read_object(body)) or RunError()
    except Damaged:
        return RunError()


def _head(body: bytes) -> str:
    """Return the beginning of a body that is no envelope, as text without tags."""
    text = re.sub(r"<[^>]{0,500}>", " ", body[:2_048].decode("utf-8", "replace"))
    return clean(text, 200)


def _where(details: object) -> str:
    """Return the places that the details of a 400 name: a list of issues with `path` and `message`, or an object."""
    issues = details if isinstance(details, list) else [details]
    found = []
    for issue in issues[:5]:
        if isinstance(issue, dict) and ("path" in issue or "message" in issue):
            path = issue.get("path")
            path = ".".join(str(part) for part in path[:20]) if isinstance(path, list) else str(path or "")
            found.append(f"{path}: {issue.get('message') or ''}".strip(": ") if path else str(issue.get("message")))
    return clean("; ".join(found), 500)


def _host(location: str | None) -> str:
    try:
        return clean(urlsplit(location or "").hostname or "", 200) or "nowhere"
    except ValueError:
        return "nowhere"
