"""The queries of a bulk delete: ``QueryExpression`` objects as JSON.

Source: "QueryExpression class", "BulkDelete action". What a query needs beyond
conditions and filters on its own table (links, order, paging) answers 501.
"""

from __future__ import annotations

from typing import Any

from . import errors, values
from .schema import Schema, Table
from .store import Store

_COMPARISONS = {
    "Equal": "=",
    "NotEqual": "<>",
    "GreaterThan": ">",
    "GreaterEqual": ">=",
    "LessThan": "<",
    "LessEqual": "<=",
}
_MAXIMUM_DEPTH = 50
_KNOWN = frozenset(("@odata.type", "EntityName", "ColumnSet", "Criteria", "Distinct"))


def matching_ids(schema: Schema, store: Store, query: Any) -> tuple[Table, list[str]]:
    """The table and the ids of the rows ``query`` finds. Raises DataverseError."""
    if not isinstance(query, dict):
        raise errors.payload("BulkDelete", "A query of 'QuerySet' is no object.")
    unknown = query.keys() - _KNOWN
    if unknown:
        raise errors.not_implemented(f"{min(unknown)} in a bulk delete")
    name = query.get("EntityName")
    table = schema.tables.get(name) if isinstance(name, str) else None
    if table is None:
        raise errors.bad_request(f"Unknown entity name: {name}")
    criteria = query.get("Criteria")
    text, parameters = _filter(table, {} if criteria is None else criteria)
    statement = f"SELECT {table.primary_id} FROM {table.name} WHERE {text}"
    return table, [row[0] for row in store.execute(statement, parameters)]


def _filter(table: Table, criteria: Any, depth: int = 0) -> tuple[str, list[Any]]:
    if not isinstance(criteria, dict) or depth > _MAXIMUM_DEPTH:
        raise errors.payload("BulkDelete", "A filter cannot be read.")
    parts, parameters = [], []
    conditions = criteria.get("Conditions") or []
    filters = criteria.get("Filters") or []
    if not isinstance(conditions, list) or not isinstance(filters, list):
        raise errors.payload("BulkDelete", "A filter's members are no collections.")
    for text, found in (
        *(_condition(table, condition) for condition in conditions),
        *(_filter(table, inner, depth + 1) for inner in filters),
    ):
        parts.append(f"({text})")
        parameters += found
    joined = " OR " if criteria.get("FilterOperator") == "Or" else " AND "
    return joined.join(parts) or "1", parameters


def _condition(table: Table, condition: Any) -> tuple[str, list[Any]]:
    if not isinstance(condition, dict):
        raise errors.payload("BulkDelete", "A condition is no object.")
    name, operator = condition.get("AttributeName"), condition.get("Operator")
    column = table.columns.get(name) if isinstance(name, str) else None
    if column is None:
        raise errors.no_attribute(table.name, str(name))
    if operator in ("Null", "NotNull"):
        return f"{column.name} IS {'NOT ' * (operator == 'NotNull')}NULL", []
    given = condition.get("Values")
    if not isinstance(given, list) or not given:
        raise errors.payload("BulkDelete", "A condition has no 'Values'.")
    wanted = [
        values.parse(column, v.get("Value") if isinstance(v, dict) else v, table.name)
        if not column.is_lookup
        else str(v.get("Value") if isinstance(v, dict) else v).lower()
        for v in given
    ]
    if operator in ("In", "NotIn"):
        marks = ", ".join("?" * len(wanted))
        return f"{column.name} {'NOT ' * (operator == 'NotIn')}IN ({marks})", wanted
    if not isinstance(operator, str) or operator not in _COMPARISONS:
        raise errors.not_implemented(f"The operator {operator} in a bulk delete")
    return f"{column.name} {_COMPARISONS[operator]} ?", wanted[:1]
