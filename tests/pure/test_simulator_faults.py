"""What a server, or the way to it, can do to a client; see simulator/faults.py."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from simulator_process import Session, Simulator, create, error

pytest_plugins = ["simulator_fixture"]


def _rule(simulator: Simulator, path: str = "", **then: Any) -> None:
    rule = {"path": path, "count": None, "then": then}
    simulator.control("PUT", "faults", [rule])


def _batch(api: Session, names: list[str]) -> requests.Response:
    parts = "".join(
        "--b\r\nContent-Type: application/http\r\n\r\nPOST accounts HTTP/1.1\r\n"
        f'Prefer: return=representation\r\n\r\n{{"name":"{name}"}}\r\n'
        for name in names
    )
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    return api.post("$batch", data=parts + "--b--\r\n", headers=headers)


def _names(answer: requests.Response) -> list[str]:
    return re.findall(r'"name":"(\w+)"', answer.text)


@pytest.mark.parametrize("wait", [0, 5, 86400, "soon"])
def test_retry_after_in_any_form(
    simulator: Simulator, api: Session, wait: int | str
) -> None:
    _rule(simulator, status=429, code="0x80072322", retry_after=wait)
    answer = api.get("WhoAmI")
    assert error(answer) == (429, "0x80072322")
    assert answer.headers["Retry-After"] == str(wait)


def test_retry_after_as_a_date(simulator: Simulator, api: Session) -> None:
    _rule(simulator, status=503, retry_after_date=30)
    answer = api.get("WhoAmI")
    moment = parsedate_to_datetime(answer.headers["Retry-After"])
    sent = parsedate_to_datetime(answer.headers["Date"])
    assert 28 <= (moment - sent).total_seconds() <= 31


def test_a_page_of_html_instead_of_json(simulator: Simulator, api: Session) -> None:
    _rule(simulator, status=200, content="<html>Sign in</html>")
    answer = api.get("accounts")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text == "<html>Sign in</html>"


def test_an_empty_answer(simulator: Simulator, api: Session) -> None:
    _rule(simulator, status=200, content="")
    answer = api.get("accounts")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_redirect_elsewhere(simulator: Simulator, api: Session) -> None:
    elsewhere = "https://elsewhere.invalid/"
    _rule(simulator, status=307, content="", headers={"Location": elsewhere})
    answer = api.get("accounts", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, elsewhere)


def test_compression_that_is_none(simulator: Simulator, api: Session) -> None:
    headers = {"Content-Encoding": "gzip"}
    _rule(simulator, status=200, content="no gzip", headers=headers)
    with pytest.raises(requests.exceptions.ContentDecodingError):
        api.get("accounts")


def test_a_reset_before_and_after_the_commit(
    simulator: Simulator, api: Session
) -> None:
    for drop, rows in (("before", 0), ("after", 1)):
        rule = {"method": "POST", "path": "accounts", "then": {"drop": drop}}
        simulator.control("PUT", "faults", [rule])
        with pytest.raises(requests.exceptions.ConnectionError):
            api.post("accounts", json={"name": "A"})
        assert len(api.get("accounts").json()["value"]) == rows


@pytest.mark.parametrize(
    ("how", "expected"),
    [("reversed", "CBA"), ("missing", "BC"), ("doubled", "AABC")],
)
def test_parts_of_a_batch_go_astray(
    simulator: Simulator, api: Session, how: str, expected: str
) -> None:
    _rule(simulator, r"^\$batch", parts=how)
    assert _names(_batch(api, ["A", "B", "C"])) == list(expected)
    simulator.control("PUT", "faults", [])
    assert len(api.get("accounts").json()["value"]) == 3


def test_a_truncated_batch(simulator: Simulator, api: Session) -> None:
    _rule(simulator, r"^\$batch", truncate=True)
    with pytest.raises(requests.exceptions.RequestException):
        _batch(api, ["A", "B"])
    simulator.control("PUT", "faults", [])
    assert len(api.get("accounts").json()["value"]) == 2


def test_etags_are_absent(simulator: Simulator, api: Session) -> None:
    address = f"accounts({create(api, 'accounts', name='A')})"
    _rule(simulator, etag="absent")
    answer = api.get(address)
    assert "ETag" not in answer.headers and "@odata.etag" not in answer.json()
    assert "@odata.etag" not in api.get("accounts?$select=name").json()["value"][0]


def test_etags_change_at_each_reading(simulator: Simulator, api: Session) -> None:
    address = f"accounts({create(api, 'accounts', name='A')})"
    _rule(simulator, etag="flaky")
    found = {api.get(address).json()["@odata.etag"] for _ in range(3)}
    assert len(found) == 3


def _page(api: Session, link: str) -> dict[str, Any]:
    return api.get(link, headers={"Prefer": "odata.maxpagesize=3"}).json()


@pytest.fixture
def six_rows(api: Session) -> None:
    for number in range(6):
        create(api, "accounts", name=str(number))


@pytest.mark.usefixtures("six_rows")
def test_a_next_link_leads_elsewhere(simulator: Simulator, api: Session) -> None:
    _rule(simulator, next_link="https://elsewhere.invalid/accounts")
    link = _page(api, "accounts?$select=name")["@odata.nextLink"]
    assert link == "https://elsewhere.invalid/accounts"


@pytest.mark.usefixtures("six_rows")
def test_a_next_link_leads_back(simulator: Simulator, api: Session) -> None:
    _rule(simulator, next_link="loop")
    first = _page(api, "accounts?$select=name")
    assert _page(api, first["@odata.nextLink"]) == first


@pytest.mark.usefixtures("six_rows")
def test_pages_overlap(simulator: Simulator, api: Session) -> None:
    _rule(simulator, overlap=1)
    first = _page(api, "accounts")
    second = _page(api, first["@odata.nextLink"])
    assert second["value"][0] == first["value"][-1]


def test_a_delta_token_of_the_future(simulator: Simulator, api: Session) -> None:
    _rule(simulator, delta_token="future")
    headers = {"Prefer": "odata.track-changes"}
    answer = api.get("accounts?$select=name", headers=headers).json()
    simulator.control("PUT", "faults", [])
    version = int(re.search(r"deltatoken=(\d+)", answer["@odata.deltaLink"])[1])
    row_id = create(api, "accounts", name="A")
    history = simulator.control("GET", f"history/account/{row_id}")
    assert version > history[0]["version"]


def test_chance_repeats_itself(simulator: Simulator, api: Session) -> None:
    def history(seed: int) -> list[int]:
        rule = {"count": None, "probability": 0.5, "seed": seed}
        rule["then"] = {"status": 503}
        simulator.control("PUT", "faults", [rule])
        return [api.get("WhoAmI").status_code for _ in range(20)]

    first = history(7)
    assert set(first) == {200, 503}
    assert history(7) == first
    assert history(8) != first


def test_the_organization_is_restored_from_a_backup(
    simulator: Simulator, api: Session
) -> None:
    kept = create(api, "accounts", name="A")
    simulator.control("POST", "snapshot")
    etag = api.get(f"accounts({kept})").json()["@odata.etag"]
    lost = create(api, "accounts", name="B")
    api.patch(f"accounts({kept})", json={"name": "C"})
    simulator.control("POST", "restore")
    row = api.get(f"accounts({kept})").json()
    assert (row["name"], row["@odata.etag"]) == ("A", etag)
    assert api.get(f"accounts({lost})").status_code == 404
    # Versions are given out a second time, as by a real server after a restore.
    assert create(api, "accounts", name="D")


def test_another_organization_answers(simulator: Simulator, api: Session) -> None:
    other = "00000000-0000-0000-0000-00000000000a"
    simulator.control("PUT", "organization", {"id": other})
    assert api.get("WhoAmI").json()["OrganizationId"] == other
    simulator.reset()
    own = simulator.ready["organization_id"]
    assert api.get("WhoAmI").json()["OrganizationId"] == own


@pytest.mark.parametrize(
    "then", [{"parts": "lost"}, {"etag": "x"}, {"drop": "never"}, {"delta_token": "x"}]
)
def test_unknown_faults_are_refused(simulator: Simulator, then: dict[str, str]) -> None:
    session = simulator.open(simulator.ready["control"])
    assert session.put("faults", json=[{"then": then}]).status_code == 400


def test_a_rule_tells_how_often_it_was_met(simulator: Simulator, api: Session) -> None:
    unmet = {"path": "^contacts", "then": {"status": 500}}
    twice = {"path": "^accounts", "count": 2, "then": {"status": 500}}
    simulator.control("PUT", "faults", [unmet, twice])
    for _ in range(3):
        api.get("accounts")
    assert simulator.control("GET", "faults/taken") == [0, 2]
