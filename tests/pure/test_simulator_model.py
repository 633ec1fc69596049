"""The model as a whole: ``$metadata``, shared option sets, relationships, changes.

Sources: "OData Version 4.0 Part 3: CSDL" (sections in the docstrings), "Query table
definitions using the Web API", "Query schema definitions".
"""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from simulator_process import create, error

pytest_plugins = ["simulator_fixture"]

EDMX = "{http://docs.oasis-open.org/odata/ns/edmx}"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
CRM = "Microsoft.Dynamics.CRM."
# What may stand in what, and which attributes it must and may have (CSDL 4.0).
ALLOWED = {
    EDMX + "Edmx": ({EDMX + "Reference", EDMX + "DataServices"}, {"Version"}, set()),
    EDMX + "Reference": ({EDMX + "Include"}, {"Uri"}, set()),
    EDMX + "Include": (set(), {"Namespace"}, {"Alias"}),
    EDMX + "DataServices": ({EDM + "Schema"}, set(), set()),
    EDM + "Schema": (
        {EDM + n for n in ("EntityType", "ComplexType", "Action", "Function")}
        | {EDM + "EntityContainer"},
        {"Namespace"},
        {"Alias"},
    ),
    EDM + "EntityType": (
        {EDM + n for n in ("Key", "Property", "NavigationProperty")},
        {"Name"},
        {"BaseType", "Abstract"},
    ),
    EDM + "ComplexType": ({EDM + "Property"}, {"Name"}, set()),
    EDM + "Key": ({EDM + "PropertyRef"}, set(), set()),
    EDM + "PropertyRef": (set(), {"Name"}, set()),
    EDM + "Property": (
        {EDM + "Annotation"},
        {"Name", "Type"},
        {"Nullable", "Scale", "Unicode"},
    ),
    EDM + "NavigationProperty": (
        {EDM + "ReferentialConstraint"},
        {"Name", "Type"},
        {"Nullable", "Partner"},
    ),
    EDM + "ReferentialConstraint": (set(), {"Property", "ReferencedProperty"}, set()),
    EDM + "Action": ({EDM + "Parameter"}, {"Name"}, set()),
    EDM + "Function": ({EDM + "ReturnType"}, {"Name"}, set()),
    EDM + "Parameter": (set(), {"Name", "Type"}, set()),
    EDM + "ReturnType": (set(), {"Type"}, {"Nullable"}),
    EDM + "EntityContainer": (
        {EDM + n for n in ("EntitySet", "FunctionImport", "ActionImport")},
        {"Name"},
        set(),
    ),
    EDM + "EntitySet": (
        {EDM + "NavigationPropertyBinding", EDM + "Annotation"},
        {"Name", "EntityType"},
        set(),
    ),
    EDM + "NavigationPropertyBinding": (set(), {"Path", "Target"}, set()),
    EDM + "FunctionImport": (set(), {"Name", "Function"}, set()),
    EDM + "ActionImport": (set(), {"Name", "Action"}, set()),
    EDM + "Annotation": ({EDM + "Record"}, {"Term"}, {"Bool"}),
    EDM + "Record": ({EDM + "PropertyValue"}, set(), set()),
    EDM + "PropertyValue": (set(), {"Property", "Bool"}, set()),
}
PRIMITIVES = set(
    "Edm.String Edm.Guid Edm.Int32 Edm.Int64 Edm.Boolean Edm.Decimal Edm.Double "
    "Edm.Date Edm.DateTimeOffset Edm.Binary".split()
)


class Model:
    """A CSDL document, read without mercy."""

    def __init__(self, text: bytes) -> None:
        self.root = ElementTree.fromstring(text)
        (schema,) = self.root.iter(EDM + "Schema")
        self.alias, self.namespace = schema.get("Alias"), schema.get("Namespace")
        self.types = {e.get("Name"): e for e in schema.findall(EDM + "EntityType")}
        self.others = {e.get("Name"): e for e in schema if e.tag != EDM + "EntityType"}
        (container,) = schema.findall(EDM + "EntityContainer")
        self.sets = {e.get("Name"): e for e in container.findall(EDM + "EntitySet")}
        self.container = container

    def type_name(self, text: str) -> str:
        """The unqualified name of one of the model's types."""
        inner = re.sub(r"^Collection\((.*)\)$", r"\1", text)
        prefix, _, name = inner.rpartition(".")
        assert prefix in (self.alias, self.namespace), text
        return name

    def ancestors(self, name: str) -> list[str]:
        """``name`` and its base types; fails on a circle."""
        found = []
        while name:
            assert name not in found
            found.append(name)
            base = self.types[name].get("BaseType")
            name = self.type_name(base) if base else ""
        return found

    def members(self, name: str, kind: str) -> dict[str, ElementTree.Element]:
        return {
            e.get("Name"): e
            for parent in self.ancestors(name)
            for e in self.types[parent].findall(EDM + kind)
        }


