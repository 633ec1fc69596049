"""What people do, one kind of change each: first what is in sync, then the change.

Each deed has names of its own, so that all of them fit into one history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .world import World


class Deed(NamedTuple):
    """`before` makes what both sides agree on, `change` what the run has to carry."""

    name: str
    before: Callable[[World], None]
    change: Callable[[World], None]


DEEDS: dict[str, Deed] = {}


def _nothing(_world: World) -> None:
    """Nobody did anything before."""


def _deed(change: Callable[[World], None]) -> Callable[[World], None]:
    """Add a change of what was not there before."""
    return _after(_nothing)(change)


def _after(before: Callable[[World], None]) -> Callable:
    """Add a change of something that is in sync already."""

    def add(change: Callable[[World], None]) -> Callable[[World], None]:
        DEEDS[change.__name__] = Deed(change.__name__, before, change)
        return change

    return add


def _accounts(*names: str) -> Callable[[World], None]:
    def before(world: World) -> None:
        for name in names:
            world.person.create(
                "account",
                name=name,
                telephone1="10",
                emailaddress1=f"{name[0]}@x.example",
            )

    return before


def _firm(name: str, person: str) -> Callable[[World], None]:
    def before(world: World) -> None:
        first, last = person.split()
        account = world.person.create("account", name=name)
        world.person.create(
            "contact",
            firstname=first,
            lastname=last,
            parentcustomerid=f"account({account})",
        )

    return before


# -- new -------------------------------------------------------------------------------


@_deed
def create_in_odoo(world: World) -> None:
    world.company("Aab", phone="1", email="a@aab.example", city="Odense")


@_deed
def create_in_dataverse(world: World) -> None:
    world.person.create("account", name="Bab", telephone1="2", address1_city="Aarhus")


@_deed
def firm_in_odoo(world: World) -> None:
    """A company and its employee: two mappings, a lookup in the second."""
    world.company("Cab", phone="3")
    world.employee("Carl Cab", "Cab", email="carl@cab.example")


@_deed
def firm_in_dataverse(world: World) -> None:
    _firm("Dab", "Dora Dab")(world)


@_deed
def group_in_odoo(world: World) -> None:
    """A company above another of the same mapping: two phases."""
    world.company("Ead child")
    world.company("Eab parent")
    world.move("Ead child", "Eab parent")


@_deed
def group_in_dataverse(world: World) -> None:
    child = world.person.create("account", name="Fad child")
    parent = world.person.create("account", name="Fab parent")
    world.person.write("account", child, parentaccountid=f"account({parent})")


@_deed
def match(world: World) -> None:
    """The same customer, entered on both sides."""
    world.company("Gab", ref="G-1", phone="7")
    world.person.create("account", name="Gab", accountnumber="G-1", telephone1="7")


# -- changed ---------------------------------------------------------------------------


@_after(_accounts("Hab"))
def update_in_odoo(world: World) -> None:
    world.edit("Hab", phone="11")


@_after(_accounts("Iab"))
def update_in_dataverse(world: World) -> None:
    world.person.write("account", world.row("Iab"), telephone1="12")


@_after(_accounts("Jab"))
def merge(world: World) -> None:
    """Another field on each side."""
    world.edit("Jab", phone="13")
    world.person.write("account", world.row("Jab"), address1_city="Vejle")


@_after(_accounts("Kab"))
def conflict(world: World) -> None:
    """The same field on both sides."""
    world.edit("Kab", phone="14")
    world.person.write("account", world.row("Kab"), telephone1="15")


@_after(_firm("Lab", "Lone Lab"))
def move_in_odoo(world: World) -> None:
    """An employee changes to a company that is new."""
    world.company("Lac")
    world.move("Lone Lab", "Lac")


@_after(_firm("Mab", "Mads Mab"))
def move_in_dataverse(world: World) -> None:
    other = world.person.create("account", name="Mac")
    contact = world.row("Mads Mab", "contact")
    world.person.write("contact", contact, parentcustomerid=f"account({other})")


@_after(_accounts("Nab"))
def archive_in_odoo(world: World) -> None:
    world.edit("Nab", active=False)


@_after(_accounts("Oab"))
def deactivate_in_dataverse(world: World) -> None:
    world.person.write("account", world.row("Oab"), statecode=1, statuscode=2)


# -- deleted ---------------------------------------------------------------------------


@_after(_accounts("Pab"))
def delete_in_odoo(world: World) -> None:
    world.delete("Pab")


@_after(_accounts("Qab"))
def delete_in_dataverse(world: World) -> None:
    world.person.delete("account", world.row("Qab"))


@_after(_accounts("Rab"))
def delete_in_odoo_of_an_edited_row(world: World) -> None:
    """Deleted without having seen the other side's change."""
    world.delete("Rab")
    world.person.write("account", world.row("Rab"), telephone1="18")


@_after(_accounts("Sab"))
def delete_in_dataverse_of_an_edited_record(world: World) -> None:
    world.person.delete("account", world.row("Sab"))
    world.edit("Sab", phone="19")


# -- all rows anew ---------------------------------------------------------------------


@_after(_accounts("Tab", "Uab"))
def full_compare(world: World) -> None:
    """The change link expired; among others a row is missing."""
    world.person.delete("account", world.row("Tab"))
    world.edit("Uab", phone="20")
    world.simulator.control("POST", "delta-tokens/expire")
