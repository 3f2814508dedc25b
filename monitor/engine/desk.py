"""What every run of a process shares: the store and its writer, the agent's client, the clock, and who we are.

A value that is handed around; it decides nothing and performs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from monitor.agent.client import Client
from monitor.clock import Clock
from monitor.engine.patience import Patience
from monitor.engine.starts import Ceilings, Pause
from monitor.store.owners import Holder
from monitor.store.store import Store
from monitor.store.writer import Writer
from monitor.watch.model import Watch


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of a process that executing a run needs. `reveal` resolves a secret reference to its value, late.

    `told` is called after a commit that wrote outbox rows, so that the sender wakes without polling. `everyone` gives
    the present watches, for what is told of all at once; `ceilings` what all together may spend at present.
    `patience` is how long to wait for a store that takes nothing: for ever, unless its end is waited for.
    `dashboard` is the origin by which people reach the dashboard, None where it has no public address.
    `schema_refused` is when the API last refused `output_schema` to a key, by its digest.
    """

    store: Store
    writer: Writer
    client: Client
    clock: Clock
    owner: Holder
    reveal: Callable[[str], str]
    told: Callable[[], None] = lambda: None
    everyone: Callable[[], Sequence[Watch]] = tuple
    ceilings: Callable[[], Ceilings] = Ceilings
    dashboard: Callable[[], str | None] = lambda: None
    pause: Pause = field(default_factory=Pause)
    patience: Patience = field(default_factory=Patience)
    schema_refused: dict[str, datetime] = field(default_factory=dict)

    def page(self, *parts: str) -> str | None:
        """Return the address of a page of the dashboard, for a message; None where it has no public address."""
        return address(self.dashboard(), *parts)


def address(origin: str | None, *parts: str) -> str | None:
    """Return the address of a page of the dashboard at `origin`; None where it has no public address."""
    return None if origin is None else "/".join([origin, *(quote(part, safe="") for part in parts)])
