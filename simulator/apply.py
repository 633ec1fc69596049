"""``$apply``: filter, group, aggregate.

``[filter(...)/]groupby((a,b/c)[,aggregate(...)])`` or ``[filter(...)/]aggregate(...)``.
Source: "Aggregate data using OData": a column of a looked-up row is called
``<table>_<column>``, groups leave out what is null, dates cannot be grouped, at most
50,000 rows are aggregated.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from . import errors, values
from .filters import Compiler, Sql
from .preferences import FORMATTED_VALUE
from .query import Options, split
from .reader import Reader, View, where
from .schema import Column, Table

MAXIMUM_ROWS = 50_000
_TRANSFORMATION = re.compile(r"(filter|groupby|aggregate)\((.*)\)", re.DOTALL)
_AGGREGATE = re.compile(r"([\w/]+)\s+with\s+(\w+)\s+as\s+(\w+)", re.ASCII)
_COUNT = re.compile(r"\$count\s+as\s+(\w+)", re.ASCII)
_NUMBERS = ("Integer", "BigInt", "Decimal", "Double", "Money")
_FUNCTIONS = {
    "sum": _NUMBERS,
    "average": _NUMBERS,
    "min": (*_NUMBERS, "DateTime"),
    "max": (*_NUMBERS, "DateTime"),
    "countdistinct": tuple(values.EDM_TYPES),
}
_OTHER_OPTIONS = ("select", "filter", "orderby", "top", "expand", "skiptoken")


@dataclass(frozen=True)
class _Member:
    """One member of the answer's objects: ``sql`` expressions it is made from."""

    name: str
    sql: tuple[str, ...]
    text: Callable[..., str]
    formatted: Callable[..., str] | None


