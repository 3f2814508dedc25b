"""`migrate-state`: everything of one store into another, such as from the embedded database to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output
from monitor.errors import UsageError
from monitor.files import addresses, database_url

if TYPE_CHECKING:
    from monitor.store.database import Database

_FORM = "sqlite:///PATH or postgresql://USER@HOST/DATABASE"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("migrate-state")(migrate_state)


def migrate_state(
    source: Annotated[str, typer.Argument(metavar="FROM", help=f"The store to move: {_FORM}.", show_default=False)],
    target: Annotated[str, typer.Argument(metavar="TO", help="The empty store to move it to.", show_default=False)],
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Move every record, message and memory to an empty store, in one transaction; the old one is left as it is."""
    from monitor.store import database, moving

    settings = options.settings_of(workspace)
    folder = settings.state_folder
    urls = [_url(text, settings.workspace) for text in (source, target)]
    if urls[0] == urls[1]:
        raise UsageError("a store cannot be moved onto itself", hint="name two")
    shown = [database_url.masked(url) for url in urls]
    if not database.exists(urls[0]):
        raise UsageError(f"there is no store in {shown[0]}", hint=f"name {_FORM}")
    with ExitStack() as stack:
        for url in urls:
            beside = folder if database_url.is_meant(url) else Path(url.removeprefix("sqlite:///")).parent
            stack.enter_context(database.daemon_lock(url, beside))  # no daemon writes meanwhile
        here, there = (stack.enter_context(_closing(url, folder)) for url in urls)
        moved = moving.move(here, there)
    if options.wants_json(json):
        output.data({"moved": moved, "from": shown[0], "to": shown[1]})
    else:
        for table, rows in moved.items():
            output.line(f"{rows:>9,} {table}")
    output.note(
        f"moved {sum(moved.values()):,} rows to {shown[1]}; set MONITOR_STATE to it. {shown[0]} is left as it was"
    )
    return 0


def _url(text: str, folder: Path) -> str:
    """Return the URL of a store; a relative path is under the workspace."""
    try:
        found = addresses.database(text)
    except ValueError as problem:
        raise UsageError(f"the name of a store {problem}") from None
    return found if database_url.is_meant(found) else f"sqlite:///{(folder / found).absolute()}"


@contextmanager
def _closing(url: str, folder: Path) -> Iterator[Database]:
    from monitor.store import database

    opened = database.opened(url, create=True, busy_timeout=database.BUSY_TIMEOUT, folder=folder)
    try:
        yield opened
    finally:
        opened.close()
