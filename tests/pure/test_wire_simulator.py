"""The wire over the wire: the client against the simulator, over TLS, with sign-in."""

from __future__ import annotations

import re
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from simulator_fixture import running_simulator, simulator  # noqa: F401
from wire_support import failure

from dataverse import (
    CertificateCredential,
    Client,
    SecretCredential,
    TokenProvider,
    batch,
    check,
    query,
)


@pytest.fixture
def connect(simulator):  # noqa: F811
    """Build clients for the simulator: ``connect(credential=…, **client options)``."""
    opened = []

    def build(credential=None, authority=None, **options):
        ready = simulator.ready
        credential = credential or SecretCredential(
            ready["client_id"], ready["client_secret"]
        )
        tokens = TokenProvider(
            authority or ready["authority"],
            credential,
            ready["url"],
            verify=ready["ca"],
        )
        options = {"sleep": lambda seconds: None, **options}
        client = Client(ready["url"], tokens, verify=ready["ca"], **options)
        opened.extend([client, tokens])
        return client

    yield build
    for each in opened:
        each.close()


@pytest.fixture
def client(connect):
    return connect()


@pytest.fixture
def contact(client):
    return client.table("contact")


def new_id():
    return str(uuid.uuid4())


def add(client, table, *values):
    """Create rows; return their ids."""
    ids = [new_id() for _ in values]
    operations = [batch.create(table, i, v) for i, v in zip(ids, values, strict=True)]
    assert not [o.error for o in client.batch(operations) if o.error]
    return ids


# --- sign-in --------------------------------------------------------------------------


def test_sign_in_with_a_secret(client, simulator):  # noqa: F811
    me = client.who_am_i()
    assert me.organization_id == simulator.ready["organization_id"]


def test_sign_in_with_a_certificate(connect, client, simulator):  # noqa: F811
    pem = Path(simulator.ready["certificate"]).read_text()
    blocks = re.findall(r"-----BEGIN [^-]+-----.+?-----END [^-]+-----\n?", pem, re.S)
    key = next(block for block in blocks if "PRIVATE KEY" in block)
    certificate = next(block for block in blocks if "CERTIFICATE" in block)
    credential = CertificateCredential(simulator.ready["client_id"], key, certificate)
    assert connect(credential).who_am_i() == client.who_am_i()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"client_secret": "wrong"}, "InvalidClientSecret"),
        ({"client_id": new_id()}, "UnknownApplication"),
        ({"tenant": new_id()}, "UnknownTenant"),
    ],
)
def test_a_wrong_sign_in_is_explained(connect, simulator, change, name):  # noqa: F811
    ready = {**simulator.ready, **change}
    authority = ready["authority"].replace(simulator.ready["tenant"], ready["tenant"])
    credential = SecretCredential(ready["client_id"], ready["client_secret"])
    error = failure(connect(credential, authority).who_am_i)
    assert (error.name, error.kind, error.sent) == (name, "auth", False)


def test_a_token_that_expires_is_replaced(client, simulator):  # noqa: F811
    client.who_am_i()
    simulator.control("POST", "clock", {"advance_seconds": 7200})
    assert client.who_am_i()


# --- the environment and its tables ---------------------------------------------------


def test_the_environment(client, simulator):  # noqa: F811
    organization = client.organization()
    assert organization["id"] == simulator.ready["organization_id"]
    assert organization["name"] and len(organization["base_currency"]) == 3
    assert all(app["id"] and app["unique_name"] for app in client.app_modules())


def test_tables_and_columns(client, contact):
    assert {"account", "contact"} <= {table.name for table in client.tables()}
    assert contact.change_tracking and contact.optimistic_concurrency
    columns = contact.columns
    assert columns["lastname"].max_length == 50
    assert columns["birthdate"].date_behavior == "DateOnly"
    assert columns["statuscode"].status_state == {1: 0, 2: 1}
    assert columns["statecode"].default_status == {0: 1, 1: 2}
    assert columns["parentcustomerid"].navigation == {
        "account": "parentcustomerid_account",
        "contact": "parentcustomerid_contact",
    }
    assert contact.entity_sets["account"] == "accounts"
    assert failure(client.table, "nope").name == "UnknownTable"


# --- rows -----------------------------------------------------------------------------


def test_every_kind_of_value_comes_back_as_it_went(client, contact):
    (account,) = add(client, client.table("account"), {"name": "Ønsk & Søn"})
    owner = client.who_am_i().user_id
    values = {
        "lastname": "Ødegård 😀",
        "description": "one\ntwo",
        "birthdate": "1990-02-28",
        "creditlimit": Decimal("1234.56"),
        "donotemail": True,
        "parentcustomerid": f"account({account})",
        "ownerid": f"systemuser({owner})",
    }
    assert check(contact, values, creating=True) == []
    (id,) = add(client, contact, values)
    assert client.retrieve(contact, id, values).values.items() >= values.items()
    changed = {
        **dict.fromkeys(("description", "birthdate", "parentcustomerid")),
        "statecode": 1,  # only an existing row can be made inactive
        "statuscode": 2,
    }
    assert check(contact, changed) == []
    (outcome,) = client.batch([batch.update(contact, id, changed, None, changed)])
    assert outcome.row.values.items() >= changed.items()


