"""Service protection limits: one test for each documented fact.

Source: "Service protection API limits", headers captured from a live organization.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from simulator_process import Session, Simulator, error, start

pytest_plugins = ["simulator_fixture"]
_LEFT = "x-ms-ratelimit-burst-remaining-xrm-requests"
_TIME_LEFT = "x-ms-ratelimit-time-remaining-xrm-requests"


def _enforce(simulator: Simulator, **limits: Any) -> None:
    simulator.control("PUT", "limits", {"enforced": True, **limits})


def test_the_number_of_requests_is_limited(simulator: Simulator, api: Session) -> None:
    """0x80072322 with 429 and Retry-After in seconds."""
    _enforce(simulator, requests=2)
    assert [api.get("WhoAmI").status_code for _ in range(2)] == [200, 200]
    refused = api.get("WhoAmI")
    assert error(refused) == (429, "0x80072322")
    assert refused.json()["error"]["message"] == (
        "Number of requests exceeded the limit of 2 over time window of 300 seconds."
    )
    assert 0 < int(refused.headers["Retry-After"]) <= 300


def test_the_window_slides(simulator: Simulator, api: Session) -> None:
    """Requests count for 300 seconds."""
    _enforce(simulator, requests=1)
    assert api.get("WhoAmI").status_code == 200
    wait = int(api.get("WhoAmI").headers["Retry-After"])
    simulator.control("POST", "clock", {"advance_seconds": wait + 1})
    assert api.get("WhoAmI").status_code == 200


def test_going_on_asking_extends_the_wait(simulator: Simulator, api: Session) -> None:
    """Refused requests count as well."""
    _enforce(simulator, requests=1)
    api.get("WhoAmI")
    simulator.control("POST", "clock", {"advance_seconds": 100})
    first = int(api.get("WhoAmI").headers["Retry-After"])
    again = int(api.get("WhoAmI").headers["Retry-After"])
    assert first <= 200 < again


def test_the_time_of_work_is_limited(simulator: Simulator, api: Session) -> None:
    """0x80072321; the message counts in milliseconds."""
    _enforce(simulator, execution_seconds=0.00001)
    assert api.get("WhoAmI").status_code == 200
    refused = api.get("WhoAmI")
    assert error(refused) == (429, "0x80072321")
    assert "limit of 0 milliseconds over" in refused.json()["error"]["message"]
    assert int(refused.headers["Retry-After"]) > 0


def test_requests_at_once_are_limited(simulator: Simulator, api: Session) -> None:
    """0x80072326."""
    _enforce(simulator, concurrent=1)
    rule = {"path": "WhoAmI", "count": None, "then": {"delay_ms": 100}}
    simulator.control("PUT", "faults", [rule])
    sessions = [simulator.session() for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda session: session.get("WhoAmI"), sessions))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert error(refused[0]) == (429, "0x80072326")
    assert "concurrent requests exceeded the limit of 1" in refused[0].text


def test_each_user_has_limits_of_their_own(simulator: Simulator, api: Session) -> None:
    """ "Limits are evaluated per user"."""
    _enforce(simulator, requests=1)
    other = simulator.session(simulator.ready["salesperson"])
    api.get("WhoAmI")
    assert api.get("WhoAmI").status_code == 429
    assert other.get("WhoAmI").status_code == 200


def test_a_batch_is_one_request(simulator: Simulator, api: Session) -> None:
    """A batch counts once however much it holds."""
    _enforce(simulator, requests=2)
    part = (
        "--b\r\nContent-Type: application/http\r\n\r\nGET WhoAmI HTTP/1.1\r\n\r\n\r\n"
    )
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    answer = api.post("$batch", data=part * 5 + "--b--\r\n", headers=headers)
    assert answer.text.count("HTTP/1.1 200") == 5
    assert answer.headers[_LEFT] == "1"


def test_headers_say_what_is_left(simulator: Simulator, api: Session) -> None:
    """Captured: a thousands separator in the time, none in the number."""
    _enforce(simulator, requests=5000, dop_hint=17)
    headers = api.get("WhoAmI").headers
    assert headers[_LEFT] == "4999"
    assert headers[_TIME_LEFT] == "1,200.00"
    assert headers["x-ms-dop-hint"] == "17"


def test_nothing_is_limited_by_default(simulator: Simulator, api: Session) -> None:
    """The limits are counted, not enforced, unless asked for."""
    simulator.control("PUT", "limits", {"requests": 1})
    assert [api.get("WhoAmI").status_code for _ in range(3)] == [200] * 3


def test_the_command_line_enforces_the_documented_numbers() -> None:
    """6,000 requests, 20 minutes of work and 52 requests at once."""
    with start("--empty", "--service-protection") as simulator:
        assert simulator.control("GET", "limits") == {
            "enforced": True,
            "requests": 6000,
            "execution_seconds": 1200,
            "concurrent": 52,
            "dop_hint": 4,
        }


@pytest.mark.parametrize("body", [{"planets": 1}])
def test_unknown_limits_are_refused(simulator: Simulator, body: Any) -> None:
    """A mistake in a test is said, not swallowed."""
    session = simulator.open(simulator.ready["control"])
    assert session.put("limits", json=body).status_code == 400
