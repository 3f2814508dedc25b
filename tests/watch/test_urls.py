"""The form of a watched url: one reading for every program, or a refusal that says what to do."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.watch import urls


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/espresso-machine",
        "http://shop.example",
        "https://shop.example:8443/a?b=c&d=e#f",
        "http://127.0.0.1:9000/x",
        "http://[::1]:80/x",
        "https://bücher.example/straße?q=ä",
        "https://xn--bcher-kva.example./",
        "https://shop.example/a%20b;c=d@e:f",
        "https://Shop.Example/UPPER",
        "https://localhost/",
    ],
)
def test_a_plain_url_is_kept_as_it_is(url: str) -> None:
    assert urls.checked(url) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "a url is needed"),
        ("shop.example/x", "no scheme: write https://"),
        ("shop.example:8080/x", "no scheme"),
        ("localhost:8080", "no scheme"),
        ("//shop.example/x", "no scheme"),
        ("file:///etc/passwd", "not file:"),
        ("javascript:alert(1)", "not javascript:"),
        ("data:text/html,x", "not data:"),
        ("ftp://shop.example/", "not ftp:"),
        ("source:http://shop.example/", "not source:"),
        ("view-source:http://shop.example/", "not view-source:"),
        ("https:/shop.example", "no host: write https://"),
        ("https:shop.example", "no host"),
        ("https:///x", "no host"),
        ("https://:80/", "no host"),
        ("https://user:hunter2@shop.example/", "no user name or password"),
        ("https://hunter2@shop.example/", "no user name or password"),
        ("http://inside\\@public/", "no backslash"),
        ("https://shop.example/a b", "no blanks"),
        (" https://shop.example/", "character 1"),
        ("https://shop.example/\n", "no control characters"),
        ("https://shop.example/\u200b", "no control characters"),
        ("https://shop.example/\u202e", "no control characters"),
        ("https://shop.example/\x00", "no control characters"),
        ("https://shop.example:0/", "not a port"),
        ("https://shop.example:/", "not a port"),
        ("https://shop.example:99999/", "host or port"),
        ("https://shop.example:80x/", "host or port"),
        ("https://[::1/", "host or port"),
        ("https://[v1.x]/", "not an IPv6 address"),
        ("https://shop..example/", "not a host name"),
        ("https://-shop.example/", "not a host name"),
        ("https://shop_.example/", "not a host name"),
        ("https://sh%6fp.example/", "not a host name"),
        ("https://" + "a" * 64 + ".example/", "not a host name"),
        ("https://shop.example\u2100x/", "host or port"),
        ("HTTPS://shop.example/", "plain form"),
        ("https://shop.example/?", "plain form"),
        ("https://shop.example/#", "plain form"),
        ("https://shop.example/" + "x" * 2_083, "at most 2,083 characters"),
    ],
)
def test_what_programs_read_differently_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared below
        urls.checked(url)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(st.text(alphabet="htps:/.@\\[]#?%a1 \n-_é", max_size=30).map(lambda text: f"https://{text}"))
@settings(deadline=None, max_examples=500)
def test_an_accepted_url_has_one_host_and_no_user(url: str) -> None:
    try:
        accepted = urls.checked(url)
    except ValueError:
        return
    parts = urlsplit(accepted)
    assert accepted == url == parts.geturl()
    assert parts.hostname
    assert parts.username is None
