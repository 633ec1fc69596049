"""Rows: create, retrieve, update, upsert, delete; conditions and keys."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from environment import Api, Environment, Rows, bind, error, split_address

REPRESENTATION = "return=representation"
SAME_VERSION = "The version of the existing record doesn't match"


@pytest.fixture
def account(rows: Rows) -> str:
    """The address of an account."""
    return f"accounts({rows.add('accounts', {'fax': '1'})})"


@pytest.fixture
def missing(rows: Rows) -> str:
    """The address of an account that is not there; deleted if it should come."""
    return f"accounts({rows.own('accounts', str(uuid.uuid4()))})"


def etag(api: Api, address: str) -> str:
    return api.retrieve(f"{address}?$select=name")["@odata.etag"]


# -- create --------------------------------------------------------------------------


def test_create_answers_with_the_address(api, rows):
    """204, no body, OData-EntityId is the absolute address.

    Learn: webapi/create-entity-web-api
    """
    answer = api.post("accounts", json=rows.body("accounts"))
    rows.adopt(answer)
    assert (answer.status_code, answer.content) == (204, b"")
    address = answer.headers["OData-EntityId"]
    assert re.fullmatch(
        re.escape(api.base_url) + r"/accounts\([0-9a-f-]{36}\)", address
    )
    assert api.retrieve(address)["name"] == rows.name()


def test_create_returns_the_row_on_request(api, rows):
    """Prefer: return=representation: 201 and the row.

    Learn: webapi/create-entity-web-api
    """
    body = rows.body("accounts")
    answer = api.post("accounts?$select=name", json=body, prefer=REPRESENTATION)
    rows.own("accounts", answer.json()["accountid"])
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == REPRESENTATION
    assert "OData-EntityId" not in answer.headers
    assert {k for k in answer.json() if "@odata" not in k} == {"name", "accountid"}


def test_a_returned_row_has_its_etag_in_a_header(api, rows):
    """ETag and @odata.etag agree.

    Learn: webapi/create-entity-web-api
    """
    answer = api.post("accounts", json=rows.body("accounts"), prefer=REPRESENTATION)
    rows.own("accounts", answer.json()["accountid"])
    assert answer.headers["ETag"] == answer.json()["@odata.etag"]


def test_the_client_may_choose_the_primary_key(api, rows):
    """The key in the body becomes the row's.

    Learn: webapi/create-entity-web-api
    """
    mine = str(uuid.uuid4())
    assert rows.add("accounts", {"accountid": mine}) == mine


def test_a_primary_key_is_used_once(api, rows):
    """412 DuplicateRecord.

    Learn: reference/web-service-error-codes
    """
    body = rows.body("accounts", {"accountid": rows.add("accounts")})
    answer = api.post("accounts", json=body)
    assert error(answer) == (412, "0x80040237")
    message = answer.json()["error"]["message"]
    assert message == "A record with matching key values already exists."


def test_a_new_row_belongs_to_its_creator(api, account):
    """Owner, creator and modifier are the caller.

    Learn: reference/entities/account
    """
    me, row = api.retrieve("WhoAmI"), api.retrieve(account)
    people = {row[f"_{name}_value"] for name in ("ownerid", "createdby", "modifiedby")}
    assert people == {me["UserId"]}
    assert row["_owningbusinessunit_value"] == me["BusinessUnitId"]


def test_a_new_row_is_active(api, account):
    """statecode 0 with its default statuscode.

    Learn: reference/entities/account
    """
    row = api.retrieve(account)
    assert (row["statecode"], row["statuscode"]) == (0, 1)


def test_creation_and_modification_begin_equal(api, account):
    """createdon and modifiedon, to the second, UTC.

    Learn: reference/entities/account
    """
    row = api.retrieve(account)
    assert row["createdon"] == row["modifiedon"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["createdon"])


def test_columns_have_defaults(api, account):
    """A two-options column begins with its default.

    Learn: reference/entities/account
    """
    assert api.retrieve(account)["donotemail"] is False


def test_columns_not_valid_for_create_are_ignored(api, rows):
    """createdon cannot be set, nor can versionnumber.

    Learn: entity-attribute-metadata
    """
    body = {"createdon": "2001-01-01T00:00:00Z", "versionnumber": 7}
    row = api.retrieve(f"accounts({rows.add('accounts', body)})")
    assert row["createdon"] > "2020" and row["versionnumber"] != 7


def test_overriddencreatedon_becomes_createdon(api, rows):
    """Data import: the record's own date of creation.

    Learn: reference/entities/account
    """
    body = {"overriddencreatedon": "2001-02-03T04:05:06Z"}
    row = api.retrieve(f"accounts({rows.add('accounts', body)})")
    assert row["createdon"].startswith("2001-02-03")


def test_an_unknown_property_is_refused(api, rows):
    """0x80048d19, the payload is wrong.

    Learn: webapi/compose-http-requests-handle-errors
    """
    answer = api.post("accounts", json=rows.body("accounts", {"nosuch": 1}))
    assert error(answer) == (400, "0x80048d19")
    assert "nosuch" in answer.json()["error"]["message"]


def test_property_names_are_case_sensitive(api, rows):
    """Name is not name.

    Learn: webapi/web-api-types-operations
    """
    answer = api.post("accounts", json={**rows.body("accounts"), "Fax": "1"})
    assert error(answer) == (400, "0x80048d19")


def test_a_wrong_type_is_refused(api, rows):
    """A text for a number: 0x80048d19.

    Recorded: "Cannot convert the literal" in public reports
    """
    body = rows.body("accounts", {"numberofemployees": "many"})
    answer = api.post("accounts", json=body)
    assert error(answer) == (400, "0x80048d19")
    assert "Cannot convert the literal" in answer.json()["error"]["message"]


def test_a_broken_body_is_refused(api):
    """No JSON: 0x80048d19.

    Recorded: answers of live organizations in public reports
    """
    headers = {"Content-Type": "application/json"}
    assert error(api.post("accounts", data="{", headers=headers)) == (400, "0x80048d19")


# -- deep insert ---------------------------------------------------------------------


def test_deep_insert_of_a_lookup(api, rows):
    """A nested object becomes the related row.

    Learn: webapi/create-entity-web-api
    """
    nested = {"primarycontactid": rows.body("contacts", name="Inner")}
    account = rows.add("accounts", nested)
    (contact,) = rows.find("contacts")
    rows.own("contacts", contact["contactid"])
    row = api.retrieve(f"accounts({account})?$select=_primarycontactid_value")
    assert row["_primarycontactid_value"] == contact["contactid"]


def test_deep_insert_of_a_collection(api, rows):
    """A nested array becomes related rows.

    Learn: webapi/create-entity-web-api
    """
    tasks = [rows.body("tasks", name=name) for name in "AB"]
    account = rows.add("accounts", {"Account_Tasks": tasks})
    found = api.rows(f"accounts({account})/Account_Tasks?$select=subject")
    assert sorted(row["subject"] for row in found) == [rows.name("A"), rows.name("B")]


def test_deep_insert_two_levels_down(api, rows):
    """A row within a row within a row.

    Learn: webapi/create-entity-web-api
    """
    tasks = {"Contact_Tasks": [rows.body("tasks", name="Deep")]}
    rows.add("accounts", {"primarycontactid": rows.body("contacts", tasks)})
    (contact,) = rows.find("contacts", "&$expand=Contact_Tasks($select=subject)")
    rows.own("contacts", contact["contactid"])
    assert [t["subject"] for t in contact["Contact_Tasks"]] == [rows.name("Deep")]


def test_deep_insert_is_atomic(api, rows):
    """If a related row is refused, nothing is created.

    Learn: webapi/create-entity-web-api
    """
    contact = rows.body("contacts", {"telephone1": "x" * 200})
    body = rows.body("accounts", {"primarycontactid": contact})
    assert api.post("accounts", json=body).status_code == 400
    assert rows.find("accounts") == []


def test_a_deep_insert_can_be_returned(api, rows):
    """return=representation with $expand.

    Learn: webapi/create-entity-web-api
    """
    body = rows.body("accounts", {"primarycontactid": rows.body("contacts")})
    address = "accounts?$select=name&$expand=primarycontactid($select=lastname)"
    row = api.post(address, json=body, prefer=REPRESENTATION).json()
    rows.own("contacts", row["primarycontactid"]["contactid"])
    rows.own("accounts", row["accountid"])
    assert row["primarycontactid"]["lastname"] == rows.name()


def test_there_is_no_deep_update(api, rows, account):
    """Related rows cannot be part of an update.

    Learn: webapi/update-delete-entities-using-web-api
    """
    body = {"primarycontactid": rows.body("contacts")}
    assert api.patch(account, json=body).status_code == 400


# -- retrieve ------------------------------------------------------------------------


def test_a_missing_row(api, missing):
    """404 ObjectDoesNotExist.

    Learn: reference/web-service-error-codes
    """
    answer = api.get(missing)
    assert error(answer) == (404, "0x80040217")
    message = answer.json()["error"]["message"]
    assert re.search(r"account'? With Id = .* Does Not Exist", message)


def test_a_single_property(api, rows, account):
    """accounts(id)/name is {"value": ...}.

    Learn: webapi/retrieve-entity-using-web-api
    """
    assert api.retrieve(f"{account}/name")["value"] == rows.name()


def test_a_single_property_without_value(api, account):
    """204.

    Learn: webapi/retrieve-entity-using-web-api
    """
    assert api.get(f"{account}/tickersymbol").status_code == 204


def test_a_property_as_plain_text(api, rows, account):
    """accounts(id)/name/$value.

    Learn: webapi/retrieve-entity-using-web-api
    """
    answer = api.get(f"{account}/name/$value")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.content.decode("utf-8-sig") == rows.name()


def test_a_lookup_without_value_is_no_content(api, account):
    """accounts(id)/primarycontactid: 204.

    Learn: webapi/retrieve-entity-using-web-api
    """
    assert api.get(f"{account}/primarycontactid").status_code == 204


def test_a_reference_alone(api, rows, account):
    """accounts(id)/primarycontactid/$ref is an address.

    Learn: webapi/retrieve-entity-using-web-api
    """
    contact = rows.add("contacts")
    api.patch(account, json=bind("primarycontactid", "contacts", contact))
    body = api.retrieve(f"{account}/primarycontactid/$ref")
    assert body["@odata.id"] == f"{api.base_url}/contacts({contact})"


def test_references_of_a_collection(api, rows, account):
    """accounts(id)/Account_Tasks/$ref: addresses alone.

    Learn: webapi/retrieve-entity-using-web-api
    """
    row_id = split_address(account)[1]
    task = rows.add("tasks", bind("regardingobjectid_account_task", "accounts", row_id))
    found = api.rows(f"{account}/Account_Tasks/$ref")
    assert found == [{"@odata.id": f"{api.base_url}/tasks({task})"}]


def test_a_single_row_has_its_context(api, account):
    """$metadata#accounts(name)/$entity.

    Learn: webapi/retrieve-entity-using-web-api
    """
    context = api.retrieve(f"{account}?$select=name")["@odata.context"]
    assert context == f"{api.base_url}/$metadata#accounts(name)/$entity"


def test_a_key_may_be_named(api, account):
    """accounts(accountid=<id>) is accounts(<id>).

    Learn: use-alternate-key-reference-record
    """
    assert api.retrieve(account.replace("(", "(accountid="))["fax"] == "1"


def test_guids_in_any_case(api, account):
    """Upper-case digits are understood; answers are in lower case.

    Learn: webapi/web-api-types-operations
    """
    row_id = split_address(account)[1]
    assert api.retrieve(f"accounts({row_id.upper()})")["accountid"] == row_id


# -- update --------------------------------------------------------------------------


def test_update_changes_only_what_is_sent(api, rows, account):
    """PATCH: 204; other columns stay.

    Learn: webapi/update-delete-entities-using-web-api
    """
    assert api.patch(account, json={"fax": "2"}).status_code == 204
    row = api.retrieve(account)
    assert (row["name"], row["fax"]) == (rows.name(), "2")


def test_null_clears(api, account):
    """A value of null empties the column.

    Learn: webapi/update-delete-entities-using-web-api
    """
    api.patch(account, json={"fax": None})
    assert api.retrieve(account)["fax"] is None


def test_an_empty_text_is_null(api, account):
    """What is stored of "" is nothing.

    Measured: documented for CRM's string columns, seen in public exports
    """
    api.patch(account, json={"fax": ""})
    assert api.retrieve(account)["fax"] is None


def test_an_update_names_the_row(api, account):
    """OData-EntityId in the answer.

    Learn: webapi/update-delete-entities-using-web-api
    """
    answer = api.patch(account, json={"fax": "2"})
    assert answer.headers["OData-EntityId"] == f"{api.base_url}/{account}"


def test_an_update_returns_the_row_on_request(api, account):
    """200 and the row.

    Learn: webapi/update-delete-entities-using-web-api
    """
    answer = api.patch(
        f"{account}?$select=fax", json={"fax": "2"}, prefer=REPRESENTATION
    )
    assert (answer.status_code, answer.json()["fax"]) == (200, "2")


def test_an_update_moves_the_version(api, account):
    """Also one that sends the value the row has.

    Learn: webapi/update-delete-entities-using-web-api
    """
    before = etag(api, account)
    api.patch(account, json={"fax": "1"})
    assert etag(api, account) != before


def test_a_single_property_is_put(api, account):
    """PUT accounts(id)/fax {"value": ...}.

    Learn: webapi/update-delete-entities-using-web-api
    """
    assert api.put(f"{account}/fax", json={"value": "2"}).status_code == 204
    assert api.retrieve(account)["fax"] == "2"


def test_a_single_property_is_deleted(api, account):
    """DELETE accounts(id)/fax.

    Learn: webapi/update-delete-entities-using-web-api
    """
    assert api.delete(f"{account}/fax").status_code == 204
    assert api.retrieve(account)["fax"] is None


def test_the_primary_key_does_not_change(api, account):
    """A key in the body of an update is not written.

    Learn: webapi/update-delete-entities-using-web-api
    """
    api.patch(account, json={"accountid": str(uuid.uuid4()), "fax": "2"})
    assert api.retrieve(account)["fax"] == "2"


# -- upsert and conditions -----------------------------------------------------------


def test_patch_of_a_missing_row_creates_it(api, rows, missing):
    """Upsert.

    Learn: use-upsert-insert-update-record
    """
    assert api.patch(missing, json=rows.body("accounts")).status_code == 204
    assert api.retrieve(missing)["name"] == rows.name()


@pytest.mark.parametrize(("times", "status"), [(1, 201), (2, 200)])
def test_an_upsert_tells_on_request_what_it_did(api, rows, missing, times, status):
    """With return=representation: 201 created, 200 updated.

    Learn: use-upsert-insert-update-record
    """
    body = rows.body("accounts")
    for _ in range(times):
        answer = api.patch(
            f"{missing}?$select=accountid", json=body, prefer=REPRESENTATION
        )
    assert answer.status_code == status


def test_if_match_any_prevents_create(api, rows, missing):
    """404, and nothing is created.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    answer = api.patch(missing, json=rows.body("accounts"), if_match="*")
    assert error(answer) == (404, "0x80040217")
    assert api.get(missing).status_code == 404


