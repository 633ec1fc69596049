"""Transformation rules as people choose them, one after the other.

A `Step` changes one value. A `Chain` is a line's rule made of steps: it says how the
value changes on its way to Dataverse, and changes back what returns. On a line that
only goes to Odoo, it says how the value changes on its way to Odoo.
"""

# This room knows no Odoo environment: the addon translates when it shows a sentence.
# pylint: disable=prefer-env-translation

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from .transform import Rule, Same, Untranslatable, _
from .values import canonical

Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Step:
    """One change of a value. Empty values pass by, but where `on_empty`.

    `forward` and `back` get and give canonical values, and may raise Untranslatable.
    Without `back` the step loses something for good, and its line needs one direction.
    `form`: the step writes one of several equal forms, so what differs in nothing else
    is equal, and it works both ways. `text`: it works on text, and makes text.
    """

    forward: Change
    back: Change | None = None
    form: bool = False
    text: bool = True
    on_empty: bool = False

    def apply(self, change: Change, value: Any) -> Any:
        if value is None and not self.on_empty:
            return None
        result = change(str(value) if self.text and value is not None else value)
        return canonical(result, "text") if isinstance(result, str) else result


_SAME = Same()


class Chain(Rule):
    """Steps, and then what the types of field and column ask for (`inner`).

    `to_odoo_only`: the line only goes to Odoo, so the steps work on the way there.
    """

    def __init__(
        self, steps: Sequence[Step], inner: Rule = _SAME, *, to_odoo_only: bool = False
    ):
        self._steps = tuple(steps)
        self._inner = inner
        self._to_odoo_only = to_odoo_only
        self.one_way = inner.one_way or any(
            step.back is None and not step.form for step in steps
        )

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        if self._to_odoo_only:
            return self._inner.to_dataverse(values, row)
        return self._inner.to_dataverse(tuple(map(self.forward, values)), row)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        if self._to_odoo_only:
            return self._inner.to_odoo(tuple(map(self.forward, values)), row)
        return tuple(map(self.backward, self._inner.to_odoo(values, row)))

    def normal(self, value: Any) -> Any:
        if all(step.form for step in self._steps):
            value = self.forward(value)
        return self._inner.normal(value)

    def forward(self, value: Any) -> Any:
        """One value through all steps. Raises Untranslatable."""
        for step in self._steps:
            value = step.apply(step.forward, value)
        return value

    def backward(self, value: Any) -> Any:
        """The way back. Raises Untranslatable."""
        for step in reversed(self._steps):
            change = step.forward if step.form else step.back
            value = step.apply(change, value) if change else value
        return value


# The steps, each made from its settings. A ValueError says what is wrong with them.


def upper() -> Step:
    return Step(str.upper, form=True)


def lower() -> Step:
    return Step(str.lower, form=True)


def title() -> Step:
    return Step(lambda text: string.capwords(text, " "), form=True)


def trim() -> Step:
    return Step(str.strip, form=True)


def rounded(digits: int) -> Step:
    """A number with so many decimals, half up."""
    return Step(lambda number: _decimal(number, digits), form=True, text=False)


def _decimal(value: Any, digits: int | None = None) -> str:
    try:
        return canonical(str(value), "decimal", digits=digits)
    except ValueError:
        raise Untranslatable(_("'%(value)s' is not a number"), value) from None


def substring(start: int, length: int) -> Step:
    """`length` characters from the `start`-th on (1 is the first); 0: all the rest."""
    if start < 1 or length < 0:
        raise ValueError(_("Count from 1, and take at least one character."))
    end = start - 1 + length if length else None
    return Step(lambda text: text[start - 1 : end])


def replace(find: str, new: str) -> Step:
    if not find:
        raise ValueError(_("Enter the text to find."))
    return Step(lambda text: text.replace(find, new))


def alphanumeric() -> Step:
    """Letters and digits of any script only."""
    return Step(lambda text: "".join(filter(str.isalnum, text)))


