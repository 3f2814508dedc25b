"""The tracker's table as a picture: what the docs show is what the table gives."""

from __future__ import annotations

import re
from pathlib import Path

from monitor.agent.happenings import Happening
from monitor.agent.table import TABLE, State, diagram

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_diagram_of_the_page_is_what_the_table_gives() -> None:
    blocks = re.findall(r"```mermaid\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert diagram() in blocks, "python -c 'from monitor.agent.table import diagram; print(diagram())'"


def test_the_diagram_has_every_state_and_every_arrow() -> None:
    drawn = set(re.findall(r"(\w+) --> (\w+):", diagram()))
    arrows = {
        (state.name, lead.name) for state, steps in TABLE.items() for step in steps.values() for lead in step.leads
    }
    assert arrows <= drawn
    assert {name for arrow in arrows for name in arrow} == {state.name for state in State}


def test_everything_that_can_happen_means_something_somewhere() -> None:
    kinds = {kind for steps in TABLE.values() for kind in steps}
    assert kinds == set(Happening.__args__)  # type: ignore[attr-defined] # a union has its members
