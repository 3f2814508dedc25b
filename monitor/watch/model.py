"""What a user defines: `Watch` and its parts, frozen. The field names are the contract of interface.md, "A watch".

Every rule that one watch alone can break is checked here; what needs the network, a compiled schema, a settings value
or other watches is checked by callables that `load` is given. Must not know files, positions or tables.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    Strict,
    StringConstraints,
    field_validator,
    model_validator,
)

from monitor.watch import cron as cron_expressions
from monitor.watch import names, urls
from monitor.watch.compare import Compare
from monitor.watch.notify import On, Rule
from monitor.watch.part import Delay, Duration, Flag, Part, Text, Whole

__all__ = ["Compare", "Confirm", "On", "Rule", "RunOptions", "Watch"]


def _expression(value: str) -> str:
    cron_expressions.check(value)
    return value


Expression = Annotated[str, AfterValidator(_expression)]


def _at_most_a_day(value: timedelta) -> timedelta:
    if value > timedelta(days=1):
        raise ValueError("must be at most 1d")
    return value


class Proxy(Part):
    """`run.proxy_config`, as in the API; credentials are whole-field secret references or plain text."""

    enabled: Flag
    type: Literal["tetra", "custom"] | None = None
    url: Text | None = None
    username: Text | None = None
    password: Text | None = None
    country_code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None

    @model_validator(mode="after")
    def _custom_has_url(self) -> Proxy:
        if self.type == "custom" and not self.url:
            raise ValueError("a proxy of type custom needs its url")
        return self


class AgentConfig(Part):
    """`run.agent_config`, as in the API; `max_duration_seconds` in seconds."""

    mode: Literal["default", "strict"] | None = None
    max_steps: Annotated[int, Strict(), Field(ge=1, le=500)] | None = None
    max_duration_seconds: Annotated[int, Strict(), Field(ge=1)] | None = None


class Capture(Part):
    """`run.capture_config`, as in the API."""

    elements: Flag | None = None
    snapshots: Flag | None = None
    screenshots: Flag | None = None
    recording: Flag | None = None
    html: Flag | None = None


class RunOptions(Part):
    """`run`: the request body of the API, its own field names; fields that are not set are not sent."""

    browser_profile: Literal["lite", "stealth"] | None = None
    proxy_config: Proxy | None = None
    agent_config: AgentConfig | None = None
    capture_config: Capture | None = None
    use_vault: Flag | None = None
    credential_item_ids: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    use_profile: Flag | None = None
    profile_id: Text | None = None
    webhook_url: Text | None = None
    api_integration: Text | None = None

    @model_validator(mode="after")
    def _dependent_fields(self) -> RunOptions:
        if self.credential_item_ids and not self.use_vault:
            raise ValueError("credential_item_ids needs use_vault: true")
        if self.use_vault and not self.credential_item_ids:
            raise ValueError(
                "use_vault needs credential_item_ids: without it the agent would be handed every item of the vault"
            )
        if self.profile_id and not self.use_profile:
            raise ValueError("profile_id needs use_profile: true")
        if self.webhook_url and not self.webhook_url.startswith(
            ("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")
        ):
            raise ValueError("webhook_url must be https")
        return self


class Confirm(Part):
    """`confirm`: a change is told when `runs` good results in a row agree on it.

    The confirming runs follow one another after `every`; without it they are the next occurrences, which cost nothing
    more.
    """

    runs: Annotated[Whole, Field(ge=2, le=10)] = 2
    every: Duration | None = None


class Limits(Part):
    """`limits`: `timeout` of one run from the POST, queueing included; `retries` and `runs_per_day` cost money.

    `retries` are paid attempts after failures that the API calls retryable; set by the user they also follow TIMEOUT
    and UNKNOWN (interface.md, "Defaults"). `failing_after` is failures in a row before one is told, but 1 for the codes
    of `judge.verdict.TOLD_AT_ONCE`; `remind_every` is the time between reminders of an incident. `runs_per_day` counts
    every run of a UTC day; None is no ceiling of its own.
    """

    timeout: Annotated[Duration, AfterValidator(_at_most_a_day)] = timedelta(minutes=10)
    retries: Annotated[Whole, Field(ge=0, le=5)] = 1
    failing_after: Annotated[Whole, Field(ge=1, le=1_000)] = 2
    remind_every: Duration = timedelta(hours=24)
    runs_per_day: Annotated[Whole, Field(ge=1, le=100_000)] | None = None

    @property
    def retries_are_set(self) -> bool:
        """True when the user asked for retries by number."""
        return "retries" in self.model_fields_set


class Watch(Part):
    """One watch, complete and valid in itself."""

    name: str
    url: str
    goal: Text
    output_schema: dict[str, Any]
    cron: Annotated[tuple[Expression, ...], Field(min_length=1)]
    timezone: str = "UTC"
    enabled: Flag = True
    tags: tuple[Text, ...] = ()
    run: RunOptions = RunOptions()
    transport: Literal["sse", "async", "sync"] = "sse"
    compare: Compare = Compare()
    confirm: Confirm | None = None
    notify: tuple[Rule, ...] = ()
    limits: Limits = Limits()
    stale_after: Duration = timedelta(days=3)
    drift: Flag = True
    catch_up: Annotated[Delay, AfterValidator(_at_most_a_day)] = timedelta(days=1)
    jitter: Annotated[Delay, AfterValidator(_at_most_a_day)] = timedelta(seconds=15)

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return names.checked(value)

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        return urls.checked(value)

    @field_validator("cron", mode="before")
    @classmethod
    def _one_expression_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        cron_expressions.zone(value)
        return value

    @field_validator("notify", mode="before")
    @classmethod
    def _names_are_rules(cls, value: object) -> object:
        if isinstance(value, (list, tuple)):
            return tuple({"to": (entry,)} if isinstance(entry, str) else entry for entry in value)
        return value

    @field_validator("output_schema")
    @classmethod
    def _root_is_object(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value.get("type", "object") != "object":
            raise ValueError("the root of output_schema must be of type object (put a list into a property)")
        return value

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over url, goal, output_schema and compare: a new one begins a new generation of the baseline."""
        parts = {
            "url": self.url,
            "goal": self.goal,
            "output_schema": self.output_schema,
            "compare": self.compare.model_dump(mode="json", exclude_defaults=True),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
