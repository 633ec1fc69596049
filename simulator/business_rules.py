"""What single tables refuse, beyond the rules that all tables share.

Each rule sees a write before it is stored and raises DataverseError. Codes and messages
follow "Web service error codes"; actions (``actions.py``) close rows and are not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import errors
from .schema import Table
from .store import Store

Row = dict[str, Any]

_ACTIVE, _RETIRED = 0, 1
_PRODUCT_FAMILY = 2
# Closed states that only an action leads to: table -> state -> name of the message.
CLOSING_MESSAGES = {
    "opportunity": {1: "WinOpportunity", 2: "LoseOpportunity"},
    "quote": {2: "WinQuote", 3: "CloseQuote"},
    "salesorder": {2: "CancelSalesOrder", 3: "FulfillSalesOrder"},
}


@dataclass(frozen=True)
class Write:
    """``given`` are the values to be stored; ``before`` is None on create."""

    table: Table
    store: Store
    row_id: str
    given: Row
    before: Row | None


def check(write: Write) -> None:
    """Raise DataverseError if the table does not allow ``write``."""
    for rule in _RULES.get(write.table.name, ()):
        rule(write)


def _no_account_loop(write: Write) -> None:
    parent = write.given.get("parentaccountid")
    while parent:
        if parent == write.row_id:
            raise errors.account_loop()
        above = write.store.execute(
            "SELECT parentaccountid FROM account WHERE accountid = ?", (parent,)
        ).fetchone()
        parent = above[0] if above else None


def _closed_by_its_action(write: Write) -> None:
    state = write.given.get("statecode")
    message = CLOSING_MESSAGES[write.table.name].get(state)
    if write.before and message and state != write.before["statecode"]:
        label = write.table.columns["statecode"].options[state]
        raise errors.state_set_by_action(write.table.name, label, message)


def _product_number(write: Write) -> None:
    number = write.given.get("productnumber")
    if number is None:
        if write.before is None or "productnumber" in write.given:
            raise errors.product_without_number()
        return
    found = write.store.execute(
        "SELECT 1 FROM product WHERE productnumber = ? AND productid <> ?",
        (number, write.row_id),
    ).fetchone()
    if found:
        raise errors.product_number_exists()


def _product_unit_group(write: Write) -> None:
    given = write.given
    family = given.get("productstructure") == _PRODUCT_FAMILY
    if write.before is None and not family and not given.get("defaultuomscheduleid"):
        raise errors.product_without_unit_group()


def _product_life_cycle(write: Write) -> None:
    """Draft -> active -> retired; a published product is revised, not updated."""
    if write.before is None:
        return
    before = write.before["statecode"]
    after = write.given.get("statecode", before)
    if (before, after) in errors.PRODUCT_STATE_CHANGES:
        raise errors.product_state_change(before, after, write.before["name"])
    changed = write.given.keys() - {"statecode", "statuscode"}
    if changed and before in (_ACTIVE, _RETIRED):
        raise errors.product_not_in_draft()


_RULES: dict[str, tuple[Callable[[Write], None], ...]] = {
    "account": (_no_account_loop,),
    "opportunity": (_closed_by_its_action,),
    "quote": (_closed_by_its_action,),
    "salesorder": (_closed_by_its_action,),
    "product": (_product_number, _product_unit_group, _product_life_cycle),
}
