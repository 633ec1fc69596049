"""OData filters, read and evaluated here as far as that is certain.

Change tracking takes no filter, so rows that changed are filtered when they arrive.
Most filters are plain comparisons, which need no request; what depends on the server
(collations, functions of Dataverse, related rows) is left undecided, and Dataverse is
asked. Source: Dataverse Web API, "Filter rows using OData"; OData 4.01, "URL
conventions".
"""

# This room knows no Odoo environment: the addon translates when it shows a sentence.
# pylint: disable=prefer-env-translation

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .faults import _
from .metadata import Column, Table

#: what a condition says about a row; None: only Dataverse can tell
Verdict = bool | None
Condition = Callable[[Mapping[str, Any]], Verdict]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?)"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<name>@?[A-Za-z_][\w.]*(?:/[A-Za-z_$][\w.]*)*)"
    r"|(?P<sign>[(),=\[\]:])"
    r'|(?P<quoted>"[^"]*"))'
)
_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_TEXT_FUNCTIONS = frozenset({"contains", "startswith", "endswith"})
_CONSTANTS = {"true": True, "false": False, "null": None}
_DEPTH = 50


class FilterError(ValueError):
    """The filter cannot be read. `template` and `facts` make the sentence."""

    def __init__(self, template: str, **facts: Any):
        self.template = template
        self.facts = facts
        super().__init__(template % facts)


@dataclass(frozen=True)
class Filter:
    """A filter of a table: `columns` are what `matches` needs to know of a row."""

    condition: Condition
    columns: frozenset[str]

    def matches(self, values: Mapping[str, Any]) -> Verdict:
        """Whether a row with these plain values takes part; None: ask Dataverse."""
        if not self.columns <= values.keys():
            return None
        return self.condition(values)


def read(text: str, table: Table) -> Filter:
    """Read a filter. FilterError, a sentence for people, if it cannot be read or names
    a column that the table has not."""
    if not text.strip():
        return Filter(lambda values: True, frozenset())
    reader = _Reader(text, table)
    condition = reader.whole()
    return Filter(condition, frozenset(reader.columns))