def test_if_none_match_any_allows_create(api, rows, missing):
    """The row is created.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    answer = api.patch(missing, json=rows.body("accounts"), if_none_match="*")
    assert answer.status_code == 204


def test_if_none_match_any_prevents_update(api, account):
    """412 DuplicateRecord, and nothing is changed.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    answer = api.patch(account, json={"fax": "2"}, if_none_match="*")
    assert error(answer) == (412, "0x80040237")
    assert api.retrieve(account)["fax"] == "1"


def test_an_update_of_the_known_version(api, account):
    """If-Match with the current ETag.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    answer = api.patch(account, json={"fax": "2"}, if_match=etag(api, account))
    assert answer.status_code == 204


def test_an_update_of_an_old_version(api, account):
    """412 ConcurrencyVersionMismatch, and nothing is changed.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    old = etag(api, account)
    api.patch(account, json={"fax": "2"})
    answer = api.patch(account, json={"fax": "3"}, if_match=old)
    assert error(answer) == (412, "0x80060882")
    assert SAME_VERSION in answer.json()["error"]["message"]
    assert api.retrieve(account)["fax"] == "2"


def test_a_delete_of_the_known_version(api, account):
    """If-Match with the current ETag.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    assert api.delete(account, if_match=etag(api, account)).status_code == 204


def test_a_delete_of_an_old_version(api, account):
    """412, and the row stays.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    old = etag(api, account)
    api.patch(account, json={"fax": "2"})
    assert error(api.delete(account, if_match=old)) == (412, "0x80060882")
    assert api.get(account).status_code == 200


