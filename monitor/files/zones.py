"""Time zones by their IANA name, from the machine's or the packaged tz database; not what happens in them."""

from __future__ import annotations

import zoneinfo
from functools import lru_cache

from monitor.files.problems import did_you_mean

# Files that tz databases carry beside the zones: the machine's own setting and "not set yet". Neither is an IANA place.
_NOT_ZONES = {"localtime", "Factory", "posixrules"}
_FORM = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/")


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Return every zone name of the tz database; read from disk once, when first needed."""
    return frozenset(zoneinfo.available_timezones() - _NOT_ZONES)


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo:
    """Return the zone called `name`; raises ValueError with a message for the user (reliability.md rows 14 and 19)."""
    if not name or name != name.strip():
        raise ValueError("a time zone is an IANA name such as Europe/Berlin or UTC, without blanks around it")
    if len(name) > 100 or not _FORM.issuperset(name) or name.startswith("/"):
        raise ValueError("this is not a time zone: write an IANA name such as Europe/Berlin or UTC")
    if name not in known():
        guess = did_you_mean(name, known())
        raise ValueError(
            f"{name!r} is not in the time zone database: {guess or 'write an IANA name such as Europe/Berlin'}"
        )
    return zoneinfo.ZoneInfo(name)
