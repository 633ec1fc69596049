"""Columns that the server fills in itself from other columns of the same row.

Each rule names its inputs; it runs on create, and on update when an input changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .schema import Table

Row = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """``compute`` takes the whole row and returns the columns it sets."""

    inputs: frozenset[str]
    outputs: tuple[str, ...]
    compute: Callable[[Row], Row]


def rules_for(table: Table) -> list[Rule]:
    """The rules whose columns ``table`` has."""
    candidates = [
        Rule(frozenset({"firstname", "lastname"}), ("fullname",), _full_name),
        _composite_address("address1"),
        _composite_address("address2"),
        Rule(
            frozenset({"parentcustomerid"}),
            ("accountid", "parentcontactid"),
            _parent_by_table,
        ),
        Rule(
            frozenset({"scheduledstart", "scheduledend"}),
            ("scheduleddurationminutes",),
            _scheduled_duration,
        ),
    ]
    return [
        rule
        for rule in candidates
        if set(rule.outputs) <= set(table.columns) and rule.inputs & set(table.columns)
    ]


def _full_name(row: Row) -> Row:
    """ "First Last", the convention of a new organization; at most 160 characters."""
    names = [row.get("firstname"), row.get("lastname")]
    return {"fullname": " ".join(name for name in names if name)[:160] or None}


def _composite_address(prefix: str) -> Rule:
    parts = ("line1", "line2", "line3", "city", "stateorprovince", "postalcode")
    inputs = frozenset(f"{prefix}_{part}" for part in (*parts, "country"))

    def compute(row: Row) -> Row:
        def part(name: str) -> str | None:
            return row.get(f"{prefix}_{name}")

        place = " ".join(filter(None, (part("stateorprovince"), part("postalcode"))))
        city = ", ".join(filter(None, (part("city"), place)))
        lines = (part("line1"), part("line2"), part("line3"), city, part("country"))
        return {f"{prefix}_composite": "\r\n".join(filter(None, lines)) or None}

    return Rule(inputs, (f"{prefix}_composite",), compute)


def _parent_by_table(row: Row) -> Row:
    """The customer again, in one read-only column for each table it may be in."""
    parent, table = row.get("parentcustomerid"), row.get("parentcustomerid_type")
    return {
        "accountid": parent if table == "account" else None,
        "parentcontactid": parent if table == "contact" else None,
    }


def _scheduled_duration(row: Row) -> Row:
    """Whole minutes from the scheduled start to the end, if both are known."""
    start, end = row.get("scheduledstart"), row.get("scheduledend")
    if not (start and end):
        return {"scheduleddurationminutes": None}
    between = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return {"scheduleddurationminutes": max(0, int(between.total_seconds() // 60))}
