"""`completion`: the script that makes a shell complete commands and options. Typer writes it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from monitor.cli import output

Shell = Literal["bash", "zsh", "fish"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("completion")(completion)


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)],
) -> int:
    """The completion script of a shell: `source <(monitor completion bash)`, or write it where the shell looks."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined] # where Typer's own option has it from

    script = get_completion_script(prog_name="monitor", complete_var="_MONITOR_COMPLETE", shell=shell)  # nosec B604 - the name of a shell; nothing is run
    output.line(script.strip())
    return 0


def prepared() -> None:
    """Let Typer answer a shell that asks for completions; its own option would be `--install-completion`."""
    import os

    if "_MONITOR_COMPLETE" in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined] # as above

        completion_init()
