"""Trying a definition on what was recorded: what another `when` or `compare` would have told, and what is noisy.

Reads only, one at a time: each judges hundreds of stored results again. Must not know how judging works.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from monitor.alert.targets import key
from monitor.engine import tuning
from monitor.errors import DefinitionError, UsageError
from monitor.files import documents
from monitor.watch.compare import Compare
from monitor.watch.model import Watch
from monitor.watch.notify import Rule
from monitor.web.pages.rendering import fragment, is_fragment, page
from monitor.web.pages.watch import address, definition, found

if TYPE_CHECKING:
    from monitor.judge.tuning.backtest import BacktestReport
    from monitor.judge.tuning.noise import NoiseReport
    from monitor.store.store import Store
    from monitor.web.console import Console

SPANS = {"7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
MOST_RECORDS = 5_000  # judged again
MOST_SHOWN = 100
UNFOLDED = 20  # rows; the others open with a click
_MOST_TEXT = 4_000  # characters of a condition or of `compare`
_NOBODY = "backtest"  # whom a watch without rules would have told


@dataclass(frozen=True, slots=True)
class Trial:
    """What somebody wants to try, as it was typed."""

    when: str
    once: bool
    compare: str
    span: str

    @classmethod
    def of(cls, given: Mapping[str, str], watch: Watch) -> Trial:
        """Return what the parameters of an address say; what the watch has now where they say nothing."""
        span = given.get("span", "30d")
        span = span if span in SPANS else "30d"
        if "when" not in given:
            return cls(_present(watch), False, compare_text(watch), span)
        return cls(given["when"].strip(), given.get("once") == "on", given.get("compare", "").strip(), span)


def _present(watch: Watch) -> str:
    """Return the one condition that the rules of a watch have; nothing where they have none or several."""
    found_ = {rule.when for rule in watch.notify if "change" in rule.on}
    return next(iter(found_)) or "" if len(found_) == 1 else ""


def compare_text(watch: Watch) -> str:
    """Return `compare` as lines of the watch file, JSON inside; nothing where it is as by default."""
    import json

    fields = watch.compare.model_dump(mode="json", exclude_defaults=True)
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())


def tried(watch: Watch, trial: Trial) -> Watch:
    """Return the watch as it would be; raises UsageError with what is wrong, in one line."""
    from monitor.judge.conditions.check import check_conditions

    if max(len(trial.when), len(trial.compare)) > _MOST_TEXT:
        raise UsageError("that is too long to be tried")
    changed = watch.model_copy(update={"notify": _rules(watch, trial), "compare": _compare(trial.compare)})
    changed.__dict__.pop("fingerprint", None)  # it was computed for the definition that was copied
    problem = next((each for each in check_conditions(changed) if not each.warning), None)
    if problem is not None:
        raise UsageError(f"when: {problem.message}", hint=problem.hint)
    return changed


def meant(watch: Watch, trial: Trial) -> str | None:
    """Return the condition with the bare fields of the result as `new.field`, where that is one that works."""
    fields = "|".join(re.escape(str(name)) for name in watch.output_schema.get("properties", ()))
    if not fields or len(trial.when) > _MOST_TEXT:
        return None
    words = re.compile(rf"""("[^"]*"|'[^']*')|(?<![\w.])({fields})(?![\w(])""")  # texts stay as they are
    better = words.sub(lambda found_: found_[1] or f"new.{found_[2]}", trial.when)
    if better == trial.when:
        return None
    try:
        tried(watch, replace(trial, when=better))
    except UsageError:
        return None
    return better


def by_kind(report: BacktestReport, side: str) -> str:
    """Return how many alerts of each kind there were, `then` or `now`: `2 change, 1 failure`."""
    counts: Counter[str] = Counter()
    for alert, count in report.alerts(side).items():
        counts[str(alert.kind)] += count
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "none"


def _rules(watch: Watch, trial: Trial) -> tuple[Rule, ...]:
    telling = [rule for rule in watch.notify if "change" in rule.on] or [Rule(to=(_NOBODY,))]
    condition = {"when": trial.when, "once": trial.once} if trial.when else {}
    try:
        return tuple(Rule.model_validate({"to": rule.to, "on": rule.on, **condition}) for rule in telling)
    except ValidationError as error:
        raise UsageError(f"when: {_first(error)}") from None


def _compare(text: str) -> Compare:
    """Return what lines of `compare:` mean; raises UsageError."""
    if not text:
        return Compare()
    try:
        value: Any = documents.parse(text, "compare")[0].value
        return Compare.model_validate(value.get("compare", value) if isinstance(value, dict) else value)
    except DefinitionError as error:
        raise UsageError(str(error)) from None
    except ValidationError as error:
        raise UsageError(f"compare: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def backtest(store: Store, watch: Watch, since: datetime) -> BacktestReport:
    """Return what a definition makes of the newest 5,000 stored runs."""
    from monitor.judge.tuning import backtest as judging

    return judging.backtest(watch, tuning.judged(store, watch.name, MOST_RECORDS), since, named=key)


def noise(store: Store, watch: Watch) -> NoiseReport:
    """Return which fields of a watch are noisy, and the lines that would quiet them."""
    from monitor.judge.tuning import noise as judging

    return judging.noise(tuning.good(store, watch), watch)


def _asked(watch: Watch, trial: Trial) -> dict[str, Any]:
    """Return what the page of a trial shows before it is tried."""
    return {
        "watch": watch,
        "trial": trial,
        "report": None,
        "wrong": None,
        "instead": None,
        "base": address(watch.name),
        "watch_zone": watch.timezone,
        "most": MOST_SHOWN,
        "few": UNFOLDED,
        "by_kind": by_kind,
        "spans": tuple(SPANS),
        "definition": definition(watch),
    }


def router(console: Console) -> APIRouter:
    """Return the routes of trying: a page each, or the report alone for htmx."""
    routes = APIRouter(include_in_schema=False)
    one_at_a_time = asyncio.Semaphore(1)

    @routes.get("/watches/{name}/backtest")
    async def try_out(name: str, request: Request) -> Response:
        watch, now = found(console, name), console.clock.now()
        trial = Trial.of(request.query_params, watch)
        values = _asked(watch, trial)
        if "when" in request.query_params:
            try:
                changed = tried(watch, trial)
                async with one_at_a_time:
                    values["report"] = await console.read(backtest, console.store, changed, now - SPANS[trial.span])
            except UsageError as error:
                values["wrong"], values["instead"] = error, meant(watch, trial)
        if is_fragment(request):
            return fragment(request, console, "backtest.html", "report", **values)
        return page(request, console, "backtest.html", **values)

    @routes.get("/watches/{name}/noise")
    async def noisy(name: str, request: Request) -> Response:
        watch = found(console, name)
        async with one_at_a_time:
            report = await console.read(noise, console.store, watch)
        values = {"watch": watch, "report": report, "base": address(name), "watch_zone": watch.timezone}
        if is_fragment(request):
            return fragment(request, console, "noise.html", "report", **values)
        return page(request, console, "noise.html", **values)

    return routes
