"""The client against recorded answers: every request, every repetition, every guard."""

from __future__ import annotations

import gzip
import json
import logging
import re

import pytest
import requests
import responses
from urllib3.exceptions import NewConnectionError, ReadTimeoutError
from wire_support import (
    API,
    ATTRIBUTES,
    DEFINITION,
    ENTITY_SETS,
    OPTION_SETS,
    SECRET,
    TOKEN,
    URL,
    A,
    B,
    C,
    Tokens,
    client_for,
    contact_table,
    error_body,
    failure,
)

from dataverse import Client, DataverseError, batch

TABLE = contact_table()


@pytest.fixture
def web():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def refused():
    return requests.ConnectionError(NewConnectionError(None, "refused"))


def lost():
    return requests.ConnectionError("Connection aborted")


def timed_out():
    return requests.ReadTimeout(ReadTimeoutError(None, "/", "Read timed out"))


def urls(web):
    return [call.request.url for call in web.calls]


# --- the request ----------------------------------------------------------------------


def test_a_request_carries_the_documented_headers(web):
    web.get(API + "WhoAmI", json={})
    client = client_for(user_agent="unit/1")
    client.request("GET", "WhoAmI")
    headers = web.calls[0].request.headers
    assert headers["Accept"] == "application/json"
    assert headers["OData-Version"] == headers["OData-MaxVersion"] == "4.0"
    assert headers["If-None-Match"] == "null"
    assert headers["Authorization"].startswith("Bearer " + TOKEN)
    assert headers["User-Agent"] == "unit/1"
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-ms-client-request-id"])
    assert "Cookie" not in headers


def test_a_body_is_exact_json_and_writes_have_no_cache_header(web):
    web.patch(f"{API}contacts({A})", status=204)
    client_for().request("PATCH", f"contacts({A})", body={"a": 1})
    request = web.calls[0].request
    assert request.body == b'{"a":1}'
    assert request.headers["Content-Type"] == "application/json"
    assert "If-None-Match" not in request.headers


def test_parameters_are_encoded_and_dollars_stay(web):
    web.get(re.compile(".*"), json={})
    client_for().request("GET", "contacts", params={"$filter": "a eq 'Ø&+ #'"})
    assert urls(web) == [API + "contacts?$filter=a%20eq%20%27%C3%98%26%2B%20%23%27"]


def test_timeouts_are_always_given(web):
    web.get(API + "x", json={})
    client_for(timeout=(1, 2)).request("GET", "x")
    assert web.calls[0].request.req_kwargs["timeout"] == (1, 2)


def test_requests_seconds_and_throttling_are_counted(web):
    web.get(API + "x", status=429, headers={"Retry-After": "3"})
    web.get(API + "x", json={})
    client = client_for(clock=iter(range(100)).__next__)
    client.request("GET", "x")
    assert (client.requests, client.throttled) == (2, 1)
    assert client.seconds > 0


@pytest.mark.parametrize(
    "url",
    [
        "http://org.crm4.dynamics.com",
        "https://org.crm4.dynamics.com/api",
        "https://user@org.crm4.dynamics.com",
        "https://org.crm4.dynamics.com?x",
        "https://org.crm4.dynamics.com#x",
        "https://org crm4",
        "https://örg.dynamics.com",
        "https://",
        "org.crm4.dynamics.com",
        "",
    ],
)
def test_an_environment_is_an_https_origin(url):
    with pytest.raises(ValueError):
        Client(url, Tokens())


@pytest.mark.parametrize("url", [URL + "/", URL + ":443", URL.upper()])
def test_an_environment_has_one_spelling(web, url):
    web.get(API + "x", json={})
    client = client_for(url)
    client.request("GET", "x")
    client.request("GET", API + "x")  # a link spells it like the server does
    assert urls(web) == [API + "x"] * 2


@pytest.mark.parametrize("options", [{"verify": False}, {"verify": None}])
def test_verification_cannot_be_switched_off(options):
    with pytest.raises(ValueError):
        Client(URL, Tokens(), **options)


def test_the_version_is_a_version():
    with pytest.raises(ValueError):
        Client(URL, Tokens(), api_version="v9.2/../x")


