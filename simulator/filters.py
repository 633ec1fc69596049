"""``$filter`` to SQL.

The grammar is odata-query's; here is what Dataverse means by it: property names of
the table, lookup values, paths through lookups, ``any``/``all`` over collections, the
``Microsoft.Dynamics.CRM.*`` functions, any-case text, ``ne`` that includes nulls.
Source: "Filter rows using OData", "Web API query functions".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import count
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from . import errors, values
from .clock import Clock
from .periods import PERIODS, function_name, span
from .schema import Column, Relationship, Schema, Table
from .security import Caller

_TOKENS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|[\[\]]|@\w+")
_ENUM_LITERAL = re.compile(r"Microsoft\.Dynamics\.CRM\.\w+('[^']*')")
_OPERATORS = {
    ast.Eq: ("=", "Equal"),
    ast.NotEq: ("<>", "NotEqual"),
    ast.Lt: ("<", "LessThan"),
    ast.LtE: ("<=", "LessThanOrEqual"),
    ast.Gt: (">", "GreaterThan"),
    ast.GtE: (">=", "GreaterThanOrEqual"),
}
_TEXT_FUNCTIONS = {"contains": "%{}%", "startswith": "{}%", "endswith": "%{}"}
_LITERAL_TYPES = {
    ast.String: "Edm.String",
    ast.Integer: "Edm.Int32",
    ast.Float: "Edm.Decimal",
    ast.Boolean: "Edm.Boolean",
    ast.GUID: "Edm.Guid",
    ast.Date: "Edm.Date",
    ast.DateTime: "Edm.DateTimeOffset",
}
MAXIMUM_CONDITIONS = 500
_NUMBERS = ("Integer", "BigInt", "Money", "Decimal", "Double")
_GUIDS = ("Uniqueidentifier", "Lookup", "Owner", "Customer", "File")
_ACCEPTED_LITERALS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("String", "Memo", "MultiSelectPicklist"), (ast.String,)),
    **dict.fromkeys(_GUIDS, (ast.GUID,)),
    **dict.fromkeys(("Picklist", "State", "Status"), (ast.Integer,)),
    **dict.fromkeys(_NUMBERS, (ast.Integer, ast.Float)),
    "Boolean": (ast.Boolean,),
    "DateTime": (ast.DateTime, ast.Date),
    "Image": (),
}


@lru_cache(maxsize=512)
def parse(text: str) -> Any:
    """The syntax tree of a filter. Raises DataverseError (0x80060888)."""
    try:
        return ODataParser().parse(ODataLexer().tokenize(_to_plain_odata(text)))
    # With sly 0.5 odata-query stumbles over the token that it wants to complain of.
    except (ODataException, AttributeError) as error:
        raise errors.bad_request(f"Syntax error in '{text}': {error}") from error


def _to_plain_odata(text: str) -> str:
    """Write JSON lists and enum literals the way the OData grammar knows them."""

    def replace(match: re.Match[str]) -> str:
        token = match[0]
        if token.startswith('"'):
            return "'" + token[1:-1].replace('\\"', '"').replace("'", "''") + "'"
        return {"[": "(", "]": ")"}.get(token, token)

    return _TOKENS.sub(replace, _ENUM_LITERAL.sub(r"\1", text.strip()))


def substitute_aliases(text: str, aliases: dict[str, str]) -> str:
    """Put the values of parameter aliases (``@p1``) in their places."""
    return _TOKENS.sub(lambda match: aliases.get(match[0], match[0]), text)


@dataclass
class Sql:
    """A condition and its parameters."""

    text: str
    parameters: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class _Operand:
    sql: str
    column: Column


class Compiler:
    """Compiles conditions on ``table``, known in the statement as ``alias``."""

    def __init__(
        self, schema: Schema, table: Table, clock: Clock, caller: Caller
    ) -> None:
        self.schema = schema
        self.clock = clock
        self.caller = caller
        self._aliases = (f"j{number}" for number in count(1))
        self._conditions = 0
        self._scopes: dict[str | None, tuple[Table, str]] = {None: (table, "t")}

    def condition(self, text: str) -> Sql:
        """``text`` is a ``$filter``. Raises DataverseError."""
        try:
            found = self._visit(parse(text))
        except RecursionError:
            raise errors.too_many_conditions() from None
        if self._conditions > MAXIMUM_CONDITIONS:
            raise errors.too_many_conditions()
        return found

    def order(self, text: str) -> str:
        """The SQL after ORDER BY for an ``$orderby``. Raises DataverseError."""
        terms = []
        for item in text.split(","):
            words = item.split()
            if not 1 <= len(words) <= 2 or words[1:] not in ([], ["asc"], ["desc"]):
                raise errors.bad_request(f"Syntax error in $orderby '{text}'.")
            operand = self._path(words[0])
            terms.append(" ".join([operand.sql, *words[1:]]))
        return ", ".join(terms)

    def operand(self, path: str) -> _Operand:
        """The column at ``path`` and the SQL for it. Raises DataverseError."""
        return self._path(path)

    # -- the tree ------------------------------------------------------------------

    def _visit(self, node: Any) -> Sql:
        if isinstance(node, ast.BoolOp):
            left, right = self._visit(node.left), self._visit(node.right)
            word = "AND" if isinstance(node.op, ast.And) else "OR"
            return Sql(
                f"({left.text} {word} {right.text})", left.parameters + right.parameters
            )
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self._visit(node.operand)
            return Sql(f"NOT {inner.text}", inner.parameters)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.CollectionLambda):
            return self._collection(node)
        if isinstance(node, ast.Identifier | ast.Attribute):
            operand = self._operand(node)
            if operand.column.type == "Boolean":
                return Sql(f"({operand.sql} = 1)")
        raise errors.bad_request("The filter expression must be a condition.")

    def _comparison(self, node: ast.Compare) -> Sql:
        self._conditions += 1
        left, right = node.left, node.right
        if isinstance(node.comparator, ast.In):
            raise errors.bad_request(
                "The 'in' operator is not supported; use Microsoft.Dynamics.CRM.In."
            )
        operator, kind = _OPERATORS[type(node.comparator)]
        if type(left) in _LITERAL_TYPES or isinstance(left, ast.Null):
            left, right = right, left
            operator = operator.translate(str.maketrans("<>", "><"))
            operator = "<>" if operator == "><" else operator
        operand = self._operand(left)
        if isinstance(right, ast.Null):
            if operator not in ("=", "<>"):
                raise errors.bad_request(f"null cannot be compared with {kind}.")
            return Sql(f"({operand.sql} IS {'NOT ' * (operator == '<>')}NULL)")
        if type(right) not in _LITERAL_TYPES:
            other = self._operand(right)
            return Sql(f"({operand.sql} {operator} {other.sql})")
        value = _literal(operand.column, right, kind)
        if operator == "<>":
            return Sql(f"({operand.sql} IS NOT ?)", [value])
        return Sql(f"({operand.sql} {operator} ?)", [value])

    def _call(self, node: ast.Call) -> Sql:
        self._conditions += 1
        name = node.func.full_name()
        if name in _TEXT_FUNCTIONS:
            operand = self._operand(node.args[0])
            if operand.column.type not in ("String", "Memo"):
                raise errors.bad_request(
                    f"No function signature for the function with name '{name}' "
                    "matches the specified arguments."
                )
            if not isinstance(node.args[1], ast.String):
                raise errors.bad_request(f"'{name}' needs a string literal.")
            pattern = _TEXT_FUNCTIONS[name].format(node.args[1].val)
            return Sql(f"matches({operand.sql}, ?)", [pattern])
        if node.func.namespace == ("Microsoft", "Dynamics", "CRM"):
            return self._crm_function(node)
        raise errors.bad_request(f"An unknown function with name '{name}' was found.")

    def _collection(self, node: ast.CollectionLambda) -> Sql:
        if not isinstance(node.owner, ast.Identifier):
            raise errors.not_implemented("any/all through a lookup")
        table, alias = self._scopes[None]
        relationship = table.collections.get(node.owner.name)
        if relationship is None:
            raise errors.unknown_query_property(node.owner.name, table.name)
        source = self.schema.tables[relationship.table]
        inner = next(self._aliases)
        join = _join(source, inner, relationship, table, alias)
        if node.lambda_ is None:
            return Sql(f"EXISTS (SELECT 1 FROM {source.name} {inner} WHERE {join})")
        variable = node.lambda_.identifier.name
        self._scopes[variable] = (source, inner)
        condition = self._visit(node.lambda_.expression)
        del self._scopes[variable]
        wanted, outer = (
            ("", "") if isinstance(node.operator, ast.Any) else ("NOT ",) * 2
        )
        return Sql(
            f"{outer}EXISTS (SELECT 1 FROM {source.name} {inner} "
            f"WHERE {join} AND {wanted}coalesce({condition.text}, 0))",
            condition.parameters,
        )

    # -- names ---------------------------------------------------------------------

    def _operand(self, node: Any) -> _Operand:
        if isinstance(node, ast.Identifier) and not node.namespace:
            return self._path(node.name)
        if isinstance(node, ast.Attribute):
            parts = [node.attr]
            owner = node.owner
            while isinstance(owner, ast.Attribute):
                parts.insert(0, owner.attr)
                owner = owner.owner
            return self._path("/".join([owner.name, *parts]))
        raise errors.bad_request("Only properties can be compared in a filter.")

    def _path(self, path: str) -> _Operand:
        """``name``, ``navigation/name``, or ``x/name`` of a lambda variable ``x``."""
        first, *rest = path.split("/")
        if first in self._scopes and rest:
            table, alias = self._scopes[first]
        else:
            table, alias = self._scopes[None]
            rest = [first, *rest]
        return self._walk(table, alias, rest)

    def _walk(self, table: Table, alias: str, names: list[str]) -> _Operand:
        name, *rest = names
        if not rest:
            column = table.by_wire.get(name)
            if column is None:
                raise errors.unknown_query_property(name, table.name)
            return _Operand(f"{alias}.{column.name}", column)
        relationship = table.navigations.get(name)
        if relationship is None:
            raise errors.unknown_query_property(name, table.name)
        target = self.schema.targets(relationship)[0]
        inner = next(self._aliases)
        found = self._walk(target, inner, rest)
        join = _join(table, alias, relationship, target, inner)
        # A subquery loses its column's collation.
        text = found.column.type in ("String", "Memo")
        return _Operand(
            f"(SELECT {found.sql} FROM {target.name} {inner} WHERE {join})"
            + " COLLATE NOCASE_UNICODE" * text,
            found.column,
        )

    # -- Microsoft.Dynamics.CRM.* --------------------------------------------------

    def _crm_function(self, node: ast.Call) -> Sql:
        name = node.func.name
        arguments = {
            argument.name.name: argument.param
            for argument in node.args
            if isinstance(argument, ast.NamedParam)
        }
        property_name = arguments.get("PropertyName")
        if not isinstance(property_name, ast.String):
            raise errors.bad_request(f"'{node.func.full_name()}' needs PropertyName.")
        operand = self._crm_property(property_name.val)
        function = _CRM_FUNCTIONS.get(name)
        if function is None:
            raise errors.not_implemented(f"The function {node.func.full_name()}")
        return function(self, operand, _argument_texts(arguments))

    def _crm_property(self, name: str) -> _Operand:
        """Query functions know columns by logical name, also lookups."""
        table, alias = self._scopes[None]
        column = table.columns.get(name) or table.by_wire.get(name)
        if column is None:
            return self._path(name)
        return _Operand(f"{alias}.{column.name}", column)

    def _list(self, operand: _Operand, texts: list[str], negated: bool) -> Sql:
        marks = ", ".join("?" * len(texts))
        found = [from_text(operand.column, text) for text in texts]
        condition = f"({operand.sql} IN ({marks}))"
        return Sql(f"NOT coalesce({condition}, 0)" if negated else condition, found)

    def _between(self, operand: _Operand, texts: list[str], negated: bool) -> Sql:
        if len(texts) != 2:
            raise errors.bad_request("Between needs exactly two PropertyValues.")
        found = [from_text(operand.column, text) for text in texts]
        word = "NOT BETWEEN" if negated else "BETWEEN"
        return Sql(f"({operand.sql} {word} ? AND ?)", found)

    def _options(self, operand: _Operand, texts: list[str], negated: bool) -> Sql:
        test = " OR ".join(
            [f"instr(',' || {operand.sql} || ',', ',' || ? || ',') > 0"] * len(texts)
        )
        condition = f"coalesce(({test}), 0)"
        return Sql(f"NOT {condition}" if negated else condition, list(texts))

    def _is(self, operand: _Operand, value: str, negated: bool) -> Sql:
        return Sql(f"({operand.sql} IS {'NOT ' * negated}?)", [value])

    def _period(self, operand: _Operand, texts: list[str], name: str) -> Sql:
        count = texts[0] if len(texts) == 1 else None
        return within(operand.sql, *span(name, self.clock.moment(), count))

    def _on(self, operand: _Operand, texts: list[str], operator: str) -> Sql:
        if not texts:
            raise errors.bad_request("A PropertyValue is missing.")
        day = texts[0][:10]
        return Sql(f"(substr({operand.sql}, 1, 10) {operator} ?)", [day])


_Function = Callable[[Compiler, _Operand, list[str]], Sql]
_CRM_FUNCTIONS: dict[str, _Function] = {
    "In": lambda c, o, v: c._list(o, v, False),
    "NotIn": lambda c, o, v: c._list(o, v, True),
    "Between": lambda c, o, v: c._between(o, v, False),
    "NotBetween": lambda c, o, v: c._between(o, v, True),
    "ContainValues": lambda c, o, v: c._options(o, v, False),
    "DoesNotContainValues": lambda c, o, v: c._options(o, v, True),
    "EqualUserId": lambda c, o, v: c._is(o, c.caller.user_id, False),
    "NotEqualUserId": lambda c, o, v: c._is(o, c.caller.user_id, True),
    "EqualBusinessId": lambda c, o, v: c._is(o, c.caller.business_unit_id, False),
    "NotEqualBusinessId": lambda c, o, v: c._is(o, c.caller.business_unit_id, True),
    "On": lambda c, o, v: c._on(o, v, "="),
    "OnOrAfter": lambda c, o, v: c._on(o, v, ">="),
    "OnOrBefore": lambda c, o, v: c._on(o, v, "<="),
    **{
        function_name(name): lambda c, o, v, name=name: c._period(o, v, name)
        for name in PERIODS
    },
}


def _join(
    source: Table, source_alias: str, relationship: Relationship, target: Table, t: str
) -> str:
    """The condition that a row of ``source`` points to a row of ``target``."""
    column = source.columns[relationship.column]
    condition = f"{t}.{target.primary_id} = {source_alias}.{column.name}"
    if column.type_column:
        condition += f" AND {source_alias}.{column.type_column} = '{target.name}'"
    return condition


def _literal(column: Column, node: Any, kind: str) -> Any:
    """A literal in the stored form of ``column``; OData does not mix types."""
    accepted = _ACCEPTED_LITERALS[column.type]
    if not isinstance(node, accepted):
        raise errors.bad_request(
            "A binary operator with incompatible types was detected. Found operand "
            f"types '{values.edm_type(column)}' and '{_LITERAL_TYPES[type(node)]}' for "
            f"operator kind '{kind}'."
        )
    return from_text(column, node.val)


def _storable(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise OverflowError(number)
    return number


def within(sql: str, since: str | None, until: str | None) -> Sql:
    """The condition that a date lies in a period; see ``periods``."""
    parts = [f"{sql} >= ?"] * (since is not None) + [f"{sql} < ?"] * (until is not None)
    found = [moment for moment in (since, until) if moment is not None]
    return Sql(f"({' AND '.join(parts)})", found)


def _argument_texts(arguments: dict[str, Any]) -> list[str]:
    """PropertyValue or PropertyValues as texts; a list of one arrives without list."""
    node = arguments.get("PropertyValues", arguments.get("PropertyValue"))
    if node is None:
        return []
    nodes = node.val if isinstance(node, ast.List) else [node]
    if not all(isinstance(item, tuple(_LITERAL_TYPES)) for item in nodes):
        raise errors.bad_request("PropertyValues must be literals.")
    return [item.val for item in nodes]


def from_text(column: Column, text: str) -> Any:
    """The stored form of a literal's text. Raises DataverseError."""
    try:
        if column.type in ("Integer", "BigInt", "Picklist", "State", "Status"):
            return float(text) if "." in text else _storable(int(text))
        if column.type == "Money":
            return _storable(int(Decimal(text) * values.MONEY_SCALE))
        if column.type in ("Decimal", "Double"):
            return float(text)
        if column.type == "Boolean":
            return int(text.lower() in ("true", "1"))
        if column.type == "DateTime":
            if column.behavior == "DateOnly":
                return text[:10]
            return f"{text}T00:00:00Z" if len(text) == 10 else values.instant(text)
    except (ValueError, OverflowError, InvalidOperation):
        raise errors.bad_request(
            f"Unrecognized '{values.edm_type(column)}' literal '{text}'."
        ) from None
    if column.type in _GUIDS:
        return text.lower()
    return text