class Apply:
    """Answers as JSON text."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def page(
        self, table: Table, options: Options, view: View, within: Sql | None = None
    ) -> str:
        """All groups of the rows ``within``, in one page. Raises DataverseError."""
        for name in _OTHER_OPTIONS:
            if getattr(options, name):
                raise errors.not_implemented(f"$apply together with ${name}")
        compiler = self._reader.compiler(table, view)
        conditions = self._reader.visible(table, view) + ([within] if within else [])
        groups: list[_Member] | None = None
        aggregates: list[_Member] = []
        for step in split(options.apply or "", "/"):
            match = _TRANSFORMATION.fullmatch(step.strip())
            if not match or groups is not None or aggregates:
                raise errors.bad_request(f"Syntax error in $apply '{options.apply}'.")
            kind, inside = match.groups()
            if kind == "filter":
                conditions.append(compiler.condition(inside))
            elif kind == "aggregate":
                aggregates = self._aggregates(compiler, inside)
            else:
                groups, aggregates = self._grouping(compiler, inside)
        if groups is None and not aggregates:
            raise errors.bad_request("$apply needs a groupby or an aggregate.")
        rows = self._rows(table, conditions, groups or [], aggregates)
        formatted = FORMATTED_VALUE in view.preferences.annotations
        members = [*(groups or []), *aggregates]
        objects = [_object(members, row, formatted) for row in rows]
        context = json.dumps(f"{view.api_url}/$metadata#{table.entity_set}")
        return f'{{"@odata.context":{context},"value":[{",".join(objects)}]}}'

    # -- reading the option ----------------------------------------------------------

    def _grouping(
        self, compiler: Compiler, inside: str
    ) -> tuple[list[_Member], list[_Member]]:
        first, *rest = split(inside, ",") or [""]
        first = first.strip()
        if not (first.startswith("(") and first.endswith(")")) or len(rest) > 1:
            raise errors.bad_request(f"Syntax error in groupby '{inside}'.")
        names = [name.strip() for name in split(first[1:-1], ",")]
        if not names:
            raise errors.bad_request("groupby needs a property.")
        groups = [self._group(compiler, name) for name in names]
        aggregates: list[_Member] = []
        for step in rest:
            match = _TRANSFORMATION.fullmatch(step.strip())
            if not match or match[1] != "aggregate":
                raise errors.bad_request(f"Syntax error in groupby '{inside}'.")
            aggregates = self._aggregates(compiler, match[2])
        return groups, aggregates

    def _group(self, compiler: Compiler, path: str) -> _Member:
        operand = compiler.operand(path)
        column = operand.column
        if column.type in ("DateTime", "Image"):
            raise errors.bad_request("Grouping by date and time is not supported.")
        name = f"{column.table}_{column.name}" if "/" in path else column.wire
        encode, format_value = values.encoder(column), values.formatter(column)
        return _Member(name, (operand.sql,), encode, format_value)

    def _aggregates(self, compiler: Compiler, inside: str) -> list[_Member]:
        found = []
        for item in split(inside, ","):
            text = item.strip()
            if match := _COUNT.fullmatch(text):
                found.append(_Member(match[1], ("count(*)",), str, "{:,}".format))
            elif match := _AGGREGATE.fullmatch(text):
                found.append(self._aggregate(compiler, *match.groups()))
            else:
                raise errors.bad_request(f"Syntax error in aggregate '{inside}'.")
        names = [member.name for member in found]
        if not found or len(set(names)) < len(names):
            raise errors.bad_request(f"aggregate needs different names: '{inside}'.")
        return found

    def _aggregate(
        self, compiler: Compiler, path: str, function: str, name: str
    ) -> _Member:
        operand = compiler.operand(path)
        column, sql = operand.column, operand.sql
        kinds = _FUNCTIONS.get(function)
        if kinds is None:
            raise errors.bad_request(f"'{function}' is no aggregation method.")
        if column.type not in kinds:
            raise errors.invalid_aggregate(function, column.type)
        if function == "countdistinct":
            return _Member(name, (f"count(DISTINCT {sql})",), str, "{:,}".format)
        if column.type == "DateTime":
            expression = f"{function}({sql})"
            encode, shown = values.encoder(column), values.formatter(column)
            return _Member(name, (expression,), encode, shown)
        if function == "average":
            both = (f"sum({sql})", f"count({sql})")
            return _Member(name, both, _number(column), _for_people(column))
        return _Member(
            name, (f"{function}({sql})",), _number(column), _for_people(column)
        )

    # -- asking the database ---------------------------------------------------------

    def _rows(
        self,
        table: Table,
        conditions: list[Sql],
        groups: list[_Member],
        aggregates: list[_Member],
    ) -> list[tuple[Any, ...]]:
        text, parameters = where(conditions)
        execute = self._reader.store.execute
        count = execute(
            f"SELECT count(*) FROM {table.name} t{text}", parameters
        ).fetchone()[0]
        if count > MAXIMUM_ROWS:
            raise errors.too_many_to_aggregate()
        columns = [sql for member in [*groups, *aggregates] for sql in member.sql]
        statement = f"SELECT {', '.join(columns)} FROM {table.name} t{text}"
        if groups:
            numbers = ", ".join(str(number + 1) for number in range(len(groups)))
            statement += f" GROUP BY {numbers} ORDER BY {numbers}"
        try:
            return execute(statement, parameters).fetchall()
        except sqlite3.OperationalError as error:  # a sum of integers beyond 64 bits
            raise errors.arithmetic_overflow() from error


def _object(members: list[_Member], row: tuple[Any, ...], formatted: bool) -> str:
    parts, position = [], 0
    for member in members:
        found = row[position : position + len(member.sql)]
        position += len(member.sql)
        if found[0] is None:
            continue
        name = json.dumps(member.name)[1:-1]
        if formatted and member.formatted:
            shown = json.dumps(member.formatted(*found), ensure_ascii=False)
            parts.append(f'"{name}@{FORMATTED_VALUE}":{shown}')
        parts.append(f'"{name}":{member.text(*found)}')
    return "{" + ",".join(parts) + "}"


def _value(column: Column, total: Any, count: int) -> Decimal:
    """A sum (``count`` 1) or an average as a number of the column's unit."""
    number = Decimal(str(total)) / count
    return number / values.MONEY_SCALE if column.type == "Money" else number


def _number(column: Column) -> Callable[..., str]:
    def text(total: Any, count: int = 1) -> str:
        number = _value(column, total, count)
        if column.type == "Money":
            return f"{number:.9f}"
        if column.type in ("Integer", "BigInt"):
            return str(int(number))  # the platform's averages of integers are integers
        return f"{number:.10f}"

    return text


def _for_people(column: Column) -> Callable[..., str]:
    digits = 0 if column.type in ("Integer", "BigInt") else column.precision

    def text(total: Any, count: int = 1) -> str:
        return f"{_value(column, total, count):,.{digits}f}"

    return text
