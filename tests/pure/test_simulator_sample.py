"""The sample data: reproducible, believable, and accepted by the strict server."""

from __future__ import annotations

import re

import pytest

from simulator import sample

pytest_plugins = ["simulator_fixture"]


def test_the_same_arguments_give_the_same_rows():
    assert sample.rows(30, 90, 4) == sample.rows(30, 90, 4)
    assert sample.rows(30, 90, 4) != sample.rows(30, 90, 5)


@pytest.mark.parametrize("size", [(0, 0), (1, 0), (1, 5), (40, 7), (3000, 9000)])
def test_any_size(size):
    made = sample.rows(*size)
    assert (len(made.accounts), len(made.contacts)) == size


def test_what_identifies_a_row_is_unique():
    made = sample.rows(3000, 9000, 2)
    for column in ("accountid", "accountnumber", "name", "emailaddress1", "websiteurl"):
        assert len({row[column] for row in made.accounts}) == 3000, column
    for column in ("contactid", "emailaddress1"):
        assert len({row[column] for row in made.contacts}) == 9000, column


def test_a_believable_sales_organization():
    made = sample.rows(200, 600, 1)
    countries = {country.name for country in sample.COUNTRIES}
    assert len(countries) == 8
    named = [row["address1_country"] for row in made.accounts]
    assert countries <= set(named)
    assert 0.85 < sum(name in countries for name in named) / 200 < 1
    assert {row["customertypecode"] for row in made.accounts} == {3}
    assert all(re.fullmatch(r"C-1\d{4}", row["accountnumber"]) for row in made.accounts)
    assert any("parentaccountid@odata.bind" in row for row in made.accounts)
    assert max(len(row["name"]) for row in made.accounts) > 140
    assert any(re.search("[^\x00-\x7f]", row["name"]) for row in made.accounts)
    assert 150 < len(made.primary_contacts) < 190
    known = {f"/accounts({row['accountid']})" for row in made.accounts}
    parents = {row["parentcustomerid_account@odata.bind"] for row in made.contacts}
    assert parents == known
    assert all(row["emailaddress1"].endswith(".example") for row in made.contacts)


def test_the_server_accepts_it(simulator, api):
    """Every value passes the validation of the real API's rules."""
    simulator.reset(accounts=300, contacts=900, seed=3)
    inactive = "accounts?$count=true&$top=1&$filter=statecode ne 0"
    assert api.get(inactive).json()["@odata.count"] == 0
    orphans = "contacts?$count=true&$top=1&$filter=_parentcustomerid_value eq null"
    assert api.get(orphans).json()["@odata.count"] == 0
    wanted = {
        row["accountid"]: row["name"] for row in sample.rows(300, 900, 3).accounts
    }
    rows = api.get("accounts?$select=name").json()["value"]
    assert {row["accountid"]: row["name"] for row in rows} == wanted
