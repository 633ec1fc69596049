"""``$metadata``: the model of the organization as a CSDL document (EDMX 4.0).

Sources: "OData Version 4.0 Part 3: Common Schema Definition Language", "Web API service
documents". Lookups are navigation properties with a referential constraint to their
``_x_value`` property, as Dataverse describes them; ``ownerid`` leads to ``principal``,
the base type of users and teams, which has their key.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from . import values
from .schema import PRINCIPAL_KEY, PRINCIPALS, Relationship, Schema, Table

NAMESPACE = "Microsoft.Dynamics.CRM"
ALIAS = "mscrm"
_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_VOCABULARIES = {
    "Org.OData.Core.V1": "Core",
    "Org.OData.Capabilities.V1": "Capabilities",
}
_VOCABULARY_ADDRESS = (
    "http://docs.oasis-open.org/odata/odata/v4.0/os/vocabularies/{}.xml"
)
# Unbound actions without a result: name -> parameters with their types.
_ACTIONS = {
    "Merge": {
        "Target": "mscrm.crmbaseentity",
        "Subordinate": "mscrm.crmbaseentity",
        "UpdateContent": "mscrm.crmbaseentity",
        "PerformParentingChecks": "Edm.Boolean",
    },
    "WinOpportunity": {
        "OpportunityClose": "mscrm.opportunityclose",
        "Status": "Edm.Int32",
    },
    "LoseOpportunity": {
        "OpportunityClose": "mscrm.opportunityclose",
        "Status": "Edm.Int32",
    },
    "WinQuote": {"QuoteClose": "mscrm.quoteclose", "Status": "Edm.Int32"},
    "CloseQuote": {"QuoteClose": "mscrm.quoteclose", "Status": "Edm.Int32"},
    "FulfillSalesOrder": {"OrderClose": "mscrm.orderclose", "Status": "Edm.Int32"},
    "CancelSalesOrder": {"OrderClose": "mscrm.orderclose", "Status": "Edm.Int32"},
}


def document(schema: Schema, *, annotations: bool = False) -> bytes:
    """The XML document; ``annotations`` adds change tracking and computed columns."""
    root = Element("edmx:Edmx", {"xmlns:edmx": _EDMX, "Version": "4.0"})
    for name, alias in _VOCABULARIES.items() if annotations else ():
        address = _VOCABULARY_ADDRESS.format(name)
        reference = SubElement(root, "edmx:Reference", Uri=address)
        SubElement(reference, "edmx:Include", Namespace=name, Alias=alias)
    services = SubElement(root, "edmx:DataServices")
    model = SubElement(
        services, "Schema", {"xmlns": _EDM, "Namespace": NAMESPACE, "Alias": ALIAS}
    )
    _entity_type(model, "crmbaseentity", Abstract="true")
    principal = _entity_type(
        model, "principal", BaseType=f"{ALIAS}.crmbaseentity", Abstract="true"
    )
    _key(principal, PRINCIPAL_KEY)
    SubElement(
        principal, "Property", Name=PRINCIPAL_KEY, Type="Edm.Guid", Nullable="false"
    )
    for table in schema.tables.values():
        _table(model, schema, table, annotations)
    _operations(model)
    container = SubElement(model, "EntityContainer", Name="System")
    for table in schema.tables.values():
        _entity_set(container, schema, table, annotations)
    SubElement(container, "FunctionImport", Name="WhoAmI", Function=f"{ALIAS}.WhoAmI")
    for name in _ACTIONS:
        SubElement(container, "ActionImport", Name=name, Action=f"{ALIAS}.{name}")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _entity_type(model: Element, name: str, **attributes: str) -> Element:
    return SubElement(model, "EntityType", Name=name, **attributes)


def _key(entity: Element, name: str) -> None:
    SubElement(SubElement(entity, "Key"), "PropertyRef", Name=name)


def _table(model: Element, schema: Schema, table: Table, annotations: bool) -> None:
    is_principal = table.name in PRINCIPALS
    base = "principal" if is_principal else "crmbaseentity"
    entity = _entity_type(model, table.name, BaseType=f"{ALIAS}.{base}")
    if not is_principal:
        _key(entity, table.primary_id)
    for column in table.columns.values():
        kind = values.edm_type(column)
        attributes = {"Name": column.wire, "Type": kind}
        if column.name == table.primary_id:
            attributes["Nullable"] = "false"
        if kind == "Edm.Decimal":
            attributes["Scale"] = "variable"
        if kind == "Edm.String":
            attributes["Unicode"] = "false"
        prop = SubElement(entity, "Property", attributes)
        if annotations and (column.is_lookup or not column.on_create):
            SubElement(
                prop, "Annotation", Term="Org.OData.Core.V1.Computed", Bool="true"
            )
    for relationship in table.navigations.values():
        _single(entity, schema, relationship)
    for relationship in table.collections.values():
        attributes = {
            "Name": relationship.collection,
            "Type": f"Collection({ALIAS}.{relationship.table})",
        }
        if relationship.target == table.name:
            attributes["Partner"] = relationship.navigation
        SubElement(entity, "NavigationProperty", attributes)


def _single(entity: Element, schema: Schema, relationship: Relationship) -> None:
    column = schema.tables[relationship.table].columns[relationship.column]
    owner = relationship.target == "owner"
    target = "principal" if owner else relationship.target
    attributes = {
        "Name": relationship.navigation,
        "Type": f"{ALIAS}.{target}",
        "Nullable": "true",
    }
    if not owner:
        attributes["Partner"] = relationship.collection
    navigation = SubElement(entity, "NavigationProperty", attributes)
    if not owner:
        SubElement(
            navigation,
            "ReferentialConstraint",
            Property=column.wire,
            ReferencedProperty=schema.tables[target].primary_id,
        )


def _operations(model: Element) -> None:
    answer = SubElement(model, "ComplexType", Name="WhoAmIResponse")
    for name in ("BusinessUnitId", "UserId", "OrganizationId"):
        SubElement(answer, "Property", Name=name, Type="Edm.Guid", Nullable="false")
    function = SubElement(model, "Function", Name="WhoAmI")
    SubElement(function, "ReturnType", Type=f"{ALIAS}.WhoAmIResponse", Nullable="false")
    for name, parameters in _ACTIONS.items():
        action = SubElement(model, "Action", Name=name)
        for parameter, kind in parameters.items():
            SubElement(action, "Parameter", Name=parameter, Type=kind)


def _entity_set(
    container: Element, schema: Schema, table: Table, annotations: bool
) -> None:
    entity_set = SubElement(
        container,
        "EntitySet",
        Name=table.entity_set,
        EntityType=f"{NAMESPACE}.{table.name}",
    )
    for relationship in table.navigations.values():
        if relationship.target != "owner":
            target = schema.tables[relationship.target].entity_set
            _binding(entity_set, relationship.navigation, target)
    for relationship in table.collections.values():
        source = schema.tables[relationship.table].entity_set
        _binding(entity_set, relationship.collection, source)
    if annotations and table.change_tracking:
        annotation = SubElement(
            entity_set, "Annotation", Term="Org.OData.Capabilities.V1.ChangeTracking"
        )
        record = SubElement(annotation, "Record")
        SubElement(record, "PropertyValue", Property="Supported", Bool="true")


def _binding(entity_set: Element, path: str, target: str) -> None:
    SubElement(entity_set, "NavigationPropertyBinding", Path=path, Target=target)
