"""Rows in the simulator: create, retrieve, update, delete, and what surrounds them.

Sections of the Dataverse documentation are named in the docstrings; "captured" and
"measured" facts come from live organizations and real clients.
"""

from __future__ import annotations

import re
import uuid

import pytest
from simulator_process import Session, Simulator, create, error

pytest_plugins = ["simulator_fixture"]

REPRESENTATION = {"Prefer": "return=representation"}


def read(api: Session, address: str, select: str) -> dict:
    answer = api.get(f"{address}?$select={select}")
    assert answer.status_code == 200, answer.text
    return answer.json()


# -- create ------------------------------------------------------------------------


def test_create_with_representation_is_201_and_the_row(api):
    """Prefer: return=representation, with $select; then no OData-EntityId."""
    answer = api.post(
        "accounts?$select=name", json={"name": "Contoso"}, headers=REPRESENTATION
    )
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "return=representation"
    assert "OData-EntityId" not in answer.headers
    body = answer.json()
    assert set(body) == {"@odata.context", "@odata.etag", "name", "accountid"}
    assert answer.headers["ETag"] == body["@odata.etag"]


def test_create_sets_what_the_platform_sets(simulator, api):
    """Owner, creator, state, defaults and version of a new row."""
    me = api.get("WhoAmI").json()
    account = create(api, "accounts", name="A")
    row = api.get(f"accounts({account})").json()
    assert row["_ownerid_value"] == row["_owninguser_value"] == me["UserId"]
    assert row["_createdby_value"] == row["_modifiedby_value"] == me["UserId"]
    assert row["_owningbusinessunit_value"] == me["BusinessUnitId"]
    assert (row["statecode"], row["statuscode"]) == (0, 1)
    assert row["donotemail"] is False
    assert row["createdon"] == row["modifiedon"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["createdon"])
    assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'


def test_columns_not_valid_for_the_operation_are_ignored(api):
    """IsValidForCreate/IsValidForUpdate false: silently left out."""
    account = create(
        api, "accounts", name="A", createdon="2001-01-01T00:00:00Z", versionnumber=7
    )
    api.patch(f"accounts({account})", json={"importsequencenumber": 3})
    row = read(api, f"accounts({account})", "createdon,importsequencenumber")
    assert row["createdon"] > "2020" and row["importsequencenumber"] is None


def test_only_system_required_columns_are_enforced(api):
    """ApplicationRequired is the business of forms; SystemRequired of the server."""
    assert api.post("accounts", json={}).status_code == 204
    assert api.post("contacts", json={"firstname": "Only"}).status_code == 204
    refused = api.post("teams", json={})
    assert error(refused) == (400, "0x80040203")
    assert refused.json()["error"]["message"] == "Attribute 'name' cannot be NULL"


# -- retrieve ----------------------------------------------------------------------


def test_retrieve_a_missing_row(api):
    """ObjectDoesNotExist 0x80040217."""
    missing = str(uuid.uuid4())
    answer = api.get(f"accounts({missing})")
    assert error(answer) == (404, "0x80040217")
    message = answer.json()["error"]["message"]
    assert message == f"account With Id = {missing} Does Not Exist"


def test_single_property_and_lookup_navigation(api):
    """Retrieve a single property value; retrieve a related row; 204 for null."""
    contact = create(api, "contacts", lastname="Ito")
    account = create(
        api, "accounts", name="A", primarycontactid__bind=f"contacts({contact})"
    )
    assert api.get(f"accounts({account})/name").json()["value"] == "A"
    assert api.get(f"accounts({account})/fax").status_code == 204
    related = api.get(f"accounts({account})/primarycontactid?$select=lastname")
    assert related.json()["lastname"] == "Ito"
    assert api.get(f"accounts({account})/parentaccountid").status_code == 204