def test_an_unchanged_row_is_not_sent_again(api, account):
    """GET with If-None-Match: 304, no body.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    answer = api.get(f"{account}?$select=name", if_none_match=etag(api, account))
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_changed_row_is_sent_again(api, account):
    """GET with an old ETag: 200.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    old = etag(api, account)
    api.patch(account, json={"fax": "2"})
    assert api.get(account, if_none_match=old).status_code == 200


def test_with_expand_a_row_is_always_sent(api, account):
    """$expand excludes 304.

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    address = f"{account}?$select=name&$expand=primarycontactid($select=fullname)"
    answer = api.get(address, if_none_match=etag(api, account))
    assert answer.status_code == 200


def test_with_annotations_a_row_is_always_sent(api, account):
    """odata.include-annotations excludes 304.

    Learn: webapi/query/select-columns
    """
    prefer = 'odata.include-annotations="*"'
    answer = api.get(account, if_none_match=etag(api, account), prefer=prefer)
    assert answer.status_code == 200


# -- delete --------------------------------------------------------------------------


def test_delete(api, account):
    """204, then 404.

    Learn: webapi/update-delete-entities-using-web-api
    """
    assert api.delete(account).status_code == 204
    assert api.get(account).status_code == 404


def test_a_row_is_deleted_once(api, account):
    """404 ObjectDoesNotExist.

    Learn: reference/web-service-error-codes
    """
    api.delete(account)
    assert error(api.delete(account)) == (404, "0x80040217")


def test_a_deleted_row_can_be_created_again(api, rows, account):
    """A plain PATCH brings it back under its old key.

    Recorded: ServiceClient issue 149
    """
    api.delete(account)
    assert api.patch(account, json=rows.body("accounts")).status_code == 204
    assert api.get(account).status_code == 200


# -- alternate keys ------------------------------------------------------------------


@pytest.fixture(scope="module")
def key(environment: Environment, api: Api) -> Iterator[str]:
    """A text column of account that is an alternate key by itself.

    Only the simulator is given one; nobody's table definitions are changed.
    """
    keys = "EntityDefinitions(LogicalName='account')/Keys"
    for found in api.rows(f"{keys}?$select=KeyAttributes,EntityKeyIndexStatus"):
        columns, status = found["KeyAttributes"], found["EntityKeyIndexStatus"]
        if len(columns) == 1 and status == "Active" and columns[0] != "name":
            yield columns[0]
            return
    if not environment.local:
        environment.lacks("an alternate key of one column on account")
    answer = api.post(
        keys, json={"SchemaName": "new_number", "KeyAttributes": ["accountnumber"]}
    )
    assert answer.status_code == 204, answer.text
    yield "accountnumber"


@pytest.fixture
def by_key(rows: Rows, key: str) -> str:
    """The address of a row that may be there, by its alternate key."""
    return f"accounts({key}='{rows.mark}K')"


def test_a_key_is_defined(api, key):
    """EntityDefinitions tell a table's keys and their columns.

    Learn: define-alternate-keys-entity
    """
    table = api.retrieve(
        "EntityDefinitions(LogicalName='account')?$select=LogicalName"
        "&$expand=Keys($select=KeyAttributes,EntityKeyIndexStatus)"
    )
    assert [key] in [entry["KeyAttributes"] for entry in table["Keys"]]


def test_a_row_is_read_by_key(api, rows, key, by_key):
    """accounts(<column>='<value>').

    Learn: use-alternate-key-reference-record
    """
    account = rows.add("accounts", {key: f"{rows.mark}K"})
    assert api.retrieve(by_key)["accountid"] == account


def test_a_missing_row_by_key(api, by_key):
    """404 0x80060891.

    Learn: reference/web-service-error-codes
    """
    answer = api.get(by_key)
    assert error(answer) == (404, "0x80060891")
    assert answer.json()["error"]["message"] == (
        "A record with the specified key values does not exist in account entity"
    )


def test_an_upsert_by_key_creates(api, rows, key, by_key):
    """The key of the address becomes the column's value.

    Learn: use-upsert-insert-update-record
    """
    answer = api.patch(by_key, json=rows.body("accounts"))
    assert answer.status_code == 204
    (row,) = rows.find("accounts")
    rows.own("accounts", row["accountid"])
    assert row[key] == f"{rows.mark}K"


def test_an_upsert_by_key_updates(api, rows, key, by_key):
    """The second one finds the row of the first.

    Learn: use-upsert-insert-update-record
    """
    account = rows.add("accounts", {key: f"{rows.mark}K"})
    assert api.patch(by_key, json={"fax": "7"}).status_code == 204
    assert api.retrieve(f"accounts({account})")["fax"] == "7"


def test_an_upsert_by_key_answers_with_the_key(api, rows, key, by_key):
    """OData-EntityId is the address that was asked for.

    Learn: use-upsert-insert-update-record
    """
    rows.add("accounts", {key: f"{rows.mark}K"})
    answer = api.patch(by_key, json={"fax": "7"})
    assert answer.headers["OData-EntityId"] == f"{api.base_url}/{by_key}"


def test_a_row_is_deleted_by_key(api, rows, key, by_key):
    """DELETE accounts(<column>='<value>').

    Learn: use-alternate-key-reference-record
    """
    rows.add("accounts", {key: f"{rows.mark}K"})
    assert api.delete(by_key).status_code == 204
    assert rows.find("accounts") == []


def test_a_key_is_unique(api, rows, key):
    """412 DuplicateRecordEntityKey.

    Learn: define-alternate-keys-entity
    """
    rows.add("accounts", {key: f"{rows.mark}K"})
    body = rows.body("accounts", {key: f"{rows.mark}K"})
    assert error(api.post("accounts", json=body)) == (412, "0x80060892")


def test_a_lookup_is_bound_by_key(api, rows, key, by_key):
    """ "parentaccountid@odata.bind": "accounts(<column>='<value>')".

    Learn: use-alternate-key-reference-record
    """
    parent = rows.add("accounts", {key: f"{rows.mark}K"}, "Parent")
    child = rows.add("accounts", {"parentaccountid@odata.bind": by_key}, "Child")
    assert api.retrieve(f"accounts({child})")["_parentaccountid_value"] == parent


def test_a_lookup_to_a_missing_key(api, rows, by_key):
    """0x80060891, and nothing is created.

    Recorded: dynamics-365-customer-engagement issue 1044
    """
    body = rows.body("accounts", {"parentaccountid@odata.bind": by_key})
    assert error(api.post("accounts", json=body))[1] == "0x80060891"
    assert rows.find("accounts") == []


def test_a_column_that_is_no_key(api, rows):
    """ "The key in the request URI is not valid for resource".

    Recorded: answers of live organizations in public reports
    """
    answer = api.get("accounts(tickersymbol='A')")
    assert answer.status_code == 400
    assert "The key in the request URI is not valid for resource" in answer.text
