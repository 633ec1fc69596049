"""``$apply``: "Aggregate data using OData"."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_process import Session, create, error

pytest_plugins = ["simulator_fixture"]

_FORMATTED = {
    "Prefer": 'odata.include-annotations="OData.Community.Display.V1.FormattedValue"'
}


@pytest.fixture
def accounts(api: Session) -> None:
    contact = create(api, "contacts", firstname="Jim", lastname="Glynn")
    bind = f"contacts({contact})"
    for number, revenue in enumerate((10, 20.5, None)):
        create(
            api,
            "accounts",
            name=f"A{number}",
            revenue=revenue,
            numberofemployees=number,
            industrycode=1 if revenue else None,
            **({"primarycontactid__bind": bind} if number == 0 else {}),
        )


def _apply(api: Session, text: str, **headers: str) -> list[dict[str, Any]]:
    answer = api.get(f"accounts?$apply={text}", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["@odata.context"].endswith("/$metadata#accounts")
    return answer.json()["value"]


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("groupby((statecode))", [{"statecode": 0}]),
        ("groupby((industrycode))", [{}, {"industrycode": 1}]),
        ("aggregate($count as n)", [{"n": 3}]),
        ("aggregate(revenue with sum as total)", [{"total": 30.5}]),
        ("aggregate(revenue with average as mean)", [{"mean": 15.25}]),
        ("aggregate(numberofemployees with max as most)", [{"most": 2}]),
        ("aggregate(revenue with min as least,$count as n)", [{"least": 10, "n": 3}]),
        ("aggregate(industrycode with countdistinct as kinds)", [{"kinds": 1}]),
        (
            "groupby((industrycode),aggregate(revenue with sum as total))",
            [{}, {"industrycode": 1, "total": 30.5}],
        ),
        (
            "groupby((primarycontactid/fullname),aggregate($count as n))",
            [{"n": 2}, {"contact_fullname": "Jim Glynn", "n": 1}],
        ),
        (
            "filter(revenue gt 15)/groupby((industrycode),aggregate($count as n))",
            [{"industrycode": 1, "n": 1}],
        ),
        ("filter(name eq 'none')/aggregate(revenue with sum as total)", [{}]),
    ],
)
def test_rows_are_grouped_and_aggregated(
    api: Session, text: str, rows: list[dict[str, Any]]
) -> None:
    assert _apply(api, text) == rows


@pytest.mark.usefixtures("accounts")
def test_groups_have_formatted_values(api: Session) -> None:
    text = "groupby((statecode),aggregate(revenue with sum as total))"
    (row,) = _apply(api, text, **_FORMATTED)
    name = "OData.Community.Display.V1.FormattedValue"
    assert row[f"statecode@{name}"] == "Active"
    assert row[f"total@{name}"] == "30.50"


@pytest.mark.usefixtures("accounts")
def test_amounts_have_nine_decimals(api: Session) -> None:
    answer = api.get("accounts?$apply=aggregate(revenue with sum as total)")
    assert '"total":30.500000000' in answer.text


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("groupby((createdon))", 400, "0x80060888"),
        ("groupby((nothing))", 400, "0x80060888"),
        ("groupby(statecode)", 400, "0x80060888"),
        ("aggregate(name with sum as x)", 400, "0x8004112F"),
        ("aggregate(revenue with median as x)", 400, "0x80060888"),
        ("aggregate(revenue with sum as x,$count as x)", 400, "0x80060888"),
        ("filter(revenue gt 1)", 400, "0x80060888"),
        ("aggregate($count as n)&$top=1", 501, "0x80060885"),
    ],
)
def test_what_cannot_be_aggregated(
    api: Session, text: str, status: int, code: str
) -> None:
    assert error(api.get(f"accounts?$apply={text}")) == (status, code)


def test_only_readable_rows_are_counted(simulator: Any, api: Session) -> None:
    other = simulator.session(simulator.ready["salesperson"])
    create(api, "accounts", name="Mine")
    create(other, "accounts", name="Theirs")
    client_id = simulator.ready["salesperson"]["client_id"]
    rights = {"privileges": {"account": {"Read": "User"}}}
    simulator.control("PUT", f"users/{client_id}", rights)
    assert _apply(other, "aggregate($count as n)") == [{"n": 1}]
