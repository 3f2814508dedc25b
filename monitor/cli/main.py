"""The command `monitor`: its commands by group, and the one place where errors become lines and exit codes.

Exit codes (interface.md): 0 fine; 2 usage, definition, missing key; 3 something failed; 4 the store; 10 changed, with
`--exit-code`; 70 internal; 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from monitor.cli import options, output
from monitor.errors import DefinitionError, MonitorError

app = typer.Typer(
    name="monitor",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="A declarative monitor for web pages: runs watches on an agent, compares results, tells people what changed.",
)


def _print_version(value: bool) -> None:
    if value:
        from monitor import __version__

        output.line(f"monitor {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    options.remember(workspace, json=json)


def _register() -> None:
    from monitor.cli import agent, daemon, define, demo, doctor, records, run

    for module in (define, run, daemon, records, agent, doctor, demo):
        module.register(app)


_register()


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; nobody ever sees a traceback."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        result = app(args=given or ["--help"], prog_name="monitor", standalone_mode=False)
    except (Abort, KeyboardInterrupt):
        output.note("interrupted")
        return 130
    except Exit as ended:
        return ended.exit_code
    except TyperException as error:
        output.note(f"monitor: {error.format_message().rstrip('.')} (see: monitor --help)")
        return 2
    except DefinitionError as error:
        for problem in error.problems:
            output.note(str(problem))
        return error.exit_code
    except MonitorError as error:
        output.note(f"monitor: {error}")
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away: nothing more can be said
        return 0
    except Exception as error:  # noqa: BLE001 - "Nobody ever sees a traceback": one line, an id, and where the details are
        return _internal(error)
    return result if isinstance(result, int) else 0


def _internal(error: Exception) -> int:
    """Write the details of an internal error to a file and tell its place in one line."""
    import os
    import tempfile
    import traceback

    handle, path = tempfile.mkstemp(prefix="monitor-error-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    name = Path(path).stem.removeprefix("monitor-error-")
    output.note(f"monitor: internal error {name}: {type(error).__name__}; the details are in {path}; please report it")
    return 70