# --- links ----------------------------------------------------------------------------

HOSTILE = [
    "https://evil.example/api/data/v9.2/contacts",
    "https://org.crm4.dynamics.com@evil.example/api/data/v9.2/contacts",
    "https://org.crm4.dynamics.com.evil.example/api/data/v9.2/contacts",
    "https://org.crm4.dynamics.com:8443/api/data/v9.2/contacts",
    "https://user:pw@org.crm4.dynamics.com/api/data/v9.2/contacts",
    "http://org.crm4.dynamics.com/api/data/v9.2/contacts",
    "ftp://org.crm4.dynamics.com/api/data/v9.2/contacts",
    "file:///etc/passwd",
    "//evil.example/api/data/v9.2/contacts",
    "///evil.example",
    "https://org.crm4.dynamics.com/other",
    "https://org.crm4.dynamics.com/api/data/v9.1/contacts",
    "https://org.crm4.dynamics.com/api/data/v9.2",
    "https://org.crm4.dynamics.com/api/data/v9.2/../v9.1/contacts",
    "https://org.crm4.dynamics.com/api/data/v9.2/%2e%2e/x",
    "https://org.crm4.dynamics.com/api/data/v9.2/%252e%252e/x",
    "https://org.crm4.dynamics.com/api/data/v9.2/..%2fx",
    "https://org.crm4.dynamics.com/api/data/v9.2/a%2fb",
    "https://org.crm4.dynamics.com/api/data/v9.2/a%5cb",
    "https://org.crm4.dynamics.com/api/data/v9.2/./x",
    "https://org.crm4.dynamics.com/api/data/v9.2//evil.example/",
    "https://org.crm4.dynamics.com\\@evil.example/api/data/v9.2/x",
    "https://org.crm4.dynamics.com/api/data/v9.2/x#y",
    "https://org.crm4.dynamics.com/api/data/v9.2/x\r\nHost: evil.example",
    "https://org.crm4.dynamics.com/api/data/v9.2/x y",
    "https://org。crm4。dynamics。com/api/data/v9.2/x",
    "https://169.254.169.254/api/data/v9.2/x",
    "https://[::1]/api/data/v9.2/x",
    "https://2130706433/api/data/v9.2/x",
    "https://org%2ecrm4.dynamics.com/api/data/v9.2/x",
    "/etc/passwd",
    "../x",
    "contacts/../../x",
    "contacts\\x",
    "\thttps://evil.example",
]


@pytest.mark.parametrize("link", HOSTILE)
def test_links_that_lead_elsewhere_are_not_followed(web, link):
    """sync-bugs 70."""
    tokens = Tokens()
    client = client_for(tokens=tokens)
    error = failure(client.request, "GET", link)
    assert (error.name, error.kind, error.sent) == ("LinkElsewhere", "permanent", False)
    error = failure(lambda: next(client.changes(TABLE, (), link)))
    assert error.name == "LinkElsewhere"
    assert not web.calls and not tokens.refreshes


def test_a_link_is_sent_as_it_came(web):
    token = "%3Ccookie%20pagenumber=%222%22%20x=%22%253c%2527%22%20/%3E"
    link = f"{API}contacts?$select=lastname&$skiptoken={token}"
    web.get(re.compile(".*"), json={})
    client_for().request("GET", link)
    assert urls(web) == [link]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(web, status):
    web.get(API + "x", status=status, headers={"Location": "https://evil.example/"})
    error = failure(client_for().request, "GET", "x")
    assert (error.name, len(web.calls)) == ("Redirected", 1)


# --- repetition -----------------------------------------------------------------------

CONDITION = {"If-Match": "*"}
ROW = f"contacts({A})"

