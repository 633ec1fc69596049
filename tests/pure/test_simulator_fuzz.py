"""Whatever a client sends ends in a right answer or a documented error.

``SIMULATOR_FUZZ=1000000`` asks for more requests than a usual run makes, and
``SIMULATOR_FUZZ_FROM`` for the number of the first.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from simulator_fuzz import Maker, Wish

from simulator.api import Api
from simulator.errors import DataverseError
from simulator.faults import Faults
from simulator.identity import load_or_create
from simulator.initial_rows import SampleSize
from simulator.messages import Request, Response
from simulator.organization import Organization
from simulator.security import Caller
from simulator.webhooks import Webhooks

_COUNT = int(os.environ.get("SIMULATOR_FUZZ", "4000"))
_FIRST = int(os.environ.get("SIMULATOR_FUZZ_FROM", "0"))
_RESET_AFTER = 1000
_LOOK_AGAIN_AFTER = 100
_KNOWN = (
    "account contact systemuser transactioncurrency opportunity quote salesorder "
    "invoice".split()
)
_PATIENCE_SECONDS = 10
_URL = "https://localhost/api/data/v9.2"
_CODE = re.compile(r"0x[0-9A-Fa-f]{1,8}")


@pytest.fixture(scope="module")
def organization(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organization]:
    folder: Path = tmp_path_factory.mktemp("simulator")
    new = Organization(load_or_create(folder), SampleSize(10, 20))
    yield new
    new.store.close()


@pytest.fixture(scope="module")
def api(organization: Organization) -> Api:
    return Api(organization, Faults(), Webhooks(organization))


def _ids(organization: Organization) -> dict[str, list[str]]:
    ids = {}
    for name in _KNOWN:
        found = organization.store.execute(f"SELECT {name}id FROM {name}").fetchall()
        ids[name] = [row_id for (row_id,) in found]
    return ids


def _caller(organization: Organization) -> Caller:
    """Who calls; an earlier request may have taken its own user from it."""
    client_id = organization.identity.integration.client_id
    try:
        return organization.caller(client_id)
    except DataverseError as error:
        assert error.status == 403
        organization.reset()
        return organization.caller(client_id)


def _answer(api: Api, wish: Wish) -> Response:
    request = Request(
        wish.method,
        wish.path,
        wish.query,
        wish.headers,
        wish.body,
        _caller(api.organization),
        _URL,
    )
    if wish.path == "$batch":
        return api.handle_batch(request)
    return api.handle(request)


def _check(response: Response) -> None:
    """An answer that a client can read; an error says what Dataverse would say."""
    assert response.status in range(200, 600)
    content_type = response.headers.get("Content-Type", "")
    if content_type.startswith("application/json"):
        content = json.loads(response.body)
        if response.status >= 400:
            error = content["error"]
            assert _CODE.fullmatch(error["code"]), error
            assert error["message"], error
    elif content_type.startswith("multipart/mixed"):
        boundary = content_type.partition("boundary=")[2].encode()
        assert response.body.endswith(b"--" + boundary + b"--\r\n")
        assert b"HTTP/1.1 500" not in response.body
    # 500 would be the simulator's own fault.
    assert response.status != 500


def _cookie(inner: str, tracking: bool) -> str:
    return (
        f'<cookie pagenumber="2" pagingcookie="{quote(quote(inner))}" '
        f'istracking="{tracking}" />'
    )


_FUTURE = "9" * 30 + "!01/01/2030 00:00:00"
_WINDOW = '<window since="1" until="2" part="rows" />'


@pytest.mark.parametrize(
    ("path", "option", "value"),
    [
        ("accounts", "$deltatoken", _FUTURE),
        ("accounts?$orderby=name", "$skiptoken", _cookie('<a last="x" />', False)),
        ("accounts", "$skiptoken", _cookie('<a last="x" />' + _WINDOW, True)),
        (
            "accounts",
            "$filter",
            "Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',"
            "PropertyValue='A')",
        ),
        ("EntityDefinitions", "$filter", "LogicalName/Value eq 1"),
        ("accounts", "$filter", "versionnumber ne 9999999999999999999999999"),
        ("accounts", "$filter", "revenue gt 9999999999999999999999999"),
        (
            "accounts",
            "$filter",
            "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[null,'a'])",
        ),
        ("accounts", "$filter", " or ".join(["name eq 'a'"] * 501)),
        ("accounts", "$filter", "not " * 3000 + "name eq 'a'"),
        ("EntityDefinitions", "$filter", "IsManaged eq fale"),
        ("EntityDefinitions", "$filter", "LogicalName eq 2020-02-30"),
    ],
)
def test_readings_that_once_failed(
    api: Api, path: str, option: str, value: str
) -> None:
    """Found by random requests: refused, not broken."""
    path, _, query = path.partition("?")
    query = f"{query}&{urlencode({option: value})}".lstrip("&")
    response = _answer(api, Wish("GET", path, query))
    _check(response)
    assert response.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_bodies_that_no_reader_takes(api: Api, body: bytes) -> None:
    """Half of a surrogate pair, and lists without end."""
    response = _answer(api, Wish("POST", "accounts", "", {}, body))
    _check(response)
    assert response.status == 400


def test_a_reference_that_is_no_text(api: Api) -> None:
    """Found by random requests."""
    target = {"@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": 1.5}
    body = json.dumps({"Targets": [target]}).encode()
    path = "accounts/Microsoft.Dynamics.CRM.UpsertMultiple"
    response = _answer(api, Wish("POST", path, "", {}, body))
    _check(response)
    assert response.status == 400


def test_a_batch_with_an_address_that_is_none(api: Api) -> None:
    """Found by random requests: a bracket in the host."""
    body = (
        b"--b\r\nContent-Type: application/http\r\n\r\n"
        b"GET https://x]/api/data/v9.2/accounts HTTP/1.1\r\n\r\n\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/mixed; boundary=b"}
    response = _answer(api, Wish("POST", "$batch", "", headers, body))
    _check(response)
    assert response.status == 400


def test_a_second_organization_is_refused(api: Api) -> None:
    """ "organization table reference": no Create. Found by random requests."""
    response = _answer(api, Wish("POST", "organizations", "", {}, b'{"name": "B"}'))
    assert response.status == 400


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("%a" * 60 + "%", False),
        ("a%b_d%f", True),
        ("%[x-z]%", False),
        ("[a-c]%[^x]", True),
        ("[z-a]%", False),
        ("abcdef", True),
        ("bcd", False),
    ],
)
def test_patterns_are_matched_without_backtracking(
    api: Api, pattern: str, matches: bool
) -> None:
    """LIKE, in a moment however many % there are, also with a set that is none."""
    value = "a" * 50 if len(pattern) > 50 else "abcdef"
    found = api.organization.store.execute("SELECT matches(?, ?)", (value, pattern))
    assert bool(found.fetchone()[0]) is matches


def test_random_requests_are_answered(api: Api, organization: Organization) -> None:
    known: dict[str, list[str]] = {}
    statuses: dict[int, int] = {}
    for number in range(_FIRST, _FIRST + _COUNT):
        if number % _RESET_AFTER == 0 or not known:
            organization.reset()
        if number % _LOOK_AGAIN_AFTER == 0 or not known:
            known = _ids(organization)
        wish = Maker(organization.schema, known, number).wish()
        started = time.monotonic()
        try:
            response = _answer(api, wish)
            _check(response)
        except Exception as error:
            pytest.fail(f"request {number}, {wish}: {type(error).__name__}: {error}")
        taken = time.monotonic() - started
        assert taken < _PATIENCE_SECONDS, f"request {number}, {wish}: {taken} s"
        statuses[response.status] = statuses.get(response.status, 0) + 1
    # Requests that all fail at the first hurdle would prove nothing.
    assert statuses.get(200, 0) > _COUNT / 20
    assert statuses.get(204, 0) > _COUNT / 200
