"""``?sql=``: one SELECT, turned into the FetchXML query that asks the same.

Source: the public SDK's description of the endpoint: SELECT with TOP, DISTINCT,
columns and aggregates, INNER and LEFT JOIN, WHERE, GROUP BY, ORDER BY, OFFSET ...
FETCH; no ``*``, HAVING, UNION, subquery, and nothing that writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from . import errors

_TOKEN = re.compile(
    r"\s*(?:(?P<text>N?'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>\[[A-Za-z_]\w*\]|[A-Za-z_]\w*)|(?P<sign><>|!=|<=|>=|[=<>(),.*]))"
)
_OPERATORS = {
    "=": "eq",
    "<>": "ne",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
}
_MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}
_AGGREGATES = frozenset(("COUNT", "SUM", "AVG", "MIN", "MAX"))
_RESERVED = frozenset(
    "SELECT DISTINCT TOP FROM AS INNER LEFT OUTER JOIN ON WHERE AND OR NOT IN LIKE "
    "BETWEEN IS NULL GROUP ORDER BY ASC DESC OFFSET FETCH ROWS ROW NEXT FIRST ONLY "
    "HAVING UNION".split()
)
_DEEPEST = 30


def to_fetch(text: str) -> Element:
    """The ``fetch`` element for a SELECT. Raises DataverseError.

    OFFSET becomes the attribute ``skip``, which FetchXML itself does not have.
    """
    return _Parser(text).select()


@dataclass(frozen=True)
class _Item:
    """What stands between SELECT and FROM: a column, perhaps in an aggregate."""

    function: str | None
    path: tuple[str, ...]
    distinct: bool
    alias: str | None


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._entities: dict[str, Element] = {}
        self._depth = 0

    # -- the statement -------------------------------------------------------------

    def select(self) -> Element:
        fetch = Element("fetch")
        self._expect("SELECT")
        if self._take("DISTINCT"):
            fetch.set("distinct", "true")
        if self._take("TOP"):
            bracket = self._take("(")
            fetch.set("top", self._whole_number())
            if bracket:
                self._expect(")")
        items = self._many(self._item)
        self._expect("FROM")
        self._table(SubElement(fetch, "entity"))
        while self._join():
            pass
        if self._take("WHERE"):
            self._filter_into(fetch[0])
        groups = self._by("GROUP", self._path)
        if groups or any(item.function for item in items):
            fetch.set("aggregate", "true")
        self._columns(items, groups)
        self._order(items, bool(fetch.get("aggregate")))
        self._offset(fetch)
        if self._at < len(self._tokens):
            raise _syntax(self._tokens[self._at][1])
        return fetch

    def _item(self) -> _Item:
        function, distinct = None, False
        if self._peek().upper() in _AGGREGATES and self._peek(1) == "(":
            function = self._next().upper()
            self._expect("(")
            distinct = self._take("DISTINCT")
            if function == "COUNT" and self._take("*"):
                path: tuple[str, ...] = ()
            else:
                path = self._path()
            self._expect(")")
        else:
            path = self._path()
        alias = None
        if self._take("AS") or self._is_name():
            alias = self._name()
        return _Item(function, path, distinct, alias)

    def _table(self, element: Element) -> None:
        name = self._name().lower()
        if self._take("."):  # dbo.account
            name = self._name().lower()
        alias = name
        if self._take("AS") or self._is_name():
            alias = self._name()
        if alias.lower() in self._entities:
            raise errors.bad_request(f"The alias '{alias}' is used twice.")
        element.set("name", name)
        if element.tag == "link-entity":
            element.set("alias", alias)
        self._entities[alias.lower()] = element

    def _join(self) -> bool:
        kind = "inner"
        if self._take("LEFT"):
            self._take("OUTER")
            kind = "outer"
            self._expect("JOIN")
        elif self._take("INNER"):
            self._expect("JOIN")
        elif not self._take("JOIN"):
            return False
        link = Element("link-entity", {"link-type": kind})
        self._table(link)
        self._expect("ON")
        sides = [self._entity_and_column(self._path())]
        self._expect("=")
        sides.append(self._entity_and_column(self._path()))
        own = [side for side in sides if side[0] is link]
        others = [side for side in sides if side[0] is not link]
        if len(own) != 1 or len(others) != 1:
            raise errors.bad_request("A JOIN must compare its table with another one.")
        link.set("from", own[0][1])
        link.set("to", others[0][1])
        others[0][0].append(link)
        return True

    def _columns(self, items: list[_Item], groups: list[tuple[str, ...]]) -> None:
        for item in items:
            entity, column = self._counted(item)
            attribute = SubElement(entity, "attribute", {"name": column})
            linked = entity.tag == "link-entity"
            alias = item.alias or (column if linked or groups else None)
            if item.function:
                if not item.alias:
                    raise errors.bad_request(f"{item.function} needs a name (AS).")
                kind = item.function.lower()
                kind = "countcolumn" if kind == "count" and item.path else kind
                attribute.set("aggregate", kind)
                if item.distinct:
                    attribute.set("distinct", "true")
            elif groups:
                if (entity, column) not in map(self._entity_and_column, groups):
                    raise errors.bad_request(f"'{column}' is not in the GROUP BY.")
                attribute.set("groupby", "true")
            if alias:
                attribute.set("alias", alias)

    def _counted(self, item: _Item) -> tuple[Element, str]:
        if item.path:
            return self._entity_and_column(item.path)
        entity = next(iter(self._entities.values()))
        return entity, f"{entity.get('name')}id"

    def _order(self, items: list[_Item], aggregate: bool) -> None:
        for path, descending in self._by("ORDER", self._ordered):
            wanted = path[-1].lower()
            named = next((i for i in items if (i.alias or "").lower() == wanted), None)
            entity, attributes = next(iter(self._entities.values())), {}
            if named and len(path) == 1:
                attributes["alias"] = named.alias
            else:
                entity, column = self._entity_and_column(path)
                attributes["alias" if aggregate else "attribute"] = column
            if descending:
                attributes["descending"] = "true"
            SubElement(entity, "order", attributes)

    def _ordered(self) -> tuple[tuple[str, ...], bool]:
        path = self._path()
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        return path, descending

    def _offset(self, fetch: Element) -> None:
        if not self._take("OFFSET"):
            return
        fetch.set("skip", self._whole_number())
        if not (self._take("ROWS") or self._take("ROW")):
            self._expect("ROWS")
        if self._take("FETCH"):
            if not (self._take("NEXT") or self._take("FIRST")):
                self._expect("NEXT")
            fetch.set("top", self._whole_number())
            if not (self._take("ROWS") or self._take("ROW")):
                self._expect("ROWS")
            self._expect("ONLY")

    # -- WHERE ---------------------------------------------------------------------

    def _filter_into(self, entity: Element) -> None:
        entity.append(self._either())

    def _either(self) -> Element:
        return self._chain("OR", self._both)

    def _both(self) -> Element:
        return self._chain("AND", self._condition)

    def _chain(self, word: str, part) -> Element:
        element = Element("filter", {"type": word.lower()})
        element.append(part())
        while self._take(word):
            element.append(part())
        return element

    def _condition(self) -> Element:
        if self._take("("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise errors.bad_request("The query is nested too deeply.")
            inner = self._either()
            self._expect(")")
            self._depth -= 1
            return inner
        if self._kind() in ("text", "number"):
            literal = self._literal()
            operator = _OPERATORS.get(self._next(), "")
            condition = self._comparing(self._path())
            condition.set("operator", _MIRRORED.get(operator, operator))
            condition.set("value", literal)
            return condition
        condition = self._comparing(self._path())
        if self._take("IS"):
            negated = self._take("NOT")
            self._expect("NULL")
            condition.set("operator", "not-null" if negated else "null")
            return condition
        prefix = "not-" if self._take("NOT") else ""
        if self._take("LIKE"):
            condition.set("operator", f"{prefix}like")
            condition.set("value", self._literal())
        elif self._take("IN"):
            condition.set("operator", f"{prefix}in")
            self._expect("(")
            for literal in self._many(self._literal):
                SubElement(condition, "value").text = literal
            self._expect(")")
        elif self._take("BETWEEN"):
            condition.set("operator", f"{prefix}between")
            SubElement(condition, "value").text = self._literal()
            self._expect("AND")
            SubElement(condition, "value").text = self._literal()
        elif not prefix and self._peek() in _OPERATORS:
            condition.set("operator", _OPERATORS[self._next()])
            if self._is_name():
                self._against_column(condition)
            else:
                condition.set("value", self._literal())
        else:
            raise _syntax(self._peek())
        return condition

    def _comparing(self, path: tuple[str, ...]) -> Element:
        entity, column = self._entity_and_column(path)
        condition = Element("condition", {"attribute": column})
        if entity.tag == "link-entity":
            condition.set("entityname", entity.get("alias"))
        return condition

    def _against_column(self, condition: Element) -> None:
        entity, column = self._entity_and_column(self._path())
        owner = entity.get("alias") or entity.get("name")
        condition.set("valueof", f"{owner}.{column}")

    # -- words ---------------------------------------------------------------------

    def _entity_and_column(self, path: tuple[str, ...]) -> tuple[Element, str]:
        entity = next(iter(self._entities.values()))
        if len(path) == 2:
            if path[0].lower() not in self._entities:
                raise errors.bad_request(f"'{path[0]}' is no table of the query.")
            entity = self._entities[path[0].lower()]
        return entity, path[-1].lower()

    def _by(self, word: str, part) -> list:
        if not self._take(word):
            return []
        self._expect("BY")
        return self._many(part)

    def _many(self, part) -> list:
        parts = [part()]
        while self._take(","):
            parts.append(part())
        return parts

    def _path(self) -> tuple[str, ...]:
        first = self._name()
        return (first, self._name()) if self._take(".") else (first,)

    def _is_name(self) -> bool:
        return self._kind() == "name" and self._peek().upper() not in _RESERVED

    def _name(self) -> str:
        if not self._is_name():
            raise _syntax(self._peek())
        return self._next().strip("[]")

    def _literal(self) -> str:
        kind, token = self._kind(), self._next()
        if kind == "text":
            return token[token.index("'") + 1 : -1].replace("''", "'")
        if kind != "number":
            raise _syntax(token)
        return token

    def _whole_number(self) -> str:
        token = self._next()
        if not token.isdigit():
            raise _syntax(token)
        return token

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at][1] if at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, word: str) -> bool:
        if self._kind() == "text" or self._peek().upper() != word:
            return False
        self._at += 1
        return True

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise _syntax(self._peek())


def _tokens(text: str):
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if not match:
            raise _syntax(text[position : position + 20])
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


def _syntax(token: str) -> errors.DataverseError:
    where = f"near '{token}'" if token else "at its end"
    return errors.bad_request(f"Incorrect syntax of the SQL query {where}.")
