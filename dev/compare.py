"""The full compare: is everything on both sides, and is it the same?

A judge of its own: it reads both sides over HTTP, and what counts as the same is said
here once more, in its own way. It knows nothing of what synchronization remembers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from html import unescape
from typing import Any, NamedTuple

from simulator import sample

from .remote import Dataverse, Odoo

Row = Mapping[str, Any]
Card = dict[str, Any]  # what a record says, in words that both sides share

COMPANIES = [("is_company", "=", True), ("partner_share", "=", True)]
PEOPLE = [
    *(("is_company", "=", False), ("partner_share", "=", True)),
    *(("parent_id.is_company", "=", True), ("type", "in", ["contact", "other"])),
]
ADDRESS = ("street", "street2", "zip", "city", "country", "state")
PARTNER = [
    *("name", "ref", "is_company", "parent_id", "type", "active", "function"),
    *("street", "street2", "zip", "city", "country_id", "state_id"),
    *("phone", "email", "website", "comment"),
]
ROW = [
    *("statecode", "telephone1", "emailaddress1", "websiteurl", "description"),
    *("address1_line1", "address1_line2", "address1_postalcode", "address1_city"),
    *("address1_country", "address1_stateorprovince"),
]


class Places(NamedTuple):
    """How Odoo calls its countries and states.

    `countries` and `states` are names by id; `spelled` are the names of states by the
    name of their country and by what people write: the name or the code.
    """

    countries: Mapping[int, str]
    states: Mapping[int, str]
    spelled: Mapping[tuple[str, str], str]


class Table(NamedTuple):
    """A table of each side: where its records are, and how a row is read."""

    mapping: str
    domain: list[object]
    entity_set: str
    columns: list[str]
    card: Callable[[Row, Places], Card]


def full(odoo: Odoo, dataverse: Dataverse) -> list[str]:
    """Compare both sides.

    :return: what is different or missing, a sentence each; empty when nothing is
    """
    places, guids = _places(odoo), _guids(odoo)
    companies = odoo.read("res.company", [], ["partner_id"])
    own = [("id", "not in", [company["partner_id"] for company in companies])]
    found = []
    for table in TABLES:
        partners = odoo.read("res.partner", table.domain + own, PARTNER)
        rows = dataverse.rows(table.entity_set, table.columns)
        found += differences(
            table.mapping,
            guids[table.mapping],
            {p["id"]: partner_card(p, places, guids["CUSTOMER"]) for p in partners},
            {row[table.columns[0]]: table.card(row, places) for row in rows},
        )
    return found


def differences(
    table: str,
    couplings: Mapping[int, str],
    odoo: Mapping[int, Card],
    dataverse: Mapping[str, Card],
) -> list[str]:
    """Compare the records of one table.

    :param couplings: the GUID that each id is coupled to
    :param odoo: cards by id; a key that a card lacks is not compared
    :param dataverse: cards by GUID
    """
    found = [
        f"{table}: {card['name']} is in Odoo only"
        for id_, card in odoo.items()
        if id_ not in couplings
    ]
    coupled = set(couplings.values())
    found += [
        f"{table}: {card['name']} is in Dataverse only"
        for guid, card in dataverse.items()
        if guid not in coupled
    ]
    for id_, guid in couplings.items():
        ours, theirs = odoo.get(id_), dataverse.get(guid)
        if ours is None or theirs is None:
            known = ours or theirs or {"name": f"{id_}/{guid}"}
            lacking = "Odoo" if ours is None else "Dataverse"
            found.append(f"{table}: {known['name']} is coupled and not in {lacking}")
            continue
        found += [
            f"{table}: {ours['name']}: {key} is {value!r} in Odoo"
            f" and {theirs[key]!r} in Dataverse"
            for key, value in ours.items()
            if key in theirs and value != theirs[key]
        ]
    if len(coupled) < len(couplings):
        found.append(f"{table}: two records are coupled to the same row")
    return found


# -- what a record says ---------------------------------------------------------------


def partner_card(partner: Row, places: Places, accounts: Mapping[int, str]) -> Card:
    """A partner.

    In Odoo the address of a child of type "contact" is its company's, whatever
    Dataverse says: it is left out.

    :param accounts: GUIDs of accounts by the id of their partner
    """
    card = {
        "name": _text(partner["name"]),
        "number": _text(partner["ref"]),
        "parent": accounts.get(partner["parent_id"]),
        "job": _text(partner["function"]),
        "active": partner["active"],
        "phone": _phone(partner["phone"]),
        "email": _text(partner["email"]).lower(),
        "website": _website(partner["website"]),
        "note": _plain(partner["comment"]),
    }
    if partner["parent_id"] and partner["type"] == "contact":
        return card
    return card | {
        "street": _text(partner["street"]),
        "street2": _text(partner["street2"]),
        "zip": _text(partner["zip"]),
        "city": _text(partner["city"]),
        "country": places.countries.get(partner["country_id"], ""),
        "state": places.states.get(partner["state_id"], ""),
    }


def account_card(row: Row, places: Places) -> Card:
    """An account."""
    return _row_card(row, places) | {
        "name": _text(row["name"]),
        "number": _text(row["accountnumber"]),
        "parent": row["_parentaccountid_value"],
    }


def contact_card(row: Row, places: Places) -> Card:
    """A contact."""
    return _row_card(row, places) | {
        "name": _text(f"{row['firstname'] or ''} {row['lastname'] or ''}"),
        "parent": row["_parentcustomerid_value"],
        "job": _text(row["jobtitle"]),
    }


def _row_card(row: Row, places: Places) -> Card:
    country = _text(row["address1_country"])
    country = sample.SPELLINGS.get(country, country)
    state = _text(row["address1_stateorprovince"])
    return {
        "active": row["statecode"] == 0,
        "phone": _phone(row["telephone1"]),
        "email": _text(row["emailaddress1"]).lower(),
        "website": _website(row["websiteurl"]),
        "note": _plain(row["description"]),
        "street": _text(row["address1_line1"]),
        "street2": _text(row["address1_line2"]),
        "zip": _text(row["address1_postalcode"]),
        "city": _text(row["address1_city"]),
        "country": country,
        "state": places.spelled.get((country, state), state),
    }


TABLES = (
    Table(
        "CUSTOMER",
        COMPANIES,
        "accounts",
        ["accountid", "name", "accountnumber", "_parentaccountid_value", *ROW],
        account_card,
    ),
    Table(
        "CONTACT",
        PEOPLE,
        "contacts",
        [
            *("contactid", "firstname", "lastname", "jobtitle"),
            *("_parentcustomerid_value", *ROW),
        ],
        contact_card,
    ),
)

# -- the same thing in one form -------------------------------------------------------


def _guids(odoo: Odoo) -> dict[str, dict[int, str]]:
    """The GUID that each id is coupled to, by the name of the table mapping."""
    mappings = odoo.read("integration.table.mapping", [], ["name"])
    guids: dict[str, dict[int, str]] = {mapping["name"]: {} for mapping in mappings}
    names = {mapping["id"]: mapping["name"] for mapping in mappings}
    for coupling in odoo.read(
        "integration.coupling", [], ["mapping_id", "res_id", "external_id"]
    ):
        of_mapping = guids[names[coupling["mapping_id"]]]
        of_mapping[coupling["res_id"]] = coupling["external_id"]
    return guids


def _places(odoo: Odoo) -> Places:
    named = odoo.read("res.country", [], ["name"])
    countries = {country["id"]: country["name"] for country in named}
    states = odoo.read("res.country.state", [], ["country_id", "code", "name"])
    return Places(
        countries,
        {state["id"]: state["name"] for state in states},
        {
            (countries[state["country_id"]], state[how]): state["name"]
            for how in ("code", "name")
            for state in states
        },
    )


def _text(value: str | None) -> str:
    return " ".join((value or "").split())


def _phone(value: str | None) -> str:
    return re.sub(r"[^0-9+]", "", value or "")


def _website(value: str | None) -> str:
    return re.sub(r"^https?://|/$", "", _text(value).lower())


def _plain(value: str | None) -> str:
    """The words of a note, HTML or not."""
    return _text(unescape(re.sub(r"<[^>]*>", " ", value or "")))


def shown(found: Iterable[str], most: int = 20) -> list[str]:
    """The first differences, and how many more there are."""
    found = list(found)
    more = [f"... and {len(found) - most} more"] if len(found) > most else []
    return found[:most] + more
