"""Orders given at the command line, written down beside those of the dashboard. Must not carry anything out."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.store.records import Delivery
    from monitor.store.store import Store


def who() -> str:
    """Return who orders, as it is written down: the login name, where the machine knows one."""
    try:
        return f"command line, {getpass.getuser()}"
    except (KeyError, OSError):  # no login name: a container with a number for a user
        return "command line"


def messages(store: Store, action: str, changed: Sequence[Delivery], done: str, now: datetime) -> None:
    """Write down what was ordered of messages, each of which it changed."""
    for message in changed:
        number = store.order(who(), action, str(message.id), now, watch=message.watch)
        store.ended_order(number, f"message {message.id} to {message.target}: {done}")
