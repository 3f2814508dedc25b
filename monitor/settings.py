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
from monitor.files import addresses, database_url, durations, secrets, workspace_file
from monitor.files.addresses import Listen
from monitor.files.choices import Log
from monitor.files.documents import Document
from monitor.files.environment import read_dotenv
from monitor.files.hours import QuietHours
from monitor.files.secrets import Held, Secret
from monitor.files.sources import FILE_ONLY, SECRETS, SETTINGS, TOKEN, Sources
from monitor.files.workspace_file import FILE, HostPace, WorkspaceFile

__all__ = ["FILE", "Listen", "Log", "Settings", "load"]


@dataclass(frozen=True)
class Settings:
    """Every setting of one workspace; `origins` says of each where it came from.

    `state` is the database's URL (`sqlite:////…`, `postgresql://…` with its password); `targets` keeps references;
    `environ` is the environment over .env, for resolving them; `defaults` is merged under every watch,
    `tags` under the watches that have them.
    """

    workspace: Path
    agent: str
    base_url: str
    state: str = field(repr=False)
    queue: str
    concurrency: int
    http: Listen | None
    public_url: str | None
    log: Log
    llm_url: str | None
    llm_model: str | None
    timezone: str
    targets: Mapping[str, str] = field(repr=False)
    defaults: Document | None = field(repr=False)
    tags: Mapping[str, Document] = field(repr=False)
    allow_private: bool
    ignore_robots: bool
    runs_per_day: int
    usd_per_day: float | None
    usd_per_step: float
    hosts: Mapping[str, HostPace]
    group_wait: timedelta
    group_by: Literal["target", "watch", "tag"]
    quiet_hours: QuietHours | None
    environ: Mapping[str, str] = field(repr=False)
    origins: Mapping[str, str]
    held: Mapping[str, Held] = field(repr=False)

    @property
    def database(self) -> Path | None:
        """The file of the embedded database; None where the store is on PostgreSQL."""
        return None if database_url.is_meant(self.state) else Path(self.state.removeprefix("sqlite:///"))

    @property
    def state_folder(self) -> Path:
        """Where this machine keeps its files: beside the embedded database, else `state` in the workspace."""
        return self.workspace / "state" if self.database is None else self.database.parent

    @property
    def price(self) -> float:
        """What a step of a run costs in dollars: nothing where the embedded agent makes it."""
        return self.usd_per_step if self.agent == "tinyfish" else 0.0

    @cached_property
    def api_key(self) -> Secret | None:
        """The key of the agent API, trimmed and fit for a header; raises SecretError, naming the reference only."""
        return self._secret("api_key")

    @cached_property
    def http_token(self) -> Secret | None:
        """The token of the dashboard and its API; raises SecretError, naming the reference only."""
        return self._secret("http_token")

    @cached_property
    def http_read_token(self) -> Secret | None:
        """The token that may read the dashboard and order nothing; raises SecretError, naming the reference only."""
        return self._secret("http_read_token")

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
        for name in (*SETTINGS, *FILE_ONLY):
            value = getattr(self, name.rpartition(".")[2])
            rows.append((name, database_url.masked(_in_words(value)), self.origins[name]))
        for name, _, _ in SECRETS:
            held = self.held.get(name)
            rows.append((name, held.shown() if held else "not set", self.origins.get(name, "default")))
        rows += [(f"targets.{name}", secrets.mask(text), FILE) for name, text in self.targets.items()]
        rows += [(f"hosts.{host}", str(pace), FILE) for host, pace in self.hosts.items()]
        if self.defaults:
            rows.append(("defaults", ", ".join(self.defaults.value), FILE))
        rows += [(f"tags.{name}", ", ".join(part.value), FILE) for name, part in self.tags.items()]
        return rows


def load(workspace: Path | None, options: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """Return the settings of a workspace (the option, MONITOR_WORKSPACE, or the current folder); it need not exist.

    `options` are command-line options by setting name; relative paths are under the workspace. Raises UsageError for
    an option or a variable, DefinitionError for monitor.yaml and .env.
    """
    unknown = set(options) - set(SETTINGS)
    if unknown:
        raise UsageError(f"there is no option for the setting {min(unknown)}")
    folder, origin = _workspace(workspace, environ)
    dotenv = read_dotenv(folder / ".env")
    document, file = workspace_file.read(folder / FILE)
    sources = Sources(options, environ, dotenv, document, file)
    values, origins = sources.settings()
    held, secret_origins = sources.secrets()
    if not database_url.is_meant(values["state"]):
        values["state"] = "sqlite:///" + str((folder / values["state"]).absolute())
    if values["http"] and not values["http"].loopback and "http_token" not in held:
        message = f"http {values['http']} ({origins['http']}) can be reached from other machines"
        raise UsageError(message, hint=f"set {TOKEN} to a long random text")
    origins |= {name: sources.file_origin(name) or "default" for name in FILE_ONLY}
    return Settings(
        **values,
        **_ceilings(file),
        workspace=folder,
        timezone=file.timezone,
        targets=MappingProxyType(dict(file.targets)),
        defaults=document.part("defaults") if document else None,
        tags=MappingProxyType(_tags(document, file)),
        allow_private=file.allow_private,
        ignore_robots=file.ignore_robots,
        hosts=MappingProxyType(dict(file.hosts)),
        group_wait=file.group_wait,
        group_by=file.group_by,
        quiet_hours=file.quiet_hours.hours(file.timezone) if file.quiet_hours else None,
        environ=MappingProxyType({**dotenv, **environ}),
        origins=MappingProxyType({"workspace": origin, **origins, **secret_origins}),
        held=MappingProxyType(held),
    )


def _ceilings(file: WorkspaceFile) -> dict[str, Any]:
    spent = file.spending
    return {"runs_per_day": spent.runs_per_day, "usd_per_day": spent.usd_per_day, "usd_per_step": spent.usd_per_step}


def _tags(document: Document | None, file: WorkspaceFile) -> dict[str, Document]:
    """Return the fields that each tag gives its watches, with their positions."""
    tags = document.part("tags") if document else None
    parts = {name: tags.part(name) for name in file.tags} if tags else {}
    return {name: part for name, part in parts.items() if part is not None}


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


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return durations.spell(value)
    return "off" if value is None else str(value)
