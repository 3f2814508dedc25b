"""Options that every command takes, before and after its name, and what they come to. Imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.settings import Settings

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", metavar="DIR", help="The folder that holds watches/ and state/ (default: the current one)."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
AgentOption = Annotated[
    str | None, typer.Option("--agent", metavar="tinyfish|embedded", help="Which agent makes the runs (MONITOR_AGENT).")
]

_given: dict[str, object] = {}


def remember(workspace: Path | None, *, json: bool) -> None:
    """Keep what was given before the command's name; called anew for every invocation."""
    _given.clear()
    _given.update(workspace=workspace, json=json)


def wants_json(here: bool) -> bool:
    """Return whether `--json` was given before or after the command's name."""
    return here or bool(_given.get("json"))


def workspace_of(here: Path | None) -> Path | None:
    """Return the workspace given before or after the command's name."""
    given = here or _given.get("workspace")
    return given if isinstance(given, Path) else None


def settings_of(workspace: Path | None, **options: str | None) -> Settings:
    """Load the settings; options that are None were not given."""
    from monitor import settings

    folder = workspace_of(workspace)
    found = settings.load(folder, {name: value for name, value in options.items() if value is not None}, os.environ)
    if not found.workspace.is_dir():
        where = found.origins["workspace"]
        raise UsageError(
            f"the workspace {found.workspace} does not exist ({where})", hint="make the folder, then: monitor init"
        )
    return found