@pytest.fixture(params=["$metadata", "$metadata?annotations=true"])
def model(request, api):
    answer = api.get(request.param)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/xml"
    return Model(answer.content)


def test_only_known_elements_and_attributes(model):
    """CSDL: element and attribute names, their places, what is required."""
    assert model.root.tag == EDMX + "Edmx"
    assert model.root.get("Version") == "4.0"
    for element in model.root.iter():
        children, required, optional = ALLOWED[element.tag]
        assert {child.tag for child in element} <= children
        assert required <= set(element.keys()) <= required | optional


def test_names_are_identifiers_and_unique(model):
    """CSDL 17.2 SimpleIdentifier; 6.1.1 and 7.1.1: one member of a name in a type."""
    for element in model.root.iter():
        name = element.get("Name")
        assert name is None or re.fullmatch(r"[A-Za-z_]\w{0,127}", name)
    assert not model.types.keys() & model.others.keys()
    for name in model.types:
        named = [
            e.get("Name")
            for parent in model.ancestors(name)
            for e in model.types[parent]
            if e.get("Name")
        ]
        assert len(named) == len(set(named)), name
    imports = [e.get("Name") for e in model.container]
    assert len(imports) == len(set(imports))


def test_every_type_exists(model):
    """CSDL 4.1: nominal types are declared."""
    for prop in model.root.iter(EDM + "Property"):
        assert prop.get("Type") in PRIMITIVES
        assert (prop.get("Type") == "Edm.Decimal") == (prop.get("Scale") is not None)
    for element in model.root.iter(EDM + "NavigationProperty"):
        assert model.type_name(element.get("Type")) in model.types
    for element in model.root.iter(EDM + "Parameter"):
        kind = element.get("Type")
        assert kind in PRIMITIVES or model.type_name(kind) in model.types
    for element in model.root.iter(EDM + "ReturnType"):
        assert model.type_name(element.get("Type")) in model.others


def test_every_concrete_type_has_one_key(model):
    """CSDL 8.2: a key of non-nullable primitive properties, not declared twice."""
    for name in model.types:
        keys = [
            key
            for parent in model.ancestors(name)
            for key in model.types[parent].findall(EDM + "Key")
        ]
        wanted = 0 if name == "crmbaseentity" else 1
        assert len(keys) == wanted, name
        for reference in (ref for key in keys for ref in key):
            prop = model.members(name, "Property")[reference.get("Name")]
            assert prop.get("Nullable") == "false"


def test_partners_point_at_each_other(model):
    """CSDL 7.1.4: the partner leads back to this type, and names this property."""
    seen = 0
    for name in model.types:
        for navigation in model.types[name].findall(EDM + "NavigationProperty"):
            partner_name = navigation.get("Partner")
            if not partner_name:
                continue
            target = model.type_name(navigation.get("Type"))
            partner = model.members(target, "NavigationProperty")[partner_name]
            assert model.type_name(partner.get("Type")) in model.ancestors(name)
            assert partner.get("Partner") == navigation.get("Name")
            seen += 1
    assert seen > 400


def test_collections_are_not_nullable(model):
    """CSDL 7.1.3: no Nullable attribute on a collection."""
    for navigation in model.root.iter(EDM + "NavigationProperty"):
        collection = navigation.get("Type").startswith("Collection(")
        assert collection == (navigation.get("Nullable") is None)


def test_constraints_compare_equal_types(model):
    """CSDL 7.2: dependent and principal property have the same type."""
    for name in model.types:
        for navigation in model.types[name].findall(EDM + "NavigationProperty"):
            target = model.type_name(navigation.get("Type"))
            for constraint in navigation.findall(EDM + "ReferentialConstraint"):
                mine = model.members(name, "Property")[constraint.get("Property")]
                theirs = model.members(target, "Property")[
                    constraint.get("ReferencedProperty")
                ]
                assert mine.get("Type") == theirs.get("Type")


def test_bindings_lead_to_sets_of_the_right_type(model):
    """CSDL 13.4: the path is a navigation property, the target a set of its type."""
    for entity_set in model.sets.values():
        name = model.type_name(entity_set.get("EntityType"))
        assert not model.types[name].get("Abstract")
        navigations = model.members(name, "NavigationProperty")
        for binding in entity_set.findall(EDM + "NavigationPropertyBinding"):
            target = model.sets[binding.get("Target")]
            kind = model.type_name(navigations[binding.get("Path")].get("Type"))
            assert model.type_name(target.get("EntityType")) == kind


