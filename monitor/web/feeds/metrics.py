"""`/metrics` for Prometheus, computed from the store at each scrape: what one process would count in memory, a restart
would forget. Label sets are bounded: at most `LABELLED` watches have series of their own.

docs/grafana-dashboard.json and docs/alert-rules.yml are made for these names. Must not know what is healthy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.responses import Response

from monitor import __version__
from monitor.judge.decision import Verdict
from monitor.store.stops import PROBES
from monitor.store.views import figures
from monitor.store.views.figures import Scrape, Tally
from monitor.web.console import Console

LABELLED = 500  # watches with series of their own, the first by name
WINDOW = timedelta(hours=1)  # of durations and lateness
QUANTILES = (0.5, 0.9, 0.99, 1.0)
_PREFIX = "goal_monitor_"


def router(console: Console) -> APIRouter:
    """Return the route of the metrics."""
    routes = APIRouter(include_in_schema=False)
    tally = Tally()
    process = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=process)

    @routes.get("/metrics")
    async def metrics() -> Response:
        now = console.clock.now()
        found = await console.view(figures.scrape, tally, now, WINDOW)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(list(collected(console, found, now))))
        return Response(generate_latest(registry) + generate_latest(process), media_type=CONTENT_TYPE_LATEST)

    return routes


class _Collected:
    """Metrics that were computed already, as a registry wants them."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def collected(console: Console, found: Scrape, now: datetime) -> Iterator[Metric]:
    """Yield every metric of one scrape."""
    yield _gauge("info", "The version that runs", [((__version__,), 1)], "version")
    yield _verdicts(found)
    yield _quantiles("run_seconds", "How long runs took that began in the last hour", found.times.took)
    yield _quantiles("lateness_seconds", "How late scheduled runs began in the last hour", found.times.late)
    yield _gauge("runs_recent", "Runs that began in the last hour", [((), len(found.times.took))])
    yield _gauge("runs_in_flight", "Runs that are not judged yet", [((), found.in_flight)])
    yield _gauge("retries_waiting", "Paid retries that wait for their time", [((), found.retries)])
    states = [((state,), found.messages.get(state, 0)) for state in ("pending", "sending", "dead")]
    yield _gauge("outbox_messages", "Messages that are not delivered, by state", states, "state")
    age = (now - found.oldest).total_seconds() if found.oldest is not None else 0.0
    yield _gauge(
        "outbox_oldest_seconds", "Age of the oldest message that waits for its delivery", [((), max(0.0, age))]
    )
    yield from _spending(console, found)
    stops = [((kind,), int(kind in found.stops)) for kind in sorted(PROBES)]
    yield _gauge(
        "breaker_open", "1 while no run is started: the key is refused, or there are no credits", stops, "kind"
    )
    yield from _watches(console, found)
    yield from _process(console, found)


def _verdicts(found: Scrape) -> Metric:
    metric = CounterMetricFamily(
        f"{_PREFIX}records", "Occurrences by verdict, those that did not run too", labels=["verdict"]
    )
    for verdict in Verdict:
        metric.add_metric([str(verdict)], found.verdicts.get(str(verdict), 0))
    return metric


def _spending(console: Console, found: Scrape) -> Iterator[Metric]:
    settings = console.settings()
    yield _gauge("spend_runs_today", "Runs that were begun in this UTC day", [((), found.runs_today)])
    yield _gauge(
        "spend_steps_today", "Steps of this UTC day; unknown ones are counted as usual", [((), found.steps_today)]
    )
    yield _gauge("spend_usd_today", "Dollars of this UTC day, about", [((), found.steps_today * settings.price)])
    yield _gauge("spend_runs_ceiling", "Runs that a UTC day may have", [((), settings.runs_per_day)])
    if settings.usd_per_day is not None:
        yield _gauge("spend_usd_ceiling", "Dollars that a UTC day may cost", [((), settings.usd_per_day)])


def _watches(console: Console, found: Scrape) -> Iterator[Metric]:
    watches = console.watches()
    enabled = [name for name, watch in watches.items() if watch.enabled]
    known = {name: found.standings[name] for name in watches if name in found.standings}
    failing = [name for name, standing in known.items() if standing.failing_since is not None]
    counts = {
        "enabled": len(enabled),
        "disabled": len(watches) - len(enabled),
        "paused": sum(standing.paused for standing in known.values()),
        "failing": len(failing),
    }
    yield _gauge("watches", "Watches by state", [((state,), count) for state, count in counts.items()], "state")
    shown = sorted(known)[:LABELLED]
    states = [((name,), int(known[name].failing_since is not None)) for name in shown]
    yield _gauge("watch_failing", f"1 while a watch fails; of the first {LABELLED} by name", states, "watch")
    good = [((name,), at.timestamp()) for name in shown if (at := known[name].last_good_at) is not None]
    yield _gauge("watch_last_good_timestamp_seconds", "When a watch last gave a valid result", good, "watch")


def _process(console: Console, found: Scrape) -> Iterator[Metric]:
    health = console.health()
    parts = [((part,), int(why is None)) for part, why in health.parts.items()]
    yield _gauge("healthy", "1 while a part of the daemon moves", parts, "part")
    yield _gauge("started_timestamp_seconds", "When the daemon started", [((), console.started_at.timestamp())])
    if found.reload is not None:
        at = found.reload.at.timestamp()
        yield _gauge("reload_timestamp_seconds", "When the definitions were last read", [((), at)])
        problems = len(found.reload.problems)
        yield _gauge("reload_problems", "Problems of the definitions when they were last read", [((), problems)])


def _gauge(name: str, help_text: str, values: Sequence[tuple[tuple[Any, ...], float]], *labels: str) -> Metric:
    metric = GaugeMetricFamily(_PREFIX + name, help_text, labels=list(labels))
    for label_values, value in values:
        metric.add_metric([str(each) for each in label_values], value)
    return metric


def _quantiles(name: str, help_text: str, values: Sequence[float]) -> Metric:
    """Return the quantiles of sorted values; no series where there is none."""
    shares = (
        []
        if not values
        else [((quantile,), values[min(len(values) - 1, int(quantile * len(values)))]) for quantile in QUANTILES]
    )
    return _gauge(name, help_text, shares, "quantile")
