"""``$batch`` and the bulk messages in the simulator.

Source: "Execute batch operations using the Web API", "Bulk operation messages".
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass

import pytest
from simulator_process import Session, create, error

pytest_plugins = ["simulator_fixture"]


def operation(method: str, url: str, body: dict | None = None, **headers: str) -> str:
    """The HTTP request of one part; ``content_id`` becomes a part header."""
    content_id = headers.pop("content_id", None)
    part = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    if content_id:
        part += f"Content-ID: {content_id}\r\n"
    lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
    if body is not None:
        lines += "Content-Type: application/json\r\n"
    text = "" if body is None else json.dumps(body)
    return f"{part}\r\n{method} {url} HTTP/1.1\r\n{lines}\r\n{text}\r\n"


def change_set(*operations: str) -> str:
    parts = "".join(f"--cs\r\n{part}" for part in operations)
    return f"Content-Type: multipart/mixed; boundary=cs\r\n\r\n{parts}--cs--\r\n"


def send(api: Session, *parts: str, **headers: str):
    body = "".join(f"--b\r\n{part}" for part in parts) + "--b--\r\n"
    kind = {"Content-Type": "multipart/mixed; boundary=b", **headers}
    return api.post("$batch", data=body.encode(), headers=kind)


@dataclass
class Part:
    """One answer: ``inner`` are the answers of a change set."""

    status: int
    headers: dict[str, str]
    body: str
    content_id: str | None = None
    inner: list[Part] | None = None


def parts(text: str, boundary: str) -> list[Part]:
    chunks = text.split(f"--{boundary}")
    assert chunks[0] == "" and chunks[-1].startswith("--")
    found = []
    for chunk in chunks[1:-1]:
        head, _, content = chunk.removeprefix("\r\n").partition("\r\n\r\n")
        if inner := re.search(r"boundary=(changesetresponse_[0-9a-f-]+)", head):
            found.append(Part(0, {}, "", None, parts(content, inner[1])))
            continue
        assert "Content-Type: application/http" in head
        assert "Content-Transfer-Encoding: binary" in head
        echoed = re.search(r"Content-ID: (\S+)", head)
        status, _, body = content.partition("\r\n\r\n")
        line, *lines = status.split("\r\n")
        headers = dict(entry.split(": ", 1) for entry in lines)
        number = int(line.split()[1])
        found.append(Part(number, headers, body.strip(), echoed and echoed[1]))
    return found


def answers(answer) -> list[Part]:
    kind = answer.headers["Content-Type"]
    match = re.fullmatch(r"multipart/mixed; boundary=(batchresponse_[0-9a-f-]+)", kind)
    assert match, kind
    return parts(answer.content.decode(), match[1])


def test_requests_run_in_order(simulator, api):
    """Independent operations; rooted, relative and absolute inner addresses."""
    account = str(uuid.uuid4())
    answer = send(
        api,
        operation("POST", "/api/data/v9.2/accounts", {"accountid": account}),
        operation("PATCH", f"accounts({account})", {"name": "A"}, If_Match="*"),
        operation("GET", f"{simulator.api_url}/accounts({account})?$select=name"),
        operation("GET", "/api/data/v9.2/accounts?$filter=name eq 'A'"),
    )
    assert answer.status_code == 200
    created, updated, row, query = answers(answer)
    assert [part.status for part in (created, updated, row)] == [204, 204, 200]
    assert created.headers["OData-EntityId"] == (
        f"{simulator.api_url}/accounts({account})"
    )
    assert created.headers["Location"] == created.headers["OData-EntityId"]
    assert created.headers["OData-Version"] == "4.0"
    assert json.loads(row.body)["name"] == "A"
    assert len(json.loads(query.body)["value"]) == 1


def test_the_first_failure_stops_the_batch(api):
    """Without continue-on-error: the outer status is that of the failure."""
    answer = send(
        api,
        operation("POST", "/api/data/v9.2/accounts", {"name": "A"}),
        operation("POST", "/api/data/v9.2/accounts", {"nosuch": 1}),
        operation("POST", "/api/data/v9.2/accounts", {"name": "C"}),
    )
    assert answer.status_code == 400
    done, failed = answers(answer)
    assert (done.status, failed.status) == (204, 400)
    assert "REQ_ID" in failed.headers
    assert json.loads(failed.body)["error"]["code"] == "0x80048d19"
    assert api.get("accounts?$count=true").json()["@odata.count"] == 1


def test_continue_on_error(api):
    """With the preference: outer 200, every part answered."""
    missing = f"/api/data/v9.2/accounts({uuid.uuid4()})"
    answer = send(
        api,
        operation("GET", missing),
        operation("POST", "/api/data/v9.2/accounts", {"name": "C"}),
        Prefer="odata.continue-on-error",
    )
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "odata.continue-on-error"
    assert [part.status for part in answers(answer)] == [404, 204]


def test_change_set_with_references(api):
    """$1 in bindings and in addresses; Content-ID echoed."""
    answer = send(
        api,
        change_set(
            operation("POST", "/api/data/v9.2/accounts", {"name": "A"}, content_id="1"),
            operation(
                "POST",
                "/api/data/v9.2/contacts",
                {"lastname": "L", "parentcustomerid_account@odata.bind": "$1"},
                content_id="2",
            ),
            operation("PATCH", "$1", {"fax": "9"}, content_id="3"),
            operation(
                "PUT", "$1/primarycontactid/$ref", {"@odata.id": "$2"}, content_id="4"
            ),
        ),
    )
    assert answer.status_code == 200, answer.text
    (part,) = answers(answer)
    assert [inner.status for inner in part.inner] == [204] * 4
    assert [inner.content_id for inner in part.inner] == ["1", "2", "3", "4"]
    account = api.get("accounts?$expand=primarycontactid").json()["value"][0]
    assert account["fax"] == "9"
    assert account["primarycontactid"]["_accountid_value"] == account["accountid"]


def test_a_change_set_is_atomic(api):
    """One error part takes the place of the whole change-set response."""
    answer = send(
        api,
        change_set(
            operation("POST", "/api/data/v9.2/accounts", {"name": "A"}, content_id="1"),
            operation("POST", "/api/data/v9.2/accounts", {"fax": 1}, content_id="2"),
        ),
        operation("POST", "/api/data/v9.2/accounts", {"name": "after"}),
        Prefer="odata.continue-on-error",
    )
    failed, after = answers(answer)
    assert (failed.status, failed.inner) == (400, None)
    assert after.status == 204
    rows = api.get("accounts?$select=name").json()["value"]
    assert [row["name"] for row in rows] == ["after"]


def test_an_undeclared_reference(api):
    """Content-ID Reference: '$7' does not exist in the batch context."""
    answer = send(
        api, change_set(operation("PATCH", "$7", {"name": "A"}, content_id="1"))
    )
    (part,) = answers(answer)
    assert (answer.status_code, part.status) == (400, 400)
    assert json.loads(part.body)["error"]["message"] == (
        "Content-ID Reference: '$7' does not exist in the batch context."
    )


@pytest.mark.parametrize(
    "part",
    [
        change_set(operation("POST", "/api/data/v9.2/accounts", {})),
        change_set(operation("GET", "/api/data/v9.2/accounts", content_id="1")),
        operation("POST", "/api/data/v9.2/$batch", {}),
        "Content-Type: application/json\r\n\r\n{}\r\n",
        "Content-Type: application/http\r\n\r\nnonsense\r\n",
    ],
    ids=["no Content-ID", "GET in change set", "nested", "no http", "request line"],
)
def test_malformed_parts_are_a_plain_json_error(api, part):
    """0x80060888, nothing is run."""
    answer = send(
        api, operation("POST", "/api/data/v9.2/accounts", {"name": "A"}), part
    )
    assert error(answer) == (400, "0x80060888")
    assert api.get("accounts?$count=true").json()["@odata.count"] == 0


def test_an_unterminated_batch(api):
    """The final boundary is part of the format."""
    body = "--b\r\n" + operation("GET", "/api/data/v9.2/WhoAmI")
    kind = {"Content-Type": "multipart/mixed; boundary=b"}
    assert error(api.post("$batch", data=body, headers=kind)) == (400, "0x80060888")


def test_at_most_a_thousand_requests(api):
    """≤ 1000 requests, change sets included."""
    one = operation("GET", "/api/data/v9.2/WhoAmI")
    assert len(answers(send(api, *[one] * 1000))) == 1000
    assert error(send(api, *[one] * 1001)) == (400, "0x80060888")


def test_boundaries_may_be_quoted(api):
    """boundary="batch_x", as several clients write it."""
    body = f"--b x\r\n{operation('GET', '/api/data/v9.2/WhoAmI')}--b x--\r\n"
    kind = {"Content-Type": 'multipart/mixed; boundary="b x"'}
    assert api.post("$batch", data=body, headers=kind).status_code == 200


def test_preferences_of_inner_requests(api):
    """return=representation inside a batch."""
    part = operation(
        "POST",
        "/api/data/v9.2/accounts?$select=name",
        {"name": "A"},
        Prefer="return=representation",
    )
    (created,) = answers(send(api, part))
    assert created.status == 201
    assert json.loads(created.body)["name"] == "A"
    assert created.headers["ETag"] == json.loads(created.body)["@odata.etag"]


# -- bulk messages -----------------------------------------------------------------

ACCOUNT = "Microsoft.Dynamics.CRM.account"


def bulk(api: Session, message: str, *targets: dict):
    body = {"Targets": [{"@odata.type": ACCOUNT, **target} for target in targets]}
    return api.post(f"accounts/Microsoft.Dynamics.CRM.{message}", json=body)


def test_create_multiple_returns_ids_in_order(simulator, api):
    """CreateMultiple: 200 with Ids."""
    mine = str(uuid.uuid4())
    answer = bulk(
        api, "CreateMultiple", {"name": "A", "accountid": mine}, {"name": "B"}
    )
    assert answer.status_code == 200
    body = answer.json()
    assert body["@odata.context"].endswith("Dynamics.CRM.CreateMultipleResponse")
    first, second = body["Ids"]
    assert first == mine
    assert api.get(f"accounts({second})").json()["name"] == "B"


def test_update_multiple(api):
    """UpdateMultiple: 204."""
    ids = bulk(api, "CreateMultiple", {"name": "A"}, {"name": "B"}).json()["Ids"]
    answer = bulk(api, "UpdateMultiple", *({"accountid": i, "fax": "1"} for i in ids))
    assert answer.status_code == 204
    rows = api.get("accounts?$select=fax").json()["value"]
    assert [row["fax"] for row in rows] == ["1", "1"]


@pytest.mark.parametrize("message", ["CreateMultiple", "UpdateMultiple"])
def test_bulk_is_all_or_nothing(api, message):
    """One transaction; the error does not say which row."""
    ids = bulk(api, "CreateMultiple", {"name": "A"}, {"name": "B"}).json()["Ids"]
    rows = [{"fax": "1"}, {"fax": "x" * 51}]
    if message == "UpdateMultiple":
        rows = [{"accountid": i, **row} for i, row in zip(ids, rows, strict=True)]
    assert error(bulk(api, message, *rows)) == (400, "0x80044331")
    found = api.get("accounts?$select=fax").json()["value"]
    assert [row["fax"] for row in found] == [None, None]


def test_updating_a_missing_row_fails(api):
    """UpdateMultiple never creates."""
    answer = bulk(api, "UpdateMultiple", {"accountid": str(uuid.uuid4()), "name": "A"})
    assert error(answer) == (404, "0x80040217")


@pytest.mark.parametrize("kind", [None, "Microsoft.Dynamics.CRM.contact"])
def test_the_type_is_mandatory(api, kind):
    """@odata.type in each target."""
    target = {"name": "A"} if kind is None else {"name": "A", "@odata.type": kind}
    answer = api.post(
        "accounts/Microsoft.Dynamics.CRM.CreateMultiple", json={"Targets": [target]}
    )
    assert error(answer) == (400, "0x80048d19")


def test_upsert_multiple(api):
    """UpsertMultiple: 204; a key in address and body breaks the create path."""
    definition = {"SchemaName": "number", "KeyAttributes": ["accountnumber"]}
    api.post("EntityDefinitions(LogicalName='account')/Keys", json=definition)
    known = create(api, "accounts", name="A")
    answer = bulk(
        api,
        "UpsertMultiple",
        {"accountid": known, "name": "B"},
        {"@odata.id": "accounts(accountnumber='C-1')", "name": "C"},
    )
    assert answer.status_code == 204, answer.text
    rows = api.get("accounts?$select=name,accountnumber&$orderby=name").json()["value"]
    assert [(r["name"], r["accountnumber"]) for r in rows] == [
        ("B", None),
        ("C", "C-1"),
    ]
    both = {"@odata.id": "accounts(accountnumber='C-2')", "accountnumber": "C-2"}
    assert error(bulk(api, "UpsertMultiple", both)) == (400, "0x80040216")


def test_delete_multiple_is_for_elastic_tables(api):
    """Standard tables: "has not yet been implemented"."""
    known = create(api, "accounts", name="A")
    answer = bulk(api, "DeleteMultiple", {"accountid": known})
    assert "has not yet been implemented" in answer.json()["error"]["message"]
