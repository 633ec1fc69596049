"""`$batch`, change sets, and the messages for many rows."""

from __future__ import annotations

import uuid

import pytest
from environment import Api, Rows, bind, error
from multipart import change_set, operation, read, send

CRM = "Microsoft.Dynamics.CRM"
CONTINUE = "odata.continue-on-error"


def create(rows: Rows, name: str = "A", **options: str) -> str:
    """The operation that creates an account."""
    body = rows.body("accounts", {"accountid": new(rows, "accounts")}, name)
    return operation("POST", "/api/data/v9.2/accounts", body, **options)


def wrong(rows: Rows, **options: str) -> str:
    """An operation that is refused."""
    body = rows.body("accounts", {"nosuch": 1})
    return operation("POST", "/api/data/v9.2/accounts", body, **options)


def new(rows: Rows, entity_set: str) -> str:
    """The id of a row that may come."""
    return rows.own(entity_set, str(uuid.uuid4()))


# -- the frame -----------------------------------------------------------------------


def test_a_batch_is_answered_part_by_part(api, rows):
    """200, multipart/mixed; boundary=batchresponse_<guid>, in order.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    get = operation("GET", "/api/data/v9.2/WhoAmI")
    answer = send(api, create(rows), get)
    assert answer.status_code == 200
    assert [part.status for part in read(answer)] == [204, 200]


def test_a_created_row_has_its_address_in_the_part(api, rows):
    """Location and OData-EntityId.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    (part,) = read(send(api, create(rows)))
    (row,) = rows.find("accounts")
    address = f"{api.base_url}/accounts({row['accountid']})"
    assert part.headers["OData-EntityId"] == part.headers["Location"] == address
    assert part.headers["OData-Version"] == "4.0"


@pytest.mark.parametrize(
    "form", ["/api/data/v9.2/{}", "{base}/{}", "{}"], ids=["rooted", "absolute", "bare"]
)
def test_forms_of_an_inner_address(api, form):
    """Relative to the server, absolute, or relative to the API.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    url = form.format("WhoAmI", base=api.base_url)
    (part,) = read(send(api, operation("GET", url)))
    assert part.json()["UserId"]


def test_rows_in_a_part_are_streamed(api):
    """Content-Type of a collection: odata.streaming=true; not of a single object.

    Learn: webapi/web-api-query-data-sample
    """
    gets = [operation("GET", f"/api/data/v9.2/{p}") for p in ("accounts", "WhoAmI")]
    rows, one = read(send(api, *gets))
    minimal = "application/json; odata.metadata=minimal"
    assert rows.headers["Content-Type"] == f"{minimal}; odata.streaming=true"
    assert one.headers["Content-Type"] == minimal


def test_an_inner_request_has_its_own_headers(api, rows):
    """Prefer: return=representation for one of two.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    parts = read(
        send(api, create(rows), create(rows, "B", Prefer="return=representation"))
    )
    assert [part.status for part in parts] == [204, 201]
    assert parts[1].json()["name"] == rows.name("B")


def test_inner_conditions(api, rows):
    """If-Match in a part.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    address = f"accounts({new(rows, 'accounts')})"
    patch = operation("PATCH", address, {"fax": "1"}, If_Match="*")
    (part,) = read(send(api, patch, prefer=CONTINUE))
    assert part.status == 404


def test_operations_run_in_order(api, rows):
    """The second one finds what the first one made.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    account = new(rows, "accounts")
    body = rows.body("accounts", {"accountid": account})
    parts = read(
        send(
            api,
            operation("POST", "accounts", body),
            operation("GET", f"accounts({account})?$select=name"),
            operation("DELETE", f"accounts({account})"),
        )
    )
    assert [part.status for part in parts] == [204, 200, 204]


# -- errors --------------------------------------------------------------------------


