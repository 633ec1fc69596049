"""What one side's type becomes in the other's: numbers, dates, texts.

`conversion` finds the rule for a field and a column of different or equal kinds (see
`values`); where there is none, the two do not go together. Nothing is cut: what has no
room on the other side raises `Untranslatable`.
"""

# This room knows no Odoo environment: the addon translates when it shows a sentence.
# pylint: disable=prefer-env-translation

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timezone, tzinfo
from decimal import Decimal
from typing import Any

from .transform import Html, Image, Rule, Same, Untranslatable, _
from .values import canonical

NUMBERS = frozenset({"integer", "decimal", "money", "float"})
#: what an Odoo integer field holds: a PostgreSQL integer
WHOLE = range(-(2**31), 2**31)
# Binary floats carry the traces of their arithmetic: 0.1 + 0.2 is meant as 0.3. No
# decimal column of Dataverse has more than ten places.
NOISE = Decimal("1e-12")


@dataclass(frozen=True)
class Kind:
    """What a field or a column holds.

    `name` as in `values`, besides "wall" (a date and time without zone, which is a
    column that Dataverse calls time zone independent). `digits`: decimal places, None
    for any; `size`: characters, None for any; `allowed`: the only texts it takes.
    """

    name: str
    digits: int | None = None
    size: int | None = None
    allowed: Collection[str] | None = None


def conversion(odoo: Kind, dataverse: Kind, zone: tzinfo = timezone.utc) -> Rule | None:
    """The rule between a field and a column; None when they do not go together.

    `zone`: where the people are whose days and wall clocks are meant.
    """
    here, there = odoo.name, dataverse.name
    if here == there == "float" and odoo.digits == dataverse.digits:
        return Same()
    if here in NUMBERS and there in NUMBERS:
        return Number(odoo, dataverse)
    if here == "text" and there in NUMBERS:
        return TextOfNumber(there)
    if here in ("date", "datetime") and there in ("date", "datetime", "wall"):
        return Same() if here == there else Moment(here, there, zone)
    if here == "html" and there == "text":
        return Html()
    if here == "text" and there in ("text", "guid"):
        return Plain(odoo) if there == "text" else Guid()
    if here == there == "boolean":
        return Same()
    if here == there == "image":
        return Image()
    return None


class Plain(Rule):
    """Text as it is. What Odoo's field has no room for, or not knows, is refused."""

    def __init__(self, odoo: Kind):
        self._odoo = odoo

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        (text,) = values
        size, allowed = self._odoo.size, self._odoo.allowed
        if text and size and len(text) > size:
            raise Untranslatable(
                _(
                    "the text '%(value)s' has %(length)s characters and Odoo's field "
                    "holds %(size)s; shorten it"
                ),
                text,
                length=len(text),
                size=size,
            )
        if text and allowed is not None and text not in allowed:
            raise Untranslatable(
                _(
                    "Odoo's field does not know the choice '%(value)s'; use one of: "
                    "%(allowed)s"
                ),
                text,
                allowed=", ".join(allowed),
            )
        return values


class Guid(Rule):
    """A GUID that Odoo keeps as text."""

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        try:
            return (canonical(values[0], "guid"),)
        except ValueError:
            raise Untranslatable(_("'%(value)s' is not a GUID"), values[0]) from None

    def normal(self, value: str | None) -> str | None:
        return value and value.strip("{} ").lower()


