"""Reading a page: filling an output schema from HTML, without guessing.

`extract(html, url, schema)` is all that others need.

Order of belief: hints of the schema, then structured data (JSON-LD, microdata, OpenGraph), then labels, then headings.
Must not know runs, HTTP or files.
"""

from __future__ import annotations

from typing import Any

from monitor.embedded.extract.found import Extraction

__all__ = ["Extraction", "extract"]


def extract(html: str, url: str, schema: dict[str, Any] | None) -> Extraction:
    """Return what the page at `url` holds of `schema`, where it came from, and which required values were not found.

    Without a schema: the page's title, description and the main facts of its structured data. Blocking CPU work.
    """
    from monitor.embedded.extract import overview
    from monitor.embedded.extract.document import Document
    from monitor.embedded.extract.fill import Filler
    from monitor.embedded.extract.shape import shape_of

    document = Document(html, url)
    if schema is None:
        return overview.of(document)
    return Filler(document, shape_of(schema)).fill()