#: Method, path, headers, failure -> whether it is repeated.
REPETITIONS = [
    ("GET", "x", {}, {"status": 503}, True),
    ("GET", "x", {}, {"status": 500}, True),
    ("GET", "x", {}, {"body": lost()}, True),
    ("GET", "x", {}, {"body": timed_out()}, True),
    ("GET", "x", {}, {"body": refused()}, True),
    ("GET", "x", {}, {"status": 429}, True),
    ("GET", "x", {}, {"status": 400}, False),
    ("GET", "x", {}, {"status": 403}, False),
    ("GET", "x", {}, {"status": 404}, False),
    ("GET", "x", {}, {"status": 501}, False),
    ("PATCH", ROW, CONDITION, {"status": 503}, True),
    ("PATCH", ROW, CONDITION, {"body": lost()}, True),
    ("PATCH", ROW, {"If-None-Match": "*"}, {"body": lost()}, True),
    ("PATCH", ROW, CONDITION, {"status": 412}, False),
    ("PATCH", ROW, {}, {"body": lost()}, False),
    ("DELETE", ROW, {}, {"body": timed_out()}, True),
    ("POST", "x", {}, {"status": 429}, True),
    ("POST", "x", {}, {"body": refused()}, True),
    ("POST", "x", {}, {"status": 503}, False),
    ("POST", "x", {}, {"status": 500}, False),
    ("POST", "x", {}, {"body": lost()}, False),
    ("POST", "x", {}, {"body": timed_out()}, False),
]


@pytest.mark.parametrize(("method", "path", "headers", "problem", "again"), REPETITIONS)
def test_only_what_is_harmless_is_repeated(web, method, path, headers, problem, again):
    web.add(method, API + path, **problem)
    web.add(method, API + path, json={})
    client = client_for()
    if again:
        assert client.request(method, path, headers=headers).status == 200
    else:
        failure(client.request, method, path, headers=headers)
    assert len(web.calls) == (2 if again else 1)


def test_the_caller_may_say_that_a_post_is_repeatable(web):
    web.post(API + "x", status=503)
    web.post(API + "x", json={})
    assert client_for().request("POST", "x", repeatable=True).status == 200


def test_the_caller_may_forbid_repetition(web):
    web.get(API + "x", status=503)
    failure(client_for().request, "GET", "x", repeatable=False)
    assert len(web.calls) == 1


@pytest.mark.parametrize(
    ("problem", "name", "sent"),
    [
        ({"body": refused()}, "Unreachable", False),
        ({"body": requests.ConnectTimeout()}, "Unreachable", False),
        ({"body": requests.exceptions.ProxyError("no")}, "NoResponse", None),
        ({"body": lost()}, "NoResponse", None),
        ({"body": requests.exceptions.ChunkedEncodingError("x")}, "NoResponse", None),
        ({"body": requests.exceptions.ContentDecodingError("x")}, "NoResponse", None),
        ({"body": timed_out()}, "Timeout", None),
        ({"body": OSError("broken")}, "NoResponse", None),
        ({"status": 503}, "ServiceUnavailable", True),
    ],
)
def test_an_error_says_whether_the_request_was_sent(web, problem, name, sent):
    web.post(API + "x", **problem)
    error = failure(client_for(max_attempts=1).request, "POST", "x")
    assert (error.name, error.kind, error.sent) == (name, "transient", sent)


def test_backoff_grows_with_full_jitter_and_ends(web):
    web.get(API + "x", status=500)
    client = client_for(max_attempts=5)
    error = failure(client.request, "GET", "x")
    assert error.name == "ServerError"
    assert client.test_clock.slept == [0.5, 1.0, 2.0, 4.0]
    assert len(web.calls) == client.requests == 5


def test_a_pause_of_our_own_is_bounded(web):
    web.get(API + "x", status=500)
    client = client_for(max_attempts=9, max_wait=1000, random=lambda: 1.0)
    failure(client.request, "GET", "x")
    assert client.test_clock.slept == [1, 2, 4, 8, 16, 30, 30, 30]


def test_retry_after_is_obeyed(web):
    """sync-bugs 67."""
    web.post(API + "x", status=429, headers={"Retry-After": "17"})
    web.post(API + "x", json={})
    client = client_for()
    client.request("POST", "x")
    assert client.test_clock.slept == [17]


def test_all_pauses_together_have_a_limit(web):
    web.get(API + "x", status=429, headers={"Retry-After": "25"})
    client = client_for(max_wait=60)
    error = failure(client.request, "GET", "x")
    assert client.test_clock.slept == [25, 25]
    assert (error.kind, error.retry_after) == ("throttle", 25)


