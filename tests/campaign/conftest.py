"""What the tests of the campaign share: one prepared stage, since preparing takes longer than a life."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaign import scenes
from campaign.scenes import SCENES, Player

CHANGE = next(index for index, scene in enumerate(SCENES) if scene.name == "change")


@pytest.fixture(scope="session")
def player() -> Iterator[Player]:
    with scenes.players(1, (SCENES[CHANGE],)) as found:
        yield found[0]
