"""Related rows inside the body of a row: what is created before it and after it.

Source: "Create related table rows in one operation" (deep insert), "Associate ...
ActivityParty": an activity's parties exist only as part of the activity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import errors
from .schema import Relationship, Schema, Table

Row = dict[str, Any]
MAXIMUM_DEPTH = 50
_NESTED = (dict, list)


@dataclass
class Parts:
    """``plain`` is the row itself; ``singles`` are ``(navigation, table, body)`` of
    rows it points to, ``collections`` the rows that will point to it."""

    plain: Row
    singles: list[tuple[str, Table, Row]] = field(default_factory=list)
    collections: list[tuple[Relationship, list[Row]]] = field(default_factory=list)


def split(schema: Schema, table: Table, body: Row) -> Parts:
    """Take ``body`` apart. Raises DataverseError for what is no row where one must be.

    A nested value under any other name stays in ``plain``, to be refused there.
    """
    nested = [name for name, value in body.items() if isinstance(value, _NESTED)]
    if not nested:
        return Parts(body)
    parts = Parts(dict(body))
    for name in nested:
        value = body[name]
        if name in table.navigations:
            (target, *others) = schema.targets(table.navigations[name])
            if not isinstance(value, dict) or others:
                raise errors.unreadable_nested(table.entity_set, name)
            parts.singles.append((name, target, value))
        elif name in table.collections:
            rows = value if isinstance(value, list) else [None]
            if not all(isinstance(row, dict) for row in rows):
                raise errors.unreadable_nested(table.entity_set, name)
            parts.collections.append((table.collections[name], rows))
        else:
            continue
        del parts.plain[name]
    return parts
