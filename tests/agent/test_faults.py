"""The table from failures to codes, texts and waiting times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent import faults
from monitor.agent.events import RunError
from monitor.agent.outcome import Code, Fault

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def http(status: int, body: Any = b"", **headers: str) -> Fault:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return faults.from_http(status, raw, named, now=NOW)


def envelope(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, envelope("INVALID_INPUT", "bad"), Code.CONFIG),
        (401, envelope("INVALID_API_KEY", "no"), Code.AUTH),
        (401, b"", Code.AUTH),
        (402, envelope("INSUFFICIENT_CREDITS", "no"), Code.BILLING),
        (403, envelope("FORBIDDEN", "Insufficient credits or no active subscription"), Code.BILLING),
        (403, envelope("INSUFFICIENT_CREDITS", "no"), Code.BILLING),
        (403, envelope("FORBIDDEN", "output_schema is in beta"), Code.FORBIDDEN),
        (403, b"<h1>no</h1>", Code.FORBIDDEN),
        (404, envelope("NOT_FOUND", "no"), Code.PROTOCOL),
        (405, b"", Code.PROTOCOL),
        (409, b"", Code.CONFIG),
        (410, b"", Code.PROTOCOL),
        (413, b"", Code.CONFIG),
        (418, b"", Code.PROTOCOL),
        (422, b"", Code.CONFIG),
        (429, envelope("RATE_LIMIT_EXCEEDED", "slow"), Code.RATE),
        (500, envelope("INTERNAL_ERROR", "oops"), Code.NETWORK),
        (502, b"<html>bad gateway</html>", Code.NETWORK),
        (503, envelope("service_busy", "later"), Code.NETWORK),
        (307, b"", Code.PROTOCOL),
    ],
)
def test_a_status_has_its_code(status: int, body: Any, code: Code) -> None:
    fault = http(status, body)
    assert fault.code is code
    assert str(status) in fault.message


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("output_schema is not enabled for this account", "output_schema"),
        ("agent_config.max_steps requires enrolment", "run.agent_config.max_steps"),
        ("mode strict is in beta", "run.agent_config.mode"),
        ("capture_config.recording", "run.capture_config.recording"),
        ("capture is gated", "run.capture_config"),
    ],
)
def test_a_gate_names_the_field(message: str, field: str) -> None:
    fault = http(403, envelope("FORBIDDEN", message))
    assert fault.code is Code.FORBIDDEN
    assert f" {field} " in (fault.hint or "")
    assert f" {field}: " in fault.message


def test_only_busy_is_retryable_and_codes_are_case_folded() -> None:
    busy = http(503, envelope("service_busy", "later"), retry_after="20")
    assert (busy.api_code, busy.retryable, busy.retry_after) == ("SERVICE_BUSY", True, 20.0)
    assert not http(503, envelope("INTERNAL_ERROR", "x")).retryable
    assert not http(429).retryable


def test_the_details_of_a_400_say_where() -> None:
    issues = [{"path": ["output_schema", 0], "message": "bad"}, {"message": "alone"}, "odd", {"other": 1}]
    assert "(output_schema.0: bad; alone)" in http(400, envelope("INVALID_INPUT", "m", details=issues)).message
    assert "(url)" in http(400, envelope("INVALID_INPUT", "m", details={"path": "url"})).message
    assert http(400, envelope("INVALID_INPUT", "m", details={"url": "x"})).message.endswith(": m")


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://evil.example/steal?key=1", "evil.example"),
        (None, "nowhere"),
        ("/relative", "nowhere"),
        ("http://[", "nowhere"),
    ],
)
def test_a_redirect_shows_only_the_host(location: str | None, shown: str) -> None:
    fault = http(302, b"", **({"location": location} if location else {}))
    assert f"points to {shown}:" in fault.message
    assert "steal" not in fault.message


def test_a_body_that_is_no_envelope_is_shown_without_tags_and_capped() -> None:
    message = http(502, b"<html><b>Bad</b>\n\x1b[31mgateway" + b"x" * 10_000).message
    assert message.startswith("the API answered 502: Bad [31mgateway")
    assert len(message) < 300


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("20", 20.0),
        ("0", 1.0),
        ("-5", 1.0),
        ("1.5", 1.5),
        ("315360000", 3_600.0),
        ("9" * 40, 3_600.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 1.0),
        ("Sat, 21 Nov 2026 12:01:00", 60.0),
        ("soon", None),
        ("", None),
        ("1e5", None),
        ("Sat, 99 Nov 2026 12:01:00 GMT", None),
        ("x" * 100, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(value: str | None, seconds: float | None) -> None:
    assert faults.retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (RunError("m", "SITE_BLOCKED", "AGENT_FAILURE"), Code.SITE, False),
        (RunError("m", "MAX_STEPS_EXCEEDED"), Code.AGENT, False),
        (RunError("m", "TASK_FAILED", "AGENT_FAILURE"), Code.AGENT, False),
        (RunError("m", "TIMEOUT"), Code.TIMEOUT, False),
        (RunError("m", "INSUFFICIENT_CREDITS"), Code.BILLING, False),
        (RunError("m", None, "BILLING_FAILURE"), Code.BILLING, False),
        (RunError("m", "TASK_FAILED", "BILLING_FAILURE"), Code.BILLING, False),
        (RunError("m", "CONTENT_POLICY_VIOLATION"), Code.CONFIG, False),
        (RunError("m", "service_busy"), Code.AGENT, True),
        (RunError("m", "NEW_ONE", "SYSTEM_FAILURE"), Code.AGENT, True),
        (RunError("m", None, "UNKNOWN"), Code.AGENT, False),
        (RunError("it broke"), Code.AGENT, False),
        (None, Code.AGENT, False),
    ],
)
def test_a_failed_run_has_its_code(error: RunError | None, code: Code, retryable: bool) -> None:
    fault = faults.from_run(error)
    assert (fault.code, fault.retryable) == (code, retryable)
    assert fault.message


def test_a_cancelled_run_is_cancelled_unless_it_says_why() -> None:
    assert faults.from_run(None, "CANCELLED").code is Code.CANCELLED
    assert faults.from_run(RunError("m", "INSUFFICIENT_CREDITS"), "CANCELLED").code is Code.BILLING


def test_waiting_time_and_help_of_a_run_error_are_kept_within_bounds() -> None:
    fault = faults.from_run(RunError("m", "SERVICE_BUSY", None, 1e9, "call\nus"))
    assert (fault.retry_after, fault.hint) == (3_600.0, "call us")


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300), st.integers(1, 50))
def test_clean_text_is_one_line_without_controls_and_within_its_cap(text: str, limit: int) -> None:
    shown = faults.clean(text + "\x1b\u202e\u200b\ud800\r\n", limit)
    assert len(shown) <= limit
    assert not set(shown) & set("\x1b\u202e\u200b\ud800\r\n\u2028\x00\x85")
    shown.encode()


def test_a_message_of_a_megabyte_is_capped() -> None:
    assert len(faults.from_run(RunError("<b>\x1b[0m" * 200_000)).message) == 2_000
