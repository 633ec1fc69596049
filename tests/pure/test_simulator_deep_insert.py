"""Related rows in one body: deep insert, and the parties of an activity.

Source: "Create related table rows in one operation", "Activity parties".
"""

from __future__ import annotations

import uuid

import pytest
from simulator_process import create, error

pytest_plugins = ["simulator_fixture"]


def test_a_row_its_parent_and_its_children_in_one_body(api):
    """The documented example: an account with a contact, an opportunity with tasks."""
    body = {
        "name": "Sample",
        "primarycontactid": {"firstname": "John", "lastname": "Smith"},
        "opportunity_customer_accounts": [
            {
                "name": "Chairs",
                "Opportunity_Tasks": [{"subject": "Call"}, {"subject": "Write"}],
            }
        ],
    }
    answer = api.post("accounts", json=body)
    assert answer.status_code == 204, answer.text
    row = api.get(
        answer.headers["OData-EntityId"] + "?$select=name&$expand="
        "primarycontactid($select=fullname),"
        "opportunity_customer_accounts($select=name)"
    ).json()
    assert row["primarycontactid"]["fullname"] == "John Smith"
    (opportunity,) = row["opportunity_customer_accounts"]
    assert opportunity["name"] == "Chairs"
    tasks = api.get(
        f"opportunities({opportunity['opportunityid']})/Opportunity_Tasks"
        "?$select=subject&$orderby=subject"
    ).json()["value"]
    assert [task["subject"] for task in tasks] == ["Call", "Write"]


def test_what_was_created_can_be_returned(api):
    """return=representation with $expand shows the related rows."""
    answer = api.post(
        "accounts?$select=name&$expand=contact_customer_accounts($select=lastname)",
        json={"name": "A", "contact_customer_accounts": [{"lastname": "L"}]},
        headers={"Prefer": "return=representation"},
    )
    assert answer.status_code == 201
    (contact,) = answer.json()["contact_customer_accounts"]
    assert contact["lastname"] == "L"


def test_nothing_remains_of_a_deep_insert_that_fails(api):
    """One operation: all rows or none."""
    body = {
        "name": "A",
        "primarycontactid": {"lastname": "L"},
        "Account_Tasks": [{"subject": "x" * 201}],
    }
    assert error(api.post("accounts", json=body)) == (400, "0x80044331")
    for entity_set in ("accounts", "contacts", "tasks"):
        assert api.get(entity_set).json()["value"] == []


def test_privileges_hold_for_nested_rows(simulator, api):
    """Each nested row needs the privilege to create it."""
    rights = {"privileges": {"contact": {"Create": "None"}}}
    simulator.control("PUT", f"users/{simulator.ready['client_id']}", rights)
    body = {"name": "A", "primarycontactid": {"lastname": "L"}}
    assert error(api.post("accounts", json=body)) == (403, "0x80040220")


@pytest.mark.parametrize(
    "change",
    [
        {"primarycontactid": [{"lastname": "L"}]},
        {"primarycontactid": "L"},
        {"Account_Tasks": {"subject": "A"}},
        {"Account_Tasks": ["A"]},
        {"ownerid": {"fullname": "A"}},
        {"name": {"a": 1}},
        {"nosuch": [{"a": 1}]},
        {"primarycontactid": {"nosuch": 1}},
    ],
)
def test_nested_values_must_be_rows(api, change):
    """A payload error, 0x80048d19."""
    answer = api.post("accounts", json={"name": "A", **change})
    assert error(answer) == (400, "0x80048d19")


def test_nesting_has_an_end(api):
    """A body cannot be nested without limit."""
    body: dict = {"name": "A"}
    for _ in range(60):
        body = {"name": "A", "parentaccountid": body}
    assert error(api.post("accounts", json=body)) == (400, "0x80060888")


@pytest.mark.parametrize(
    "change",
    [{"primarycontactid": {"lastname": "L"}}, {"Account_Tasks": [{"subject": "A"}]}],
)
def test_there_is_no_deep_update(api, change):
    """Update: related rows cannot be part of the body."""
    account = create(api, "accounts", name="A")
    answer = api.patch(f"accounts({account})", json=change)
    assert error(answer) == (400, "0x80060888")


def test_an_upsert_that_creates_goes_deep(api):
    """Upsert: a create, with all that a create can."""
    body = {"name": "A", "primarycontactid": {"lastname": "L"}}
    address = f"accounts({uuid.uuid4()})"
    assert api.patch(address, json=body).status_code == 204
    row = api.get(f"{address}/primarycontactid?$select=lastname").json()
    assert row["lastname"] == "L"


# -- activity parties --------------------------------------------------------------

TO = 2


@pytest.fixture
def people(api):
    return [create(api, "contacts", lastname=name) for name in ("A", "B")]


def parties(api, call):
    answer = api.get(
        f"phonecalls({call})/phonecall_activity_parties"
        "?$select=participationtypemask,_partyid_value"
    )
    return [
        (row["participationtypemask"], row["_partyid_value"])
        for row in answer.json()["value"]
    ]


def ring(api, *contacts):
    to = [
        {
            "partyid_contact@odata.bind": f"/contacts({contact})",
            "participationtypemask": TO,
        }
        for contact in contacts
    ]
    return create(api, "phonecalls", subject="A", phonecall_activity_parties=to)


def test_parties_come_with_their_activity(api, people):
    """<activity>_activity_parties with participationtypemask."""
    call = ring(api, *people)
    assert sorted(parties(api, call)) == sorted((TO, contact) for contact in people)


def test_parties_written_again_replace_those_before(api, people):
    """Activity parties: the array is the whole list."""
    call = ring(api, *people)
    change = [{"partyid_contact@odata.bind": f"contacts({people[0]})"}]
    answer = api.patch(
        f"phonecalls({call})",
        json={"subject": "B", "phonecall_activity_parties": change},
    )
    assert answer.status_code == 204, answer.text
    assert parties(api, call) == [(None, people[0])]
    assert api.patch(f"phonecalls({call})", json={"subject": "C"}).status_code == 204
    assert len(parties(api, call)) == 1


def test_parties_go_with_their_activity(api, people):
    """Cascade rules."""
    call = ring(api, *people)
    assert api.delete(f"phonecalls({call})").status_code == 204
    assert api.get("activityparties").json()["value"] == []


def test_a_party_is_not_created_on_its_own(api, people):
    """activityparty supports no Create."""
    body = {"partyid_contact@odata.bind": f"contacts({people[0]})"}
    assert error(api.post("activityparties", json=body)) == (400, "0x80040800")