def test_values_on_the_wire(api):
    """Money with four decimals, dates by their behavior, empty text as null."""
    account = create(
        api, "accounts", name="A", revenue=20000, fax="", address1_latitude=1.5
    )
    text = api.get(f"accounts({account})?$select=revenue,fax,address1_latitude").text
    assert '"revenue":20000.0000' in text
    assert '"fax":null' in text and '"address1_latitude":1.5' in text
    contact = create(api, "contacts", birthdate="1980-02-29")
    assert read(api, f"contacts({contact})", "birthdate")["birthdate"] == "1980-02-29"


def test_money_is_exact_to_the_cent(api):
    """Money: parse as decimal, never as binary float."""
    create(api, "accounts", accountid=(mine := str(uuid.uuid4())), name="A")
    answer = api.patch(
        f"accounts({mine})",
        data='{"revenue": 99999999999999.99}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 204, answer.text
    assert '"revenue":99999999999999.9900' in api.get(f"accounts({mine})").text


# -- update ------------------------------------------------------------------------


def test_update_changes_only_what_is_sent(simulator, api):
    """Basic update: PATCH, 204; null clears; the version moves."""
    account = create(api, "accounts", name="A", fax="1", telephone1="2")
    before = read(api, f"accounts({account})", "name")["@odata.etag"]
    simulator.control("POST", "clock", {"advance_seconds": 60})
    answer = api.patch(f"accounts({account})", json={"name": "B", "fax": None})
    assert answer.status_code == 204
    row = api.get(f"accounts({account})").json()
    assert (row["name"], row["fax"], row["telephone1"]) == ("B", None, "2")
    assert row["@odata.etag"] != before and row["modifiedon"] > row["createdon"]


# -- upsert and conditions ---------------------------------------------------------


def test_etags_need_optimistic_concurrency(simulator, api):
    """0x80060893 where the table lacks it; If-Match: * still works."""
    simulator.control("PUT", "tables/account", {"optimistic_concurrency": False})
    address = f"accounts({create(api, 'accounts', name='A')})"
    etag = read(api, address, "name")["@odata.etag"]
    refused = api.patch(address, json={"name": "B"}, headers={"If-Match": etag})
    assert error(refused) == (400, "0x80060893")
    allowed = api.patch(address, json={"name": "B"}, headers={"If-Match": "*"})
    assert allowed.status_code == 204


# -- delete ------------------------------------------------------------------------


def test_deleting_an_account_deletes_its_contacts(api):
    """Metadata export: contact_customer_accounts has Delete = Cascade."""
    account = create(api, "accounts", name="A")
    parent = {"parentcustomerid_account__bind": f"accounts({account})"}
    contact = create(api, "contacts", lastname="L", **parent)
    other = create(api, "contacts", lastname="Other")
    task = create(
        api, "tasks", regardingobjectid_contact_task__bind=f"contacts({contact})"
    )
    api.delete(f"accounts({account})")
    assert api.get(f"contacts({contact})").status_code == 404
    assert api.get(f"tasks({task})").status_code == 404
    assert api.get(f"contacts({other})").status_code == 200


@pytest.mark.parametrize(
    ("target", "navigation", "value"),
    [
        ("contacts", "primarycontactid", "_primarycontactid_value"),
        ("accounts", "parentaccountid", "_parentaccountid_value"),
    ],
)
def test_deleting_the_target_removes_the_link(api, target, navigation, value):
    """Metadata export: RemoveLink; the referencing row changes its version."""
    gone = create(api, target)
    binding = {f"{navigation}__bind": f"{target}({gone})"}
    account = create(api, "accounts", name="A", **binding)
    before = read(api, f"accounts({account})", value)
    assert before[value] == gone
    api.delete(f"{target}({gone})")
    after = read(api, f"accounts({account})", value)
    assert after[value] is None
    assert after["@odata.etag"] != before["@odata.etag"]


def test_a_restricted_delete_is_refused(api):
    """CannotDeleteDueToAssociation 0x80040227 → 405."""
    currency = api.get("transactioncurrencies").json()["value"][0]
    address = f"transactioncurrencies({currency['transactioncurrencyid']})"
    create(api, "accounts", name="A", transactioncurrencyid__bind=address)
    assert error(api.delete(address)) == (405, "0x80040227")


# -- lookups -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "form", ["/contacts({})", "contacts({})", "{url}/contacts({})"]
)
def test_bind_forms(simulator, api, form):
    """Associate on create: leading slash optional, absolute URL ok."""
    contact = create(api, "contacts", lastname="L")
    address = form.format(contact, url=simulator.api_url)
    account = create(api, "accounts", primarycontactid__bind=address)
    row = read(api, f"accounts({account})", "_primarycontactid_value")
    assert row["_primarycontactid_value"] == contact


