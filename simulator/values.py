"""What one value looks like: in JSON, in the database, in a filter, to a person.

Stored forms (SQLite): text for strings, GUIDs (lower case) and dates
(``2023-04-07T21:59:01Z``, ``2023-04-07``; they sort as text), 0/1 for booleans,
integers for numbers and options, ten-thousandths as integers for money (exact up to
the documented limits), reals for Decimal and Double.

Rules: Dataverse "Column data types for Microsoft Dataverse" and "Web API types and
operations"; ranges, lengths and options come from the schema.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from json.encoder import encode_basestring
from typing import Any

from . import errors
from .schema import Column

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
MONEY_SCALE = 10_000

EDM_TYPES = {
    "String": "Edm.String",
    "Memo": "Edm.String",
    "EntityName": "Edm.String",
    "Uniqueidentifier": "Edm.Guid",
    "Lookup": "Edm.Guid",
    "Owner": "Edm.Guid",
    "Customer": "Edm.Guid",
    "Integer": "Edm.Int32",
    "Picklist": "Edm.Int32",
    "State": "Edm.Int32",
    "Status": "Edm.Int32",
    "MultiSelectPicklist": "Edm.String",
    "BigInt": "Edm.Int64",
    "Boolean": "Edm.Boolean",
    "Money": "Edm.Decimal",
    "Decimal": "Edm.Decimal",
    "Double": "Edm.Double",
    "File": "Edm.Guid",
    "Image": "Edm.Binary",
}


def edm_type(column: Column) -> str:
    """The type name OData uses for ``column`` in its messages."""
    if column.type == "DateTime":
        return "Edm.Date" if column.behavior == "DateOnly" else "Edm.DateTimeOffset"
    return EDM_TYPES[column.type]


class WrongType(Exception):
    """The JSON value is not of the column's type."""


# -- JSON -> stored ----------------------------------------------------------------


def parse(column: Column, value: Any, entity_set: str) -> Any:
    """The stored form of ``value`` as a request's body carries it.

    Raises DataverseError: wrong type, too long, out of range, no such option,
    control characters.
    """
    if value is None:
        return None
    try:
        return _PARSERS[column.type](column, value)
    except WrongType:
        raise errors.wrong_type(entity_set, value, edm_type(column)) from None


def _parse_text(column: Column, value: Any) -> str | None:
    if type(value) is not str:
        raise WrongType
    if len(value) > column.max_length:
        raise errors.string_too_long(column.table, column.name, column.max_length)
    if CONTROL_CHARACTERS.search(value):
        raise errors.invalid_characters(column.table, column.name)
    return value or None  # Dataverse keeps an empty string as null


def _parse_guid(column: Column, value: Any) -> str:
    if type(value) is not str or not GUID.fullmatch(value.strip("{}")):
        raise WrongType
    return value.strip("{}").lower()


def _parse_boolean(column: Column, value: Any) -> int:
    if type(value) is not bool:
        raise WrongType
    return int(value)


def _parse_integer(column: Column, value: Any) -> int:
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise WrongType
    if not column.minimum <= value <= column.maximum:
        raise errors.number_out_of_range(column.table, column.name, value, integer=True)
    return value


def _parse_long(column: Column, value: Any) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise WrongType
    return value


def _parse_option(column: Column, value: Any) -> int:
    if type(value) is not int:
        raise WrongType
    if value not in column.options:
        raise _no_option(column, value)
    return value


def _parse_options(column: Column, value: Any) -> str | None:
    if type(value) is not str or not re.fullmatch(r"(-?\d+(,-?\d+)*)?", value):
        raise WrongType
    chosen = [int(option) for option in value.split(",")] if value else []
    for option in chosen:
        if option not in column.options:
            raise _no_option(column, option)
    return ",".join(str(option) for option in sorted(set(chosen))) or None


def _no_option(column: Column, value: int) -> errors.DataverseError:
    accepted = ",".join(str(option) for option in column.options)
    return errors.option_out_of_range(column.table, column.name, value, accepted)


def _parse_number(column: Column, value: Any) -> Decimal:
    if type(value) not in (int, float, Decimal):
        raise WrongType
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not column.minimum <= number <= column.maximum:
        raise errors.number_out_of_range(
            column.table, column.name, value, integer=False
        )
    return number.quantize(Decimal(1).scaleb(-column.precision), ROUND_HALF_EVEN)


