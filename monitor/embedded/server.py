"""`EmbeddedAgent`: the embedded agent as a server, inside another asyncio program or alone.

Owns the socket and uvicorn.

Must not know how a page is read (`reading`) or how the API looks (`api`). It takes no signal handler from its host.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from monitor.clock import Clock, WallClock
from monitor.embedded.browser import Browser
from monitor.embedded.flight import Flight, Room
from monitor.embedded.ledger import Ledger
from monitor.embedded.order import Order
from monitor.embedded.reading import Reader
from monitor.embedded.runner import Runner, Work
from monitor.embedded.shop import Shop
from monitor.embedded.webhooks import Webhooks
from monitor.embedded.wobble import Noise
from monitor.errors import UsageError
from monitor.fetch import Policy
from monitor.fetch.pace import Pace
from monitor.fetch.visitor import Visitor

if TYPE_CHECKING:
    import uvicorn

    from monitor.embedded.model import Model

STOP_SECONDS = 2.0
HOST_INTERVAL = 1.0
HOST_PLACES = 2


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass(kw_only=True, eq=False)
class EmbeddedAgent:
    """A server of the agent API on this machine: `async with EmbeddedAgent(ledger=…) as agent: agent.base_url`.

    `port` 0 takes a free one. Loopback pages may be read while it listens on loopback; other private addresses only
    with `allow_private`. `key` None: any key or none is accepted, which is refused beyond loopback. `heartbeat` in
    seconds. A public host is asked for one page in `host_interval` seconds, and two at once at most; what its
    robots.txt forbids is not read, unless with `ignore_robots`. `noise` is the seed by which every answer wobbles;
    None is no noise. `model` is asked for what extraction leaves open.
    """

    ledger: Path
    host: str = "127.0.0.1"
    port: int = 0
    allow_private: bool = False
    strict_schema: bool = False
    ignore_robots: bool = False
    host_interval: float = HOST_INTERVAL
    concurrency: int = 4
    queue_limit: int = 1_000
    demo_site: bool = True
    key: str | None = None
    heartbeat: float = 15.0
    clock: Clock = field(default_factory=WallClock)
    shop: Shop | None = None
    noise: int | None = None
    model: Model | None = field(default=None, repr=False)
    new_id: Callable[[], str] = _new_id

    @property
    def base_url(self) -> str:
        """The origin at which the API is served; valid once the agent was entered."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        """Start serving; raises UsageError (address in use, no key beyond loopback) and StoreError."""
        if self.key is None and not self._loopback:
            raise UsageError(
                f"the embedded agent would serve {self.host} without a key",
                hint="listen on 127.0.0.1, or set a key that clients must send",
            )
        if self.demo_site and self.shop is None:
            self.shop = Shop()
        self._socket = self._bound()
        try:
            self._ledger = Ledger(self.ledger, now=_instant(self.clock))
        except BaseException:
            self._socket.close()
            raise
        self._stopping = asyncio.Event()
        ready = asyncio.Event()
        self._serving = asyncio.create_task(self._serve(ready), name="embedded-agent")
        waiting = asyncio.create_task(ready.wait(), name="embedded-agent-ready")
        try:
            await asyncio.wait({self._serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._serving.done():
            await self._serving
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop within two seconds: runs under way end FAILED, open streams are cut."""
        self._stopping.set()
        try:
            await asyncio.wait({self._serving}, timeout=STOP_SECONDS)
        finally:
            if not self._serving.done():
                self._serving.cancel()
        await asyncio.wait({self._serving})
        if not self._serving.cancelled():
            self._serving.result()

    async def wait(self) -> None:
        """Return when the agent has stopped serving; raises what made it stop, if that was an error."""
        await asyncio.shield(self._serving)

    @property
    def _loopback(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            bound = socket.create_server((self.host, self.port), family=family, backlog=512)
        except (OSError, OverflowError) as problem:
            raise UsageError(
                f"the embedded agent cannot listen on {self.host}:{self.port}: {problem}",
                hint="another process may hold the port; --listen 127.0.0.1:0 takes a free one",
            ) from problem
        self.port = bound.getsockname()[1]
        return bound

    async def _serve(self, ready: asyncio.Event) -> None:
        threads = ThreadPoolExecutor(max(1, min(self.concurrency, 4)), thread_name_prefix="embedded-extract")
        policy = self.policy
        browser = Browser(policy)
        work: Work = Reader(self._visitor(policy), threads, browser, self.model)
        if self.noise is not None:
            work = Noise(work, self.noise)
        room = Room(self.concurrency, self.queue_limit)
        try:
            async with asyncio.TaskGroup() as group:
                webhooks = Webhooks(policy, self.clock, group)
                runner = Runner(self._ledger, self.clock, work, self.new_id, room, webhooks.ended)
                server = _server(self._application(runner, group), ready)
                web = group.create_task(server.serve(sockets=[self._socket]), name="embedded-agent-web")
                stopped = group.create_task(self._stopping.wait(), name="embedded-agent-stop")
                await asyncio.wait({web, stopped}, return_when=asyncio.FIRST_COMPLETED)
                stopped.cancel()
                await runner.stop()
                webhooks.stop()
                server.should_exit = True
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            self._ledger.close()
            self._socket.close()
            await browser.aclose()

    @property
    def policy(self) -> Policy:
        """What pages may be fetched; valid once the agent was entered (it names the port of the demo pages)."""
        from monitor.embedded.gate import DEMO_HOST

        local = self._loopback or self.allow_private
        anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # nosec B104 # noqa: S104 - looked up, not bound
        address = anywhere.get(self.host, self.host)
        pins = {DEMO_HOST: (address, self.port)} if self.shop is not None else {}
        return Policy(allow_loopback=local, allow_private=self.allow_private, pins=pins)

    def _visitor(self, policy: Policy) -> Visitor:
        wall = WallClock()  # other people's servers live in real time, however fast this agent's clock is driven
        pace = Pace(self.host_interval, HOST_PLACES, monotonic=wall.monotonic, sleep=wall.sleep)
        return Visitor(policy, pace=pace, monotonic=wall.monotonic, obey_robots=not self.ignore_robots)

    def _application(self, runner: Runner, group: asyncio.TaskGroup) -> Any:
        from monitor.embedded.api import Api
        from monitor.embedded.gate import Gate
        from monitor.embedded.site import site

        async def start(order: Order, transport: str) -> Flight:
            return await runner.start(order, transport, group)

        api = Api(runner, start, heartbeat=self.heartbeat, strict_schema=self.strict_schema)
        pages = site(self.shop, self.clock.now) if self.shop is not None else None
        return Gate(api.application(), pages, self.key, loopback_only=self._loopback, announced=not self.strict_schema)


def _instant(clock: Clock) -> str:
    from monitor.embedded import wire

    return wire.instant(clock.now())


def _server(application: Any, ready: asyncio.Event) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """A uvicorn that says when it serves and leaves signals to its host."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        application,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        backlog=512,
    )
    return Server(config)