@pytest.mark.parametrize(
    "name", ["PrimaryContactId", "primarycontact", "new_accountmanagerid"]
)
def test_a_wrong_or_ill_cased_navigation_name(api, name):
    """0x80048d19; custom lookups bind by the schema name's case."""
    user = api.get("WhoAmI").json()["UserId"]
    answer = api.post("accounts", json={f"{name}@odata.bind": f"/systemusers({user})"})
    assert error(answer) == (400, "0x80048d19")
    message = answer.json()["error"]["message"]
    assert f"An undeclared property '{name}' which only has property ann" in message


def test_a_custom_lookup_binds_by_its_schema_name(api):
    """ReferencingEntityNavigationPropertyName from metadata, never guessed."""
    user = api.get("WhoAmI").json()["UserId"]
    account = create(api, "accounts", new_AccountManagerId__bind=f"systemusers({user})")
    row = read(api, f"accounts({account})", "_new_accountmanagerid_value")
    assert row["_new_accountmanagerid_value"] == user


def test_binding_a_missing_row(api):
    """404 0x80040217 for a missing row."""
    body = {"primarycontactid@odata.bind": f"/contacts({uuid.uuid4()})"}
    assert error(api.post("accounts", json=body)) == (404, "0x80040217")


def test_binding_a_row_of_another_table(api):
    """A navigation property has one target table."""
    account = create(api, "accounts", name="A")
    body = {"primarycontactid@odata.bind": f"/accounts({account})"}
    assert error(api.post("accounts", json=body)) == (400, "0x80048d19")


def test_lookup_values_are_never_written(api):
    """0x80060888: "Use Navigation properties instead."."""
    body = {"_primarycontactid_value": str(uuid.uuid4())}
    answer = api.post("accounts", json=body)
    assert error(answer) == (400, "0x80060888")
    assert "Use Navigation properties instead" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "clear",
    [
        lambda api, a: api.patch(a, json={"primarycontactid@odata.bind": None}),
        lambda api, a: api.patch(a, json={"primarycontactid": None}),
        lambda api, a: api.delete(f"{a}/primarycontactid/$ref"),
    ],
)
def test_three_ways_to_clear_a_lookup(api, clear):
    """Disassociate a single-valued navigation property."""
    contact = create(api, "contacts", lastname="L")
    account = create(api, "accounts", primarycontactid__bind=f"contacts({contact})")
    assert clear(api, f"accounts({account})").status_code == 204
    row = read(api, f"accounts({account})", "_primarycontactid_value")
    assert row["_primarycontactid_value"] is None


