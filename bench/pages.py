"""Reading pages by the plain path of the embedded agent, against bare httpx + parsel on the same pages in the same run.

The pages are the open corpus of tests/pages, served from a process of its own. Each way runs in a fresh process, so
that its memory is its own: the floor asks for each page with httpx and reads with parsel the places that the case's
`x-css` hints name. Ours does the same through the guarded fetcher and `extract`, with those hints, then without any,
and then as whole runs through the API of `monitor agent`, which also write their ledger and tell their steps.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.pages.score import cases, hinted

SECONDS = 5.0  # of each way, after one round that warms it up
Page = tuple[str, dict[str, Any], dict[str, Any]]  # url, schema with hints, schema
Read = Callable[[Page], Awaitable[None]]


def main(seconds: float = SECONDS, most: int = 1_000, ways: Sequence[str] = ()) -> None:
    """Print pages a second, processor time and memory of each way, or of these; the first is the floor."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.pages", "serve"], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as site:
        assert site.stdout is not None
        port = site.stdout.readline().strip()
        try:
            told = [(way, _measured(way, port, seconds, most)) for way in ways or WAYS]
        finally:
            site.terminate()
    _tell(told)


def _tell(told: list[tuple[str, dict[str, float]]]) -> None:
    _, floor = told[0]
    for way, found in told:
        rate, memory = found["pages"] / found["seconds"], found["mib"]
        print(
            f"{way:34} {rate:7.1f} pages/s  {found['cpu'] / found['pages'] * 1000:6.1f} ms CPU a page"
            f"  {rate * floor['seconds'] / floor['pages']:6.3f} x the floor's pages"
            f"  {memory:5.0f} MiB  {memory / floor['mib']:4.1f} x"
        )


def _measured(way: str, port: str, seconds: float, most: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.pages", way, port, str(seconds), str(most)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(answer)
    return found


def _pages(port: str) -> list[Page]:
    return [
        (f"http://127.0.0.1:{port}/{folder.name}", hinted(case), case["schema"])
        for folder, case in cases("open")
        if not case.get("rendered")
    ]


async def _bare(use: Callable[[Read], Awaitable[None]]) -> None:
    import httpx
    import parsel

    async with httpx.AsyncClient() as client:

        async def read(page: Page) -> None:
            url, schema, _ = page
            answer = await client.get(url)
            root = parsel.Selector(text=answer.text)
            _select(root, schema)

        await use(read)


def _select(root: Any, schema: dict[str, Any]) -> Any:
    """Return the texts of a hinted place and of all below it; of each row where the hint is on the rows of a list."""
    if "x-css" in schema.get("items", {}):
        return [_below(row, schema["items"]) for row in root.css(schema["items"]["x-css"])]
    if "x-css" in schema:
        return [" ".join(found.css("::text").getall()) for found in root.css(schema["x-css"])]
    return _below(root, schema)


def _below(root: Any, schema: dict[str, Any]) -> Any:
    return [_select(root, below) for below in schema.get("properties", {}).values()]


async def _plain(use: Callable[[Read], Awaitable[None]], *, with_hints: bool) -> None:
    from monitor.embedded.extract import extract
    from monitor.fetch import Policy
    from monitor.fetch.visitor import Visitor

    visitor = Visitor(Policy(allow_loopback=True), pace=None, monotonic=time.monotonic, obey_robots=True)

    async def read(page: Page) -> None:
        url, hints, schema = page
        found = (await visitor.fetch(url)).checked()
        extract(found.text, found.url, hints if with_hints else schema)

    await use(read)


async def _served(use: Callable[[Read], Awaitable[None]]) -> None:
    import httpx

    from monitor.embedded.server import EmbeddedAgent

    with tempfile.TemporaryDirectory() as folder:
        async with (
            EmbeddedAgent(ledger=Path(folder) / "agent.db") as agent,
            httpx.AsyncClient(base_url=agent.base_url, timeout=60) as client,
        ):

            async def read(page: Page) -> None:
                body = {"url": page[0], "goal": "bench", "output_schema": page[1]}
                (await client.post("/v1/automation/run", json=body)).raise_for_status()

            await use(read)


WAYS: dict[str, Callable[[Callable[[Read], Awaitable[None]]], Awaitable[None]]] = {
    "httpx + parsel, x-css": _bare,
    "plain path, x-css": partial(_plain, with_hints=True),
    "plain path, no hints": partial(_plain, with_hints=False),
    "runs through the API, x-css": _served,
}


async def _run(way: str, port: str, seconds: float, most: int) -> None:
    pages = _pages(port)[:most]

    async def use(read: Read) -> None:
        for page in pages:
            await read(page)
        begin, cpu, count = time.perf_counter(), time.process_time(), 0
        while not count or time.perf_counter() - begin < seconds:
            await read(pages[count % len(pages)])
            count += 1
        took = {"pages": count, "seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
        print(json.dumps(took | {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))

    await WAYS[way](use)


def _serve() -> None:
    """Serve the corpus until the standard input ends or the process is told to end; print the port."""
    kept = {f"/{folder.name}": (folder / "page.html").read_bytes() for folder, _ in cases("open")}

    class Site(BaseHTTPRequestHandler):
        """Answers a page of the corpus, or 404."""

        def do_GET(self) -> None:
            body = kept.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing: the console is the benchmark's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve()
    else:
        asyncio.run(_run(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
