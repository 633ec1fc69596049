"""The query of ``RetrieveMetadataChanges``: which definitions, and which properties.

Source: "Query schema definitions", ``EntityQueryExpression`` and its parts as JSON.
"""

from __future__ import annotations

import json
from typing import Any

from . import errors

Json = dict[str, Any]
# Member of a table's definition -> the part of the query that is about it.
PARTS = {
    "Attributes": "AttributeQuery",
    "ManyToOneRelationships": "RelationshipQuery",
    "OneToManyRelationships": "RelationshipQuery",
    "Keys": "KeyQuery",
}
_MAXIMUM_DEPTH = 50
_ALWAYS = ("@odata.type", "MetadataId", "LogicalName", "HasChanged")


def parse(text: str | None) -> Json:
    """The value of the parameter ``Query``. Raises DataverseError."""
    try:
        query = json.loads(text or "")
    except (ValueError, RecursionError):
        query = None
    if not isinstance(query, dict):
        raise errors.bad_request("The parameter 'Query' is no EntityQueryExpression.")
    return query


def part(query: Json, name: str) -> Json:
    """The part of ``query`` about the member ``name`` of a table's definition."""
    return _object(query.get(PARTS[name]))


def properties(expression: Any) -> frozenset[str] | None:
    """The names asked for, None for all. Raises DataverseError."""
    expression = _object(expression)
    if expression.get("AllProperties"):
        return None
    names = expression.get("PropertyNames") or []
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise errors.bad_request("'PropertyNames' is no collection of names.")
    return frozenset(names)


def selected(item: Json, wanted: frozenset[str] | None) -> Json:
    """``item`` with the properties ``wanted`` names; parts of a table are left out."""
    return {
        name: value() if callable(value) else value
        for name, value in item.items()
        if name not in PARTS and (wanted is None or name in wanted or name in _ALWAYS)
    }


def matches(criteria: Any, item: Json, depth: int = 0) -> bool:
    """Whether ``item`` meets a ``MetadataFilterExpression``. Raises DataverseError."""
    if depth > _MAXIMUM_DEPTH:
        raise errors.bad_request("The filters of the query are nested too deeply.")
    criteria = _object(criteria)
    conditions = criteria.get("Conditions") or []
    filters = criteria.get("Filters") or []
    if not isinstance(conditions, list) or not isinstance(filters, list):
        raise errors.bad_request("The members of a filter are no collections.")
    results = [_meets(_object(condition), item) for condition in conditions]
    results += [matches(inner, item, depth + 1) for inner in filters]
    if criteria.get("FilterOperator") == "Or" and results:
        return any(results)
    return all(results)


def _meets(condition: Json, item: Json) -> bool:
    name, operator = condition.get("PropertyName"), condition.get("ConditionOperator")
    if not isinstance(name, str) or name not in item or callable(item[name]):
        raise errors.bad_request(f"Definitions have no property '{name}' to filter by.")
    found = item[name]
    if isinstance(found, dict) and "Value" in found:
        found = found["Value"]
    wanted = _values(condition.get("Value"))
    if operator in ("Equals", "In"):
        return _text(found) in wanted
    if operator in ("NotEquals", "NotIn"):
        return _text(found) not in wanted
    if operator in ("GreaterThan", "LessThan"):
        raise errors.not_implemented(f"The condition operator {operator}")
    raise errors.bad_request(f"'{operator}' is no MetadataConditionOperator.")


def _values(value: Any) -> list[str]:
    """The texts of a ``{"Type": ..., "Value": ...}``; a list if the type is one."""
    value = _object(value)
    content = value.get("Value")
    if str(value.get("Type", "")).endswith("[]") and isinstance(content, str):
        try:
            content = json.loads(content.replace("'", '"'))
        except ValueError:
            raise errors.bad_request(f"'{content}' is no list of values.") from None
    items = content if isinstance(content, list) else [content]
    return [_text(item) for item in items]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _object(value: Any) -> Json:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise errors.bad_request("The parameter 'Query' is no EntityQueryExpression.")
    return value
