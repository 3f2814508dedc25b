"""A request that the embedded agent does not take, in the API's own error envelope (agent-api.md 9).

Knows no web framework.
"""

from __future__ import annotations

from typing import Any

from monitor.errors import AgentError


class RequestError(AgentError):
    """An HTTP error of the API: `status`, the API's `code`, a message and, for 400, the list of issues."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        issues: list[dict[str, Any]] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, status=status, retry_after=retry_after)
        self.issues = issues

    def body(self) -> dict[str, Any]:
        """Return the envelope `{"error": {"code", "message", "details"?}}`."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.issues is not None:
            error["details"] = self.issues
        return {"error": error}


def invalid(issues: list[dict[str, Any]]) -> RequestError:
    """Return the 400 of a request with these issues; the message names the first."""
    first = issues[0]
    where = ".".join(str(part) for part in first["path"])
    message = f"{where}: {first['message']}" if where else str(first["message"])
    return RequestError(400, "INVALID_INPUT", message, issues=issues)


def issue(path: list[str | int], message: str, code: str = "custom") -> dict[str, Any]:
    """Return one entry of `details`, shaped as the API's validation library shapes it."""
    return {"code": code, "path": path, "message": message}
