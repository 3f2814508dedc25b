"""What the other targets are told when one refuses messages for good (reliability.md C4). Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor.alert import plain
from monitor.alert.announce import event_of
from monitor.judge.decision import Kind
from monitor.store.records import Delivery, NewDelivery

_TITLE = 200


def announcement(
    lost: Delivery, why: str, others: Iterable[str], now: datetime, *, whole: bool
) -> tuple[NewDelivery, ...]:
    """Return one message for each of `others`, saying that the target of `lost` takes nothing (`whole`) or not this."""
    what = "takes no messages" if whole else "refused a message"
    name = plain.defused(plain.line(lost.target))
    title = plain.shortened(f'goal-monitor: the target "{name}" {what}', _TITLE)
    about = f" of {plain.defused(plain.line(lost.watch))}" if lost.watch else ""
    event = event_of(f"dead {whole} {lost.target}", lost.run)
    body = "\n".join(
        [
            f"A message{about} was given up: {plain.defused(plain.line(why))}.",
            f"It is kept, as is what the target refuses from now on: monitor outbox retry {lost.id}",
            "When the target's definition is changed, its dead letters are sent again by themselves.",
            "",
            f"{now:%Y-%m-%d %H:%M:%S} UTC",
            f"event {event}",
        ]
    )
    return tuple(NewDelivery(event, other, str(Kind.FAILURE), title, body) for other in others)
