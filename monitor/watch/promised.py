"""The fields of interface.md that this version does not build yet: refused as "not supported yet", never ignored.

Whoever builds one deletes its line here and adds it to the model.
"""

from __future__ import annotations

from monitor.files.validation import Promised

PROMISED = Promised(fields=frozenset({"gate"}))
