"""The few words in which every decision is spoken: sides, directions, policies.

They are the selection values of the mapping's fields, so that the engine passes
what the database holds without translation.
"""

from __future__ import annotations

from typing import Literal

Side = Literal["odoo", "dataverse"]
Direction = Literal["bidirectional", "to_integration", "from_integration"]
Policy = Literal["manual", "send", "get"]
DeletionPolicy = Literal["manual", "restore", "uncouple", "deactivate", "delete"]
DriftPolicy = Literal["keep", "revert", "report"]

ODOO: Side = "odoo"
DATAVERSE: Side = "dataverse"
SIDES: tuple[Side, Side] = (ODOO, DATAVERSE)
OTHER: dict[Side, Side] = {ODOO: DATAVERSE, DATAVERSE: ODOO}
TITLE: dict[Side, str] = {ODOO: "Odoo", DATAVERSE: "Dataverse"}

BIDIRECTIONAL: Direction = "bidirectional"
TO_INTEGRATION: Direction = "to_integration"
FROM_INTEGRATION: Direction = "from_integration"

_TARGETS: dict[Direction, tuple[Side, ...]] = {
    BIDIRECTIONAL: SIDES,
    TO_INTEGRATION: (DATAVERSE,),
    FROM_INTEGRATION: (ODOO,),
}
_WINNERS: dict[Policy, Side | None] = {
    "manual": None,
    "send": ODOO,
    "get": DATAVERSE,
}


def targets(direction: Direction) -> tuple[Side, ...]:
    """The sides that are written to in `direction`."""
    try:
        return _TARGETS[direction]
    except KeyError:
        raise ValueError(f"unknown direction {direction!r}") from None


def winner(policy: Policy) -> Side | None:
    """The side whose value `policy` lets win; None: a person decides."""
    try:
        return _WINNERS[policy]
    except KeyError:
        raise ValueError(f"unknown conflict policy {policy!r}") from None


def narrowed(line: Direction, mapping: Direction) -> Direction:
    """The direction of a line inside a mapping.

    A one-way line keeps its own direction; a bidirectional one takes the mapping's.
    """
    return mapping if line == BIDIRECTIONAL else line
