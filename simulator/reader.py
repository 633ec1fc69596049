"""Reading rows: one, a page of many, a count; with what ``$expand`` brings along.

Source: "Retrieve a table row", "Query data", "Join tables", "Page results".
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from . import errors
from .clock import Clock
from .filters import Compiler, Sql
from .preferences import (
    METADATA_VERSION,
    TOTAL_COUNT,
    TOTAL_COUNT_EXCEEDED,
    Preferences,
)
from .projection import Projection
from .query import MAXIMUM_PAGE, Expand, Options
from .schema import Relationship, Schema, Table
from .security import Caller, Security
from .store import Store
from .tokens import PageToken, parse_page_token

COUNT_CAP = 5000


@dataclass(frozen=True)
class View:
    """Who looks, through which ``api_url`` (no slash at the end), preferring what."""

    caller: Caller
    api_url: str
    preferences: Preferences


class Reader:
    """Answers as JSON text."""

    def __init__(
        self, schema: Schema, store: Store, security: Security, clock: Clock
    ) -> None:
        self.schema = schema
        self.store = store
        self.security = security
        self.clock = clock
        self._projection = lru_cache(maxsize=256)(self._make_projection)
        schema.listeners.append(self._projection.cache_clear)

    # -- answers -------------------------------------------------------------------

    def one(
        self, table: Table, row_id: str, options: Options, view: View
    ) -> tuple[str, int]:
        """``(JSON, version)`` of a row. Raises DataverseError if it does not exist."""
        visible = self.visible(table, view)
        rows = self._read(
            table,
            options,
            view,
            [Sql(f"t.{table.primary_id} = ?", [row_id]), *visible],
        )
        if not rows:
            if visible and self.store.exists(table, row_id):
                raise errors.row_access_denied(view.caller.user_id, table.name, row_id)
            raise errors.row_not_found(table.name, row_id)
        row, members = rows[0]
        context = context_url(table, options, view, "/$entity")
        return f'{{"@odata.context":{context},{members}}}', row[0]

    def page(
        self,
        table: Table,
        options: Options,
        view: View,
        path: str,
        within: Sql | None = None,
    ) -> str:
        """A page of rows; ``path`` is the collection's, for the next link."""
        conditions = self.visible(table, view) + ([within] if within else [])
        compiler = self.compiler(table, view)
        if options.filter:
            conditions.append(compiler.condition(options.filter))
        size = view.preferences.page_size or MAXIMUM_PAGE
        limit = size
        if options.top is not None and view.preferences.page_size is None:
            limit = min(size, options.top)
        token = parse_page_token(options.skiptoken) if options.skiptoken else None
        order, offset = f"t.{table.primary_id}", 0
        paged = list(conditions)
        if options.orderby:
            order = compiler.order(options.orderby)
        if token and not token.last:
            offset = (token.page - 1) * size
        elif token and options.orderby:
            offset = token.number()
        elif token:
            paged.append(Sql(f"t.{table.primary_id} > ?", [token.last]))
        rows = self._read(table, options, view, paged, order, limit + 1, offset)
        more = len(rows) > limit and limit == size
        parts = [f'"@odata.context":{context_url(table, options, view)}']
        total = self._total(table, conditions) if options.count else None
        parts += self.counts(total, view)
        shown = rows[:limit]
        parts.append(
            '"value":[' + ",".join(f"{{{members}}}" for _, members in shown) + "]"
        )
        if more:
            last = str(offset + limit) if options.orderby else shown[-1][0][1]
            token = PageToken(token.page + 1 if token else 2, last)
            link = options.link(skiptoken=token.text(table.primary_id))
            parts.append(
                f'"@odata.nextLink":{json.dumps(f"{view.api_url}/{path}?{link}")}'
            )
        return "{" + ",".join(parts) + "}"

    def count(
        self, table: Table, options: Options, view: View, within: Sql | None = None
    ) -> int:
        """The number of matching rows, never above 5,000."""
        conditions = self.visible(table, view) + ([within] if within else [])
        if options.filter:
            conditions.append(self.compiler(table, view).condition(options.filter))
        return min(self._total(table, conditions), COUNT_CAP)

    # -- parts, also for change tracking -------------------------------------------

    def projection(self, table: Table, options: Options, view: View) -> Projection:
        return self._projection(
            table.name, options.select, view.preferences.annotations
        )

    def visible(self, table: Table, view: View) -> list[Sql]:
        """The condition of row-level security, if there is one."""
        restriction = self.security.read_filter(view.caller, table)
        if restriction is None:
            return []
        column, value = restriction
        return [Sql(f"t.{column} = ?", [value])]

    def related(self, relationship: Relationship, table: Table, row_id: str) -> Sql:
        """The condition for the rows of a collection of row ``row_id``."""
        column = self.schema.tables[relationship.table].columns[relationship.column]
        condition = Sql(f"t.{column.name} = ?", [row_id])
        if column.type_column:
            condition.text += f" AND t.{column.type_column} = ?"
            condition.parameters.append(table.name)
        return condition

    def _make_projection(
        self, table: str, select: tuple[str, ...] | None, annotations: frozenset[str]
    ) -> Projection:
        return Projection(self.schema, self.schema.tables[table], select, annotations)

    def compiler(self, table: Table, view: View) -> Compiler:
        return Compiler(self.schema, table, self.clock, view.caller)

    def _read(
        self,
        table: Table,
        options: Options,
        view: View,
        conditions: list[Sql],
        order: str = "",
        limit: int = -1,
        offset: int = 0,
    ) -> list[tuple[tuple, str]]:
        """Rows as ``(stored values, members of the JSON object)``."""
        projection = self.projection(table, options, view)
        expansions = [self._expansion(table, projection, e) for e in options.expand]
        text, parameters = where(conditions)
        statement = f"SELECT {', '.join(projection.columns)} FROM {table.name} t{text}"
        if order:
            statement += f" ORDER BY {order} LIMIT {limit} OFFSET {offset}"
        rows = self.store.execute(statement, parameters).fetchall()
        if not expansions:
            return [(row, projection.write(row)) for row in rows]
        members = [[projection.write(row)] for row in rows]
        for expansion in expansions:
            for parts, text in zip(
                members, expansion.texts(self, rows, view), strict=True
            ):
                parts.append(text)
        return [
            (row, ",".join(parts)) for row, parts in zip(rows, members, strict=True)
        ]

    def _expansion(
        self, table: Table, projection: Projection, expand: Expand
    ) -> _ExpandOne | _ExpandMany | _ExpandReference:
        name = expand.navigation
        if name in table.navigations:
            if expand.reference:
                return _ExpandReference(self.schema, table, projection, expand)
            return _ExpandOne(self.schema, table, projection, expand)
        if name in table.collections:
            if expand.reference:
                raise errors.bad_request(
                    "Expand with $ref is only supported on lookup type navigation "
                    "property."
                )
            return _ExpandMany(self.schema, table, expand)
        raise errors.unknown_query_property(name, table.name)

    def counts(self, total: int | None, view: View) -> list[str]:
        """What stands before the rows: their number, None if nobody asked for it, and
        the annotations of the answer as a whole that the client prefers."""
        shown = -1 if total is None else min(total, COUNT_CAP)
        parts = [] if total is None else [f'"@odata.count":{shown}']
        annotations = view.preferences.annotations
        if TOTAL_COUNT in annotations:
            parts.append(f'"@{TOTAL_COUNT}":{shown}')
        if TOTAL_COUNT_EXCEEDED in annotations:
            exceeded = json.dumps((total or 0) > COUNT_CAP)
            parts.append(f'"@{TOTAL_COUNT_EXCEEDED}":{exceeded}')
        if METADATA_VERSION in annotations:
            parts.append(f'"@{METADATA_VERSION}":"{self.schema.version}"')
        return parts

    def _total(self, table: Table, conditions: list[Sql]) -> int:
        text, parameters = where(conditions)
        statement = f"SELECT count(*) FROM {table.name} t{text}"
        return self.store.execute(statement, parameters).fetchone()[0]