def test_imports_name_operations(model):
    """CSDL 13.5, 13.6."""
    for element in model.container:
        operation = element.get("Action") or element.get("Function")
        if operation:
            tag = "Action" if element.get("Action") else "Function"
            assert model.others[model.type_name(operation)].tag == EDM + tag


def test_the_model_and_the_service_document_agree(api, model):
    """The service document lists the entity sets."""
    listed = {entry["name"] for entry in api.get("").json()["value"]}
    assert listed == set(model.sets)


def test_the_model_and_the_rows_agree(api, model):
    """A row has the properties that its type declares."""
    create(api, "accounts", name="A")
    (row,) = api.get("accounts").json()["value"]
    assert {n for n in row if "@" not in n} == set(model.members("account", "Property"))


def test_a_lookup_is_a_navigation_property(model):
    """Case counts: what metadata calls it is what binds it."""
    navigations = model.members("account", "NavigationProperty")
    assert navigations["new_AccountManagerId"].get("Type") == "mscrm.systemuser"
    assert navigations["primarycontactid"].get("Partner") == "account_primary_contact"
    assert navigations["ownerid"].get("Type") == "mscrm.principal"
    assert "principal" in model.ancestors("team")


def test_annotations_tell_which_tables_track_changes(api):
    """$metadata?annotations=true: Org.OData.Capabilities.V1.ChangeTracking."""
    model = Model(api.get("$metadata?annotations=true").content)
    tracked = {
        name
        for name, entity_set in model.sets.items()
        if entity_set.find(EDM + "Annotation") is not None
    }
    assert "accounts" in tracked and "appmodules" not in tracked
    plain = Model(api.get("$metadata").content)
    assert not list(plain.root.iter(EDM + "Annotation"))


# -- option sets and relationships ---------------------------------------------------


def test_global_option_sets(api):
    """GlobalOptionSetDefinitions: by name, by id, options only with a cast."""
    all_of_them = api.get("GlobalOptionSetDefinitions").json()["value"]
    names = {entry["Name"] for entry in all_of_them}
    assert {"purchasetimeframe", "budgetstatus"} <= names
    one = api.get("GlobalOptionSetDefinitions(Name='purchasetimeframe')").json()
    assert one["IsGlobal"] is True
    assert [option["Value"] for option in one["Options"]] == [0, 1, 2, 3, 4]
    address = f"GlobalOptionSetDefinitions({one['MetadataId']})"
    assert api.get(address).json()["Name"] == "purchasetimeframe"
    assert error(api.get(address + "?$select=Options")) == (400, "0x80060888")
    cast = api.get(f"{address}/{CRM}OptionSetMetadata?$select=Options").json()
    assert len(cast["Options"]) == 5


def test_a_column_says_which_global_option_set_it_has(api):
    """$expand=GlobalOptionSet: the same definition for each column, null for others."""
    sets = []
    for table in ("lead", "opportunity"):
        columns = api.get(
            f"EntityDefinitions(LogicalName='{table}')/Attributes/"
            f"{CRM}PicklistAttributeMetadata?$select=LogicalName"
            "&$expand=GlobalOptionSet($select=Name),OptionSet($select=Name,IsGlobal)"
        ).json()["value"]
        by_name = {column["LogicalName"]: column for column in columns}
        sets.append(by_name["purchasetimeframe"])
    assert sets[0]["GlobalOptionSet"] == sets[1]["GlobalOptionSet"]
    assert sets[0]["GlobalOptionSet"]["Name"] == "purchasetimeframe"
    assert sets[0]["OptionSet"]["IsGlobal"] is True
    assert by_name["salesstage"]["GlobalOptionSet"] is None


def test_relationship_definitions(api):
    """RelationshipDefinitions: base properties, and more with a cast."""
    every = api.get("RelationshipDefinitions?$select=SchemaName").json()["value"]
    assert "contact_customer_accounts" in {entry["SchemaName"] for entry in every}
    address = "RelationshipDefinitions(SchemaName='contact_customer_accounts')"
    one = api.get(address).json()
    assert one["@odata.type"] == f"#{CRM}OneToManyRelationshipMetadata"
    assert one["ReferencedEntity"] == "account"
    assert error(api.get(address + "?$select=ReferencedEntity")) == (400, "0x80060888")
    cast = api.get(
        f"RelationshipDefinitions/{CRM}OneToManyRelationshipMetadata"
        "?$select=ReferencingAttribute&$filter=ReferencedEntity eq 'quote'"
    ).json()["value"]
    assert "quoteid" in {entry["ReferencingAttribute"] for entry in cast}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("GlobalOptionSetDefinitions(Name='nosuch')", 404),
        ("RelationshipDefinitions(SchemaName='nosuch')", 404),
        ("RelationshipDefinitions/Microsoft.Dynamics.CRM.NoSuch", 404),
    ],
)
def test_unknown_definitions(api, path, status):
    """404."""
    assert api.get(path).status_code == status


