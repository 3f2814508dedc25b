"""The places a setting may come from: option, environment, .env, monitor.yaml, default; and which setting is where.

Owns the names and the precedence (interface.md, "Workspace"). Must not know what a setting does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitor.errors import UsageError
from monitor.files.documents import Document
from monitor.files.secrets import Held, Secret
from monitor.files.workspace_file import FILE, READ, WorkspaceFile


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: its variable, and the text of its default; `workspace_file.READ` reads both."""

    variable: str
    default: str


SETTINGS: dict[str, Setting] = {
    "agent": Setting("MONITOR_AGENT", "tinyfish"),
    "base_url": Setting("TINYFISH_BASE_URL", "https://agent.tinyfish.ai"),
    "state": Setting("MONITOR_STATE", "state/monitor.db"),
    "queue": Setting("MONITOR_QUEUE", "local"),
    "concurrency": Setting("MONITOR_CONCURRENCY", "2"),
    "http": Setting("MONITOR_HTTP", "127.0.0.1:8600"),
    "public_url": Setting("MONITOR_PUBLIC_URL", ""),
    "log": Setting("MONITOR_LOG", "info:console"),
    "llm_url": Setting("MONITOR_LLM_URL", ""),
    "llm_model": Setting("MONITOR_LLM_MODEL", ""),
}
FILE_ONLY = ("timezone", "allow_private", "ignore_robots", "spending.runs_per_day",
              "spending.usd_per_day", "spending.usd_per_step", "group_wait", "group_by",
              "quiet_hours")  # fmt: skip
_KEY, _KEY_FILE, TOKEN = "TINYFISH_API_KEY", "TINYFISH_API_KEY_FILE", "MONITOR_HTTP_TOKEN"
SECRETS = (
    ("api_key", _KEY, _KEY_FILE),
    ("http_token", TOKEN, ""),
    ("http_read_token", "MONITOR_HTTP_READ_TOKEN", ""),
    ("dead_man", "MONITOR_DEAD_MAN", ""),
    ("llm_key", "MONITOR_LLM_KEY", ""),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The places a setting may come from, first the strongest."""

    options: Mapping[str, str]
    environ: Mapping[str, str]
    dotenv: Mapping[str, str]
    document: Document | None
    file: WorkspaceFile

    def settings(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return each setting's value and origin; raises UsageError that names the option or variable."""
        found = {name: self._setting(name, setting) for name, setting in SETTINGS.items()}
        values = {name: value for name, (value, _) in found.items()}
        return values, {name: origin for name, (_, origin) in found.items()}

    def _setting(self, name: str, setting: Setting) -> tuple[Any, str]:
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
        if self.document is None:
            return None
        part: Any = self.document.value
        for step in path:
            if not isinstance(part, dict) or step not in part:
                return None
            part = part[step]
        return f"{FILE}:{self.document.position(path, key=True)[0]}"

    def secrets(self) -> tuple[dict[str, Held], dict[str, str]]:
        """Return the secrets that were given, unread, and their origins."""
        held: dict[str, Held] = {}
        origins: dict[str, str] = {}
        for name, variable, file_variable in SECRETS:
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


def _understood(name: str, text: str, given_as: str) -> Any:
    try:
        return READ[name](text.strip())
    except ValueError as problem:
        raise UsageError(f"{given_as}: {problem}") from None
