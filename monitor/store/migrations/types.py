"""The types of columns that SQLite and PostgreSQL name differently, for every migration. Frozen with them."""

from __future__ import annotations

import sqlalchemy as sa

# Ids, names and what is compared: byte by byte on both databases.
Name = sa.String().with_variant(sa.String(collation="C"), "postgresql")
Words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Number = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
