"""What a client declares about tables, columns and relationships, as ``schema.json``
would say it.

Source: "Create and update table definitions using the Web API", "Create and update
column definitions", "Work with relationships", the reference of ``CreateEntities``
(whose types begin with ``Complex``). Lengths and ranges that a client leaves out are
those of the designer.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from . import errors
from .schema import ENGLISH

Json = dict[str, Any]

_NAMESPACE = "Microsoft.Dynamics.CRM."
# A publisher's prefix, of two to eight letters and digits, and the name.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{1,7}_\w{1,60}", re.ASCII)
_MAXIMUM = 2**31 - 1
_HUNDRED_BILLIONS = 100_000_000_000
_CASCADES = ("Cascade", "RemoveLink", "Restrict")
_READ_ONLY: Json = {"write": "", "custom": False}
_MOMENT = {"type": "DateTime", "format": "DateAndTime", "behavior": "UserLocal"}


def table(given: Json) -> Json:
    """The entry of a new table; its primary name is the column that says so.

    Raises DataverseError.
    """
    schema_name = name_of(given, "table")
    logical = schema_name.lower()
    if given.get("IsActivity"):
        raise errors.not_implemented("A custom activity")
    ownership = given.get("OwnershipType", "UserOwned")
    if ownership not in ("UserOwned", "OrganizationOwned"):
        raise errors.invalid_argument(f"OwnershipType '{ownership}' is not supported.")
    attributes = _objects(given.get("Attributes"), "Attributes")
    primary = [item for item in attributes if item.get("IsPrimaryName")]
    if len(primary) != 1:
        raise errors.invalid_argument("A table needs one primary name column.")
    label = text_of(given.get("DisplayName")) or schema_name
    columns = _system_columns(schema_name, label, ownership)
    for attribute in attributes:
        columns.update(column(attribute))
    return {
        "schema": schema_name,
        "set": str(given.get("EntitySetName") or _plural(logical)).lower(),
        "primary_id": f"{logical}id",
        "primary_name": name_of(primary[0], "column").lower(),
        "label": label,
        "labels": text_of(given.get("DisplayCollectionName")) or f"{label}s",
        "ownership": ownership,
        "change_tracking": given.get("ChangeTrackingEnabled") is True,
        "optimistic_concurrency": True,
        "custom": True,
        "columns": columns,
    }


def system_relationships(logical: str, ownership: str) -> list[Json]:
    """Those that every table has with users, teams and business units."""
    wanted = [
        ("createdby", "systemuser", f"lk_{logical}_createdby"),
        ("modifiedby", "systemuser", f"lk_{logical}_modifiedby"),
        ("createdonbehalfby", "systemuser", f"lk_{logical}_createdonbehalfby"),
        ("modifiedonbehalfby", "systemuser", f"lk_{logical}_modifiedonbehalfby"),
    ]
    if ownership == "UserOwned":
        wanted += [
            ("ownerid", "owner", f"owner_{logical}"),
            ("owninguser", "systemuser", f"user_{logical}"),
            ("owningteam", "team", f"team_{logical}"),
            ("owningbusinessunit", "businessunit", f"business_unit_{logical}"),
        ]
    return [
        {
            "name": name,
            "from": logical,
            "column": column_name,
            "to": target,
            "navigation": column_name,
            "collection": name,
            "custom": True,
        }
        for column_name, target, name in wanted
    ]


def column(given: Json) -> dict[str, Json]:
    """A new column by its logical name, with the read-only ones that belong to it.

    Raises DataverseError: no such type, no such name, limits that make no sense.
    """
    schema_name = name_of(given, "column")
    kind = _kind(given)
    make = _MAKERS.get(kind)
    if make is None:
        raise errors.invalid_argument(f"A column of type '{kind}' cannot be created.")
    entry = {
        "schema": schema_name,
        "label": text_of(given.get("DisplayName")) or schema_name,
        "custom": True,
        **make(given),
    }
    if _required(given) != "None":
        entry["required"] = _required(given)
    if isinstance(given.get("DefaultFormValue"), int):
        entry["default"] = given["DefaultFormValue"]
    return {schema_name.lower(): entry, **_companions(schema_name, entry)}


def changes_of_column(given: Json, entry: Json) -> Json:
    """What of ``entry`` a complete definition sent with PUT changes."""
    kind = entry["type"]
    changed: Json = {}
    for part, name in (
        ("MaxLength", "max_length"),
        ("MaxSizeInKB", "max_length"),
        ("MinValue", "min"),
        ("MaxValue", "max"),
        ("Precision", "precision"),
    ):
        if part in given and name in entry:
            changed[name] = _number(given, part, entry[name])
    if _required(given) != "None" or "required" in entry:
        changed["required"] = _required(given)
    label = text_of(given.get("DisplayName"))
    if label:
        changed["label"] = label
    if kind == "Boolean" and isinstance(given.get("DefaultValue"), bool):
        changed["default"] = int(given["DefaultValue"])
    return changed


def relationship(given: Json) -> tuple[Json, dict[str, Json]]:
    """``(its entry, the lookup column that comes with it)``. Raises DataverseError."""
    kind = str(given.get("@odata.type", "")).lstrip("#").removeprefix(_NAMESPACE)
    if kind.endswith("ManyToManyRelationshipMetadata"):
        raise errors.not_implemented("A many-to-many relationship")
    if not kind.endswith("OneToManyRelationshipMetadata"):
        raise errors.invalid_argument(f"'{kind}' is no kind of relationship.")
    lookup = given.get("Lookup")
    if not isinstance(lookup, dict):
        raise errors.invalid_argument("The relationship lacks its Lookup.")
    schema_name = name_of(given, "relationship")
    column_name = name_of(lookup, "column")
    referenced = str(given.get("ReferencedEntity"))
    cascades = given.get("CascadeConfiguration")
    on_delete = cascades.get("Delete") if isinstance(cascades, dict) else None
    if on_delete not in (None, "NoCascade", *_CASCADES):
        raise errors.invalid_argument(f"Delete cannot cascade as '{on_delete}'.")
    entry = {
        "name": schema_name,
        "from": str(given.get("ReferencingEntity")),
        "column": column_name.lower(),
        "to": referenced,
        "navigation": str(
            given.get("ReferencingEntityNavigationPropertyName") or column_name
        ),
        "collection": str(
            given.get("ReferencedEntityNavigationPropertyName") or schema_name
        ),
        "on_delete": on_delete or "RemoveLink",
        "custom": True,
    }
    made = {
        "type": "Lookup",
        "schema": column_name,
        "label": text_of(lookup.get("DisplayName")) or column_name,
        "targets": [referenced],
        "required": _required(lookup),
        "custom": True,
    }
    return entry, {entry["column"]: made}


def option_set(given: Json) -> tuple[str, Json]:
    """``(name, entry)`` of a global option set. Raises DataverseError."""
    name = given.get("Name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise errors.invalid_argument(f"'{name}' is no name for an option set.")
    label = text_of(given.get("DisplayName")) or name
    return name.lower(), {"label": label, **_choices(given)}


# -- columns by type -----------------------------------------------------------------


def _text(given: Json) -> Json:
    return {"type": "String", "max_length": _number(given, "MaxLength", 100)}


def _memo(given: Json) -> Json:
    return {"type": "Memo", "max_length": _number(given, "MaxLength", 2000)}


def _integer(given: Json) -> Json:
    return {
        "type": "Integer",
        "min": _number(given, "MinValue", -_MAXIMUM - 1),
        "max": _number(given, "MaxValue", _MAXIMUM),
    }


def _real(kind: str, precision: int, limit: int) -> Any:
    def make(given: Json) -> Json:
        return {
            "type": kind,
            "min": _number(given, "MinValue", -limit),
            "max": _number(given, "MaxValue", limit),
            "precision": _number(given, "Precision", precision),
        }

    return make


def _date(given: Json) -> Json:
    behavior = given.get("DateTimeBehavior")
    behavior = behavior.get("Value") if isinstance(behavior, dict) else "UserLocal"
    if behavior not in ("UserLocal", "DateOnly", "TimeZoneIndependent"):
        raise errors.invalid_argument(f"'{behavior}' is no behavior of dates.")
    form = given.get("Format") or "DateAndTime"
    return {"type": "DateTime", "format": form, "behavior": behavior}


def _boolean(given: Json) -> Json:
    sets = given.get("OptionSet")
    sets = sets if isinstance(sets, dict) else {}
    options = []
    for value, name, usual in ((1, "TrueOption", "Yes"), (0, "FalseOption", "No")):
        option = sets.get(name)
        label = option.get("Label") if isinstance(option, dict) else None
        options.append([value, text_of(label) or usual])
    default = int(given.get("DefaultValue") is True)
    return {"type": "Boolean", "options": options, "default": default}


def _choice(kind: str) -> Any:
    def make(given: Json) -> Json:
        sets = given.get("OptionSet")
        if not isinstance(sets, dict):
            raise errors.invalid_argument("A choice needs its OptionSet.")
        return {"type": kind, **_choices(sets)}

    return make


def _file(kind: str, kilobytes: int) -> Any:
    """``max_length`` of these two is in kilobytes."""

    def make(given: Json) -> Json:
        entry = {"type": kind, "max_length": _number(given, "MaxSizeInKB", kilobytes)}
        if kind == "File":
            return entry | {"write": ""}
        return entry | {"full_image": given.get("CanStoreFullImage") is True}

    return make


_MAKERS = {
    "String": _text,
    "Memo": _memo,
    "Integer": _integer,
    "BigInt": lambda given: {"type": "BigInt"},
    "Decimal": _real("Decimal", 2, _HUNDRED_BILLIONS),
    "Double": _real("Double", 5, _HUNDRED_BILLIONS),
    "Money": _real("Money", 2, 922_337_203_685_477),
    "DateTime": _date,
    "Boolean": _boolean,
    "Picklist": _choice("Picklist"),
    "MultiSelectPicklist": _choice("MultiSelectPicklist"),
    "File": _file("File", 32_768),
    "Image": _file("Image", 10_240),
}


def _companions(schema_name: str, entry: Json) -> dict[str, Json]:
    """What the platform adds beside a column: its base amount, a file's name."""
    names: dict[str, Json] = {}
    if entry["type"] == "Money":
        names["_base"] = {**entry, "required": "None"}
    elif entry["type"] == "File":
        names["_name"] = {"type": "String", "max_length": 200}
    elif entry["type"] == "Image":
        names["id"] = {"type": "Uniqueidentifier"}
        names["_timestamp"] = {"type": "BigInt"}
        names["_url"] = {"type": "String", "max_length": 200}
    return {
        f"{schema_name}{suffix}".lower(): {
            "label": entry["label"],
            **companion,
            **_READ_ONLY,
            "schema": f"{schema_name}{suffix}",
        }
        for suffix, companion in names.items()
    }


