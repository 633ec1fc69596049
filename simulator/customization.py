"""Tables, columns, relationships, keys and option sets that a client adds or changes.

Each change is an operation on the data that the schema is made from. The operations
are kept in the database, so that a restart or a restored backup finds the same tables.
Source: "Create and update table definitions using the Web API" and its neighbours.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from . import declarations, errors
from .declarations import Json
from .initial_rows import announce_table
from .metadata_ids import metadata_id
from .schema import LOOKUP_TYPES, Column, Schema, Table
from .store import Store

_FIRST_CODE = 10_000  # object type codes of custom tables begin there


class Customization:
    """Changes what the organization is made of. All but ``reset`` raise
    DataverseError; ids are MetadataIds."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self.schema = schema
        self.store = store
        self._applied: list[str] = []
        store.listeners.append(self.settle)
        self.settle()

    # -- tables --------------------------------------------------------------------

    def create_table(self, given: Json) -> str:
        entry = declarations.table(given)
        name = entry["schema"].lower()
        taken = name in self.schema.tables or entry["set"] in self.schema.sets
        if taken:
            raise errors.duplicate_name(name)
        codes = [table.code for table in self.schema.tables.values()]
        entry["code"] = max(_FIRST_CODE, *codes) + 1
        relations = declarations.system_relationships(name, entry["ownership"])
        operations = [["table", name, entry]]
        operations += [["relationship", relation] for relation in relations]
        money = any(c["type"] == "Money" for c in entry["columns"].values())
        if money:
            operations += _currency(name)
        self._do(*operations)
        announce_table(self.store, name)
        return metadata_id("entity", name)

    def change_table(self, table: Table, given: Json) -> None:
        """A complete definition, sent with PUT. Change tracking stays on once it is."""
        changes: Json = {}
        for part, name in (
            ("DisplayName", "label"),
            ("DisplayCollectionName", "labels"),
        ):
            text = declarations.text_of(given.get(part))
            if text:
                changes[name] = text
        if given.get("ChangeTrackingEnabled") is True:
            changes["change_tracking"] = True
        elif given.get("ChangeTrackingEnabled") is False and table.change_tracking:
            raise errors.invalid_argument("Change tracking cannot be disabled again.")
        self._do(["change_table", table.name, changes])

    def drop_table(self, table: Table) -> None:
        if not table.custom:
            raise errors.cannot_delete_component(table.name, "it is a system table")
        for relationship in table.referenced_by:
            if relationship.table != table.name:
                raise errors.component_in_use("Entity", table.name)
        self.store.drop_table(table)
        self._do(["drop_table", table.name])

    # -- columns -------------------------------------------------------------------

    def create_column(self, table: Table, given: Json) -> str:
        columns = declarations.column(given)
        name = next(iter(columns))
        bound = given.get("GlobalOptionSet@odata.bind")
        if isinstance(bound, str):
            columns[name].update(self._global_options(bound))
        elif columns[name].get("options") == []:
            raise errors.invalid_argument("A choice needs options.")
        self._refuse_known(table, columns)
        operations = [["column", table.name, n, entry] for n, entry in columns.items()]
        lacking = "transactioncurrencyid" not in table.columns
        if columns[name]["type"] == "Money" and lacking:
            operations += _currency(table.name)
        self._do(*operations)
        return metadata_id("attribute", f"{table.name}.{name}")

    def change_column(self, table: Table, column: Column, given: Json) -> None:
        """A complete definition, sent with PUT."""
        entry = self.schema.data["tables"][table.name]["columns"][column.name]
        changes = declarations.changes_of_column(given, entry)
        self.alter(table.name, column.name, changes)

    def alter(self, table: str, column: str, changes: Json) -> None:
        """Change the entry of any column; what its rows hold stays as it is.

        Raises KeyError: no such table or column.
        """
        _ = self.schema.tables[table].columns[column]
        self._do(["change_column", table, column, changes])

    def drop_column(self, table: Table, column: Column) -> None:
        if not column.custom or column.name in (table.primary_id, table.primary_name):
            raise errors.cannot_delete_component(column.name, "it is a system column")
        if any(column.name in names for names in self.store.keys(table).values()):
            raise errors.component_in_use("Attribute", column.name)
        if column.is_lookup and any(
            r.column == column.name for r in table.navigations.values()
        ):
            raise errors.component_in_use("Attribute", column.name)
        gone = [column, *_companions(table, column)]
        for each in gone:
            self.store.drop_column(table, each)
        self._do(*(["drop_column", table.name, each.name] for each in gone))

    def hide_column(self, table: str, column: str) -> None:
        """As if an administrator had removed it, though it is a system column.

        Raises KeyError: no such table or column, ValueError: rows cannot be without.
        """
        definition = self.schema.tables[table]
        found = definition.columns[column]
        linked = any(r.column == column for r in definition.navigations.values())
        if linked or column in (definition.primary_id, definition.primary_name):
            raise ValueError(f"{table}.{column} cannot be removed")
        self._do(["drop_column", table, found.name])

    # -- relationships -------------------------------------------------------------

    def create_relationship(self, given: Json) -> str:
        entry, columns = declarations.relationship(given)
        for end in ("from", "to"):
            if entry[end] not in self.schema.tables:
                raise errors.no_entity(entry[end])
        table = self.schema.tables[entry["from"]]
        target = self.schema.tables[entry["to"]]
        if target.primary_name not in target.columns:
            # Parties of an activity have no name of their own, and nothing refers to
            # them (metadata: CanBePrimaryEntityInRelationship).
            raise errors.invalid_argument(
                f"'{target.name}' cannot be the primary table of a relationship."
            )
        self._refuse_known(table, columns)
        taken = {r.name for r in self.schema.relationships}
        here = {*table.navigations, *table.collections, *table.columns}
        there = {*target.navigations, *target.collections, *target.columns}
        if entry["name"] in taken or entry["navigation"] in here - {entry["column"]}:
            raise errors.duplicate_name(entry["name"])
        if entry["collection"] in there:
            raise errors.duplicate_name(entry["collection"])
        added = [["column", table.name, name, made] for name, made in columns.items()]
        self._do(*added, ["relationship", entry])
        return metadata_id("relationship", entry["name"])

    def drop_relationship(self, name: str) -> None:
        """The lookup column goes with it."""
        found = next(r for r in self.schema.relationships if r.name == name)
        if not found.custom or found.name.startswith("lk_"):
            raise errors.cannot_delete_component(name, "it is a system relationship")
        table = self.schema.tables[found.table]
        column = table.columns[found.column]
        if any(column.name in names for names in self.store.keys(table).values()):
            raise errors.component_in_use("Relationship", name)
        self.store.drop_column(table, column)
        self._do(["drop_relationship", name], ["drop_column", table.name, column.name])

    # -- alternate keys ------------------------------------------------------------

    def create_key(self, table: Table, given: Json) -> str:
        """Its index is Active at once.

        Which columns, how many, and how many keys: "Work with alternate keys".
        """
        name, columns = given.get("SchemaName"), given.get("KeyAttributes")
        valid = isinstance(name, str) and name.isidentifier() and name.isascii()
        valid = valid and isinstance(columns, list) and bool(columns)
        if not valid or not all(isinstance(c, str) for c in columns):
            raise errors.invalid_argument("Invalid key definition.")
        if not set(columns) <= _fit_for_keys(table) or len(columns) > _COLUMNS_OF_A_KEY:
            raise errors.invalid_argument("Invalid key definition.")
        keys = self.store.keys(table)
        if len(keys) >= _KEYS_OF_A_TABLE:
            raise errors.invalid_argument(
                f"A table has {_KEYS_OF_A_TABLE} alternate keys at most."
            )
        if name.lower() in keys or set(columns) in map(set, keys.values()):
            raise errors.duplicate_name(name)
        try:
            self.store.create_key(table, name.lower(), columns)
        except sqlite3.IntegrityError:
            raise errors.duplicate_key(name, ", ".join(columns)) from None
        except sqlite3.OperationalError:  # the name is that of another table's key
            raise errors.duplicate_name(name) from None
        return metadata_id("key", f"{table.name}.{name.lower()}")

    def drop_key(self, name: str) -> None:
        self.store.drop_key(name)

    # -- option sets ---------------------------------------------------------------

    def create_option_set(self, given: Json) -> str:
        name, entry = declarations.option_set(given)
        if name in self.option_sets():
            raise errors.duplicate_name(name)
        self._do(["option_set", name, entry])
        return metadata_id("optionset", name)

    def drop_option_set(self, name: str) -> None:
        if name not in self.schema.data["option_sets"]:
            raise errors.cannot_delete_component(name, "it is a system option set")
        for table in self.schema.tables.values():
            if any(c.global_options == name for c in table.columns.values()):
                raise errors.component_in_use("OptionSet", name)
        self._do(["drop_option_set", name])

    def option_sets(self) -> set[str]:
        used = {
            column.global_options
            for table in self.schema.tables.values()
            for column in table.columns.values()
        }
        return (used | set(self.schema.data["option_sets"])) - {""}

    def change_options(self, table: Table, column: Column, options: list[Any]) -> None:
        """Replace the options of a choice (``[value, label]``)."""
        self._do(["change_column", table.name, column.name, {"options": options}])

    def _global_options(self, reference: str) -> Json:
        """What a column bound to a global option set takes over from it."""
        for name, entry in self.schema.data["option_sets"].items():
            if f"'{name}'" in reference or metadata_id("optionset", name) in reference:
                shared = {
                    k: entry[k] for k in ("options", "translations") if k in entry
                }
                return {**shared, "global_options": name}
        raise errors.invalid_argument(f"There is no option set '{reference}'.")

    # -- the operations ------------------------------------------------------------

    def _refuse_known(self, table: Table, columns: dict[str, Json]) -> None:
        if table.view_of or table.only_nested:
            raise errors.invalid_argument(f"'{table.name}' takes no custom columns.")
        for name in columns:
            if name in table.columns:
                raise errors.duplicate_column(table.name, name)

    def _do(self, *operations: list[Any]) -> None:
        """Apply them, and keep them for the next start."""
        for operation in operations:
            text = json.dumps(operation)
            self.store.execute(
                "INSERT INTO customization (operation) VALUES (?)", (text,)
            )
            _apply(self.schema.data, json.loads(text))
            self._applied.append(text)
        self.schema.rebuild({str(o[1]) for o in operations})

    def settle(self) -> None:
        """Make the schema that of the database: at the start, and after a rollback."""
        found = self.store.execute(
            "SELECT operation FROM customization ORDER BY number"
        )
        kept = [operation for (operation,) in found]
        if kept == self._applied:
            return
        self.schema.data = Schema.declared()
        for operation in kept:
            _apply(self.schema.data, json.loads(operation))
        self._applied = kept
        self.schema.rebuild()

    def reset(self) -> None:
        """Only what the files declare is left."""
        if not self._applied:
            return
        declared = Schema.declared()
        for table in list(self.schema.tables.values()):
            for name in self.store.keys(table):
                self.store.drop_key(name)
            if table.custom:
                self.store.drop_table(table)
                continue
            known = declared["tables"][table.name]["columns"]
            for column in table.columns.values():
                if column.name not in known:
                    self.store.drop_column(table, column)
        self.store.execute("DELETE FROM customization")
        self.settle()