def test_changes_of_a_row_are_conditional(client, contact):
    id = new_id()
    (created,) = client.batch([batch.create(contact, id, {"lastname": "a"})])
    old = created.row.etag
    (changed,) = client.batch([batch.update(contact, id, {"lastname": "b"}, old)])
    assert changed.row.etag != old
    stale = [
        batch.update(contact, id, {"lastname": "c"}, old),
        batch.delete(contact, id, old),
        batch.create(contact, id, {"lastname": "d"}),
        batch.update(contact, new_id(), {"lastname": "e"}, None),
    ]
    assert [outcome.error.name for outcome in client.batch(stale)] == [
        "ConcurrencyVersionMismatch",
        "ConcurrencyVersionMismatch",
        "DuplicateRecord",
        "ObjectDoesNotExist",
    ]
    assert client.retrieve(contact, id, ["lastname"]).values["lastname"] == "b"
    (deleted,) = client.batch([batch.delete(contact, id, changed.row.etag)])
    assert deleted.error is None
    assert failure(client.retrieve, contact, id, []).name == "ObjectDoesNotExist"


def test_one_bad_operation_of_five_fails_alone(client, contact):
    names = ["a", "b", "x" * 51, "d", "e"]
    operations = [batch.create(contact, new_id(), {"lastname": name}) for name in names]
    outcomes = client.batch(operations, size=2)
    assert [o.error.name if o.error else None for o in outcomes] == [
        None,
        None,
        "StringLengthTooLong",
        None,
        None,
    ]
    assert outcomes[2].error.sentence == (
        "'Last Name' takes at most 50 characters. Shorten the value."
    )
    assert outcomes[2].error.column == "lastname"
    assert client.count(contact) == 4


def test_what_check_refuses_dataverse_refuses_by_the_same_name(client, contact):
    (id,) = add(client, contact, {"lastname": "a"})
    for value in (
        {"lastname": "x" * 51},
        {"lastname": "a\x08b"},
        {"gendercode": 99},
        {"creditlimit": Decimal("-1")},
        {"statecode": 0, "statuscode": 2},
    ):
        (problem,) = check(contact, value)
        (outcome,) = client.batch([batch.update(contact, id, value, None)])
        assert outcome.error.name == problem.name


def test_a_lookup_to_a_missing_row_is_a_dependency(client, contact):
    value = {"lastname": "a", "parentcustomerid": f"account({new_id()})"}
    (outcome,) = client.batch([batch.create(contact, new_id(), value)])
    assert (outcome.error.name, outcome.error.kind) == (
        "ObjectDoesNotExist",
        "dependency",
    )


def test_many_rows_in_one_transaction(client, contact):
    rows = [(new_id(), {"lastname": f"n{n}"}) for n in range(50)]
    before = client.requests
    assert client.create_multiple(contact, rows) == [id for id, _ in rows]
    client.update_multiple(contact, [(id, {"firstname": "f"}) for id, _ in rows])
    assert client.requests == before + 2
    first_name = contact.columns["firstname"]
    assert client.count(contact, query.eq(first_name, "f")) == 50
    bad = [(new_id(), {"lastname": "ok"}), (new_id(), {"lastname": "x" * 51})]
    error = failure(client.create_multiple, contact, bad)
    assert error.name == "StringLengthTooLong"
    assert client.count(contact) == 50


# --- reading many ---------------------------------------------------------------------


def test_queries_page_filter_and_order(client, contact):
    names = [f"n{n:02d}" for n in range(23)] + ["O'Brien') or 1 eq 1"]
    client.create_multiple(contact, [(new_id(), {"lastname": n}) for n in names])
    pages = list(
        client.query(contact, ["lastname"], order_by="lastname desc", page_size=10)
    )
    assert [len(page) for page in pages] == [10, 10, 4]
    found = [row.values["lastname"] for page in pages for row in page]
    assert found == sorted(names, key=str.casefold, reverse=True)
    column = contact.columns["lastname"]
    for filter, count in [
        (query.eq(column, names[-1]), 1),
        (query.any_of(column, names[:3] + [names[-1]]), 4),
        (query.or_(query.eq(column, "n01"), query.eq(column, "n02")), 2),
        (query.and_(query.eq(column, "n01"), query.eq(column, "n02")), 0),
        (query.eq(column, None), 0),
    ]:
        assert client.count(contact, filter) == count
    assert sum(len(p) for p in client.query(contact, [], top=7, page_size=5)) == 7
    assert sum(len(p) for p in client.query(contact, [], top=3)) == 3


