"""Definitions: tables, columns, options, relationships, and the model as a document."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from environment import Api, error

CRM = "Microsoft.Dynamics.CRM"
ACCOUNT = "EntityDefinitions(LogicalName='account')"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


# -- documents -----------------------------------------------------------------------


def test_the_service_document_lists_the_sets(api):
    """name, kind and url of each.

    Learn: webapi/web-api-service-documents
    """
    entries = {entry["name"]: entry for entry in api.rows("")}
    account = {"name": "accounts", "kind": "EntitySet", "url": "accounts"}
    assert entries["accounts"] == account


@pytest.fixture(scope="module")
def model(api: Api) -> ElementTree.Element:
    answer = api.get("$metadata", headers={"Accept": "application/xml"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/xml")
    return ElementTree.fromstring(answer.content)


def test_the_model_has_one_namespace(model):
    """Microsoft.Dynamics.CRM, mscrm for short.

    Learn: webapi/web-api-service-documents
    """
    schema = next(model.iter(f"{EDM}Schema"))
    assert (schema.get("Namespace"), schema.get("Alias")) == (CRM, "mscrm")


def test_the_model_has_a_type_for_each_table(model):
    """account, derived from crmbaseentity, with its key.

    Learn: webapi/web-api-types-operations
    """
    types = {kind.get("Name"): kind for kind in model.iter(f"{EDM}EntityType")}
    account = types["account"]
    assert account.get("BaseType") == "mscrm.crmbaseentity"
    key = account.find(f"{EDM}Key/{EDM}PropertyRef")
    assert key.get("Name") == "accountid"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("accountid", "Edm.Guid"),
        ("name", "Edm.String"),
        ("numberofemployees", "Edm.Int32"),
        ("revenue", "Edm.Decimal"),
        ("donotemail", "Edm.Boolean"),
        ("createdon", "Edm.DateTimeOffset"),
        ("address1_latitude", "Edm.Double"),
        ("versionnumber", "Edm.Int64"),
        ("_ownerid_value", "Edm.Guid"),
    ],
)
def test_types_of_properties(model, name, kind):
    """Each type of column has its type in the model.

    Learn: webapi/web-api-types-operations
    """
    account = model.find(f".//{EDM}EntityType[@Name='account']")
    found = account.find(f"{EDM}Property[@Name='{name}']")
    assert found.get("Type") == kind


def test_lookups_are_navigation_properties(model):
    """With a referential constraint to the value.

    Learn: webapi/web-api-types-operations
    """
    account = model.find(f".//{EDM}EntityType[@Name='account']")
    lookup = account.find(f"{EDM}NavigationProperty[@Name='primarycontactid']")
    assert lookup.get("Type") == "mscrm.contact"
    constraint = lookup.find(f"{EDM}ReferentialConstraint")
    assert constraint.get("Property") == "_primarycontactid_value"


def test_annotations_come_on_request(api):
    """$metadata?annotations=true tells which tables track changes.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    answer = api.get("$metadata?annotations=true", headers={"Accept": "*/*"})
    assert "Org.OData.Capabilities.V1.ChangeTracking" in answer.text


# -- tables --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EntitySetName", "accounts"),
        ("PrimaryIdAttribute", "accountid"),
        ("PrimaryNameAttribute", "name"),
        ("ObjectTypeCode", 1),
        ("SchemaName", "Account"),
        ("LogicalCollectionName", "accounts"),
        ("OwnershipType", "UserOwned"),
        ("IsActivity", False),
        ("IsCustomEntity", False),
        ("IsOptimisticConcurrencyEnabled", True),
        ("ReportViewName", "FilteredAccount"),
        ("IsChildEntity", False),
        ("IsValidForAdvancedFind", True),
    ],
)
def test_a_table_definition(api, name, value):
    """Names, keys, codes and switches of account.

    Learn: webapi/query-metadata-web-api
    """
    assert api.retrieve(f"{ACCOUNT}?$select={name}")[name] == value


