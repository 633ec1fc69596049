"""Creating, changing and deleting rows, with everything the server does around it.

Defaults, owner, currency, state and status, computed columns, alternate keys,
cascades. Sources: "Create/Update and delete table rows using the Web API", "Perform
conditional operations", "Table relationships: cascading behavior".
"""

from __future__ import annotations

import random
import sqlite3
import uuid
from dataclasses import dataclass
from typing import Any

from . import addresses, business_rules, deep_insert, errors, images, values
from .behaviors import Behaviors, null
from .business_rules import Write
from .clock import Clock
from .plug_ins import PlugIns
from .pricing import LINES, Pricing
from .schema import Relationship, Schema, Table
from .security import Caller, Security
from .store import Store

Row = dict[str, Any]

# The operating system is asked for randomness once: asked for each row it would take
# a good part of the time in which a row is written.
_random = random.Random(uuid.uuid4().int)


@dataclass(frozen=True)
class Conditions:
    """The ``If-Match`` and ``If-None-Match`` headers of a request."""

    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True)
class _Currencies:
    """The base currency, and what one unit of it is in each; as of ``stamp``."""

    stamp: tuple[int, ...]
    base: str
    rates: dict[str, float]


# Their reference lists no Create: the system itself makes these rows.
_SYSTEM_TABLES = frozenset(
    ("organization", "sdkmessage", "sdkmessagefilter", "asyncoperation")
)


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
        self.pricing = Pricing(store)
        self._known_currencies: _Currencies | None = None
        self._behaviors = Behaviors(schema)
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
        given = self._read_body(table, body, on_create=True)
        self.plug_ins.apply(table.name, "Create", given)
        row_id = row_id or given.get(table.primary_id)
        if row_id and self.store.exists(table, row_id):
            raise errors.duplicate_row()
        return self._insert(table, given, caller, row_id or _new_id())

    def create_stored(self, table: Table, given: Row, caller: Caller) -> str:
        """``create`` from stored values, as the platform's own messages do."""
        self.security.require(caller, table, "Create")
        return self._insert(table, given, caller, _new_id())

    def _insert(self, table: Table, given: Row, caller: Caller, row_id: str) -> str:
        behavior = self._behaviors[table.name]
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
        if behavior.document_column:
            given = self._price_line(table, row, given)
        self._settle_money(table, row, given)
        for rule in behavior.rules:
            if not rule.inputs.isdisjoint(row):
                row.update(rule.compute(row))
        if table.images:
            images.settle(self.store, table, row_id, row, self.clock, creating=True)
        with self._keys_enforced(table):
            self.store.insert(table, row, caller.user_id, now)
        if behavior.document_column:
            self._settle_document(table, row, caller)
        if row.get("baseuomname"):
            self._create_base_unit(row_id, row["baseuomname"], caller)
        return row_id

    def _price_line(self, table: Table, row: Row, given: Row) -> Row:
        """Fill in a new line's amounts, in its document's currency; returns what was
        given, with these."""
        found = self.pricing.line(table, row, set(given))
        document = self.schema.tables[LINES[table.name]]
        above = self.store.row(document, row.get(document.primary_id) or "") or {}
        if not given.get("transactioncurrencyid"):
            found["transactioncurrencyid"] = above.get("transactioncurrencyid")
        row.update(found)
        return {**given, **found}

    def _settle_document(self, table: Table, line: Row, caller: Caller) -> None:
        """The totals of the document that ``line`` belongs to, if it is still there."""
        document = self.schema.tables[LINES[table.name]]
        row = self.store.row(document, line.get(document.primary_id) or "")
        totals = self.pricing.all_totals(document, row) if row else {}
        changed = {n: v for n, v in totals.items() if row and row[n] != v}
        if row and changed:
            self._settle_money(document, changed, dict(changed), row)
            self._write(document, row, changed, caller)

    def _create_base_unit(self, group_id: str, name: str, caller: Caller) -> None:
        """A unit group comes with the unit that its other units are made of."""
        unit = self.schema.tables["uom"]
        group = {"uomscheduleid@odata.bind": f"uomschedules({group_id})"}
        unit_id = self._create_row(
            unit, {"name": name, "quantity": 1, **group}, caller, None
        )
        self.set_columns(unit, unit_id, {"isschedulebaseuom": 1}, caller)

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
        if behavior.document_column:
            priced = self.pricing.line(table, {**row, **changes}, set(given))
            changes.update(priced)
            given = {**given, **priced}
        elif behavior.has_lines:
            totals = self.pricing.totals(table, {**row, **changes}, set(given))
            changes.update(totals)
            given = {**given, **totals}
        self._settle_money(table, changes, given, row)
        self._write(table, row, changes, caller)
        if behavior.document_column:
            self._settle_document(table, {**row, **changes}, caller)
            if (
                changes.get(behavior.document_column, row[behavior.document_column])
                != (row[behavior.document_column])
            ):
                self._settle_document(table, row, caller)
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
        if table.images:
            images.settle(self.store, table, row[table.primary_id], changes, self.clock)
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
        currencies = self._currencies()
        after = {**before, **given} if before else given
        currency = after.get("transactioncurrencyid")
        if currency is None:
            if all(after.get(name) is None for name in behavior.money):
                row["exchangerate"] = None
                return
            currency = row["transactioncurrencyid"] = currencies.base
        rate = currencies.rates[currency]
        row["exchangerate"] = rate
        for name in behavior.money_with_base:
            amount = after.get(name)
            if amount is None and before is None:
                continue  # a new row is null where nothing is said
            base = None if amount is None else round(amount / rate)
            if base is not None:
                values.check_amount(table.columns[f"{name}_base"], base)
            row[f"{name}_base"] = base

    def _currencies(self) -> _Currencies:
        stamp = self.store.stamp("transactioncurrency", "organization")
        if self._known_currencies is None or self._known_currencies.stamp != stamp:
            (base,) = self.store.execute(
                "SELECT basecurrencyid FROM organization"
            ).fetchone()
            rates = self.store.execute(
                "SELECT transactioncurrencyid, exchangerate FROM transactioncurrency"
            )
            self._known_currencies = _Currencies(stamp, base, dict(rates.fetchall()))
        return self._known_currencies

    def _delete_cascading(self, table: Table, row_id: str, caller: Caller) -> None:
        wanted = [r for r in table.referenced_by if r.on_delete != "NoCascade"]
        linked = [
            (relationship, ids)
            for relationship, ids in zip(
                wanted, self.store.references(table, row_id, wanted), strict=True
            )
            if ids
        ]
        if any(relationship.on_delete == "Restrict" for relationship, _ in linked):
            raise errors.delete_restricted()
        line = None
        if self._behaviors[table.name].document_column:
            line = self.store.row(table, row_id)
        self.store.delete(table, row_id, caller.user_id, self.clock.text())
        if line:
            self._settle_document(table, line, caller)
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
                    self._write(source, child, null(column), caller)

    def _keys_enforced(self, table: Table) -> _KeysEnforced:
        return _KeysEnforced(self.store, table)


def etag(version: int) -> str:
    """The weak ETag of a row version."""
    return f'W/"{version}"'


def _refuse_view(table: Table, message: str) -> None:
    if table.view_of:
        raise errors.message_not_supported(message, table.name)


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


def _new_id() -> str:
    return str(uuid.UUID(int=_random.getrandbits(128), version=4))
