"""What Odoo holds before it is connected: customers as a back office types them.

Most of them are in Dataverse as well, hardly ever letter by letter; those that only
Odoo has are in `back_office.json`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from simulator import sample

from .remote import Odoo

Vals = dict[str, Any]

KNOWN = 40  # companies that both sides have
EVERY = 4  # so many companies of Dataverse to one that Odoo has; as many to one person


def enter(odoo: Odoo, made: sample.Sample) -> tuple[int, int]:
    """Enter the customers into Odoo.

    :param made: the rows that Dataverse holds
    :return: how many companies and people
    """
    customers = [*_known(made), *_unknown()]
    places = {
        "country": _ids(odoo, "res.country"),
        "state": _ids(odoo, "res.country.state"),
    }
    companies = [_with_places(company, places) for company, _people in customers]
    ids = odoo.call("res.partner", "create", companies)
    people = [
        person | {"parent_id": id_}
        for id_, (_company, of_company) in zip(ids, customers, strict=True)
        for person in of_company
    ]
    odoo.call("res.partner", "create", people)
    return len(companies), len(people)


def _ids(odoo: Odoo, model: str) -> dict[str, int]:
    return {place["name"]: place["id"] for place in odoo.read(model, [], ["name"])}


def _with_places(company: Vals, places: dict[str, dict[str, int]]) -> Vals:
    """Values for `create`: country and state by their ids instead of their names."""
    vals = {name: value for name, value in company.items() if name not in places}
    for kind, ids in places.items():
        if kind in company:
            vals[f"{kind}_id"] = ids[company[kind]]
    return vals | {"is_company": True}


def _unknown() -> Iterator[tuple[Vals, list[Vals]]]:
    """Customers that only Odoo has: `(company, people)`."""
    file = Path(__file__).with_suffix(".json")
    for company in json.loads(file.read_text(encoding="utf-8")):
        people = company.pop("people")
        yield company, people


def _known(made: sample.Sample) -> Iterator[tuple[Vals, list[Vals]]]:
    """Customers that Dataverse has as well: `(company, people)`."""
    # The first contacts belong to the accounts in their order.
    pairs = zip(made.accounts, made.contacts, strict=False)
    independent = (
        (account, contact)
        for account, contact in itertools.islice(pairs, 0, None, EVERY)
        if "parentaccountid@odata.bind" not in account
    )
    ways = itertools.cycle(_WAYS)
    for number, (account, contact) in enumerate(itertools.islice(independent, KNOWN)):
        people = [] if number % EVERY else [_person(contact)]
        yield next(ways)(_company(account)), people


# -- as they were typed ---------------------------------------------------------------


def _company(account: sample.Body) -> Vals:
    return {
        "name": account["name"],
        "ref": account["accountnumber"],
        "street": account["address1_line1"],
        "zip": account["address1_postalcode"],
        "city": account["address1_city"],
        "country": sample.SPELLINGS[account["address1_country"]],
        "phone": account["telephone1"],
        "email": account["emailaddress1"],
        "website": account["websiteurl"],
    }


def _person(contact: sample.Body) -> Vals:
    """No telephone number and no job yet."""
    return {
        "name": f"{contact['firstname']} {contact['lastname']}",
        "email": contact["emailaddress1"],
    }


def _as_in_dataverse(company: Vals) -> Vals:
    return company


def _with_another_layout(company: Vals) -> Vals:
    """Found by its number: the same telephone and web address, written otherwise."""
    phone = company["phone"].replace(" ", "-")
    return company | {"phone": phone, "website": f"{company['website']}/"}


def _without_number(company: Vals) -> Vals:
    """Found by its e-mail: nobody gave it a number, and the street is not known."""
    email = company["email"].title()
    return company | {"ref": False, "street": False, "email": email}


def _name_and_place(company: Vals) -> Vals:
    """Found by its name and postal code: all that is on the envelope."""
    return {name: company[name] for name in ("name", "street", "zip", "city")}


def _before_it_moved(company: Vals) -> Vals:
    """Found by its number, and truly different."""
    return company | {"street": "P.O. Box 117", "phone": "+49 30 5550117"}


_WAYS: tuple[Callable[[Vals], Vals], ...] = (
    *(_as_in_dataverse, _with_another_layout, _without_number, _name_and_place) * 4,
    _before_it_moved,
)
