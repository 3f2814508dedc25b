"""What monitor.yaml may say: every setting, and what only the file can say; read and validated, with positions.

Owns how the text of a setting is read, wherever the text came from. Must not know other sources, nor what a setting
does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    field_validator,
    model_validator,
)

from monitor.errors import DefinitionError, SecretError
from monitor.files import addresses, choices, documents, durations, hours, secrets, validation, zones
from monitor.files.documents import Document
from monitor.files.hours import QuietHours
from monitor.files.problems import Problem

FILE = "monitor.yaml"
_OF_ONE_WATCH = {  # fields that `defaults` does not take, and why
    "name": "a watch is known by it; write it in the watch",
    "url": "a watch is one page; write it in the watch, and share the goal or the schema here",
}
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_\[:\u00a1-\uffff](?:[\w.:\]-]*[\w\]])?\Z")
_TARGET_NAME = re.compile(r"[^\W_][\w .-]{0,99}\Z")


# What reads the text of a setting, from whichever source; raises ValueError with a message for the user.
READ: Mapping[str, Callable[[str], Any]] = {
    "agent": choices.one_of("tinyfish", "embedded"),
    "base_url": addresses.origin,
    "state": addresses.database,
    "queue": choices.one_of("local", later=["postgres"]),
    "concurrency": choices.whole(1, 10_000),
    "http": addresses.listen,
    "public_url": addresses.public,
    "log": choices.log,
    "llm_url": addresses.service,
    "llm_model": choices.one_line,
}


def _with_references(text: str) -> str:
    try:
        secrets.references(text)
    except SecretError as problem:
        raise ValueError(str(problem)) from None
    return text


def _ping_address(text: str) -> str:
    if not secrets.references(_with_references(text)):
        addresses.ping(text)
    return text


def _target_name(name: str) -> str:
    if not _TARGET_NAME.match(name):
        raise ValueError("the name of a target is made of letters, digits, blanks, dots, hyphens and underscores")
    return name


def _shared_field(name: str) -> str:
    if name in _OF_ONE_WATCH:
        raise ValueError(f"defaults cannot give every watch the same {name}: {_OF_ONE_WATCH[name]}")
    return name


def _field_of_a_tag(name: str) -> str:
    if name in {*_OF_ONE_WATCH, "tags"}:
        raise ValueError(f"a tag cannot give its watches their {name}: write it in the watch")
    return name


def _clock_time(text: str) -> str:
    hours.clock_time(text)
    return text


def _zone(name: str) -> str:
    return zones.zone(name).key


def _host(name: str) -> str:
    found = name.strip().lower().rstrip(".")
    if not _HOST.match(found):
        raise ValueError("write the host as it stands in a watch's url, without scheme, port or path: shop.example")
    return found


def _interval(text: object) -> timedelta:
    if not isinstance(text, str):
        raise ValueError("must be a text: quote it")  # noqa: TRY004 - pydantic reports ValueErrors
    found = durations.parse(text)
    if found > _LONGEST_INTERVAL:
        raise ValueError("runs of one host are at most 1d apart: give the watches a cron of their own")
    return found


def _group_wait(text: object) -> timedelta:
    if not isinstance(text, str):
        raise ValueError("must be a text: quote it")  # noqa: TRY004 - pydantic reports ValueErrors
    found = durations.parse(text, zero=True)
    if found > _LONGEST_WAIT:
        raise ValueError("messages are gathered for at most 1h: what is to wait longer belongs into quiet_hours")
    return found


_Kind = Literal["baseline", "change", "failure", "recovery", "reminder", "missed", "stale", "drift"]
_LONGEST_WAIT = timedelta(hours=1)
_LONGEST_INTERVAL = timedelta(days=1)
_Dollars = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False, strict=True)]
_Filled = Annotated[str, Field(min_length=1)]
_SecretText = Annotated[_Filled, AfterValidator(_with_references)]


class _Spending(BaseModel):
    """`spending`: ceilings over all watches, and what a step costs (agent-api.md section 11)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    runs_per_day: Annotated[StrictInt, Field(ge=1, le=10_000_000)] = 2_000  # interface.md, "Defaults"
    usd_per_day: _Dollars | None = None
    usd_per_step: _Dollars = 0.016


