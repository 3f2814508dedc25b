"""The `.env` file of a workspace: names and values, read, never printed. Must not know which names mean something."""

from __future__ import annotations

import io
from pathlib import Path

from monitor.errors import DefinitionError
from monitor.files import regular_files
from monitor.files.composing import Refused
from monitor.files.documents import decoded
from monitor.files.problems import Problem

MAX_BYTES = 64 * 1024


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables of a `.env` file, none when it is missing; `${…}` in values is not replaced.

    Raises DefinitionError with the line of each statement that cannot be read.
    """
    if not path.exists() and not path.is_symlink():
        return {}
    from dotenv.parser import parse_stream  # its dotenv_values only logs what it cannot read

    try:
        data, _ = regular_files.contents(path, MAX_BYTES)
        bindings = list(parse_stream(io.StringIO(decoded(data))))
    except regular_files.UnreadableFile as problem:
        raise DefinitionError([Problem(path.name, 0, 0, "", f"this file {problem}")]) from None
    except Refused as problem:
        raise DefinitionError(
            [Problem(path.name, problem.line, problem.column, "", problem.message, problem.hint)]
        ) from None
    wrong = [binding.original.line for binding in bindings if binding.error]
    if wrong:
        hint = "write NAME=value, and close the quotes"
        raise DefinitionError([Problem(path.name, line, 1, "", "this line cannot be read", hint) for line in wrong])
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