class Number(Rule):
    """A number with other digits, or another type, on the other side."""

    def __init__(self, odoo: Kind, dataverse: Kind):
        self._odoo = odoo
        self._dataverse = dataverse

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return (self._fit(values[0], self._dataverse),)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        number = self._fit(values[0], self._odoo)
        if number is None:
            return (None,)
        if self._odoo.name == "integer":
            if number not in WHOLE:
                raise Untranslatable(
                    _("the number %(value)s is too large for Odoo's field"), values[0]
                )
        elif Decimal(str(float(values[0]))) != Decimal(str(values[0])):
            # Odoo computes in binary floats, of some 15 digits.
            raise Untranslatable(
                _("the number %(value)s has more digits than Odoo can hold"), values[0]
            )
        return (number,)

    def normal(self, value: Any) -> Any:
        if value is None:
            return None
        number = Decimal(format(Decimal(str(value)), ".15g"))
        return number if abs(number) > NOISE else Decimal(0)

    @staticmethod
    def _fit(value: Any, target: Kind) -> Any:
        if value is None:
            return None
        number = Decimal(str(value))
        digits = 0 if target.name == "integer" else target.digits
        fitting = Decimal(canonical(number, "decimal", digits=digits))
        if abs(fitting - number) > NOISE * max(1, abs(number)):
            raise Untranslatable(
                _(
                    "the number %(value)s has more decimals than the %(digits)s that "
                    "the other side holds; round it, or choose a rule that rounds"
                ),
                value,
                digits=digits,
            )
        return canonical(
            str(fitting) if target.name != "integer" else int(fitting), target.name
        )


class TextOfNumber(Rule):
    """Digits in a text field of Odoo, a number in Dataverse."""

    def __init__(self, kind: str):
        self._kind = kind

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        (text,) = values
        try:
            number = canonical(text, self._kind)
        except ValueError:
            number = None
        # "007" would come back as "7".
        if text is not None and str(number) != text:
            raise Untranslatable(_("'%(value)s' is not a plain number"), text)
        return (number,)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return (None if values[0] is None else str(values[0]),)


class Moment(Rule):
    """Days, moments and wall clocks in each other's terms, as meant in `zone`.

    A day is the day on which a moment falls there. A moment whose day already agrees is
    left as it is, so no time of day is lost. A wall clock shows each moment of the hour
    that is repeated in autumn twice: the second one is refused.
    """

    def __init__(self, odoo: str, dataverse: str, zone: tzinfo):
        self._kinds = (odoo, dataverse)
        self._zone = zone

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return (self._turn(values[0], *self._kinds),)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return (self._turn(values[0], *reversed(self._kinds)),)

    def normal(self, value: str | None) -> str | None:
        if not value or "date" not in self._kinds:
            return value
        other = next(kind for kind in self._kinds if kind != "date")
        return value if len(value) == 10 else self._turn(value, other, "date")

    def _turn(self, value: str | None, source: str, target: str) -> str | None:
        if value is None:
            return None
        try:
            wall = self._wall(value, source)
            if target == "date":
                return wall.date().isoformat()
            if target == "wall":
                if source == "datetime" and self._utc(wall) != _parsed(value):
                    raise Untranslatable(
                        _(
                            "the moment %(value)s (UTC) falls into the hour that the "
                            "clock shows twice; choose another time"
                        ),
                        value,
                    )
                return _written(wall)
            utc = self._utc(wall)
            if source == "wall" and self._local(utc) != wall:
                raise Untranslatable(
                    _("the clock never shows %(value)s; choose another time"), value
                )
            return _written(utc)
        except OverflowError:
            raise Untranslatable(
                _("the date %(value)s is out of range"), value
            ) from None

    def _wall(self, value: str, source: str) -> datetime:
        if source == "date":
            return datetime.combine(date.fromisoformat(value), time())
        moment = _parsed(value)
        return moment if source == "wall" else self._local(moment)

    def _local(self, utc: datetime) -> datetime:
        local = utc.replace(tzinfo=timezone.utc).astimezone(self._zone)
        return local.replace(tzinfo=None, fold=0)

    def _utc(self, wall: datetime) -> datetime:
        moment = wall.replace(tzinfo=self._zone).astimezone(timezone.utc)
        return moment.replace(tzinfo=None)


def _parsed(value: str) -> datetime:
    return datetime.fromisoformat(value.rstrip("Z"))


def _written(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"
