"""`monitor hint NAME`: proposes `x-css` hints for a watch from the page as it is now and the values found there.

The hints are written into a copy of the file that holds the schema, or into the file itself, at the places of its own
properties: comments, order and style stay as they are (`files.inserting`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli import options, output
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.embedded.pinpoint import Hinted
    from monitor.settings import Settings
    from monitor.watch.load import Loaded
    from monitor.watch.model import Watch


@dataclass(frozen=True, slots=True)
class _Source:
    """The file that a schema stands in: its text, the number of its document, and where the schema begins there."""

    path: Path
    text: str
    document: int
    within: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("hint")(hint)


def hint(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The watch.", show_default=False)],
    value: Annotated[
        list[str] | None,
        typer.Option("--value", metavar="PROPERTY=TEXT", help="A value as it stands on the page, to find its place."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Change the file itself instead of a copy.")] = False,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Propose x-css hints for a watch from the page as it is now, and write them into a copy of its file."""
    from monitor.cli import workspace as rooms
    from monitor.cli.add import looked_at

    settings = options.settings_of(workspace)
    loaded = rooms.load(settings)
    watch = rooms.pick(loaded, [name])[0]
    seen = _seen(value or [], watch)
    page = asyncio.run(looked_at(settings, watch.url))
    found = _pinpointed(page.text, page.url, watch, _last_good(settings, watch), seen)
    hints = [each for each in found if each.keywords]
    target = _write(_source(settings, loaded, watch), hints, write=write) if hints else None
    if options.wants_json(json):
        told = [{"path": _pointer(each), **each.keywords} for each in hints]
        left = [{"path": _pointer(each), "reason": each.reason} for each in found if not each.keywords]
        output.data({"watch": name, "file": str(target) if target else None, "hints": told, "not_hinted": left})
    else:
        for each in found:
            said = ", ".join(f"{word}: {value}" for word, value in each.keywords.items()) or f"({each.reason})"
            output.line(f"{_pointer(each)}  {said}")
    if target is None:
        output.note("no hints: nothing was written")
    elif write:
        output.note(f"wrote {target}; the schema is another one now, so the next good result is a new baseline")
    else:
        output.note(f"wrote {target}; compare it, then: monitor hint {name} --write")
    return 0


def _seen(pairs: list[str], watch: Watch) -> dict[str, str]:
    """Return the values that the user sees on the page, by property; raises UsageError."""
    seen = {}
    for pair in pairs:
        name, equals, text = pair.removeprefix("/").partition("=")
        properties = watch.output_schema.get("properties", {})
        if not equals or not text.strip():
            raise UsageError(f"--value {pair}: not PROPERTY=TEXT", hint='for example --value price="499,00 €"')
        if name not in properties:
            known = ", ".join(list(properties)[:10])
            raise UsageError(f'output_schema has no property "{name}" at its root', hint=f"it has {known}")
        seen[name] = text
    return seen


def _pinpointed(html: str, url: str, watch: Watch, last: dict[str, Any], seen: dict[str, str]) -> list[Hinted]:
    """Return the hints for what the user sees, else extraction finds now, else the last good result had."""
    from monitor.embedded.extract import extract
    from monitor.embedded.extract.document import Document
    from monitor.embedded.extract.shape import shape_of
    from monitor.embedded.pinpoint import Pinpointer

    now = extract(html, url, watch.output_schema).result
    values = {**last, **{name: value for name, value in now.items() if value is not None}}
    pinpointer, shape = Pinpointer(Document(html, url)), shape_of(watch.output_schema)
    for name, text in seen.items():
        try:
            values[name] = pinpointer.read(name, shape.properties[name], text)
        except ValueError as problem:
            raise UsageError(f'--value {name}: "{text[:80]}" {problem}', hint="copy it as the page shows it") from None
    return pinpointer.hints(shape, values)


def _last_good(settings: Settings, watch: Watch) -> dict[str, Any]:
    """Return the newest valid result of a watch, or nothing where there is none."""
    from monitor.cli.process import open_store, store_exists

    if not store_exists(settings):
        return {}
    with open_store(settings, create=False) as store:
        records = store.latest_result(watch.name, 1)
    result = records[0].result if records else None
    return result if isinstance(result, dict) else {}


def _source(settings: Settings, loaded: Loaded, watch: Watch) -> _Source:
    """Return where a watch's schema is written; raises UsageError where it is in no file of the watch's own."""
    from monitor.files import documents

    path = settings.workspace / loaded.sources[watch.name].file
    text = documents.decoded(path.read_bytes())
    read = documents.parse(text, str(path))
    index = next((i for i, each in enumerate(read) if _names(each.value, watch.name, len(read))), 0)
    schema = read[index].value.get("output_schema") if isinstance(read[index].value, dict) else None
    if isinstance(schema, dict):
        return _Source(path, text, index, ("output_schema",))
    if isinstance(schema, str):
        beside = path.parent / schema
        return _Source(beside, documents.decoded(beside.read_bytes()), 0, ())
    raise UsageError(f"{path} holds no output_schema: it comes from defaults", hint="write it into the watch first")


def _names(value: Any, name: str, count: int) -> bool:
    return isinstance(value, dict) and (value.get("name") == name or (count == 1 and "name" not in value))


def _write(source: _Source, hints: list[Hinted], *, write: bool) -> Path:
    """Write the hinted text into a copy beside the file, or in its place; raises UsageError."""
    from monitor.files.inserting import inserted

    additions: dict[tuple[str | int, ...], dict[str, str]] = {
        (*source.within, *each.path): each.keywords for each in hints
    }
    try:
        text = inserted(source.text, source.document, additions)
    except ValueError as problem:
        raise UsageError(f"{source.path}: {problem}", hint="write the hints by hand: monitor hint --json") from None
    copy = source.path.with_name(f"{source.path.stem}.hinted{source.path.suffix}.example")
    copy.write_text(text, encoding="utf-8", newline="")
    if not write:
        return copy
    copy.chmod(source.path.stat().st_mode & 0o777)
    return copy.replace(source.path)


def _pointer(hinted: Hinted) -> str:
    """Return the path of a property as a pattern over results: `/offers/*/price`."""
    steps = [*hinted.path]
    shown = []
    while steps:
        step = steps.pop(0)
        shown.append("*" if step == "items" else steps.pop(0) if steps else step)
    return "/" + "/".join(shown)