class _Reader:
    """Recursive descent; each method reads one level of precedence."""

    def __init__(self, text: str, table: Table):
        self.table = table
        self.columns: set[str] = set()
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0
        # An image's property is another column's: the version that it has.
        images = {c.name for c in table.columns.values() if c.type == "Image"}
        self._properties = {
            c.property: c for c in table.columns.values() if c.name not in images
        }

    def whole(self) -> Condition:
        condition = self._any()
        if self._peek()[0] != "end":
            raise _unexpected(self._peek()[1])
        return condition

    # -- tokens

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, text: str) -> bool:
        found = self._peek()[0] in ("name", "sign") and self._peek()[1] == text
        self._at += found
        return found

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise FilterError(_("The filter misses a '%(sign)s'."), sign=text)

    # -- conditions

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._take("or"):
            conditions.append(self._all())
        return conditions[0] if len(conditions) == 1 else _or(conditions)

    def _all(self) -> Condition:
        conditions = [self._one()]
        while self._take("and"):
            conditions.append(self._one())
        return conditions[0] if len(conditions) == 1 else _and(conditions)

    def _one(self) -> Condition:
        if self._take("not"):
            return _not(self._one())
        if self._take("("):
            self._depth += 1
            if self._depth > _DEPTH:
                raise FilterError(_("The filter has too many brackets."))
            condition = self._any()
            self._depth -= 1
            self._expect(")")
            return condition
        kind, text = self._peek()
        if kind == "name" and self._peek(1) == ("sign", "("):
            return self._call()
        return self._comparison()

    def _call(self) -> Condition:
        _kind, name = self._next()
        if name in _TEXT_FUNCTIONS:
            self._expect("(")
            column = self._column(self._operand("name"))
            self._expect(",")
            wanted = self._operand("text")
            self._expect(")")
            return _text_function(name, column, wanted[1:-1].replace("''", "'"))
        # A function of Dataverse, a lambda, arithmetic: read over it.
        self._skip_brackets()
        if self._peek()[1] in _COMPARISONS:
            self._next()
            if self._peek(1) == ("sign", "("):
                self._next()
                self._skip_brackets()
            else:
                self._next()
        return _undecided

    def _skip_brackets(self) -> None:
        self._expect("(")
        open_ = 1
        while open_:
            kind, text = self._next()
            if kind == "end":
                raise FilterError(_("The filter misses a '%(sign)s'."), sign=")")
            open_ += (text == "(") - (text == ")") if kind == "sign" else 0

    def _comparison(self) -> Condition:
        left = self._operand("name")
        kind, operator = self._next()
        if kind == "name" and operator == "in":
            raise FilterError(
                _("Dataverse does not know 'in'; use Microsoft.Dynamics.CRM.In(...).")
            )
        if kind != "name" or operator not in _COMPARISONS:
            raise FilterError(
                _("After '%(left)s' the filter needs a comparison such as eq or ne."),
                left=left,
            )
        kind, text = self._next()
        if kind == "end":
            raise FilterError(
                _("The filter ends after '%(operator)s'."), operator=operator
            )
        if self._peek() == ("sign", "(") or (kind == "name" and text not in _CONSTANTS):
            return self._of_two(left, kind, text)
        if "/" in left:
            return self._related(left, operator, text)
        column = self._column(left)
        return _compare(column, operator, _literal(column, kind, text))

    def _of_two(self, left: str, kind: str, text: str) -> Condition:
        """Two columns, or a computed value: Dataverse decides."""
        if self._peek() == ("sign", "("):
            self._skip_brackets()
        else:
            self._column(text)
        if "/" not in left:
            self._column(left)
        return _undecided

    def _related(self, path: str, operator: str, text: str) -> Condition:
        """A condition on a related row: whether there is one can be told here."""
        navigation, _slash, target = path.partition("/")
        for column in self.table.columns.values():
            for table, name in column.navigation.items():
                if name == navigation:
                    if text != "null" or operator not in ("eq", "ne"):
                        return _undecided
                    if target != f"{table}id":
                        return _undecided
                    self.columns.add(column.name)
                    return _points_to(column.name, table, operator == "ne")
        raise _unknown(self.table, navigation)

    def _operand(self, kind: str) -> str:
        found, text = self._next()
        if found != kind:
            raise (
                _unexpected(text)
                if text
                else FilterError(_("The filter is incomplete."))
            )
        return text

    def _column(self, name: str) -> Column:
        column = self._properties.get(name)
        if column is None:
            if name in self.table.columns:
                raise FilterError(
                    _("In a filter, write '%(property)s' instead of '%(name)s'."),
                    property=self.table.columns[name].property,
                    name=name,
                )
            raise _unknown(self.table, name)
        self.columns.add(column.name)
        return column


def _tokens(text: str):
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match or not match.lastgroup:
            raise _unexpected(text[at:].strip()[:20])
        yield match.lastgroup, match[match.lastgroup]
        at = match.end()


def _unexpected(text: str) -> FilterError:
    return FilterError(_("The filter cannot be read from '%(text)s' on."), text=text)


def _unknown(table: Table, name: str) -> FilterError:
    return FilterError(
        _("The table '%(table)s' has no column '%(name)s' to filter by."),
        table=table.label or table.name,
        name=name,
    )


def _literal(column: Column, kind: str, text: str) -> Any:
    """A literal as a plain value of the column (see `metadata`)."""
    if text in _CONSTANTS:
        value = _CONSTANTS[text]
        if value is None or column.type == "Boolean":
            return value
    elif kind == "number" and column.is_number:
        return Decimal(text)
    elif kind == "guid" and (column.is_lookup or column.type == "Uniqueidentifier"):
        return text.lower()
    elif kind == "date" and column.type == "DateTime":
        return text
    elif kind == "text" and not column.is_number and column.type != "Boolean":
        return text[1:-1].replace("''", "'")
    raise FilterError(
        _("'%(value)s' is no value of the column '%(column)s' (%(type)s)."),
        value=text,
        column=column.name,
        type=column.type,
    )