def test_a_batch_stops_at_the_first_error(api, rows):
    """Nothing after it runs; what ran before stays.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    answer = send(api, create(rows, "A"), wrong(rows), create(rows, "B"))
    assert [part.status for part in read(answer)] == [204, 400]
    assert [row["name"] for row in rows.find("accounts")] == [rows.name("A")]


def test_the_error_is_the_status_of_the_batch(api, rows):
    """Without continue-on-error, the outer status is that of the failure.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    assert send(api, create(rows), wrong(rows)).status_code == 400


def test_a_failed_part_has_an_error_body(api, rows):
    """Code and message as outside of a batch.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    (part,) = read(send(api, wrong(rows)))
    assert part.json()["error"]["code"] == "0x80048d19"


def test_continue_on_error(api, rows):
    """Outer 200; every part runs and is answered.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    answer = send(api, wrong(rows), create(rows), prefer=CONTINUE)
    assert answer.status_code == 200
    assert [part.status for part in read(answer)] == [400, 204]


def test_a_batch_may_have_a_thousand_operations(api):
    """More are refused before anything runs.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    parts = [operation("GET", "WhoAmI")] * 1001
    answer = send(api, *parts)
    assert answer.status_code == 400
    assert not answer.headers["Content-Type"].startswith("multipart")


def test_a_batch_within_a_batch_is_refused(api):
    """No nesting.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    answer = send(api, operation("POST", "$batch", {}))
    assert answer.status_code == 400


def test_a_batch_that_does_not_end_is_refused(api):
    """The last boundary has two more hyphens.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    assert send(api, operation("GET", "WhoAmI"), ending="").status_code == 400


def test_line_feeds_alone_are_understood(api):
    """Some clients leave out the carriage returns, and are served.

    Measured: dataverse-api 1.4.3, which writes no others
    """
    lines = ["--batch_1", operation("GET", "WhoAmI"), "--batch_1--", ""]
    body = "\n".join(lines).replace("\r\n", "\n")
    headers = {"Content-Type": "multipart/mixed; boundary=batch_1"}
    (part,) = read(api.post("$batch", data=body.encode(), headers=headers))
    assert part.json()["UserId"]


# -- change sets ---------------------------------------------------------------------


def test_a_change_set_answers_as_one_part(api, rows):
    """changesetresponse_<guid> with the operations' answers and their Content-ID.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    changes = change_set(
        create(rows, "A", content_id="1"), create(rows, "B", content_id="2")
    )
    (part,) = read(send(api, changes))
    assert [(p.status, p.content_id) for p in part.parts] == [(204, "1"), (204, "2")]


def test_a_change_set_is_atomic(api, rows):
    """One error undoes everything in it.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    changes = change_set(create(rows, content_id="1"), wrong(rows, content_id="2"))
    send(api, changes)
    assert rows.find("accounts") == []


def test_a_failed_change_set_is_one_error(api, rows):
    """A single error part takes the place of the answers.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    changes = change_set(create(rows, content_id="1"), wrong(rows, content_id="2"))
    answer = send(api, changes, operation("GET", "WhoAmI"), prefer=CONTINUE)
    failed, after = read(answer)
    assert failed.status == 400 and failed.parts == []
    assert after.status == 200


def test_change_sets_are_independent(api, rows):
    """The failure of one does not undo another.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    send(
        api,
        change_set(create(rows, "A", content_id="1")),
        change_set(wrong(rows, content_id="1")),
        prefer=CONTINUE,
    )
    assert [row["name"] for row in rows.find("accounts")] == [rows.name("A")]


def test_a_reference_in_a_body(api, rows):
    """ "primarycontactid@odata.bind": "$1".

    Learn: webapi/execute-batch-operations-using-web-api
    """
    contact = rows.body("contacts", {"contactid": new(rows, "contacts")})
    account = rows.body(
        "accounts",
        {
            "accountid": new(rows, "accounts"),
            "primarycontactid@odata.bind": "$1",
        },
    )
    changes = change_set(
        operation("POST", "/api/data/v9.2/contacts", contact, content_id="1"),
        operation("POST", "/api/data/v9.2/accounts", account, content_id="2"),
    )
    assert send(api, changes).status_code == 200
    (row,) = rows.find("accounts")
    assert row["_primarycontactid_value"] == contact["contactid"]


@pytest.mark.parametrize("url", ["$1", "/$1", "$1/fax"])
def test_a_reference_in_an_address(api, rows, url):
    """PATCH $1 changes the row that operation 1 created.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    method, body = ("PUT", {"value": "7"}) if "fax" in url else ("PATCH", {"fax": "7"})
    changes = change_set(
        create(rows, content_id="1"), operation(method, url, body, content_id="2")
    )
    answer = send(api, changes)
    assert answer.status_code == 200, answer.text
    assert rows.find("accounts")[0]["fax"] == "7"


