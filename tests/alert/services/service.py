"""What every service here has: a real server, the apprise URL that leads to it, its rules, and what a reader would see.

A service judges each request as the real one does, by its documented limits and refusals; what it takes is kept as
`shown`: the text a person reads, its markup resolved, and `alive`, whatever in it would act on a person.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from tests.sinks import Answer, Received, WebhookSink

TOKEN = "T0kenCanary4711xyz"  # part of every URL here: it must not be in any error


@dataclass(frozen=True)
class Shown:
    """A message as its reader sees it; `alive` names what would call somebody, hide, or lead elsewhere than it says."""

    title: str
    text: str
    alive: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        return f"{self.title}\n{self.text}"


class RefusedError(Exception):
    """The service does not take a request: how it says so."""

    def __init__(self, status: int, body: Any = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        text = body if isinstance(body, str) else json.dumps(body)
        self.answer = Answer(status, body=text.encode(), headers=headers or {})


class Service(WebhookSink):
    """A server with the rules of one service; `refuse_all` makes it answer every request with a refusal."""

    name: ClassVar[str]
    taken: ClassVar[Answer] = Answer(200)
    slow_down: ClassVar[tuple[Any, dict[str, str]]] = ("", {"Retry-After": "30"})  # body and headers of its 429

    def __init__(self) -> None:
        super().__init__(self._judged)
        self.shown: list[Shown] = []
        self.refused = 0
        self._refusal: Answer | None = None

    def apprise(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """Return the target's URL; a service with a fixed address is found at this server instead."""
        raise NotImplementedError

    def read(self, request: Received) -> Shown:
        """Return what the service shows of a request, or raise RefusedError."""
        raise NotImplementedError

    def refuse_all(self, status: int, body: Any = "", headers: dict[str, str] | None = None) -> None:
        self._refusal = RefusedError(status, body, headers).answer

    def refuse_pace(self) -> None:
        """Answer 429 as the service documents it: come again in 30 s."""
        self.refuse_all(429, *self.slow_down)

    def _judged(self, request: Received) -> Answer:
        if self._refusal is not None:
            self.refused += 1
            return self._refusal
        try:
            shown = self.read(request)
        except RefusedError as error:
            self.refused += 1
            return error.answer
        self._note(self.shown, shown)
        return self.taken


def parsed(request: Received, status: int = 400) -> Any:
    """Return the JSON of a request; whatever is no JSON, or holds half a character, is refused."""
    try:
        found = json.loads(request.body)
        json.dumps(found, ensure_ascii=False).encode()
    except ValueError:
        raise RefusedError(status, "invalid JSON") from None
    return found
