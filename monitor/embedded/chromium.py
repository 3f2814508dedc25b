"""The system's Chromium as a process that Playwright drives: found, started, watched for memory, ended.

Owns Playwright. One browser for all runs; it starts with the first page that needs it and starts anew when it has died.
It has no way to the network of its own: it resolves no name, and its default proxy is a closed port. A page reaches
what its own guard proxy lets through. Must not know what a page is rendered for.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog

from monitor.embedded.failure import RunError

log = structlog.get_logger(__name__)

NAMES = ("chromium", "chromium-browser", "google-chrome")
NEEDED = "this page needs a browser: pip install goal-monitor[browser] and chromium"
LAUNCH_SECONDS = 30.0
CLOSE_SECONDS = 1.5
PAGES_A_BROWSER = 200  # then a fresh one: what leaks, leaks no further
MAX_RENDERER = 1024 * 1024 * 1024  # bytes of memory of one page's process
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--max-old-space-size=384",
    "--renderer-process-limit=4",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--proxy-server=http://127.0.0.1:9",
)


def missing(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return what keeps this machine from rendering pages, as one line, or None."""
    if find_spec("playwright") is None or executable(environ) is None:
        return NEEDED
    return None


def executable(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the browser that `CHROMIUM` names, else the first of the usual names on the path."""
    if given := environ.get("CHROMIUM"):
        found = shutil.which(given, path=environ.get("PATH"))
        return Path(found) if found else None
    found = next(filter(None, (shutil.which(name, path=environ.get("PATH")) for name in NAMES)), None)
    return Path(found) if found else None


@dataclass(eq=False)
class Chromium:
    """One browser process, started when first asked for; `aclose` ends it whatever it does."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _playwright: Any = None
    _browser: Any = None
    _control: Any = None
    _pid: int | None = None
    _pages: int = 0

    async def context(self, proxy: str, user_agent: str) -> Any:
        """Return a fresh context, without cookies, downloads or service workers; raises RunError."""
        browser = await self._running()
        self._pages += 1
        try:
            return await browser.new_context(
                # Chromium goes past a proxy for loopback addresses, unless it is told not to.
                proxy={"server": proxy, "bypass": "<-loopback>"},
                user_agent=f"{_chrome(browser.version)} {user_agent}",
                accept_downloads=False,
                service_workers="block",
                viewport={"width": 1280, "height": 1600},
            )
        except playwright_error() as problem:
            raise _broken(problem) from problem

    async def watch(self) -> None:
        """Until cancelled, end the process of a page that takes more memory than one may."""
        while self._control is not None:
            try:
                processes = (await self._control.send("SystemInfo.getProcessInfo"))["processInfo"]
            except playwright_error():
                return  # the browser has ended; whoever uses it is told by his own call
            for process in processes:
                if process["type"] == "renderer" and _resident(process["id"]) > MAX_RENDERER:
                    log.warning("a page took too much memory", limit=MAX_RENDERER)
                    _kill(process["id"])
            await asyncio.sleep(0.25)

    async def aclose(self) -> None:
        """End the browser within some seconds, by force if need be; harmless when there is none."""
        browser, playwright, pid = self._browser, self._playwright, self._pid
        self._browser = self._playwright = self._control = self._pid = None
        for closing in ([browser.close()] if browser else []) + ([playwright.stop()] if playwright else []):
            try:
                await asyncio.wait_for(closing, CLOSE_SECONDS)
            except (TimeoutError, playwright_error()):
                _kill(pid)  # it hangs or is gone already
            except BaseException:
                _kill(pid)  # whoever asked cannot wait
                raise

    async def _running(self) -> Any:
        async with self._lock:
            if self._browser is not None and (not self._browser.is_connected() or self._pages >= PAGES_A_BROWSER):
                await self.aclose()
            if self._browser is None:
                await self._launch()
            return self._browser

    async def _launch(self) -> None:
        path = executable(self.environ)
        if path is None or find_spec("playwright") is None:
            raise RunError("TASK_FAILED", NEEDED)
        from playwright.async_api import async_playwright

        self._pages = 0
        try:
            async with asyncio.timeout(LAUNCH_SECONDS):
                self._playwright = await async_playwright().start()
                self._browser = await self._playwright.chromium.launch(
                    executable_path=path,
                    headless=True,
                    args=list(_FLAGS),
                    chromium_sandbox=os.geteuid() != 0,  # Chromium refuses its sandbox to root
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                    timeout=LAUNCH_SECONDS * 1000,
                )
                self._control = await self._browser.new_browser_cdp_session()
                processes = (await self._control.send("SystemInfo.getProcessInfo"))["processInfo"]
                self._pid = next((one["id"] for one in processes if one["type"] == "browser"), None)
        except (playwright_error(), TimeoutError) as problem:
            await self.aclose()
            raise _broken(problem) from problem


@cache
def playwright_error() -> type[Exception]:
    """Return the class of Playwright's errors, its time-out among them."""
    from playwright.async_api import Error

    return Error


def short(problem: BaseException) -> str:
    """Return the first line of what Playwright says, without its call log."""
    text = str(problem).partition("\nCall log:")[0].partition("\nBrowser logs:")[0]
    return " ".join(text.split())[:200] or type(problem).__name__


def _broken(problem: BaseException) -> RunError:
    hint = "Chromium's sandbox needs user namespaces; allow them on this machine" if "sandbox" in str(problem) else None
    return RunError(
        "BROWSER_FAILED", f"Chromium did not start: {short(problem)}", category="SYSTEM_FAILURE", help_message=hint
    )


def _chrome(version: str) -> str:
    return (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{version.partition('.')[0]}.0.0.0 Safari/537.36"
    )


def _resident(pid: int) -> int:
    """Return the memory of a process in bytes; 0 where the system does not say (no /proc, or the process has ended)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _kill(pid: int | None) -> None:
    if pid is None:
        return
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has ended by itself
