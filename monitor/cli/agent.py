"""`monitor agent`: the embedded agent alone, as a server of the TinyFish API."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli import options, output
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.embedded.model import Model


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("agent")(agent)


def agent(
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to serve the API.")
    ] = "127.0.0.1:8700",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Pages on private addresses may be fetched.")
    ] = False,
    strict_schema: Annotated[
        bool, typer.Option("--strict-schema", help="Refuse schema keywords that TinyFish refuses.")
    ] = False,
    ignore_robots: Annotated[
        bool, typer.Option("--ignore-robots", help="Read pages that their site's robots.txt asks not to read.")
    ] = False,
    noisy: Annotated[bool, typer.Option("--noisy", hidden=True)] = False,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Serve the TinyFish API on this machine: pages are fetched and read here, without an account."""
    from monitor.cli import process

    settings = options.settings_of(workspace)
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise UsageError(f"--listen {listen}: not HOST:PORT", hint="for example 127.0.0.1:8700")
    key = settings.api_key.reveal() if settings.api_key else None
    private = allow_private or settings.allow_private
    served = _serve(
        settings.state_folder,
        host.strip("[]"),
        int(port),
        allow_private=private,
        strict=strict_schema,
        ignore_robots=ignore_robots or settings.ignore_robots,
        key=key,
        model=process.language_model(settings),
        noisy=noisy,
        json=options.wants_json(json),
    )
    asyncio.run(served)
    return 0


async def _serve(
    state: Path,
    host: str,
    port: int,
    *,
    allow_private: bool,
    strict: bool,
    ignore_robots: bool,
    key: str | None,
    model: Model | None,
    noisy: bool,
    json: bool,
) -> None:
    from monitor.embedded.server import EmbeddedAgent
    from monitor.embedded.wobble import SEED
    from monitor.engine.daemon import stop_signals

    stop = asyncio.Event()
    ledger = state / "agent.db"
    with stop_signals(stop):
        async with EmbeddedAgent(
            ledger=ledger,
            host=host,
            port=port,
            allow_private=allow_private,
            strict_schema=strict,
            ignore_robots=ignore_robots,
            key=key,
            noise=SEED if noisy else None,
            model=model,
        ) as served:
            if json:
                output.data({"base_url": served.base_url})
            output.note(f"agent: {served.base_url} (its runs are kept in {ledger})")
            output.note(f"use it: TINYFISH_BASE_URL={served.base_url} TINYFISH_API_KEY=any monitor run NAME")
            output.note(f"demo pages: {served.base_url}/demo/")
            await stop.wait()
