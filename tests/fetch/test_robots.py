"""robots.txt by RFC 9309: groups, the longest rule, wildcards, and what is no rule."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.fetch.robots import MAX_DELAY, parse

OURS = "User-agent: goal-monitor"
LONGEST = "User-agent: *\nDisallow: /shop\nAllow: /shop/open\nDisallow: /shop/open/not\nAllow: /tie\nDisallow: /tie"
WILD = "User-agent: *\nDisallow: /*.pdf$\nDisallow: /a*b*c\nDisallow: /end$\nDisallow: /*?sort="


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/", True),
        ("User-agent: *\nDisallow:", "/x", True),
        ("User-agent: *\nDisallow: /", "/x", False),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("user-AGENT : Goal-Monitor/2.0\ndisallow : /x # why\n\nUser-agent: *\nDisallow: /", "/y", True),
        ("user-agent: goal-monitor\ndisallow: /x", "/x/y", False),
        ("User-agent: goal-monitor-x\nDisallow: /", "/x", True),
        ("User-agent: other\nUser-agent: goal-monitor\nDisallow: /x", "/x", False),
        (f"{OURS}\nDisallow: /x\nUser-agent: a\nDisallow: /\n{OURS}\nDisallow: /y", "/y", False),
        ("User-agent: goal-monitor\nDisallow: /x\n\nUser-agent: goal-monitor\nDisallow: /y", "/x", False),
        ("User-agent: goal-monitor\n\nDisallow: /x", "/x", False),
        ("Disallow: /x", "/x", True),
        ("\ufeffUser-agent: *\r\nDisallow: /x\r\n", "/x", False),
        ("User-agent: *\nSitemap: /x\nDisallow: /x", "/x", False),
        ("User-agent: *\nDisallow: x", "/x", True),
        (LONGEST, "/shop/closed", False),
        (LONGEST, "/shop/open/1", True),
        (LONGEST, "/shop/open/not/1", False),
        (LONGEST, "/tie", True),
        (WILD, "/x/y.pdf", False),
        (WILD, "/x/y.pdf?1", True),
        (WILD, "/a1b2c3", False),
        (WILD, "/acb", True),
        (WILD, "/end", False),
        (WILD, "/end/", True),
        (WILD, "/list?sort=up", False),
        ("User-agent: *\nDisallow: /%7Ea/ü", "/~a/%C3%BC", False),
        ("User-agent: *\nDisallow: /a%2fb", "/a/b", True),
        ("User-agent: *\nDisallow: /a%2fb", "/a%2Fb", False),
    ],
)  # fmt: skip
def test_the_rules_of_rfc_9309(text: str, path: str, allowed: bool) -> None:
    assert parse(text).allows(path) is allowed


@pytest.mark.parametrize(("said", "delay"), [("2", 2.0), ("1.5", 1.5), ("9999", MAX_DELAY), ("-1", 0.0), ("soon", 0.0)])
def test_a_crawl_delay_is_kept_within_reason(said: str, delay: float) -> None:
    assert parse(f"User-agent: *\nCrawl-delay: {said}").delay == delay


@settings(deadline=None, max_examples=300)
@given(st.text("ab*$", max_size=8), st.text("ab", max_size=10))
def test_patterns_match_as_the_expression_they_stand_for(pattern: str, path: str) -> None:
    expression = "".join(".*" if each == "*" else re.escape(each) for each in pattern.removesuffix("$"))
    expected = re.match("/" + expression + (r"\Z" if pattern.endswith("$") else ""), f"/{path}") is None
    assert parse(f"User-agent: *\nDisallow: /{pattern}").allows(f"/{path}") is expected


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    parse(text).allows("/x")


def test_hostile_rules_cost_little() -> None:
    text = "User-agent: *\n" + "Disallow: /" + "*a" * 1_000 + "b\n" * 1
    text += "Disallow: /" + "*a" * 50 + "\n"
    began = time.process_time()
    parse(text * 50).allows("/" + "a" * 2_000)
    assert time.process_time() - began < 5