class _ExpandOne:
    """The row a lookup points to."""

    def __init__(
        self, schema: Schema, table: Table, projection: Projection, expand: Expand
    ) -> None:
        relationship = table.navigations[expand.navigation]
        column = table.columns[relationship.column]
        self.expand = expand
        self.targets = schema.targets(relationship)
        self.id_index = projection.index(f"t.{column.name}")
        self.type_index = (
            projection.index(f"t.{column.type_column}") if column.type_column else None
        )

    def texts(self, reader: Reader, rows: list[tuple], view: View) -> list[str]:
        found: dict[tuple[str, str], str] = {}
        for target in self.targets:
            ids = {row[self.id_index] for row in rows if self._points_to(row, target)}
            if ids:
                wanted = Sql(_among(f"t.{target.primary_id}"), [json.dumps(list(ids))])
                conditions = [wanted, *reader.visible(target, view)]
                for row, members in reader._read(
                    target, self.expand.options, view, conditions
                ):
                    found[target.name, row[1]] = f"{{{members}}}"
        return [
            f'"{self.expand.navigation}":'
            + next(
                (
                    found.get((target.name, row[self.id_index]), "null")
                    for target in self.targets
                    if self._points_to(row, target)
                ),
                "null",
            )
            for row in rows
        ]

    def _points_to(self, row: tuple, target: Table) -> bool:
        if row[self.id_index] is None:
            return False
        return self.type_index is None or row[self.type_index] == target.name


