"""`pause`, `resume`, `outbox`, `targets`: who is silent, what is not yet delivered, whether a target takes messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli import options, ordering, output
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.settings import Settings
    from monitor.store.records import Delivery
    from monitor.store.store import Store

_SHOWN = 1_000  # messages of one list

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The watch.", show_default=False)]
IdsArgument = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="A message's number, or its event id (or its beginning).", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("pause")(pause)
    app.command("resume")(resume)
    messages = typer.Typer(help="The messages not yet delivered: list them, try one again, drop one.")
    messages.callback(invoke_without_command=True)(outbox)
    messages.command("list")(list_)
    messages.command("retry")(retry)
    messages.command("drop")(drop)
    app.add_typer(messages, name="outbox")
    places = typer.Typer(help="Where messages go: list the named targets, send one of them a test message.")
    places.callback(invoke_without_command=True)(targets)
    places.command("list")(targets_list)
    places.command("test")(targets_test)
    app.add_typer(places, name="targets")


def pause(
    name: NameArgument,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="2h", help="For how long (30s, 10m, 6h, 7d); default: until resume NAME."),
    ] = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Silence a watch: its occurrences are skipped and not paid, its messages held until it is resumed."""
    from monitor.cli import workspace as rooms
    from monitor.cli.process import open_store
    from monitor.store.records import stamp

    settings = options.settings_of(workspace)
    rooms.pick(rooms.load(settings), [name])
    now = _now()
    until = (now + _duration(duration)).replace(microsecond=0) if duration is not None else None
    with open_store(settings) as store:
        number = store.order(ordering.who(), "pause", name, now, watch=name)
        store.pause_watch(name, until, now)
        store.ended_order(number, f"{name}: paused {_until(until)}")
    if options.wants_json(json):
        output.data({"watch": name, "paused": True, "paused_until": stamp(until)})
    else:
        output.line(f"{name}: paused {_until(until)}; its messages are held, none is lost")
    return 0


def resume(name: NameArgument, workspace: options.WorkspaceOption = None, json: options.JsonOption = False) -> int:
    """Reopen a paused watch: it is scheduled again, and its held messages are delivered."""
    from monitor.cli import workspace as rooms
    from monitor.cli.process import open_store

    settings = options.settings_of(workspace)
    with open_store(settings) as store:
        was_paused = store.resume_watch(name, now := _now())
        if was_paused:
            store.ended_order(store.order(ordering.who(), "resume", name, now, watch=name), f"{name}: resumed")
    if not was_paused:
        rooms.pick(rooms.load(settings), [name])  # a name that nobody knows is an error, one that is open is none
    if options.wants_json(json):
        output.data({"watch": name, "paused": False, "was_paused": was_paused})
    else:
        output.line(f"{name}: {'resumed' if was_paused else 'was not paused'}")
    return 0


def outbox(
    context: typer.Context, workspace: options.WorkspaceOption = None, json: options.JsonOption = False
) -> int | None:
    """The messages not yet delivered: list them, try one again, drop one."""
    if context.invoked_subcommand is None:
        return list_(workspace=workspace, json=json)
    _remember(workspace, json=json)
    return None


