"""What a client writes below ``EntityDefinitions`` and its neighbours.

Source: "Create and update table definitions using the Web API", "... column
definitions", "... relationships", "Define alternate keys", "Create and update choices".
Everything is published at once; ``PublishXml`` has nothing left to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import declarations, errors
from .customization import Customization
from .declarations import Json
from .messages import Request, Response
from .metadata import Metadata
from .metadata_ids import metadata_id
from .schema import Column, Table

_PATH = re.compile(
    r"(?P<set>\w+)(?:\((?P<key>[^)]*)\))?(?:/(?P<part>\w+)(?:\((?P<inner>[^)]*)\))?)?"
    r"(?:/Microsoft\.Dynamics\.CRM\.\w+)?"  # a cast changes nothing
)


class MetadataWriting:
    """Answers with 204 and the address of what was made. Raises DataverseError."""

    def __init__(self, customization: Customization, metadata: Metadata) -> None:
        self.customization = customization
        self.metadata = metadata

    def write(self, request: Request, path: str) -> Response:
        """POST, PUT and DELETE of a definition."""
        match = _PATH.fullmatch(path)
        if not match:
            raise errors.segment_not_found(path)
        method, key, inner = request.method, match["key"], match["inner"]
        names = (method, match["set"], match["part"])
        if names in _ON_SETS and (method == "POST") == (key is None):
            made = _ON_SETS[names](self, key or "", request)
        elif names in _ON_TABLES and key is not None:
            if (method == "POST") == (inner is not None):
                raise errors.method_not_allowed(method)
            table = self.metadata.table(key)
            made = _ON_TABLES[names](self, table, inner or "", request)
        else:
            raise errors.method_not_allowed(method)
        if made is None:
            return Response(204)
        return Response(204, {"OData-EntityId": f"{request.api_url}/{path}({made})"})

    # -- actions -------------------------------------------------------------------

    def create_tables(self, request: Request) -> Json:
        """``CreateEntities``: all of them, or none."""
        entities = request.json().get("Entities")
        if not isinstance(entities, list) or not entities:
            raise errors.payload("CreateEntities", "'Entities' is no collection.")
        if not all(isinstance(given, dict) for given in entities):
            raise errors.payload("CreateEntities", "'Entities' is no collection.")
        made = [self.customization.create_table(given) for given in entities]
        name = "Microsoft.Dynamics.CRM.CreateEntitiesResponse"
        return {
            "@odata.context": f"{request.api_url}/$metadata#{name}",
            "EntityIds": made,
        }

    def insert_option(self, request: Request) -> Json:
        table, column, options, given = self._choice(request)
        known = [value for value, _ in options]
        value = given.get("Value")
        if value is None:
            value = max([100_000_000 - 1, *known]) + 1
        if type(value) is not int or value in known:
            raise errors.invalid_argument(f"'{value}' is no new value of an option.")
        label = declarations.text_of(given.get("Label")) or str(value)
        self.customization.change_options(table, column, [*options, [value, label]])
        name = "Microsoft.Dynamics.CRM.InsertOptionValueResponse"
        return {
            "@odata.context": f"{request.api_url}/$metadata#{name}",
            "NewOptionValue": value,
        }

    def update_option(self, request: Request) -> None:
        table, column, options, given = self._choice(request, known=True)
        label = declarations.text_of(given.get("Label"))
        changed = [
            [value, label if value == given["Value"] and label else text]
            for value, text in options
        ]
        self.customization.change_options(table, column, changed)

    def delete_option(self, request: Request) -> None:
        table, column, options, given = self._choice(request, known=True)
        kept = [option for option in options if option[0] != given["Value"]]
        self.customization.change_options(table, column, kept)

    def publish(self, request: Request) -> None:
        request.json()

    def _choice(
        self, request: Request, *, known: bool = False
    ) -> tuple[Table, Column, list[list[Any]], Json]:
        """The column that an option's action names, its options, the parameters."""
        given = request.json()
        table = self.metadata.schema.tables.get(str(given.get("EntityLogicalName")))
        if table is None:
            raise errors.no_entity(str(given.get("EntityLogicalName")))
        name = str(given.get("AttributeLogicalName"))
        column = table.columns.get(name)
        if column is None:
            raise errors.no_attribute(table.name, name)
        if column.type not in ("Picklist", "MultiSelectPicklist"):
            raise errors.invalid_argument(f"'{name}' is no choice.")
        if known and given.get("Value") not in list(column.options):
            raise errors.invalid_argument(f"'{name}' has no such option.")
        options = [[value, text] for value, text in column.options.items()]
        return table, column, options, given

    # -- the single definitions ----------------------------------------------------

    def _create_table(self, key: str, request: Request) -> str:
        return self.customization.create_table(request.json())

    def _change_table(self, key: str, request: Request) -> None:
        table = self.metadata.table(key)
        self.customization.change_table(table, request.json())

    def _drop_table(self, key: str, request: Request) -> None:
        self.customization.drop_table(self.metadata.table(key))

    def _create_column(self, table: Table, key: str, request: Request) -> str:
        return self.customization.create_column(table, request.json())

    def _change_column(self, table: Table, key: str, request: Request) -> None:
        column = _column(table, key)
        self.customization.change_column(table, column, request.json())

    def _drop_column(self, table: Table, key: str, request: Request) -> None:
        self.customization.drop_column(table, _column(table, key))

    def _create_key(self, table: Table, key: str, request: Request) -> str:
        return self.customization.create_key(table, request.json())

    def _drop_key(self, table: Table, key: str, request: Request) -> None:
        names = self.customization.store.keys(table)
        ids = {name: metadata_id("key", f"{table.name}.{name}") for name in names}
        self.customization.drop_key(_chosen(key, ids, "key"))

    def _create_relationship(self, key: str, request: Request) -> str:
        return self.customization.create_relationship(request.json())

    def _drop_relationship(self, key: str, request: Request) -> None:
        known = self.metadata.schema.relationships
        ids = {r.name: metadata_id("relationship", r.name) for r in known}
        self.customization.drop_relationship(_chosen(key, ids, "relationship"))

    def _create_option_set(self, key: str, request: Request) -> str:
        return self.customization.create_option_set(request.json())

    def _drop_option_set(self, key: str, request: Request) -> None:
        names = self.customization.option_sets()
        ids = {name: metadata_id("optionset", name) for name in names}
        self.customization.drop_option_set(_chosen(key, ids, "optionset"))


