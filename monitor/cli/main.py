"""The command `monitor`: its commands by group, and the one place where errors become lines and exit codes.

Exit codes (interface.md): 0 fine; 2 usage, definition, missing key; 3 something failed; 4 the store; 10 changed, with
`--exit-code`; 70 internal; 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from monitor.cli import completion, options, output
from monitor.errors import DefinitionError, MonitorError

_OUTPUT_ERRORS = {errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG}

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
    for module in (*_commands_of_watches(), *_commands_of_the_workspace()):
        module.register(app)


def _commands_of_watches() -> tuple[ModuleType, ...]:
    """Return what defines, runs and shows watches, in the order of the help text."""
    from monitor.cli import add, daemon, define, explain, export, hint, outbox, overview, plan, records, run, schedule

    return define, add, hint, run, daemon, overview, schedule, records, export, outbox, explain, plan


def _commands_of_the_workspace() -> tuple[ModuleType, ...]:
    """Return the commands about histories and the machine, as above."""
    from monitor.cli import agent, cancel, completion, demo, doctor, migrate_state, tuning, upkeep

    return tuning, cancel, upkeep, migrate_state, agent, doctor, completion, demo


_register()


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; nobody ever sees a traceback."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    completion.prepared()
    try:
        result = app(args=given or ["--help"], prog_name="monitor", standalone_mode=False)
    except (Abort, KeyboardInterrupt):
        output.note("interrupted")
        return 130
    except Exit as ended:
        return ended.exit_code
    except TyperException as error:
        _as_json(given, error.format_message().rstrip("."), "monitor --help", 2)
        output.note(f"monitor: {error.format_message().rstrip('.')} (see: monitor --help)")
        return 2
    except DefinitionError as error:
        if "--json" in given:
            output.data({"problems": [problem.as_json() for problem in error.problems]})
        for problem in error.problems:
            output.note(str(problem))
        return error.exit_code
    except MonitorError as error:
        _as_json(given, error.message, error.hint, error.exit_code)
        output.note(f"monitor: {error}")
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away: nothing more can be said
        return 0
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
            return _internal(error)
        output.note(f"monitor: the output could not be written: {os.strerror(error.errno).lower()}")
        return 3
    except Exception as error:  # noqa: BLE001 - "Nobody ever sees a traceback": one line, an id, and where the details are
        return _internal(error)
    return result if isinstance(result, int) else 0


def _as_json(given: Sequence[str], message: str, hint: str | None, code: int) -> None:
    """With `--json`, stdout has one document also when there is nothing but an error to say."""
    if "--json" in given:
        output.data({"error": {"message": message, "hint": hint, "exit_code": code}})


def _internal(error: Exception) -> int:
    """Tell an internal error in one line: an id, and where the details are."""
    path = output.details(error)
    name = Path(path).stem.removeprefix("monitor-error-")
    output.note(f"monitor: internal error {name}: {type(error).__name__}; the details are in {path}; please report it")
    return 70
