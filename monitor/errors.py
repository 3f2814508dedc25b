"""Every exception of the program, in one tree.

    MonitorError                 one line for the user: what, where, why; `hint`: what to do; `exit_code` of the command
    ├── UsageError               exit 2: a command, a setting or a name that cannot be
    │   └── NoSuch               there is no watch, run, message or target of that name
    ├── DefinitionError          exit 2: one or more problems of files, each with its position (`problems`)
    ├── SecretError              exit 2: a secret reference that cannot be resolved; names it, never its value
    ├── StoreError               exit 4: the database
    │   ├── StoreBusy            transient: locked by another process for longer than the time-out
    │   ├── StoreUnwritable      transient: disk full, read-only, I/O error
    │   │   └── StoreReplaced    the file was deleted or replaced while in use; nothing is written to either file
    │   ├── StoreCorrupt         not a database, or a damaged one; never overwritten
    │   ├── StoreNewer           written by a newer version of this program
    │   ├── StoreLocked          another daemon holds this store
    │   └── StoreConflict        the row is not ours to change: judged already, or taken over by another process
    ├── AgentError               the agent API did not answer as it should; `code` is one of `agent.outcome.Code`
    ├── DeliveryError            a target did not take a message; `permanent` and `retry_after` say what to do next
    └── FetchError               a page could not be fetched; `code` says why

`transient` is a class attribute: True where the same call may succeed later without anybody changing anything.
This module knows nothing of any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class MonitorError(Exception):
    """An error that a user can be shown in one line; `hint` says what to do about it."""

    exit_code: int = 3
    transient: bool = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(MonitorError):
    """A command, a setting or a name that cannot be."""

    exit_code = 2


class NoSuch(UsageError):
    """There is no watch, run, message or target of that name."""


class DefinitionError(MonitorError):
    """Problems of the user's files, each with its position; `problems` holds `files.problems.Problem` values."""

    exit_code = 2

    def __init__(self, problems: Sequence[Any]) -> None:
        self.problems = tuple(problems)
        more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
        super().__init__(f"{self.problems[0]}{more}" if self.problems else "no problem")


class SecretError(MonitorError):
    """A secret reference that cannot be resolved; the text names the reference and never the value."""

    exit_code = 2


class StoreError(MonitorError):
    """The database cannot do what was asked."""

    exit_code = 4


class StoreBusy(StoreError):
    """The database stayed locked by another process for longer than the time-out."""

    transient = True


class StoreUnwritable(StoreError):
    """The database cannot be written: disk full, read-only, or an I/O error."""

    transient = True


class StoreReplaced(StoreUnwritable):
    """The database file was deleted or replaced while in use; nothing is written until it is put back."""


class StoreCorrupt(StoreError):
    """The file is damaged or is not a database; it is left as it is."""


class StoreNewer(StoreError):
    """The database was written by a newer version of this program; it is left as it is."""


class StoreLocked(StoreError):
    """Another daemon holds this store; the message names its process."""


class StoreConflict(StoreError):
    """The row is not ours to change: the run is judged already, or was taken over; nothing was written."""


class AgentError(MonitorError):
    """The agent API did not answer as it should; `code` is a stable code, `retry_after` seconds if it said so."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status
        self.retry_after = retry_after


class DeliveryError(MonitorError):
    """A target did not take a message; `permanent` when repeating cannot help, `retry_after` in seconds."""

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


class FetchError(MonitorError):
    """A page could not be fetched; `code` is a stable word such as `blocked_address`, `too_large`, `http_404`."""

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code