def test_a_pause_that_is_too_long_is_the_callers(web):
    web.get(API + "x", status=429, headers={"Retry-After": "61"})
    client = client_for(max_wait=60)
    assert failure(client.request, "GET", "x").retry_after == 61
    assert client.test_clock.slept == []


def test_the_token_is_asked_for_again_after_a_pause(web):
    """sync-bugs 67."""
    web.get(API + "x", status=429, headers={"Retry-After": "1"})
    web.get(API + "x", json={})
    client = client_for()
    client.request("GET", "x")
    assert client.test_tokens.refreshes == [False, False]


# --- sign-in --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_401_gets_one_new_token(web, method):
    web.add(method, API + "x", status=401)
    web.add(method, API + "x", json={})
    client = client_for()
    client.request(method, "x")
    assert client.test_tokens.refreshes == [False, True]
    tokens = [call.request.headers["Authorization"] for call in web.calls]
    assert tokens[0] != tokens[1]


def test_a_second_401_is_the_end(web):
    web.get(API + "x", status=401)
    client = client_for()
    error = failure(client.request, "GET", "x")
    assert (error.name, error.kind, len(web.calls)) == ("Unauthorized", "auth", 2)


def test_only_one_new_token_whatever_follows(web):
    for status in (401, 503, 401):
        web.get(API + "x", status=status)
    client = client_for()
    failure(client.request, "GET", "x")
    assert client.test_tokens.refreshes == [False, True, False]


def test_a_passing_trouble_of_the_sign_in_is_waited_for(web):
    web.post(API + "x", json={})
    trouble = DataverseError("SignInUnavailable", sent=True)
    client = client_for(tokens=Tokens(trouble))
    assert client.request("POST", "x").status == 200
    assert len(web.calls) == client.requests == 1


def test_a_refused_sign_in_is_raised_and_nothing_sent(web):
    client = client_for(tokens=Tokens(DataverseError("InvalidClientSecret")))
    error = failure(client.request, "GET", "x")
    assert (error.name, error.sent) == ("InvalidClientSecret", False)
    assert not web.calls


# --- hostile answers ------------------------------------------------------------------


def test_an_answer_has_a_size_limit(web):
    web.get(API + "x", body=b"x" * 2001)
    error = failure(client_for(max_bytes=2000).request, "GET", "x")
    assert error.name == "AnswerTooLarge"
    assert len(web.calls) == 1


def test_the_limit_counts_what_was_unpacked(web):
    bomb = gzip.compress(b"0" * 10_000_000)
    web.get(API + "x", body=bomb, headers={"Content-Encoding": "gzip"})
    assert len(bomb) < 20_000
    error = failure(client_for(max_bytes=1_000_000).request, "GET", "x")
    assert error.name == "AnswerTooLarge"


def test_an_answer_has_a_time_limit(web):
    web.get(API + "x", body=b"x" * 200_000)
    client = client_for(clock=iter(range(0, 10**6, 400)).__next__, max_attempts=1)
    assert failure(client.request, "GET", "x").name == "Timeout"


@pytest.mark.parametrize(
    "body", [b"<html>sign in</html>", b"[]", b"null", b"[" * 100_000, b'{"a":NaN}', b""]
)
def test_what_is_no_json_object_is_refused(web, body):
    web.get(API + "WhoAmI", body=body)
    error = failure(client_for().who_am_i)
    assert (error.name, error.kind) == ("UnreadableAnswer", "transient")
    assert "org.crm4.dynamics.com" in error.sentence


# --- secrets --------------------------------------------------------------------------


def test_no_error_and_no_log_line_tells_a_secret(web, caplog):
    """The server echoes what it got; neither token nor body may surface."""

    def echo(request):
        told = f"{request.headers['Authorization']} {SECRET}"
        return 400, {"x-ms-request-id": "r"}, json.dumps(error_body("0x1", told[:80]))

    caplog.set_level(logging.DEBUG)
    web.add_callback("POST", API + "x", echo)
    for problem in (lost(), timed_out(), refused()):
        web.get(API + "y", body=problem)
    client = client_for(max_attempts=1)
    errors = [
        failure(client.request, "POST", "x", body={"password": "body-canary"}),
        *(failure(client.request, "GET", "y?q=query-canary") for _ in range(3)),
    ]
    for error in errors:
        told = f"{error} {error!r} {vars(error)} {error.__cause__!r}"
        assert TOKEN not in told
        assert error.__suppress_context__ or error.__context__ is None
    for canary in (TOKEN, "body-canary", "query-canary"):
        assert canary not in caplog.text
    assert "/api/data/v9.2/x: 400 in" in caplog.text


