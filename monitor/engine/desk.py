"""What every run of a process shares: the store and its writer, the agent's client, the clock, and who we are.

A value that is handed around; it decides nothing and performs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.agent.client import Client
from monitor.clock import Clock
from monitor.engine.patience import Patience
from monitor.engine.starts import Pause
from monitor.store.owners import Owner
from monitor.store.store import Store
from monitor.store.writer import Writer
from monitor.watch.model import Watch


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of a process that executing a run needs. `reveal` resolves a secret reference to its value, late.

    `told` is called after a commit that wrote outbox rows, so that the sender wakes without polling. `everyone` gives
    the present watches, for what is told of all at once; `runs_per_day` is the ceiling of all together, None for none.
    `patience` is how long to wait for a store that takes nothing: for ever, unless its end is waited for.
    `schema_refused` is when the API last refused `output_schema` to a key, by its digest.
    """

    store: Store
    writer: Writer
    client: Client
    clock: Clock
    owner: Owner
    reveal: Callable[[str], str]
    told: Callable[[], None] = lambda: None
    everyone: Callable[[], Sequence[Watch]] = tuple
    runs_per_day: int | None = None
    pause: Pause = field(default_factory=Pause)
    patience: Patience = field(default_factory=Patience)
    schema_refused: dict[str, datetime] = field(default_factory=dict)
