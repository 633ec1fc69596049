"""Addresses of rows: ``accounts(<guid>)``, ``accounts(accountnumber='A1')``.

Source: "Use alternate keys to reference a record", "Retrieve a table row".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from . import errors, values
from .elsewhere import not_here
from .schema import Schema, Table
from .store import Store

_ADDRESS = re.compile(r"(?P<set>\w+)\((?P<key>.*)\)", re.DOTALL)
_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:[^']|'')*'|[^,']+)\s*(?:,|$)")


@dataclass(frozen=True)
class Key:
    """How a row is addressed: ``row_id``, or ``values`` of an alternate key."""

    text: str
    row_id: str | None
    values: tuple[tuple[str, object], ...] = ()


def parse_key(table: Table, text: str) -> Key:
    """What stands between the brackets. Raises DataverseError if it is no key."""
    if values.GUID.fullmatch(text):
        return Key(text, text.lower())
    pairs = []
    position = 0
    while match := _PAIR.match(text, position):
        name, literal = match.groups()
        position = match.end()
        column = table.by_wire.get(name)
        if column is None:
            raise errors.invalid_key(table.name)
        pairs.append((column.name, _literal(table, name, literal.strip())))
    if not pairs or position != len(text):
        raise errors.invalid_key(table.name)
    if len(pairs) == 1 and pairs[0][0] == table.primary_id:
        return Key(text, str(pairs[0][1]))
    return Key(text, None, tuple(pairs))


def _literal(table: Table, name: str, text: str) -> object:
    column = table.by_wire[name]
    if text.startswith("'"):
        value: object = text[1:-1].replace("''", "'")
    elif column.type in ("Integer", "Picklist"):
        value = int(text) if re.fullmatch(r"-?\d+", text) else text
    else:
        value = text
    if column.is_lookup:
        return str(value).lower()
    return values.parse(column, value, table.entity_set)


def find(store: Store, table: Table, key: Key) -> str | None:
    """The id of the row ``key`` addresses, None if there is none."""
    if key.row_id:
        return key.row_id if store.exists(table, key.row_id) else None
    names = {name for name, _ in key.values}
    if names not in [set(columns) for columns in store.keys(table).values()]:
        raise errors.invalid_key(table.name)
    condition = " AND ".join(f"{name} = ?" for name, _ in key.values)
    found = store.execute(
        f"SELECT {table.primary_id} FROM {table.name} WHERE {condition}",
        [value for _, value in key.values],
    ).fetchone()
    return found[0] if found else None


def parse_reference(schema: Schema, text: str) -> tuple[Table, Key]:
    """``/contacts(<guid>)`` with or without the slash, or an absolute URL.

    Raises DataverseError if it is none, or names no entity set.
    """
    address = unquote(text) if isinstance(text, str) else ""
    match = _ADDRESS.fullmatch(address.rsplit("/", 1)[-1])
    if not match:
        raise errors.bad_request(f"Invalid URI for a row: '{text}'.")
    table = schema.sets.get(match["set"])
    if table is None:
        raise not_here(match["set"])
    return table, parse_key(table, match["key"])


def not_found(table: Table, key: Key, status: int = 404) -> errors.DataverseError:
    """The error for a key that addresses no row."""
    if key.row_id:
        return errors.row_not_found(table.name, key.row_id)
    return errors.key_row_not_found(table.name, status)
