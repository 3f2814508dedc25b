"""Why a run of the embedded agent failed, in the API's words (agent-api.md 6.2); fetch errors are told in them, too."""

from __future__ import annotations

from typing import Any

from monitor.errors import FetchError, MonitorError

_UNREACHED = {"dns", "connect", "tls", "protocol"}
_REFUSED = {"http_401", "http_403", "http_407", "http_429", "http_451"}
_GONE = {"http_404", "http_410"}


class RunError(MonitorError):
    """A run that ends FAILED: the API's `code`, its category, and what extraction had found by then."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        category: str = "AGENT_FAILURE",
        help_message: str | None = None,
        extraction: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=help_message)
        self.code = code
        self.category = category
        self.extraction = extraction

    def error(self) -> dict[str, Any]:
        """Return the run's `error` object; absent fields are left out, as on the live wire."""
        error = {"code": self.code, "message": self.message, "category": self.category}
        return error | ({"help_message": self.hint} if self.hint else {})


def of_fetch(problem: FetchError, url: str) -> RunError:
    """Return the failure of a run whose page at `url` could not be fetched; what may pass by itself is UNKNOWN."""
    busy = problem.code.startswith("http_5") or problem.code == "http_429"
    of_site = problem.code in _UNREACHED or problem.code == "robots" or problem.code.startswith("http_")
    code = "SITE_BLOCKED" if of_site else "TIMEOUT" if problem.code == "timeout" else "TASK_FAILED"
    passing = busy or problem.code in {"dns", "connect", "timeout", "protocol"}
    return RunError(
        code,
        f"{url[:300]} could not be read: {problem.message}",
        category="UNKNOWN" if passing else "AGENT_FAILURE",
        help_message=problem.hint or _help(problem.code),
    )


def _help(code: str) -> str | None:
    if code in _REFUSED:
        return "the site refuses plain readers; look less often, or watch this page with TinyFish"
    if code in _GONE:
        return "check the url: the page may have moved"
    if code == "proxy":
        return "check proxy_config: its url, username and password"
    if code == "dns":
        return "check the host in the url, and that this machine has a network"
    return "the site may be down; the next run tries again" if code.startswith("http_5") or code == "connect" else None
