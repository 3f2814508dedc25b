"""Text escaped for the services that read every message as Markdown, whatever they are told it is (reliability.md F5).

Elsewhere apprise says that a text is plain, or escapes it. Owns the characters that act; must not know who sends.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# By apprise's schemes. Discord: https://discord.com/developers/docs/reference#message-formatting; Fluxer, Guilded,
# Notifiarr (which writes to Discord) and Revolt likewise; Mattermost: https://docs.mattermost.com/collaborate/format-messages.html;
# Nextcloud Talk, Zulip, Ryver, HumHub and ServerChan take CommonMark with no way to say that it is none.
_ALWAYS = frozenset(
    {
        "discord", "fluxer", "fluxers", "guilded", "notifiarr", "revolt", "mmost", "mmosts", "nctalk", "nctalks",
        "zulip", "ryver", "humhub", "humhubs", "schan",
    }
)  # fmt: skip
# A URL is left as it is: no service looks for markup in one, and a backslash in it would lead elsewhere.
_ACTING = re.compile(
    r"(?P<url>https?://[^\s<>|]+)"
    r"|(?P<mark>[\\`*~|]|(?<![^\W_])_|_(?![^\W_])|^[ \t]*(?:>|\#|[-+](?=\s)))",
    re.MULTILINE,
)


def always(names: Collection[str]) -> bool:
    """Return whether the service of these schemes reads every text as Markdown."""
    return not _ALWAYS.isdisjoint(names)


def escape(text: str) -> str:
    """Return the text with a backslash before each character that would format it: the reader sees it as it was."""
    return _ACTING.sub(lambda found: found["url"] or f"{found['mark'][:-1]}\\{found['mark'][-1]}", text)