def test_associate_by_reference(simulator, api):
    """PUT …/$ref, POST …/collection/$ref, DELETE …/collection(id)/$ref."""
    account = f"accounts({create(api, 'accounts', name='A')})"
    contact = f"contacts({create(api, 'contacts', lastname='L')})"
    put = api.put(f"{account}/primarycontactid/$ref", json={"@odata.id": contact})
    absolute = {"@odata.id": f"{simulator.api_url}/{contact}"}
    post = api.post(f"{account}/contact_customer_accounts/$ref", json=absolute)
    assert (put.status_code, post.status_code) == (204, 204)
    related = api.get(f"{account}/contact_customer_accounts?$select=lastname").json()
    assert [row["lastname"] for row in related["value"]] == ["L"]
    collection = f"{account}/contact_customer_accounts"
    by_query = api.delete(
        f"{collection}/$ref", params={"$id": f"{simulator.api_url}/{contact}"}
    )
    assert by_query.status_code == 204
    assert api.get(f"{collection}/$count").text.lstrip("\ufeffï»¿") == "0"


def test_a_customer_is_an_account_or_a_contact(api):
    """Polymorphic lookup: one binding for each target; setting one clears the other."""
    account = create(api, "accounts", name="A")
    boss = create(api, "contacts", lastname="Boss")
    address = f"contacts({create(api, 'contacts', lastname='L')})"
    for binding, accountid, contactid in (
        (
            {"parentcustomerid_account@odata.bind": f"/accounts({account})"},
            account,
            None,
        ),
        ({"parentcustomerid_contact@odata.bind": f"/contacts({boss})"}, None, boss),
        ({"parentcustomerid_account@odata.bind": None}, None, None),
    ):
        assert api.patch(address, json=binding).status_code == 204
        row = api.get(address).json()
        assert row["_parentcustomerid_value"] == (accountid or contactid)
        assert row["_accountid_value"] == accountid
        assert row["_parentcontactid_value"] == contactid


def test_a_contact_has_one_parent(api):
    """PresentParentAccountAndParentContact 0x80040508."""
    body = {
        f"parentcustomerid_{table}@odata.bind": f"{table}s({create(api, f'{table}s')})"
        for table in ("account", "contact")
    }
    assert error(api.post("contacts", json=body)) == (400, "0x80040508")


def test_null_by_the_columns_name_is_untyped(api):
    """0x80048d19 "Does not support untyped value in non-open type"."""
    contact = f"contacts({create(api, 'contacts', lastname='L')})"
    answer = api.patch(contact, json={"parentcustomerid": None})
    assert error(answer) == (400, "0x80048d19")
    assert "untyped value in non-open type" in answer.json()["error"]["message"]


def test_owner_may_be_a_team(api):
    """ownerid binds users and teams; owninguser and owningteam follow."""
    team = api.get("teams").json()["value"][0]["teamid"]
    account = create(api, "accounts", ownerid__bind=f"teams({team})")
    row = api.get(f"accounts({account})").json()
    assert row["_ownerid_value"] == row["_owningteam_value"] == team
    assert row["_owninguser_value"] is None
    assert row["_owningbusinessunit_value"] is not None


def test_accounts_form_no_loops(api):
    """AccountLoopBeingCreated 0x80040507."""
    top = create(api, "accounts", name="top")
    below = create(api, "accounts", parentaccountid__bind=f"accounts({top})")
    body = {"parentaccountid@odata.bind": f"/accounts({below})"}
    assert error(api.patch(f"accounts({top})", json=body)) == (400, "0x80040507")


# -- validation --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x" * 161}, "0x80044331"),
        ({"description": "x" * 2001}, "0x80044331"),
        ({"industrycode": 99}, "0x8004431A"),
        ({"new_interests": "100000000,5"}, "0x8004431A"),
        ({"numberofemployees": -1}, "0x8004432F"),
        ({"creditlimit": -0.01}, "0x80044330"),
        ({"creditlimit": 1e15}, "0x80044330"),
        ({"address1_latitude": 91}, "0x80044330"),
        ({"name": "a\x08b"}, "0x80040278"),
        ({"numberofemployees": "12"}, "0x80048d19"),
        ({"numberofemployees": 2**40}, "0x80048d19"),
        ({"donotemail": 1}, "0x80048d19"),
        ({"name": 5}, "0x80048d19"),
        ({"industrycode": "1"}, "0x80048d19"),
        ({"accountid": "nonsense"}, "0x80048d19"),
        ({"overriddencreatedon": "2024-01-01T00:00:00"}, "0x80048d19"),
        ({"overriddencreatedon": "1700-01-01T00:00:00Z"}, "0x80040239"),
        ({"nosuchcolumn": 1}, "0x80048d19"),
        ({"Name": "case counts"}, "0x80048d19"),
    ],
)
def test_values_the_server_refuses(api, body, code):
    """Web service error codes; Web API types and operations."""
    answer = api.post("accounts", json=body)
    assert error(answer) == (400, code)
    assert api.get("accounts/$count").text.endswith("0")


