"""The campaign's section of docs/reliability.md, generated from the ledger alone.

Owns the part of the page below the line `<!-- campaign -->`. Must not run anything, nor know how a figure came about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from campaign.ledger import Ledger, Line, counted, reached
from campaign.part import Part, Tally

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
MARKER = "<!-- campaign -->"
_NOTES = {
    "cron": "Debian's cron is replayed minute by minute. What it would start twice in one minute right after a gap "
    "(`0,30 2 * * *`) counts as one occurrence.",
    "cuts": "All over real sockets; only our own pauses take no time.",
    "sdk": "The SDK is asked by `agent.stream`, with its default time-out of 600 s; our time-out is 600 s too. Both "
    "are driven sixty times faster (10 s of the machine), but for the SDK's pauses between retries. What counts is "
    "what the server billed and what the caller has in hand at the end. Some scripts create no run at the first "
    "POST: there the SDK's retry buys one, and our client says that none exists: the next start is the engine's.",
}
_HEAD = """
## The campaign's figures

Generated from `campaign/ledger.jsonl` by `python -m campaign report`; nothing below is written by hand. `make campaign`
runs every part that is not complete, in slices, and goes on where it stopped; one part: the command in its row. A `+`
after a commit means that the working tree differed from it. `code` is a digest of what a part tests and of the part
itself: slices are added up only where it is the same. A violation ends a part, prints its seed and the smallest case
found, and stays in the ledger.
"""


def write(ledger: Ledger, page: Path, parts: Mapping[str, Part]) -> None:
    """Replace what stands below the marker of `page` (made, if there is none) by the ledger's tables."""
    before = page.read_text(encoding="utf-8") if page.exists() else "# Reliability\n\n"
    above = before.partition(MARKER)[0].rstrip("\n")
    page.write_text(f"{above}\n\n{MARKER}\n{text(list(ledger.lines()), parts)}", encoding="utf-8")


def text(lines: Sequence[Line], parts: Mapping[str, Part]) -> str:
    """Return the section."""
    shown = [(part, series) for part in parts.values() if (series := _chosen(part.name, lines))]
    missing = [name for name in parts if all(part.name != name for part, _ in shown)]
    return "\n".join(
        [
            *_HEAD.strip("\n").splitlines(),
            "",
            *_overview(shown),
            *([f"\nNot run yet: {', '.join(missing)}."] if missing else []),
            *(line for part, series in shown for line in _figures(part, series)),
            *_violations(lines),
            "",
        ]
    )


def _chosen(name: str, lines: Sequence[Line]) -> list[Line]:
    """Return the slices of the series that is shown: the one that came furthest, of these the newest."""
    every: dict[tuple[str, int, float, str], list[Line]] = {}
    for line in lines:
        if line.part == name:
            every.setdefault(line.series, []).append(line)
    if not every:
        return []
    return max(every.values(), key=lambda slices: (reached(slices), max(line.date for line in slices)))


def _sum(slices: Sequence[Line]) -> tuple[Tally, list[Line]]:
    tally, used = Tally(), counted(list(slices))
    for line in used:
        tally.join(line.counts, line.most)
    return tally, used


def _overview(shown: Sequence[tuple[Part, list[Line]]]) -> Iterator[str]:
    yield "| part | promises | cases | violations | seed | when (UTC) | commit | code | minutes | repeat with |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for part, series in shown:
        _, used = _sum(series)
        line, done = series[-1], reached(series)
        failed = len({each.failure["number"] for each in series if each.failure is not None})
        whole = f"{done:,}" if done == part.size else f"{done:,} of {part.size:,}"
        dates = sorted({each.date for each in used or series})
        when = dates[0] if dates[0][:10] == dates[-1][:10] else f"{dates[0]} to {dates[-1][:10]}"
        commits = ", ".join(dict.fromkeys(f"`{each.commit}`" for each in used or series))
        minutes = sum(each.seconds for each in used) / 60
        yield (
            f"| {part.name} | {part.proves} | {whole} | {failed} | {line.seed} | {when} | {commits} | `{line.code}` "
            f"| {minutes:.1f} | `{line.command}` |"
        )


def _figures(part: Part, series: Sequence[Line]) -> Iterator[str]:
    tally, _ = _sum(series)
    yield from ("", f"### {part.name}: {part.title}", "")
    if part.name in _NOTES:
        yield from (_NOTES[part.name], "")
    columns = list(dict.fromkeys(name.partition(": ")[0] for name in tally.counts if ": " in name))
    if columns:
        columns.sort(key=lambda name: (name != "ours", name))
        yield "| | " + " | ".join(columns) + " |"
        yield "|---|" + "---|" * len(columns)
        for row in dict.fromkeys(name.partition(": ")[2] for name in tally.counts if ": " in name):
            cells = (f"{tally.counts.get(f'{column}: {row}', 0):,}" for column in columns)
            yield f"| {row} | " + " | ".join(cells) + " |"
        yield ""
    plain = [f"{name} {number:,}" for name, number in tally.counts.items() if ": " not in name]
    most = [f"{name}: {value:,g}" for name, value in tally.most.items()]
    yield "; ".join([*plain, *most]) + "." if plain or most else "No case is complete yet."


def _violations(lines: Sequence[Line]) -> Iterator[str]:
    """List every violation that the ledger holds, with whether the same part came further since."""
    failed = list({(line.series, line.end): line for line in reversed(lines) if line.failure is not None}.values())[
        ::-1
    ]
    yield from ("", "### Violations found", "")
    if not failed:
        yield "None so far."
    for line in failed:
        failure = line.failure or {}
        since = [each for each in lines if each.part == line.part and each.date >= line.date and each.failure is None]
        passed = any(each.begin <= line.end < each.end and each.code != line.code for each in since)
        case = " ".join(str(failure.get("smallest", "")).split())[:300].replace("`", "'").replace("|", "\\|")
        what = " ".join(str(failure.get("what", "")).split())[:300].replace("|", "\\|")
        yield (
            f"- {line.part}, case {failure.get('number')}, seed {line.seed}, {line.date}, `{line.commit}`: {what}. "
            f"Smallest: `{case}`. " + ("Mended since." if passed else "Open.")
        )
