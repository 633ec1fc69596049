"""The duplicate detection rules that are published in a new organization.

Rows that agree in all columns of a rule are duplicates; an empty column agrees with
nothing. Source: "Detect duplicate data using the Web API", "Default duplicate rules".
"""

from __future__ import annotations

from . import errors
from .schema import Table
from .store import Store

RULES: dict[str, tuple[tuple[str, ...], ...]] = {
    "account": (("name",), ("emailaddress1",), ("websiteurl",)),
    "contact": (("emailaddress1",), ("firstname", "lastname")),
    "lead": (("emailaddress1",), ("firstname", "lastname", "companyname")),
}


def refuse(store: Store, table: Table, row_id: str) -> None:
    """Raise DataverseError if another row is a duplicate of ``row_id``."""
    for columns in RULES.get(table.name, ()):
        same = " AND ".join(f"other.{name} = mine.{name}" for name in columns)
        found = store.execute(
            f"SELECT 1 FROM {table.name} mine JOIN {table.name} other ON {same} "
            f"WHERE mine.{table.primary_id} = ? AND other.{table.primary_id} <> ?",
            (row_id, row_id),
        ).fetchone()
        if found:
            raise errors.duplicate_found()
