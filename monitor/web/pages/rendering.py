"""From a template to a response: the one Jinja environment, what every page is given, and how errors look.

Escaping is on by construction and everything shown is stripped of characters that cannot be seen (reliability.md F5,
part 3 rows 32-33, 46). Must not know what a page is about.
"""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from monitor.web.pages import static, wording

if TYPE_CHECKING:
    from starlette.requests import Request

    from monitor.web.console import Console

# Controls but tab and line feed, what reorders or hides text, and halves of surrogate pairs, which UTF-8 cannot hold.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
THEMES = ("light", "dark")
FLASH = "monitor_told"  # a cookie: what an order said, until the next page
_MOST_SAID = 500  # characters


def seen(value: Any) -> Any:
    """Return what a template is about to show without characters that cannot be seen; markup of ours as it is."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return _UNSEEN.sub("", value)
    return "" if value is None else value


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates, compiled when first shown."""
    made = Environment(
        loader=PackageLoader("monitor.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=seen,
        auto_reload=False,
    )
    made.filters.update(wording.FILTERS)
    made.globals.update(static=static.address)
    made.globals["parts"] = made.get_template("parts.html").module  # blocks that are shown alone need it too
    return made


def is_fragment(request: Request) -> bool:
    """Return whether htmx asks for a part of a page; where it goes back in history it wants the whole."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"


def page(request: Request, console: Console, name: str, **values: Any) -> Response:
    """Return a whole page; what an order just said is shown once."""
    response = HTMLResponse(environment().get_template(name).render(**{**_shared(request, console), **values}))
    if FLASH in request.cookies:
        response.delete_cookie(FLASH, httponly=True, samesite="strict")
    return response


def fragment(request: Request, console: Console, name: str, block: str, **values: Any) -> Response:
    """Return one block of a page's template, for htmx to put in place."""
    template = environment().get_template(name)
    context = template.new_context({**_shared(request, console), **values})
    return HTMLResponse("".join(template.blocks[block](context)), headers={"Vary": "HX-Request"})


def _shared(request: Request, console: Console) -> dict[str, Any]:
    settings = console.settings()
    return {
        "now": console.clock.now(),
        "pace": getattr(console.clock, "speed", 1.0),
        "zone": settings.timezone,
        "price": settings.price,
        "reload_problems": sum(not problem.warning for problem in console.problems()),
        **_of(request),
    }


def _of(request: Request) -> dict[str, Any]:
    theme = request.cookies.get("theme")
    scope = request.scope
    return {
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "theme": theme if theme in THEMES else None,
        "csrf": scope.get("csrf", ""),
        "may_order": scope.get("rights", "full") == "full",
        "signed_in": scope.get("session") is not None,
        "flash": _flash(request),
    }


def problem_page(request: Request, status: int, message: str) -> Response:
    """Return the page of an error; it needs no store and no console."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    if is_fragment(request):
        text = environment().get_template("told.html").render(ok=False, message=message)
        return HTMLResponse(text, status, headers={"HX-Retarget": "#told", "HX-Reswap": "innerHTML"})
    values = {"status": status, "phrase": phrase, "message": message, "reload_problems": 0, **_of(request)}
    return HTMLResponse(environment().get_template("problem.html").render(**values), status)


def told(request: Request, *, ok: bool, message: str, back: str) -> Response:
    """Return what came of an order: a line for htmx, else the page it was ordered from, which shows the line."""
    if is_fragment(request):
        text = environment().get_template("told.html").render(ok=ok, message=message)
        return HTMLResponse(text, headers={"HX-Trigger": "ordered", "HX-Retarget": "#told", "HX-Reswap": "innerHTML"})
    response = RedirectResponse(back, 303)
    said = quote(f"{ok:d}{message}"[:_MOST_SAID])
    response.set_cookie(FLASH, said, max_age=30, httponly=True, samesite="strict")
    return response


def _flash(request: Request) -> tuple[bool, str] | None:
    """Return what an order that led here said; anybody may write a cookie, so it is shown like any other text."""
    said = unquote(request.cookies.get(FLASH, "")[: 3 * _MOST_SAID])
    return (said[0] == "1", said[1:]) if said[:1] in {"0", "1"} and len(said) > 1 else None