def _parse_money(column: Column, value: Any) -> int:
    return int(_parse_number(column, value) * MONEY_SCALE)


def check_amount(column: Column, amount: int) -> None:
    """Raise DataverseError if a calculated amount (stored form) is out of range."""
    limit = 2**63
    if not -limit <= amount < limit:
        raise errors.number_out_of_range(
            column.table, column.name, amount // MONEY_SCALE, integer=False
        )


def _parse_real(column: Column, value: Any) -> float:
    return float(_parse_number(column, value))


def _parse_date(column: Column, value: Any) -> str:
    if type(value) is not str:
        raise WrongType
    try:
        if column.behavior == "DateOnly":
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise WrongType
            if date.fromisoformat(value).year < 1753:
                raise errors.date_out_of_range(value)
            return value
        return instant(value)
    except ValueError:
        raise WrongType from None


def instant(text: str) -> str:
    """An ISO 8601 instant as stored: UTC, whole seconds.

    An instant without an offset is refused, as the OData reader does. Raises
    ValueError, DataverseError (before 1753).
    """
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?(\.\d{1,12})?(Z|[+-]\d\d:\d\d)", text
    )
    if not match:
        raise ValueError(text)
    minutes, seconds, _, offset = match.groups()
    moment = datetime.fromisoformat(
        minutes + (seconds or ":00") + ("+00:00" if offset == "Z" else offset)
    )
    if moment.year < 1753:
        raise errors.date_out_of_range(text)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_image(column: Column, value: Any) -> str | None:
    """Base64, as the body carries it; ``images`` makes of it what is kept."""
    if type(value) is not str:
        raise WrongType
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        raise WrongType from None
    return value or None


_PARSERS: dict[str, Callable[[Column, Any], Any]] = {
    "String": _parse_text,
    "Memo": _parse_text,
    "EntityName": _parse_text,
    "Uniqueidentifier": _parse_guid,
    "Boolean": _parse_boolean,
    "Integer": _parse_integer,
    "BigInt": _parse_long,
    "Picklist": _parse_option,
    "State": _parse_option,
    "Status": _parse_option,
    "MultiSelectPicklist": _parse_options,
    "Money": _parse_money,
    "Decimal": _parse_real,
    "Double": _parse_real,
    "DateTime": _parse_date,
    "File": _parse_guid,
    "Image": _parse_image,
}


# -- stored -> JSON ----------------------------------------------------------------


def encoder(column: Column) -> Callable[[Any], str]:
    """A function from a stored value (not null) to JSON text."""
    kind = column.type
    if kind in ("String", "Memo"):
        return encode_basestring
    if kind == "Boolean":
        return ("false", "true").__getitem__
    if kind == "Money":
        return _money_text
    if kind == "Decimal":
        return f"{{:.{column.precision}f}}".format
    if kind in ("Integer", "Picklist", "State", "Status", "BigInt", "Double"):
        return repr
    return '"{}"'.format  # GUIDs, dates and option lists need no escaping


def _money_text(value: int) -> str:
    sign = "-" if value < 0 else ""
    units, fraction = divmod(abs(value), MONEY_SCALE)
    return f"{sign}{units}.{fraction:04d}"


# -- stored -> for people ----------------------------------------------------------


def formatter(column: Column) -> Callable[[Any], str] | None:
    """A function from a stored value to the formatted value, None if it has none.

    Money is formatted without its currency symbol; the row knows its currency.
    """
    if column.type in ("Picklist", "State", "Status", "Boolean"):
        return lambda value: column.options.get(value, str(value))
    if column.type == "MultiSelectPicklist":
        return lambda value: "; ".join(
            column.options.get(int(option), option) for option in value.split(",")
        )
    if column.type in ("Integer", "BigInt"):
        return "{:,}".format
    if column.type == "Money":
        return lambda value: f"{value / MONEY_SCALE:,.2f}"
    if column.type in ("Decimal", "Double"):
        return f"{{:,.{column.precision}f}}".format
    if column.type == "DateTime":
        return _date_for_people
    return None


def _date_for_people(value: str) -> str:
    day = date.fromisoformat(value[:10])
    text = f"{day.month}/{day.day}/{day.year}"
    if len(value) == 10:
        return text
    hour, minute = int(value[11:13]), value[14:16]
    return f"{text} {hour % 12 or 12}:{minute} {'AM' if hour < 12 else 'PM'}"
