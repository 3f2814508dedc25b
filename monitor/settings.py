"""The settings of a workspace, read once and passed down as a value: option, environment, .env, monitor.yaml, default.

The table is interface.md, "Workspace". Secrets are resolved when they are first asked for, so that commands which
need none work without them. Must not know watches, nor what a setting does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from monitor.errors import SecretError, UsageError
from monitor.files import addresses, durations, secrets, workspace_file
from monitor.files.addresses import Listen
from monitor.files.choices import Log
from monitor.files.documents import Document
from monitor.files.environment import read_dotenv
from monitor.files.hours import QuietHours
from monitor.files.secrets import Held, Secret
from monitor.files.workspace_file import FILE, READ, WorkspaceFile

__all__ = ["FILE", "Listen", "Log", "Settings", "load"]


@dataclass(frozen=True, slots=True)
class _Setting:
    """One row of the table: its variable, and the text of its default; `workspace_file.READ` reads both."""

    variable: str
    default: str


_SETTINGS: dict[str, _Setting] = {
    "agent": _Setting("MONITOR_AGENT", "tinyfish"),
    "base_url": _Setting("TINYFISH_BASE_URL", "https://agent.tinyfish.ai"),
    "state": _Setting("MONITOR_STATE", "state/monitor.db"),
    "queue": _Setting("MONITOR_QUEUE", "local"),
    "concurrency": _Setting("MONITOR_CONCURRENCY", "2"),
    "http": _Setting("MONITOR_HTTP", "127.0.0.1:8600"),
    "log": _Setting("MONITOR_LOG", "info:console"),
    "llm_url": _Setting("MONITOR_LLM_URL", ""),
    "llm_model": _Setting("MONITOR_LLM_MODEL", ""),
}
_FILE_ONLY = ("timezone", "allow_private", "ignore_robots", "spending.runs_per_day", "group_wait", "group_by",
              "quiet_hours")  # fmt: skip
_KEY, _KEY_FILE, _TOKEN = "TINYFISH_API_KEY", "TINYFISH_API_KEY_FILE", "MONITOR_HTTP_TOKEN"
_SECRETS = (
    ("api_key", _KEY, _KEY_FILE),
    ("http_token", _TOKEN, ""),
    ("dead_man", "MONITOR_DEAD_MAN", ""),
    ("llm_key", "MONITOR_LLM_KEY", ""),
)


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
    llm_url: str | None
    llm_model: str | None
    timezone: str
    targets: Mapping[str, str] = field(repr=False)
    defaults: Document | None = field(repr=False)
    allow_private: bool
    ignore_robots: bool
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
    def llm_key(self) -> Secret | None:
        """The key of the language model's API; raises SecretError, naming the reference only."""
        return self._secret("llm_key")

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
        for name in (*_SETTINGS, *_FILE_ONLY):
            value = getattr(self, name.rpartition(".")[2])
            rows.append((name, _in_words(value), self.origins[name]))
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
    document, file = workspace_file.read(folder / FILE)
    sources = _Sources(options, environ, dotenv, document, file)
    values, origins = sources.settings()
    held, secret_origins = sources.secrets()
    values["state"] = "sqlite:///" + str((folder / values["state"]).absolute())
    if values["http"] and not values["http"].loopback and "http_token" not in held:
        message = f"http {values['http']} ({origins['http']}) can be reached from other machines"
        raise UsageError(message, hint=f"set {_TOKEN} to a long random text")
    for name in _FILE_ONLY:
        origins[name] = sources.file_origin(name) or "default"
    return Settings(
        **values,
        workspace=folder,
        timezone=file.timezone,
        targets=MappingProxyType(dict(file.targets)),
        defaults=document.part("defaults") if document else None,
        allow_private=file.allow_private,
        ignore_robots=file.ignore_robots,
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


@dataclass(frozen=True, slots=True)
class _Sources:
    """The places a setting may come from, first the strongest."""

    options: Mapping[str, str]
    environ: Mapping[str, str]
    dotenv: Mapping[str, str]
    document: Document | None
    file: WorkspaceFile

    def settings(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return each setting's value and origin; raises UsageError that names the option or variable."""
        found = {name: self._setting(name, setting) for name, setting in _SETTINGS.items()}
        values = {name: value for name, (value, _) in found.items()}
        return values, {name: origin for name, (_, origin) in found.items()}

    def _setting(self, name: str, setting: _Setting) -> tuple[Any, str]:
        option, variable = f"--{name.replace('_', '-')}", setting.variable
        if name in self.options:
            return _understood(name, self.options[name], option), f"option {option}"
        for values, word in ((self.environ, "environment"), (self.dotenv, ".env")):
            text = values.get(variable)
            if text or (text == "" and name == "http"):  # an empty MONITOR_HTTP is off; any other empty one is not set
                return _understood(name, text, variable), f"{word} {variable}"
        if origin := self.file_origin(name):
            return getattr(self.file, name), origin
        return READ[name](setting.default), "default"

    def file_origin(self, name: str) -> str | None:
        """Return `monitor.yaml:LINE` when the file sets `name`."""
        path = tuple(name.split("."))
        if self.document is None or path[0] not in self.file.model_fields_set:
            return None
        return f"{FILE}:{self.document.position(path, key=True)[0]}"

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


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return durations.spell(value)
    return "off" if value is None else str(value)


def _understood(name: str, text: str, given_as: str) -> Any:
    try:
        return READ[name](text.strip())
    except ValueError as problem:
        raise UsageError(f"{given_as}: {problem}") from None
