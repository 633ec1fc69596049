"""Creating, changing and deleting rows, with everything the server does around it.

Defaults, owner, currency, state and status, computed columns, alternate keys,
cascades. Sources: "Create/Update and delete table rows using the Web API", "Perform
conditional operations", "Table relationships: cascading behavior".
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import addresses, business_rules, deep_insert, errors, values
from .business_rules import Write
from .clock import Clock
from .computed import Rule, rules_for
from .plug_ins import PlugIns
from .schema import Column, Relationship, Schema, Table
from .security import Caller, Security
from .store import Store

Row = dict[str, Any]


@dataclass(frozen=True)
class Conditions:
    """The ``If-Match`` and ``If-None-Match`` headers of a request."""

    if_match: str | None = None
    if_none_match: str | None = None


# Their reference lists no Create: the system itself makes these rows.
_SYSTEM_TABLES = frozenset(("organization", "sdkmessage", "sdkmessagefilter"))


class Rows:
    """Every write passes here, whichever way the request came in."""

    def __init__(
        self,
        schema: Schema,
        store: Store,
        security: Security,
        clock: Clock,
        plug_ins: PlugIns,
    ) -> None:
        self.schema = schema
        self.store = store
        self.security = security
        self.clock = clock
        self.plug_ins = plug_ins
        self._behaviors = _Behaviors(schema)
        schema.listeners.append(self._behaviors.clear)

    # -- the four operations -------------------------------------------------------

    def create(
        self, table: Table, body: Row, caller: Caller, row_id: str | None = None
    ) -> str:
        """Add a row, and the related rows in its body.

        Returns its id: ``row_id``, the primary key in ``body`` or a new one. Raises
        DataverseError.
        """
        made_by_client = bool(caller.client_id)
        if table.only_nested or (made_by_client and table.name in _SYSTEM_TABLES):
            raise errors.message_not_supported("Create", table.name)
        return self._create_deep(table, body, caller, row_id)

    def _create_deep(
        self,
        table: Table,
        body: Row,
        caller: Caller,
        row_id: str | None = None,
        depth: int = 0,
    ) -> str:
        if depth > deep_insert.MAXIMUM_DEPTH:
            raise errors.too_deep()
        parts = deep_insert.split(self.schema, table, body)
        for navigation, target, related in parts.singles:
            related_id = self._create_deep(target, related, caller, depth=depth + 1)
            parts.plain[f"{navigation}@odata.bind"] = (
                f"{target.entity_set}({related_id})"
            )
        row_id = self._create_row(table, parts.plain, caller, row_id)
        for relationship, children in parts.collections:
            self._create_children(table, row_id, relationship, children, caller, depth)
        return row_id

    def _create_children(
        self,
        table: Table,
        row_id: str,
        relationship: Relationship,
        children: list[Row],
        caller: Caller,
        depth: int = 0,
    ) -> None:
        source = self.schema.tables[relationship.table]
        bind = {
            f"{relationship.navigation}@odata.bind": f"{table.entity_set}({row_id})"
        }
        for child in children:
            self._create_deep(source, {**child, **bind}, caller, depth=depth + 1)

    def _create_row(
        self, table: Table, body: Row, caller: Caller, row_id: str | None
    ) -> str:
        self.security.require(caller, table, "Create")
        _refuse_view(table, "Create")
        behavior = self._behaviors[table.name]
        given = self._read_body(table, body, on_create=True)
        self.plug_ins.apply(table.name, "Create", given)
        row_id = row_id or given.get(table.primary_id) or str(uuid.uuid4())
        if self.store.exists(table, row_id):
            raise errors.duplicate_row()
        business_rules.check(Write(table, self.store, row_id, given, None))
        now = self.clock.text()
        row = {**behavior.defaults, **given}
        row[table.primary_id] = row_id
        behavior.stamp_created(row, caller, now)
        for name, prefix in behavior.auto_numbers.items():
            if row.get(name) is None:
                row[name] = f"{prefix}-{self.store.version:08}"
        if "statecode" in behavior.defaults:
            before = {"statecode": behavior.defaults["statecode"]}
            _settle_state(table, row, before, given, row_id)
        if table.ownership == "UserOwned":
            self._settle_owner(row, given, caller)
        for name in behavior.required:
            if row.get(name) is None:
                raise errors.required_column(name)
        self._settle_money(table, row, given)
        for rule in behavior.rules:
            row.update(rule.compute(row))
        with self._keys_enforced(table):
            self.store.insert(table, row, caller.user_id, now)
        return row_id

    def update(
        self,
        table: Table,
        row_id: str,
        body: Row,
        caller: Caller,
        conditions: Conditions = Conditions(),  # noqa: B008 - frozen
    ) -> None:
        """Change the columns in ``body``; parties given replace an activity's.

        Raises DataverseError.
        """
        _refuse_view(table, "Update")
        parts = deep_insert.split(self.schema, table, body)
        body = parts.plain
        for navigation, _, _ in parts.singles:
            raise errors.deep_update(navigation)
        for relationship, _ in parts.collections:
            if not self.schema.tables[relationship.table].only_nested:
                raise errors.deep_update(relationship.collection)
        row = self._writable_row(table, row_id, caller, "Write", conditions)
        behavior = self._behaviors[table.name]
        given = self._read_body(table, body, on_create=False)
        given.pop(table.primary_id, None)
        self.plug_ins.apply(table.name, "Update", given)
        business_rules.check(Write(table, self.store, row_id, given, row))
        for name in behavior.required:
            if given.get(name, row[name]) is None:
                raise errors.required_column(name)
        changes = dict(given)
        if "statecode" in given or "statuscode" in given:
            _settle_state(table, changes, row, given, row_id)
        if "ownerid" in given:
            self._settle_owner(changes, given, caller)
        self._settle_money(table, changes, given, row)
        self._write(table, row, changes, caller)
        for relationship, children in parts.collections:
            self._replace_children(table, row_id, relationship, children, caller)

    def _replace_children(
        self,
        table: Table,
        row_id: str,
        relationship: Relationship,
        children: list[Row],
        caller: Caller,
    ) -> None:
        source = self.schema.tables[relationship.table]
        column = source.columns[relationship.column]
        for old_id in self.store.referencing(table, column, row_id):
            self._delete_cascading(source, old_id, caller)
        self._create_children(table, row_id, relationship, children, caller)

    def upsert(
        self,
        table: Table,
        key: addresses.Key,
        body: Row,
        caller: Caller,
        conditions: Conditions = Conditions(),  # noqa: B008 - frozen
    ) -> tuple[str, bool]:
        """PATCH: change the addressed row, or create it unless ``If-Match`` forbids.

        Returns ``(id, created)``. Raises DataverseError.
        """
        row_id = addresses.find(self.store, table, key)
        if row_id:
            if conditions.if_none_match == "*":
                raise errors.duplicate_row()
            body = self._without_key(table, key, body)
            self.update(table, row_id, body, caller, conditions)
            return row_id, False
        if conditions.if_match:
            raise addresses.not_found(table, key)
        body = {**self._key_as_body(table, key), **body}
        return self.create(table, body, caller, key.row_id), True

    def delete(
        self,
        table: Table,
        row_id: str,
        caller: Caller,
        conditions: Conditions = Conditions(),  # noqa: B008 - frozen
    ) -> None:
        """Remove a row and what its relationships cascade to. Raises DataverseError."""
        _refuse_view(table, "Delete")
        self._writable_row(table, row_id, caller, "Delete", conditions)
        self._delete_cascading(table, row_id, caller)

    def set_columns(
        self, table: Table, row_id: str, changes: Row, caller: Caller
    ) -> None:
        """Write stored values that no body may set, as the platform's own messages do.

        Raises DataverseError: the row is not there, or not ``caller``'s to write.
        """
        row = self._writable_row(table, row_id, caller, "Write", Conditions())
        self._settle_money(table, changes, dict(changes), row)
        self._write(table, row, changes, caller)

    # -- what a body says ----------------------------------------------------------

    def _read_body(self, table: Table, body: Row, *, on_create: bool) -> Row:
        """The stored values of ``body``. Columns not valid for the operation are left
        out, as the platform does silently."""
        behavior = self._behaviors[table.name]
        readers = behavior.readers
        given: Row = {}
        for name, value in body.items():
            reader = readers.get(name)
            if reader:
                reader(self, given, value, on_create)
            else:
                behavior.refuse(name, value, body)
        return given

    def _key_as_body(self, table: Table, key: addresses.Key) -> Row:
        """An alternate key as properties, for the row that an upsert creates."""
        body: Row = {}
        for name, value in key.values:
            column = table.columns[name]
            if column.is_lookup:
                target = self.schema.tables[column.targets[0]]
                navigation = self.schema.navigation_to(column, target.name)
                body[f"{navigation}@odata.bind"] = f"{target.entity_set}({value})"
            else:
                body[name] = value
        return body

    @staticmethod
    def _without_key(table: Table, key: addresses.Key, body: Row) -> Row:
        """Upsert strips key columns from the body when it updates."""
        names = {table.primary_id, *(name for name, _ in key.values)}
        return {name: value for name, value in body.items() if name not in names}

    # -- rules around a write ------------------------------------------------------

    def _writable_row(
        self,
        table: Table,
        row_id: str,
        caller: Caller,
        access: str,
        conditions: Conditions,
    ) -> Row:
        self.security.require(caller, table, access)
        row = self.store.row(table, row_id)
        if row is None:
            raise errors.row_not_found(table.name, row_id)
        self.security.require_row(caller, table, access, row)
        if conditions.if_none_match == "*":
            raise errors.duplicate_row()
        wanted = conditions.if_match
        if wanted and wanted != "*":
            if not table.optimistic_concurrency:
                raise errors.optimistic_concurrency_off(table.name)
            if wanted != etag(row["versionnumber"]):
                raise errors.version_mismatch()
        return row

    def _write(self, table: Table, row: Row, changes: Row, caller: Caller) -> None:
        behavior = self._behaviors[table.name]
        now = self.clock.text()
        behavior.stamp_modified(changes, caller, now)
        for rule in behavior.rules:
            if rule.inputs & changes.keys():
                changes.update(rule.compute({**row, **changes}))
        with self._keys_enforced(table):
            self.store.update(
                table, row[table.primary_id], changes, caller.user_id, now
            )

    def _settle_owner(self, row: Row, given: Row, caller: Caller) -> None:
        """An owner is a user or a team; three read-only columns follow it."""
        owner = given.get("ownerid")
        if "ownerid" in given and owner is None:
            raise errors.required_column("ownerid")
        if owner is None:
            owner, kind, unit = caller.user_id, "systemuser", caller.business_unit_id
        else:
            kind = given["ownerid_type"]
            table = self.schema.tables[kind]
            unit = self.store.row(table, owner)["businessunitid"]
        row["ownerid"], row["ownerid_type"] = owner, kind
        row["owninguser"] = owner if kind == "systemuser" else None
        row["owningteam"] = owner if kind == "team" else None
        row["owningbusinessunit"] = unit

    def _settle_money(
        self, table: Table, row: Row, given: Row, before: Row | None = None
    ) -> None:
        """Amounts need a currency; ``<column>_base`` is the amount in the base one."""
        behavior = self._behaviors[table.name]
        amounts = behavior.money & given.keys()
        if not behavior.money or not (amounts or "transactioncurrencyid" in given):
            return
        before = before or {}
        after = {**before, **given}
        currency = after.get("transactioncurrencyid")
        if currency is None:
            if all(after.get(name) is None for name in behavior.money):
                row["exchangerate"] = None
                return
            found = self.store.execute("SELECT basecurrencyid FROM organization")
            currency = row["transactioncurrencyid"] = found.fetchone()[0]
        rate = self.store.execute(
            "SELECT exchangerate FROM transactioncurrency "
            "WHERE transactioncurrencyid = ?",
            (currency,),
        ).fetchone()[0]
        row["exchangerate"] = rate
        for name in behavior.money_with_base:
            amount = after.get(name)
            row[f"{name}_base"] = None if amount is None else round(amount / rate)

    def _delete_cascading(self, table: Table, row_id: str, caller: Caller) -> None:
        linked: list[tuple[Relationship, list[str]]] = []
        for relationship in table.referenced_by:
            if relationship.on_delete == "NoCascade":
                continue
            column = self.schema.tables[relationship.table].columns[relationship.column]
            ids = self.store.referencing(table, column, row_id)
            if ids and relationship.on_delete == "Restrict":
                raise errors.delete_restricted()
            linked.append((relationship, ids))
        self.store.delete(table, row_id, caller.user_id, self.clock.text())
        for relationship, ids in linked:
            source = self.schema.tables[relationship.table]
            for child_id in ids:
                child = self.store.row(source, child_id)
                if child is None:  # already removed by another cascade
                    continue
                if relationship.on_delete == "Cascade":
                    self._delete_cascading(source, child_id, caller)
                else:
                    column = source.columns[relationship.column]
                    self._write(source, child, _null(column), caller)

    def _keys_enforced(self, table: Table) -> _KeysEnforced:
        return _KeysEnforced(self.store, table)


def etag(version: int) -> str:
    """The weak ETag of a row version."""
    return f'W/"{version}"'


def _refuse_view(table: Table, message: str) -> None:
    if table.view_of:
        raise errors.message_not_supported(message, table.name)


def _null(column: Column) -> Row:
    cleared: Row = {column.name: None}
    if column.type_column:
        cleared[column.type_column] = None
    return cleared


def _settle_state(table: Table, row: Row, before: Row, given: Row, row_id: str) -> None:
    """State and status must match; a state alone brings its default status."""
    state_column, status_column = (
        table.columns["statecode"],
        table.columns["statuscode"],
    )
    state = given.get("statecode", before["statecode"])
    if state is None:
        raise errors.required_column("statecode")
    status = given.get("statuscode")
    if status is None:
        unchanged = state == before["statecode"] and before.get("statuscode")
        status = unchanged or state_column.default_status[state]
    if status_column.state_of[status] != state:
        raise errors.state_status_mismatch(
            status, table.name, state_column.options[state], row_id
        )
    row["statecode"], row["statuscode"] = state, status


class _KeysEnforced:
    """Turns a violated alternate key into Dataverse's error."""

    def __init__(self, store: Store, table: Table) -> None:
        self._store, self._table = store, table

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, sqlite3.IntegrityError):
            for name, columns in self._store.keys(self._table).items():
                if f"{self._table.name}.{columns[0]}" in str(error):
                    raise errors.duplicate_key(name, ", ".join(columns)) from error


class _Behaviors(dict[str, "_Behavior"]):
    """Of each table by its name, made when it is first asked for."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self._schema = schema

    def __missing__(self, name: str) -> _Behavior:
        self[name] = _Behavior(self._schema.tables[name])
        return self[name]


class _Behavior:
    """What ``Rows`` needs to know of a table, worked out once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        columns = table.columns
        self.rules: list[Rule] = rules_for(table)
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
        given.update(_null(column))


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