def test_a_definition_has_its_id(api):
    """MetadataId comes whatever is selected, and finds the table.

    Learn: webapi/query-metadata-web-api
    """
    row = api.retrieve(f"{ACCOUNT}?$select=LogicalName")
    again = api.retrieve(f"EntityDefinitions({row['MetadataId']})?$select=LogicalName")
    assert again["LogicalName"] == "account"


@pytest.mark.parametrize(
    "name",
    ["PrimaryImageAttribute", "IsCustomizable", "CanCreateAttributes", "HasNotes"],
)
def test_a_definition_has_more(api, name):
    """What clients select without needing it.

    Recorded: metadata export of a live organization
    """
    assert name in api.retrieve(f"{ACCOUNT}?$select={name}")


def test_many_to_many_relationships_have_a_cast(api):
    """RelationshipDefinitions/...ManyToManyRelationshipMetadata.

    Learn: webapi/query-metadata-web-api
    """
    cast = f"RelationshipDefinitions/{CRM}.ManyToManyRelationshipMetadata"
    for row in api.rows(f"{cast}?$select=SchemaName,RelationshipType"):
        assert row["RelationshipType"] == "ManyToManyRelationship"


def test_a_label_has_languages(api):
    """LocalizedLabels, and the caller's own.

    Learn: webapi/query-metadata-web-api
    """
    label = api.retrieve(f"{ACCOUNT}?$select=DisplayName")["DisplayName"]
    own = label["UserLocalizedLabel"]
    assert own["Label"] and own["LanguageCode"]
    assert own["Label"] in [entry["Label"] for entry in label["LocalizedLabels"]]


def test_a_managed_property(api):
    """Value, CanBeChanged, ManagedPropertyLogicalName.

    Learn: webapi/query-metadata-web-api
    """
    row = api.retrieve(f"{ACCOUNT}?$select=CanChangeTrackingBeEnabled")
    assert row["CanChangeTrackingBeEnabled"].keys() == {
        "Value",
        "CanBeChanged",
        "ManagedPropertyLogicalName",
    }


def test_tables_are_filtered(api):
    """$filter on definitions.

    Learn: webapi/query-metadata-web-api
    """
    condition = "LogicalName eq 'account' or LogicalName eq 'contact'"
    rows = api.rows(f"EntityDefinitions?$select=EntitySetName&$filter={condition}")
    assert {row["EntitySetName"] for row in rows} == {"accounts", "contacts"}


def test_an_unknown_table(api):
    """404.

    Learn: webapi/query-metadata-web-api
    """
    assert api.get("EntityDefinitions(LogicalName='nosuch')").status_code == 404


# -- columns -------------------------------------------------------------------------


def column(api: Api, name: str, table: str = "account", kind: str = "", **query: str):
    """The definition of a column, perhaps through a cast."""
    address = f"EntityDefinitions(LogicalName='{table}')/Attributes"
    cast = f"/{CRM}.{kind}AttributeMetadata" if kind else ""
    options = "&".join(f"${name}={value}" for name, value in query.items())
    return api.retrieve(f"{address}(LogicalName='{name}'){cast}?{options}")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("accountid", "Uniqueidentifier"),
        ("name", "String"),
        ("description", "Memo"),
        ("numberofemployees", "Integer"),
        ("revenue", "Money"),
        ("exchangerate", "Decimal"),
        ("address1_latitude", "Double"),
        ("donotemail", "Boolean"),
        ("createdon", "DateTime"),
        ("industrycode", "Picklist"),
        ("statecode", "State"),
        ("statuscode", "Status"),
        ("primarycontactid", "Lookup"),
        ("ownerid", "Owner"),
        ("versionnumber", "BigInt"),
    ],
)
def test_types_of_columns(api, name, kind):
    """AttributeType.

    Learn: entity-attribute-metadata
    """
    assert column(api, name, select="AttributeType")["AttributeType"] == kind


