"""Acting for another user, and finding duplicates."""

from __future__ import annotations

import uuid

import pytest
from environment import Api, Environment, Rows

DETECT = {"MSCRM.SuppressDuplicateDetection": "false"}


@pytest.fixture(scope="module")
def person(environment: Environment, api: Api) -> dict:
    """A person this application may act for."""
    query = (
        "systemusers?$select=azureactivedirectoryobjectid,systemuserid&$filter="
        "azureactivedirectoryobjectid ne null and applicationid eq null and "
        "isdisabled eq false and accessmode eq 0"
    )
    for user in api.rows(query, prefer="odata.maxpagesize=20"):
        headers = {"CallerObjectId": user["azureactivedirectoryobjectid"]}
        if api.get("accounts?$top=1", headers=headers).status_code == 200:
            return user
    environment.lacks("a user whom the application may act for")


@pytest.fixture(params=["CallerObjectId", "MSCRMCallerID"])
def acting(request, person: dict) -> dict[str, str]:
    """The header that names the person, in both ways."""
    columns = {
        "CallerObjectId": "azureactivedirectoryobjectid",
        "MSCRMCallerID": "systemuserid",
    }
    return {request.param: person[columns[request.param]]}


def test_who_one_is_for_the_request(api, person, acting):
    """WhoAmI answers with the other user.

    Learn: webapi/impersonate-another-user-web-api
    """
    answer = api.retrieve("WhoAmI", headers=acting)
    assert answer["UserId"] == person["systemuserid"]


def test_the_other_user_is_the_author(api, rows, person, acting):
    """createdby and ownerid.

    Learn: webapi/impersonate-another-user-web-api
    """
    answer = api.post("accounts", json=rows.body("accounts"), headers=acting)
    row = api.retrieve(f"accounts({rows.adopt(answer)})")
    assert row["_createdby_value"] == row["_ownerid_value"] == person["systemuserid"]


def test_the_application_stands_behind(api, rows, acting):
    """createdonbehalfby and modifiedonbehalfby.

    Learn: webapi/impersonate-another-user-web-api
    """
    me = api.retrieve("WhoAmI")["UserId"]
    answer = api.post("accounts", json=rows.body("accounts"), headers=acting)
    row = api.retrieve(f"accounts({rows.adopt(answer)})")
    assert row["_createdonbehalfby_value"] == me
    assert row["_modifiedonbehalfby_value"] == me


def test_without_the_header_nobody_stands_behind(api, rows, acting):
    """A later write of one's own empties modifiedonbehalfby.

    Learn: webapi/impersonate-another-user-web-api
    """
    answer = api.post("accounts", json=rows.body("accounts"), headers=acting)
    address = f"accounts({rows.adopt(answer)})"
    api.patch(address, json={"fax": "1"})
    row = api.retrieve(address)
    assert row["_modifiedby_value"] == api.retrieve("WhoAmI")["UserId"]
    assert row["_modifiedonbehalfby_value"] is None


@pytest.mark.parametrize("header", ["CallerObjectId", "MSCRMCallerID"])
def test_nobody_cannot_be_acted_for(api, header):
    """An id that is no user's: refused.

    Learn: webapi/impersonate-another-user-web-api
    """
    headers = {header: str(uuid.uuid4())}
    assert 400 <= api.get("accounts?$top=1", headers=headers).status_code < 500


# -- duplicates ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def rules(environment: Environment, api: Api, shared: Rows) -> None:
    """Accounts of the same name are duplicates here."""
    body = shared.body("accounts", name="Rule")
    shared.add("accounts", name="Rule")
    answer = api.post("accounts", json=body, headers=DETECT)
    if answer.ok:
        shared.adopt(answer)
        environment.lacks("a published duplicate detection rule for account names")


def test_duplicates_are_created_unless_told_not_to(api, rows):
    """The Web API suppresses detection.

    Learn: webapi/manage-duplicate-detection-create-update
    """
    assert rows.add("accounts") != rows.add("accounts")


def test_duplicates_are_refused_on_request(api, rows, rules):
    """MSCRM.SuppressDuplicateDetection: false: DuplicateRecordsFound.

    Learn: webapi/manage-duplicate-detection-create-update
    """
    rows.add("accounts")
    answer = api.post("accounts", json=rows.body("accounts"), headers=DETECT)
    assert answer.status_code in (412, 500)
    assert answer.json()["error"]["code"] == "0x80040333"
    assert len(rows.find("accounts")) == 1


def test_an_update_may_be_a_duplicate(api, rows, rules):
    """And then changes nothing.

    Learn: webapi/manage-duplicate-detection-create-update
    """
    rows.add("accounts", name="A")
    address = f"accounts({rows.add('accounts', name='B')})"
    answer = api.patch(address, json={"name": rows.name("A")}, headers=DETECT)
    assert answer.json()["error"]["code"] == "0x80040333"
    assert api.retrieve(address)["name"] == rows.name("B")


def test_what_is_no_duplicate_is_created(api, rows, rules):
    """Detection lets other rows pass.

    Learn: webapi/manage-duplicate-detection-create-update
    """
    body = rows.body("accounts", name="Unique")
    answer = api.post("accounts", json=body, headers=DETECT)
    rows.adopt(answer)
    assert answer.status_code == 204