# Conditions, in the logic of three values: what compares with nothing is not true, and
# neither is its contrary.


def _undecided(_values: Mapping[str, Any]) -> Verdict:
    return None


def _or(conditions: list[Condition]) -> Condition:
    def condition(values: Mapping[str, Any]) -> Verdict:
        verdicts = [one(values) for one in conditions]
        return True if True in verdicts else None if None in verdicts else False

    return condition


def _and(conditions: list[Condition]) -> Condition:
    def condition(values: Mapping[str, Any]) -> Verdict:
        verdicts = [one(values) for one in conditions]
        return False if False in verdicts else None if None in verdicts else True

    return condition


def _not(inner: Condition) -> Condition:
    """The contrary; of what compares with an empty column, Dataverse tells."""

    def condition(values: Mapping[str, Any]) -> Verdict:
        verdict = inner(values)
        if verdict is None or None in values.values():
            return None
        return not verdict

    return condition


def _points_to(column: str, table: str, wanted: bool) -> Condition:
    prefix = f"{table}("
    return lambda values: str(values[column] or "").startswith(prefix) == wanted


def _compare(column: Column, operator: str, wanted: Any) -> Condition:
    name = column.name

    def condition(values: Mapping[str, Any]) -> Verdict:
        held = values[name]
        if wanted is None:
            return {"eq": held is None, "ne": held is not None}.get(operator)
        if held is None:
            # Whether "ne" finds empty columns is for Dataverse to say.
            return None if operator == "ne" else False
        return _holds(column, held, operator, wanted)

    return condition


def _holds(column: Column, held: Any, operator: str, wanted: Any) -> Verdict:
    if column.is_lookup:
        same = held.endswith(f"({wanted})")
    elif column.is_number:
        held = Decimal(str(held))
        if operator not in ("eq", "ne"):
            return _ordered(held, operator, wanted)
        same = held == wanted
        if column.type == "Double" and not same:
            return None
    elif column.type in ("Boolean", "Uniqueidentifier"):
        same = held == wanted
    elif column.type == "DateTime":
        return _dates(held, operator, wanted)
    elif isinstance(held, str):
        same = _same_text(held, wanted)
    else:
        return None
    if same is None or operator not in ("eq", "ne"):
        return None
    return same == (operator == "eq")


def _ordered(held: Any, operator: str, wanted: Any) -> bool:
    return {
        "eq": held == wanted,
        "ne": held != wanted,
        "gt": held > wanted,
        "ge": held >= wanted,
        "lt": held < wanted,
        "le": held <= wanted,
    }[operator]


def _dates(held: str, operator: str, wanted: str) -> Verdict:
    """Only forms that compare as they are written; of zones, Dataverse tells."""
    if len(held) != len(wanted) or (len(held) > 10 and not wanted.endswith("Z")):
        return None
    return _ordered(held, operator, wanted)


def _same_text(held: str, wanted: str) -> Verdict:
    """Dataverse compares without case, and by its collation without accents."""
    if held == wanted:
        return True
    return None if not wanted or _bare(held) == _bare(wanted) else False


def _text_function(name: str, column: Column, wanted: str) -> Condition:
    def condition(values: Mapping[str, Any]) -> Verdict:
        held = values[column.name]
        if not isinstance(held, str):
            return False if held is None else None
        test: Callable[[str, str], bool] = {
            "contains": str.__contains__,
            "startswith": str.startswith,
            "endswith": str.endswith,
        }[name]
        if "%" in wanted or "_" in wanted or "[" in wanted:
            return None
        if test(held, wanted):
            return True
        return None if test(_bare(held), _bare(wanted)) else False

    return condition


def _bare(text: str) -> str:
    """Without what a collation may overlook: case, accents, width, blanks, marks."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if c.isalnum())
