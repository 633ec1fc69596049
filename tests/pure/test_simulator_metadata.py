"""Metadata in the simulator: ``EntityDefinitions`` and what hangs below it.

Source: "Query table definitions using the Web API"; a live organization's export.
"""

from __future__ import annotations

import pytest
from simulator_process import error

pytest_plugins = ["simulator_fixture"]

ACCOUNT = "EntityDefinitions(LogicalName='account')"


def test_service_document(api):
    """The entity sets, each with name, kind and url."""
    entries = api.get("").json()["value"]
    assert {"name": "accounts", "kind": "EntitySet", "url": "accounts"} in entries


def test_who_am_i_has_both_spellings(api):
    """WhoAmI and WhoAmI()."""
    plain, called = api.get("WhoAmI").json(), api.get("WhoAmI()").json()
    assert plain == called
    assert set(plain) == {
        "@odata.context",
        "BusinessUnitId",
        "UserId",
        "OrganizationId",
    }


def test_current_organization(simulator, api):
    """RetrieveCurrentOrganization."""
    call = "RetrieveCurrentOrganization(AccessType=@a)?@a=" + (
        "Microsoft.Dynamics.CRM.EndpointAccessType'Default'"
    )
    detail = api.get(call).json()["Detail"]
    assert detail["OrganizationId"] == simulator.ready["organization_id"]
    assert detail["TenantId"] == simulator.ready["tenant"]


def test_what_a_client_asks_on_connect(api):
    """Organization settings and apps for deep links."""
    (organization,) = api.get(
        "organizations?$select=name,_basecurrencyid_value,languagecode,"
        "expirechangetrackingindays"
    ).json()["value"]
    assert organization["expirechangetrackingindays"] == 7
    (app,) = api.get("appmodules?$select=appmoduleid,uniquename,name").json()["value"]
    assert app["uniquename"] == "msdynce_saleshub"


def test_entity_definitions_by_condition(api):
    """$select, $filter; MetadataId always comes along."""
    select = "EntityDefinitions?$select=LogicalName&$filter="
    tracked = api.get(select + "ChangeTrackingEnabled eq true").json()["value"]
    assert {"account", "contact"} <= {entry["LogicalName"] for entry in tracked}
    assert "appmodule" not in {entry["LogicalName"] for entry in tracked}
    (one,) = api.get(select + "LogicalName eq 'contact'").json()["value"]
    assert set(one) == {"MetadataId", "LogicalName"}
    by_id = api.get(f"EntityDefinitions({one['MetadataId']})?$select=LogicalName")
    assert by_id.json()["LogicalName"] == "contact"


def test_one_definition(simulator, api):
    """Sets, keys, codes and switches of a table."""
    simulator.control("PUT", "tables/account", {"change_tracking": False})
    entity = api.get(ACCOUNT).json()
    assert entity["EntitySetName"] == "accounts"
    assert entity["PrimaryIdAttribute"] == "accountid"
    assert entity["PrimaryNameAttribute"] == "name"
    assert entity["ObjectTypeCode"] == 1
    assert entity["ChangeTrackingEnabled"] is False
    assert entity["IsOptimisticConcurrencyEnabled"] is True
    assert entity["CanChangeTrackingBeEnabled"]["Value"] is True
    assert entity["DisplayName"]["UserLocalizedLabel"]["Label"] == "Account"
    assert "Attributes" not in entity


def test_expanded_definitions(api):
    """$expand of Attributes, ManyToOneRelationships and Keys, each with $select."""
    entity = api.get(
        f"{ACCOUNT}?$select=LogicalName&$expand="
        "Attributes($select=LogicalName,AttributeType,IsValidForCreate,RequiredLevel),"
        "ManyToOneRelationships($select=ReferencingAttribute,ReferencedEntity,"
        "ReferencingEntityNavigationPropertyName),Keys($select=KeyAttributes)"
    ).json()
    columns = {entry["LogicalName"]: entry for entry in entity["Attributes"]}
    assert columns["name"]["RequiredLevel"]["Value"] == "ApplicationRequired"
    assert set(columns["name"]["RequiredLevel"]) == {
        "Value",
        "CanBeChanged",
        "ManagedPropertyLogicalName",
    }
    assert columns["statecode"]["AttributeType"] == "State"
    assert columns["statecode"]["IsValidForCreate"] is False
    assert columns["primarycontactid"]["@odata.type"] == (
        "#Microsoft.Dynamics.CRM.LookupAttributeMetadata"
    )
    navigations = {
        (entry["ReferencingAttribute"], entry["ReferencedEntity"]): entry[
            "ReferencingEntityNavigationPropertyName"
        ]
        for entry in entity["ManyToOneRelationships"]
    }
    assert navigations["primarycontactid", "contact"] == "primarycontactid"
    assert navigations["new_accountmanagerid", "systemuser"] == "new_AccountManagerId"
    assert navigations["ownerid", "owner"] == "ownerid"
    assert entity["Keys"] == []


def test_cascade_configuration(api):
    """Metadata export: deleting an account deletes its contacts."""
    relationships = api.get(
        "EntityDefinitions(LogicalName='contact')/ManyToOneRelationships"
        "?$filter=SchemaName eq 'contact_customer_accounts'"
    ).json()["value"]
    (relationship,) = relationships
    assert relationship["CascadeConfiguration"]["Delete"] == "Cascade"
    assert relationship["ReferencedEntityNavigationPropertyName"] == (
        "contact_customer_accounts"
    )
    assert relationship["ReferencingEntityNavigationPropertyName"] == (
        "parentcustomerid_account"
    )


