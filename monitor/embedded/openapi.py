"""The description of the API that the embedded agent serves, as an OpenAPI 3.1 document (agent-api.md 2 to 9).

Requests are described by the model that reads them (`order.Order`), answers here. Must not know how a run is done.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from monitor.embedded.order import Order
from monitor.embedded.wire import STATUSES, TERMINAL

Schema = dict[str, Any]
_JSON = "application/json"
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 200}
_CATEGORIES = ["SYSTEM_FAILURE", "AGENT_FAILURE", "BILLING_FAILURE", "UNKNOWN"]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: Schema = {"type": "string"}
_EVENT: Schema = {"type": "string", "contentMediaType": _JSON, "contentSchema": _ref("Event")}
_ANY: Schema = {"description": "An object by `output_schema`; null while there is none."}


@cache
def document() -> Schema:
    """Return the whole document; it is the same for every agent."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The embedded agent",
            "version": "1",
            "description": "The TinyFish Web Agent API, served on this machine by goal-monitor.",
        },
        "paths": _creates() | _runs() | _captures() | _description(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        },
        "security": [{"key": []}],
    }


def _creates() -> Schema:
    stream = {
        "description": "One `data:` line and an empty line an event, the last one COMPLETE.",
        "content": {"text/event-stream": {"schema": _object({"data": _EVENT})}},
    }
    ways = {
        "run": ("Run and wait for the end", _answer("Ended", "How it ended; FAILED comes with 200, too.")),
        "run-async": ("Run and answer at once with the id", _answer("Created", "The run was created.")),
        "run-sse": ("Run and stream the events", stream),
    }
    body = {"required": True, "content": {_JSON: {"schema": _ref("Order")}}}
    refusals = _refusals(400, 401, 403, 429, 503)
    return {
        f"/v1/automation/{way}": {
            "post": {
                "operationId": way.replace("-", "_"),
                "summary": summary,
                "requestBody": body,
                "responses": {"200": answer} | refusals,
            }
        }
        for way, (summary, answer) in ways.items()
    }


def _runs() -> Schema:
    filters = [
        _query("status", {"type": "string", "enum": list(STATUSES)}),
        _query("goal", {"type": "string", "maxLength": 500}, "A part of the goal, in any case."),
        _query("created_after", _INSTANT, "Inclusive."),
        _query("created_before", _INSTANT, "Inclusive."),
        _query("sort_direction", {"type": "string", "enum": ["asc", "desc"], "default": "desc"}),
        _query("cursor", {"type": "string"}, "`next_cursor` of an earlier answer."),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
    ]
    pictures = _query("screenshots", {"type": "string", "enum": ["none", "base64", "url"], "default": "none"})
    one = [_path("run_id"), pictures]
    return {
        "/v1/runs": {"get": _operation("list_runs", "List runs", filters, _answer("Runs", "One page of runs."), 400)},
        "/v1/runs/{run_id}": {"get": _operation("get_run", "Get one run", one, _answer("Run", "The run."), 400, 404)},
        "/v1/runs/{run_id}/cancel": {
            "post": _operation(
                "cancel_run",
                "Cancel one run; harmless to repeat",
                [_path("run_id")],
                _answer("Cancelled", "The run's true state, which may be another end."),
                400,
                404,
                409,
            ),
        },
    }


def _captures() -> Schema:
    where = [_path("run_id"), _path("step_id")]
    kinds = {"screenshot": ("image/jpeg", "The picture of a step"), "html": ("text/html", "The HTML of a step")}
    return {
        f"/v1/runs/{{run_id}}/steps/{{step_id}}/{kind}": {
            "get": _operation(
                f"step_{kind}",
                f"{words}, if `capture_config` asked for it",
                where,
                {"description": words, "content": {media: {"schema": {"type": "string"}}}},
                404,
            )
        }
        for kind, (media, words) in kinds.items()
    }


def _description() -> Schema:
    answer = {"description": "An OpenAPI document.", "content": {_JSON: {"schema": {"type": "object"}}}}
    return {"/openapi.json": {"get": _operation("openapi", "This document", [], answer)}}


def _operation(name: str, summary: str, parameters: list[Schema], answer: Schema, *refusals: int) -> Schema:
    responses = {"200": answer} | _refusals(401, 403, 503, *refusals)
    return {"operationId": name, "summary": summary, "parameters": parameters, "responses": responses}