def test_changes_since_last_time(client, contact):
    ids = add(client, contact, *({"lastname": f"n{n}"} for n in range(5)))
    first = list(client.changes(contact, ["lastname"], page_size=2))
    assert [len(page.rows) for page in first] == [2, 2, 1]
    assert {row.id for page in first for row in page.rows} == set(ids)
    # A stored next link goes on in the middle.
    rest = list(client.changes(contact, (), first[0].next_link, page_size=2))
    assert sum(len(page.rows) for page in rest) == 3
    client.batch(
        [
            batch.update(contact, ids[0], {"lastname": "new"}, None),
            batch.delete(contact, ids[1]),
        ]
    )
    (page,) = client.changes(contact, (), first[-1].delta_link)
    assert [(row.id, row.values["lastname"]) for row in page.rows] == [(ids[0], "new")]
    assert page.deleted == [ids[1]]
    (quiet,) = client.changes(contact, (), page.delta_link)
    assert (quiet.rows, quiet.deleted) == ([], [])
    assert quiet.delta_link


def test_changes_that_are_too_old_or_not_tracked(client, contact, simulator):  # noqa: F811
    (page,) = client.changes(contact, [])
    simulator.control("POST", "delta-tokens/expire")
    error = failure(lambda: next(client.changes(contact, [], page.delta_link)))
    assert error.name == "ExpiredVersionStamp"
    simulator.control("PUT", "tables/contact", {"change_tracking": False})
    try:
        error = failure(lambda: next(client.changes(contact, [])))
        assert error.name == "ChangeTrackingNotEnabledForEntity"
        assert not client.table("contact").change_tracking
    finally:
        simulator.control("PUT", "tables/contact", {"change_tracking": True})


# --- trouble --------------------------------------------------------------------------


def test_throttling_is_waited_for(connect, simulator):  # noqa: F811
    slept = []
    client = connect(sleep=slept.append)
    throttle = {"status": 429, "code": "0x80072322", "retry_after": 7}
    simulator.control("PUT", "faults", [{"path": "WhoAmI", "then": throttle}])
    assert client.who_am_i()
    assert (slept, client.throttled, client.requests) == ([7], 1, 2)


def test_a_lost_answer_of_a_conditional_create_is_sent_again(
    client,
    contact,
    simulator,  # noqa: F811
):
    fault = {"method": "POST", "path": "batch", "then": {"drop": "after"}}
    simulator.control("PUT", "faults", [fault])
    (outcome,) = client.batch([batch.create(contact, new_id(), {"lastname": "a"})])
    assert outcome.error.name == "DuplicateRecord"  # it was there: exactly once
    assert client.count(contact) == 1


def test_a_lost_answer_of_a_bulk_create_is_not_sent_again(
    client,
    contact,
    simulator,  # noqa: F811
):
    fault = {"path": "CreateMultiple", "then": {"drop": "after"}}
    simulator.control("PUT", "faults", [fault])
    error = failure(client.create_multiple, contact, [(new_id(), {"lastname": "a"})])
    assert (error.kind, error.sent) == ("transient", None)
    assert client.count(contact) == 1


def test_an_answer_that_is_cut_off_leaves_outcomes_open(
    connect,
    contact,
    simulator,  # noqa: F811
):
    client = connect(max_attempts=1)
    fault = {"path": "batch", "then": {"truncate": True}}
    simulator.control("PUT", "faults", [fault])
    operations = [batch.create(contact, new_id(), {"lastname": "a"})]
    error = failure(client.batch, operations)
    assert (error.name, error.sent) == ("NoResponse", None)


def test_a_missing_privilege_names_the_privilege(client, contact, simulator):  # noqa: F811
    user = f"users/{simulator.ready['client_id']}"
    simulator.control("PUT", user, {"privileges": {"contact": {"Read": "None"}}})
    error = failure(lambda: list(client.query(contact, [])))
    assert (error.name, error.status) == ("PrivilegeDenied", 403)
    assert "prvReadContact" in error.sentence


def test_an_application_user_that_is_disabled(connect, simulator):  # noqa: F811
    user = f"users/{simulator.ready['client_id']}"
    simulator.control("PUT", user, {"enabled": False})
    error = failure(connect().who_am_i)
    assert error.status == 403


def test_a_business_rule_speaks_for_itself(client, contact, simulator):  # noqa: F811
    told = "Credit limit needs approval."
    fault = {
        "method": "PATCH",
        "in_batch": True,
        "then": {"status": 400, "code": "0x80040265", "message": told},
    }
    simulator.control("PUT", "faults", [fault])
    (outcome,) = client.batch([batch.create(contact, new_id(), {"lastname": "a"})])
    assert outcome.error.name == "IsvAborted"
    assert outcome.error.sentence.endswith(told)


def test_the_requests_are_what_the_simulator_saw(client, simulator):  # noqa: F811
    simulator.control("DELETE", "requests")
    client.who_am_i()
    client.app_modules()
    seen = [entry["path"] for entry in simulator.control("GET", "requests")]
    assert [path for path in seen if "openid" not in path and "token" not in path] == [
        "WhoAmI",
        "appmodules?$select=appmoduleid,uniquename,name",
    ]
    assert client.requests == 2
