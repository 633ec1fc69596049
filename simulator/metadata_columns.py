"""A column as the Web API describes it: its kind, its limits, its options.

Property values follow a metadata export of a live organization.
"""

from __future__ import annotations

from typing import Any

from .images import THUMBNAIL_PIXELS
from .metadata_ids import metadata_id
from .schema import (
    ENGLISH,
    FILE_TYPES,
    LOOKUP_TYPES,
    Column,
    Table,
    translations_of,
)

Json = dict[str, Any]

_CLASSES = {
    "Uniqueidentifier": "UniqueIdentifier",
    "Owner": "Lookup",
    "Customer": "Lookup",
}
# Columns whose options are in a related OptionSet: only there with $expand.
_WITH_OPTION_SET = ("Picklist", "State", "Status", "Boolean", "MultiSelectPicklist")
_VIRTUAL = ("MultiSelectPicklist", *FILE_TYPES)


def attribute(table: Table, column: Column, number: int) -> Json:
    """One of a table's ``Attributes``; ``OptionSet`` and its like are callables."""
    kind = _CLASSES.get(column.type, column.type)
    return {
        "@odata.type": f"#Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
        "MetadataId": metadata_id("attribute", f"{table.name}.{column.name}"),
        "LogicalName": column.name,
        "SchemaName": column.schema_name,
        "EntityLogicalName": table.name,
        "AttributeOf": None,
        "AttributeType": "Virtual" if column.type in _VIRTUAL else column.type,
        "AttributeTypeName": {"Value": f"{column.type}Type"},
        "ColumnNumber": number,
        "DisplayName": label(column.label),
        "Description": label(""),
        "RequiredLevel": managed(column.required, "canmodifyrequirementlevelsettings"),
        "IsPrimaryId": column.name == table.primary_id,
        "IsPrimaryName": column.name == table.primary_name,
        "IsValidForCreate": column.on_create,
        "IsValidForRead": True,
        "IsValidForUpdate": column.on_update,
        "IsValidODataAttribute": True,
        "IsLogical": False,
        "IsCustomAttribute": column.custom,
        "IsManaged": not column.custom,
        "SourceType": 0,
        "HasChanged": None,
        **_type_specific(table, column),
    }


def _type_specific(table: Table, column: Column) -> Json:
    kind = column.type
    if kind in ("String", "Memo"):
        own_format = "TextArea" if kind == "Memo" else "Text"
        return {
            "MaxLength": column.max_length,
            "Format": own_format,
            "FormatName": {"Value": own_format},
        }
    if kind == "Integer":
        return {
            "MinValue": column.minimum,
            "MaxValue": column.maximum,
            "Format": "None",
        }
    if kind in ("Money", "Decimal", "Double"):
        limits = {
            "MinValue": column.minimum,
            "MaxValue": column.maximum,
            "Precision": column.precision,
        }
        if kind == "Money":
            base = column.name.endswith("_base")
            limits["PrecisionSource"] = 2
            limits["IsBaseCurrency"] = base
            limits["CalculationOf"] = column.name[:-5] if base else None
        return limits
    if kind == "DateTime":
        return {
            "Format": column.format,
            "DateTimeBehavior": {"Value": column.behavior},
            "MinSupportedValue": "1753-01-01T00:00:00Z",
            "MaxSupportedValue": "9999-12-30T23:59:59Z",
        }
    if kind == "Image":
        return {
            "MaxSizeInKB": column.max_length,
            "MaxHeight": THUMBNAIL_PIXELS,
            "MaxWidth": THUMBNAIL_PIXELS,
            "CanStoreFullImage": column.full_image,
            "IsPrimaryImage": column.name == table.primary_image,
        }
    if kind == "File":
        return {"MaxSizeInKB": column.max_length}
    if kind in LOOKUP_TYPES:
        return {"Targets": list(column.targets), "Format": "None"}
    if kind in _WITH_OPTION_SET:
        name = "DefaultValue" if kind == "Boolean" else "DefaultFormValue"
        default: Any = -1 if column.default is None else column.default
        if kind == "Boolean":
            default = default == 1
        return {
            name: default,
            "OptionSet": lambda: option_set(column),
            "GlobalOptionSet": lambda: (
                option_set(column) if column.global_options else None
            ),
        }
    return {}


def option_set(column: Column) -> Json:
    """What the related option set of a column says."""
    name = column.global_options or f"{column.table}_{column.name}"
    kind = "Picklist" if "Picklist" in column.type else column.type
    definition = _set(name, column.label, kind, bool(column.global_options))
    options = {value: _option(column, value) for value in column.options}
    if column.type == "Boolean":
        return {**definition, "TrueOption": options[1], "FalseOption": options[0]}
    return {**definition, "Options": list(options.values())}


def unused_option_set(name: str, entry: Json) -> Json:
    """A global option set as ``schema`` keeps it, before any column uses it."""
    translations = translations_of(entry)
    options = [
        _plain_option(value, text, translations.get(value))
        for value, text in entry["options"]
    ]
    return {**_set(name, entry["label"], "Picklist", True), "Options": options}


def _set(name: str, text: str, kind: str, is_global: bool) -> Json:
    return {
        "MetadataId": metadata_id("optionset", name),
        "Name": name,
        "DisplayName": label(text),
        "IsGlobal": is_global,
        "IsCustomOptionSet": False,
        "IsManaged": True,
        "OptionSetType": kind,
    }


def _plain_option(
    value: int, text: str, translations: dict[int, str] | None = None
) -> Json:
    return {
        "Value": value,
        "Color": None,
        "IsManaged": True,
        "ExternalValue": None,
        "ParentValues": [],
        "MetadataId": None,
        "HasChanged": None,
        "Label": label(text, translations),
        "Description": label(""),
    }


def _option(column: Column, value: int) -> Json:
    translations = column.translations.get(value)
    option = _plain_option(value, column.options[value], translations)
    if column.type == "State":
        option["@odata.type"] = "#Microsoft.Dynamics.CRM.StateOptionMetadata"
        option["DefaultStatus"] = column.default_status[value]
        option["InvariantName"] = column.options[value].replace(" ", "")
    if column.type == "Status":
        option["@odata.type"] = "#Microsoft.Dynamics.CRM.StatusOptionMetadata"
        option["State"] = column.state_of[value]
        option["TransitionData"] = None
    return option


def label(text: str, translations: dict[int, str] | None = None) -> Json:
    """A Label in English, the language of every user here, and in others.

    :param translations: language -> text
    """
    if not text:
        return {"LocalizedLabels": [], "UserLocalizedLabel": None}
    labels = [
        {
            "Label": words,
            "LanguageCode": language,
            "IsManaged": True,
            "MetadataId": metadata_id("label", words),
            "HasChanged": None,
        }
        for language, words in {ENGLISH: text, **(translations or {})}.items()
    ]
    return {"LocalizedLabels": labels, "UserLocalizedLabel": labels[0]}


def managed(value: Any, name: str) -> Json:
    return {"Value": value, "CanBeChanged": True, "ManagedPropertyLogicalName": name}