def currency_columns() -> dict[str, Json]:
    """What a table gets with its first amount."""
    return {
        "transactioncurrencyid": {
            "type": "Lookup",
            "schema": "TransactionCurrencyId",
            "label": "Currency",
            "targets": ["transactioncurrency"],
        },
        "exchangerate": {
            "type": "Decimal",
            "schema": "ExchangeRate",
            "label": "Exchange Rate",
            "min": 0,
            "max": _HUNDRED_BILLIONS,
            "precision": 10,
            **_READ_ONLY,
        },
    }


def currency_relationship(logical: str) -> Json:
    name = f"TransactionCurrency_{logical}"
    return {
        "name": name,
        "from": logical,
        "column": "transactioncurrencyid",
        "to": "transactioncurrency",
        "navigation": "transactioncurrencyid",
        "collection": name,
        "on_delete": "Restrict",
        "custom": True,
    }


def _system_columns(schema_name: str, label: str, ownership: str) -> dict[str, Json]:
    logical = schema_name.lower()

    def link(name: str, target: str) -> Json:
        return {"type": "Lookup", "schema": name, "targets": [target], **_READ_ONLY}

    columns: dict[str, Json] = {
        f"{logical}id": {
            "type": "Uniqueidentifier",
            "schema": f"{schema_name}Id",
            "label": label,
            "write": "C",
            "required": "SystemRequired",
        },
        "createdon": {"schema": "CreatedOn", **_MOMENT, **_READ_ONLY},
        "modifiedon": {"schema": "ModifiedOn", **_MOMENT, **_READ_ONLY},
        "createdby": link("CreatedBy", "systemuser"),
        "modifiedby": link("ModifiedBy", "systemuser"),
        "createdonbehalfby": link("CreatedOnBehalfBy", "systemuser"),
        "modifiedonbehalfby": link("ModifiedOnBehalfBy", "systemuser"),
        "overriddencreatedon": {
            "schema": "OverriddenCreatedOn",
            **_MOMENT,
            "format": "DateOnly",
            "write": "C",
        },
        "statecode": {
            "type": "State",
            "schema": "statecode",
            "label": "Status",
            "write": "U",
            "required": "SystemRequired",
            "options": [[0, "Active", 1], [1, "Inactive", 2]],
        },
        "statuscode": {
            "type": "Status",
            "schema": "statuscode",
            "label": "Status Reason",
            "options": [[1, "Active", 0], [2, "Inactive", 1]],
        },
        "versionnumber": {"type": "BigInt", "schema": "VersionNumber", **_READ_ONLY},
    }
    if ownership == "UserOwned":
        columns["ownerid"] = {
            "type": "Owner",
            "schema": "OwnerId",
            "label": "Owner",
            "targets": ["systemuser", "team"],
        }
        columns["owninguser"] = link("OwningUser", "systemuser")
        columns["owningteam"] = link("OwningTeam", "team")
        columns["owningbusinessunit"] = link("OwningBusinessUnit", "businessunit")
    return columns


