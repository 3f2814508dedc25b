"""The settings of a workspace, read once and passed down as a value: option, environment, .env, monitor.yaml, default.

The table is interface.md, "Workspace". Secrets are resolved when they are first asked for, so that commands which
need none work without them. Must not know watches, nor what a setting does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
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

from monitor.errors import DefinitionError, SecretError, UsageError
from monitor.files import addresses, choices, documents, durations, hours, secrets, validation, zones
from monitor.files.addresses import Listen
from monitor.files.choices import Log
from monitor.files.documents import Document
from monitor.files.environment import read_dotenv
from monitor.files.hours import QuietHours
from monitor.files.problems import Problem
from monitor.files.secrets import Held, Secret

FILE = "monitor.yaml"
_OF_ONE_WATCH = {  # fields that `defaults` does not take, and why
    "name": "a watch is known by it; write it in the watch",
    "url": "a watch is one page; write it in the watch, and share the goal or the schema here",
}
_TARGET_NAME = re.compile(r"[^\W_][\w .-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class _Setting:
    """One row of the table: its variable, what reads its text, and the text of its default."""

    variable: str
    read: Callable[[str], Any]
    default: str


_SETTINGS: dict[str, _Setting] = {
    "agent": _Setting("MONITOR_AGENT", choices.one_of("tinyfish", "embedded"), "tinyfish"),
    "base_url": _Setting("TINYFISH_BASE_URL", addresses.origin, "https://agent.tinyfish.ai"),
    "state": _Setting("MONITOR_STATE", addresses.database, "state/monitor.db"),
    "queue": _Setting("MONITOR_QUEUE", choices.one_of("local", later=["postgres"]), "local"),
    "concurrency": _Setting("MONITOR_CONCURRENCY", choices.whole(1, 10_000), "2"),
    "http": _Setting("MONITOR_HTTP", addresses.listen, "127.0.0.1:8600"),
    "log": _Setting("MONITOR_LOG", choices.log, "info:console"),
}
_KEY, _KEY_FILE, _TOKEN = "TINYFISH_API_KEY", "TINYFISH_API_KEY_FILE", "MONITOR_HTTP_TOKEN"
_SECRETS = (("api_key", _KEY, _KEY_FILE), ("http_token", _TOKEN, ""), ("dead_man", "MONITOR_DEAD_MAN", ""))
_PROMISED = validation.Promised(fields=frozenset({"tags", "hosts", "spending.usd_per_day", "spending.usd_per_step"}))


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


def _clock_time(text: str) -> str:
    hours.clock_time(text)
    return text


def _zone(name: str) -> str:
    return zones.zone(name).key


def _group_wait(text: object) -> timedelta:
    if not isinstance(text, str):
        raise ValueError("must be a text: quote it")  # noqa: TRY004 - pydantic reports ValueErrors
    found = durations.parse(text, zero=True)
    if found > _LONGEST_WAIT:
        raise ValueError("messages are gathered for at most 1h: what is to wait longer belongs into quiet_hours")
    return found


_Kind = Literal["baseline", "change", "failure", "recovery", "reminder", "missed", "stale", "drift"]
_LONGEST_WAIT = timedelta(hours=1)
_Filled = Annotated[str, Field(min_length=1)]
_SecretText = Annotated[_Filled, AfterValidator(_with_references)]


class _Spending(BaseModel):
    """`spending`: ceilings over all watches."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    runs_per_day: Annotated[StrictInt, Field(ge=1, le=10_000_000)] = 2_000  # interface.md, "Defaults"


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


class _File(BaseModel):
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
    log: Any = None
    timezone: Annotated[str, AfterValidator(lambda name: zones.zone(name).key)] = "UTC"
    targets: dict[Annotated[str, AfterValidator(_target_name)], _SecretText] = Field(default_factory=dict)
    defaults: dict[Annotated[str, AfterValidator(_shared_field)], Any] = Field(default_factory=dict)
    allow_private: StrictBool = False
    spending: _Spending = _Spending()
    group_wait: Annotated[timedelta, BeforeValidator(_group_wait)] = timedelta(seconds=10)  # interface.md, "Defaults"
    group_by: Literal["target", "watch", "tag"] = "target"
    quiet_hours: _Quiet | None = None
    dead_man: Annotated[_Filled, AfterValidator(_ping_address)] = ""

    @field_validator("api_key_file")
    @classmethod
    def _one_key(cls, value: str, info: pydantic.ValidationInfo) -> str:
        if info.data.get("api_key"):
            raise ValueError("api_key is set too: keep one of them")
        return value

    @field_validator(*_SETTINGS, mode="before")
    @classmethod
    def _read(cls, value: object, info: pydantic.ValidationInfo) -> object:
        if info.field_name == "concurrency" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise ValueError("must be a text: quote it")  # noqa: TRY004 - pydantic reports ValueErrors
        return _SETTINGS[str(info.field_name)].read(value)


