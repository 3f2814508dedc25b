"""`export`: every record of a watch as JSON lines, CSV or Parquet, streamed to stdout. Reads only."""

from __future__ import annotations

import csv
import importlib
import json as jsons
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from monitor.cli import options, output
from monitor.cli.records import NameArgument, known
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.store.records import Record
    from monitor.watch.model import Watch

Format = Literal["jsonl", "csv", "parquet"]
COLUMNS = ("run", "watch", "due_at", "attempt", "trigger", "dry", "verdict", "code", "reason", "outcome", "api_code",
           "message", "run_id", "steps", "notifications", "started_at", "finished_at")  # fmt: skip
_WHOLE = ("changes", "violations", "result")  # as JSON texts
_NUMBERS = {"attempt", "steps", "notifications"}
_TIMES = ("due_at", "started_at", "finished_at")
_GROUP = 1_000  # rows in a row group of Parquet
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("export")(export)


def export(
    name: NameArgument,
    form: Annotated[Format, typer.Option("--format", help="How records are written to stdout.")] = "jsonl",
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Every record of a watch, oldest first: one JSON object a line, CSV for spreadsheets, or Parquet."""
    from monitor.cli import workspace as rooms

    settings = options.settings_of(workspace)
    watch = rooms.load(settings).watches.get(name)
    with known(settings, name) as store:
        records = store.records(name)
        if options.wants_json(json):
            _as_document(records)
        elif form == "jsonl":
            for record in records:
                sys.stdout.write(jsons.dumps(_object(record), ensure_ascii=False) + "\n")
        elif form == "csv":
            _as_csv(records, watch)
        else:
            _as_parquet(records, watch)
    sys.stdout.flush()
    return 0


def _object(record: Record) -> dict[str, Any]:
    return record.as_json() | {"attempt": record.attempt, "dry": record.dry, "coerced": record.coerced}


def _as_document(records: Iterable[Record]) -> None:
    """Write one JSON list, record by record."""
    sys.stdout.write("[")
    for number, record in enumerate(records):
        sys.stdout.write(("," if number else "") + "\n" + jsons.dumps(_object(record), ensure_ascii=False))
    sys.stdout.write("\n]\n")


def _row(record: Record, fields: list[str]) -> dict[str, Any]:
    """Return a record as one flat row: its columns, each field of the result by itself, and the whole as JSON."""
    told = _object(record)
    outcome = told["outcome"]
    said = {"code": outcome["code"], "outcome": outcome["kind"], "api_code": outcome["api_code"]}
    flat = {column: told.get(column) for column in COLUMNS} | said | {"message": outcome["message"]}
    result = record.result if isinstance(record.result, dict) else {}
    values = {f"result.{field}": _value(result.get(field)) for field in fields}
    whole = {part: None if told[part] is None else _text(told[part]) for part in _WHOLE}
    return flat | values | whole


def _value(value: Any) -> Any:
    return _text(value) if isinstance(value, (dict, list)) else value


def _text(value: Any) -> str:
    return jsons.dumps(value, ensure_ascii=False)


def _fields(watch: Watch | None) -> list[str]:
    """Return the fields of the result that have a column: those of the present definition."""
    properties = watch.output_schema.get("properties") if watch is not None else None
    return list(properties) if isinstance(properties, dict) else []


def _columns(fields: list[str]) -> list[str]:
    return [*COLUMNS, *(f"result.{field}" for field in fields), *_WHOLE]


def _as_csv(records: Iterable[Record], watch: Watch | None) -> None:
    fields = _fields(watch)
    writer = csv.writer(sys.stdout, lineterminator="\r\n")  # RFC 4180
    columns = _columns(fields)
    writer.writerow([_cell(column) for column in columns])
    for record in records:
        row = _row(record, fields)
        writer.writerow([_cell(row[column]) for column in columns])


def _cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula: text that looks like one gets a quote first."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = output.plain(str(value)).replace("\0", "")
    risky = text.lstrip(" ").startswith(_FORMULA) and not _NUMBER.match(text)
    return f"'{text}" if risky else text


def _as_parquet(records: Iterator[Record], watch: Watch | None) -> None:
    """Write Parquet in groups of rows; values of results are JSON texts, since a schema may change over the years."""
    arrow, parquet = _arrow()
    if sys.stdout.isatty():
        raise UsageError("Parquet is no text for a terminal", hint="monitor export NAME --format parquet > FILE")
    fields = _fields(watch)
    kinds = {"dry": arrow.bool_()} | dict.fromkeys(_NUMBERS, arrow.int64())
    kinds |= dict.fromkeys(_TIMES, arrow.timestamp("us", tz="UTC"))
    schema = arrow.schema([(column, kinds.get(column, arrow.string())) for column in _columns(fields)])
    with parquet.ParquetWriter(sys.stdout.buffer, schema, compression="zstd") as writer:
        while group := [_typed(record, fields, kinds) for record in islice(records, _GROUP)]:
            writer.write_table(arrow.Table.from_pylist(group, schema=schema))


def _typed(record: Record, fields: list[str], kinds: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose values are of their columns' types; lone surrogates, which Parquet has no place for, go."""
    row = _row(record, fields) | {name: getattr(record, name) for name in _TIMES}
    return {
        column: value if value is None or column in kinds else _sound(value if isinstance(value, str) else _text(value))
        for column, value in row.items()
    }


def _sound(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _arrow() -> tuple[Any, Any]:
    """Return pyarrow, which only this format needs; raises UsageError that names the extra."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed", hint="pip install goal-monitor[parquet], or --format csv"
        ) from None