def list_(
    everything: Annotated[bool, typer.Option("--all", help="Delivered and dropped ones too.")] = False,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """List the messages not yet delivered, newest first; exit 3 if there are dead letters."""
    from monitor.alert.waiting import Waiting

    settings = options.settings_of(workspace)
    now = _now()
    with _opened(settings) as store:
        found = store.outbox(None if everything else "undelivered", limit=_SHOWN)
        waiting = Waiting(store.pauses(now), settings.quiet_hours, now)
        shown = [waiting.shown(message) for message in found]
        counts = store.outbox_counts()
    if options.wants_json(json):
        output.data(shown)
    else:
        columns = ["id", "state", "watch", "target", "kind", "attempts", "next", "event", "error", "title"]
        output.table(columns, [[row[column] for column in columns] for row in shown])
        if sum(counts.values()) > len(found):
            output.note(f"the newest {len(found)} are shown; in all {counts}")
    return 3 if counts["dead"] else 0


def retry(
    ids: IdsArgument,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Try dead letters again now, with all their time; the daemon, or the next run, sends them."""
    with _opened(options.settings_of(workspace)) as store:
        chosen = _chosen(store, ids)
        now = _now()
        changed = [message for message in chosen if store.retry_messages([message.id], now)]
        ordering.messages(store, "retry", changed, "will be tried again", now)
    return _report("requeued", chosen, changed, "is delivered already, or being sent", options.wants_json(json))


def drop(
    ids: IdsArgument,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Close messages that nobody wants delivered any more; they stay visible as dropped."""
    with _opened(options.settings_of(workspace)) as store:
        chosen = _chosen(store, ids)
        now = _now()
        changed = [message for message in chosen if store.drop_messages([message.id], now)]
        ordering.messages(store, "drop", changed, "dropped", now)
    return _report("dropped", chosen, changed, "is closed already, or being sent", options.wants_json(json))


def targets(
    context: typer.Context, workspace: options.WorkspaceOption = None, json: options.JsonOption = False
) -> int | None:
    """Where messages go: list the named targets, send one of them a test message."""
    if context.invoked_subcommand is None:
        return targets_list(workspace=workspace, json=json)
    _remember(workspace, json=json)
    return None


def targets_list(workspace: options.WorkspaceOption = None, json: options.JsonOption = False) -> int:
    """List the named targets with the scheme of their URLs, never the URLs."""
    from monitor.alert import services
    from monitor.cli.process import revealer
    from monitor.errors import SecretError

    settings = options.settings_of(workspace)
    reveal = revealer(lambda: settings)
    found = []
    for name, source in settings.targets.items():
        try:
            scheme, problem = services.scheme(reveal(source)), None
        except SecretError as error:
            scheme, problem = None, str(error)
        found.append({"name": name, "scheme": scheme, "problem": problem})
    if options.wants_json(json):
        output.data(found)
    elif found:
        output.table(["name", "scheme", "problem"], [[row["name"], row["scheme"], row["problem"]] for row in found])
    else:
        output.note("no target is named (targets: in monitor.yaml)")
    return 0


def targets_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A target of monitor.yaml.", show_default=False)],
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Send a test message to a named target now; exit 3 if it did not take it."""
    from monitor.alert import trial
    from monitor.cli.process import revealer
    from monitor.files.problems import did_you_mean

    settings = options.settings_of(workspace)
    if name not in settings.targets:
        hint = did_you_mean(name, settings.targets) or "monitor targets list shows the names"
        raise UsageError(f'no target is named "{name}"', hint=hint)
    problem = trial.test(name, settings.targets[name], revealer(lambda: settings), _now())
    if options.wants_json(json):
        output.data({"target": name, "delivered": problem is None, "error": problem})
    else:
        output.line(f"{name}: the test message was {'taken' if problem is None else f'not taken: {problem}'}")
    return 0 if problem is None else 3


def _chosen(store: Store, ids: list[str]) -> list[Delivery]:
    found: dict[int, Delivery] = {}
    for each in ids:
        messages = store.find_messages(each)
        if not messages:
            raise UsageError(f'there is no message "{each}"', hint="monitor outbox lists them")
        found |= {message.id: message for message in messages}
    return list(found.values())


def _report(what: str, chosen: list[Delivery], changed: list[Delivery], otherwise: str, as_json: bool) -> int:
    if as_json:
        rows = [{"id": each.id, "event": each.event, "target": each.target, what: each in changed} for each in chosen]
        output.data(rows)
    else:
        for each in chosen:
            said = what if each in changed else f"not {what}: it {otherwise}"
            output.line(f'{each.id}: {said}: "{each.title}" to {each.target} (event {each.event})')
    return 0 if len(changed) == len(chosen) else 3


def _remember(workspace: Any, *, json: bool) -> None:
    """Keep what was given between a group's name and its command's."""
    options.remember(options.workspace_of(workspace), json=options.wants_json(json))


def _opened(settings: Settings) -> Store:
    from monitor.cli.process import open_store

    return open_store(settings, create=False)


def _duration(text: str) -> timedelta:
    from monitor.files import durations

    try:
        return durations.parse(text)
    except ValueError as problem:
        raise UsageError(f"--for: {problem}") from None


def _until(until: datetime | None) -> str:
    from monitor.store.records import stamp

    return f"until {stamp(until)}" if until else "until it is resumed"


def _now() -> datetime:
    from monitor.clock import WallClock

    return WallClock().now()