def test_a_malformed_header_does_not_tell_the_token(web):
    class Broken:
        def token(self, *, refresh=False):
            return TOKEN + "\r\nX: y"

    with pytest.raises(ValueError) as caught:
        client_for(tokens=Broken()).request("GET", "x")
    assert TOKEN not in str(caught.value)


# --- the environment ------------------------------------------------------------------


def test_who_am_i(web):
    web.get(
        API + "WhoAmI",
        json={"UserId": A.upper(), "BusinessUnitId": B, "OrganizationId": C},
    )
    me = client_for().who_am_i()
    assert (me.user_id, me.business_unit_id, me.organization_id) == (A, B, C)


def test_who_am_i_of_something_else(web):
    web.get(API + "WhoAmI", json={"UserId": "me"})
    assert failure(client_for().who_am_i).name == "UnreadableAnswer"


def test_organization(web):
    web.get(
        API + "organizations",
        json={
            "value": [
                {
                    "organizationid": A,
                    "name": "org",
                    "languagecode": 1033,
                    "_basecurrencyid_value": B,
                    "basecurrencyid": {"isocurrencycode": "DKK"},
                }
            ]
        },
    )
    assert client_for().organization() == {
        "id": A,
        "name": "org",
        "language": 1033,
        "base_currency_id": B,
        "base_currency": "DKK",
    }


def test_app_modules(web):
    row = {"appmoduleid": A, "uniquename": "sales", "name": "Sales Hub"}
    web.get(API + "appmodules", json={"value": [row]})
    assert client_for().app_modules() == [
        {"id": A, "unique_name": "sales", "name": "Sales Hub"}
    ]


# --- metadata -------------------------------------------------------------------------


def serve_metadata(web):
    path = API + "EntityDefinitions(LogicalName='contact')"
    web.get(path, json=DEFINITION)
    web.get(path + "/Attributes", json={"value": ATTRIBUTES})
    for kind, sets in OPTION_SETS.items():
        web.get(
            f"{path}/Attributes/Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
            json={
                "value": [
                    {"LogicalName": name, "OptionSet": {"Options": options}}
                    for name, options in sets.items()
                ]
            },
        )
    web.get(
        API + "EntityDefinitions",
        json={
            "value": [
                {"LogicalName": name, "EntitySetName": entity_set}
                for name, entity_set in ENTITY_SETS.items()
            ]
        },
    )


def test_a_table_is_loaded_with_few_requests(web):
    serve_metadata(web)
    client = client_for()
    assert client.table("contact") == TABLE
    assert client.requests == 7
    assert {c.request.headers["Consistency"] for c in web.calls} == {"Strong"}


@pytest.mark.parametrize("name", ["nope", "no'pe", "../x", ""])
def test_an_unknown_table_is_said_by_name(web, name):
    web.get(
        API + "EntityDefinitions(LogicalName='nope')",
        status=404,
        json=error_body("0x80060888", "…"),
    )
    error = failure(client_for().table, name)
    assert (error.name, error.kind) == ("UnknownTable", "permanent")
    assert f"'{name}'" in error.sentence


def test_other_failures_of_loading_a_table_stay_what_they_are(web):
    path = API + "EntityDefinitions(LogicalName='contact')"
    web.get(path, status=403)
    assert failure(client_for().table, "contact").name == "PrivilegeDenied"
    web.replace("GET", path, json={"LogicalName": "contact"})
    web.get(path + "/Attributes", json={"value": ATTRIBUTES[:1]})
    assert failure(client_for().table, "contact").name == "UnreadableAnswer"


