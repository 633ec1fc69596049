"""Periods seen from now, and names that are known although nothing is behind them.

Sources: "Condition operators", "Web API query functions", README of the simulator.
"""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from simulator_process import error

from simulator.errors import DataverseError
from simulator.fetch import _OTHER_OPERATORS
from simulator.periods import PERIODS, function_name, span

pytest_plugins = ["simulator_fixture"]

# A Wednesday in a leap year.
NOW = datetime(2024, 2, 28, 15, 30, 10, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("today", None, ("2024-02-28", "2024-02-29")),
        ("yesterday", None, ("2024-02-27", "2024-02-28")),
        ("last-seven-days", None, ("2024-02-21", "2024-02-29")),
        ("last-x-hours", "2", ("2024-02-28T13:30:10Z", "2024-02-28T15:30:11Z")),
        ("next-x-hours", "2", ("2024-02-28T15:30:10Z", "2024-02-28T17:30:11Z")),
        ("last-x-days", "3", ("2024-02-25", "2024-02-29")),
        ("next-x-weeks", "1", ("2024-02-28", "2024-03-07")),
        ("last-x-months", "1", ("2024-01-28", "2024-02-29")),
        ("last-x-years", "1", ("2023-02-28", "2024-02-29")),
        ("last-week", None, ("2024-02-18", "2024-02-25")),
        ("this-week", None, ("2024-02-25", "2024-03-03")),
        ("next-month", None, ("2024-03-01", "2024-04-01")),
        ("last-month", None, ("2024-01-01", "2024-02-01")),
        ("this-year", None, ("2024-01-01", "2025-01-01")),
        ("olderthan-x-minutes", "30", (None, "2024-02-28T15:00:10Z")),
        ("olderthan-x-days", "2", (None, "2024-02-26")),
        ("olderthan-x-months", "14", (None, "2022-12-28")),
        ("olderthan-x-years", "1500", (None, "0524-02-28")),
        ("olderthan-x-hours", "17000000", (None, "0084-10-22T07:30:10Z")),
    ],
)
def test_a_period(name, count, expected):
    assert span(name, NOW, count) == expected


def test_a_month_has_the_days_it_has():
    march = datetime(2024, 3, 31, tzinfo=timezone.utc)
    assert span("olderthan-x-months", march, "1") == (None, "2024-02-29")


@pytest.mark.parametrize("count", [None, "", "x", "-1", "١", "999999999"])
def test_a_count_that_is_none(count):
    with pytest.raises(DataverseError) as caught:
        span("last-x-years", NOW, count)
    assert caught.value.code == "0x80060888"


def test_names_of_query_functions():
    wanted = {"LastXHours", "Last7Days", "OlderThanXMinutes", "ThisMonth", "Tomorrow"}
    assert wanted <= {function_name(name) for name in PERIODS}
    assert not [name for name in PERIODS if _OTHER_OPERATORS.fullmatch(name)]


@pytest.mark.parametrize(
    "path",
    [
        "savedqueries",
        "roles(00000000-0000-0000-0000-000000000001)",
        "InitializeFrom(EntityMoniker=@p1)?@p1={}",
        "systemusers(00000000-0000-0000-0000-000000000001)/systemuserroles_association",
        "systemusers(00000000-0000-0000-0000-000000000001)/"
        "Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target=@p1)?@p1={}",
    ],
)
def test_what_only_dataverse_has_is_not_called_missing(api, path):
    """501, as the README says; 404 is for what Dataverse does not know either."""
    assert error(api.get(path)) == (501, "0x80060885")
    assert error(api.get("nosuchset")) == (404, "0x8006088a")


def test_an_action_that_only_dataverse_has(api):
    assert error(api.post("GrantAccess", json={})) == (501, "0x80060885")


def test_the_version_of_the_definitions_changes_with_them(api, simulator):
    """Microsoft.Dynamics.CRM.globalmetadataversion, for caches."""

    def version() -> str:
        headers = {"Prefer": 'odata.include-annotations="*"'}
        body = api.get("accounts?$top=1", headers=headers).json()
        return body["@Microsoft.Dynamics.CRM.globalmetadataversion"]

    before = version()
    assert version() == before
    simulator.control("PUT", "columns/account/name", {"max_length": 10})
    assert version() != before
