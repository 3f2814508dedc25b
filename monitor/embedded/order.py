"""The body of a create request, read and checked (agent-api.md 3). Must not know how a run is done.

Unknown fields are ignored, as on every wire; known fields that this agent cannot honour are refused, because a result
that silently came another way would not be what was asked.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from monitor.embedded.captures import Kind
from monitor.embedded.refusal import RequestError, invalid, issue
from monitor.fetch import Proxy as FetchProxy
from monitor.fetch import proxies
from monitor.fetch.addresses import names_loopback

MAX_BODY = 1024 * 1024
MAX_GOAL = 20_000
_Whole = Annotated[int, Strict()]
_UNSUPPORTED = "is not supported by the embedded agent"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Proxy(_Part):
    """`proxy_config`; type `custom` is a proxy of the user's own, `tetra` (the default) one of TinyFish's."""

    enabled: Annotated[bool, Strict()]
    type: Literal["tetra", "custom"] = "tetra"
    country_code: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] | None = None
    url: Annotated[str, Field(max_length=2_083)] | None = Field(default=None, repr=False)
    username: Annotated[str, Field(max_length=1_000)] | None = Field(default=None, repr=False)
    password: Annotated[str, Field(max_length=1_000)] | None = Field(default=None, repr=False)

    def custom(self) -> FetchProxy | None:
        """Return the proxy that pages are to be fetched through, or None."""
        if not self.enabled or self.url is None:
            return None
        return FetchProxy(self.url, self.username, self.password)


class CaptureConfig(_Part):
    """`capture_config`: what is kept of the steps."""

    html: Annotated[bool, Strict()] = False
    screenshots: Annotated[bool, Strict()] = False
    snapshots: Annotated[bool, Strict()] = False
    elements: Annotated[bool, Strict()] = False
    recording: Annotated[bool, Strict()] = False

    def wants(self, kind: Kind) -> bool:
        """Return whether captures of this kind are kept."""
        return self.html if kind == "html" else self.screenshots


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
    capture_config: CaptureConfig = CaptureConfig()
    output_schema: dict[str, Any] | None = None
    webhook_url: Annotated[str, Field(min_length=1, max_length=2_083)] | None = Field(default=None, repr=False)
    use_profile: Annotated[bool, Strict()] = False
    profile_id: str | None = None
    use_vault: Annotated[bool, Strict()] = False
    credential_item_ids: Annotated[list[str], Field(min_length=1)] | None = None


def parse(body: bytes, *, strict_schema: bool) -> Order:
    """Return the order that `body` holds; raises RequestError (400 INVALID_INPUT) with every issue found."""
    try:
        fields = json.loads(body, parse_constant=_refused_number, parse_float=_finite)
    except (ValueError, RecursionError) as problem:
        raise RequestError(400, "INVALID_INPUT", "the request body is not JSON", issues=[]) from problem
    try:
        order = Order.model_validate(fields)
    except ValidationError as problem:
        raise invalid([_issue(error) for error in problem.errors(include_url=False, include_input=False)]) from problem
    issues = [*_unsupported(order), *_proxy_issues(order.proxy_config), *_webhook_issues(order.webhook_url)]
    issues += _schema_issues(order.output_schema, strict=strict_schema)
    if issues:
        raise invalid(issues)
    gated = [name for name in ("elements", "recording") if getattr(order.capture_config, name)]
    if gated:  # the API's own answer to accounts without these features (agent-api.md 3)
        raise RequestError(403, "FORBIDDEN", f"capture_config.{gated[0]} is not available on the embedded agent")
    return order


def _refused_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is no number that can be kept")
    return number


def _issue(error: Any) -> dict[str, Any]:
    message = "an absolute http or https url is needed" if error["type"] == "string_pattern_mismatch" else error["msg"]
    return issue(list(error["loc"]), message, error["type"])


def _unsupported(order: Order) -> list[dict[str, Any]]:
    refused = {"use_profile": order.use_profile, "use_vault": order.use_vault}
    issues = [issue([name], f"{name} {_UNSUPPORTED}") for name, asked in refused.items() if asked]
    if order.profile_id is not None and not order.use_profile:
        issues.append(issue(["profile_id"], "profile_id needs use_profile: true"))
    if order.credential_item_ids is not None and not order.use_vault:
        issues.append(issue(["credential_item_ids"], "credential_item_ids needs use_vault: true"))
    return issues


def _proxy_issues(proxy: Proxy | None) -> list[dict[str, Any]]:
    if proxy is None or not proxy.enabled:
        return []
    if proxy.type == "tetra":
        words = "proxies of type tetra are TinyFish's own; the embedded agent uses type custom, with a url"
        return [issue(["proxy_config"], words)]
    found = proxy.custom()
    if found is None:
        return [issue(["proxy_config", "url"], "type custom needs a url")]
    wrong = proxies.problem(found)
    issues = [issue(["proxy_config", "url"], wrong)] if wrong else []
    if proxy.password is not None and proxy.username is None:
        issues.append(issue(["proxy_config", "password"], "password needs a username"))
    return issues


def _webhook_issues(url: str | None) -> list[dict[str, Any]]:
    if url is None:
        return []
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if host and (parts.scheme == "https" or (parts.scheme == "http" and names_loopback(host))):
        return []
    return [issue(["webhook_url"], "webhook_url must be an https url (http on loopback only)")]


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
