"""Fetching as a guest: robots.txt is asked first and kept to, and each host gets its pace. On top of `web.fetch`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from monitor.errors import FetchError
from monitor.fetch import robots
from monitor.fetch.addresses import names_loopback
from monitor.fetch.pace import Pace
from monitor.fetch.page import Page
from monitor.fetch.policy import Policy, Proxy
from monitor.fetch.robots import Robots
from monitor.fetch.web import fetch

KEEP_SECONDS = 600.0  # of one robots.txt; RFC 9309 2.4 allows up to a day
TIMEOUT = 10.0
MAX_SITES = 1_000
# A robots.txt that cannot be had for good, or is none, has no rules (RFC 9309 2.3.1.2, 2.3.1.3 and 2.3.1.5).
_NO_RULES = frozenset({"encoding", "protocol", "too_many_redirects", "bad_url", "blocked_address"})


class Visitor:
    """Fetches under one policy. Hosts that name this machine and pinned ones are not paced; pins have no robots.txt.

    `pace` None does not wait for anybody; `obey_robots` False neither asks for robots.txt nor keeps to it.
    """

    def __init__(
        self, policy: Policy, *, pace: Pace | None, monotonic: Callable[[], float], obey_robots: bool = True
    ) -> None:
        self.policy = policy
        self._pace = pace
        self._monotonic = monotonic
        self._obey_robots = obey_robots
        self._sites: OrderedDict[str, tuple[float, Robots]] = OrderedDict()

    async def fetch(self, url: str, *, proxy: Proxy | None = None) -> Page:
        """Return the page at `url`, as `web.fetch` does, each redirect admitted anew.

        Raises FetchError; beside the codes of `web.fetch`: `robots` where the site asks not to be read there.
        """
        policy = replace(self.policy, proxy=proxy)
        return await fetch(url, policy=policy, door=self._door)

    @asynccontextmanager
    async def admitted(self, url: str, *, proxy: Proxy | None = None) -> AsyncIterator[None]:
        """Hold a turn at the host of `url`, for whoever fetches by another way; raises FetchError."""
        async with self._door(url, replace(self.policy, proxy=proxy)):
            yield

    @asynccontextmanager
    async def _door(self, url: str, policy: Policy) -> AsyncIterator[None]:
        parts = urlsplit(url)
        host = parts.hostname or ""
        rules = await self._robots(url, policy) if self._obey_robots and host not in policy.pins else robots.NO_RULES
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if not rules.allows(path):
            raise FetchError(
                f"robots.txt of {host[:100]} asks not to read {path[:100]}",
                code="robots",
                hint="watch another page of the site, ask its owner, or set ignore_robots",
            )
        if self._pace is None or host in policy.pins or names_loopback(host):
            yield
            return
        async with self._pace.turn(host, interval=rules.delay):
            yield

    async def _robots(self, url: str, policy: Policy) -> Robots:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}".lower()
        until, rules = self._sites.get(site, (0.0, robots.NO_RULES))
        now = self._monotonic()
        if now < until:
            return rules
        rules = await self._fetched(f"{site}/robots.txt", policy)
        self._sites[site] = (now + KEEP_SECONDS, rules)
        self._sites.move_to_end(site)
        if len(self._sites) > MAX_SITES:
            self._sites.popitem(last=False)
        return rules

    async def _fetched(self, url: str, policy: Policy) -> Robots:
        """Return a site's rules; raises FetchError where the site cannot be asked, because then all is forbidden."""
        asked = replace(policy, timeout=min(TIMEOUT, policy.timeout), max_bytes=robots.MAX_BYTES)
        try:
            page = await fetch(url, policy=asked, cut=True)
        except FetchError as problem:
            if problem.code in _NO_RULES:
                return robots.NO_RULES
            raise
        if page.status >= 500 or page.status == 429:
            raise FetchError(f"the site's robots.txt answered {page.status}", code=f"http_{page.status}")
        if not 200 <= page.status < 300:
            return robots.NO_RULES
        return robots.parse(page.content.decode("utf-8", "replace"))