def test_tables_are_listed_by_label(web):
    def definition(name, text, entity_set):
        return {
            **DEFINITION,
            "LogicalName": name,
            "EntitySetName": entity_set,
            "DisplayName": {"UserLocalizedLabel": {"Label": text}},
        }

    rows = [
        definition("contact", "contact", "contacts"),
        definition("account", "Account", "accounts"),
        definition("hidden", "Hidden", None),
    ]
    web.get(API + "EntityDefinitions", json={"value": rows})
    first, second = client_for().tables()
    assert (first.name, first.label) == ("account", "Account")
    assert (second.entity_set, second.change_tracking) == ("contacts", True)


# --- reading --------------------------------------------------------------------------


def rows(*ids, **links):
    page = {"value": [{"@odata.etag": f'W/"{id}"', "contactid": id} for id in ids]}
    return {**page, **{f"@odata.{key}": link for key, link in links.items()}}


def test_retrieve(web):
    web.get(f"{API}contacts({A})", json=rows(A)["value"][0])
    row = client_for().retrieve(TABLE, A, ["lastname"])
    assert row.id == A
    request = web.calls[0].request
    assert request.url.endswith(f"contacts({A})?$select=contactid,lastname")
    assert "lookuplogicalname" in request.headers["Prefer"]


def test_retrieve_of_a_missing_row(web):
    message = f"contact With Id = {A} Does Not Exist"
    web.get(f"{API}contacts({A})", status=404, json=error_body("0x80040217", message))
    error = failure(client_for().retrieve, TABLE, A, [])
    assert (error.name, error.kind) == ("ObjectDoesNotExist", "conflict")


def test_query_pages(web):
    link = API + "contacts?$skiptoken=2"
    web.get(API + "contacts?$skiptoken=2", json=rows(C))
    web.get(API + "contacts", json=rows(A, B, nextLink=link))
    pages = client_for().query(
        TABLE,
        ["lastname"],
        filter="lastname eq 'a'",
        order_by="lastname desc",
        page_size=2,
    )
    assert [[row.id for row in page] for page in pages] == [[A, B], [C]]
    first, second = (call.request for call in web.calls)
    assert first.params["$orderby"] == "lastname desc,contactid"
    assert first.params["$filter"] == "lastname eq 'a'"
    assert second.url == link
    for request in (first, second):
        assert "odata.maxpagesize=2" in request.headers["Prefer"]
        assert "lookuplogicalname" in request.headers["Prefer"]


def test_query_top_of_one_page_uses_top_alone(web):
    web.get(API + "contacts", json=rows(A, B))
    pages = list(client_for().query(TABLE, (), top=2, order_by="contactid"))
    assert sum(map(len, pages)) == 2
    request = web.calls[0].request
    assert request.params["$top"] == "2"
    assert request.params["$orderby"] == "contactid"
    assert "maxpagesize" not in request.headers["Prefer"]


def test_query_top_over_pages_stops(web):
    web.get(API + "contacts", json=rows(A, B, nextLink=API + "contacts?$skiptoken=2"))
    pages = list(client_for().query(TABLE, (), top=3, page_size=2))
    assert [len(page) for page in pages] == [2, 1]
    assert "$top" not in web.calls[0].request.params
    assert list(client_for().query(TABLE, (), top=0)) == []


def test_query_stops_at_a_loop(web):
    web.get(API + "contacts", json=rows(A, nextLink=API + "contacts?$skiptoken=2"))
    error = failure(lambda: list(client_for().query(TABLE, ())))
    assert error.name == "EndlessPaging"
    assert len(web.calls) == 2


def test_count_below_the_limit_is_one_request(web):
    web.get(API + "contacts/$count", body="\ufeff4999".encode())
    client = client_for()
    assert client.count(TABLE, "lastname eq 'a'") == 4999
    assert web.calls[0].request.params["$filter"] == "lastname eq 'a'"
    assert client.requests == 1


def test_count_at_the_limit_counts_keys(web):
    web.get(API + "contacts/$count", body=b"5000")
    web.get(API + "contacts", json=rows(A, B))
    assert client_for().count(TABLE) == 2


def test_count_of_something_else(web):
    web.get(API + "contacts/$count", body=b"<html>")
    assert failure(client_for().count, TABLE).name == "UnreadableAnswer"


