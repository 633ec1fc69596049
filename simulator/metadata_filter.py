"""``$filter`` over definitions: dictionaries, not rows."""

from __future__ import annotations

import uuid
from typing import Any

from odata_query import ast

from . import errors, filters
from .query import Options

Json = dict[str, Any]


def filtered(items: list[Json], options: Options) -> list[Json]:
    """Those that the filter of ``options`` lets through. Raises DataverseError."""
    if not options.filter:
        return items
    tree = filters.parse(options.filter)
    return [item for item in items if _test(tree, item)]


def _test(node: Any, item: Json) -> bool:
    """Metadata knows eq, ne, and, or, not on plain and managed properties."""
    if isinstance(node, ast.BoolOp):
        left = _test(node.left, item)
        if isinstance(node.op, ast.And):
            return left and _test(node.right, item)
        return left or _test(node.right, item)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _test(node.operand, item)
    if isinstance(node, ast.Compare) and isinstance(
        node.comparator, ast.Eq | ast.NotEq
    ):
        found = _member(node.left, item)
        try:
            wanted = node.right.py_val
        except (AttributeError, ValueError):  # no literal, or no such date
            raise errors.bad_request(
                "Metadata can be compared with literals only."
            ) from None
        equal = found == (str(wanted) if isinstance(wanted, uuid.UUID) else wanted)
        return equal == isinstance(node.comparator, ast.Eq)
    raise errors.bad_request("Metadata can be filtered with eq and ne only.")


def _member(node: Any, item: Json) -> Any:
    if isinstance(node, ast.Attribute):
        owner = _member(node.owner, item)
        if not isinstance(owner, dict) or node.attr not in owner:
            raise errors.unknown_query_property(node.attr, "ManagedProperty")
        return owner[node.attr]
    if not isinstance(node, ast.Identifier) or node.name not in item:
        raise errors.unknown_query_property(
            getattr(node, "name", "?"), "EntityMetadata"
        )
    return item[node.name]
