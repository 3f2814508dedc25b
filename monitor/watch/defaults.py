"""What a watch has of the workspace: the fields of its tags and of `defaults`, under those of its own.

Must not know what a field means.
"""

from __future__ import annotations

from collections.abc import Mapping

from monitor.files.documents import Document


def completed(document: Document, tags: Mapping[str, Document], defaults: Document | None) -> Document:
    """Return a watch merged over its tags' fields, then over the defaults; of two of its tags the first one wins.

    Its tags are its own or those of `defaults`; what is no list of texts has none here, and is a problem elsewhere.
    """
    whole = document
    for name in _tags(document, defaults):
        if name in tags:
            whole = whole.over(tags[name])
    return whole.over(defaults) if defaults else whole


def _tags(document: Document, defaults: Document | None) -> list[str]:
    for each in (document, defaults):
        if each is not None and isinstance(each.value, dict) and "tags" in each.value:
            found = each.value["tags"]
            return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    return []
