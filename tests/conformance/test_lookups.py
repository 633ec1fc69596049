"""Lookups: bind, clear, many tables, references; what deleting does to them."""

from __future__ import annotations

import pytest
from environment import Api, Rows, bind, error


@pytest.fixture
def account(rows: Rows) -> str:
    return rows.add("accounts")


@pytest.fixture
def contact(rows: Rows) -> str:
    return rows.add("contacts")


def primary(api: Api, account: str) -> str | None:
    return api.retrieve(f"accounts({account})")["_primarycontactid_value"]


# -- bind and clear ------------------------------------------------------------------


@pytest.mark.parametrize(
    "form", ["/contacts({})", "contacts({})", "{base}/contacts({})"]
)
def test_forms_of_a_bound_address(api, account, contact, form):
    """With and without a slash before it, or absolute.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    address = form.format(contact, base=api.base_url)
    body = {"primarycontactid@odata.bind": address}
    assert api.patch(f"accounts({account})", json=body).status_code == 204
    assert primary(api, account) == contact


@pytest.mark.parametrize(
    "body", [{"primarycontactid@odata.bind": None}, {"primarycontactid": None}]
)
def test_a_lookup_is_cleared_with_null(api, account, contact, body):
    """As a bound address or as the navigation property itself.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    address = f"accounts({account})"
    api.patch(address, json=bind("primarycontactid", "contacts", contact))
    assert api.patch(address, json=body).status_code == 204
    assert primary(api, account) is None


def test_a_lookup_value_is_not_written(api, account, contact):
    """_x_value is for reading.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    body = {"_primarycontactid_value": contact}
    assert api.patch(f"accounts({account})", json=body).status_code == 400


@pytest.mark.parametrize("name", ["PrimaryContactId", "primaryContactid", "nosuch"])
def test_the_name_of_a_bound_lookup_is_case_sensitive(api, account, contact, name):
    """0x80048d19 "An undeclared property 'x' which only has property annotations".

    Recorded: ServiceClient issues 39 and 42
    """
    answer = api.patch(f"accounts({account})", json=bind(name, "contacts", contact))
    assert error(answer) == (400, "0x80048d19")
    assert f"An undeclared property '{name}'" in answer.json()["error"]["message"]


def test_a_custom_lookup_has_its_schema_name(environment, api, rows, account):
    """Some navigation properties have capitals; only metadata knows.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    relations = api.rows(
        "EntityDefinitions(LogicalName='account')/ManyToOneRelationships?$select="
        "ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
    )
    name = next(
        (
            relation["ReferencingEntityNavigationPropertyName"]
            for relation in relations
            if relation["ReferencedEntity"] == "systemuser"
            and relation["ReferencingEntityNavigationPropertyName"]
            != relation["ReferencingAttribute"]
        ),
        None,
    )
    if not name:
        environment.lacks("a lookup from account to systemuser with capitals")
    me = api.retrieve("WhoAmI")["UserId"]
    address = f"accounts({account})"
    wrong = api.patch(address, json=bind(name.lower(), "systemusers", me))
    assert error(wrong) == (400, "0x80048d19")
    right = api.patch(address, json=bind(name, "systemusers", me))
    assert right.status_code == 204


def test_a_lookup_to_a_missing_row(api, rows):
    """404 ObjectDoesNotExist, and nothing is created.

    Learn: reference/web-service-error-codes
    """
    missing = "00000000-0000-0000-0000-000000000001"
    body = rows.body("accounts", bind("primarycontactid", "contacts", missing))
    answer = api.post("accounts", json=body)
    assert answer.json()["error"]["code"] == "0x80040217"
    assert rows.find("accounts") == []


# -- several tables ------------------------------------------------------------------


