"""Each fault with each operation that can meet it; see `matrix`."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple

from . import nemesis
from .child import WHOLE, Part, share, tell
from .deeds import DEEDS
from .world import Settings, World, difference, forget_clients

FIRST_PAGE = r"^accounts\?(?!.*deltatoken)(?!.*filter)"


# Dataverse says of a row that is there that it is gone: to whoever wants it gone, that
# is the end of it, and the row stays as it was. No other request would tell.
BELIEVED = {("delete", "part 404"), ("deactivate", "part 404")}


class Operation(NamedTuple):
    """What a run does, the deeds that make it do so, and the request that it is.

    `request`: a rule's conditions; `part`: those of its operation in the batch.
    """

    deeds: tuple[str, ...]
    request: dict[str, str]
    part: dict[str, str] | None = None
    settings: Settings = Settings()
    page: bool = False


OPERATIONS = {
    "create": Operation(
        ("create_in_odoo", "firm_in_odoo"),
        {"path": r"^\$batch", "body": r"If-None-Match: \*"},
        {"method": "PATCH", "path": "^accounts"},
    ),
    "update": Operation(
        ("update_in_odoo", "merge"),
        {"path": r"^\$batch", "body": "telephone1"},
        {"method": "PATCH", "path": "^accounts"},
    ),
    "delete": Operation(
        ("delete_in_odoo", "update_in_odoo"),
        {"path": r"^\$batch", "body": "DELETE "},
        {"method": "DELETE", "path": "^accounts"},
        Settings("send", "delete"),
    ),
    "deactivate": Operation(
        ("delete_in_odoo", "delete_in_odoo_of_an_edited_row"),
        {"path": r"^\$batch", "body": '"statecode":'},
        {"method": "PATCH", "path": "^accounts"},
        Settings("send", "deactivate"),
    ),
    "recreate": Operation(
        ("delete_in_dataverse", "delete_in_dataverse_of_an_edited_record"),
        {"path": r"^\$batch", "body": r"If-None-Match: \*"},
        {"method": "PATCH", "path": "^accounts"},
        Settings("send", "restore"),
    ),
    "read changes": Operation(
        ("update_in_dataverse", "delete_in_dataverse", "create_in_dataverse", "merge"),
        {"method": "GET", "path": "^accounts.*deltatoken"},
        page=True,
    ),
    "read all": Operation(
        ("full_compare", "update_in_dataverse"),
        {"method": "GET", "path": FIRST_PAGE},
        page=True,
    ),
    "read one": Operation(
        ("full_compare",),
        {"path": r"^\$batch", "body": "GET /api/data"},
        {"method": "GET", "path": "^accounts"},
    ),
    "match": Operation(
        ("match", "create_in_odoo", "firm_in_odoo"),
        {"method": "GET", "path": r"^accounts\?.*filter"},
        page=True,
    ),
    "metadata": Operation(
        ("update_in_dataverse", "update_in_odoo"), {"path": "^EntityDefinitions"}
    ),
}
# Where PostgreSQL can fail: table, event, and deeds that lead there.
STATEMENTS = {
    "insert a record": ("res_partner", "INSERT", ("create_in_dataverse",), Settings()),
    "update a record": ("res_partner", "UPDATE", ("update_in_dataverse",), Settings()),
    "archive a record": ("res_partner", "UPDATE", ("delete_in_dataverse",), Settings()),
    "delete a record": (
        *("res_partner", "DELETE", ("delete_in_dataverse",)),
        Settings("get", "delete"),
    ),
    "reserve": ("integration_coupling", "INSERT", ("create_in_odoo",), Settings()),
    "remember": ("integration_coupling", "UPDATE", ("update_in_odoo",), Settings()),
    "bury": ("integration_tombstone", "INSERT", ("delete_in_odoo",), Settings()),
    "capture": ("integration_inbox", "INSERT", ("update_in_dataverse",), Settings()),
    "read the journal": (
        "integration_journal",
        "DELETE",
        ("update_in_odoo",),
        Settings(),
    ),
    "clear the inbox": ("integration_inbox", "DELETE", ("merge",), Settings()),
    "move the checkpoint": (
        *("integration_checkpoint", "UPDATE", ("update_in_dataverse",)),
        Settings(),
    ),
    "log a loser": (
        *("integration_conflict", "INSERT", ("conflict",)),
        Settings("send", "deactivate"),
    ),
}


class Cell(NamedTuple):
    """One fault with one operation."""

    operation: str
    fault: str
    once: bool
    deeds: tuple[str, ...]
    settings: Settings
    force: Callable[[World], AbstractContextManager]


def main(
    world: World,
    seconds: float,
    seed: int,
    cells: int = 0,
    only: str = "",
    part: Part = WHOLE,
) -> None:
    """Go through the cells, in an order drawn from the seed, and tell each result.

    :param cells: only so many, the same ones each time
    :param only: those of one operation
    """
    end = time.monotonic() + seconds
    nemesis.hurry()
    forget_clients()
    todo = [cell for cell in all_cells() if only in ("", cell.operation)]
    random.Random(0 if cells else seed).shuffle(todo)
    todo = todo[: cells or None]
    # Equal histories follow each other.
    histories = list(dict.fromkeys((cell.deeds, cell.settings) for cell in todo))
    todo.sort(key=lambda cell: histories.index((cell.deeds, cell.settings)))
    undisturbed: dict[tuple, dict] = {}
    for cell in share(todo, part):
        if time.monotonic() > end:
            break
        key = (cell.deeds, cell.settings)
        if key not in undisturbed:
            _prepare(world, cell)
            world.synchronize()
            for what in world.broken(world.settle(), once=False):
                tell(sys.stdout, violation=f"{what} (no fault)", history=f"{key}")
            undisturbed[key] = world.sides()
        broken = _tell(cell, *_meet(world, cell, undisturbed[key]))
        if cells and broken:
            break  # a sample has failed


def _tell(cell: Cell, met: int, violations: list[str]) -> bool:
    """:return: whether anything did not hold"""
    how = "once" if cell.once else "throughout"
    tell(
        sys.stdout,
        count={"cells": 1, "cells reached": int(met > 0)},
        cell=[cell.operation, cell.fault, how, met, len(violations)],
    )
    if not met:
        violations = [*violations, "the fault was not met"]
    for what in violations:
        tell(
            sys.stdout,
            violation=f"{what} ({cell.fault}, {how}, at: {cell.operation})",
            history=f"{cell.settings} {cell.deeds}",
        )
    return bool(violations)


def _prepare(world: World, cell: Cell) -> None:
    def act() -> None:
        world.begin(cell.settings)
        for deed in cell.deeds:
            DEEDS[deed].before(world)
        world.synchronize()
        for deed in cell.deeds:
            DEEDS[deed].change(world)

    world.stage((cell.deeds, cell.settings), act)
    if cell.operation == "metadata":
        with world.odoo() as env:
            env.cr.execute("UPDATE integration_table SET refreshed_at = '2000-01-01'")
    if cell.operation == "sign in":
        forget_clients()


def _meet(world: World, cell: Cell, expected: dict) -> tuple[int, list[str]]:
    """:return: how often the fault was met, and what did not hold afterwards"""
    _prepare(world, cell)
    with cell.force(world) as met, suppress(Exception):
        # Where the session ends, nobody is left to catch it.
        world.synchronize()
        if not cell.once:
            world.synchronize()
    world.retry()
    runs = world.settle()
    once = cell.settings.deletion != "restore"
    violations = list(world.broken(runs, once))
    if (cell.operation, cell.fault) not in BELIEVED:
        violations += difference(expected, world.sides())
    return met.count, violations


# -- the cells ------------------------------------------------------------------------


def all_cells() -> Iterator[Cell]:
    """Every fault with every operation that can meet it."""
    for name, operation in OPERATIONS.items():
        for fault, conditions, then in _wire_faults(operation):
            for once in (True, False):
                rule = {**conditions, "then": then, "count": 1 if once else None}

                def force(world: World, rule: dict[str, Any] = rule):
                    return nemesis.on_the_wire(world, rule)

                yield Cell(
                    name, fault, once, operation.deeds, operation.settings, force
                )
    for fault, answer in nemesis.SIGN_IN.items():
        for once in (True, False):

            def force(_world: World, answer: Any = answer, once: bool = once):
                return nemesis.at_sign_in(answer, once)

            deeds = ("update_in_odoo", "update_in_dataverse")
            yield Cell("sign in", fault, once, deeds, Settings(), force)
    yield from _database_cells()


def _wire_faults(operation: Operation) -> Iterator[tuple[str, dict, dict]]:
    for fault, then in nemesis.REQUEST.items():
        yield fault, operation.request, then
    if operation.part:
        for fault, then in nemesis.BATCH.items():
            yield fault, operation.request, then
        for fault, then in nemesis.PART.items():
            yield fault, {**operation.part, "in_batch": True}, then
    if operation.page:
        for fault, then in nemesis.PAGE.items():
            yield fault, operation.request, then
    if "deltatoken" in operation.request.get("path", ""):
        for fault, then in nemesis.DELTA.items():
            yield fault, operation.request, then


def _database_cells() -> Iterator[Cell]:
    for name, (table, event, deeds, settings) in STATEMENTS.items():
        for faults, at_commit in ((nemesis.DATABASE, False), (nemesis.AT_COMMIT, True)):
            for fault, what in faults.items():
                for once in (True, False):

                    def force(
                        world: World,
                        table=table,
                        event=event,
                        what=what,
                        once=once,
                        at_commit=at_commit,
                    ):
                        return nemesis.in_postgres(
                            world, table, event, what, once=once, at_commit=at_commit
                        )

                    yield Cell(name, fault, once, deeds, settings, force)
