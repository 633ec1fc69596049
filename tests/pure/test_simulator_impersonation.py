"""Acting for another user, and duplicates that are detected when asked for.

Source: "Impersonate another user using the Web API", "Detect duplicate data using the
Web API", "Use optional parameters".
"""

from __future__ import annotations

import uuid

import pytest
from simulator_process import create, error

pytest_plugins = ["simulator_fixture"]


@pytest.fixture
def application(api):
    return api.get("WhoAmI").json()["UserId"]


@pytest.fixture
def person(api):
    """A user with an id in the directory."""
    answer = api.get(
        "systemusers?$select=azureactivedirectoryobjectid,fullname&$filter="
        "azureactivedirectoryobjectid ne null and applicationid eq null"
    )
    return answer.json()["value"][0]


@pytest.fixture(params=["CallerObjectId", "MSCRMCallerID"])
def acting(request, person):
    """The headers that name ``person``, in both ways."""
    column = {
        "CallerObjectId": "azureactivedirectoryobjectid",
        "MSCRMCallerID": "systemuserid",
    }[request.param]
    return {request.param: person[column]}


def test_the_request_counts_for_the_other_user(api, person, acting, application):
    """createdby is the user, createdonbehalfby the application user."""
    assert api.get("WhoAmI", headers=acting).json()["UserId"] == person["systemuserid"]
    answer = api.post("accounts", json={"name": "A"}, headers=acting)
    row = api.get(answer.headers["OData-EntityId"]).json()
    me = person["systemuserid"]
    assert row["_createdby_value"] == row["_modifiedby_value"] == me
    assert row["_ownerid_value"] == me
    assert row["_createdonbehalfby_value"] == application
    assert row["_modifiedonbehalfby_value"] == application


def test_who_writes_later_writes_alone(api, acting, application):
    """modifiedonbehalfby is empty again after a write without impersonation."""
    answer = api.post("accounts", json={"name": "A"}, headers=acting)
    address = answer.headers["OData-EntityId"]
    assert api.patch(address, json={"fax": "1"}).status_code == 204
    row = api.get(address).json()
    assert row["_modifiedby_value"] == application
    assert row["_modifiedonbehalfby_value"] is None
    assert row["_createdonbehalfby_value"] == application


def test_rights_are_those_that_both_have(simulator, api, acting):
    """The effective rights are the intersection."""
    rights = {"privileges": {"account": {"Read": "User"}}}
    simulator.control("PUT", f"users/{simulator.ready['client_id']}", rights)
    create(api, "accounts", name="Mine")
    assert api.get("accounts", headers=acting).json()["value"] == []
    api.post("accounts", json={"name": "Theirs"}, headers=acting)
    (row,) = api.get("accounts?$select=name", headers=acting).json()["value"]
    assert row["name"] == "Theirs"


def test_the_rights_of_the_other_user_count_as_well(simulator, api):
    """A user without the privilege does not get it from the application user."""
    other = simulator.ready["salesperson"]["client_id"]
    simulator.control(
        "PUT", f"users/{other}", {"privileges": {"account": {"Create": "None"}}}
    )
    (user,) = api.get(
        f"systemusers?$select=systemuserid&$filter=applicationid eq {other}"
    ).json()["value"]
    header = {"MSCRMCallerID": user["systemuserid"]}
    answer = api.post("accounts", json={"name": "A"}, headers=header)
    assert error(answer) == (403, "0x80040220")


def test_impersonation_is_a_privilege(simulator, api, acting):
    """prvActOnBehalfOfAnotherUser."""
    rights = {"privileges": {"systemuser": {"ActOnBehalfOfAnother": "None"}}}
    simulator.control("PUT", f"users/{simulator.ready['client_id']}", rights)
    answer = api.get("accounts", headers=acting)
    assert error(answer) == (403, "0x80040220")
    assert "prvActOnBehalfOfAnotherUser" in answer.text


def test_a_batch_may_act_for_another_user(api, person, acting):
    """The header of the batch or of a request in it."""
    body = (
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary"
        "\r\n\r\nGET /api/data/v9.2/WhoAmI HTTP/1.1\r\n{}\r\n\r\n--b--\r\n"
    )
    kind = {"Content-Type": "multipart/mixed; boundary=b"}
    (name, value) = next(iter(acting.items()))
    outside = api.post("$batch", data=body.format(""), headers={**kind, **acting})
    assert person["systemuserid"] in outside.text
    inside = api.post("$batch", data=body.format(f"{name}: {value}\r\n"), headers=kind)
    assert person["systemuserid"] in inside.text


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("CallerObjectId", str(uuid.uuid4()), (403, "0x80072560")),
        ("MSCRMCallerID", str(uuid.uuid4()), (404, "0x80040217")),
        ("CallerObjectId", "someone", (400, "0x80060888")),
    ],
)
def test_nobody_cannot_be_impersonated(api, header, value, expected):
    """Unknown users, values that are no GUIDs."""
    assert error(api.get("accounts", headers={header: value})) == expected


# -- duplicates --------------------------------------------------------------------

DETECT = {"MSCRM.SuppressDuplicateDetection": "false"}


@pytest.mark.parametrize(
    ("entity_set", "body"),
    [
        ("accounts", {"name": "Contoso"}),
        ("accounts", {"emailaddress1": "a@b.example"}),
        ("contacts", {"emailaddress1": "a@b.example"}),
        ("contacts", {"firstname": "Ida", "lastname": "Holm"}),
        ("leads", {"emailaddress1": "a@b.example", "subject": "A"}),
    ],
)
def test_a_duplicate_is_refused_when_asked_for(api, entity_set, body):
    """MSCRM.SuppressDuplicateDetection: false, 412 DuplicateRecordsFound 0x80040333."""
    create(api, entity_set, **body)
    shouted = {name: value.upper() for name, value in body.items()}
    answer = api.post(entity_set, json=shouted, headers=DETECT)
    assert error(answer) == (412, "0x80040333")
    assert len(api.get(entity_set).json()["value"]) == 1


@pytest.mark.parametrize("value", [None, "true"])
def test_duplicates_are_created_otherwise(api, value):
    """The Web API suppresses duplicate detection unless told not to."""
    create(api, "accounts", name="A")
    headers = {"MSCRM.SuppressDuplicateDetection": value} if value else {}
    answer = api.post("accounts", json={"name": "A"}, headers=headers)
    assert answer.status_code == 204


def test_an_update_may_make_a_duplicate_too(api):
    """Duplicate detection on update; what the row was before stays."""
    create(api, "accounts", name="A")
    other = create(api, "accounts", name="B")
    answer = api.patch(f"accounts({other})", json={"name": "A"}, headers=DETECT)
    assert error(answer) == (412, "0x80040333")
    assert api.get(f"accounts({other})").json()["name"] == "B"


def test_empty_columns_make_no_duplicates(api):
    """Rows without a value do not match."""
    create(api, "contacts", firstname="Ida")
    answer = api.post("contacts", json={"firstname": "Ida"}, headers=DETECT)
    assert answer.status_code == 204
