"""From stored columns to the JSON of a row: what ``$select`` and annotations ask for.

JSON is written directly, not through dictionaries: annotations stand before their
property, money keeps its four decimals, and a page of 5,000 rows stays cheap.
Source: "Select columns using OData", "Retrieve a table row: formatted values".
"""

from __future__ import annotations

from collections.abc import Callable
from json import dumps
from typing import Any

from . import errors, values
from .preferences import FORMATTED_VALUE, LOOKUP_NAVIGATION, LOOKUP_TABLE
from .schema import PRINCIPAL_KEY, PRINCIPALS, Column, Schema, Table

Fields = Callable[[tuple], str]
CURRENCY = "transactioncurrencyid"


class Projection:
    """Which SQL expressions to read (``columns``), and how to write a row of them.

    ``columns[0]`` is the row version and ``columns[1]`` the id.
    """

    def __init__(
        self,
        schema: Schema,
        table: Table,
        select: tuple[str, ...] | None,
        annotations: frozenset[str],
    ) -> None:
        self.table = table
        self.columns = ["t.versionnumber", f"t.{table.primary_id}"]
        self.selected = selected_columns(table, select)
        self._schema = schema
        self._fields: list[tuple[str, int, Callable[[Any], str]]] = []
        self._annotated: list[tuple[Fields | None, str, int, Callable[[Any], str]]] = []
        plain = True
        for column in self.selected:
            index = self.index(f"t.{column.name}")
            field = (f',"{column.wire}":', index, values.encoder(column))
            annotate = self._annotator(column, index, annotations)
            plain = plain and annotate is None
            self._fields.append(field)
            self._annotated.append((annotate, *field))
        if table.name in PRINCIPALS:
            key = table.columns[table.primary_id]
            field = (f',"{PRINCIPAL_KEY}":', 1, values.encoder(key))
            self._fields.append(field)
            self._annotated.append((None, *field))
        self.write: Fields = self._write_plain if plain else self._write_annotated

    def index(self, expression: str) -> int:
        """The place of an SQL expression in the rows; adds it if it is new."""
        if expression not in self.columns:
            self.columns.append(expression)
        return self.columns.index(expression)

    def _write_plain(self, row: tuple) -> str:
        """The members of the row's JSON object, without its braces."""
        parts = [f'"@odata.etag":"W/\\"{row[0]}\\""']
        for key, index, encode in self._fields:
            value = row[index]
            parts.append(key + ("null" if value is None else encode(value)))
        return "".join(parts)

    def _write_annotated(self, row: tuple) -> str:
        parts = [f'"@odata.etag":"W/\\"{row[0]}\\""']
        for annotate, key, index, encode in self._annotated:
            value = row[index]
            if annotate and value is not None:
                parts.append(annotate(row))
            parts.append(key + ("null" if value is None else encode(value)))
        return "".join(parts)

    # -- annotations ---------------------------------------------------------------

    def _annotator(
        self, column: Column, index: int, annotations: frozenset[str]
    ) -> Fields | None:
        if column.is_lookup:
            return self._lookup_annotator(column, annotations)
        if FORMATTED_VALUE not in annotations:
            return None
        format_value = values.formatter(column)
        if format_value is None:
            return None
        key = f',"{column.wire}@{FORMATTED_VALUE}":'
        if column.type == "Money":
            symbol = self.index(currency_symbol("t"))
            return lambda row: (
                key + dumps(f"{row[symbol] or ''}{format_value(row[index])}")
            )
        return lambda row: key + dumps(format_value(row[index]), ensure_ascii=False)

    def _lookup_annotator(
        self, column: Column, annotations: frozenset[str]
    ) -> Fields | None:
        writers: list[Fields] = []
        target: Callable[[tuple], str] = _constant(column.targets[0])
        if column.type_column:
            target = _member(self.index(f"t.{column.type_column}"))
        if LOOKUP_NAVIGATION in annotations:
            names = {
                name: self._schema.navigation_to(column, name)
                for name in column.targets
            }
            key = f',"{column.wire}@{LOOKUP_NAVIGATION}":'
            writers.append(lambda row: f'{key}"{names[target(row)]}"')
        if LOOKUP_TABLE in annotations:
            table_key = f',"{column.wire}@{LOOKUP_TABLE}":'
            writers.append(lambda row: f'{table_key}"{target(row)}"')
        if FORMATTED_VALUE in annotations:
            name = self.index(lookup_name(self._schema, column))
            name_key = f',"{column.wire}@{FORMATTED_VALUE}":'
            writers.append(
                lambda row: name_key + dumps(row[name] or "", ensure_ascii=False)
            )
        if not writers:
            return None
        return lambda row: "".join(write(row) for write in writers)


def selected_columns(table: Table, select: tuple[str, ...] | None) -> list[Column]:
    """The columns of ``$select``, and after them those that come along uninvited.

    The primary key always, the currency with any amount, the composite with the first
    address line. Raises DataverseError (0x80060888) for a name the table lacks.
    """
    if select is None:
        return list(table.columns.values())
    chosen: dict[str, Column] = {}
    companions: list[str] = []
    for name in select:
        if name == PRINCIPAL_KEY and table.name in PRINCIPALS:
            continue
        column = table.by_wire.get(name)
        if column is None:
            raise errors.unknown_query_property(name, table.name)
        chosen[name] = column
        if column.type == "Money":
            companions.append(CURRENCY)
        if name.endswith("_line1"):
            companions.append(name.replace("_line1", "_composite"))
    for companion in (*companions, table.primary_id):
        if companion in table.columns:
            extra = table.columns[companion]
            chosen.setdefault(extra.wire, extra)
    return list(chosen.values())


def currency_symbol(alias: str) -> str:
    """SQL for the symbol of the currency that the amounts of ``alias`` are in."""
    return (
        "(SELECT currencysymbol FROM transactioncurrency c WHERE "
        f"c.transactioncurrencyid = {alias}.transactioncurrencyid)"
    )


def lookup_name(schema: Schema, column: Column, alias: str = "t") -> str:
    """SQL for the primary name of the row that a lookup of ``alias`` points to."""

    def name_in(target_name: str) -> str:
        target = schema.tables[target_name]
        return (
            f"(SELECT n.{target.primary_name} FROM {target.name} n "
            f"WHERE n.{target.primary_id} = {alias}.{column.name})"
        )

    if not column.type_column:
        return name_in(column.targets[0])
    cases = " ".join(f"WHEN '{name}' THEN {name_in(name)}" for name in column.targets)
    return f"CASE {alias}.{column.type_column} {cases} END"


def _constant(value: str) -> Callable[[tuple], str]:
    return lambda row: value


def _member(index: int) -> Callable[[tuple], str]:
    return lambda row: row[index]