class _ExpandReference:
    """The address of the row a lookup points to, and the lookup's value with it."""

    def __init__(
        self, schema: Schema, table: Table, projection: Projection, expand: Expand
    ) -> None:
        self.target = _ExpandOne(schema, table, projection, expand)
        self.column = table.columns[table.navigations[expand.navigation].column]
        self.shown = self.column not in projection.selected

    def texts(self, reader: Reader, rows: list[tuple], view: View) -> list[str]:
        return [self._text(row, view.api_url) for row in rows]

    def _text(self, row: tuple, api_url: str) -> str:
        found, reference = row[self.target.id_index], "null"
        for target in self.target.targets:
            if self.target._points_to(row, target):
                address = f"{api_url}/{target.entity_set}({found})"
                reference = f'{{"@odata.id":{json.dumps(address)}}}'
        member = f'"{self.target.expand.navigation}":{reference}'
        if not self.shown:
            return member
        return f'"{self.column.wire}":{json.dumps(found)},{member}'


class _ExpandMany:
    """The rows that point here, for a collection-valued navigation property."""

    def __init__(self, schema: Schema, table: Table, expand: Expand) -> None:
        self.table = table
        self.expand = expand
        self.relationship = table.collections[expand.navigation]
        self.source = schema.tables[self.relationship.table]
        self.column = self.source.columns[self.relationship.column]

    def texts(self, reader: Reader, rows: list[tuple], view: View) -> list[str]:
        options, name = self.expand.options, self.expand.navigation
        compiler = reader.compiler(self.source, view)
        wanted = Sql(
            _among(f"t.{self.column.name}"), [json.dumps([row[1] for row in rows])]
        )
        if self.column.type_column:
            wanted.text += f" AND t.{self.column.type_column} = ?"
            wanted.parameters.append(self.table.name)
        conditions = [wanted, *reader.visible(self.source, view)]
        if options.filter:
            conditions.append(compiler.condition(options.filter))
        order = f"t.{self.source.primary_id}"
        if options.orderby:
            order = compiler.order(options.orderby)
        parent = reader.projection(self.source, options, view).index(
            f"t.{self.column.name}"
        )
        children: dict[str, list[str]] = defaultdict(list)
        for row, members in reader._read(self.source, options, view, conditions, order):
            if options.top is None or len(children[row[parent]]) < options.top:
                children[row[parent]].append(f"{{{members}}}")
        base = f"{view.api_url}/{self.table.entity_set}"
        link = options.link()
        return [
            f'"{name}":[{",".join(children[row[1]])}],"{name}@odata.nextLink":'
            + json.dumps(f"{base}({row[1]})/{name}{'?' * bool(link)}{link}")
            for row in rows
        ]


def context_url(table: Table, options: Options, view: View, suffix: str = "") -> str:
    """The ``@odata.context`` of rows of ``table``, as a JSON string."""
    selected = list(options.select or ())
    for expand in options.expand:
        name, inside = expand.navigation, ",".join(expand.options.select or ())
        if expand.reference:
            selected += [name, f"{name}/$ref()"]
        else:
            selected.append(f"{name}({inside})")
    columns = f"({','.join(selected)})" if selected else ""
    return json.dumps(f"{view.api_url}/$metadata#{table.entity_set}{columns}{suffix}")


def _among(expression: str) -> str:
    return f"{expression} IN (SELECT value FROM json_each(?))"


def where(conditions: list[Sql]) -> tuple[str, list[Any]]:
    """The WHERE clause that joins them, and its parameters."""
    if not conditions:
        return "", []
    text = " AND ".join(f"({condition.text})" for condition in conditions)
    parameters = [value for c in conditions for value in c.parameters]
    return f" WHERE {text}", parameters
