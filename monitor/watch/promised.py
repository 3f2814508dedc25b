"""The fields of interface.md that this version does not build yet: refused as "not supported yet", never ignored.

Whoever builds one deletes its line here and adds it to the model.
"""

from __future__ import annotations

from monitor.files.validation import Promised

PROMISED = Promised(
    fields=frozenset(
        {
            "confirm",
            "stale_after",
            "drift",
            "gate",
            "limits.failing_after",
            "limits.remind_every",
            "compare.unordered",
            "compare.tolerance",
            "compare.similar",
            "compare.coerce",
            "notify[].when",
            "notify[].once",
            "notify[].rearm",
            "notify[].title",
            "notify[].body",
        }
    ),
    words={"notify[].on": frozenset({"missed", "stale", "drift", "reminder"})},
)
