"""What a watch may be called: it names rows, pages, message titles and feeds for years, so it stays plain."""

from __future__ import annotations

import unicodedata

_FORBIDDEN = set('/\\:*?"<>|\x7f')


def checked(name: str) -> str:
    """Return the name in Unicode form C; raises ValueError when it cannot be a name."""
    text = unicodedata.normalize("NFC", name)
    if not text or text != text.strip():
        raise ValueError("a name is not empty and has no blanks around it")
    if len(text) > 100:
        raise ValueError("a name has at most 100 characters")
    if text.startswith((".", "-")):
        raise ValueError('a name does not begin with "." or "-"')
    bad = sorted(
        {c for c in text if c in _FORBIDDEN or unicodedata.category(c)[0] == "C" or (c.isspace() and c != " ")}
    )
    if bad:
        raise ValueError(f"a name cannot hold {', '.join(map(repr, bad))}")
    return text


def folded(name: str) -> str:
    """Return the form in which two names are the same name: case and Unicode form do not tell watches apart."""
    return unicodedata.normalize("NFC", name.casefold())
