"""Text from outside made plain: what may stand in a message as it is, and nothing else.

Scraped text is data (reliability.md F5, part 3 rows 31-34): it cannot break a line, reverse the reading order, hide,
call a person or become a link with a foreign label. Owns characters and lengths; must not know what a message is.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
BREAK = "\u200b"  # zero-width space: put into a mention so that no service takes it for one

_MAX_READ = 20_000  # characters of one text that are looked at; nothing longer is ever shown
_MAX_MARKS = 3  # combining marks on one character; more are stacked to smear over other lines
_GONE = frozenset({"Cc", "Cf", "Cs"})  # controls, invisible and reordering characters, halves of surrogate pairs
# Discord rings for `@everyone` and `@here` also inside a word; any other `@` after a word is an address.
_MENTION = re.compile(r"@(?=(?:everyone|here|channel|all)\b)|(?<!\w)@(?=\w)", re.IGNORECASE)
_BRACKETED = re.compile(r"<(?=\S)")
_EVENT = re.compile(r"^(?=event )", re.MULTILINE)
_LINK = re.compile(r"\](?=[(\[])")


def line(text: str) -> str:
    """Return the text as one line without characters that cannot be seen; runs of blanks become one."""
    return " ".join(_visible(text, keep="").split())


def lines(text: str) -> str:
    """Return the text with its line breaks kept as `\\n`, at most one empty line in a row."""
    rows = [" ".join(row.split()) for row in _visible(text, keep="\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(rows)).strip("\n")


def collapsed(text: str) -> str:
    """Return text that was made plain before as one line; what breaks a mention in it stays."""
    return " ".join(text.split())


def defused(text: str) -> str:
    """Return the text with mentions (`@everyone`, `<!channel>`, `<@id>`) and Markdown links broken by `BREAK`."""
    text = _MENTION.sub("@" + BREAK, text)
    text = _BRACKETED.sub("<" + BREAK, text)
    return _LINK.sub("]" + BREAK, text)


def filled(before: str, value: str) -> str:
    """Return a value as it stands in a template after the text `before`: defused, also together with that text.

    Its lines are kept; none of them passes for the one that names the event of a message.
    """
    value = _EVENT.sub(BREAK, defused(lines(value)))
    return BREAK + value if before.endswith(("@", "<", "]", "!")) and value[:1].strip() else value


def shortened(text: str, limit: int) -> str:
    """Return the text in at most `limit` characters, its end replaced by `…` where it is longer."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + ELLIPSIS


def _visible(text: str, *, keep: str) -> str:
    """Return the text without invisible characters; every kind of line break becomes `\\n` or a blank."""
    kept: list[str] = []
    marks = 0
    for char in text[:_MAX_READ].replace("\r\n", "\n"):
        category = unicodedata.category(char)
        if char in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029":
            kept.append("\n" if keep else " ")
        elif char == "\t" or category == "Zs":
            kept.append(" ")
        elif category not in _GONE:
            marks = marks + 1 if category in {"Mn", "Me"} else 0
            if marks <= _MAX_MARKS:
                kept.append(char)
    return "".join(kept)
