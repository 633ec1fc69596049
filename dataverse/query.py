"""OData literals and filters that no value can break out of.

Source: Dataverse Web API, "Filter rows using OData" and the query functions
``Microsoft.Dynamics.CRM.In`` and others.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .metadata import Column

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")
_LOOKUP = re.compile(r"[a-z0-9_]+\((?P<id>[0-9a-fA-F-]{36})\)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def name(text: str) -> str:
    """Return ``text`` if it is a table, column or property name, else ValueError."""
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name")
    return text


def guid(value: Any) -> str:
    """Return a GUID in lower case with dashes; ValueError if it is none."""
    try:
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(str(value)))
    except ValueError:
        raise ValueError(f"{value!r} is not a GUID") from None


def quote(value: Any) -> str:
    """Return a text literal: in quotes, quotes inside doubled."""
    return "'" + str(value).replace("'", "''") + "'"


def literal(column: Column, value: Any) -> str:
    """Return the OData literal of a plain value (see ``metadata``) of ``column``.
    ValueError if the value does not fit the column's type."""
    if value is None:
        return "null"
    if column.is_lookup:
        match = _LOOKUP.fullmatch(str(value))
        return guid(match["id"] if match else value)
    if column.type == "Uniqueidentifier":
        return guid(value)
    if column.type == "Boolean":
        return "true" if value else "false"
    if column.type == "DateTime":
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValueError(f"{value!r} is not a date")
        return value
    if column.is_number:
        return format(Decimal(str(value)), "f")
    return quote(value)


def eq(column: Column, value: Any) -> str:
    """Return the condition "the column has this value"; None means it is empty."""
    return f"{column.property} eq {literal(column, value)}"


def any_of(column: Column, values: Iterable[Any]) -> str:
    """Return the condition "the column has one of these values" (at least one,
    none of them None). ValueError for no values."""
    literals = [_unquoted(column, value) for value in values]
    if not literals:
        raise ValueError("any_of needs at least one value")
    listed = ",".join(f'"{text}"' for text in literals)
    return (
        f"Microsoft.Dynamics.CRM.In(PropertyName={quote(column.name)},"
        f"PropertyValues=[{listed}])"
    )


def and_(*conditions: str) -> str:
    """Return the conjunction of the conditions that are not empty."""
    return _join("and", conditions)


def or_(*conditions: str) -> str:
    """Return the disjunction of the conditions that are not empty."""
    return _join("or", conditions)


def _join(word: str, conditions: Iterable[str]) -> str:
    kept = [condition for condition in conditions if condition]
    if len(kept) < 2:
        return "".join(kept)
    return "(" + f" {word} ".join(f"({condition})" for condition in kept) + ")"


def _unquoted(column: Column, value: Any) -> str:
    """A member of ``PropertyValues``: JSON-like text, whatever the column's type."""
    if value is None:
        raise ValueError("any_of cannot look for empty values")
    text = literal(column, value)
    if text.startswith("'"):
        text = str(value)
    return text.replace("\\", "\\\\").replace('"', '\\"')
