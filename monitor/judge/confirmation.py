"""Whether a change is told yet: it waits until enough good results in a row agree on it (`confirm`).

Results agree when nothing that is compared differs between them. A bad result says nothing of the page: what waited
waits on. Must not know rules or messages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from monitor.judge.comparison.compare import changes
from monitor.judge.decision import Check, Pending, Verdict
from monitor.judge.verdict import Judgement
from monitor.watch.model import Watch
from monitor.watch.run import Run


@dataclass(frozen=True, slots=True)
class Weighed:
    """A judgement after confirmation: what still waits, and the run that is to confirm it."""

    judged: Judgement
    pending: Pending | None = None
    check: Check | None = None


def weighed(watch: Watch, run: Run, judged: Judgement, pending: Pending | None, now: datetime) -> Weighed:
    """Return a good judgement as CHANGED or UNCONFIRMED; `pending` is what waited in the present generation.

    A result that went back to the baseline is UNCHANGED and ends the wait: a flap is recorded, not told.
    """
    if watch.confirm is None or judged.verdict is not Verdict.CHANGED:
        if pending is not None and judged.verdict is Verdict.UNCHANGED:
            went_back = f"back to the baseline: {_runs(pending.runs)} showed a change that was not confirmed"
            return Weighed(replace(judged, reason=went_back))
        return Weighed(judged)
    agreed = _agreed(watch, run, judged, pending, now)
    wanted = watch.confirm.runs
    if agreed.runs >= wanted:
        return Weighed(replace(judged, reason=f"{judged.reason} (confirmed by {agreed.runs} runs in a row)"))
    why = f"{agreed.runs} of {wanted} runs agree: {judged.reason}"
    check = None
    if watch.confirm.every is not None:
        check = Check(now + watch.confirm.every, f"a change waits for confirmation, {agreed.runs} of {wanted}")
    return Weighed(replace(judged, verdict=Verdict.UNCONFIRMED, reason=why), agreed, check)


def _agreed(watch: Watch, run: Run, judged: Judgement, pending: Pending | None, now: datetime) -> Pending:
    if pending is None or changes(pending.result, judged.result, watch.output_schema, watch.compare):
        return Pending(run.id, judged.result, 1, now)
    return replace(pending, runs=pending.runs + 1)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
