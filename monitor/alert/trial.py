"""A test message to one target, sent at once and past the outbox. Blocking; must not know who asks for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from monitor.alert import deliver, plain
from monitor.errors import DeliveryError, SecretError
from monitor.store.records import Delivery
from monitor.watch.run import new_id


def test(name: str, source: str, reveal: Callable[[str], str], now: datetime) -> str | None:
    """Send a test message to a named target; returns why it was not taken, None where it was.

    `source` is the target's URL as the settings write it, references in it resolved by `reveal` only now.
    """
    event = new_id(now)
    title = f"goal-monitor: test message to {plain.defused(plain.line(name))}"
    body = f"This target works.\n\n{now:%Y-%m-%d %H:%M:%S} UTC\nevent {event}"
    message = Delivery(0, event, "", "", name, "test", title, body, "sending", 1, now, now)
    try:
        deliver.send(reveal(source).strip(), message)
    except (DeliveryError, SecretError) as error:
        return str(error)
    return None