def test_changes_start_with_all_rows(web):
    web.get(
        API + "contacts?$skiptoken=2",
        json=rows(C, deltaLink=API + "contacts?$deltatoken=9"),
    )
    web.get(API + "contacts", json=rows(A, B, nextLink=API + "contacts?$skiptoken=2"))
    first, last = client_for().changes(TABLE, ["lastname"], page_size=2)
    assert [row.id for row in first.rows] == [A, B]
    assert (first.next_link, first.delta_link) == (API + "contacts?$skiptoken=2", None)
    assert last.delta_link == API + "contacts?$deltatoken=9"
    request = web.calls[0].request
    assert list(request.params) == ["$select"]  # tracking allows nothing else
    assert "odata.track-changes" in request.headers["Prefer"]
    assert "odata.maxpagesize=2" in request.headers["Prefer"]


@pytest.mark.parametrize(
    "kind", ["$deltatoken=919042%2108%2f22%2f2017", "$skiptoken=1"]
)
def test_changes_go_on_from_a_stored_link(web, kind):
    link = f"{API}contacts?{kind}"
    deleted = {
        "@odata.context": f"{API}$metadata#contacts/$deletedEntity",
        "id": B,
        "reason": "deleted",
    }
    page = rows(A, deltaLink=API + "contacts?$deltatoken=10")
    page["value"].append(deleted)
    web.get(re.compile(".*"), json=page)
    (got,) = client_for().changes(TABLE, (), link)
    assert ([row.id for row in got.rows], got.deleted) == ([A], [B])
    assert urls(web) == [link]


@pytest.mark.parametrize("kind", ["nextLink", "deltaLink"])
def test_a_link_that_leads_away_is_not_given_to_whoever_keeps_it(web, kind):
    """Kept, it would be refused for ever."""
    web.get(re.compile(".*"), json=rows(A, **{kind: "http://elsewhere.example/x"}))
    error = failure(lambda: next(client_for().changes(TABLE, ())))
    assert (error.name, len(web.calls)) == ("LinkElsewhere", 1)


def test_an_expired_link_is_said(web):
    web.get(
        re.compile(".*"),
        status=400,
        json=error_body("0x80044352", "Version stamp … has expired"),
    )
    link = API + "contacts?$deltatoken=1"
    error = failure(lambda: next(client_for().changes(TABLE, (), link)))
    assert error.name == "ExpiredVersionStamp"


# --- writing --------------------------------------------------------------------------


def batch_answer(*statuses, end=True):
    text = "".join(
        f"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status} X\r\n\r\n\r\n"
        for status in statuses
    )
    return {
        "body": text + ("--b--\r\n" if end else ""),
        "content_type": "multipart/mixed; boundary=b",
    }


def deletes(count):
    return [batch.delete(TABLE, f"{n:08d}" + A[8:]) for n in range(count)]


def test_a_batch_is_split_and_its_outcomes_joined(web):
    web.post(API + "$batch", **batch_answer(204, 404))
    web.post(API + "$batch", **batch_answer(204))
    outcomes = client_for().batch(deletes(3), size=2)
    assert [o.error and o.error.name for o in outcomes] == [None, "NotFound", None]
    first, second = (call.request for call in web.calls)
    assert first.body.count(b"DELETE /api/data/v9.2/contacts(") == 2
    assert second.body.count(b"DELETE") == 1
    assert first.headers["Prefer"] == "odata.continue-on-error"
    assert first.headers["Content-Type"].startswith("multipart/mixed; boundary=")


def test_no_operations_are_no_request(web):
    assert client_for().batch([]) == []
    assert not web.calls


@pytest.mark.parametrize("size", [0, 1001])
def test_a_batch_size_is_between_1_and_1000(size):
    with pytest.raises(ValueError):
        client_for().batch(deletes(1), size=size)


def test_a_batch_without_its_end_is_transient_for_the_rest(web):
    web.post(API + "$batch", **batch_answer(204, 204, end=False))
    first, second, third = client_for().batch(deletes(3))
    assert first.error is None
    for outcome in (second, third):
        assert outcome.error.name == "NoResponse"
        assert outcome.error.sent is None


