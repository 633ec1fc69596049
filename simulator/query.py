"""Query options of a request, as text split into parts.

Source: "Query data using the Web API" (overview, select columns, join tables, page
results). Names are case-sensitive and start with ``$``; other parameters are custom
(``tag``) or aliases (``@p1``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote

from . import errors
from .filters import substitute_aliases

KNOWN = frozenset(
    "$select $filter $orderby $top $expand $count $apply $skiptoken $deltatoken".split()
)
UNSUPPORTED = {
    "$skip": "Skip Clause is not supported in CRM",
    "$search": "The $search query option is not supported.",
    "$format": "The $format query option is not supported.",
}
MAXIMUM_PAGE = 5000


@dataclass
class Expand:
    """One item of ``$expand``: a navigation property and its own options, or only the
    address of the row that it leads to."""

    navigation: str
    options: Options
    reference: bool = False


@dataclass
class Options:
    """What a request asks for; absent options are None."""

    select: tuple[str, ...] | None = None
    filter: str | None = None
    orderby: str | None = None
    top: int | None = None
    expand: list[Expand] = field(default_factory=list)
    count: bool = False
    skiptoken: str | None = None
    deltatoken: str | None = None
    fetch_xml: str | None = None
    sql: str | None = None
    apply: str | None = None
    raw: dict[str, str] = field(default_factory=dict)

    def link(self, **tokens: str) -> str:
        """The query string of a continuation: the same options and ``tokens``."""
        kept = {
            name: value
            for name, value in self.raw.items()
            if name not in ("$skiptoken", "$deltatoken")
        }
        kept.update({f"${name}": value for name, value in tokens.items()})
        return "&".join(
            f"{name}={quote(value, safe='(),$;=')}" for name, value in kept.items()
        )


def parse(query_string: str) -> Options:
    """The options of a URL's query. Raises DataverseError."""
    raw = dict(parse_qsl(query_string, keep_blank_values=True))
    aliases = {name: value for name, value in raw.items() if name.startswith("@")}
    options = _options({n: v for n, v in raw.items() if n not in aliases}, aliases)
    options.raw = raw
    return options


def _options(raw: dict[str, str], aliases: dict[str, str]) -> Options:
    for name in raw:
        if name in UNSUPPORTED:
            raise errors.bad_request(UNSUPPORTED[name])
        if name in ("savedQuery", "userQuery"):
            raise errors.not_implemented(name)
        if name.startswith("$") and name not in KNOWN:
            raise errors.bad_request(f"The query parameter '{name}' is not supported.")
    select = raw.get("$select")
    top = raw.get("$top")
    if top is not None and not top.isdigit():
        raise errors.bad_request(f"Invalid value '{top}' for $top query option found.")
    counted = raw.get("$count", "false")
    if counted not in ("true", "false"):
        raise errors.bad_request(f"Invalid value '{counted}' for $count.")

    def substituted(name: str) -> str | None:
        text = raw.get(name)
        return substitute_aliases(text, aliases) if text and aliases else text

    return Options(
        select=_names(select) if select else None,
        filter=substituted("$filter"),
        orderby=substituted("$orderby"),
        top=int(top) if top is not None else None,
        expand=_expands(raw["$expand"], aliases) if raw.get("$expand") else [],
        count=counted == "true",
        skiptoken=raw.get("$skiptoken"),
        deltatoken=raw.get("$deltatoken"),
        fetch_xml=raw.get("fetchXml"),
        sql=raw.get("sql"),
        apply=substituted("$apply"),
        raw=raw,
    )


def _names(text: str) -> tuple[str, ...]:
    """A comma after the last name is no mistake, as in Microsoft's own samples."""
    return tuple(name.strip() for name in text.removesuffix(",").split(","))


def _expands(text: str, aliases: dict[str, str]) -> list[Expand]:
    expands = []
    for item in split(text, ","):
        name, bracket, inside = item.strip().partition("(")
        inner: dict[str, str] = {}
        if bracket:
            if not inside.endswith(")"):
                raise errors.bad_request(f"Syntax error in $expand '{text}'.")
            for option in split(inside[:-1], ";"):
                key, _, value = option.partition("=")
                inner[key.strip()] = value
        navigation = name.removesuffix("/$ref")
        options = _options(inner, aliases)
        expands.append(Expand(navigation, options, reference=navigation != name))
    return expands


def split(text: str, separator: str) -> list[str]:
    """``text`` cut at ``separator``, not inside brackets or quoted strings."""
    parts, start, depth, quoted = [], 0, 0, False
    for position, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if character == separator and depth == 0:
                parts.append(text[start:position])
                start = position + 1
    return [part for part in (*parts, text[start:]) if part.strip()]
