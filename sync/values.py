"""Canonical values: one form for each kind, so that "changed" is a comparison.

Both sides write the same value in many ways: `False`, `""` and `null`, CRLF and LF,
`1.10` and `1.1`, local time and UTC. Each value is brought into the form below as soon
as it is read; decisions, bases and rules only ever see this form. It survives JSON.

| kind               | canonical form                                    | empty      |
|--------------------|---------------------------------------------------|------------|
| text               | str, LF, Unicode NFC                              | None       |
| html               | the text a reader sees, lines separated by LF     | None       |
| integer, choice    | int                                               | None       |
| decimal, money     | str in plain notation, `digits` places, half up   | None       |
| float              | float                                             | None       |
| boolean            | bool                                              | never      |
| date               | "YYYY-MM-DD"                                      | None       |
| datetime           | "YYYY-MM-DDTHH:MM:SSZ"                            | None       |
| choices            | sorted list of int                                | None       |
| lookup             | "table(guid)" in lower case, or any opaque text   | None       |
| guid               | lower case with hyphens                           | None       |
| image              | a text that is another one when the image changes | None       |
"""

from __future__ import annotations

import math
import re
import unicodedata
import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from html import escape
from html.parser import HTMLParser
from typing import Any


def canonical(value: Any, kind: str, *, digits: int | None = None) -> Any:
    """`value`, as Odoo or Dataverse delivers it, in the canonical form of `kind`.

    `digits` is the number of decimal places of the mapping, for "decimal", "money" and
    "float"; None keeps all of them. A canonical value is its own canonical form (for
    "html": use "text" on what is already plain).

    Raises ValueError, naming the kind, when the value does not fit or the kind is
    unknown.
    """
    if kind == "boolean":
        return _boolean(value)
    try:
        read = _READERS[kind]
    except KeyError:
        raise ValueError(f"unknown kind {kind!r}") from None
    if value is None or value is False or value == "":
        return None
    if value is True:
        raise _misfit(value, kind)
    try:
        return read(value, digits)
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        raise _misfit(value, kind) from None


def is_empty(value: Any) -> bool:
    """Whether a canonical value says nothing. `False`, 0 and "0" do say something."""
    return value is None or value == "" or value == []


def html_from_text(text: str) -> str:
    """Safe HTML that shows `text`: one paragraph a line, everything escaped.

    Runs of blanks and leading blanks are kept as non-breaking ones, so that reading the
    result as kind "html" gives the text back, but for blanks at the end of a line and
    empty lines around the text.
    """
    paragraphs = []
    for line in text.expandtabs(4).split("\n"):
        visible = re.sub(r"(?<= ) |^ ", "\N{NO-BREAK SPACE}", line.rstrip())
        paragraphs.append(f"<p>{escape(visible, quote=False) or '<br>'}</p>")
    return "".join(paragraphs)


def _misfit(value: Any, kind: str) -> ValueError:
    return ValueError(f"{value!r} is not a value of kind {kind}")


def _boolean(value: Any) -> bool:
    if value is None or value == "":
        return False
    if value in (0, 1) and isinstance(value, int):
        return bool(value)
    raise _misfit(value, "boolean")


# Text


def _text(value: Any, _digits: int | None) -> str | None:
    if not isinstance(value, str):
        raise TypeError
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text) if text.strip() else None


_BLOCKS = frozenset(
    "address article aside blockquote center dd div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tbody "
    "tfoot thead tr ul".split()
)
_CELLS = frozenset(["td", "th"])
_INVISIBLE = frozenset(["head", "script", "style", "template", "title"])