# -- RetrieveMetadataChanges ---------------------------------------------------------


def changes(api, query):
    return api.get(
        "RetrieveMetadataChanges(Query=@p1)", params={"@p1": json.dumps(query)}
    )


def condition(name, operator, value, kind="System.String"):
    return {
        "PropertyName": name,
        "ConditionOperator": operator,
        "Value": {"Type": kind, "Value": value},
    }


def only(*conditions, operator="And"):
    return {"FilterOperator": operator, "Conditions": list(conditions)}


def test_metadata_of_one_table_in_one_call(api):
    """EntityQueryExpression with an AttributeQuery; typed attributes, a stamp."""
    answer = changes(
        api,
        {
            "Properties": {"PropertyNames": ["EntitySetName", "Attributes"]},
            "Criteria": only(condition("LogicalName", "Equals", "account")),
            "AttributeQuery": {
                "Properties": {"PropertyNames": ["OptionSet", "MaxLength"]},
                "Criteria": only(
                    condition("LogicalName", "Equals", "name"),
                    condition("LogicalName", "Equals", "industrycode"),
                    operator="Or",
                ),
            },
        },
    ).json()
    assert answer["ServerVersionStamp"]
    (entity,) = answer["EntityMetadata"]
    assert entity["EntitySetName"] == "accounts"
    assert entity.keys() == {
        "MetadataId",
        "LogicalName",
        "HasChanged",
        "EntitySetName",
        "Attributes",
    }
    columns = {column["LogicalName"]: column for column in entity["Attributes"]}
    assert columns.keys() == {"name", "industrycode"}
    assert columns["name"]["MaxLength"] == 160
    assert columns["name"]["@odata.type"] == f"#{CRM}StringAttributeMetadata"
    assert len(columns["industrycode"]["OptionSet"]["Options"]) == 33


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (condition("LogicalName", "In", "['account','lead']", "System.String[]"), 2),
        (condition("ChangeTrackingEnabled", "Equals", "true", "System.Boolean"), None),
        (condition("ObjectTypeCode", "Equals", 1, "System.Int32"), 1),
        (condition("LogicalName", "NotEquals", "account"), None),
    ],
)
def test_conditions_of_a_metadata_query(api, criteria, expected):
    """MetadataConditionOperator: Equals, NotEquals, In, NotIn."""
    query = {"Criteria": only(criteria), "Properties": {"PropertyNames": []}}
    found = changes(api, query).json()["EntityMetadata"]
    total = len(api.get("EntityDefinitions?$select=LogicalName").json()["value"])
    assert len(found) == expected if expected else 1 < len(found) < total
    assert found[0].keys() == {"MetadataId", "LogicalName", "HasChanged"}


def test_relationships_and_keys_of_a_metadata_query(api):
    """RelationshipQuery, KeyQuery; AllProperties."""
    query = {
        "Criteria": only(condition("LogicalName", "Equals", "contact")),
        "Properties": {"AllProperties": True},
        "RelationshipQuery": {
            "Properties": {"AllProperties": True},
            "Criteria": only(condition("ReferencedEntity", "Equals", "account")),
        },
    }
    (entity,) = changes(api, query).json()["EntityMetadata"]
    assert entity["DisplayName"]["UserLocalizedLabel"]["Label"] == "Contact"
    referenced = {r["ReferencedEntity"] for r in entity["ManyToOneRelationships"]}
    assert referenced == {"account"}
    assert entity["Keys"] == []


NESTED_FILTER: dict = {}
for _ in range(100):
    NESTED_FILTER = {"Filters": [NESTED_FILTER]}


@pytest.mark.parametrize(
    "query",
    [
        [],
        {"Properties": {"PropertyNames": "LogicalName"}},
        {"Criteria": only(condition("NoSuch", "Equals", "a"))},
        {"Criteria": only(condition("LogicalName", "Like", "a"))},
        {"Criteria": only(condition(["LogicalName"], "Equals", "a"))},
        {"Criteria": {"Conditions": 1}},
        {"Criteria": {"Filters": [NESTED_FILTER]}},
        {"Properties": {"AllProperties": True}, "AttributeQuery": "a"},
    ],
)
def test_a_metadata_query_is_checked(api, query):
    """400, never a guess."""
    assert error(changes(api, query)) == (400, "0x80060888")


def test_a_metadata_query_is_required(api):
    """The parameter Query."""
    assert error(api.get("RetrieveMetadataChanges")) == (400, "0x80060888")