@dataclass(frozen=True)
class Settings:
    """Every setting of one workspace; `origins` says of each where it came from.

    `state` is the database's URL (`sqlite:////…`), `database` its file; `targets` keeps references as written;
    `environ` is the environment over .env, for resolving them; `defaults` is merged under every watch.
    """

    workspace: Path
    agent: str
    base_url: str
    state: str
    queue: str
    concurrency: int
    http: Listen | None
    log: Log
    timezone: str
    targets: Mapping[str, str] = field(repr=False)
    defaults: Document | None = field(repr=False)
    allow_private: bool
    runs_per_day: int
    group_wait: timedelta
    group_by: Literal["target", "watch", "tag"]
    quiet_hours: QuietHours | None
    environ: Mapping[str, str] = field(repr=False)
    origins: Mapping[str, str]
    held: Mapping[str, Held] = field(repr=False)

    @property
    def database(self) -> Path:
        """The file of the embedded database."""
        return Path(self.state.removeprefix("sqlite:///"))

    @cached_property
    def api_key(self) -> Secret | None:
        """The key of the agent API, trimmed and fit for a header; raises SecretError, naming the reference only."""
        return self._secret("api_key")

    @cached_property
    def http_token(self) -> Secret | None:
        """The token of the dashboard and its API; raises SecretError, naming the reference only."""
        return self._secret("http_token")

    @cached_property
    def dead_man(self) -> Secret | None:
        """The address that is asked for while all is well; raises SecretError, naming the variable or the reference."""
        found = self._secret("dead_man")
        try:
            return found and Secret(addresses.ping(found.reveal()))
        except ValueError as problem:
            raise SecretError(f"{self.held['dead_man'].name}: {problem}") from None

    def _secret(self, name: str) -> Secret | None:
        held = self.held.get(name)
        return held.read(self.environ, self.workspace) if held else None

    def shown(self) -> list[tuple[str, str, str]]:
        """Return (name, value, origin) of every setting, with secrets masked, for `monitor settings`."""
        rows = [("workspace", str(self.workspace), self.origins["workspace"])]
        for name in (*_SETTINGS, "timezone", "allow_private"):
            value: object = getattr(self, name)
            text = str(value).lower() if isinstance(value, bool) else str("off" if value is None else value)
            rows.append((name, text, self.origins[name]))
        for name, _, _ in _SECRETS:
            held = self.held.get(name)
            rows.append((name, held.shown() if held else "not set", self.origins.get(name, "default")))
        rows += [(f"targets.{name}", secrets.mask(text), FILE) for name, text in self.targets.items()]
        if self.defaults:
            rows.append(("defaults", ", ".join(self.defaults.value), FILE))
        return rows