def test_the_message_names_attribute_and_limit(api):
    """StringLengthTooLong, captured wording."""
    answer = api.post("tasks", json={"subject": "x" * 2001})
    assert answer.json()["error"]["message"] == (
        "A validation error occurred.  The length of the 'subject' attribute of the "
        "'task' entity exceeded the maximum allowed length of '200'."
    )


def test_longest_and_largest_values_pass(api):
    """Limits are inclusive; tabs and line breaks are no control characters."""
    create(
        api,
        "accounts",
        name="x" * 160,
        description="a\tb\r\nc",
        creditlimit=100_000_000_000_000,
        numberofemployees=1_000_000_000,
        new_interests="100000002,100000000",
    )
    row = api.get("accounts").json()["value"][0]
    assert row["new_interests"] == "100000000,100000002"


def test_date_only_columns_take_no_time(api):
    """DateTimeBehavior DateOnly is Edm.Date."""
    answer = api.post("contacts", json={"birthdate": "1980-01-02T00:00:00Z"})
    assert error(answer) == (400, "0x80048d19")


def test_instants_are_stored_in_utc(api):
    """UserLocal columns are read and written in UTC."""
    task = create(api, "tasks", actualend="2024-07-01T12:30:00.123+02:00")
    assert read(api, f"tasks({task})", "actualend")["actualend"] == (
        "2024-07-01T10:30:00Z"
    )


def test_body_must_be_json(api):
    """0x80048d19 for what the reader cannot read."""
    answer = api.post(
        "accounts", data="{", headers={"Content-Type": "application/json"}
    )
    assert error(answer) == (400, "0x80048d19")


# -- state and status --------------------------------------------------------------


def test_a_state_alone_brings_its_default_status(api):
    """State and status: statecode 1 → statuscode 2, and back."""
    address = f"accounts({create(api, 'accounts', name='A')})"
    for state, status in ((1, 2), (0, 1)):
        assert api.patch(address, json={"statecode": state}).status_code == 204
        row = read(api, address, "statecode,statuscode")
        assert (row["statecode"], row["statuscode"]) == (state, status)


@pytest.mark.parametrize("body", [{"statecode": 1, "statuscode": 1}, {"statuscode": 2}])
def test_a_status_of_another_state_is_refused(api, body):
    """InvalidStateCodeStatusCode 0x80048408."""
    address = f"accounts({create(api, 'accounts', name='A')})"
    answer = api.patch(address, json=body)
    assert error(answer) == (400, "0x80048408")
    assert "is not a valid status code for state code AccountState." in answer.text


def test_rows_are_created_active(api):
    """statecode is not valid for create: ignored; its status then does not match."""
    account = create(api, "accounts", statecode=1)
    assert read(api, f"accounts({account})", "statecode")["statecode"] == 0
    answer = api.post("accounts", json={"statecode": 1, "statuscode": 2})
    assert error(answer) == (400, "0x80048408")


# -- computed columns --------------------------------------------------------------


