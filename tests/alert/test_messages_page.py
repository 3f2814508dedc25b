"""docs/alerts.md, "Incidents", "Messages" and "Templates": the page's examples are what happens."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.alert import phrases
from monitor.alert.causes import MIN_WATCHES, cause, headline
from monitor.alert.message import compose
from monitor.alert.phrases import NAMES
from monitor.files import durations
from monitor.judge.conditions.check import check_conditions
from monitor.judge.decide import decide
from monitor.judge.decision import Baseline, Kind, WatchState
from monitor.judge.incident import FLAPS, STEADY, WINDOW
from monitor.watch.load import load
from monitor.watch.run import Run
from tests.conftest import make_watch

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVENT = "01JD7Z2V7X3M6Q9T0WA5CE8GHK"
GOOD = {"price": 499.0, "in_stock": True}
SAID = {
    "SITE": "the site shows a captcha",
    "TIMEOUT": "the run took too long",
    "CONFIG": "the API refuses the goal",
    "AGENT": "the agent gave up",
}
STORIES = re.findall(r"<!-- runs every (\w+) -->\n```text\n(.*?)```", PAGE, re.DOTALL)
MESSAGES = re.findall(r"<!-- message -->\n```text\n(.*?)```", PAGE, re.DOTALL)
TEMPLATES = re.findall(r"<!-- template -->\n```yaml\n(.*?)```\n\ngives\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def ending(word: str) -> Outcome:
    return Completed(run_id="r", result=GOOD) if word == "ok" else Failed(fault=Fault(Code(word), SAID[word]))


def rows(story: str) -> list[tuple[list[str], str]]:
    """The runs and the message of every line of a story; `ok x35` is 35 runs."""
    found = []
    for row in story.splitlines():
        runs, _, message = re.sub(r"\s{2,}", "\t", row).partition("\t")
        words = re.sub(r"(\w+) x(\d+)", lambda match: " ".join([match[1]] * int(match[2])), runs).split()
        found.append((words, message.replace("\t", " ").strip()))
    return found


@pytest.mark.parametrize(("every", "story"), STORIES)
def test_each_story_of_incidents_goes_as_the_page_tells_it(every: str, story: str) -> None:
    """C8."""
    watch = make_watch(drift=False, notify=["ops"])
    state, now, numbers = WatchState(), NOW, itertools.count()
    for words, message in rows(story):
        told: list[str] = []
        for word in words:
            now += durations.parse(every)
            run = Run(f"R{next(numbers):06}", watch.name, now)
            decision = decide(watch, run, ending(word), state, now, lambda: EVENT)
            state = decision.state
            notes = [each for note in decision.notifications for each in compose(note, watch, run, now)]
            told += [f"{each.kind} {each.title}" for each in notes]
        assert told == ([message] if message else []), words


WATCH = """
name: espresso-machine
url: https://shop.example/espresso-machine
goal: Find the price.
cron: "0 * * * *"
timezone: Europe/Berlin
drift: false
output_schema:
  type: object
  required: [price, in_stock]
  properties: {price: {type: number}, in_stock: {type: boolean}, rating: {type: number}}
"""


def delivered(rules: str, folder: Path) -> str:
    (folder / "watches").mkdir()
    (folder / "watches" / "x.yaml").write_text(WATCH + rules, encoding="utf-8")
    loaded = load(folder, checks=[check_conditions, phrases.check])
    assert loaded.errors == ()
    watch = loaded.watches["espresso-machine"]
    state = WatchState(watch.fingerprint, Baseline("R0", NOW - timedelta(hours=1), GOOD))
    run = Run("R1", watch.name, NOW)
    outcome = Completed(run_id="r", result={"price": 449.0, "in_stock": False})
    (note,) = decide(watch, run, outcome, state, NOW, lambda: EVENT).notifications
    (made,) = compose(note, watch, run, NOW)
    return f"{made.title}\n\n{made.body}\n"


def test_the_built_in_message_is_the_one_of_the_page(tmp_path: Path) -> None:
    assert [delivered("notify: [ops]\n", tmp_path)] == MESSAGES


@pytest.mark.parametrize(("rules", "text"), TEMPLATES)
def test_each_template_gives_what_the_page_says(rules: str, text: str, tmp_path: Path) -> None:
    assert delivered(rules, tmp_path) == text


def test_the_page_has_its_examples_and_the_figures_of_the_code() -> None:
    assert (len(STORIES), len(MESSAGES), len(TEMPLATES)) == (3, 1, 2)
    assert all(f"| `{name}(" in PAGE for name in NAMES)
    assert {1: "first", 2: "second", 3: "third"}[FLAPS] in "The third incident within 24 hours is told as flapping"
    assert "The third incident within 24 hours is told as flapping" in PAGE
    assert (timedelta(hours=24), timedelta(hours=6), 3) == (WINDOW, STEADY, MIN_WATCHES)
    watch = make_watch()
    for code in (*Code, "GOAL", "SCHEMA"):
        found = cause(Kind.FAILURE, code, watch)
        listed = re.search(r"carry their cause: (.*?)\n.*? are a watch's own\.", PAGE, re.DOTALL)
        assert listed
        assert f"{code}" in listed[0]
        assert (found is None) == (code in re.findall(r"`, with the list\. (.*) are a watch's own", PAGE)[0])
    assert headline("failure", "SITE shop.example", 12) in PAGE