def _column(table: Table, key: str) -> Column:
    ids = {
        name: metadata_id("attribute", f"{table.name}.{name}") for name in table.columns
    }
    return table.columns[_chosen(key, ids, "attribute")]


def _chosen(key: str, ids: dict[str, str], kind: str) -> str:
    """The name that ``LogicalName='x'`` or a MetadataId stands for."""
    named = key.partition("=")[2].strip("'") if "=" in key else None
    for name, identifier in ids.items():
        if named == name or key.lower() == identifier:
            return name
    raise errors.row_not_found(kind, key)


_OnSet = Callable[[MetadataWriting, str, Request], str | None]
_OnTable = Callable[[MetadataWriting, Table, str, Request], str | None]
_ON_SETS: dict[tuple[str, str, str | None], _OnSet] = {
    ("POST", "EntityDefinitions", None): MetadataWriting._create_table,
    ("PUT", "EntityDefinitions", None): MetadataWriting._change_table,
    ("DELETE", "EntityDefinitions", None): MetadataWriting._drop_table,
    ("POST", "RelationshipDefinitions", None): MetadataWriting._create_relationship,
    ("DELETE", "RelationshipDefinitions", None): MetadataWriting._drop_relationship,
    ("POST", "GlobalOptionSetDefinitions", None): MetadataWriting._create_option_set,
    ("DELETE", "GlobalOptionSetDefinitions", None): MetadataWriting._drop_option_set,
}
_ON_TABLES: dict[tuple[str, str, str | None], _OnTable] = {
    ("POST", "EntityDefinitions", "Attributes"): MetadataWriting._create_column,
    ("PUT", "EntityDefinitions", "Attributes"): MetadataWriting._change_column,
    ("DELETE", "EntityDefinitions", "Attributes"): MetadataWriting._drop_column,
    ("POST", "EntityDefinitions", "Keys"): MetadataWriting._create_key,
    ("DELETE", "EntityDefinitions", "Keys"): MetadataWriting._drop_key,
}
METADATA_ACTIONS: dict[str, Callable[[MetadataWriting, Request], Json | None]] = {
    "CreateEntities": MetadataWriting.create_tables,
    "InsertOptionValue": MetadataWriting.insert_option,
    "UpdateOptionValue": MetadataWriting.update_option,
    "DeleteOptionValue": MetadataWriting.delete_option,
    "PublishXml": MetadataWriting.publish,
    "PublishAllXml": MetadataWriting.publish,
}
