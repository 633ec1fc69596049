"""Kill a worker at each point of its way, and see what another one makes of it."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg2

from odoo import sql_db

from . import points
from .child import tell
from .deeds import DEEDS
from .world import Settings, World, difference, forget_clients

SETTINGS = (
    Settings(),
    Settings("send", "delete"),
    Settings("get", "restore"),
)
NONE = -1


class Case(NamedTuple):
    """A history: these settings, these deeds; the worker dies at a point.

    `then`: what people do before another worker takes over.
    """

    settings: Settings
    deeds: tuple[str, ...]
    point: int = NONE
    how: str = "SIGKILL"
    then: str = "rest"


def main(world: World, seconds: float, seed: int, kills: int = 0) -> None:
    """Kill until the time is over, or so many workers have died.

    Deeds alone first, then all at once; each round in an order drawn from the seed.
    """
    end = time.monotonic() + seconds
    draw = random.Random(seed)
    known: dict[tuple, tuple[list[str], dict]] = {}
    cases = _cases(world, known, draw, kills)
    seen: set[str] = set()
    for number, case in enumerate(cases):
        if time.monotonic() > end or (kills and number >= kills):
            break
        labels, expected = known[case[:2]]
        label = labels[case.point]
        violations = _kill(world, case, expected)
        seen.add(label)
        tell(sys.stdout, count={"kills": 1, f"by {case.how}": 1})
        for what in violations:
            tell(
                sys.stdout,
                violation=f"{what} (killed {label})",
                seed=seed,
                history=f"{case}\npoint {case.point} of {len(labels)}: {label}",
            )
    tell(sys.stdout, count={"labelled points": len(seen)})


def _cases(world, known, draw, kills):
    """Every point of every history; for a sample, of the whole stretch."""
    histories = [
        *((settings, tuple(DEEDS)) for settings in SETTINGS),
        *((settings, (deed,)) for settings in SETTINGS for deed in DEEDS),
    ]
    if kills:
        histories = histories[: len(SETTINGS)]
    todo = []
    for settings, deeds in histories:
        known[settings, deeds] = _undisturbed(world, settings, deeds)
        labels = known[settings, deeds][0]
        todo += [
            Case(settings, deeds, point, how, then)
            for point in range(len(labels))
            for how in _ways(labels[point])
            for then in _afterwards(settings, deeds, labels[point])
        ]
        if not kills:
            draw.shuffle(todo)
            yield from todo
            todo = []
    yield from todo[:: max(len(todo) // kills, 1)] if kills else ()


def _ways(label: str) -> list[str]:
    ways = ["SIGKILL"]
    if label.startswith(("before commit", "after commit")):
        ways += ["SIGTERM", "connection lost"]
    return ways


def _afterwards(settings: Settings, deeds: tuple[str, ...], label: str) -> list[str]:
    """What people may do next; it matters where Dataverse knows more than Odoo."""
    if set(deeds).isdisjoint(("create_in_odoo", "firm_in_odoo", "group_in_odoo")):
        return ["rest"]
    if "$batch" not in label and "commit" not in label:
        return ["rest"]
    return ["rest", "edit"] + ["delete"] * (settings.deletion != "restore")


def _undisturbed(world: World, settings: Settings, deeds: tuple[str, ...]):
    """The points that a worker passes, and both sides when nobody is killed."""
    labels = _worker(world, Case(settings, deeds))
    runs = world.settle()
    for what in world.broken(runs, once=False):
        tell(sys.stdout, violation=f"{what} (nobody was killed)", history=f"{deeds}")
    return labels, world.sides()


def _kill(world: World, case: Case, expected: dict) -> list[str]:
    _worker(world, case)
    must_hold = THEN[case.then](world)
    runs = world.settle()
    return [
        *world.broken(runs, once=case.settings.deletion != "restore"),
        *must_hold(expected, world.sides()),
    ]


# -- what people do between a worker's death and the next one ---------------------------

NEW = ("Aab", "Cab", "Eab parent")  # companies that the dead worker was to send


def _rest(_world: World) -> Callable:
    """Nobody does anything: both sides become what they would have been."""
    return difference


def _delete_new_rows(world: World) -> Callable:
    """Somebody deletes rows that had just appeared: they do not come back."""
    deleted = [name for name in NEW if name in world.rows()]
    for name in deleted:
        world.person.delete("account", world.row(name))

    def must_hold(_expected: dict, found: dict) -> list[str]:
        there = {card[0] for card in found["dataverse"]}
        return [f"resurrected: {name}" for name in deleted if name in there]

    return must_hold


def _edit_new_rows(world: World) -> Callable:
    """People go on working on both sides with what had just appeared."""
    rows = world.rows()
    both = [name for name in NEW if name in rows]
    for name in both:
        world.person.write("account", rows[name], websiteurl="http://late.example")
        world.edit(name, email="late@odoo.example")

    def must_hold(_expected: dict, found: dict) -> list[str]:
        return [
            f"lost update: {late} of {name} in {side}"
            for name in both
            for side in ("odoo", "dataverse")
            for late in ("http://late.example", "late@odoo.example")
            if not any(card[0] == name and late in card for card in found[side])
        ]

    return must_hold


THEN = {"rest": _rest, "delete": _delete_new_rows, "edit": _edit_new_rows}


def _worker(world: World, case: Case) -> list[str]:
    """Do the deeds, and have a process synchronize that dies at the case's point.

    :return: the names of the points that it passed
    """
    world.begin(case.settings)
    for deed in case.deeds:
        DEEDS[deed].before(world)
    if any(DEEDS[deed].before.__name__ != "_nothing" for deed in case.deeds):
        world.synchronize()
    for deed in case.deeds:
        DEEDS[deed].change(world)
    return in_a_process(lambda pass_by: _run(world, pass_by), case.point, case.how)


def _run(world: World, pass_by: Callable[[str], None]) -> None:
    points.watch(world.registry, pass_by)
    world.synchronize()


def in_a_process(
    work: Callable[[Callable[[str], None]], Any], point: int, how: str = "SIGKILL"
) -> list[str]:
    """Call `work` in a fork of this process, which dies at the numbered point.

    :param work: gets a function to be called at each point
    :return: the points that were passed; all of them if the number is NONE
    """
    # A connection belongs to one process.
    sql_db.close_all()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        _die_at(point, how, write, work)
    os.close(write)
    with os.fdopen(read) as told:
        passed = [json.loads(line) for line in told]
    os.waitpid(child, 0)
    return passed


def _die_at(point: int, how: str, write: int, work: Callable) -> None:
    """What the fork does; it never returns."""
    passed = 0

    def pass_by(label: str) -> None:
        nonlocal passed
        os.write(write, json.dumps(label).encode() + b"\n")
        passed += 1
        if passed - 1 == point:
            _die(how)

    try:
        forget_clients()
        # As a worker of Odoo: what is open ends in order.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        work(pass_by)
    except BaseException as error:  # noqa: BLE001 whatever it is, the fork ends here
        if point == NONE:
            os.write(write, json.dumps(f"died of {error!r}").encode() + b"\n")
    finally:
        os._exit(0)


def _die(how: str) -> None:
    if how == "connection lost":
        _lose_connections()
    else:
        os.kill(os.getpid(), getattr(signal, how))


def _lose_connections() -> None:
    """PostgreSQL ends all sessions of this process."""
    for connection in sql_db._Pool._connections:
        with psycopg2.connect(connection.dsn) as other, other.cursor() as cr:
            cr.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