@pytest.mark.parametrize(
    ("kind", "name", "wanted", "value"),
    [
        ("String", "name", "MaxLength", 160),
        ("Memo", "description", "MaxLength", 2000),
        ("Integer", "numberofemployees", "MinValue", 0),
        ("Money", "revenue", "Precision", 2),
        ("DateTime", "createdon", "Format", "DateAndTime"),
        ("Lookup", "primarycontactid", "Targets", ["contact"]),
    ],
)
def test_a_cast_tells_more(api, kind, name, wanted, value):
    """What only a type of column has.

    Learn: webapi/query-metadata-web-api
    """
    assert column(api, name, kind=kind, select=wanted)[wanted] == value


def test_the_behavior_of_a_date(api):
    """DateTimeBehavior of contact.birthdate.

    Learn: behavior-format-date-time-attribute
    """
    row = column(api, "birthdate", "contact", "DateTime", select="DateTimeBehavior")
    assert row["DateTimeBehavior"]["Value"] == "DateOnly"


def test_options_come_with_expand(api):
    """$expand=OptionSet.

    Learn: webapi/query-metadata-web-api
    """
    row = column(
        api, "industrycode", kind="Picklist", select="LogicalName", expand="OptionSet"
    )
    options = {option["Value"] for option in row["OptionSet"]["Options"]}
    assert set(range(1, 34)) <= options


def test_a_status_knows_its_state(api):
    """State of each option of statuscode.

    Learn: webapi/query-metadata-web-api
    """
    row = column(
        api, "statuscode", kind="Status", select="LogicalName", expand="OptionSet"
    )
    states = {
        option["Value"]: option["State"] for option in row["OptionSet"]["Options"]
    }
    assert (states[1], states[2]) == (0, 1)


def test_a_state_knows_its_default_status(api):
    """DefaultStatus of each option of statecode.

    Learn: webapi/query-metadata-web-api
    """
    row = column(
        api, "statecode", kind="State", select="LogicalName", expand="OptionSet"
    )
    options = row["OptionSet"]["Options"]
    found = {option["Value"]: option["DefaultStatus"] for option in options}
    assert found[0] == 1 and found[1] == 2


def test_two_options_have_two_labels(api):
    """TrueOption and FalseOption.

    Learn: webapi/query-metadata-web-api
    """
    row = column(
        api, "donotemail", kind="Boolean", select="LogicalName", expand="OptionSet"
    )
    labels = [
        row["OptionSet"][name]["Label"]["UserLocalizedLabel"]["Label"]
        for name in ("FalseOption", "TrueOption")
    ]
    assert len(set(labels)) == 2 and all(labels)


def test_columns_are_filtered_by_type(api):
    """Enumerations have their type before the value.

    Learn: webapi/query-metadata-web-api
    """
    condition = f"AttributeType eq {CRM}.AttributeTypeCode'Money'"
    rows = api.rows(f"{ACCOUNT}/Attributes?$select=LogicalName&$filter={condition}")
    assert {"revenue", "creditlimit"} <= {row["LogicalName"] for row in rows}


def test_an_unknown_column(api):
    """404.

    Learn: webapi/query-metadata-web-api
    """
    answer = api.get(f"{ACCOUNT}/Attributes(LogicalName='nosuch')")
    assert answer.status_code == 404


def test_columns_come_with_their_table(api):
    """$expand=Attributes($select=...).

    Learn: webapi/query-metadata-web-api
    """
    expand = "Attributes($select=LogicalName,RequiredLevel,IsValidForCreate)"
    row = api.retrieve(f"{ACCOUNT}?$select=LogicalName&$expand={expand}")
    columns = {entry["LogicalName"]: entry for entry in row["Attributes"]}
    assert columns["name"]["RequiredLevel"]["Value"] == "ApplicationRequired"
    assert columns["createdon"]["IsValidForCreate"] is False