def test_a_lookup_reference_through_a_reference(api, rows):
    """PUT $1/primarycontactid/$ref {"@odata.id": "$2"}.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    contact = rows.body("contacts", {"contactid": new(rows, "contacts")})
    changes = change_set(
        create(rows, content_id="1"),
        operation("POST", "/api/data/v9.2/contacts", contact, content_id="2"),
        operation(
            "PUT", "$1/primarycontactid/$ref", {"@odata.id": "$2"}, content_id="3"
        ),
    )
    answer = send(api, changes)
    assert answer.status_code == 200, answer.text
    assert rows.find("accounts")[0]["_primarycontactid_value"] == contact["contactid"]


def test_an_unknown_reference(api, rows):
    """400 "Content-ID Reference: '$7' does not exist in the batch context."

    Learn: webapi/execute-batch-operations-using-web-api
    """
    body = rows.body("accounts", {"primarycontactid@odata.bind": "$7"})
    changes = change_set(operation("POST", "/api/data/v9.2/accounts", body, "1"))
    answer = send(api, changes)
    assert answer.status_code == 400
    message = "Content-ID Reference: '$7' does not exist in the batch context."
    assert message in answer.text


def test_a_change_set_needs_content_ids(api, rows):
    """400.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    assert send(api, change_set(create(rows), create(rows))).status_code == 400
    assert rows.find("accounts") == []


def test_a_change_set_does_not_read(api):
    """GET is not allowed in it.

    Learn: webapi/execute-batch-operations-using-web-api
    """
    changes = change_set(operation("GET", "/api/data/v9.2/WhoAmI", content_id="1"))
    assert send(api, changes).status_code == 400


# -- many rows -----------------------------------------------------------------------


def many(api: Api, message: str, targets: list[dict], kind: str = "account"):
    """The answer to CreateMultiple and its siblings."""
    body = {"Targets": [{"@odata.type": f"{CRM}.{kind}", **t} for t in targets]}
    return api.post(f"accounts/{CRM}.{message}", json=body)


def test_create_multiple_gives_ids_in_order(api, rows):
    """200 {"Ids": [...]}.

    Learn: bulk-operations
    """
    targets = [rows.body("accounts", name=name) for name in "ABC"]
    answer = many(api, "CreateMultiple", targets)
    assert answer.status_code == 200
    body = answer.json()
    assert body["@odata.context"].endswith(f"#{CRM}.CreateMultipleResponse")
    for row_id, target in zip(body["Ids"], targets, strict=True):
        rows.own("accounts", row_id)
        assert api.retrieve(f"accounts({row_id})")["name"] == target["name"]


def test_create_multiple_is_all_or_nothing(api, rows):
    """One wrong row, no rows.

    Learn: bulk-operations
    """
    targets = [rows.body("accounts"), rows.body("accounts", {"nosuch": 1})]
    assert many(api, "CreateMultiple", targets).status_code == 400
    assert rows.find("accounts") == []


def test_update_multiple(api, rows):
    """204; rows by their primary key.

    Learn: bulk-operations
    """
    ids = [rows.add("accounts", name=name) for name in "AB"]
    targets = [{"accountid": row_id, "fax": str(i)} for i, row_id in enumerate(ids)]
    assert many(api, "UpdateMultiple", targets).status_code == 204
    assert [api.retrieve(f"accounts({row_id})")["fax"] for row_id in ids] == ["0", "1"]