@pytest.mark.parametrize("target", ["account", "contact"])
def test_a_customer_is_bound_by_table(api, rows, account, contact, target):
    """parentcustomerid_account, parentcustomerid_contact.

    Learn: webapi/multitable-lookups
    """
    row_id = {"account": account, "contact": contact}[target]
    person = rows.add(
        "contacts", bind(f"parentcustomerid_{target}", f"{target}s", row_id), "P"
    )
    prefer = 'odata.include-annotations="*"'
    row = api.retrieve(f"contacts({person})", prefer=prefer)
    assert row["_parentcustomerid_value"] == row_id
    key = "_parentcustomerid_value@Microsoft.Dynamics.CRM"
    assert row[f"{key}.lookuplogicalname"] == target
    assert row[f"{key}.associatednavigationproperty"] == f"parentcustomerid_{target}"


def test_a_customer_has_no_plain_name(api, rows, account):
    """parentcustomerid is no navigation property.

    Learn: webapi/multitable-lookups
    """
    body = rows.body("contacts", bind("parentcustomerid", "accounts", account))
    assert error(api.post("contacts", json=body)) == (400, "0x80048d19")


def test_a_customer_of_the_wrong_table(api, rows, account):
    """An account is not bound as a contact.

    Learn: webapi/multitable-lookups
    """
    body = rows.body("contacts", bind("parentcustomerid_contact", "accounts", account))
    assert api.post("contacts", json=body).status_code == 400


def test_one_customer_replaces_the_other(api, rows, account, contact):
    """There is one value, whichever name wrote it.

    Learn: webapi/multitable-lookups
    """
    person = rows.add("contacts", bind("parentcustomerid_account", "accounts", account))
    other = bind("parentcustomerid_contact", "contacts", contact)
    assert api.patch(f"contacts({person})", json=other).status_code == 204
    row = api.retrieve(f"contacts({person})?$expand=parentcustomerid_account")
    assert row["_parentcustomerid_value"] == contact
    assert row["parentcustomerid_account"] is None


@pytest.mark.parametrize(
    "name", ["parentcustomerid_account", "parentcustomerid_contact"]
)
def test_a_customer_is_cleared_by_either_name(api, rows, account, name):
    """Null under the name of any table.

    Recorded: dataverse-web-api.md, section 5
    """
    person = rows.add("contacts", bind("parentcustomerid_account", "accounts", account))
    answer = api.patch(f"contacts({person})", json={f"{name}@odata.bind": None})
    assert answer.status_code == 204
    assert api.retrieve(f"contacts({person})")["_parentcustomerid_value"] is None


def test_a_contact_is_expanded_by_table(api, rows, account):
    """$expand=parentcustomerid_account.

    Learn: webapi/query/join-tables
    """
    person = rows.add("contacts", bind("parentcustomerid_account", "accounts", account))
    expand = "$expand=parentcustomerid_account($select=name)"
    row = api.retrieve(f"contacts({person})?{expand}")
    assert row["parentcustomerid_account"]["accountid"] == account


def test_an_owner_is_bound_as_a_user(api, rows):
    """ownerid with an address of systemusers; owninguser follows.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    me = api.retrieve("WhoAmI")["UserId"]
    account = rows.add("accounts", bind("ownerid", "systemusers", me))
    row = api.retrieve(f"accounts({account})")
    assert row["_ownerid_value"] == row["_owninguser_value"] == me
    assert row["_owningteam_value"] is None


def test_a_regarding_row_is_bound_by_tables(api, rows, account):
    """regardingobjectid_account_task: target and activity.

    Learn: webapi/multitable-lookups
    """
    body = bind("regardingobjectid_account_task", "accounts", account)
    task = rows.add("tasks", body)
    assert api.retrieve(f"tasks({task})")["_regardingobjectid_value"] == account


# -- references ----------------------------------------------------------------------


def test_a_reference_is_put(api, account, contact):
    """PUT accounts(id)/primarycontactid/$ref.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    body = {"@odata.id": f"{api.base_url}/contacts({contact})"}
    address = f"accounts({account})/primarycontactid/$ref"
    assert api.put(address, json=body).status_code == 204
    assert primary(api, account) == contact


