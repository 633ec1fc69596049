"""Tables, columns, rows: what Dataverse says about its data, as plain values.

Plain values are keyed by the column's logical name:

=================== ===========================================================
String, Memo        str, or None
Integer, BigInt     int
Decimal, Money      decimal.Decimal
Double              float
Boolean             bool
DateTime            "YYYY-MM-DD" (DateOnly) or "YYYY-MM-DDTHH:MM:SSZ"
Picklist, State,    the option's int
Status
MultiSelectPicklist sorted list of ints
lookups             "table(guid)", the guid in lower case
Uniqueidentifier    guid in lower case
Image               read: int, the version that it has ("_timestamp"), not the
                    image itself, which would travel with each row (see
                    Client.image); written: Picture
=================== ===========================================================

None is an empty column, whatever its type. Sources: Dataverse Web API, "Query table
definitions", "Retrieve a table row", "Create a table row", "Use image column data" and
"Date and time behavior".
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from . import query
from .errors import phrase

LOOKUPS = frozenset({"Lookup", "Customer", "Owner"})
CHOICES = frozenset({"Picklist", "State", "Status"})
NUMBERS = frozenset({"Integer", "BigInt", "Decimal", "Double", "Money"})
TEXTS = frozenset({"String", "Memo", "EntityName"})

LOOKUP_TABLE = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_BIND = "@odata.bind"

_LOOKUP = re.compile(r"(?P<table>[a-z0-9_]+)\((?P<id>[0-9a-fA-F-]{36})\)")
_DATE = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)(T(?P<time>\d\d:\d\d:\d\d)(\.\d+)?Z)?")
# What XML 1.0 cannot carry is what Dataverse refuses (InvalidCharactersInField).
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# How files of the only formats that an image column takes begin.
_IMAGE_FORMATS = re.compile(
    rb"GIF8[79]a|\xff\xd8\xff|II\*\0|MM\0\*|BM|\x89PNG\r\n\x1a\n"
)
_FIRST_DATE = "1753-01-01"  # the earliest a SQL Server datetime can hold


class Picture(str):
    """An image on its way: its ``content``, and a text that stands for it wherever
    values are compared, kept or shown."""

    content: bytes

    def __new__(cls, text: str, content: bytes) -> Picture:
        picture = super().__new__(cls, text)
        picture.content = content
        return picture


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``type`` is Microsoft's AttributeTypeName ("String", "Money", "Lookup" …);
    ``required`` "none", "recommended", "application" (only forms insist) or "system";
    ``options`` value -> label; ``translations`` value -> language (a Windows LCID) ->
    label, where there are several languages; ``status_state`` status -> state (Status);
    ``default_status`` state -> status (State); ``targets`` tables a lookup may point
    to; ``navigation`` target -> navigation property, in its exact case;
    ``date_behavior`` "UserLocal", "DateOnly", "TimeZoneIndependent" or None;
    ``automatic``: Dataverse numbers new rows itself; ``secured``: column security;
    ``max_kilobytes`` of an image, ``full_image``: it is kept in full, not only as a
    thumbnail.
    """

    name: str
    type: str
    label: str = ""
    max_length: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    precision: int | None = None
    required: str = "none"
    options: dict[int, str] = field(default_factory=dict)
    translations: dict[int, dict[int, str]] = field(default_factory=dict)
    status_state: dict[int, int] = field(default_factory=dict)
    default_status: dict[int, int] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    navigation: dict[str, str] = field(default_factory=dict)
    date_behavior: str | None = None
    format: str | None = None
    creatable: bool = True
    updatable: bool = True
    readable: bool = True
    automatic: bool = False
    secured: bool = False
    max_kilobytes: int | None = None
    full_image: bool = False

    @property
    def is_lookup(self) -> bool:
        """Whether the value is a reference to a row."""
        return self.type in LOOKUPS

    @property
    def is_number(self) -> bool:
        """Whether the literal in a filter is a bare number."""
        return self.type in NUMBERS | CHOICES

    @property
    def property(self) -> str:
        """The name to select and filter by."""
        if self.type == "Image":
            return f"{self.name}_timestamp"
        return f"_{self.name}_value" if self.is_lookup else self.name

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON-able values."""
        data = asdict(self)
        for key in ("minimum", "maximum"):
            data[key] = None if data[key] is None else str(data[key])
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Column:
        """Inverse of :meth:`to_dict`, also after JSON made the keys text."""
        known = {f.name for f in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        for key in ("minimum", "maximum"):
            if values.get(key) is not None:
                values[key] = Decimal(values[key])
        for key in ("options", "status_state", "default_status"):
            values[key] = {int(k): v for k, v in values.get(key, {}).items()}
        values["translations"] = {
            int(value): {int(language): label for language, label in labels.items()}
            for value, labels in values.get("translations", {}).items()
        }
        values["targets"] = tuple(values.get("targets", ()))
        return cls(**values)


@dataclass(frozen=True)
class Row:
    """One row as read: ``id`` lower-case guid, ``etag`` as served (only equality means
    something), ``values`` plain values of the columns that were selected."""

    id: str
    etag: str | None
    values: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """What Dataverse would refuse, known before anything is sent."""

    column: str
    name: str
    sentence: str
    template: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One table. ``name`` is the logical name; ``entity_sets`` gives the entity set of
    every table a lookup of this one may point to."""

    name: str
    entity_set: str
    primary_id: str
    primary_name: str | None = None
    label: str = ""
    object_type_code: int | None = None
    change_tracking: bool = False
    optimistic_concurrency: bool = False
    columns: dict[str, Column] = field(default_factory=dict)
    entity_sets: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the table as JSON-able values."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        data["columns"] = [column.to_dict() for column in self.columns.values()]
        data["entity_sets"] = dict(self.entity_sets)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Table:
        """Inverse of :meth:`to_dict`."""
        known = {f.name for f in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        columns = map(Column.from_dict, values.get("columns", ()))
        values["columns"] = {column.name: column for column in columns}
        return cls(**values)

    @property
    def labels(self) -> dict[str, str]:
        """Logical name -> label of the columns."""
        return {name: column.label or name for name, column in self.columns.items()}

    def select(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return the properties to select for ``columns``; the primary key comes
        first and without being asked for. ValueError for an unknown column."""
        properties = [self.primary_id]
        properties += [self.column(name).property for name in columns]
        return tuple(dict.fromkeys(properties))

    @cached_property
    def _by_property(self) -> dict[str, list[Column]]:
        """The version of an image is a column of its own, too."""
        found: dict[str, list[Column]] = {}
        for column in self.columns.values():
            found.setdefault(column.property, []).append(column)
        return found

    def column(self, name: str) -> Column:
        """Return a column; ValueError naming it if the table has none such."""
        try:
            return self.columns[name]
        except KeyError:
            raise ValueError(f"the table {self.name} has no column {name!r}") from None

    def decode(self, raw: Mapping[str, Any]) -> Row:
        """Turn a row of an answer into plain values; properties that are no column
        are left out. ValueError for a value that does not fit its column."""
        values = {}
        for key in raw:
            for column in self._by_property.get(key, ()):
                values[column.name] = _decode(column, raw)
        return Row(query.guid(raw.get(self.primary_id)), raw.get("@odata.etag"), values)

    def encode(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Turn plain values into the body of a create or update. ValueError naming the
        column if it is unknown or its value does not fit."""
        body: dict[str, Any] = {}
        for name, value in values.items():
            column = self.column(name)
            if column.is_lookup:
                body.update(self._encode_lookup(column, value))
            elif value is None:
                body[name] = None
            else:
                body[name] = _ENCODERS.get(column.type, _encode_unknown)(column, value)
        return body

    def _encode_lookup(self, column: Column, value: str | None) -> dict[str, Any]:
        if value is None:
            # Clearing one navigation property of a polymorphic lookup empties it.
            targets = [t for t in column.targets if t in column.navigation]
            if not targets:
                raise ValueError(f"{column.name} has no navigation property")
            return {column.navigation[targets[0]] + _BIND: None}
        match = _LOOKUP.fullmatch(value) if isinstance(value, str) else None
        if not match:
            raise ValueError(f"{column.name} takes 'table(guid)', not {value!r}")
        target = match["table"]
        if target not in column.navigation or target not in self.entity_sets:
            raise ValueError(f"{column.name} cannot point to the table {target!r}")
        path = f"/{self.entity_sets[target]}({query.guid(match['id'])})"
        return {column.navigation[target] + _BIND: path}


def check(
    table: Table, values: Mapping[str, Any], *, creating: bool = False
) -> list[Problem]:
    """Return what Dataverse would refuse in ``values`` (plain values of one row),
    in the order of the values; an empty list if nothing is known to be wrong.

    Only columns Dataverse itself insists on ("system") count as required: the Web API
    accepts rows without the ones that only forms insist on ("application").
    """
    problems = []
    for name, value in values.items():
        column = table.columns.get(name)
        if column is None:
            facts = {"column": name, "table": table.label or table.name}
            problems.append(_problem(name, "UnknownColumn", facts))
        else:
            problems += _check_column(table, column, value, creating)
    problems += _check_status(table, values)
    if creating:
        for column in table.columns.values():
            if column.name not in values and _must_be_given(column):
                problems.append(_column_problem(column, "RequiredColumn"))
    return problems


def _check_column(
    table: Table, column: Column, value: Any, creating: bool
) -> list[Problem]:
    if not (column.creatable if creating else column.updatable):
        return [_column_problem(column, "ReadOnlyColumn")]
    if value is None:
        required = column.required == "system"
        return [_column_problem(column, "RequiredColumn")] if required else []
    try:
        table.encode({column.name: value})
    except ValueError as error:
        return [_column_problem(column, "InvalidArgument", message=str(error))]
    checker = _CHECKERS.get(column.type)
    return checker(column, value) if checker else []


def _check_text(column: Column, value: str) -> list[Problem]:
    problems = []
    if _CONTROL.search(value):
        problems.append(_column_problem(column, "InvalidCharactersInField"))
    # .NET counts UTF-16 units: an emoji is two.
    length = len(value.encode("utf-16-le", "surrogatepass")) // 2
    if column.max_length is not None and length > column.max_length:
        facts = {"maximum": column.max_length, "length": length}
        problems.append(_column_problem(column, "StringLengthTooLong", **facts))
    return problems


def _check_number(column: Column, value: Any) -> list[Problem]:
    low, high = column.minimum, column.maximum
    number = Decimal(str(value))
    if (low is not None and number < low) or (high is not None and number > high):
        facts = {
            "value": value,
            "minimum": "-∞" if low is None else format(low.normalize(), "f"),
            "maximum": "∞" if high is None else format(high.normalize(), "f"),
        }
        return [_column_problem(column, "ValueOutOfRange", **facts)]
    return []


def _check_choice(column: Column, value: int | list[int]) -> list[Problem]:
    chosen = value if isinstance(value, (list, tuple, set)) else [value]
    unknown = [v for v in chosen if column.options and v not in column.options]
    return [
        _column_problem(column, "PicklistValueOutOfRange", value=v) for v in unknown
    ]


def _check_date(column: Column, value: str) -> list[Problem]:
    if value < _FIRST_DATE:
        return [_column_problem(column, "ValueOutOfRange", value=value)]
    return []


def _check_image(column: Column, value: Picture) -> list[Problem]:
    if not _IMAGE_FORMATS.match(value.content):
        return [_column_problem(column, "ImageFormatNotSupported")]
    size, most = len(value.content), column.max_kilobytes
    if most is not None and size > most * 1024:
        facts = {"size": f"{math.ceil(size / 1024):,} kB", "maximum": f"{most:,} kB"}
        return [_column_problem(column, "ImageTooLarge", **facts)]
    return []


def _check_status(table: Table, values: Mapping[str, Any]) -> list[Problem]:
    """A status reason belongs to one status; sent together they must agree."""
    status, state = values.get("statuscode"), values.get("statecode")
    column = table.columns.get("statuscode")
    if column is None or status is None or state is None:
        return []
    if column.status_state.get(status, state) == state:
        return []
    facts = {"value": status, "state": state}
    return [_column_problem(column, "InvalidStateCodeStatusCode", **facts)]


def _must_be_given(column: Column) -> bool:
    """Whether a create without this column fails: Dataverse fills in owners, states
    and choices itself, and numbers what has a number format."""
    return (
        column.required == "system"
        and column.creatable
        and not column.automatic
        and column.type in TEXTS | NUMBERS | {"DateTime", "Lookup", "Customer"}
    )


def _column_problem(column: Column, name: str, **facts: Any) -> Problem:
    facts = {"column": column.label or column.name, **facts}
    return _problem(column.name, name, facts)


def _problem(column: str, name: str, facts: dict[str, Any]) -> Problem:
    template, sentence = phrase(name, facts)
    return Problem(column, name, sentence, template, facts)


# --- values from answers ------------------------------------------------------------


def _decode(column: Column, raw: Mapping[str, Any]) -> Any:
    value = raw[column.property]
    if value is None:
        return None
    if column.is_lookup:
        return _decode_lookup(column, value, raw)
    try:
        return _DECODERS.get(column.type, _as_is)(value)
    except (TypeError, ValueError, InvalidOperation):
        raise ValueError(f"{column.name} came with the value {value!r}") from None


def _decode_lookup(column: Column, value: str, raw: Mapping[str, Any]) -> str:
    target = raw.get(column.property + LOOKUP_TABLE)
    if target is None and len(column.targets) == 1:
        target = column.targets[0]
    if target is None:
        raise ValueError(f"{column.name} came without the table it points to")
    return f"{query.name(target)}({query.guid(value)})"


def _decode_date(value: str) -> str:
    match = _DATE.fullmatch(value)
    if not match:
        raise ValueError(value)
    return match["date"] + (f"T{match['time']}Z" if match["time"] else "")


def _decode_choices(value: str) -> list[int]:
    return sorted(int(part) for part in value.split(",") if part.strip())


def _decode_boolean(value: bool) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _decode_text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _decode_decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _as_is(value: Any) -> Any:
    return value


_DECODERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(TEXTS, _decode_text),
    **dict.fromkeys(CHOICES | {"Integer", "BigInt", "Image"}, int),
    **dict.fromkeys(("Decimal", "Money"), _decode_decimal),
    "Double": float,
    "Boolean": _decode_boolean,
    "DateTime": _decode_date,
    "MultiSelectPicklist": _decode_choices,
    "Uniqueidentifier": query.guid,
}


# --- values for requests ------------------------------------------------------------


def _encode_text(column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{column.name} takes text, not {value!r}")
    return value


def _encode_int(column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{column.name} takes a whole number, not {value!r}")
    return value


def _encode_decimal(column: Column, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"{column.name} takes a number, not {value!r}")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{column.name} takes a number, not {value!r}")
    return number


def _encode_double(column: Column, value: Any) -> float:
    return float(_encode_decimal(column, value))


def _encode_boolean(column: Column, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{column.name} takes true or false, not {value!r}")
    return value


def _encode_date(column: Column, value: Any) -> str:
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    wants_time = column.date_behavior != "DateOnly"
    if not match or bool(match["time"]) != wants_time:
        form = "YYYY-MM-DDTHH:MM:SSZ" if wants_time else "YYYY-MM-DD"
        raise ValueError(f"{column.name} takes {form}, not {value!r}")
    return value


def _encode_choices(column: Column, value: Any) -> str | None:
    if not isinstance(value, (list, tuple, set)):
        raise ValueError(f"{column.name} takes a list of options, not {value!r}")
    chosen = sorted({_encode_int(column, option) for option in value})
    return ",".join(map(str, chosen)) or None


def _encode_guid(column: Column, value: Any) -> str:
    try:
        return query.guid(value)
    except ValueError:
        raise ValueError(f"{column.name} takes a GUID, not {value!r}") from None


def _encode_image(column: Column, value: Any) -> str:
    if not isinstance(value, Picture):
        raise ValueError(f"{column.name} takes a Picture, not {value!r}")
    return base64.b64encode(value.content).decode()


def _encode_unknown(column: Column, value: Any) -> Any:
    raise ValueError(f"{column.name} is of type {column.type}, which cannot be written")


_ENCODERS: dict[str, Callable[[Column, Any], Any]] = {
    **dict.fromkeys(TEXTS, _encode_text),
    **dict.fromkeys(CHOICES | {"Integer", "BigInt"}, _encode_int),
    **dict.fromkeys(("Decimal", "Money"), _encode_decimal),
    "Double": _encode_double,
    "Boolean": _encode_boolean,
    "DateTime": _encode_date,
    "MultiSelectPicklist": _encode_choices,
    "Uniqueidentifier": _encode_guid,
    "Image": _encode_image,
}

_CHECKERS: dict[str, Callable[[Column, Any], list[Problem]]] = {
    **dict.fromkeys(TEXTS, _check_text),
    **dict.fromkeys(NUMBERS, _check_number),
    **dict.fromkeys(CHOICES | {"MultiSelectPicklist"}, _check_choice),
    "DateTime": _check_date,
    "Image": _check_image,
}


# --- table definitions --------------------------------------------------------------


def read_column(
    raw: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    navigation: Mapping[str, str] | None = None,
) -> Column:
    """Build a Column from an AttributeMetadata object of the Web API.

    ``options``: its OptionSet, which only a cast request can expand; ``navigation``:
    referenced table -> navigation property, from the table's many-to-one
    relationships.
    """
    column_type = _type_of(raw)
    targets = tuple(raw.get("Targets") or ())
    choices = (options or {}).get("Options") or []
    behavior = (raw.get("DateTimeBehavior") or {}).get("Value")
    level = (raw.get("RequiredLevel") or {}).get("Value") or "None"
    return Column(
        name=raw["LogicalName"],
        type=column_type,
        label=_label(raw.get("DisplayName")) or raw["LogicalName"],
        max_length=raw.get("MaxLength") if column_type in TEXTS else None,
        minimum=_limit(raw.get("MinValue")),
        maximum=_limit(raw.get("MaxValue")),
        precision=raw.get("Precision"),
        required=_REQUIRED.get(level, "none"),
        options={o["Value"]: _label(o.get("Label")) for o in choices},
        translations={
            o["Value"]: labels
            for o in choices
            if len(labels := _labels(o.get("Label"))) > 1
        },
        status_state={o["Value"]: o["State"] for o in choices if "State" in o},
        default_status={
            o["Value"]: o["DefaultStatus"] for o in choices if "DefaultStatus" in o
        },
        targets=targets,
        navigation=_navigation(column_type, targets, navigation or {}),
        date_behavior=behavior if column_type == "DateTime" else None,
        format=_format(raw),
        creatable=bool(raw.get("IsValidForCreate", True)),
        updatable=bool(raw.get("IsValidForUpdate", True)),
        readable=bool(raw.get("IsValidForRead", True)),
        automatic=bool(raw.get("AutoNumberFormat")),
        secured=bool(raw.get("IsSecured")),
        max_kilobytes=raw.get("MaxSizeInKB"),
        full_image=bool(raw.get("CanStoreFullImage")),
    )


def is_column(raw: Mapping[str, Any]) -> bool:
    """Whether an AttributeMetadata object is a property of the Web API: the names of
    lookups and options ("primarycontactidname") are attributes, but no properties."""
    return bool(raw.get("IsValidODataAttribute", not raw.get("AttributeOf")))


def read_table(
    raw: Mapping[str, Any],
    columns: Iterable[Column],
    entity_sets: Mapping[str, str],
) -> Table:
    """Build a Table from an EntityMetadata object of the Web API, its columns and the
    entity sets of the tables its lookups point to."""
    return Table(
        name=raw["LogicalName"],
        entity_set=raw["EntitySetName"],
        primary_id=raw["PrimaryIdAttribute"],
        primary_name=raw.get("PrimaryNameAttribute"),
        label=_label(raw.get("DisplayName")) or raw["LogicalName"],
        object_type_code=raw.get("ObjectTypeCode"),
        change_tracking=bool(raw.get("ChangeTrackingEnabled")),
        optimistic_concurrency=bool(raw.get("IsOptimisticConcurrencyEnabled")),
        columns={column.name: column for column in columns},
        entity_sets=dict(entity_sets),
    )


_REQUIRED = {
    "None": "none",
    "Recommended": "recommended",
    "ApplicationRequired": "application",
    "SystemRequired": "system",
}


def _type_of(raw: Mapping[str, Any]) -> str:
    """AttributeType calls every newer type "Virtual"; AttributeTypeName tells them
    apart ("MultiSelectPicklistType", "ImageType", "FileType")."""
    declared = raw.get("AttributeType") or "Virtual"
    if declared != "Virtual":
        return declared
    precise = (raw.get("AttributeTypeName") or {}).get("Value") or "VirtualType"
    return precise.removesuffix("Type")


def _navigation(
    column_type: str, targets: tuple[str, ...], navigation: Mapping[str, str]
) -> dict[str, str]:
    if column_type == "Owner" and "owner" in navigation:
        # Users and teams are both "owner" to the relationship.
        navigation = dict.fromkeys(targets, navigation["owner"])
    return {t: navigation[t] for t in targets if t in navigation}


def _format(raw: Mapping[str, Any]) -> str | None:
    declared = raw.get("Format")
    return declared if isinstance(declared, str) and declared != "None" else None


def _limit(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _labels(raw: Mapping[str, Any] | None) -> dict[int, str]:
    """The label in each language that the environment has: LCID -> label."""
    labels = (raw or {}).get("LocalizedLabels") or ()
    return {one["LanguageCode"]: one["Label"] for one in labels if one["Label"]}


def _label(raw: Mapping[str, Any] | None) -> str:
    """The label in the application user's language, else the first there is."""
    raw = raw or {}
    labels = [raw.get("UserLocalizedLabel"), *(raw.get("LocalizedLabels") or ())]
    return next((label["Label"] for label in labels if label and label["Label"]), "")
