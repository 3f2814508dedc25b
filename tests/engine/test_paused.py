"""A watch that somebody silenced: its occurrences are recorded and not paid, until it is resumed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import make_watch
from tests.engine.conftest import opened
from tests.engine.test_daemon import daemon_of, driven
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio


async def test_an_occurrence_of_a_paused_watch_is_skipped_and_not_paid(state: Path) -> None:
    clock = driven()
    watch, other = make_watch(), make_watch(name="another")
    async with ScriptedApi() as api, opened(state, api, clock) as desk, daemon_of(desk, watch, other) as daemon:
        now = clock.now()
        desk.store.pause_watch(watch.name, now + timedelta(days=1), now)
        desk.store.pause_watch(other.name, None, now)
        await daemon._start(watch, now)
        await daemon._start(other, now)
        (record,) = desk.store.history(watch.name)
        assert (record.verdict, record.code) == ("SKIPPED", "PAUSED")
        assert record.reason.startswith("paused until 2026-")
        assert desk.store.history(other.name)[0].reason == "paused until monitor resume another"
        assert desk.store.resume_watch(watch.name, now)
        await daemon._start(watch, now + timedelta(minutes=30))
        await daemon.dispatcher.idle()
        assert [each.verdict for each in desk.store.history(watch.name)] == ["BASELINE", "SKIPPED"]
        assert api.posts == 1
