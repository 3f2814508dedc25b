"""Tokens, names, sessions and origins, as values: what is let in, and that nothing else is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.files.secrets import Secret
from monitor.web.access import GUESSES, WINDOW, Guesses, Names, Tokens
from monitor.web.origin import foreign
from monitor.web.sessions import LASTS, Sessions
from monitor.web.signing_in import own_path
from tests.web.conftest import NOW, READ_TOKEN, TOKEN, TOKENS


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_only_the_tokens_themselves_are_good(given_: str) -> None:
    assert TOKENS.rights(given_) is None
    assert Tokens(None, None).rights(given_) is None


def test_each_token_is_good_for_its_own() -> None:
    assert (TOKENS.rights(TOKEN), TOKENS.rights(READ_TOKEN)) == ("full", "read")
    assert (Tokens(None, None).needed, TOKENS.needed) == (False, True)
    assert TOKENS.rights(TOKEN[:-1]) is None
    assert Tokens(Secret("a"), Secret("a")).rights("a") == "full"


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8600", True),
        ("localhost", True),
        ("LOCALHOST:8600", True),
        ("[::1]:8600", True),
        ("monitor.example", True),
        ("127.0.0.1:8601", False),
        ("localhost:80", False),
        ("monitor.example:443", False),
        ("a.monitor.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
        ("monitor", False),
        ("", False),
        ("localhost:8600:8600", False),
        ("localhost\\@evil", False),
        ("user@localhost", False),
        ("localhost ", False),
        ("\u2460.0.0.1", False),
    ],
)
def test_a_loopback_server_has_few_names(host: str, known: bool) -> None:
    assert Names("127.0.0.1", 8600, "https://monitor.example").known(host) is known


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=80))
def test_a_name_of_the_web_is_never_known(name: str) -> None:
    assert not Names("127.0.0.1", 8600).known(f"{name}.example")
    assert not Names("0.0.0.0", 8600).known(f"{name}.example")


def test_guesses_are_counted_by_address_and_forgotten() -> None:
    guesses = Guesses()
    for _ in range(GUESSES):
        assert guesses.wait("a", 0) == 0
        guesses.missed("a", 0)
    assert guesses.wait("a", 1) == WINDOW - 1
    assert guesses.wait("b", 1) == 0
    assert guesses.wait("a", WINDOW + 1) == 0
    guesses.missed("a", WINDOW + 1)
    assert guesses.wait("a", WINDOW + 1) == 0
    for number in range(3_000):
        guesses.missed(str(number), 0)
    assert len(guesses.wrong) <= 1_024


# --- sessions


def sessions(tokens: Tokens = TOKENS) -> Sessions:
    return Sessions(tokens, b"seed")


@pytest.mark.parametrize("rights", ["full", "read"])
def test_a_session_is_read_back_until_it_ends(rights: str) -> None:
    cookie = sessions().begun(rights, "abc", NOW)  # type: ignore[arg-type] # one of the two
    found = sessions().read(cookie, NOW + LASTS - timedelta(seconds=1))
    assert found is not None
    assert (found.rights, found.name, found.ends) == (rights, "abc", NOW + LASTS)
    assert sessions().read(cookie, NOW + LASTS) is None


def test_a_session_ends_when_its_token_changes() -> None:
    """Row 48, CVE-2023-44400."""
    cookie = sessions().begun("full", "abc", NOW)
    assert sessions(Tokens(Secret("another"), TOKENS.read)).read(cookie, NOW) is None
    assert sessions(Tokens(TOKENS.full, None)).read(sessions().begun("read", "x", NOW), NOW) is None
    assert sessions(Tokens(TOKENS.full, Secret("another"))).read(cookie, NOW) is not None


def test_a_session_that_was_logged_out_is_over() -> None:
    ours = sessions()
    cookie = ours.begun("full", "abc", NOW)
    found = ours.read(cookie, NOW)
    assert found is not None
    ours.end(found)
    assert ours.read(cookie, NOW) is None
    for number in range(5_000):
        other = ours.read(ours.begun("full", str(number), NOW), NOW)
        assert other is not None
        ours.end(other)
    assert len(ours.ended) <= 4_096


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_cookie_that_was_touched_is_none(at: int, character: str) -> None:
    cookie = sessions().begun("read", "abc", NOW)
    at %= len(cookie)
    touched = cookie[:at] + character + cookie[at + 1 :]
    assert touched == cookie or sessions().read(touched, NOW) is None


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=100))
def test_any_other_cookie_is_none(cookie: str) -> None:
    assert sessions().read(cookie, NOW) is None


def test_each_session_has_a_word_of_its_own() -> None:
    ours = sessions()
    one = ours.read(ours.begun("full", "one", NOW), NOW)
    two = ours.read(ours.begun("full", "two", NOW), NOW)
    words = {ours.word(None), ours.word(one), ours.word(two), Sessions(TOKENS, b"other").word(None)}
    assert len(words) == 4


# --- origins

HERE = "127.0.0.1:8600"
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("headers", "reads", "page", "is_foreign"),
    [
        ({}, True, True, False),
        ({}, False, False, False),
        ({"sec-fetch-site": "same-origin"}, False, False, False),
        ({"sec-fetch-site": "none"}, True, True, False),
        ({"sec-fetch-site": "same-site"}, True, False, True),
        ({"sec-fetch-site": "cross-site"}, True, True, True),
        ({"sec-fetch-site": "CROSS-SITE"}, False, False, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, False, False, True),
        ({"origin": f"http://{HERE}"}, False, False, False),
        ({"origin": f"https://{HERE}"}, False, False, False),
        ({"origin": "http://127.0.0.1:8601"}, False, False, True),
        ({"origin": f"http://{HERE}.evil.example"}, False, False, True),
        ({"origin": "null"}, False, False, True),
        ({"origin": ""}, False, False, True),
        ({"origin": "http://[::1"}, False, False, True),
        (LINK, True, True, False),
        (LINK, True, False, True),
        (LINK, False, True, True),
        (LINK | {"sec-fetch-dest": "iframe"}, True, True, True),
    ],
)
def test_another_site_is_known_by_what_browsers_say(
    headers: dict[str, str], reads: bool, page: bool, is_foreign: bool
) -> None:
    assert foreign(headers, HERE, reads=reads, page=page) is is_foreign


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_after_the_login_nobody_leaves_the_site(text: str) -> None:
    found = own_path(text)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert found.isprintable()