def test_a_reference_is_deleted(api, account, contact):
    """DELETE accounts(id)/primarycontactid/$ref.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    link = bind("primarycontactid", "contacts", contact)
    api.patch(f"accounts({account})", json=link)
    answer = api.delete(f"accounts({account})/primarycontactid/$ref")
    assert answer.status_code == 204
    assert primary(api, account) is None


def test_a_row_is_added_to_a_collection(api, account, contact):
    """POST accounts(id)/contact_customer_accounts/$ref.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    body = {"@odata.id": f"{api.base_url}/contacts({contact})"}
    address = f"accounts({account})/contact_customer_accounts/$ref"
    assert api.post(address, json=body).status_code == 204
    assert api.retrieve(f"contacts({contact})")["_parentcustomerid_value"] == account


@pytest.mark.parametrize(
    "form",
    ["contact_customer_accounts({id})/$ref", "{name}/$ref?$id={base}/contacts({id})"],
)
def test_a_row_is_taken_from_a_collection(api, rows, account, form):
    """By its key in the path, or by its address in $id.

    Learn: webapi/associate-disassociate-entities-using-web-api
    """
    person = rows.add("contacts", bind("parentcustomerid_account", "accounts", account))
    name = "contact_customer_accounts"
    path = form.format(id=person, name=name, base=api.base_url)
    assert api.delete(f"accounts({account})/{path}").status_code == 204
    assert api.retrieve(f"contacts({person})")["_parentcustomerid_value"] is None


def test_a_collection_counts(api, rows, account):
    """accounts(id)/contact_customer_accounts/$count.

    Learn: webapi/query/count-rows
    """
    for name in "AB":
        rows.add(
            "contacts", bind("parentcustomerid_account", "accounts", account), name
        )
    answer = api.get(f"accounts({account})/contact_customer_accounts/$count")
    assert answer.content.decode("utf-8-sig") == "2"


# -- hierarchies and deletion --------------------------------------------------------


def test_an_account_is_not_its_own_ancestor(api, rows, account):
    """AccountLoopBeingCreated.

    Learn: reference/web-service-error-codes
    """
    child = rows.add("accounts", bind("parentaccountid", "accounts", account), "Child")
    loop = bind("parentaccountid", "accounts", child)
    assert error(api.patch(f"accounts({account})", json=loop)) == (400, "0x80040507")


def test_deleting_a_target_clears_the_lookup(api, account, contact):
    """RemoveLink: account.primarycontactid.

    Learn: configure-entity-relationship-cascading-behavior
    """
    address = f"accounts({account})"
    api.patch(address, json=bind("primarycontactid", "contacts", contact))
    assert api.delete(f"contacts({contact})").status_code == 204
    assert primary(api, account) is None


def test_deleting_a_regarded_row_deletes_its_activities(api, rows, account):
    """Cascade: task.regardingobjectid.

    Learn: configure-entity-relationship-cascading-behavior
    """
    task = rows.add(
        "tasks", bind("regardingobjectid_account_task", "accounts", account)
    )
    assert api.delete(f"accounts({account})").status_code == 204
    assert api.get(f"tasks({task})").status_code == 404


def test_deleting_does_what_the_relationship_says(api, rows, account):
    """CascadeConfiguration.Delete of contact_customer_accounts.

    Learn: configure-entity-relationship-cascading-behavior
    """
    relation = api.retrieve(
        "RelationshipDefinitions(SchemaName='contact_customer_accounts')/Microsoft."
        "Dynamics.CRM.OneToManyRelationshipMetadata?$select=CascadeConfiguration"
    )
    rule = relation["CascadeConfiguration"]["Delete"]
    person = rows.add("contacts", bind("parentcustomerid_account", "accounts", account))
    assert api.delete(f"accounts({account})").status_code == 204
    left = api.get(f"contacts({person})")
    assert left.status_code == {"Cascade": 404, "RemoveLink": 200}[rule]


def test_a_customer_with_quotes_is_not_deleted(api, rows, account):
    """Restrict: 405 CannotDeleteDueToAssociation.

    Learn: webapi/compose-http-requests-handle-errors
    """
    rows.add("quotes", bind("customerid_account", "accounts", account))
    assert error(api.delete(f"accounts({account})")) == (405, "0x80040227")