def test_a_throttled_batch_waits(web):
    web.post(API + "$batch", status=429, headers={"Retry-After": "5"})
    web.post(API + "$batch", **batch_answer(204))
    client = client_for()
    assert client.batch(deletes(1))[0].error is None
    assert client.test_clock.slept == [5]


@pytest.mark.parametrize(
    ("operations", "again"),
    [
        ([batch.create(TABLE, A, {}), batch.update(TABLE, B, {}, None)], True),
        ([batch.delete(TABLE, A), batch.Operation("POST", "x", {})], False),
    ],
)
def test_a_batch_is_repeatable_if_all_its_operations_are(web, operations, again):
    web.post(API + "$batch", body=lost())
    web.post(API + "$batch", **batch_answer(204, 204))
    client = client_for()
    if again:
        assert len(client.batch(operations)) == 2
    else:
        assert failure(client.batch, operations).name == "NoResponse"
    assert len(web.calls) == 1 + again


def test_the_first_batch_raises_what_concerns_it(web):
    web.post(API + "$batch", status=503)
    assert failure(client_for().batch, deletes(2)).name == "ServiceUnavailable"


def test_what_was_done_is_not_forgotten_when_a_later_batch_fails(web):
    web.post(API + "$batch", **batch_answer(204))
    web.post(API + "$batch", status=429, headers={"Retry-After": "300"})
    outcomes = client_for().batch(deletes(3), size=1)
    done, failed, unsent = outcomes
    assert done.error is None
    assert (failed.error.kind, failed.error.retry_after) == ("throttle", 300)
    assert (unsent.error.name, unsent.error.kind) == ("NotSent", "throttle")
    assert (unsent.error.sent, unsent.error.retry_after) == (False, 300)
    assert len(web.calls) == 2


def test_an_invalid_sign_in_ends_all_batches(web):
    web.post(API + "$batch", **batch_answer(204))
    web.post(API + "$batch", **batch_answer(401))
    error = failure(client_for().batch, deletes(3), size=1)
    assert (error.name, len(web.calls)) == ("Unauthorized", 2)


def test_create_multiple(web):
    path = API + "contacts/Microsoft.Dynamics.CRM.CreateMultiple"
    web.post(path, json={"Ids": [A.upper(), B]})
    values = {"accountid": f"account({C})"}
    created = client_for().create_multiple(TABLE, [(A.upper(), values), (B, {})])
    assert created == [A, B]
    assert json.loads(web.calls[0].request.body) == {
        "Targets": [
            {
                "@odata.type": "Microsoft.Dynamics.CRM.contact",
                "contactid": A,
                "accountid@odata.bind": f"/accounts({C})",
            },
            {"@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": B},
        ]
    }


def test_bulk_messages_refuse_an_id_that_is_no_guid(web):
    with pytest.raises(ValueError):
        client_for().update_multiple(TABLE, [("1", {})])
    assert not web.calls


def test_create_multiple_with_too_few_ids(web):
    web.post(API + "contacts/Microsoft.Dynamics.CRM.CreateMultiple", json={"Ids": [A]})
    error = failure(client_for().create_multiple, TABLE, [(A, {}), (B, {})])
    assert (error.name, error.sent) == ("UnreadableAnswer", None)


def test_update_multiple(web):
    path = API + "contacts/Microsoft.Dynamics.CRM.UpdateMultiple"
    web.post(path, status=204)
    assert client_for().update_multiple(TABLE, [(A, {"lastname": "x"})]) is None
    assert json.loads(web.calls[0].request.body)["Targets"] == [
        {
            "@odata.type": "Microsoft.Dynamics.CRM.contact",
            "contactid": A,
            "lastname": "x",
        }
    ]


def test_a_bulk_error_names_the_column_by_its_label(web):
    message = (
        "The length of the 'lastname' attribute of the 'contact' entity exceeded the "
        "maximum allowed length of '50'."
    )
    web.post(
        API + "contacts/Microsoft.Dynamics.CRM.CreateMultiple",
        status=400,
        json=error_body("0x80044331", message),
    )
    error = failure(client_for().create_multiple, TABLE, [(A, {})])
    assert error.sentence.startswith("'Last Name' takes")
    assert len(web.calls) == 1