def test_attributes_of_a_table(api):
    """/Attributes with $filter on an enum literal."""
    select = f"{ACCOUNT}/Attributes?$select=LogicalName&$filter=AttributeType eq "
    enum = "Microsoft.Dynamics.CRM.AttributeTypeCode'Money'"
    money = {entry["LogicalName"] for entry in api.get(select + enum).json()["value"]}
    amounts = {"revenue", "creditlimit", "marketcap"}
    assert money == amounts | {f"{name}_base" for name in amounts}
    one = api.get(f"{ACCOUNT}/Attributes(LogicalName='name')?$select=SchemaName").json()
    assert one["SchemaName"] == "Name"


@pytest.mark.parametrize(
    ("table", "kind", "select", "column", "expected"),
    [
        ("account", "String", "MaxLength", "name", 160),
        ("account", "Memo", "MaxLength", "description", 2000),
        ("account", "Integer", "MaxValue", "numberofemployees", 1_000_000_000),
        ("account", "Money", "Precision", "revenue", 2),
        ("account", "Double", "MinValue", "address1_latitude", -90),
        ("account", "Decimal", "Precision", "exchangerate", 12),
        ("account", "Lookup", "Targets", "primarycontactid", ["contact"]),
        ("contact", "Lookup", "Targets", "parentcustomerid", ["account", "contact"]),
        ("contact", "DateTime", "DateTimeBehavior", "birthdate", {"Value": "DateOnly"}),
        ("contact", "DateTime", "Format", "createdon", "DateAndTime"),
        ("account", "Boolean", "DefaultValue", "donotemail", False),
        ("account", "Picklist", "DefaultFormValue", "industrycode", -1),
    ],
)
def test_casts_give_what_a_kind_has(api, table, kind, select, column, expected):
    """/Attributes/Microsoft.Dynamics.CRM.<kind>AttributeMetadata."""
    found = api.get(
        f"EntityDefinitions(LogicalName='{table}')/Attributes/"
        f"Microsoft.Dynamics.CRM.{kind}AttributeMetadata?$select=LogicalName,{select}"
    ).json()["value"]
    values = {entry["LogicalName"]: entry[select] for entry in found}
    assert values[column] == expected


def test_without_a_cast_special_properties_cannot_be_selected(api):
    """Only what AttributeMetadata has."""
    answer = api.get(f"{ACCOUNT}/Attributes?$select=LogicalName,MaxLength")
    assert error(answer) == (400, "0x80060888")


@pytest.mark.parametrize(
    ("kind", "column", "values"),
    [
        ("Picklist", "paymenttermscode", {1, 2, 3, 4}),
        ("MultiSelectPicklist", "new_interests", set(range(100000000, 100000004))),
        ("State", "statecode", {0, 1}),
        ("Status", "statuscode", {1, 2}),
    ],
)
def test_option_sets_come_with_expand(api, kind, column, values):
    """$expand=OptionSet($select=Options); labels in the label shape."""
    cast = f"{ACCOUNT}/Attributes/Microsoft.Dynamics.CRM.{kind}AttributeMetadata"
    query = "?$select=LogicalName&$expand=OptionSet($select=Options)"
    entries = {e["LogicalName"]: e for e in api.get(cast + query).json()["value"]}
    options = entries[column]["OptionSet"]["Options"]
    assert {option["Value"] for option in options} == values
    label = options[0]["Label"]["UserLocalizedLabel"]
    assert label["LanguageCode"] == 1033 and label["Label"]
    assert "OptionSet" not in api.get(cast).json()["value"][0]


def test_state_and_status_know_each_other(api):
    """DefaultStatus of a state, State of a status."""
    cast = f"{ACCOUNT}/Attributes/Microsoft.Dynamics.CRM.{{}}AttributeMetadata"
    query = "?$select=LogicalName&$expand=OptionSet"
    (state,) = api.get(cast.format("State") + query).json()["value"]
    (status,) = api.get(cast.format("Status") + query).json()["value"]
    assert {o["Value"]: o["DefaultStatus"] for o in state["OptionSet"]["Options"]} == {
        0: 1,
        1: 2,
    }
    assert {o["Value"]: o["State"] for o in status["OptionSet"]["Options"]} == {
        1: 0,
        2: 1,
    }


def test_boolean_options(api):
    """TrueOption and FalseOption."""
    (column,) = api.get(
        f"{ACCOUNT}/Attributes/Microsoft.Dynamics.CRM.BooleanAttributeMetadata"
        "?$select=LogicalName&$filter=LogicalName eq 'creditonhold'&$expand=OptionSet"
    ).json()["value"]
    assert column["OptionSet"]["TrueOption"]["Value"] == 1
    assert column["OptionSet"]["FalseOption"]["Value"] == 0


def test_alternate_keys_can_be_defined_and_read(api):
    """Define alternate keys; EntityKeyIndexStatus."""
    definition = {"SchemaName": "new_Number", "KeyAttributes": ["accountnumber"]}
    assert api.post(f"{ACCOUNT}/Keys", json=definition).status_code == 204
    (key,) = api.get(f"{ACCOUNT}/Keys").json()["value"]
    assert key["KeyAttributes"] == ["accountnumber"]
    assert key["EntityKeyIndexStatus"] == "Active"


@pytest.mark.parametrize(
    "path",
    [
        "EntityDefinitions(LogicalName='nosuch')",
        f"{ACCOUNT}/Attributes(LogicalName='nosuch')",
        f"{ACCOUNT}/NoSuchCollection",
    ],
)
def test_unknown_definitions(api, path):
    """404."""
    assert api.get(path).status_code == 404
