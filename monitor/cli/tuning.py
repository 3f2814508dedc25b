"""`backtest` and `noise`: a definition tuned on what was recorded, without a paid run. Reads only."""

from __future__ import annotations

import json as jsons
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output, records
from monitor.cli.records import NameArgument
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.judge.tuning.advice import Suggestion
    from monitor.judge.tuning.backtest import BacktestReport, Row
    from monitor.judge.tuning.noise import NoiseReport
    from monitor.settings import Settings
    from monitor.store.store import Store
    from monitor.watch.model import Watch

MOST_ROWS = 100  # records shown to people; --json has all
MOST_REAL = 5

SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="DURATION", help="Only what ran in this time until now, as in 30d."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("backtest")(backtest)
    app.command("noise")(noise)


def backtest(
    name: NameArgument,
    since: SinceOption = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """What the watch as it is now would have said over the stored results, beside what was said; nothing is run."""
    from monitor.alert.targets import key
    from monitor.engine import tuning as past
    from monitor.judge.tuning import backtest as judging

    settings, watch = _watch(workspace, name)
    begin = _begin(since)
    with _opened(settings) as store:
        report = judging.backtest(watch, past.judged(store, name) if store else (), begin, named=key)
    if options.wants_json(json):
        output.data(report.as_json())
    elif report.rows:
        _print_backtest(report)
    else:
        _nothing(name, since)
    return 0


def noise(
    name: NameArgument,
    since: SinceOption = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Which fields flip, are reworded, reordered or move a little, and the `compare:` lines that would quiet them."""
    from monitor.engine import tuning as past
    from monitor.judge.tuning import noise as judging

    settings, watch = _watch(workspace, name)
    begin = _begin(since)
    with _opened(settings) as store:
        report = judging.noise(past.good(store, watch, begin) if store else [], watch)
    if options.wants_json(json):
        output.data(report.as_json())
    elif report.instants:
        _print_noise(report)
    else:
        _nothing(name, since)
    return 0


def _watch(workspace: options.WorkspaceOption, name: str) -> tuple[Settings, Watch]:
    from monitor.cli import workspace as rooms

    settings = options.settings_of(workspace)
    return settings, rooms.pick(rooms.load(settings), [name])[0]


def _begin(since: str | None) -> datetime | None:
    """Return the instant that `--since` names; raises UsageError when it is no duration."""
    from monitor.clock import WallClock
    from monitor.files import durations

    if since is None:
        return None
    try:
        return WallClock().now() - durations.parse(since)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error


def _nothing(name: str, since: str | None) -> None:
    when = f" in the last {since}" if since else " yet"
    output.note(f"{name} has no stored results{when}: monitor run {name} makes one")


@contextmanager
def _opened(settings: Settings) -> Iterator[Store | None]:
    """Give the store; None in a workspace that has no records."""
    from monitor.cli.process import store_exists

    if not store_exists(settings):
        yield None
        return
    with records.opened(settings) as store:
        yield store


def _print_backtest(report: BacktestReport) -> None:
    then, now = report.verdicts("then"), report.verdicts("now")
    output.line(f"{report.watch}: {len(report.rows)} records, {len(report.differing)} of them judged otherwise now")
    output.table(["verdict", "then", "now"], [[verdict, then[verdict], now[verdict]] for verdict in sorted(then | now)])
    told, telling = report.alerts("then"), report.alerts("now")
    alerts = [[f"{alert.kind} to {alert.target}", told[alert], telling[alert]] for alert in sorted(told | telling)]
    output.table(["alerts", "then", "now"], [*alerts, ["in all", told.total(), telling.total()]])
    if report.fields:
        output.table(
            ["fields that made the difference", "records"], [list(each) for each in report.fields.most_common(20)]
        )
    if report.differing:
        shown = report.differing[-MOST_ROWS:]
        output.table(["due", "run", "then", "now", "alerts", "why now"], [_row(row) for row in shown])
        if len(shown) < len(report.differing):
            output.note(f"the newest {len(shown)} of {len(report.differing)}; --json has all")


def _row(row: Row) -> list[object]:
    alerts = f"{len(row.then.alerts)} -> {len(row.now.alerts)}"
    return [_when(row.due_at), row.run, row.then.verdict, row.now.verdict, alerts, row.now.reason]


def _print_noise(report: NoiseReport) -> None:
    span = f"{_when(report.instants[0])} to {_when(report.instants[-1])}"
    output.line(f"{report.watch}: {len(report.instants)} good results, {span}; {report.records[0]} told a change")
    rows = []
    for one in report.fields:
        moved = one.as_json()["moved"]
        small = f"{moved['all']} ({moved['1%']} within 1%, {moved['5%']} within 5%)" if moved["all"] else 0
        rows.append([one.path, one.changed, one.flipped, one.reworded, one.reordered, small, one.coerced])
    if rows:
        output.table(["field", "changed", "flipped back", "reworded", "reordered", "moved", "coerced"], rows)
    for suggestion in report.suggestions:
        _print_suggestion(suggestion, report)
    if not report.suggestions:
        output.line("no field is evidently noisy: nothing to quiet")
        return
    output.line(f"with all of these, results that would have told a change: {report.records[1]}; in the watch file:")
    for line in report.yaml:
        output.line(f"  {line}")


def _print_suggestion(one: Suggestion, report: NoiseReport) -> None:
    from monitor.engine.evidence import describe
    from monitor.judge.tuning import advice

    largest = advice.largest(one.hidden)
    most = ""
    if largest is not None:
        most = f", the largest {jsons.dumps(largest.change.before)} -> {jsons.dumps(largest.change.after)}"
    count = f"{len(one.hidden)} change{'' if len(one.hidden) == 1 else 's'}"
    output.line(one.line.yaml)
    output.line(f"  because: {one.why}")
    output.line(f"  would have hidden {count}{most}; results that told a change: {one.records[0]} -> {one.records[1]}")
    for told in one.real[:MOST_REAL]:
        output.line(f"  looks real: {_when(report.instants[told.index])} {describe(told.change.as_json())}")
    if len(one.real) > MOST_REAL:
        output.line(f"  looks real: {len(one.real) - MOST_REAL} more (--json has them)")


def _when(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
