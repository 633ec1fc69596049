"""Operations, and the multipart body of ``$batch`` both ways."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from wire_support import A, B, C, contact_table, error_body

from dataverse import DataverseError, Operation, Response, batch, exactjson

TABLE = contact_table()
ROOT = "/api/data/v9.2/"
BOUNDARY = "batchresponse_5a5f"


# --- operations -----------------------------------------------------------------------


def test_create_never_changes_an_existing_row():
    operation = batch.create(TABLE, A.upper(), {"lastname": "Doe"}, ["lastname"])
    assert operation.method == "PATCH"
    assert operation.path == f"contacts({A})?$select=contactid,lastname"
    assert operation.headers["If-None-Match"] == "*"
    assert "return=representation" in operation.headers["Prefer"]
    assert "lookuplogicalname" in operation.headers["Prefer"]
    assert operation.body == {"lastname": "Doe"}
    assert operation.repeatable


@pytest.mark.parametrize(("etag", "sent"), [('W/"7"', 'W/"7"'), (None, "*"), ("", "*")])
def test_update_is_never_an_upsert(etag, sent):
    operation = batch.update(TABLE, A, {"lastname": None}, etag)
    assert operation.headers["If-Match"] == sent
    assert operation.path == f"contacts({A})?$select=contactid"
    assert operation.repeatable


def test_no_columns_asks_for_no_row():
    operation = batch.update(TABLE, A, {}, None, None)
    assert operation.path == f"contacts({A})"
    assert "Prefer" not in operation.headers


def test_delete_and_retrieve():
    conditional = batch.delete(TABLE, A, 'W/"7"')
    assert conditional.method == "DELETE"
    assert conditional.headers == {"If-Match": 'W/"7"'}
    assert batch.delete(TABLE, A).headers == {}
    read = batch.retrieve(TABLE, A, ["ownerid"])
    assert (read.method, read.path) == (
        "GET",
        f"contacts({A})?$select=contactid,_ownerid_value",
    )


@pytest.mark.parametrize("id", ["", "1", f"{A})/x(", None])
def test_an_id_that_is_no_guid_is_refused(id):
    with pytest.raises(ValueError):
        batch.delete(TABLE, id)


@pytest.mark.parametrize(
    ("method", "path", "headers", "repeatable"),
    [
        ("GET", "contacts", {}, True),
        ("PATCH", f"contacts({A})", {"If-Match": "*"}, True),
        ("PATCH", f"contacts({A})?$select=a", {"If-None-Match": "*"}, True),
        ("PATCH", f"contacts({A})", {}, False),
        ("PATCH", "contacts(number='1')", {"If-Match": "*"}, False),
        ("DELETE", f"contacts({A})", {}, True),
        ("DELETE", f"contacts({A})/parentid/$ref", {}, False),
        ("POST", "contacts", {}, False),
        ("POST", f"contacts({A})", {"If-Match": "*"}, False),
        ("PUT", f"contacts({A})", {"If-Match": "*"}, False),
    ],
)
def test_what_may_be_sent_twice(method, path, headers, repeatable):
    assert batch.is_repeatable(method, path, headers) is repeatable


# --- encoding -------------------------------------------------------------------------


def test_the_body_is_what_dataverse_reads():
    operations = [
        batch.create(TABLE, A, {"creditlimit": Decimal("12.50")}, None),
        batch.retrieve(TABLE, B),
    ]
    content_type, body = batch.encode(operations, ROOT)
    boundary = content_type.partition('boundary="')[2].rstrip('"')
    assert content_type.startswith("multipart/mixed; ")
    text = body.decode("ascii")
    assert "\n" not in text.replace("\r\n", "")
    parts = text.split(f"--{boundary}")
    assert parts[0] == "" and parts[-1] == "--\r\n" and len(parts) == 4
    assert parts[1] == (
        "\r\nContent-Type: application/http\r\n"
        "Content-Transfer-Encoding: binary\r\n\r\n"
        f"PATCH {ROOT}contacts({A}) HTTP/1.1\r\n"
        "Accept: application/json\r\nIf-None-Match: *\r\n"
        "Content-Type: application/json\r\n\r\n"
        '{"creditlimit":12.50}\r\n'
    )
    assert f"GET {ROOT}contacts({B})?$select=contactid HTTP/1.1\r\n" in parts[2]
    assert parts[2].endswith("\r\n\r\n")


def test_text_is_sent_as_ascii_json():
    _, body = batch.encode([batch.create(TABLE, A, {"lastname": "Ø\r\n--x"})], ROOT)
    assert b'{"lastname":"\\u00d8\\r\\n--x"}' in body


@pytest.mark.parametrize(
    "operation",
    [
        Operation("GET", "contacts HTTP/1.1\r\nX: y"),
        Operation("GET", "contacts x"),
        Operation("GET", "contacts", None, {"If-Match": "a\r\nX: y"}),
        Operation("GET", "contacts", None, {"If-Match": "ø"}),
    ],
)
def test_nothing_can_be_smuggled_into_a_batch(operation):
    with pytest.raises(ValueError):
        batch.encode([operation], ROOT)


def test_a_batch_has_at_most_1000_operations():
    operations = [batch.retrieve(TABLE, A)]
    batch.encode(operations * 1000, ROOT)
    with pytest.raises(ValueError):
        batch.encode(operations * 1001, ROOT)


def test_decimals_are_written_digit_by_digit():
    numbers = {"a": Decimal("922337203685477.0001"), "b": [Decimal("1E+3"), 1.5, None]}
    assert exactjson.dumps(numbers) == (
        '{"a":922337203685477.0001,"b":[1000,1.5,null]}'
    )
    assert exactjson.loads(exactjson.dumps(numbers))["a"] == numbers["a"]
    for bad in (Decimal("NaN"), float("inf")):
        with pytest.raises(ValueError):
            exactjson.dumps(bad)
    for bad in ("NaN", "[" * 100_000, "", b"\xff"):
        with pytest.raises(ValueError):
            exactjson.loads(bad)


# --- decoding -------------------------------------------------------------------------


def part(status, body=None, headers=None):
    lines = [
        f"--{BOUNDARY}",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        f"HTTP/1.1 {status} Something",
        "OData-Version: 4.0",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
        "",
        json.dumps(body) if body is not None else "",
        "",
    ]
    return "\r\n".join(lines)


def row(id, **values):
    return {"@odata.etag": 'W/"1"', "contactid": id, **values}


def answer(*parts, end=f"--{BOUNDARY}--\r\n", content_type=None):
    body = ("".join(parts) + end).encode()
    content_type = content_type or f"multipart/mixed; boundary={BOUNDARY}"
    return Response(200, {"Content-Type": content_type}, body, "localhost")


THREE = [
    batch.create(TABLE, A, {"lastname": "a"}, ["lastname"]),
    batch.update(TABLE, B, {"lastname": "b"}, 'W/"1"', ["lastname"]),
    batch.delete(TABLE, C),
]
PARTS = [
    part(201, row(A, lastname="a")),
    part(412, error_body("0x80060882", "The version …"), {"REQ_ID": "r-2"}),
    part(204),
]


def summary(outcomes):
    return [o.error.name if o.error else o.row and o.row.id for o in outcomes]


def test_outcomes_are_in_the_order_of_the_operations():
    outcomes = batch.decode(answer(*PARTS), THREE)
    assert summary(outcomes) == [A, "ConcurrencyVersionMismatch", None]
    assert outcomes[0].row.values["lastname"] == "a"
    assert outcomes[0].row.etag == 'W/"1"'
    assert outcomes[1].error.request_id == "r-2"
    assert outcomes[1].error.sent is True


@pytest.mark.parametrize("count", [0, 1, 2])
def test_missing_parts_have_an_unknown_outcome(count):
    outcomes = batch.decode(answer(*PARTS[:count]), THREE)
    assert summary(outcomes)[count:] == ["NoResponse"] * (3 - count)
    for outcome in outcomes[count:]:
        assert (outcome.error.kind, outcome.error.sent) == ("transient", None)


def test_wherever_the_answer_is_cut_no_outcome_is_invented():
    whole = answer(*PARTS)
    full = summary(batch.decode(whole, THREE))
    for length in range(len(whole.body)):
        cut = Response(200, whole.headers, whole.body[:length], "localhost")
        for got, wanted in zip(summary(batch.decode(cut, THREE)), full, strict=True):
            assert got in (wanted, "NoResponse")


def test_answers_about_another_row_have_an_unknown_outcome():
    swapped = [
        part(200, row(B)),
        part(200, row(A)),
        part(204, headers={"OData-EntityId": A}),
    ]
    assert summary(batch.decode(answer(*swapped), THREE)) == ["NoResponse"] * 3
    named = part(204, headers={"OData-EntityId": f"https://x/contacts({C.upper()})"})
    assert summary(batch.decode(answer(*PARTS[:2], named), THREE))[2] is None


def test_more_parts_than_operations_mean_nothing():
    outcomes = batch.decode(answer(*PARTS, part(204)), THREE)
    assert summary(outcomes) == ["NoResponse"] * 3


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\r\n", "\n"),
        lambda text: "preamble\r\n" + text,
        lambda text: text.replace("\r\n\r\n\r\n--", "\r\n--"),
        lambda text: text.replace(f"--{BOUNDARY}", f"--{BOUNDARY} "),
        lambda text: text.replace("HTTP/1.1 201", "HTTP/2.0 201"),
        lambda text: text.replace("Content-Transfer", "Content-ID: 1\r\nContent-Tr"),
        lambda text: text + "\r\nepilogue",
    ],
)
def test_servers_may_format_differently(change):
    text = change(answer(*PARTS).body.decode().replace(f"--{BOUNDARY}--", "@end"))
    text = text.replace("@end", f"--{BOUNDARY}--")
    response = Response(200, answer().headers, text.encode(), "localhost")
    assert summary(batch.decode(response, THREE)) == [
        A,
        "ConcurrencyVersionMismatch",
        None,
    ]


def test_a_quoted_boundary_is_understood():
    response = answer(*PARTS, content_type=f'multipart/mixed;boundary="{BOUNDARY}"')
    assert summary(batch.decode(response, THREE))[0] == A


@pytest.mark.parametrize(
    "content_type", ["application/json", "", "multipart/mixed", "text/x; boundary=b"]
)
def test_something_else_than_a_batch_is_refused(content_type):
    response = Response(200, {"Content-Type": content_type}, b"{}", "localhost")
    with pytest.raises(DataverseError) as caught:
        batch.decode(response, THREE)
    assert (caught.value.name, caught.value.sent) == ("UnreadableAnswer", None)


@pytest.mark.parametrize(
    "body",
    [[], "text", {"contactid": "1"}, {}, row(A, lastname=5), {"contactid": None}],
)
def test_a_row_that_cannot_be_read_is_an_unknown_outcome(body):
    assert summary(batch.decode(answer(part(201, body)), THREE))[0] == "NoResponse"


def test_a_part_that_is_no_http_answer_is_an_unknown_outcome():
    odd = f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    outcomes = batch.decode(answer(odd, *PARTS[1:]), THREE)
    assert summary(outcomes)[:2] == ["NoResponse", "ConcurrencyVersionMismatch"]


def test_an_invalid_sign_in_concerns_the_whole_connection():
    with pytest.raises(DataverseError) as caught:
        batch.decode(answer(PARTS[0], part(401), PARTS[2]), THREE)
    assert (caught.value.name, caught.value.kind) == ("Unauthorized", "auth")


def test_errors_of_parts_know_labels_waits_and_dependencies():
    too_long = (
        "The length of the 'lastname' attribute of the 'contact' entity exceeded the "
        "maximum allowed length of '50'."
    )
    missing = f"Entity 'account' With Id = {C} Does Not Exist"
    parts = [
        part(400, error_body("0x80044331", too_long)),
        part(404, error_body("0x80040217", missing)),
        part(429, error_body("0x80072322", "…"), {"Retry-After": "9"}),
    ]
    first, second, third = (o.error for o in batch.decode(answer(*parts), THREE))
    assert first.sentence.startswith("'Last Name' takes at most 50")
    assert (second.name, second.kind) == ("ObjectDoesNotExist", "dependency")
    assert (third.kind, third.retry_after) == ("throttle", 9)
