"""`/api/v1`, what a person or a script may order: each a POST, recorded with who and when, counted against ceilings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator
from starlette.responses import Response

from monitor.engine.actions import Answer
from monitor.errors import UsageError
from monitor.files import durations
from monitor.web.api.answers import Name, Ordered, RunId, document, said
from monitor.web.console import Console
from monitor.web.documents import encoded

MessageId = Annotated[
    str, Path(min_length=1, max_length=100, description="A message's number, or its event's id (or its beginning).")
]
TargetName = Annotated[str, Path(min_length=1, max_length=100, description="A target of monitor.yaml.")]
_ANSWERS = said(Ordered, 403, 404, 409)


class RunOrder(BaseModel):
    """How to run."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(False, description="Run and judge, but move no baseline and tell nobody.")


class PauseOrder(BaseModel):
    """For how long to pause: a duration, or an instant; neither is until somebody resumes it."""

    model_config = ConfigDict(extra="forbid")

    for_: str | None = Field(None, alias="for", max_length=20, examples=["2h"], description="30s, 10m, 6h, 7d.")
    until: AwareDatetime | None = None

    @field_validator("for_")
    @classmethod
    def _a_duration(cls, text: str | None) -> str | None:
        if text is not None:
            durations.parse(text)
        return text

    @model_validator(mode="after")
    def _one_end(self) -> PauseOrder:
        if self.for_ is not None and self.until is not None:
            raise ValueError("say `for` or `until`, not both")
        return self

    def end(self, now: datetime) -> datetime | None:
        """Return when the pause ends, None for never; raises UsageError for what no calendar holds."""
        if self.for_ is None:
            return self.until
        try:
            span: timedelta = durations.parse(self.for_)
            return now + span
        except OverflowError:
            raise UsageError("a pause ends within ten years") from None


def router(console: Console) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["orders"])
    _of_watches(routes, console)
    _of_runs(routes, console)
    _of_messages(routes, console)
    _of_targets(routes, console)
    return routes


def _of_watches(routes: APIRouter, console: Console) -> None:
    actions = console.actions

    @routes.post("/watches/{name}/run", responses=_ANSWERS)
    async def run(name: Name, request: Request, order: RunOrder | None = None) -> Response:
        """Run a watch now. Answers at once with the run's id; its record follows. 409 when it runs already."""
        return _said(await actions.run_now(name, _who(request), dry=bool(order and order.dry_run)))

    @routes.post("/watches/{name}/pause", responses=_ANSWERS)
    async def pause(name: Name, request: Request, order: PauseOrder | None = None) -> Response:
        """Silence a watch: it is not run and not paid, and its messages are held until it is resumed."""
        until = (order or PauseOrder.model_validate({})).end(console.clock.now())
        return _said(await actions.pause(name, until, _who(request)))

    @routes.post("/watches/{name}/resume", responses=_ANSWERS)
    async def resume(name: Name, request: Request) -> Response:
        """Reopen a paused watch; what was held is delivered."""
        return _said(await actions.resume(name, _who(request)))


def _of_runs(routes: APIRouter, console: Console) -> None:
    @routes.post("/runs/{run}/cancel", responses=_ANSWERS)
    async def cancel(run: RunId, request: Request) -> Response:
        """Cancel a run in flight at the agent API; what it had reached by then is kept in its record."""
        return _said(await console.actions.cancel(run, _who(request)))


def _of_messages(routes: APIRouter, console: Console) -> None:
    actions = console.actions

    @routes.post("/outbox/{message}/retry", responses=_ANSWERS)
    async def retry(message: MessageId, request: Request) -> Response:
        """Try a message again now, with all its time. 409 when it is delivered already or being sent."""
        return _said(await actions.retry(message, _who(request)))

    @routes.post("/outbox/{message}/drop", responses=_ANSWERS)
    async def drop(message: MessageId, request: Request) -> Response:
        """Close a message without a delivery; it stays visible as dropped."""
        return _said(await actions.drop(message, _who(request)))


def _of_targets(routes: APIRouter, console: Console) -> None:
    @routes.post("/targets/{name}/test", responses=_ANSWERS)
    async def test(name: TargetName, request: Request) -> Response:
        """Send a test message to a target now; 409 when it did not take it."""
        return _said(await console.actions.test_target(name, _who(request)))


def _who(request: Request) -> str:
    return str(request.scope["who"])


def _said(answer: Answer) -> Response:
    return document(encoded(answer.as_json()), 200 if answer.ok else 409)