class _Reader(HTMLParser):
    """Collects the lines of text that a reader of the HTML sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._line: list[str] = []
        self._hidden: list[str] = []
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in _INVISIBLE:
            self._hidden.append(tag)
        elif tag == "br":
            self._break()
        elif tag in _BLOCKS:
            self._end_block()
        self._preformatted += tag == "pre"

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        # <script/> opens a script in HTML, but nothing can close it in a fragment.
        if tag not in _INVISIBLE:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BLOCKS:
            self._end_block()
        elif tag in _CELLS:
            self._line.append(" ")
        if tag == "pre" and self._preformatted:
            self._preformatted -= 1

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if not self._preformatted:
            self._line.append(data)
            return
        first, *others = data.replace("\r\n", "\n").split("\n")
        self._line.append(first.replace(" ", "\N{NO-BREAK SPACE}"))
        for other in others:
            self._break()
            self._line.append(other.replace(" ", "\N{NO-BREAK SPACE}"))

    def text(self) -> str:
        self._end_block()
        return "\n".join(self.lines)

    def _break(self) -> None:
        # Source line ends and indents are not text; non-breaking blanks are.
        line = re.sub(r"[ \t\n\r\f]+", " ", "".join(self._line)).strip(" ")
        self.lines.append(line.replace("\N{NO-BREAK SPACE}", " ").rstrip())
        self._line.clear()

    def _end_block(self) -> None:
        if "".join(self._line).strip(" \t\n\r\f"):
            self._break()
        self._line.clear()


def _html(value: Any, _digits: int | None) -> str | None:
    if not isinstance(value, str):
        raise TypeError
    reader = _Reader()
    reader.feed(value)
    reader.close()
    return _text(reader.text().strip("\n"), None)


# Numbers


def _integer(value: Any, _digits: int | None) -> int:
    number = int(value)
    if number != (Decimal(value) if isinstance(value, str) else value):
        raise ValueError
    return number


def _decimal(value: Any, digits: int | None) -> str:
    # str() first: Decimal(0.1) would show what the float hides.
    number = Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueError
    if digits is not None:
        wide = Context(prec=max(number.adjusted(), 0) + digits + 2)
        number = number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, wide)
    plain = format(number, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def _float(value: Any, digits: int | None) -> float:
    number = float(value if digits is None else _decimal(value, digits))
    if not math.isfinite(number):
        raise ValueError
    return number + 0.0  # -0.0 becomes 0.0


def _choices(value: Any, _digits: int | None) -> list[int] | None:
    # Dataverse delivers a multi-select choice as "1,2,3".
    parts = value.split(",") if isinstance(value, str) else list(value)
    if any(isinstance(part, bool) for part in parts):
        raise ValueError
    return sorted({_integer(part, None) for part in parts}) or None


# Time

_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d(:\d\d)?)(\.\d+)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)


def _moment(value: Any) -> datetime:
    """`value` in UTC, without zone. What carries no zone is UTC already, as in Odoo."""
    if isinstance(value, str):
        # Not datetime.fromisoformat: until Python 3.11 it knows neither "Z" nor the
        # seven decimals that Dataverse may send.
        match = _MOMENT.fullmatch(value.strip())
        if not match:
            raise ValueError
        value = datetime.fromisoformat(f"{match['date']} {match['time']}")
        zone = (match["zone"] or "Z").upper()
        if zone != "Z":
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            value = value - offset if zone[0] == "+" else value + offset
    if not isinstance(value, datetime):
        raise TypeError
    if value.tzinfo is not None:
        value = value.astimezone(timezone.utc).replace(tzinfo=None)
    return value.replace(microsecond=0)


def _date(value: Any, _digits: int | None) -> str:
    if isinstance(value, str) and len(value.strip()) == 10:
        return date.fromisoformat(value.strip()).isoformat()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return _moment(value).date().isoformat()


def _datetime(value: Any, _digits: int | None) -> str:
    return f"{_moment(value).isoformat()}Z"


# Identifiers

_REFERENCE = re.compile(r"\w+\([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\)", re.I)


def _lookup(value: Any, _digits: int | None) -> str | None:
    if not isinstance(value, str):
        raise TypeError
    return value.lower() if _REFERENCE.fullmatch(value) else value


def _guid(value: Any, _digits: int | None) -> str:
    return str(uuid.UUID(str(value).strip()))


def _image(value: Any, _digits: int | None) -> str:
    if not isinstance(value, (str, int)):
        raise TypeError
    return str(value)


_READERS: dict[str, Callable[[Any, int | None], Any]] = {
    "text": _text,
    "html": _html,
    "integer": _integer,
    "decimal": _decimal,
    "money": _decimal,
    "float": _float,
    "date": _date,
    "datetime": _datetime,
    "choice": _integer,
    "choices": _choices,
    "lookup": _lookup,
    "guid": _guid,
    "image": _image,
}