# -- parts of a definition -----------------------------------------------------------


def name_of(given: Json, what: str) -> str:
    """Its schema name. Raises DataverseError: none, or none with a prefix."""
    name = given.get("SchemaName")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise errors.invalid_argument(
            f"'{name}' is no name for a {what}: it begins with the prefix of a "
            "publisher and holds letters, digits and underscores only."
        )
    return name


def text_of(label: Any) -> str:
    """The English text of a Label, or its first one; empty if there is none."""
    texts = texts_of(label)
    return texts.get(ENGLISH) or next(iter(texts.values()), "")


def texts_of(label: Any) -> dict[int, str]:
    """The texts of a Label by the codes of their languages."""
    labels = label.get("LocalizedLabels") if isinstance(label, dict) else None
    return {
        one["LanguageCode"]: one["Label"]
        for one in (labels if isinstance(labels, list) else ())
        if isinstance(one, dict)
        and type(one.get("LanguageCode")) is int
        and isinstance(one.get("Label"), str)
    }


def _kind(given: Json) -> str:
    name = str(given.get("@odata.type", "")).lstrip("#").removeprefix(_NAMESPACE)
    return name.removeprefix("Complex").removesuffix("AttributeMetadata")


def _required(given: Json) -> str:
    level = given.get("RequiredLevel")
    found = level.get("Value") if isinstance(level, dict) else None
    return found if isinstance(found, str) else "None"


