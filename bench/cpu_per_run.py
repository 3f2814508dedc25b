"""CPU of one completed run, POST to committed decision, against a raw asyncio socket loop on the same stream.

The server runs in a process of its own, so that its CPU is not counted. Both sides read the same bytes: STARTED,
6 times PROGRESS, 1 HEARTBEAT, COMPLETE. Ours also parses, stores four times, validates, compares and decides.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import resource
import tempfile
import uuid
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from pathlib import Path

from monitor.agent.client import Client
from monitor.clock import WallClock
from monitor.engine.desk import Desk
from monitor.engine.execute import execute
from monitor.store.owners import Owner
from monitor.store.store import Store
from monitor.store.writer import Writer
from monitor.watch.model import Watch
from monitor.watch.run import Run, new_id

RUNS = 400
AT_ONCE = 50
RESULT = {"price": 499.0, "currency": "EUR", "in_stock": True}


def main() -> None:
    ours_end, theirs_end = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs_end,), daemon=True)
    server.start()
    port = ours_end.recv()
    try:
        floor = asyncio.run(_raw(port))
        ours = asyncio.run(_ours(port))
    finally:
        ours_end.send("stop")
        server.join(10)
    print(f"{'raw asyncio socket loop':32} {floor * 1000:6.2f} ms CPU a run")
    print(f"{'client to committed decision':32} {ours * 1000:6.2f} ms CPU a run  {ours / floor:5.1f} x the floor")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _stream(run_id: str) -> bytes:
    when = "2026-11-21T12:00:00.000Z"
    events: list[dict[str, object]] = [{"type": "STARTED", "run_id": run_id, "timestamp": when}]
    events += [
        {"type": "PROGRESS", "run_id": run_id, "purpose": f"step {n} of the page", "timestamp": when} for n in range(6)
    ]
    events += [
        {"type": "HEARTBEAT", "timestamp": when},
        {"type": "COMPLETE", "run_id": run_id, "status": "COMPLETED", "timestamp": when, "result": RESULT},
    ]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def _serve(pipe: Connection) -> None:
    asyncio.run(_server(pipe))


async def _server(pipe: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                await reader.readexactly(length)
                await _reply(head, writer)
                if head.startswith(b"POST"):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client closed its kept-alive connection
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1000)
    pipe.send(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(pipe.recv)
    server.close()


async def _reply(head: bytes, writer: asyncio.StreamWriter) -> None:
    if head.startswith(b"POST"):
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
            + _stream(str(uuid.uuid4()))
        )
    else:
        run_id = head.split(b" ")[1].split(b"?")[0].rsplit(b"/", 1)[1].decode()
        body = json.dumps(
            {"run_id": run_id, "status": "COMPLETED", "goal": "", "num_of_steps": 3, "result": RESULT, "error": None}
        ).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
    await writer.drain()


async def _raw(port: int) -> float:
    places = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with places:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /v1/automation/run-sse HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            while await reader.read(65_536):
                pass
            writer.close()

    begin = _cpu()
    await asyncio.gather(*(one() for _ in range(RUNS)))
    return (_cpu() - begin) / RUNS


async def _ours(port: int) -> float:
    clock = WallClock()
    watches = [_watch(number) for number in range(RUNS)]
    places = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(Store.open(str(folder / "monitor.db")))
        owner = stack.enter_context(Owner.claim(folder))
        writer = await stack.enter_async_context(Writer(store))
        client = await stack.enter_async_context(Client(f"http://127.0.0.1:{port}", "sk-bench", clock=clock))
        desk = Desk(store=store, writer=writer, client=client, clock=clock, owner=owner, reveal=str)

        async def one(watch: Watch) -> None:
            async with places:
                now = clock.now()
                record = await execute(watch, Run(new_id(now), watch.name, now), desk)
                assert record.verdict == "BASELINE", record

        await one(_watch(RUNS))  # imports and first statements are start-up, not a run
        begin = _cpu()
        await asyncio.gather(*(one(watch) for watch in watches))
        return (_cpu() - begin) / RUNS


def _watch(number: int) -> Watch:
    return Watch.model_validate(
        {
            "name": f"product-{number}",
            "url": "https://shop.example/product",
            "goal": "Find the price.",
            "cron": "@hourly",
            "output_schema": {
                "type": "object",
                "required": ["price", "currency", "in_stock"],
                "properties": {
                    "price": {"type": "number"},
                    "currency": {"enum": ["EUR", "USD"]},
                    "in_stock": {"type": "boolean"},
                },
            },
        }
    )
