"""What an organization holds when it is new: units, users, currencies, sample rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import sample
from .schema import ENGLISH
from .security import Caller

if TYPE_CHECKING:
    from .organization import Organization
    from .store import Store

BUSINESS_UNIT = str(uuid.uuid5(uuid.NAMESPACE_DNS, "nordwind.example"))
SYSTEM_USER = str(uuid.uuid5(uuid.NAMESPACE_DNS, "system.nordwind.example"))
TEAM = str(uuid.uuid5(uuid.NAMESPACE_DNS, "team.nordwind.example"))
APP = str(uuid.uuid5(uuid.NAMESPACE_DNS, "app.nordwind.example"))
BASE_CURRENCY = "EUR"
NON_INTERACTIVE = 4  # access mode of application users
MESSAGES = (
    "Create",
    "Update",
    "Delete",
    "CreateMultiple",
    "UpdateMultiple",
    "UpsertMultiple",
)


@dataclass(frozen=True)
class SampleSize:
    """How many sample rows, and the seed they are made from."""

    accounts: int = 200
    contacts: int = 600
    seed: int = 1


def fill(organization: Organization, size: SampleSize) -> None:
    """Write the rows of a new organization, in one transaction."""
    with organization.store.transaction():
        _message_rows(organization)
        _base_rows(organization)
        _sample_rows(organization, size)


def _message_rows(organization: Organization) -> None:
    """What processing steps are registered for: messages, and tables that have them."""
    store = organization.store
    version = store.next_version()
    for message in MESSAGES:
        store.execute(
            "INSERT INTO sdkmessage (sdkmessageid, name, versionnumber) "
            "VALUES (?, ?, ?)",
            (_message_id(message), message, version),
        )
    for table in organization.schema.tables:
        announce_table(store, table)


def announce_table(store: Store, table: str) -> None:
    """Say that there are messages for ``table``."""
    for message in MESSAGES:
        store.execute(
            "INSERT OR REPLACE INTO sdkmessagefilter (sdkmessagefilterid, "
            "sdkmessageid, primaryobjecttypecode, versionnumber) VALUES (?, ?, ?, ?)",
            (
                _message_id(f"{message}/{table}"),
                _message_id(message),
                table,
                store.version,
            ),
        )


def _message_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.message.nordwind.example"))


def _base_rows(organization: Organization) -> None:
    system = Caller("", SYSTEM_USER, BUSINESS_UNIT)

    def create(table: str, row_id: str, **body: Any) -> None:
        definition = organization.schema.tables[table]
        organization.rows.create(definition, body, system, row_id)

    unit = {"businessunitid@odata.bind": f"/businessunits({BUSINESS_UNIT})"}
    create("businessunit", BUSINESS_UNIT, name=organization.name)
    create(
        "systemuser",
        SYSTEM_USER,
        firstname="SYSTEM",
        domainname="SYSTEM",
        accessmode=3,
        **unit,
    )
    for currency in sample.CURRENCIES:
        create(
            "transactioncurrency",
            sample.currency_id(currency["code"]),
            isocurrencycode=currency["code"],
            currencyname=currency["name"],
            currencysymbol=currency["symbol"],
            exchangerate=currency["rate"],
            currencyprecision=currency["decimals"],
        )
    base = f"/transactioncurrencies({sample.currency_id(BASE_CURRENCY)})"
    create(
        "organization",
        organization.id,
        name=organization.name,
        languagecode=ENGLISH,
        expirechangetrackingindays=7,
        currencydecimalprecision=2,
        pricingdecimalprecision=2,
        **{"basecurrencyid@odata.bind": base},
    )
    for person in sample.SALESPEOPLE:
        create("systemuser", person["systemuserid"], **person, **unit)
        _enter_in_directory(organization, system, person["systemuserid"])
    for application, name in (
        (organization.identity.integration, "Odoo Integration"),
        (organization.identity.salesperson, "Sales App"),
    ):
        create(
            "systemuser",
            application.user_id,
            firstname="#",
            lastname=name,
            domainname=f"{application.client_id}@nordwind.example",
            applicationid=application.client_id,
            accessmode=NON_INTERACTIVE,
            **unit,
        )
        _enter_in_directory(organization, system, application.user_id)
    administrator = sample.SALESPEOPLE[0]["systemuserid"]
    create(
        "team",
        TEAM,
        name="Inside Sales",
        **unit,
        **{"administratorid@odata.bind": f"/systemusers({administrator})"},
    )
    create("appmodule", APP, name="Sales Hub", uniquename="msdynce_saleshub")


def _enter_in_directory(
    organization: Organization, system: Caller, user_id: str
) -> None:
    """Users of the directory have an object id there; no request may set it."""
    object_id = str(uuid.uuid5(uuid.NAMESPACE_OID, user_id))
    organization.rows.set_columns(
        organization.schema.tables["systemuser"],
        user_id,
        {"azureactivedirectoryobjectid": object_id},
        system,
    )


def _sample_rows(organization: Organization, size: SampleSize) -> None:
    made = sample.rows(size.accounts, size.contacts, size.seed)
    author = Caller(
        organization.identity.salesperson.client_id,
        organization.identity.salesperson.user_id,
        BUSINESS_UNIT,
    )
    accounts = organization.schema.tables["account"]
    contacts = organization.schema.tables["contact"]
    for body in made.accounts:
        organization.rows.create(accounts, body, author)
    for body in made.contacts:
        organization.rows.create(contacts, body, author)
    for account_id, contact_id in made.primary_contacts.items():
        link = {"primarycontactid@odata.bind": f"/contacts({contact_id})"}
        organization.rows.update(accounts, account_id, link, author)
