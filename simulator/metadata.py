"""Metadata as the Web API tells it: ``EntityDefinitions`` and what hangs below it.

Source: "Query table definitions using the Web API"; property values follow a metadata
export of a live organization.
"""

from __future__ import annotations

import re
from typing import Any

from . import errors, metadata_query
from .metadata_columns import attribute, label, managed, option_set, unused_option_set
from .metadata_filter import filtered
from .metadata_ids import metadata_id
from .metadata_switches import SWITCHES
from .query import Options
from .schema import Relationship, Schema, Table
from .store import Store

Json = dict[str, Any]

_SEGMENT = re.compile(r"(?P<name>[\w.]+)(?:\((?P<key>[^)]*)\))?")


class Metadata:
    """Answers as plain dictionaries; ``api_url`` is for the context."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self.schema = schema
        self.store = store

    def read(self, path: str, options: Options, api_url: str) -> Json:
        """``path`` starts with the name of a set of ``SETS``. Raises DataverseError."""
        segments = [_SEGMENT.fullmatch(part) for part in path.split("/")]
        if not all(segments):
            raise errors.segment_not_found(path)
        first, *rest = segments
        context = f"{api_url}/$metadata#{path}"
        if first["name"] == "GlobalOptionSetDefinitions":
            return self._definitions(
                self._global_option_sets(), "Name", first["key"], rest, options, context
            )
        if first["name"] == "RelationshipDefinitions":
            kind = {
                "@odata.type": "#Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata"
            }
            items = [
                {**kind, **self._relationship(r)} for r in self.schema.relationships
            ]
            return self._definitions(
                items, "SchemaName", first["key"], rest, options, context
            )
        if first["key"] is None:
            if rest:
                raise errors.segment_not_found(rest[0]["name"])
            items = [self._entity(table) for table in self.schema.tables.values()]
            return _collection(
                context, [self._shape(i, options) for i in filtered(items, options)]
            )
        table = self.table(first["key"])
        if not rest:
            shaped = self._shape(self._entity(table), options)
            return {"@odata.context": f"{context}/$entity", **shaped}
        return self._below(table, rest, options, context)

    def table(self, key: str) -> Table:
        """The table of ``LogicalName='x'`` or of a MetadataId."""
        name = key.partition("=")[2].strip("'") if "=" in key else None
        for table in self.schema.tables.values():
            if name == table.name or key.lower() == metadata_id("entity", table.name):
                return table
        raise errors.no_entity(name or key)

    def changes(self, query: Json, stamp: str, api_url: str) -> Json:
        """The answer of ``RetrieveMetadataChanges``; see ``metadata_query``."""
        entities = []
        for table in self.schema.tables.values():
            if metadata_query.matches(query.get("Criteria"), self._entity(table)):
                entities.append(self._queried_entity(table, query))
        name = "Microsoft.Dynamics.CRM.RetrieveMetadataChangesResponse"
        return {
            "@odata.context": f"{api_url}/$metadata#{name}",
            "EntityMetadata": entities,
            "ServerVersionStamp": stamp,
            "DeletedMetadata": None,
        }

    def _queried_entity(self, table: Table, query: Json) -> Json:
        entity = self._entity(table)
        wanted = metadata_query.properties(query.get("Properties"))
        shaped = metadata_query.selected(entity, wanted)
        for name in metadata_query.PARTS:
            if name in entity and (wanted is None or name in wanted):
                inner = metadata_query.part(query, name)
                shaped[name] = [
                    metadata_query.selected(
                        item, metadata_query.properties(inner.get("Properties"))
                    )
                    for item in entity[name]()
                    if metadata_query.matches(inner.get("Criteria"), item)
                ]
        return shaped

    # -- definitions that belong to no single table --------------------------------

    def _definitions(
        self,
        items: list[Json],
        key_name: str,
        key: str | None,
        rest: list[re.Match[str]],
        options: Options,
        context: str,
    ) -> Json:
        cast = rest[0]["name"] if rest else None
        if len(rest) > 1 or (rest and rest[0]["key"] is not None):
            raise errors.segment_not_found(rest[-1]["name"])
        if cast:
            if cast not in _DEFINITION_CASTS:
                raise errors.segment_not_found(cast)
            items = [item for item in items if item["@odata.type"] == f"#{cast}"]
        if key is not None:
            name = key.partition("=")[2].strip("'") if "=" in key else key.lower()
            items = [i for i in items if name in (i[key_name], i["MetadataId"])]
            if not items:
                raise errors.no_metadata(key)
            shaped = self._shape(items[0], options, cast)
            return {"@odata.context": f"{context}/$entity", **shaped}
        found = filtered(items, options)
        return _collection(context, [self._shape(i, options, cast) for i in found])

    def _global_option_sets(self) -> list[Json]:
        """One for each name; the tables that share it have the same options."""
        found: dict[str, Json] = {}
        for table in self.schema.tables.values():
            for column in table.columns.values():
                if column.global_options:
                    found.setdefault(column.global_options, option_set(column))
        for name, entry in self.schema.data["option_sets"].items():
            found.setdefault(name, unused_option_set(name, entry))
        kind = {"@odata.type": "#Microsoft.Dynamics.CRM.OptionSetMetadata"}
        return [{**kind, **definition} for definition in found.values()]

    # -- below one table -----------------------------------------------------------

    def _below(
        self, table: Table, rest: list[re.Match[str]], options: Options, context: str
    ) -> Json:
        first, *more = rest
        name, key = first["name"], first["key"]
        if name == "Attributes":
            return self._attributes(table, key, more, options, context)
        if name not in _ENTITY_COLLECTIONS or key is not None or more:
            raise errors.segment_not_found(name)
        items = filtered(_ENTITY_COLLECTIONS[name](self, table), options)
        return _collection(context, [self._shape(item, options) for item in items])

    def _attributes(
        self,
        table: Table,
        key: str | None,
        more: list[re.Match[str]],
        options: Options,
        context: str,
    ) -> Json:
        items = self._attribute_list(table)
        if key is not None:
            name = key.partition("=")[2].strip("'") or key
            items = [i for i in items if name in (i["LogicalName"], i["MetadataId"])]
        cast = more[0]["name"] if more else None
        if cast:
            full = f"#{cast}"
            items = [item for item in items if item["@odata.type"] == full]
        if key is not None and not items:
            raise errors.row_not_found("attribute", key)
        if key is None:
            found = filtered(items, options)
            return _collection(context, [self._shape(i, options, cast) for i in found])
        if len(more) == 2:
            member = more[1]["name"]
            full = self._shape(items[0], Options(), cast, everything=True)
            if member not in full:
                raise errors.segment_not_found(member)
            return {"@odata.context": context, **full[member]}
        shaped = self._shape(items[0], options, cast)
        return {"@odata.context": f"{context}/$entity", **shaped}

    # -- shaping: $select and $expand ----------------------------------------------

    def _shape(
        self,
        item: Json,
        options: Options,
        cast: str | None = None,
        everything: bool = False,
    ) -> Json:
        """``item`` with the selected properties and the expanded collections."""
        expandable = {name: value for name, value in item.items() if callable(value)}
        plain = {name: value for name, value in item.items() if name not in expandable}
        if cast is None and "@odata.type" in plain:
            # Without a cast, only what every kind of definition has can be selected.
            specific = set(plain) - _BASE_PROPERTIES
            plain = {
                n: v
                for n, v in plain.items()
                if n not in specific or not options.select
            }
        elif cast:
            plain.pop("@odata.type")
        if options.select:
            for name in options.select:
                if name not in plain:
                    raise errors.unknown_query_property(name, cast or "EntityMetadata")
            kept = ("@odata.type", "MetadataId", *options.select)
            plain = {name: value for name, value in plain.items() if name in kept}
        for name, value in expandable.items() if everything else ():
            plain[name] = value()
        for expand in options.expand:
            if expand.navigation not in expandable:
                raise errors.unknown_query_property(expand.navigation, "EntityMetadata")
            plain[expand.navigation] = self._expanded(
                expandable[expand.navigation](), expand.options
            )
        return plain

    def _expanded(self, value: Any, options: Options) -> Any:
        if isinstance(value, list):
            return [self._shape(item, options) for item in filtered(value, options)]
        return value if value is None else self._shape(value, options)

    # -- the definitions -----------------------------------------------------------

    def _entity(self, table: Table) -> Json:
        lazy = {
            name: _later(build, self, table)
            for name, build in _ENTITY_COLLECTIONS.items()
        }
        return {
            **SWITCHES,
            "MetadataId": metadata_id("entity", table.name),
            "LogicalName": table.name,
            "SchemaName": table.schema_name,
            "LogicalCollectionName": table.entity_set,
            "CollectionSchemaName": table.schema_name + "s",
            "EntitySetName": table.entity_set,
            "ObjectTypeCode": table.code,
            "PrimaryIdAttribute": table.primary_id,
            "PrimaryNameAttribute": table.primary_name,
            "PrimaryImageAttribute": table.primary_image,
            "ReportViewName": f"Filtered{table.schema_name}",
            "OwnershipType": table.ownership,
            "TableType": "Standard",
            "DataProviderId": None,
            "IsActivity": table.is_activity,
            "IsCustomEntity": table.custom,
            "IsIntersect": False,
            "IsManaged": not table.custom,
            "IsPrivate": False,
            "IsLogicalEntity": False,
            "ChangeTrackingEnabled": table.change_tracking,
            "CanChangeTrackingBeEnabled": managed(True, "canchangetrackingbeenabled"),
            "IsOptimisticConcurrencyEnabled": table.optimistic_concurrency,
            "IsDuplicateDetectionEnabled": managed(
                False, "canmodifyduplicatedetectionsettings"
            ),
            "IsAuditEnabled": managed(False, "canmodifyauditsettings"),
            "DisplayName": label(table.label),
            "DisplayCollectionName": label(table.labels),
            "Description": label(""),
            "HasChanged": None,
            "IntroducedVersion": "5.0.0.0",
            **lazy,
            "Attributes": _later(Metadata._attribute_list, self, table),
        }

    def _attribute_list(self, table: Table) -> list[Json]:
        return [
            attribute(table, column, number)
            for number, column in enumerate(table.columns.values(), 1)
        ]

    def _many_to_one(self, table: Table) -> list[Json]:
        return [self._relationship(r) for r in table.navigations.values()]

    def _one_to_many(self, table: Table) -> list[Json]:
        return [self._relationship(r) for r in table.collections.values()]

    def _relationship(self, relationship: Relationship) -> Json:
        target = self.schema.targets(relationship)[0]
        is_owner = relationship.target == "owner"
        return {
            "MetadataId": metadata_id("relationship", relationship.name),
            "SchemaName": relationship.name,
            "RelationshipType": "OneToManyRelationship",
            "ReferencedEntity": relationship.target,
            "ReferencedAttribute": "ownerid" if is_owner else target.primary_id,
            "ReferencingEntity": relationship.table,
            "ReferencingAttribute": relationship.column,
            "ReferencedEntityNavigationPropertyName": relationship.collection,
            "ReferencingEntityNavigationPropertyName": relationship.navigation,
            "IsCustomRelationship": relationship.custom,
            "IsManaged": not relationship.custom,
            "CascadeConfiguration": {
                "Assign": "NoCascade",
                "Delete": relationship.on_delete,
                "Archive": "NoCascade",
                "Merge": "NoCascade",
                "Reparent": "NoCascade",
                "Share": "NoCascade",
                "Unshare": "NoCascade",
                "RollupView": "NoCascade",
            },
        }

    def _keys(self, table: Table) -> list[Json]:
        return [
            {
                "MetadataId": metadata_id("key", f"{table.name}.{name}"),
                "LogicalName": name,
                "SchemaName": name,
                "EntityLogicalName": table.name,
                "KeyAttributes": columns,
                "EntityKeyIndexStatus": "Active",
                "IsCustomizable": managed(True, "iscustomizable"),
                "IsManaged": False,
                "DisplayName": label(name),
            }
            for name, columns in self.store.keys(table).items()
        ]


SETS = frozenset(
    ("EntityDefinitions", "GlobalOptionSetDefinitions", "RelationshipDefinitions")
)
_DEFINITION_CASTS = (
    "Microsoft.Dynamics.CRM.OptionSetMetadata",
    "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
    "Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata",
)
_ENTITY_COLLECTIONS = {
    "ManyToOneRelationships": Metadata._many_to_one,
    "OneToManyRelationships": Metadata._one_to_many,
    "ManyToManyRelationships": lambda metadata, table: [],  # no table here has any
    "Keys": Metadata._keys,
}


_BASE_PROPERTIES = frozenset(
    "@odata.type MetadataId LogicalName SchemaName EntityLogicalName AttributeOf "
    "AttributeType AttributeTypeName ColumnNumber DisplayName Description "
    "RequiredLevel IsPrimaryId IsPrimaryName IsValidForCreate IsValidForRead "
    "IsValidForUpdate IsValidODataAttribute IsLogical IsCustomAttribute IsManaged "
    "SourceType HasChanged "
    # of option sets, of relationships
    "Name IsGlobal IsCustomOptionSet OptionSetType "
    "RelationshipType IsCustomRelationship".split()
)


def _later(build: Any, *arguments: Any) -> Any:
    return lambda: build(*arguments)


def _collection(context: str, items: list[Json]) -> Json:
    return {"@odata.context": context, "value": items}