_COMPANIONS = {
    "Money": ("_base",),
    "File": ("_name",),
    "Image": ("id", "_timestamp", "_url"),
}
_KEY_TYPES = {"Decimal", "Integer", "String", "DateTime", "Picklist", *LOOKUP_TYPES}
_COLUMNS_OF_A_KEY, _KEYS_OF_A_TABLE = 16, 10


def _companions(table: Table, column: Column) -> list[Column]:
    """The columns that came with one, and go with it."""
    names = [f"{column.name}{suffix}" for suffix in _COMPANIONS.get(column.type, ())]
    return [table.columns[name] for name in names if name in table.columns]


def _fit_for_keys(table: Table) -> set[str]:
    """The columns that an alternate key may have."""
    columns = table.columns.values()
    derived = {other.name for each in columns for other in _companions(table, each)}
    fitting = {each.name for each in columns if each.type in _KEY_TYPES}
    return fitting - derived


def _currency(table: str) -> list[list[Any]]:
    columns = declarations.currency_columns()
    operations: list[list[Any]] = [
        ["column", table, name, entry] for name, entry in columns.items()
    ]
    return [*operations, ["relationship", declarations.currency_relationship(table)]]


def _apply(data: Json, operation: list[Any]) -> None:
    """Change ``data``, which has the form of ``schema.json``."""
    kind, *rest = operation
    tables, relationships = data["tables"], data["relationships"]
    if kind == "table":
        tables[rest[0]] = rest[1]
    elif kind == "change_table":
        tables[rest[0]].update(rest[1])
    elif kind == "drop_table":
        del tables[rest[0]]
        data["relationships"] = [r for r in relationships if r["from"] != rest[0]]
    elif kind == "column":
        tables[rest[0]]["columns"][rest[1]] = rest[2]
    elif kind == "change_column":
        tables[rest[0]]["columns"][rest[1]].update(rest[2])
    elif kind == "drop_column":
        del tables[rest[0]]["columns"][rest[1]]
    elif kind == "relationship":
        relationships.append(rest[0])
    elif kind == "drop_relationship":
        data["relationships"] = [r for r in relationships if r["name"] != rest[0]]
    elif kind == "option_set":
        data["option_sets"][rest[0]] = rest[1]
    elif kind == "drop_option_set":
        del data["option_sets"][rest[0]]
