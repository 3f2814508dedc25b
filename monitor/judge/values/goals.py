"""Whether an answer says by itself that the goal was not met, under a run that ended COMPLETED (agent-api.md 6.4, B2).

What the schema declares is the page's own data and is never taken for a failure by its name. Must not know baselines.
"""

from __future__ import annotations

import re
from typing import Any

from monitor.judge.schemas import validation
from monitor.judge.schemas.scope import Scope
from monitor.judge.schemas.validation import Compiled
from monitor.judge.values import words

LONGEST = 300  # characters of a text that can be a wall's, not the page's
_FAILING = {"failure", "failed", "fail", "error", "unsuccessful", "blocked"}
_WHY = ("reason", "error", "message", "errors", "detail")
_NOT_DONE = ("success", "ok")
_PROSE = re.compile(
    r"captcha|access denied|blocked|could not|couldn't|unable to|cannot (?:access|load|find)|failed to|"
    r"not (?:able|possible) to|are you (?:a )?(?:robot|human)",
    re.IGNORECASE,
)
# What is said of a page that was not seen, and never of a page that was: "could not find any" may be the answer.
_SHUT = re.compile(
    r"captcha|access denied|blocked by|are you (?:a )?(?:robot|human)|"
    r"(?:could not|couldn't|unable to|cannot|can't|failed to|not (?:able|possible) to) (?:be )?"
    r"(?:load|open|access|reach|connect|log ?in|sign in)",
    re.IGNORECASE,
)
# What pages that keep robots out say where the agent looked for a value; at the very beginning of a short text only.
_WALL = re.compile(
    r"\W*(?:error\W+)?(?:access (?:to this page has been )?denied|are you (?:a )?(?:robot|human)|captcha\b|recaptcha|"
    r"(?:please )?(?:verify|confirm|prove) (?:that )?you(?:'re| are) (?:a |not a )?(?:human|robot|bot)|"
    r"(?:please )?(?:complete|solve) (?:the|this) (?:captcha|security check)|just a moment|attention required|"
    r"checking (?:your browser|if the site connection)|pardon our interruption|robot check|request blocked|"
    r"you have been blocked|(?:sorry, )?you are (?:not allowed|blocked)|(?:403|401|429|503)\b|forbidden|"
    r"too many requests|service unavailable|unusual traffic|enable javascript|please enable (?:javascript|cookies)|"
    r"bot detect|could not|unable to|cannot (?:access|load|find)|failed to)",
    re.IGNORECASE,
)


def failed(value: Any, compiled: Compiled) -> str | None:
    """Return one line when a value says that the goal was not met, unless the schema declares the very words of it."""
    if isinstance(value, str):
        words_of_it = _PROSE.search(value[: 10 * LONGEST])
        return f"the agent answered with text: {validation.excerpt(value.strip())}" if words_of_it else None
    if not isinstance(value, dict):
        return None
    declared = compiled.scope.properties
    return _envelope(value, declared) or _nothing(value, compiled) or _walled(value, compiled.scope)


def _envelope(value: dict[str, Any], declared: dict[str, Scope]) -> str | None:
    """Return why a value is an agent's own report of a failure, by keys that the schema does not declare.

    Beside such a report 0, false, "" and [] are what an agent fills in that saw nothing: they tell no more than null.
    """
    told = any(not _filler(value.get(name)) for name in declared)
    status = value.get("status")
    failing = "status" not in declared and isinstance(status, str) and status.strip().casefold() in _FAILING
    why = next((value[name] for name in _WHY if name not in declared and not _filler(value.get(name))), None)
    if failing and (why or not told):
        return f"the agent says the goal failed: {_line(why or status)}"
    if told:
        return None
    if any(name not in declared and value.get(name) is False for name in _NOT_DONE):
        return f"the agent says the goal failed: {_line(why) if why else 'it says no more'}"
    for name in ("error", "errors"):
        if name not in declared and not _filler(value.get(name)):
            return f"the agent says the goal failed: {_line(value[name])}"
    # "No jobs: could not find any" beside an empty list is an answer; a page that could not be loaded is none.
    prose = _PROSE if all(value.get(name) is None for name in declared) else _SHUT
    texts = (item for name, item in value.items() if name not in declared and isinstance(item, str))
    said = next((text for text in texts if declared and len(text) <= LONGEST and prose.search(text)), None)
    return f"the agent answered with text: {_line(said)}" if said else None


def _filler(item: Any) -> bool:
    """Return whether a value is null, 0, false, a text that says nothing, or holds nothing but these."""
    if isinstance(item, str):
        return words.nothing(words.cleaned(item))
    if isinstance(item, dict):
        return all(map(_filler, item.values()))
    return all(map(_filler, item)) if isinstance(item, list) else not item


def _nothing(value: dict[str, Any], compiled: Compiled) -> str | None:
    """Return why an answer holds nothing. A single required value may be empty where the schema allows that."""
    scope = compiled.scope
    if not scope.required:
        return None
    if all(item is None for item in value.values()):
        single = value and len(scope.required) == 1 and compiled.valid(value)
        return None if single else _empty(value)
    texts = [name for name in scope.required if isinstance(value.get(name), str)]
    if len(scope.required) > 1 and texts and all(_blank(item, scope.child(name)) for name, item in value.items()):
        return "the agent found nothing: every value is empty"
    return None


def _blank(item: Any, scope: Scope | None) -> bool:
    """Return whether a value holds nothing; a list without items is an answer, and so is a word the schema declares."""
    if item is None:
        return True
    if isinstance(item, str):
        return words.nothing(words.cleaned(item)) and not (scope and _declares(scope, item))
    if isinstance(item, dict) and item:
        return all(_blank(inner, scope.child(name) if scope else None) for name, inner in item.items())
    if isinstance(item, list) and item:
        return all(not isinstance(inner, str) and _blank(inner, scope.item(0) if scope else None) for inner in item)
    return False


def _declares(scope: Scope, text: str) -> bool:
    """Return whether a schema names this text itself, or says outright that text may be empty (`minLength: 0`)."""
    for node in scope.nodes:
        members = node.get("enum")
        options = [*(members if isinstance(members, list) else ()), node.get("const")]
        if text in options or (text == "" and node.get("minLength") == 0):
            return True
    return False


def _walled(value: dict[str, Any], scope: Scope) -> str | None:
    """Return why an answer holds nothing but what a captcha or access-denied page says, in a field or two."""
    declared = scope.properties
    told = {name: value[name] for name in declared if name in value and not _blank(value[name], declared[name])}
    if not told or len(told) > 2 or len(declared) == len(told):  # a title and a text
        return None
    if any(not isinstance(text, str) or _declares(declared[name], text) for name, text in told.items()):
        return None
    if all(len(text) <= LONGEST and _WALL.match(text) for text in told.values()):
        return f"the agent met a page that keeps it out: {_line(next(iter(told.values())))}"
    return None


def _empty(value: dict[str, Any]) -> str:
    return (
        "the agent found nothing: every required value is null"
        if value
        else "the agent found nothing: the result is empty"
    )


def _line(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        value = value["message"]
    return validation.excerpt(value).strip('"')
