"""Time zones by their IANA name, from the machine's or the packaged tz database; not what happens in them."""

from __future__ import annotations

import difflib
import zoneinfo
from functools import lru_cache

# Files that tz databases carry beside the zones: the machine's own setting and "not set yet". Neither is an IANA place.
_NOT_ZONES = {"localtime", "Factory", "posixrules"}
_NEAR = 0.75  # of difflib's ratio: one or two letters of a name
_SHORTEST = 6  # characters of a name that may be misspelt: CEST is not EST
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
        near = _near(name)
        hint = f'did you mean "{near}"?' if near else "write an IANA name such as Europe/Berlin"
        raise ValueError(f"{name!r} is not in the time zone database: {hint}")
    return zoneinfo.ZoneInfo(name)


def _near(name: str) -> str | None:
    """Return the zone that was meant: but for case, then by its place alone, then the nearest spelling; else None.

    A far guess is worse than none: somebody would take it, and a watch would run at the wrong hour.
    """
    wanted = name.casefold().replace(" ", "_")
    # Of several zones with one spelling or one place, the one of a continent and a city goes first ("Europe/Berlin").
    zones = sorted(known(), key=lambda each: (each.count("/") != 1, each.startswith(("Etc/", "US/")), each))
    for spelt in (str.casefold, lambda each: each.casefold().rpartition("/")[2]):
        found = next((each for each in zones if spelt(each) == wanted), None)
        if found is not None:
            return found
    if len(wanted) < _SHORTEST:
        return None
    by_name = {each.casefold(): each for each in zones}
    for close in difflib.get_close_matches(wanted, by_name, n=5, cutoff=_NEAR):
        # The place too: half of "Europe/Munich" and "Europe/Zurich" is the continent.
        if difflib.SequenceMatcher(None, wanted.rpartition("/")[2], close.rpartition("/")[2]).ratio() >= _NEAR:
            return by_name[close]
    return None