def _refusals(*statuses: int) -> Schema:
    words = {
        400: "INVALID_INPUT; `details` lists each issue with its path.",
        401: "MISSING_API_KEY or INVALID_API_KEY.",
        403: "FORBIDDEN: a web page or a foreign host asks, or a capture that this agent does not make.",
        404: "NOT_FOUND.",
        409: "CONFLICT: another process works on this run.",
        429: "RATE_LIMIT_EXCEEDED: too many runs are waiting.",
        503: "SERVICE_BUSY.",
    }
    found: Schema = {}
    for status in sorted(statuses):
        found[str(status)] = {"description": words[status], "content": {_JSON: {"schema": _ref("Refusal")}}}
        if status in (429, 503):
            header = {"description": "Seconds.", "schema": {"type": "integer"}}
            found[str(status)]["headers"] = {"Retry-After": header}
    return found


def _schemas() -> Schema:
    order = Order.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = order.pop("$defs", {})
    ends = {"status": {"type": "string", "enum": list(TERMINAL)}}
    return {
        **parts,
        "Order": order,
        "Refusal": _object({"error": _object({"code": _TEXT, "message": _TEXT, "details": {"type": "array"}}, 2)}),
        "RunError": _object(
            {
                "code": _TEXT,
                "message": _TEXT,
                "category": {"type": "string", "enum": _CATEGORIES},
                "retry_after": {"type": "integer"},
                "help_message": _TEXT,
            },
            3,
        ),
        "Ended": _object({"run_id": _ID} | ends | {"started_at": _or_null(_INSTANT), "finished_at": _or_null(_INSTANT),
                         "num_of_steps": {"type": "integer"}, "result": _ANY, "error": _or_null(_ref("RunError")),
                         "extraction": {"type": "object"}}, 7),
        "Event": _object({"type": {"type": "string", "enum": ["STARTED", "PROGRESS", "HEARTBEAT", "COMPLETE"]},
                         "timestamp": _INSTANT, "run_id": _ID, "purpose": _TEXT, "status": ends["status"],
                         "result": _ANY, "error": _ref("RunError"), "extraction": {"type": "object"}}, 2),
        "Created": _object({"run_id": _ID, "error": {"type": "null"}}),
        "Cancelled": _object({"run_id": _ID} | ends | {"cancelled_at": _or_null(_INSTANT), "message": _or_null(_TEXT)}),
        "Run": _object(_listed() | {"video_url": {"type": "null"}, "extraction": _or_null({"type": "object"}),
                       "steps": {"type": "array", "items": _ref("Step")}}),
        "ListedRun": _object(_listed()),
        "Runs": _object({"data": {"type": "array", "items": _ref("ListedRun")}, "pagination": _object(
            {"total": {"type": "integer"}, "next_cursor": _or_null(_TEXT), "has_more": {"type": "boolean"}})}),
        "Step": _object({"id": _ID, "timestamp": _INSTANT, "status": _TEXT, "action": _or_null(_TEXT),
                        "screenshot": _or_null(_TEXT), "duration": _TEXT}),
    }  # fmt: skip


def _listed() -> Schema:
    browser = {"proxy_enabled": {"type": "boolean"}, "proxy_country_code": _or_null(_TEXT)}
    validation = {"valid": {"type": "boolean"}, "re_prompt_attempts": {"type": "integer"}, "errors": {"type": "array"}}
    return {
        "run_id": _ID,
        "status": {"type": "string", "enum": list(STATUSES)},
        "goal": _TEXT,
        "created_at": _INSTANT,
        "started_at": _or_null(_INSTANT),
        "finished_at": _or_null(_INSTANT),
        "num_of_steps": _or_null({"type": "integer"}),
        "result": _ANY,
        "output_schema": _or_null({"type": "object"}),
        "schema_validation": _or_null(_object(validation)),
        "error": _or_null(_ref("RunError")),
        "streaming_url": _or_null(_TEXT),
        "browser_config": _object(browser),
        "profile_attached": {"type": "boolean"},
        "profile_id": _or_null(_TEXT),
        "profile_hint": _or_null({"type": "object"}),
    }


def _object(properties: Schema, required: int | None = None) -> Schema:
    """Return an object that has all of these properties, or the first `required` of them."""
    return {"type": "object", "properties": properties, "required": list(properties)[:required]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _answer(name: str, description: str) -> Schema:
    return {"description": description, "content": {_JSON: {"schema": _ref(name)}}}


def _query(name: str, schema: Schema, description: str = "") -> Schema:
    found = {"name": name, "in": "query", "required": False, "schema": schema}
    return found | ({"description": description} if description else {})


def _path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": _ID}
