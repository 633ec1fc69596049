"""What a write needs to know of a table, worked out once: defaults, required columns,
and how each property of a body is read.

Source: "Create a table row using the Web API", "Column requirement levels".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from . import addresses, errors, values
from .computed import Rule, rules_for
from .pricing import LINES
from .schema import Column, Relationship, Schema, Table
from .security import Caller

if TYPE_CHECKING:
    from .rows import Rows

Row = dict[str, Any]


class Behaviors(dict[str, "Behavior"]):
    """Of each table by its name, made when it is first asked for."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self._schema = schema

    def __missing__(self, name: str) -> Behavior:
        self[name] = Behavior(self._schema.tables[name])
        return self[name]


class Behavior:
    """What ``Rows`` needs to know of a table, worked out once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        columns = table.columns
        self.rules: list[Rule] = rules_for(table)
        self.has_lines = table.name in LINES.values()
        # The lookup from a line to its document; empty for every other table.
        self.document_column = f"{LINES[table.name]}id" if table.name in LINES else ""
        self.money = {column.name for column in table.money_columns}
        self.money_with_base = [
            name for name in self.money if f"{name}_base" in self.money
        ]
        self.defaults: Row = {
            column.name: column.default
            for column in columns.values()
            if column.default is not None
        }
        if "statecode" in columns:
            self.defaults.setdefault("statecode", 0)
        self.auto_numbers = {
            column.name: column.auto_number
            for column in columns.values()
            if column.auto_number
        }
        # Only SystemRequired is enforced by the platform; ApplicationRequired is the
        # business of forms ("Column requirement levels").
        self.required = [
            column.name
            for column in columns.values()
            if column.required == "SystemRequired"
            and column.type in ("String", "Integer", "Decimal", "DateTime")
            and column.on_create
        ]
        self.readers = self._make_readers()

    def stamp_created(self, row: Row, caller: Caller, now: str) -> None:
        self._stamp(row, "created", caller, now)
        if imported := row.get("overriddencreatedon"):  # such a row keeps its age
            row["createdon"], row["overriddencreatedon"] = imported, now
        self._stamp(row, "modified", caller, now)

    def stamp_modified(self, row: Row, caller: Caller, now: str) -> None:
        self._stamp(row, "modified", caller, now)

    def _stamp(self, row: Row, what: str, caller: Caller, now: str) -> None:
        """Who and when; "on behalf by" is the application behind an impersonation."""
        behind = caller.behind and caller.behind.user_id
        for name, value in (
            (f"{what}on", now),
            (f"{what}by", caller.user_id),
            (f"{what}onbehalfby", behind),
        ):
            if name in self.table.columns:
                row[name] = value

    def refuse(self, name: str, value: Any, body: Row) -> None:
        """Raise for a property the table does not have; annotations may pass."""
        table = self.table
        prefix, at, annotation = name.partition("@")
        if at:
            known = prefix in table.columns or prefix in table.by_wire
            if not prefix or (annotation != "odata.bind" and known):
                return
            raise errors.unknown_annotated_property(table.entity_set, prefix)
        if name in table.by_wire:
            raise errors.lookup_value_written()
        if name in table.navigations or name in table.collections:
            raise errors.unreadable_nested(table.entity_set, name)
        raise errors.unknown_property(table.entity_set, name)

    def _make_readers(self) -> dict[str, Callable[[Rows, Row, Any, bool], None]]:
        readers: dict[str, Callable[[Rows, Row, Any, bool], None]] = {}
        for column in self.table.columns.values():
            if not column.is_lookup:
                readers[column.name] = partial(_read_value, self.table, column)
        for navigation, relationship in self.table.navigations.items():
            column = self.table.columns[relationship.column]
            bind = partial(_read_bind, self.table, column, relationship)
            readers[f"{navigation}@odata.bind"] = bind
            readers[navigation] = partial(_read_null, self.table, column)
        return readers


def _read_value(
    table: Table, column: Column, rows: Rows, given: Row, value: Any, on_create: bool
) -> None:
    stored = (
        values.parse(column, value, table.entity_set) if value is not None else None
    )
    if column.on_create if on_create else column.on_update:
        given[column.name] = stored
    elif column.name == table.primary_id:
        given[column.name] = stored


def _read_null(
    table: Table, column: Column, rows: Rows, given: Row, value: Any, on_create: bool
) -> None:
    if value is not None:
        raise errors.unreadable_nested(table.entity_set, column.name)
    if column.on_create if on_create else column.on_update:
        given.update(null(column))


def _read_bind(
    table: Table,
    column: Column,
    relationship: Relationship,
    rows: Rows,
    given: Row,
    value: Any,
    on_create: bool,
) -> None:
    if value is None:
        _read_null(table, column, rows, given, None, on_create)
        return
    if type(value) is not str:
        raise errors.wrong_type(table.entity_set, value, "Edm.String")
    target, key = addresses.parse_reference(rows.schema, value)
    if target not in rows.schema.targets(relationship):
        raise errors.payload(
            table.entity_set,
            f"A row of '{target.entity_set}' cannot be bound to the navigation "
            f"property '{relationship.navigation}'.",
        )
    row_id = addresses.find(rows.store, target, key)
    if row_id is None:
        raise addresses.not_found(target, key, status=400)
    if column.on_create if on_create else column.on_update:
        if column.type == "Customer" and given.get(column.name):
            raise errors.two_parents()
        given[column.name] = row_id
        if column.type_column:
            given[column.type_column] = target.name


def null(column: Column) -> Row:
    cleared: Row = {column.name: None}
    if column.type_column:
        cleared[column.type_column] = None
    return cleared
