"""What the embedded agent says of a result, for people: where each value came from, what was not found, what to do.

Reads stored records only; every word of them is somebody else's and goes through `output`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.settings import Settings
    from monitor.store.records import Record

MOST_NAMED = 10
_GOOD = frozenset({"BASELINE", "UNCHANGED", "CHANGED", "UNCONFIRMED", "INVALID"})


def lines(raw: Any) -> list[str]:
    """Return the lines of `monitor show`: `found:    /price from …`, what is absent, and how it was read."""
    from monitor.embedded.provenance import of_record

    told = of_record(raw)
    if told is None:
        return []
    found = [f"found:    {at or '/'} from {_one_line(source)}" for at, source in told.sources.items()]
    lacking = [f"absent:   {_one_line(at)} is not found on the page" for at in told.absent]
    return [*found, *lacking, *(f"reading:  {_one_line(note)}" for note in told.notes)]


def advice(settings: Settings, records: Sequence[Record]) -> dict[str, str]:
    """Return for each run whose page lacks optional properties which they are and the next step, by the run's id."""
    from monitor.cli.process import open_store
    from monitor.embedded.provenance import of_record

    good = [record for record in records if record.verdict in _GOOD]
    if not good:
        return {}
    with open_store(settings) as store:
        stored = {record.id: store.record(record.id, raw=True) for record in good}
    told = {record.id: of_record(full.raw) for record in good if (full := stored[record.id]) is not None}
    names = {record.id: record.watch for record in good}
    return {run: _advice(names[run], found.absent) for run, found in told.items() if found and found.absent}


def _advice(watch: str, absent: Sequence[str]) -> str:
    """Return what was not found, and how its place is named: `monitor hint` finds it by a value that a person sees."""
    more = f" and {len(absent) - MOST_NAMED} more" if len(absent) > MOST_NAMED else ""
    named = ", ".join(_one_line(at) for at in absent[:MOST_NAMED])
    first = next((at for at in absent if at.count("/") == 1), None)
    value = f" --value {first[1:]}=…" if first else ""
    how = "with the value that you see there" if value else "for the places of what was found"
    step = f"monitor hint {watch}{value} ({how}), or write x-css into output_schema"
    return f"not found on the page: {named}{more}; {step}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
