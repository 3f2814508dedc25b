"""The body of a create request, read and checked (agent-api.md 3). Must not know how a run is done.

Unknown fields are ignored, as on every wire; known fields that this agent cannot honour are refused, because a result
that silently came another way would not be what was asked.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from monitor.embedded.refusal import RequestError, invalid, issue

MAX_BODY = 1024 * 1024
MAX_GOAL = 20_000
_Whole = Annotated[int, Strict()]
_UNSUPPORTED = "is not supported by the embedded agent yet"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Proxy(_Part):
    """`proxy_config`."""

    enabled: Annotated[bool, Strict()]


class AgentConfig(_Part):
    """`agent_config`; seconds and steps."""

    mode: Literal["default", "strict"] | None = None
    max_steps: Annotated[_Whole, Field(ge=1, le=500)] | None = None
    max_duration_seconds: Annotated[_Whole, Field(ge=1)] | None = None


class Order(_Part):
    """What a client asks for: one page, one goal, and the shape of the answer."""

    url: Annotated[str, Field(min_length=1, max_length=2_083, pattern=r"^[hH][tT][tT][pP][sS]?://[^/?#]")]
    goal: Annotated[str, Field(min_length=1, max_length=MAX_GOAL)]
    browser_profile: Literal["lite", "stealth"] = "lite"
    proxy_config: Proxy | None = None
    agent_config: AgentConfig = AgentConfig()
    capture_config: dict[str, bool] = Field(default_factory=dict)
    output_schema: dict[str, Any] | None = None
    webhook_url: str | None = None
    use_profile: Annotated[bool, Strict()] = False
    profile_id: str | None = None
    use_vault: Annotated[bool, Strict()] = False
    credential_item_ids: Annotated[list[str], Field(min_length=1)] | None = None


def parse(body: bytes, *, strict_schema: bool) -> Order:
    """Return the order that `body` holds; raises RequestError (400 INVALID_INPUT) with every issue found."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise RequestError(400, "INVALID_INPUT", "the request body is not JSON", issues=[]) from problem
    try:
        order = Order.model_validate(fields)
    except ValidationError as problem:
        raise invalid([_issue(error) for error in problem.errors(include_url=False, include_input=False)]) from problem
    issues = [*_unsupported(order), *_schema_issues(order.output_schema, strict=strict_schema)]
    if issues:
        raise invalid(issues)
    return order


def _issue(error: Any) -> dict[str, Any]:
    message = "an absolute http or https url is needed" if error["type"] == "string_pattern_mismatch" else error["msg"]
    return issue(list(error["loc"]), message, error["type"])


def _unsupported(order: Order) -> list[dict[str, Any]]:
    refused = {
        "webhook_url": order.webhook_url is not None,
        "use_profile": order.use_profile,
        "use_vault": order.use_vault,
    }
    issues = [issue([name], f"{name} {_UNSUPPORTED}") for name, asked in refused.items() if asked]
    if order.proxy_config and order.proxy_config.enabled:
        issues.append(issue(["proxy_config"], f"proxy_config {_UNSUPPORTED}"))
    if order.profile_id is not None and not order.use_profile:
        issues.append(issue(["profile_id"], "profile_id needs use_profile: true"))
    if order.credential_item_ids is not None and not order.use_vault:
        issues.append(issue(["credential_item_ids"], "credential_item_ids needs use_vault: true"))
    return issues


def _schema_issues(schema: dict[str, Any] | None, *, strict: bool) -> list[dict[str, Any]]:
    """Return what is wrong with a schema.

    Strict means by the provider's subset (agent-api.md 8.1), which knows no hints.
    """
    if schema is None:
        return []
    if strict:
        from monitor.agent.provider import provider_problems

        problems = list(provider_problems(schema))
    else:
        from monitor.embedded.extract.shape import problems as shape_problems

        problems = shape_problems(schema)
    return [issue(["output_schema"], f"{message} at #{pointer.removeprefix('#')}") for pointer, message in problems]