class HostPace(BaseModel):
    """One entry of `hosts`: how far apart runs of one site begin, and how many of them go on at once."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    min_interval: Annotated[timedelta, BeforeValidator(_interval)] | None = None
    concurrency: Annotated[StrictInt, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _something(self) -> HostPace:
        if self.min_interval is None and self.concurrency is None:
            raise ValueError("say min_interval, concurrency or both")
        return self

    def __str__(self) -> str:
        """Return the pace in words, for `monitor settings`."""
        interval = f"one run every {durations.spell(self.min_interval)}" if self.min_interval else ""
        return ", ".join(filter(None, (interval, f"{self.concurrency} at once" if self.concurrency else "")))

    @property
    def seconds(self) -> float:
        """The seconds between two starts, 0 for none."""
        return 0.0 if self.min_interval is None else self.min_interval.total_seconds()


class _Quiet(BaseModel):
    """`quiet_hours`: when messages of some kinds are held."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    start: Annotated[str, Field(alias="from"), AfterValidator(_clock_time)]
    to: Annotated[str, AfterValidator(_clock_time)]
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    hold: Annotated[tuple[_Kind, ...], Field(min_length=1)] = ("change",)

    @model_validator(mode="after")
    def _an_end(self) -> _Quiet:
        if self.start == self.to:
            raise ValueError("from and to are the same time: what is held would never be told")
        return self

    def hours(self, zone: str) -> QuietHours:
        """Return the hours, in the zone of the workspace unless they name one."""
        return QuietHours.of(self.start, self.to, self.timezone or zone, frozenset(self.hold))


class WorkspaceFile(BaseModel):
    """monitor.yaml: every setting, and what only the file can say."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    agent: Any = None
    api_key: _SecretText = ""
    api_key_file: _Filled = ""
    base_url: Any = None
    state: Any = None
    queue: Any = None
    concurrency: Any = None
    http: Any = None
    http_token: _SecretText = ""
    http_read_token: _SecretText = ""
    public_url: Any = None
    log: Any = None
    llm_url: Any = None
    llm_model: Any = None
    llm_key: _SecretText = ""
    timezone: Annotated[str, AfterValidator(lambda name: zones.zone(name).key)] = "UTC"
    targets: dict[Annotated[str, AfterValidator(_target_name)], _SecretText] = Field(default_factory=dict)
    defaults: dict[Annotated[str, AfterValidator(_shared_field)], Any] = Field(default_factory=dict)
    tags: dict[_Filled, dict[Annotated[str, AfterValidator(_field_of_a_tag)], Any]] = Field(default_factory=dict)
    allow_private: StrictBool = False
    ignore_robots: StrictBool = False
    spending: _Spending = _Spending()
    hosts: dict[Annotated[str, AfterValidator(_host)], HostPace] = Field(default_factory=dict)
    group_wait: Annotated[timedelta, BeforeValidator(_group_wait)] = timedelta(seconds=10)  # interface.md, "Defaults"
    group_by: Literal["target", "watch", "tag"] = "target"
    quiet_hours: _Quiet | None = None
    dead_man: Annotated[_Filled, AfterValidator(_ping_address)] = ""

    @field_validator("hosts", mode="before")
    @classmethod
    def _each_host_once(cls, value: object) -> object:
        names = [str(name).strip().lower().rstrip(".") for name in value] if isinstance(value, dict) else []
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0][:100]} stands here twice: capital letters make no other host")
        return value

    @field_validator("api_key_file")
    @classmethod
    def _one_key(cls, value: str, info: pydantic.ValidationInfo) -> str:
        if info.data.get("api_key"):
            raise ValueError("api_key is set too: keep one of them")
        return value

    @field_validator(*READ, mode="before")
    @classmethod
    def _read(cls, value: object, info: pydantic.ValidationInfo) -> object:
        if info.field_name == "concurrency" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise ValueError("must be a text: quote it")  # noqa: TRY004 - pydantic reports ValueErrors
        return READ[str(info.field_name)](value)


def read(path: Path) -> tuple[Document | None, WorkspaceFile]:
    """Return the file with its positions, or defaults where there is none; raises DefinitionError."""
    if not path.exists() and not path.is_symlink():
        if path.with_suffix(".yml").exists():
            raise DefinitionError([Problem("monitor.yml", 0, 0, "", "this file is not read", f"call it {FILE}")])
        return None, WorkspaceFile()
    read = [document for document in documents.read(path, FILE) if document.value is not None]
    if not read:
        return None, WorkspaceFile()
    if len(read) > 1 or not isinstance(read[0].value, dict):
        raise DefinitionError([Problem(FILE, 0, 0, "", "must be one map of fields")])
    document = read[0]
    try:
        return document, WorkspaceFile.model_validate(document.value)
    except ValidationError as error:
        raise DefinitionError(validation.problems(error, document, WorkspaceFile)) from None
