"""`POST /login` and `POST /logout`: a token for a session cookie, and its end (reliability.md row 48).

The page with the form is one of `pages`. Must not know what a session may do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import structlog
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from monitor.clock import Clock
from monitor.web.access import Guesses
from monitor.web.sessions import COOKIE, LASTS, Sessions

log = structlog.get_logger("web")


@dataclass(frozen=True, slots=True)
class SignIn:
    """What it takes to begin a session; `fresh_name` gives a random text that was never given before."""

    sessions: Sessions
    guesses: Guesses
    clock: Clock
    fresh_name: Callable[[], str]
    public: str | None = None


def router(sign_in: SignIn) -> APIRouter:
    """Return the two routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/login")
    async def login(request: Request) -> Response:
        return _logged_in(sign_in, request)

    @routes.post("/logout")
    async def logout(request: Request) -> Response:
        if request.scope["session"] is not None:
            sign_in.sessions.end(request.scope["session"])
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    return routes


def _logged_in(sign_in: SignIn, request: Request) -> Response:
    """Return the way on with a session's cookie, or the way back to the form, saying why."""
    form, now = request.scope["form"], sign_in.clock.monotonic()
    address = request.client.host if request.client else "?"
    following = own_path(form.get("next", "/"))
    if not sign_in.sessions.tokens.needed:
        return RedirectResponse(following, 303)
    back = "/login?" + ("" if following == "/" else f"next={quote(following, safe='')}&")
    if sign_in.guesses.wait(address, now):
        return RedirectResponse(f"{back}wait=1", 303)
    rights = sign_in.sessions.tokens.rights(form.get("token", "").strip())
    if rights is None:
        sign_in.guesses.missed(address, now)
        log.warning("a wrong token at the login page", address=address)
        return RedirectResponse(f"{back}wrong=1", 303)
    response = RedirectResponse(following, 303)
    response.set_cookie(
        COOKIE,
        sign_in.sessions.begun(rights, sign_in.fresh_name(), sign_in.clock.now()),
        max_age=int(LASTS.total_seconds()),
        path="/",
        secure=_over_tls(request, sign_in.public),
        httponly=True,
        samesite="strict",
    )
    log.info("somebody logged in", address=address, rights=rights)
    return response


def own_path(text: str) -> str:
    """Return a path of this server, `/` for anything that a browser could take for another one."""
    plain = text.isascii() and text.isprintable() and "\\" not in text and len(text) <= 2_000
    return text if plain and text.startswith("/") and not text.startswith("//") else "/"


def _over_tls(request: Request, public: str | None) -> bool:
    """Return whether the browser came by the public address, over TLS; headers of a proxy are not believed (row 53)."""
    if public is None or not public.startswith("https://"):
        return False
    return request.headers.get("host", "").lower() == urlsplit(public).netloc
