"""The demo: customers as they are typed, the full compare, what is complained about."""

from __future__ import annotations

import json
from itertools import count
from types import SimpleNamespace

import pytest

from dev import back_office, compare, demo
from dev.table import aligned
from simulator import sample

PLACES = compare.Places(
    {1: "Denmark", 2: "United States"},
    {7: "Washington"},
    {
        ("United States", "WA"): "Washington",
        ("United States", "Washington"): "Washington",
    },
)
PARTNER = dict.fromkeys(compare.PARTNER, False) | {
    "id": 5,
    "name": "Acme Inc.",
    "ref": "C-1",
    "is_company": True,
    "type": "contact",
    "active": True,
    "street": "1 Pike Street",
    "city": "Seattle",
    "country_id": 2,
    "state_id": 7,
    "phone": "+1 206-555-0101",
    "email": "Info@Acme.example",
    "website": "http://acme.example",
    "comment": "<p>Pays on time &amp; in full.</p><p>Likes mail.</p>",
}
ACCOUNT = dict.fromkeys(compare.TABLES[0].columns) | {
    "accountid": "a",
    "name": "Acme Inc.",
    "accountnumber": "C-1",
    "statecode": 0,
    "address1_line1": "1 Pike Street",
    "address1_city": "Seattle",
    "address1_country": "U.S.",
    "address1_stateorprovince": "WA",
    "telephone1": "+1 (206) 555 0101",
    "emailaddress1": "info@acme.example",
    "websiteurl": "acme.example/",
    "description": "Pays on time & in full.\nLikes mail.",
}


def differences(partner=(), account=(), couplings=None):
    """Between a partner and an account that differ in these values only."""
    return compare.differences(
        "CUSTOMER",
        {5: "a"} if couplings is None else couplings,
        {5: compare.partner_card(PARTNER | dict(partner), PLACES, {9: "p"})},
        {"a": compare.account_card(ACCOUNT | dict(account), PLACES)},
    )


def test_another_way_of_writing_it_is_no_difference():
    assert differences() == []


@pytest.mark.parametrize(
    ("partner", "account"),
    [
        ({"name": "Acme"}, {}),
        ({"ref": False}, {}),
        ({"phone": "+1 206-555-0102"}, {}),
        ({"state_id": False}, {}),
        ({"country_id": 1}, {}),
        ({"active": False}, {}),
        ({"comment": "<p>Pays on time.</p>"}, {}),
        ({"parent_id": 9, "type": "other"}, {}),
        ({}, {"address1_line1": None}),
        ({}, {"emailaddress1": "sales@acme.example"}),
        ({}, {"websiteurl": "acme.example/shop"}),
        ({}, {"statecode": 1}),
        ({}, {"_parentaccountid_value": "p"}),
    ],
)
def test_another_value_is_one_difference(partner, account):
    (found,) = differences(partner, account)
    assert found.startswith(f"CUSTOMER: {partner.get('name', 'Acme Inc.')}: ")


def test_a_child_has_the_address_of_its_company():
    parents = {"parent_id": 9}, {"_parentaccountid_value": "p"}
    assert differences(parents[0] | {"street": "Elsewhere 2"}, parents[1]) == []


@pytest.mark.parametrize(
    ("couplings", "expected"),
    [
        ({}, ["is in Odoo only", "is in Dataverse only"]),
        ({5: "b"}, ["is in Dataverse only", "is coupled and not in Dataverse"]),
        ({5: "a", 6: "a"}, ["is coupled and not in Odoo", "coupled to the same row"]),
    ],
)
def test_nothing_is_left_over(couplings, expected):
    found = differences(couplings=couplings)
    for sentence, end in zip(found, expected, strict=True):
        assert sentence.endswith(end)


def test_of_many_differences_the_first_are_shown():
    found = [f"difference {number}" for number in range(25)]
    assert compare.shown(found) == [*found[:20], "... and 5 more"]
    assert compare.shown(found[:20]) == found[:20]


@pytest.fixture
def odoo():
    """Takes what is entered, `partners` by id, and knows the places of the sample."""
    partners, ids = {}, count(1)
    countries = {country.name for country in sample.COUNTRIES}
    states = {"North Yorkshire", "Washington"}
    places = {"res.country": countries, "res.country.state": states}

    def read(model, domain, fields):
        return [{"id": name, "name": name} for name in places[model]]

    def call(model, method, vals_list):
        assert (model, method) == ("res.partner", "create")
        created = [next(ids) for _vals in vals_list]
        partners.update(zip(created, vals_list, strict=True))
        return created

    return SimpleNamespace(partners=partners, read=read, call=call)


def test_every_customer_that_both_sides_have_can_be_found(odoo):
    """By number, by e-mail, or by name and postal code: as CUSTOMER matches."""
    made = sample.rows()
    companies, people = back_office.enter(odoo, made)
    assert companies == back_office.KNOWN + 5
    numbers = {row["accountnumber"] for row in made.accounts}
    emails = {row["emailaddress1"] for row in made.accounts}
    places = {(row["name"], row["address1_postalcode"]) for row in made.accounts}
    partners = odoo.partners.values()
    ways = [
        "number"
        if company.get("ref") in numbers
        else "e-mail"
        if (company.get("email") or "").lower() in emails
        else "name"
        if (company["name"], company["zip"]) in places
        else "unknown"
        for company in partners
        if company.get("is_company")
    ]
    assert {way: ways.count(way) for way in ways} == {
        "number": 22,
        "e-mail": 9,
        "name": 9,
        "unknown": 5,
    }
    of = [vals["parent_id"] for vals in partners if "parent_id" in vals]
    assert len(of) == people
    assert all(odoo.partners[id_]["is_company"] for id_ in of)


def entry(**values):
    zeros = dict.fromkeys(demo.Entry._fields, 0)
    return demo.Entry(**zeros | {"run": "again", "mapping": "CONTACT"} | values)


GET = {"method": "GET", "path": "accounts?$select=name"}
QUIET = [GET, GET | {"path": "contacts?$deltatoken=1"}]


def test_a_quiet_run_is_not_complained_about():
    assert list(demo._disturbances(QUIET, True, [entry(), entry()])) == []


@pytest.mark.parametrize(
    ("asked", "untouched", "last"),
    [
        ([*QUIET, GET], True, {}),
        (QUIET[:1], True, {}),
        ([GET, {"method": "PATCH", "path": "contacts(1)"}], True, {}),
        (QUIET, False, {}),
        (QUIET, True, {"updated": 1}),
        (QUIET, True, {"errors": 1}),
    ],
)
def test_a_run_that_is_not_quiet_is_complained_about(asked, untouched, last):
    complaints = list(demo._disturbances(asked, untouched, [entry(), entry(**last)]))
    assert len(complaints) == 1


def test_a_table_has_words_to_the_left_and_numbers_to_the_right():
    shown = aligned(("what", "n", "s"), [("one", 1, 0.5), ("another", 100, 12.345)])
    assert shown.splitlines() == [
        "what       n      s",
        "one        1   0.50",
        "another  100  12.35",
    ]


def test_the_customers_that_only_odoo_has_are_in_no_sample():
    file = back_office.Path(back_office.__file__).with_suffix(".json")
    numbers = {company["ref"] for company in json.loads(file.read_text("utf-8"))}
    assert len(numbers) == 5
    sampled = {row["accountnumber"] for row in sample.rows(3000, 0).accounts}
    assert not numbers & sampled
