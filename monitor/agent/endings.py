"""The records of a run and its ends, as outcomes. Pure; must not know how the tracker came to know them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from monitor.agent import faults
from monitor.agent.events import RunSnapshot
from monitor.agent.outcome import Cancelled, Code, Completed, Failed, Fault, NotStarted, Outcome, Proof, TimedOut

_COMPLETED = re.compile(r'"status"\s*:\s*"COMPLETED"')


def lacks_result(run: RunSnapshot | None) -> bool:
    """Return whether a record says COMPLETED and has no result."""
    return run is not None and run.status == "COMPLETED" and run.result is None


def merged(held: RunSnapshot | None, run: RunSnapshot) -> RunSnapshot:
    """Return the record that counts: GET's, but with the result that only COMPLETE had (agent-api.md 6.5)."""
    if held is None or held.status != run.status or not lacks_result(run) or lacks_result(held):
        return run
    return replace(run, result=held.result, raw=held.raw)


def is_about(run: RunSnapshot, run_id: str | None, goal: str) -> bool:
    """Return whether a polled record is about our run (B7); an API may cut the goal that it echoes, not change it."""
    if run.run_id is not None and run.run_id != run_id:
        return False
    return " ".join(goal.split()).startswith(" ".join((run.goal or "").split()))


def carriers(runs: tuple[RunSnapshot, ...], goal: str, only: str | None) -> list[str]:
    """Return the ids of the runs with exactly this goal, oldest first (A2); `only` that one, if it is given."""
    ours = [run for run in runs if run.goal == goal and run.run_id is not None and only in {None, run.run_id}]
    ours.sort(key=lambda run: (run.created_at is None, run.created_at, run.run_id))
    return list(dict.fromkeys(str(run.run_id) for run in ours))


def stays(before: RunSnapshot | None, run: RunSnapshot) -> bool:
    """Return whether a run that is shown as going on shows the same result again (agent-api.md section 10, last)."""
    return before is not None and bool(run.result) and run.result == before.result


def past(run: RunSnapshot, deadline: datetime | None) -> bool:
    """Return whether a run ended at or after its deadline, as far as the two instants are known."""
    return deadline is None or run.finished_at is None or run.finished_at >= deadline


def of_record(run: RunSnapshot, run_id: str | None, *, stopped: Fault | None) -> Outcome:
    """Return the outcome of a terminal record; `stopped` is the fault if we had asked the run to stop."""
    shared: dict[str, Any] = {
        "run_id": run_id or run.run_id,
        "raw": run.raw,
        "steps": run.steps,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }
    if run.status == "COMPLETED":
        return Completed(result=run.result, **shared)
    fault = faults.from_run(run.error, run.status or "FAILED")
    if run.status == "FAILED":
        return Failed(fault=fault, **shared)
    if stopped is not None:
        return stopped_by_us(stopped, **shared)
    return Cancelled(fault=fault, **shared)


def stopped_by_us(fault: Fault, **fields: Any) -> TimedOut | Cancelled:
    """Return the outcome of a run that we stopped: at its deadline, or because somebody asked for it."""
    kind = TimedOut if fault.code is Code.TIMEOUT else Cancelled
    return kind(fault=fault, **fields)


def too_long(timeout: float, what_became: str, status: str | None) -> Fault:
    """Return the fault of a run that passed its deadline; `status` is what it was shown as last."""
    message = f"the run took longer than limits.timeout ({timeout:g} s); {what_became}"
    if status == "PENDING":
        hint = "it was still waiting in the API's queue: lower MONITOR_CONCURRENCY, or raise limits.timeout"
        return Fault(Code.TIMEOUT, f"{message}; it never left PENDING", hint=hint)
    return Fault(Code.TIMEOUT, message, hint="raise limits.timeout, or make the goal smaller")


def asked(why: str, what_became: str) -> Fault:
    """Return the fault of a run that somebody had cancelled."""
    return Fault(Code.CANCELLED, f"{why}; {what_became}")


def absent(cause: Fault | None) -> NotStarted:
    """Return the outcome of a run that was looked for and proved not to exist."""
    cause = cause or Fault(Code.NETWORK, "the process ended before the API had answered")
    return NotStarted(fault=replace(cause, message=f"no run was created: {cause.message}"), proof=Proof.ABSENT)


def gone(run_id: str | None, cause: Fault) -> Failed:
    """Return the outcome of a run that was accepted and that the API does not know any more (row 86)."""
    return Failed(run_id=run_id, fault=replace(cause, message=f"the run is lost: {cause.message}"))


def damaged(run_id: str | None, text: str, fault: Fault) -> Completed | Failed:
    """Return the end of a run whose record is not proper JSON and stays so; the text is kept.

    One that says of itself that it completed has a result of no use: that is INVALID, not a failed run (interface.md).
    """
    kind = Completed if _COMPLETED.search(text) else Failed
    return kind(run_id=run_id, raw=text, fault=fault)


def unknown(run_id: str | None, cause: Fault) -> Failed:
    """Return the outcome of a run whose end could not be established within its budget."""
    message = f"how the run ended could not be established: {cause.message}"
    fault = replace(cause, code=Code.UNKNOWN_OUTCOME, message=message, retryable=False, retry_after=None)
    return Failed(run_id=run_id, fault=fault)
