"""Sample rows: a believable sales organization in eight countries.

``rows(accounts, contacts, seed)`` gives the same rows for the same arguments, of any
size, as Web API bodies. Names are made of the lists in ``sample.json``; cities, postal
codes and area codes belong together; internet domains end in the reserved ``.example``.
Every row is active and every contact has a company.
"""

from __future__ import annotations

import json
import random
import unicodedata
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A city; ``postal`` and ``phone`` are patterns in which # is any digit."""

    city: str
    postal: str
    phone: str
    state: str | None = None


@dataclass(frozen=True)
class Country:
    """Where a company lives; ``spellings`` are other ways people write its name."""

    name: str
    spellings: tuple[str, ...]
    currency: str
    domain: str
    legal_forms: tuple[str, ...]
    stems: tuple[str, ...]
    trades: tuple[str, ...]
    street: str
    streets: tuple[str, ...]
    places: tuple[Place, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


@dataclass
class Sample:
    """Bodies by table; ``primary_contacts`` maps account ids to contact ids."""

    accounts: list[Body] = field(default_factory=list)
    contacts: list[Body] = field(default_factory=list)
    primary_contacts: dict[str, str] = field(default_factory=dict)


def _read() -> tuple[dict[str, Any], tuple[Country, ...]]:
    path = Path(__file__).with_name("sample.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    countries = []
    for entry in data["countries"]:
        places = tuple(Place(**place) for place in entry["places"])
        countries.append(Country(**{**entry, "places": places}))
    return data, tuple(countries)


_DATA, COUNTRIES = _read()
# How people write a country -> its name.
SPELLINGS = {
    spelling: country.name
    for country in COUNTRIES
    for spelling in (country.name, *country.spellings)
}
# Each: code, name, symbol, rate (units for one euro, the base), decimals.
CURRENCIES: list[dict[str, Any]] = _DATA["currencies"]
SALESPEOPLE: list[Body] = [
    {
        "systemuserid": str(
            uuid.uuid5(uuid.NAMESPACE_DNS, person["internalemailaddress"])
        ),
        "domainname": person["internalemailaddress"],
        "islicensed": True,
        **person,
    }
    for person in _DATA["salespeople"]
]
LONG_NAMED = 7  # the index of a company whose name hardly fits
# Ascii forms a company would choose for its domain.
_LETTERS = str.maketrans(
    {"æ": "ae", "ø": "oe", "å": "aa", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
)


def currency_id(code: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{code}.currency.nordwind.example"))


# -- making them -------------------------------------------------------------------


def rows(accounts: int = 200, contacts: int = 600, seed: int = 1) -> Sample:
    """The same arguments give the same rows; no accounts, no contacts."""
    chance = random.Random(seed)
    sample = Sample()
    homes: list[tuple[Country, str]] = []
    names: set[str] = set()
    for number in range(accounts):
        country = chance.choice(COUNTRIES)
        if number == LONG_NAMED:
            country = next(c for c in COUNTRIES if c.name == "Germany")
        account, domain = _account(chance, country, number, names)
        if number and chance.random() < 0.05:
            parent = chance.choice(sample.accounts)["accountid"]
            account["parentaccountid@odata.bind"] = f"/accounts({parent})"
        sample.accounts.append(account)
        homes.append((country, domain))
    addresses: set[str] = set()
    for number in range(contacts if accounts else 0):
        # The first round gives every company its first contact.
        index = number if number < accounts else chance.randrange(accounts)
        account = sample.accounts[index]
        country, domain = homes[index]
        contact = _contact(chance, country, domain, account, addresses)
        sample.contacts.append(contact)
        if number < accounts and chance.random() < 0.85:
            sample.primary_contacts[account["accountid"]] = contact["contactid"]
    return sample


def _account(
    chance: random.Random, country: Country, number: int, names: set[str]
) -> tuple[Body, str]:
    """``(body, internet domain)`` of the ``number``-th company."""
    place = chance.choice(country.places)
    form = chance.choice(country.legal_forms)
    stem = f"{chance.choice(country.stems)} {chance.choice(country.trades)}"
    if stem in names:
        stem = f"{stem} {place.city}"
    if stem in names:
        stem = f"{stem} {number}"
    names.add(stem)
    name = _DATA["long_name"] if number == LONG_NAMED else f"{stem} {form}"
    domain = f"{_slug(stem)}-{country.domain}.example"
    employees = int(chance.lognormvariate(3.6, 1.3)) + 1
    seller = SALESPEOPLE[chance.randrange(len(SALESPEOPLE))]["systemuserid"]
    body: Body = {
        "accountid": _guid(chance),
        "name": name,
        "accountnumber": f"C-{10_001 + number}",
        "customertypecode": 3,
        "industrycode": chance.randint(1, 33),
        "numberofemployees": employees,
        "creditlimit": chance.randint(1, 200) * 500.0,
        "telephone1": _digits(chance, place.phone),
        "emailaddress1": f"info@{domain}",
        "websiteurl": f"https://www.{domain}",
        "paymenttermscode": chance.choice((1, 1, 1, 2, 3, 4)),
        **_address(chance, country, place),
        "transactioncurrencyid@odata.bind": (
            f"/transactioncurrencies({currency_id(country.currency)})"
        ),
        "ownerid@odata.bind": f"/systemusers({seller})",
    }
    if chance.random() < 0.3:
        body["fax"] = _digits(chance, place.phone)
    if chance.random() < 0.2:
        body["description"] = f"Customer since {chance.randint(1998, 2024)}."
    return body, domain


def _contact(
    chance: random.Random,
    country: Country,
    domain: str,
    account: Body,
    addresses: set[str],
) -> Body:
    first, last = chance.choice(country.first_names), chance.choice(country.last_names)
    local = f"{_slug(first)}.{_slug(last)}"
    email, number = f"{local}@{domain}", 2
    while email in addresses:
        email, number = f"{local}{number}@{domain}", number + 1
    addresses.add(email)
    body: Body = {
        "contactid": _guid(chance),
        "firstname": first,
        "lastname": last,
        "jobtitle": chance.choice(_DATA["job_titles"]),
        "emailaddress1": email,
        "telephone1": account["telephone1"][:-2] + f"{chance.randint(10, 99)}",
        "parentcustomerid_account@odata.bind": f"/accounts({account['accountid']})",
        "ownerid@odata.bind": account["ownerid@odata.bind"],
    }
    if chance.random() < 0.6:
        body["mobilephone"] = _digits(chance, chance.choice(country.places).phone)
    if chance.random() < 0.7:
        for name, value in account.items():
            if name.startswith("address1_"):
                body[name] = value
    else:
        body.update(_address(chance, country, chance.choice(country.places)))
    if chance.random() < 0.15:
        year, month, day = chance.randint(1958, 2001), chance.randint(1, 12), 28
        body["birthdate"] = f"{year}-{month:02d}-{chance.randint(1, day):02d}"
    return body


def _address(chance: random.Random, country: Country, place: Place) -> Body:
    spelled = country.name
    if country.spellings and chance.random() < 0.08:
        spelled = chance.choice(country.spellings)
    address = {
        "address1_line1": country.street.format(
            street=chance.choice(country.streets), number=chance.randint(1, 240)
        ),
        "address1_city": place.city,
        "address1_postalcode": _digits(chance, place.postal),
        "address1_country": spelled,
    }
    if place.state:
        address["address1_stateorprovince"] = place.state
    return address


def _digits(chance: random.Random, pattern: str) -> str:
    return "".join(
        str(chance.randrange(10)) if character == "#" else character
        for character in pattern
    )


def _slug(text: str) -> str:
    lowered = unicodedata.normalize("NFC", text).lower().translate(_LETTERS)
    plain = unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode()
    return "".join(character for character in plain if character.isalnum())


def _guid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