def test_update_multiple_is_all_or_nothing(api, rows):
    """One missing row, no change.

    Learn: bulk-operations
    """
    account = rows.add("accounts", {"fax": "1"})
    targets = [
        {"accountid": account, "fax": "2"},
        {"accountid": str(uuid.uuid4()), "fax": "2"},
    ]
    assert many(api, "UpdateMultiple", targets).status_code in (400, 404)
    assert api.retrieve(f"accounts({account})")["fax"] == "1"


def test_upsert_multiple_by_primary_key(api, rows):
    """204; what is there is updated, what is not is created.

    Learn: bulk-operations
    """
    ids = [rows.add("accounts"), new(rows, "accounts")]
    targets = [
        {"@odata.id": f"accounts({row_id})", **rows.body("accounts", {"fax": "2"})}
        for row_id in ids
    ]
    assert many(api, "UpsertMultiple", targets).status_code == 204
    assert [api.retrieve(f"accounts({row_id})")["fax"] for row_id in ids] == ["2", "2"]


@pytest.mark.parametrize("kind", ["contact", "nosuch"])
def test_every_target_names_its_type(api, rows, kind):
    """@odata.type must be the table of the set.

    Learn: bulk-operations
    """
    targets = [rows.body("accounts")]
    assert many(api, "CreateMultiple", targets, kind).status_code == 400
    assert rows.find("accounts") == []


def test_delete_multiple_is_not_for_standard_tables(api, rows):
    """ "DeleteMultiple has not yet been implemented."

    Learn: bulk-operations
    """
    account = rows.add("accounts")
    answer = many(api, "DeleteMultiple", [{"accountid": account}])
    assert "DeleteMultiple has not yet been implemented." in answer.text
    assert api.get(f"accounts({account})").status_code == 200


def test_which_tables_have_bulk_messages(api):
    """sdkmessagefilters: account supports CreateMultiple.

    Learn: bulk-operations
    """
    condition = (
        "sdkmessageid/name eq 'CreateMultiple' and primaryobjecttypecode eq 'account'"
    )
    address = f"sdkmessagefilters?$select=sdkmessagefilterid&$filter={condition}"
    assert api.rows(address)


def test_bulk_rows_have_lookups(api, rows):
    """@odata.bind within a target.

    Learn: bulk-operations
    """
    contact = rows.add("contacts")
    target = rows.body("accounts", bind("primarycontactid", "contacts", contact))
    (row_id,) = many(api, "CreateMultiple", [target]).json()["Ids"]
    rows.own("accounts", row_id)
    row = api.retrieve(f"accounts({row_id})")
    assert row["_primarycontactid_value"] == contact


def test_bulk_delete_returns_a_job(api, rows):
    """BulkDelete: {"JobId": ...}; the rows go later.

    Learn: delete-data-bulk
    """
    condition = {
        "AttributeName": "accountnumber",
        "Operator": "Equal",
        "Values": [{"Value": rows.mark, "Type": "System.String"}],
    }
    body = {
        "QuerySet": [
            {
                "EntityName": "account",
                "Criteria": {"FilterOperator": "And", "Conditions": [condition]},
            }
        ],
        "JobName": rows.mark,
        "SendEmailNotification": False,
        "ToRecipients": [],
        "CCRecipients": [],
        "RecurrencePattern": "",
        "StartDateTime": "2020-01-01T00:00:00Z",
        "RunNow": False,
    }
    rows.add("accounts", {"accountnumber": rows.mark})
    answer = api.post("BulkDelete", json=body)
    assert answer.status_code == 200, answer.text
    assert uuid.UUID(answer.json()["JobId"])


def test_an_action_checks_its_parameters(api):
    """Unknown ones are refused.

    Learn: webapi/use-web-api-actions
    """
    assert error(api.post("BulkDelete", json={"Nonsense": 1}))[0] == 400
