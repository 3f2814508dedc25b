"""What an outcome means beside the baseline: the verdict table of interface.md, "Verdicts and codes", as one function.

Must not know what follows from a verdict: incidents, notifications and retries are `incident`'s and `decide`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from monitor.agent.outcome import Cancelled, Code, Completed, Fault, Outcome, TimedOut
from monitor.errors import MonitorError
from monitor.judge import reason
from monitor.judge.comparison.compare import changes
from monitor.judge.decision import Baseline, Change, Coercion, Verdict, Violation
from monitor.judge.schemas import validation
from monitor.judge.values import reading
from monitor.watch.model import Watch

TOLD_AT_ONCE = frozenset({Code.AUTH, Code.BILLING, Code.FORBIDDEN, Code.CONFIG, Code.SECRET})
_HINTS = {
    reading.SCHEMA: "if the page is as it should be, mend output_schema or make the goal more exact",
    reading.GOAL: "see what the agent met on the page; a stealth profile, a proxy or a more exact goal may help",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its one-line reason and all that led to it; `hint` says what a person may do about a bad one."""

    verdict: Verdict
    reason: str
    code: str | None = None
    result: Any = None
    changes: tuple[Change, ...] = ()
    violations: tuple[Violation, ...] = ()
    coerced: tuple[Coercion, ...] = ()
    hint: str | None = None
    fault: Fault | None = None


def judge(watch: Watch, outcome: Outcome, baseline: Baseline | None) -> Judgement:
    """Return what the outcome means; `baseline` is that of the watch's present generation. Never raises (row 97)."""
    if not isinstance(outcome, Completed):
        return _failed(_fault(outcome))
    try:
        return _completed(watch, outcome, baseline)
    except MonitorError as error:
        return _failed(Fault(Code.CONFIG, error.message, hint=error.hint))
    except Exception as error:  # noqa: BLE001 - row 97: whatever a result does to the judge is a verdict, never a crash
        message = f"the result could not be judged: {type(error).__name__}: {validation.capped(str(error))}"
        return _failed(Fault(Code.INTERNAL, message, hint="the raw record of this run is kept; please report it"))


def _completed(watch: Watch, outcome: Completed, baseline: Baseline | None) -> Judgement:
    if outcome.fault is not None:
        violation = Violation("", "json", reason.line(outcome.fault.message))
        return Judgement(
            Verdict.INVALID, violation.message, reading.SCHEMA, violations=(violation,), hint=_HINTS[reading.SCHEMA]
        )
    read = reading.read(outcome.result, watch.output_schema, coerce=watch.compare.coerce)
    if read.code is not None:
        why = reason.line(read.reason)
        return Judgement(
            verdict=Verdict.INVALID,
            reason=why,
            code=read.code,
            result=read.value,
            violations=read.violations,
            coerced=read.coerced,
            hint=_HINTS[read.code],
        )
    if baseline is None:
        return Judgement(Verdict.BASELINE, "first good result", result=read.value, coerced=read.coerced)
    found = changes(baseline.result, read.value, watch.output_schema, watch.compare)
    if not found:
        return Judgement(Verdict.UNCHANGED, "same as the baseline", result=read.value, coerced=read.coerced)
    return Judgement(Verdict.CHANGED, reason.of_changes(found), result=read.value, changes=found, coerced=read.coerced)


def _failed(fault: Fault) -> Judgement:
    why = reason.line(fault.message) or f"the run failed: {fault.code}"
    return Judgement(Verdict.FAILED, why, str(fault.code), hint=fault.hint, fault=fault)


def _fault(outcome: Outcome) -> Fault:
    """Return why a run did not complete, also where an outcome came without its fault; a cancelled run is CANCELLED."""
    fault = outcome.fault
    if isinstance(outcome, Cancelled):
        known = fault or Fault(Code.CANCELLED, "the run was cancelled")
        return replace(known, code=Code.CANCELLED, retryable=False)
    if fault is None:
        code = Code.TIMEOUT if isinstance(outcome, TimedOut) else Code.INTERNAL
        return Fault(code, f"the run ended as {outcome.kind} and nothing says why")
    return fault