# What is counted.
_SIZES = {"MaxLength", "MaxSizeInKB", "Precision"}


def _number(given: Json, name: str, usual: Any) -> Any:
    found = given.get(name)
    if found is None:
        return usual
    if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
        raise errors.invalid_argument(f"'{found}' is no value for {name}.")
    whole = math.isfinite(found) and found == int(found)
    if name in _SIZES and not (whole and found >= 0) or not math.isfinite(found):
        raise errors.invalid_argument(f"'{found}' is no value for {name}.")
    return int(found) if whole else float(found)


def _choices(given: Json) -> Json:
    """The options of an OptionSet, and their labels in other languages."""
    found: Json = {"options": _options(given)}
    translations = {
        str(option["Value"]): {
            str(language): text
            for language, text in texts_of(option.get("Label")).items()
            if language != ENGLISH
        }
        for option in given.get("Options") or ()
    }
    if any(translations.values()):
        found["translations"] = translations
    return found


def _options(given: Json) -> list[list[Any]]:
    found = []
    for option in _objects(given.get("Options"), "Options"):
        value = option.get("Value")
        if type(value) is not int:
            raise errors.invalid_argument(f"'{value}' is no value of an option.")
        found.append([value, text_of(option.get("Label")) or str(value)])
    if len({value for value, _ in found}) != len(found):
        raise errors.invalid_argument("Two options have the same value.")
    return found


def _objects(given: Any, name: str) -> list[Json]:
    items = [] if given is None else given
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise errors.invalid_argument(f"'{name}' is no collection.")
    return items


def _plural(name: str) -> str:
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "z", "ch", "sh")) else f"{name}s"