# -- relationships -------------------------------------------------------------------


def test_a_lookup_has_a_relationship(api):
    """The name that binds it.

    Learn: webapi/query-metadata-web-api
    """
    name = "ReferencingEntityNavigationPropertyName"
    rows = api.rows(
        f"{ACCOUNT}/ManyToOneRelationships?$select={name}"
        "&$filter=ReferencingAttribute eq 'primarycontactid'"
    )
    assert [row[name] for row in rows] == ["primarycontactid"]


def test_a_customer_has_a_relationship_for_each_table(api):
    """parentcustomerid_account and parentcustomerid_contact.

    Learn: webapi/multitable-lookups
    """
    name = "ReferencingEntityNavigationPropertyName"
    rows = api.rows(
        "EntityDefinitions(LogicalName='contact')/ManyToOneRelationships?$select="
        f"{name}&$filter=ReferencingAttribute eq 'parentcustomerid'"
    )
    names = {row[name] for row in rows}
    assert {"parentcustomerid_account", "parentcustomerid_contact"} <= names


def test_the_other_side_of_a_relationship(api):
    """OneToManyRelationships of account.

    Learn: webapi/query-metadata-web-api
    """
    rows = api.rows(f"{ACCOUNT}/OneToManyRelationships?$select=SchemaName")
    assert "contact_customer_accounts" in {row["SchemaName"] for row in rows}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ReferencedEntity", "account"),
        ("ReferencingEntity", "contact"),
        ("ReferencingAttribute", "parentcustomerid"),
        ("ReferencedEntityNavigationPropertyName", "contact_customer_accounts"),
    ],
)
def test_a_relationship_by_name(api, name, value):
    """RelationshipDefinitions(SchemaName='...') with a cast.

    Learn: webapi/query-metadata-web-api
    """
    address = "RelationshipDefinitions(SchemaName='contact_customer_accounts')"
    row = api.retrieve(f"{address}/{CRM}.OneToManyRelationshipMetadata?$select={name}")
    assert row[name] == value


def test_a_relationship_cascades(api):
    """CascadeConfiguration: what happens on delete, assign, merge...

    Learn: configure-entity-relationship-cascading-behavior
    """
    row = api.retrieve(
        "RelationshipDefinitions(SchemaName='account_primary_contact')/"
        f"{CRM}.OneToManyRelationshipMetadata?$select=CascadeConfiguration"
    )
    assert {"Assign", "Delete", "Merge", "Reparent", "Share", "Unshare"} <= (
        row["CascadeConfiguration"].keys()
    )


def test_global_choices(api):
    """GlobalOptionSetDefinitions(Name='...').

    Learn: webapi/query-metadata-web-api
    """
    row = api.retrieve("GlobalOptionSetDefinitions(Name='purchasetimeframe')")
    assert row["IsGlobal"] is True
    assert row["Options"][0]["Label"]["UserLocalizedLabel"]["Label"]


# -- RetrieveMetadataChanges ---------------------------------------------------------


def changes(api: Api, query: dict):
    parameters = {"@p1": json.dumps(query)}
    return api.get("RetrieveMetadataChanges(Query=@p1)", params=parameters)


def only(name: str) -> dict:
    """The criteria for one table or column."""
    value = {"Type": "System.String", "Value": name}
    condition = {
        "PropertyName": "LogicalName",
        "ConditionOperator": "Equals",
        "Value": value,
    }
    return {"FilterOperator": "And", "Conditions": [condition]}


def test_definitions_in_one_call(api):
    """EntityMetadata with what was asked for, and a stamp.

    Learn: cache-schema-data
    """
    query = {
        "Criteria": only("account"),
        "Properties": {"PropertyNames": ["EntitySetName", "Attributes"]},
        "AttributeQuery": {
            "Criteria": only("name"),
            "Properties": {"PropertyNames": ["MaxLength"]},
        },
    }
    body = changes(api, query).json()
    (table,) = body["EntityMetadata"]
    assert table["EntitySetName"] == "accounts"
    (attribute,) = table["Attributes"]
    assert attribute["MaxLength"] == 160
    assert body["ServerVersionStamp"]


