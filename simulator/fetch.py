"""FetchXML: ``?fetchXml=`` to SQL and its rows to JSON.

Source: "Query data using FetchXml" (select columns, join tables, order rows, filter
rows, page results, aggregate data, count rows). Unlike OData queries it does not
return properties whose value is null. Elements and operators that Dataverse knows and
this does not are answered with 501.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from . import errors, values
from .filters import MAXIMUM_CONDITIONS, Sql, from_text, within
from .periods import PERIODS, span
from .preferences import (
    FETCH_COOKIE,
    FORMATTED_VALUE,
    LOOKUP_TABLE,
    MORE_RECORDS,
)
from .projection import CURRENCY, currency_symbol, lookup_name
from .query import MAXIMUM_PAGE, Options
from .reader import Reader, View
from .schema import Column, Table
from .tokens import PageToken

_COMPARISONS = {
    "eq": "=",
    "ne": "IS NOT",
    "neq": "IS NOT",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
_PATTERNS = {
    "like": "{}",
    "not-like": "{}",
    "begins-with": "{}%",
    "not-begin-with": "{}%",
    "ends-with": "%{}",
    "not-end-with": "%{}",
}
_USERS = {"eq-userid": False, "ne-userid": True}
_UNITS = {"eq-businessid": False, "ne-businessid": True}
_ON_DAY = {"on": "=", "on-or-before": "<=", "on-or-after": ">="}
# What Dataverse knows and the simulator does not yet: "Condition operators".
_OTHER_OPERATORS = re.compile(
    r"(not-)?contain-values|eq-or-above|eq-or-under|above|under|not-under"
    r"|eq-user(language|teams)|eq-useror(userhierarchy|userhierarchyandteams|userteams)"
    r"|(last|this|next)-fiscal-(period|year)"
    r"|(last|next)-x-fiscal-(periods|years)"
    r"|in-(fiscal-period|fiscal-year|fiscal-period-and-year)"
    r"|in-or-(after|before)-fiscal-period-and-year"
)
_AGGREGATES = ("count", "countcolumn", "sum", "avg", "min", "max")
_DATE_PARTS = {
    "day": "CAST(strftime('%d', {}) AS INTEGER)",
    "week": "(CAST(strftime('%W', {}) AS INTEGER) + 1)",
    "month": "CAST(strftime('%m', {}) AS INTEGER)",
    "quarter": "((CAST(strftime('%m', {}) AS INTEGER) + 2) / 3)",
    "year": "CAST(strftime('%Y', {}) AS INTEGER)",
}
_NUMERIC = ("Integer", "BigInt", "Money", "Decimal", "Double")
_KNOWN_ELEMENTS = frozenset(
    "fetch entity attribute all-attributes order filter condition value "
    "link-entity".split()
)
_DEEPEST = 50
_MOST_LINKS = 15


def parse(text: str) -> Element:
    """The ``fetch`` element. Raises DataverseError: not well-formed, unknown parts."""
    if "<!" in text:  # neither entities nor comments are worth their dangers
        raise _invalid("Invalid XML.")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise _invalid(f"Invalid XML. {error}") from None
    if root.tag != "fetch" or len(root) != 1 or root[0].tag != "entity":
        raise _invalid("A fetch element with one entity element was expected.")
    for element in root.iter():
        if element.tag not in _KNOWN_ELEMENTS:
            raise errors.not_implemented(f"The FetchXML element '{element.tag}'")
    if _depth(root) > _DEEPEST:
        raise _invalid("The query is nested too deeply.")
    if len(list(root.iter("condition"))) > MAXIMUM_CONDITIONS:
        raise errors.too_many_conditions()
    if len(list(root.iter("link-entity"))) > _MOST_LINKS:
        raise errors.too_many_links()
    return root


class Fetch:
    """Answers queries of one organization as JSON text."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def page(self, table: Table, options: Options, view: View) -> str:
        """The rows of a FetchXML query sent to the entity set of ``table``."""
        root = parse(options.fetch_xml or "")
        _require_table(root, table)
        top = _number(root, "top", MAXIMUM_PAGE)
        size = _number(root, "count", MAXIMUM_PAGE)
        page = _number(root, "page", None) or 1
        counted = _flag(root, "returntotalrecordcount") or options.count
        if top is not None and (size or root.get("page") or counted):
            raise _invalid(
                "The top attribute can't be specified with paging attribute page, "
                "count or returntotalrecordcount."
            )
        size = size or view.preferences.page_size or MAXIMUM_PAGE
        statement = _Statement(self.reader, view, root)
        limit = size if top is None else top
        rows = statement.rows(limit + 1, (page - 1) * size)
        more = top is None and len(rows) > limit
        members = [statement.context()]
        members += self.reader.counts(statement.total() if counted else None, view)
        asked = view.preferences.annotations
        if MORE_RECORDS in asked:
            members.append(f'"@{MORE_RECORDS}":{json.dumps(more)}')
        if more and FETCH_COOKIE in asked and statement.has_cookie:
            token = PageToken(page + 1, rows[limit - 1][1])
            cookie = json.dumps(token.text(table.primary_id))
            members.append(f'"@{FETCH_COOKIE}":{cookie}')
        members.append(statement.value(rows[:limit]))
        return "{" + ",".join(members) + "}"

    def sql_page(
        self, table: Table, root: Element, view: View, start: int
    ) -> tuple[str, PageToken | None]:
        """A page from row ``start`` on, and where the next begins; see sql.py.

        The text lacks the closing brace, so that a link can be added.
        """
        _require_table(root, table)
        statement = _Statement(self.reader, view, root)
        size = view.preferences.page_size or MAXIMUM_PAGE
        top = _number(root, "top", None)
        skipped = _number(root, "skip", None) or 0
        left = size if top is None else min(size, top - start)
        rows = statement.rows(left + 1, skipped + start)
        more = len(rows) > left and left == size and top != start + size
        text = f"{{{statement.context()},{statement.value(rows[:left])}"
        return text, PageToken(start // size + 2, str(start + left)) if more else None


@dataclass(frozen=True)
class _Source:
    """A table of the query, known in the statement as ``alias``."""

    table: Table
    alias: str

    def column(self, name: str | None) -> Column:
        column = self.table.columns.get(name or "")
        if column is None:
            raise errors.no_attribute(self.table.name, name or "")
        return column


@dataclass
class _Output:
    """A property of the result: its name, SQL, and how its values are written."""

    key: str
    sql: str
    encode: Callable[[Any], str]
    formatted: Callable[[Any], str] | None = None
    names: str | None = None  # SQL that gives the formatted value, or its symbol
    target: str | None = None  # SQL that gives a lookup's table


@dataclass
class _Statement:
    """The SQL of one query. Raises DataverseError for what is wrong in it."""

    reader: Reader
    view: View
    root: Element
    outputs: list[_Output] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    sources: dict[str, _Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._linked: list[tuple[Element, _Source]] = []
        self._chosen: list[_Output] = []  # of the entity itself, named one by one
        self.aggregate = _flag(self.root, "aggregate")
        self.distinct = _flag(self.root, "distinct")
        entity = self.root[0]
        source = self._source(entity, "t")
        self.sources[source.table.name] = self.base = source
        joins = list(self._links(entity, source))
        self._collect(entity, source, "")
        for element, owner in [(entity, source), *self._linked]:
            self._collect_orders(element, owner)
        conditions = self._visible(source) + list(self._filters(entity, source))
        where = _all(conditions)
        self._from = Sql(
            f" FROM {source.table.name} t"
            + "".join(f" {join.text}" for join in joins)
            + (f" WHERE {where.text}" if where.text else ""),
            [v for join in joins for v in join.parameters] + where.parameters,
        )
        if not self.outputs:
            raise _invalid("An aggregate query needs columns.")
        self._hidden = [] if self.aggregate or self.distinct else self._identity()

    @property
    def has_cookie(self) -> bool:
        return bool(self._hidden)

    def rows(self, limit: int, offset: int) -> list[tuple]:
        columns = list(self._hidden)
        for output in self.outputs:
            columns += [output.sql, output.names or "NULL", output.target or "NULL"]
        text = "SELECT DISTINCT " if self.distinct else "SELECT "
        text += ", ".join(columns) + self._from.text
        if self.groups:
            text += f" GROUP BY {', '.join(self.groups)}"
        orders = self.orders + ([self._hidden[1]] if self._hidden else [])
        if orders:
            text += f" ORDER BY {', '.join(orders)}"
        text += f" LIMIT {max(limit, 0)} OFFSET {offset}"
        return self.reader.store.execute(text, self._from.parameters).fetchall()

    def total(self) -> int:
        text = f"SELECT count(*){self._from.text}"
        return self.reader.store.execute(text, self._from.parameters).fetchone()[0]

    def context(self) -> str:
        """The member ``"@odata.context"``, with the columns that were asked for.

        A lookup is named with its value, once more by its column, and at the end.
        """
        url = f"{self.view.api_url}/$metadata#{self.base.table.entity_set}"
        named: list[str] = []
        for output in self._chosen:
            named.append(output.key)
            if output.target and output.key.endswith("_value"):
                named.append(output.key[1:].removesuffix("_value"))
        lookups = [
            f"{name}()" for key, name in pairwise(named) if key == f"_{name}_value"
        ]
        columns = f"({','.join([*named, *lookups])})" if named else ""
        return f'"@odata.context":{json.dumps(url + columns)}'

    def value(self, rows: list[tuple]) -> str:
        """The member ``"value"`` of the answer."""
        return f'"value":[{",".join(map(self._write, rows))}]'

    def _write(self, row: tuple) -> str:
        members = []
        if self._hidden:
            members.append(f'"@odata.etag":"W/\\"{row[0]}\\""')
        start = len(self._hidden)
        asked = self.view.preferences.annotations
        for index, output in enumerate(self.outputs):
            value, name, target = row[start + index * 3 : start + index * 3 + 3]
            if value is None:
                continue
            key = json.dumps(output.key)[:-1]
            if output.formatted and FORMATTED_VALUE in asked:
                name = f"{name or ''}{output.formatted(value)}"
            if name is not None and FORMATTED_VALUE in asked:
                text = json.dumps(name, ensure_ascii=False)
                members.append(f'{key}@{FORMATTED_VALUE}":{text}')
            if target is not None and LOOKUP_TABLE in asked:
                members.append(f'{key}@{LOOKUP_TABLE}":{json.dumps(target)}')
            members.append(f'{key}":{output.encode(value)}')
        return "{" + ",".join(members) + "}"

    # -- tables --------------------------------------------------------------------

    def _identity(self) -> list[str]:
        return ["t.versionnumber", f"t.{self.base.table.primary_id}"]

    def _source(self, element: Element, alias: str) -> _Source:
        name = element.get("name") or ""
        table = self.reader.schema.tables.get(name)
        if table is None:
            raise errors.no_entity(name)
        return _Source(table, alias)

    def _visible(self, source: _Source) -> list[Sql]:
        restriction = self.reader.security.read_filter(self.view.caller, source.table)
        if restriction is None:
            return []
        column, value = restriction
        return [Sql(f"{source.alias}.{column} = ?", [value])]

    def _links(self, element: Element, parent: _Source) -> Iterator[Sql]:
        """The joins below ``element``, outer ones before what hangs on them."""
        for link in element.findall("link-entity"):
            kind = link.get("link-type", "inner")
            if kind not in ("inner", "outer"):
                raise errors.not_implemented(f"The link-type '{kind}'")
            number = len(self.sources)
            source = self._source(link, f"l{number}")
            name = link.get("alias") or f"{source.table.name}{number}"
            if name in self.sources:
                raise _invalid(f"The alias '{name}' is not unique in the query.")
            self.sources[name] = source
            here, there = source.column(link.get("from")), parent.column(link.get("to"))
            on = Sql(f"{source.alias}.{here.name} = {parent.alias}.{there.name}")
            conditions = _all(
                [on, *self._visible(source), *self._filters(link, source)]
            )
            word = "JOIN" if kind == "inner" else "LEFT JOIN"
            text = f"{word} {source.table.name} {source.alias} ON {conditions.text}"
            yield Sql(text, conditions.parameters)
            yield from self._links(link, source)
            self._linked.append((link, source))
            self._collect(link, source, f"{name}.")

    # -- columns -------------------------------------------------------------------

    def _collect(self, element: Element, source: _Source, prefix: str) -> None:
        """Take up the columns that ``element`` asks for."""
        attributes = element.findall("attribute")
        everything = element.find("all-attributes") is not None
        if everything or (not attributes and not prefix and not self.aggregate):
            own = [
                self._plain(source, c, prefix) for c in source.table.columns.values()
            ]
        else:
            own = [self._output(source, a, prefix) for a in attributes]
            if not (prefix or self.aggregate or self.distinct):
                own += self._companions(source, attributes, own)
                self._chosen = own
        # The columns of the entity itself come before those of its links.
        self.outputs = self.outputs + own if prefix else own + self.outputs

    def _companions(
        self, source: _Source, attributes: list[Element], own: list[_Output]
    ) -> Iterator[_Output]:
        """What comes uninvited: the currency of an amount, and the primary key."""
        columns = [source.column(attribute.get("name")) for attribute in attributes]
        names = [source.table.primary_id]
        if any(column.type == "Money" for column in columns):
            names.insert(0, CURRENCY)
        keys = {output.key for output in own}
        for name in names:
            column = source.table.columns.get(name)
            if column and column.wire not in keys:
                yield self._plain(source, column, "")

    def _collect_orders(self, element: Element, source: _Source) -> None:
        """The entity's own order first, then that of its links."""
        for order in element.findall("order"):
            word = " DESC" if _flag(order, "descending") else ""
            self.orders.append(self._ordered(source, order) + word)

    def _ordered(self, source: _Source, order: Element) -> str:
        alias = order.get("alias")
        if alias is not None:
            for output in self.outputs:
                if output.key == alias:
                    return output.sql
            raise _invalid(f"The alias '{alias}' of the order is not in the query.")
        if self.aggregate:
            raise _invalid("Attribute can not be specified for an aggregate order.")
        source = self._named(order, source)
        column = source.column(order.get("attribute"))
        return f"{source.alias}.{column.name}"

    def _output(self, source: _Source, attribute: Element, prefix: str) -> _Output:
        column = source.column(attribute.get("name"))
        alias = attribute.get("alias")
        if not self.aggregate:
            return self._plain(source, column, prefix, alias)
        if not alias:
            raise _invalid("Alias is required for an attribute of an aggregate query.")
        if _flag(attribute, "groupby"):
            return self._group(source, column, attribute, alias)
        kind = attribute.get("aggregate")
        if kind not in _AGGREGATES:
            raise _invalid(f"The aggregate function '{kind}' is not valid.")
        return self._aggregated(source, column, kind, attribute, alias)

    def _plain(
        self, source: _Source, column: Column, prefix: str, alias: str | None = None
    ) -> _Output:
        key = alias or (f"{prefix}{column.name}" if prefix else column.wire)
        sql = f"{source.alias}.{column.name}"
        output = _Output(key, sql, values.encoder(column), values.formatter(column))
        if column.is_lookup:
            output.names = lookup_name(self.reader.schema, column, source.alias)
            output.target = f"'{column.targets[0]}'"
            if column.type_column:
                output.target = f"{source.alias}.{column.type_column}"
        elif (
            column.type == "Money"
            and FORMATTED_VALUE in self.view.preferences.annotations
        ):
            output.names = currency_symbol(source.alias)
        return output

    def _group(
        self, source: _Source, column: Column, attribute: Element, alias: str
    ) -> _Output:
        part = attribute.get("dategrouping")
        output = self._plain(source, column, "", alias)
        if part:
            if column.type != "DateTime":
                raise _invalid("dategrouping needs a column of a date.")
            if part not in _DATE_PARTS:
                raise errors.not_implemented(f"dategrouping '{part}'")
            output = _Output(alias, _DATE_PARTS[part].format(output.sql), repr)
        self.groups.append(output.sql)
        return output

    def _aggregated(
        self, source: _Source, column: Column, kind: str, attribute: Element, alias: str
    ) -> _Output:
        sql = f"{source.alias}.{column.name}"
        if kind == "count":
            return _Output(alias, "count(*)", repr, "{:,}".format)
        if kind == "countcolumn":
            word = "DISTINCT " if _flag(attribute, "distinct") else ""
            return _Output(alias, f"count({word}{sql})", repr, "{:,}".format)
        dates = column.type == "DateTime" and kind in ("min", "max")
        if column.type not in _NUMERIC and not dates:
            raise _invalid(
                f"Aggregate '{kind}' is not supported for the column '{column.name}'."
            )
        expression = f"{kind}({sql})"
        if kind == "avg" and column.type in ("Integer", "BigInt", "Money"):
            expression = f"CAST({expression} AS INTEGER)"
        return _Output(
            alias, expression, values.encoder(column), values.formatter(column)
        )

    # -- conditions ----------------------------------------------------------------

    def _filters(self, element: Element, source: _Source) -> Iterator[Sql]:
        for filter_element in element.findall("filter"):
            yield self._filter(filter_element, source)

    def _filter(self, element: Element, source: _Source) -> Sql:
        word = element.get("type", "and")
        if word not in ("and", "or"):
            raise _invalid(f"The filter type '{word}' is not valid.")
        parts = []
        for child in element:
            if child.tag not in ("filter", "condition"):
                raise errors.not_implemented(f"The element '{child.tag}' in a filter")
            build = self._filter if child.tag == "filter" else self._condition
            parts.append(build(child, source))
        return _all(parts, word.upper()) if parts else Sql("1")

    def _named(self, element: Element, source: _Source) -> _Source:
        """The source that ``entityname`` names, else ``source``."""
        name = element.get("entityname")
        if name is None:
            return source
        if name not in self.sources:
            raise _invalid(f"The entityname '{name}' is not an alias of the query.")
        return self.sources[name]

    def _condition(self, element: Element, source: _Source) -> Sql:
        source = self._named(element, source)
        column = source.column(element.get("attribute"))
        sql = f"{source.alias}.{column.name}"
        operator = element.get("operator") or ""
        texts = [child.text or "" for child in element.findall("value")]
        if element.get("value") is not None:
            texts.append(element.get("value"))
        if element.get("valueof") is not None:
            return self._column_against_column(element, source, sql, operator)
        builder = next((f for names, f in _BUILDERS if operator in names), None)
        if builder is None:
            if not _OTHER_OPERATORS.fullmatch(operator):
                raise _invalid(f"'{operator}' is not a valid condition operator.")
            raise errors.not_implemented(f"The FetchXML operator '{operator}'")
        return builder(self, column, sql, operator, texts)

    def _column_against_column(
        self, element: Element, source: _Source, sql: str, operator: str
    ) -> Sql:
        if operator not in _COMPARISONS:
            raise _invalid(f"valueof cannot be used with the operator '{operator}'.")
        alias, _, name = element.get("valueof").rpartition(".")
        if alias and alias not in self.sources:
            raise _invalid(f"The alias '{alias}' of valueof is not in the query.")
        other = self.sources[alias] if alias else source
        right = f"{other.alias}.{other.column(name).name}"
        return Sql(f"{sql} {_COMPARISONS[operator]} {right}")

    def _compare(self, column: Column, sql: str, operator: str, texts: list) -> Sql:
        value = from_text(column, _one(operator, texts))
        return Sql(f"{sql} {_COMPARISONS[operator]} ?", [value])

    def _null(self, column: Column, sql: str, operator: str, texts: list) -> Sql:
        return Sql(f"{sql} IS {'NOT ' * (operator == 'not-null')}NULL")

    def _pattern(self, column: Column, sql: str, operator: str, texts: list) -> Sql:
        if column.type not in ("String", "Memo"):
            raise _invalid(f"'{operator}' needs a text column, not '{column.name}'.")
        pattern = _PATTERNS[operator].format(_one(operator, texts))
        condition = f"coalesce(matches({sql}, ?), 0)"
        negated = operator.startswith("not-")
        return Sql(f"NOT {condition}" if negated else condition, [pattern])

    def _list(self, column: Column, sql: str, operator: str, texts: list) -> Sql:
        if not texts:
            raise _invalid(f"The operator '{operator}' needs values.")
        marks = ", ".join("?" * len(texts))
        condition = f"coalesce({sql} IN ({marks}), 0)"
        if operator == "not-in":
            condition = f"NOT {condition}"
        return Sql(condition, [from_text(column, text) for text in texts])

    def _between(self, column: Column, sql: str, operator: str, texts: list) -> Sql:
        if len(texts) != 2:
            raise _invalid(f"The operator '{operator}' needs two values.")
        word = "NOT BETWEEN" if operator == "not-between" else "BETWEEN"
        found = [from_text(column, text) for text in texts]
        return Sql(f"{sql} {word} ? AND ?", found)

    def _caller(self, column: Column, sql: str, operator: str, texts: list) -> Sql:
        caller = self.view.caller
        value = caller.user_id if operator in _USERS else caller.business_unit_id
        negated = {**_USERS, **_UNITS}[operator]
        return Sql(f"{sql} IS {'NOT ' * negated}?", [value])

    def _on(self, column: Column, sql: str, operator: str, texts: list) -> Sql:
        day = str(from_text(_date(column), _one(operator, texts)))[:10]
        return Sql(f"substr({sql}, 1, 10) {_ON_DAY[operator]} ?", [day])

    def _period(self, column: Column, sql: str, operator: str, texts: list) -> Sql:
        _date(column)
        count = texts[0] if len(texts) == 1 else None
        return within(sql, *span(operator, self.reader.clock.moment(), count))


_BUILDERS: list[tuple[Any, Callable[..., Sql]]] = [
    (_COMPARISONS, _Statement._compare),
    (("null", "not-null"), _Statement._null),
    (_PATTERNS, _Statement._pattern),
    (("in", "not-in"), _Statement._list),
    (("between", "not-between"), _Statement._between),
    ({**_USERS, **_UNITS}, _Statement._caller),
    (_ON_DAY, _Statement._on),
    (PERIODS, _Statement._period),
]


def _all(conditions: list[Sql], word: str = "AND") -> Sql:
    return Sql(
        f" {word} ".join(f"({condition.text})" for condition in conditions),
        [value for condition in conditions for value in condition.parameters],
    )


def _require_table(root: Element, table: Table) -> None:
    named = root[0].get("name")
    if named != table.name:
        raise errors.bad_request(
            f"The query's entity '{named}' is not that of '{table.entity_set}'."
        )


def _depth(element: Element) -> int:
    deepest, level = 0, [element]
    while level:
        deepest, level = deepest + 1, [child for parent in level for child in parent]
    return deepest


def _one(operator: str, texts: list[str]) -> str:
    if len(texts) != 1:
        raise _invalid(f"The operator '{operator}' needs exactly one value.")
    return texts[0]


def _date(column: Column) -> Column:
    if column.type != "DateTime":
        raise _invalid(f"'{column.name}' is not a column of a date.")
    return column


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _invalid(f"'{text}' is not a whole number.")
    return int(text)


def _number(element: Element, name: str, most: int | None) -> int | None:
    text = element.get(name)
    if text is None:
        return None
    number = _whole(text)
    if number < 1 and name != "skip" or (most and number > most):
        raise _invalid(f"'{text}' is not a valid value of '{name}'.")
    return number


def _flag(element: Element, name: str) -> bool:
    return element.get(name) in ("true", "1")


def _invalid(message: str) -> errors.DataverseError:
    return errors.DataverseError(400, "0x80040203", message)
