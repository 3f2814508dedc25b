"""docs/alerts.md, the part on delivery: its table of two days without a cable, its settings and its commands."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import settings
from tests.alert.boxes import box_of, rounds, say
from tests.alert.rows import open_store
from tests.conftest import SimulatedClock
from tests.sinks import Answer, WebhookSink

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
HOUR = 3_600.0


@pytest.mark.anyio
async def test_two_days_without_a_cable_are_as_the_page_says(tmp_path: Path, clock: SimulatedClock) -> None:
    found = re.search(r"<!-- cable -->\n```text\n(.*?)```", PAGE, re.DOTALL)
    assert found
    lines = [line.split(maxsplit=1) for line in found[1].splitlines()]
    with open_store(tmp_path) as store, WebhookSink() as ops, WebhookSink() as spare:
        sinks = {"ops": ops, "spare": spare}
        ops.always = Answer(close=True)
        box = box_of(store, clock, {name: sink.apprise_url() for name, sink in sinks.items()})
        box.pace = replace(box.pace, look=HOUR)
        seen = {"ops": 0, "spare": 0}
        for hour, what in lines:
            await rounds(box, clock, int(hour) * HOUR - clock.elapsed)
            if what == "the cable is back":
                ops.always, seen["ops"] = Answer(), len(ops.received)
                continue
            name, said = what.split(": ", 1)
            if "price" in said:
                say(store, clock, said.split(":")[0], sinks, said.split(": ")[1])
                await rounds(box, clock, 60)
            titles = [each.json["title"] for each in sinks[name].received[seen[name] :]]
            seen[name] = len(sinks[name].received)
            assert titles == ([] if said == "nothing more" else [said]), (hour, what)
        assert store.outbox_counts() == {"pending": 0, "sending": 0, "dead": 0}


def test_the_settings_of_the_page_load(tmp_path: Path) -> None:
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if re.match("group_|quiet_", block)]
    assert len(blocks) == 2
    (tmp_path / "monitor.yaml").write_text("".join(blocks), encoding="utf-8")
    found = settings.load(tmp_path, {}, {})
    assert (found.group_wait, found.group_by) == (timedelta(seconds=10), "target")
    assert found.quiet_hours is not None
    assert found.quiet_hours.hold == {"change"}