def test_the_stamp_can_be_sent_back(api):
    """ClientVersionStamp: an answer, with a stamp again.

    Learn: cache-schema-data
    """
    query = {
        "Criteria": only("account"),
        "Properties": {"PropertyNames": ["EntitySetName"]},
    }
    stamp = changes(api, query).json()["ServerVersionStamp"]
    parameters = {"@p1": json.dumps(query), "@p2": f"'{stamp}'"}
    address = "RetrieveMetadataChanges(Query=@p1,ClientVersionStamp=@p2)"
    assert api.retrieve(address, params=parameters)["ServerVersionStamp"]


def test_a_wrong_metadata_query(api):
    """Unknown properties are refused.

    Learn: cache-schema-data
    """
    query = {"Criteria": {"Conditions": [{"PropertyName": "NoSuch"}]}}
    assert 400 <= changes(api, query).status_code < 500


# -- the organization ----------------------------------------------------------------


def test_the_current_organization(environment, api):
    """RetrieveCurrentOrganization: ids, version, tenant, addresses.

    Learn: webapi/web-api-functions-actions-sample
    """
    access = f"{CRM}.EndpointAccessType'Default'"
    detail = api.retrieve(f"RetrieveCurrentOrganization(AccessType={access})")["Detail"]
    assert detail["OrganizationId"] == api.retrieve("WhoAmI")["OrganizationId"]
    assert detail["TenantId"] == environment.tenant
    assert detail["OrganizationVersion"].startswith("9.")
    endpoints = detail["Endpoints"]
    services = {"WebApplication", "OrganizationService", "OrganizationDataService"}
    assert services <= set(endpoints["Keys"])
    assert len(endpoints["Values"]) == len(endpoints["Keys"]) == endpoints["Count"]


def test_the_version(api):
    """RetrieveVersion: that of the current organization.

    Learn: webapi/use-web-api-functions
    """
    access = f"{CRM}.EndpointAccessType'Default'"
    detail = api.retrieve(f"RetrieveCurrentOrganization(AccessType={access})")["Detail"]
    assert api.retrieve("RetrieveVersion")["Version"] == detail["OrganizationVersion"]


@pytest.mark.parametrize(
    ("function", "result"),
    [
        ("RetrieveProvisionedLanguages", "RetrieveProvisionedLanguages"),
        ("RetrieveAvailableLanguages", "LocaleIds"),
    ],
)
def test_languages(api, function, result):
    """The organization's own is among them.

    Learn: webapi/reference/about
    """
    (row,) = api.rows("organizations?$select=languagecode")
    assert row["languagecode"] in api.retrieve(f"{function}()")[result]


def test_the_organization_is_a_row(api):
    """organizations has exactly one.

    Learn: webapi/reference/about
    """
    (row,) = api.rows("organizations?$select=name,languagecode")
    assert row["organizationid"] == api.retrieve("WhoAmI")["OrganizationId"]
    assert row["languagecode"] > 1000


def test_metadata_is_not_paged(api):
    """All definitions in one answer, whatever page size is preferred.

    Learn: webapi/query-metadata-web-api
    """
    prefer = "odata.maxpagesize=1"
    body = api.retrieve("EntityDefinitions?$select=LogicalName", prefer=prefer)
    assert len(body["value"]) > 10 and "@odata.nextLink" not in body


def test_an_unknown_property_of_a_definition(api):
    """0x80060888 or a sibling: 400.

    Learn: webapi/query-metadata-web-api
    """
    assert error(api.get(f"{ACCOUNT}?$select=NoSuch"))[0] == 400