def split(separator: str, position: int) -> Step:
    """The `position`-th part (1 is the first, -1 the last); empty if there is none."""
    if not separator or not position:
        raise ValueError(_("Enter the separator, and which part to take."))

    def part(text: str) -> str | None:
        parts = [one.strip() for one in text.split(separator)]
        index = position - 1 if position > 0 else position
        return parts[index] if -len(parts) <= index < len(parts) else None

    return Step(part)


def prefix(text: str) -> Step:
    """`text` in front; taken away again on the way back."""
    if not text:
        raise ValueError(_("Enter the text that is put in front."))

    def back(value: str) -> str:
        if not value.startswith(text):
            raise Untranslatable(
                _("'%(value)s' does not begin with '%(prefix)s'"), value, prefix=text
            )
        return value[len(text) :]

    return Step(lambda value: text + value, back)


def default(text: str) -> Step:
    """`text` where there is nothing; nothing again on the way back."""
    if not text:
        raise ValueError(_("Enter the value for what is empty."))
    return Step(
        lambda value: text if value is None else value,
        lambda value: None if value == text else value,
        text=False,
        on_empty=True,
    )


def table(pairs: Sequence[tuple[str, str]]) -> Step:
    """(value, other value): a list of what stands for what.

    Where several values stand for one, the first one listed comes back.
    """
    if not pairs:
        raise ValueError(_("Enter at least one line of the table."))
    forward = dict(pairs)
    back: dict[str, str] = {}
    for value, other in pairs:
        back.setdefault(other, value)

    def look_up(values: Mapping[str, str]) -> Change:
        def change(value: str) -> str:
            if value not in values:
                raise Untranslatable(
                    _("'%(value)s' is not in the table of the rule; add it"), value
                )
            return values[value]

        return change

    return Step(look_up(forward), look_up(back))


def date_format(form: str) -> Step:
    """A day or a moment as text, in the directives of strftime: "%d.%m.%Y"."""
    if "%" not in form:
        raise ValueError(_("Enter a format with a directive for each part."))

    def forward(value: str) -> str:
        try:
            return datetime.fromisoformat(value.rstrip("Z")).strftime(form)
        except ValueError:
            raise Untranslatable(_("'%(value)s' is not a date"), value) from None

    def back(text: str) -> str:
        try:
            moment = datetime.strptime(text, form)
        except ValueError:
            raise Untranslatable(
                _("'%(value)s' is not a date of the form %(form)s"), text, form=form
            ) from None
        has_time = any(directive in form for directive in ("%H", "%I", "%X", "%c"))
        return f"{moment.isoformat()}Z" if has_time else moment.date().isoformat()

    return Step(forward, back)


def number_format(digits: int, decimal_point: str, thousands: str) -> Step:
    """A number as text: "1.234,50"."""
    if not decimal_point or decimal_point == thousands:
        raise ValueError(_("Decimals and thousands need different separators."))

    def forward(value: str) -> str:
        plain = format(Decimal(_decimal(value, digits)), f",.{digits}f")
        whole, _point, decimals = plain.partition(".")
        return whole.replace(",", thousands) + (decimals and decimal_point + decimals)

    def back(text: str) -> str:
        plain = text.replace(thousands, "") if thousands else text
        return _decimal(plain.replace(decimal_point, "."))

    return Step(forward, back)


def substitute(change: Change) -> Step:
    """Any change of a text that cannot be undone, such as a regular expression."""
    return Step(change)


class Join(Rule):
    """One field <-> several columns, the parts joined by `separator`.

    What has more parts than there are columns keeps the rest in the last column.
    """

    def __init__(self, separator: str, columns: int):
        if not separator:
            raise ValueError(_("Enter the separator."))
        self._separator = separator
        self._columns = columns

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        parts = (values[0] or "").split(self._separator, self._columns - 1)
        parts = [part.strip() or None for part in parts]
        return tuple(parts + [None] * (self._columns - len(parts)))

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return (self._separator.join(part for part in values if part) or None,)

    def fits(self, fields: int, columns: int) -> bool:
        return (fields, columns) == (1, self._columns)