def test_full_name_follows_first_and_last(api):
    """fullname is read-only, "First Last"."""
    address = f"contacts({create(api, 'contacts', firstname='Ana', lastname='Rey')})"
    assert read(api, address, "fullname")["fullname"] == "Ana Rey"
    api.patch(address, json={"lastname": "Sol", "fullname": "ignored"})
    assert read(api, address, "fullname")["fullname"] == "Ana Sol"
    api.patch(address, json={"firstname": None})
    assert read(api, address, "fullname")["fullname"] == "Sol"


def test_composite_address(api):
    """address1_composite is made of the parts."""
    account = create(
        api,
        "accounts",
        address1_line1="1 Main St",
        address1_city="Seattle",
        address1_stateorprovince="WA",
        address1_postalcode="98101",
        address1_country="U.S.",
    )
    row = read(api, f"accounts({account})", "address1_composite")
    assert row["address1_composite"] == "1 Main St\r\nSeattle, WA 98101\r\nU.S."


def test_money_brings_currency_rate_and_base(api):
    """Money: transactioncurrencyid defaults to the base currency; shadow columns."""
    base = api.get("organizations").json()["value"][0]["_basecurrencyid_value"]
    address = f"accounts({create(api, 'accounts', revenue=100.5)})"
    row = api.get(address).json()
    assert row["_transactioncurrencyid_value"] == base
    assert (row["exchangerate"], row["revenue_base"]) == (1.0, 100.5)
    dollars = api.get("transactioncurrencies?$filter=isocurrencycode eq 'USD'").json()[
        "value"
    ][0]
    binding = f"/transactioncurrencies({dollars['transactioncurrencyid']})"
    api.patch(address, json={"transactioncurrencyid@odata.bind": binding})
    row = api.get(address).json()
    assert row["exchangerate"] == dollars["exchangerate"]
    assert row["revenue_base"] == round(100.5 / dollars["exchangerate"], 4)


def test_rows_without_money_have_no_currency(api):
    """No amount, no currency."""
    account = create(api, "accounts", name="A")
    row = read(api, f"accounts({account})", "_transactioncurrencyid_value")
    assert row["_transactioncurrencyid_value"] is None


# -- alternate keys ----------------------------------------------------------------


@pytest.fixture
def numbered(simulator: Simulator, api: Session) -> Session:
    """accountnumber is an alternate key of account."""
    definition = {"SchemaName": "AccountNumber", "KeyAttributes": ["accountnumber"]}
    answer = api.post("EntityDefinitions(LogicalName='account')/Keys", json=definition)
    assert answer.status_code == 204
    return api


def test_upsert_by_alternate_key(numbered):
    """Use upsert: the address echoes the key; key columns come from the address."""
    address = "accounts(accountnumber='C-1')"
    first = numbered.patch(address, json={"name": "A"})
    second = numbered.patch(address, json={"name": "B"})
    assert (first.status_code, second.status_code) == (204, 204)
    assert first.headers["OData-EntityId"].endswith(address)
    row = numbered.get(f"{address}?$select=name,accountnumber").json()
    assert (row["name"], row["accountnumber"]) == ("B", "C-1")


def test_missing_and_unknown_keys(numbered):
    """RecordNotFoundByEntityKey 404 0x80060891; no such key 0x8006088a."""
    missing = numbered.get("accounts(accountnumber='none')")
    assert error(missing) == (404, "0x80060891")
    unknown = numbered.get("accounts(name='A')")
    assert error(unknown) == (400, "0x8006088a")
    body = {"parentaccountid@odata.bind": "/accounts(accountnumber='none')"}
    assert error(numbered.post("accounts", json=body)) == (400, "0x80060891")


def test_a_key_is_unique(numbered):
    """DuplicateRecordEntityKey 0x80060892."""
    create(numbered, "accounts", accountnumber="C-1")
    answer = numbered.post("accounts", json={"accountnumber": "C-1"})
    assert error(answer) == (412, "0x80060892")
    parent = create(
        numbered, "accounts", parentaccountid__bind="accounts(accountnumber='C-1')"
    )
    assert parent