def load(workspace: Path | None, options: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Return the settings of a workspace (the option, MONITOR_WORKSPACE, or the current folder); it need not exist.

    `options` are command-line options by setting name; relative paths are under the workspace. Raises UsageError for
    an option or a variable, DefinitionError for monitor.yaml and .env.
    """
    unknown = set(options) - set(_SETTINGS)
    if unknown:
        raise UsageError(f"there is no option for the setting {min(unknown)}")
    folder, origin = _workspace(workspace, environ)
    dotenv = read_dotenv(folder / ".env")
    document, file = _read_file(folder / FILE)
    sources = _Sources(options, environ, dotenv, document, file)
    values, origins = sources.settings()
    held, secret_origins = sources.secrets()
    values["state"] = "sqlite:///" + str((folder / values["state"]).absolute())
    if values["http"] and not values["http"].loopback and "http_token" not in held:
        message = f"http {values['http']} ({origins['http']}) can be reached from other machines"
        raise UsageError(message, hint=f"set {_TOKEN} to a long random text")
    for name in ("timezone", "allow_private"):
        origins[name] = sources.file_origin(name) or "default"
    return Settings(
        **values,
        workspace=folder,
        timezone=file.timezone,
        targets=MappingProxyType(dict(file.targets)),
        defaults=document.part("defaults") if document else None,
        allow_private=file.allow_private,
        runs_per_day=file.spending.runs_per_day,
        group_wait=file.group_wait,
        group_by=file.group_by,
        quiet_hours=file.quiet_hours.hours(file.timezone) if file.quiet_hours else None,
        environ=MappingProxyType({**dotenv, **environ}),
        origins=MappingProxyType({"workspace": origin, **origins, **secret_origins}),
        held=MappingProxyType(held),
    )


def _workspace(workspace: Path | None, environ: Mapping[str, str]) -> tuple[Path, str]:
    given = environ.get("MONITOR_WORKSPACE")
    folder, origin = Path(), "current folder"
    if workspace is not None:
        folder, origin = workspace, "option --workspace"
    elif given:
        folder, origin = Path(given), "environment MONITOR_WORKSPACE"
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the workspace {folder} is not a folder ({origin})")
    return folder.absolute(), origin


def _read_file(path: Path) -> tuple[Document | None, _File]:
    if not path.exists() and not path.is_symlink():
        if path.with_suffix(".yml").exists():
            raise DefinitionError([Problem("monitor.yml", 0, 0, "", "this file is not read", f"call it {FILE}")])
        return None, _File()
    read = [document for document in documents.read(path, FILE) if document.value is not None]
    if not read:
        return None, _File()
    if len(read) > 1 or not isinstance(read[0].value, dict):
        raise DefinitionError([Problem(FILE, 0, 0, "", "must be one map of fields")])
    document = read[0]
    try:
        return document, _File.model_validate(document.value)
    except ValidationError as error:
        raise DefinitionError(validation.problems(error, document, _File, promised=_PROMISED)) from None


@dataclass(frozen=True, slots=True)
class _Sources:
    """The places a setting may come from, first the strongest."""

    options: Mapping[str, str]
    environ: Mapping[str, str]
    dotenv: Mapping[str, str]
    document: Document | None
    file: _File

    def settings(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return each setting's value and origin; raises UsageError that names the option or variable."""
        found = {name: self._setting(name, setting) for name, setting in _SETTINGS.items()}
        values = {name: value for name, (value, _) in found.items()}
        return values, {name: origin for name, (_, origin) in found.items()}

    def _setting(self, name: str, setting: _Setting) -> tuple[Any, str]:
        option, variable = f"--{name.replace('_', '-')}", setting.variable
        if name in self.options:
            return _understood(setting, self.options[name], option), f"option {option}"
        for values, word in ((self.environ, "environment"), (self.dotenv, ".env")):
            text = values.get(variable)
            if text or (text == "" and name == "http"):  # an empty MONITOR_HTTP is off; any other empty one is not set
                return _understood(setting, text, variable), f"{word} {variable}"
        if origin := self.file_origin(name):
            return getattr(self.file, name), origin
        return setting.read(setting.default), "default"

    def file_origin(self, name: str) -> str | None:
        """Return `monitor.yaml:LINE` when the file sets `name`."""
        if self.document is None or name not in self.file.model_fields_set:
            return None
        return f"{FILE}:{self.document.position((name,), key=True)[0]}"

    def secrets(self) -> tuple[dict[str, Held], dict[str, str]]:
        """Return the secrets that were given, unread, and their origins."""
        held: dict[str, Held] = {}
        origins: dict[str, str] = {}
        for name, variable, file_variable in _SECRETS:
            if found := self._secret(name, variable, file_variable):
                held[name], origins[name] = found
        return held, origins

    def _secret(self, name: str, variable: str, file_variable: str) -> tuple[Held, str] | None:
        for values, word in ((self.environ, "environment"), (self.dotenv, ".env")):
            if values.get(variable) and values.get(file_variable):
                raise UsageError(f"{variable} and {file_variable} are both set ({word})", hint="keep one of them")
            if values.get(variable):
                return Held(variable, Secret(values[variable]), "plain"), f"{word} {variable}"
            if values.get(file_variable):
                return Held(file_variable, Secret(values[file_variable]), "path"), f"{word} {file_variable}"
        for field_name, form in ((name, "references"), (f"{name}_file", "path")):
            if origin := self.file_origin(field_name):
                return Held(f"{field_name} of {FILE}", Secret(getattr(self.file, field_name)), form), origin
        return None


def _understood(setting: _Setting, text: str, name: str) -> Any:
    try:
        return setting.read(text.strip())
    except ValueError as problem:
        raise UsageError(f"{name}: {problem}") from None
