"""Kill a worker at each point of its way, and see what another one makes of it."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psycopg2

from odoo import sql_db

from ..process import end_with_parent
from . import points
from .child import WHOLE, Part, share, tell
from .deeds import DEEDS
from .world import Settings, World, difference, forget_clients

SETTINGS = (
    Settings(),
    Settings("send", "delete"),
    Settings("get", "restore"),
)
NONE = -1
# So many cases are put in order, so that equal histories follow each other.
IN_A_ROW = 200
SENT = r"after POST \$batch in (push|bulk)\..*"
EVERYTHING = tuple(DEEDS)
NEWS = ("update_in_dataverse", "create_in_dataverse", "delete_in_dataverse")
# Where a design, ours or one that looks right, has once lost something: settings, the
# first point whose name matches, what happens there, what people do next, and what
# they did before.
GONE_WRONG = (
    (SETTINGS[0], r"before inbox\._put_rows", "SIGKILL", "rest", NEWS),
    (SETTINGS[0], r"before inbox\._put_rows", "SIGKILL", "rest"),
    (SETTINGS[0], r"after commit in capture\._follow", "SIGKILL", "rest"),
    (SETTINGS[0], r"before pull\._write", "edit in Odoo", "rest"),
    (SETTINGS[0], r"after push\._send", "edit in Odoo", "rest"),
    (SETTINGS[0], SENT, "SIGKILL", "rest"),
    (SETTINGS[0], SENT, "SIGKILL", "delete"),
    (SETTINGS[1], SENT, "SIGKILL", "rest"),
    (SETTINGS[1], SENT, "SIGKILL", "edit"),
)


class Case(NamedTuple):
    """A history: these settings, these deeds; the worker dies at a point.

    `then`: what people do before another worker takes over.
    """

    settings: Settings
    deeds: tuple[str, ...]
    point: int = NONE
    how: str = "SIGKILL"
    then: str = "rest"


def main(
    world: World, seconds: float, seed: int, kills: int = 0, part: Part = WHOLE
) -> None:
    """Kill until the time is over, or so many workers have died.

    The names of the points are told: of those that workers pass, as `point`, and of
    those where one died, as `died`.
    """
    end = time.monotonic() + seconds
    draw = random.Random(seed)
    known: dict[tuple, tuple[list[str], dict]] = {}
    for number, case in enumerate(_cases(world, known, draw, kills, part)):
        if time.monotonic() > end or (kills and number >= kills):
            break
        labels, expected = known[case[:2]]
        label = labels[case.point]
        violations = _kill(world, case, expected)
        tell(sys.stdout, count={"cases": 1})
        if case.how in EDITS:
            tell(sys.stdout, count={"edits at a point": 1})
        else:
            tell(sys.stdout, count={"kills": 1, f"by {case.how}": 1}, died=label)
        for what in violations:
            tell(
                sys.stdout,
                violation=f"{what} ({case.how} {label})",
                seed=seed,
                history=f"{case}\npoint {case.point} of {len(labels)}: {label}",
            )
        if kills and violations:
            break  # a sample has failed


def _cases(
    world: World, known: dict, draw: random.Random, kills: int, part: Part
) -> Iterator[Case]:
    """Every point of every history; for a sample, some of the whole stretch.

    What has gone wrong before comes first, then every point once, then all that may
    happen at each; of all deeds at once, then of each alone.
    """
    for settings, label, how, then, *deeds in share(GONE_WRONG, part):
        history = settings, deeds[0] if deeds else EVERYTHING
        if history not in known:
            known[history] = _undisturbed(world, *history)
        labels = known[history][0]
        point = next(i for i, name in enumerate(labels) if re.fullmatch(label, name))
        yield Case(*history, point, how, then)
    todo = []
    for settings in SETTINGS:
        history = settings, EVERYTHING
        if history not in known:
            known[history] = _undisturbed(world, *history)
        todo += _of(*history, known[history][0])
    if kills:
        yield from todo[:: max(len(todo) // max(kills - len(GONE_WRONG), 1), 1)]
        return
    draw.shuffle(todo)
    names: set[str] = set()
    first, others = _new_ones(todo, known, names)
    yield from sorted(share(first, part), key=lambda case: case.settings)
    alone = [(settings, (deed,)) for settings in SETTINGS for deed in DEEDS]
    later = []
    for history in [*known, *share(alone, part)]:
        if history not in known:
            known[history] = _undisturbed(world, *history)
        elif history[1] == EVERYTHING:
            continue
        seldom, rest = _new_ones([*_of(*history, known[history][0])], known, names)
        yield from seldom
        later += rest
    for at in range(0, len(others), IN_A_ROW):
        cases = share(others[at : at + IN_A_ROW], part)
        yield from sorted(cases, key=lambda case: case.settings)
    yield from later


def _new_ones(
    cases: list[Case], known: dict, names: set[str]
) -> tuple[list[Case], list[Case]]:
    """Those that kill at a point of a name that is not among `names` yet; the others.

    The names are put there.
    """
    new, others = [], []
    for case in cases:
        name = known[case[:2]][0][case.point]
        is_new = case.how == "SIGKILL" and name not in names
        names |= {name} if is_new else set()
        (new if is_new else others).append(case)
    return new, others


def _of(
    settings: Settings, deeds: tuple[str, ...], labels: list[str]
) -> Iterator[Case]:
    """All that may happen to one history."""
    for point, label in enumerate(labels):
        for how in _ways(label, deeds):
            for then in _afterwards(settings, deeds, label, how):
                yield Case(settings, deeds, point, how, then)


def _ways(label: str, deeds: tuple[str, ...]) -> list[str]:
    """What may happen to a worker at a point."""
    ways = ["SIGKILL"]
    if label.startswith(("before commit", "after commit")):
        ways += ["SIGTERM", "connection lost"]
    if set(EDITED) <= set(deeds):
        ways += EDITS
    return ways


def _afterwards(
    settings: Settings, deeds: tuple[str, ...], label: str, how: str
) -> list[str]:
    """What people may do next; it matters where Dataverse knows more than Odoo."""
    if how in EDITS:
        return ["rest"]
    if set(deeds).isdisjoint(("create_in_odoo", "firm_in_odoo", "group_in_odoo")):
        return ["rest"]
    if "$batch" not in label and "commit" not in label:
        return ["rest"]
    return ["rest", "edit"] + ["delete"] * (settings.deletion != "restore")


def _undisturbed(world: World, settings: Settings, deeds: tuple[str, ...]):
    """The points that a worker passes, and both sides when nobody is killed."""
    labels = _worker(world, Case(settings, deeds))
    for label in labels:
        tell(sys.stdout, point=label)
    runs = world.settle()
    for what in world.broken(runs, once=False):
        tell(sys.stdout, violation=f"{what} (nobody was killed)", history=f"{deeds}")
    return labels, world.sides()


def _kill(world: World, case: Case, expected: dict) -> list[str]:
    passed = _worker(world, case)
    if case.how not in EDITS:
        must_hold = THEN[case.then](world)
    elif "edited" in passed:
        must_hold = _keeps_edits
    else:
        must_hold = difference
    runs = world.settle()
    return [
        *world.broken(runs, once=case.settings.deletion != "restore"),
        *must_hold(expected, world.sides()),
    ]


# -- what people do at a point, while the worker goes on -------------------------------

EDITS = ["edit in Odoo", "edit in Dataverse"]
EDITED = ("update_in_odoo", "update_in_dataverse")
LATE = {"Hab": "99", "Iab": "late@x.example"}
CLASH = "77"  # over the very value that the run carries


def _edit(world: World, how: str, tell_parent: Callable[[str], None]) -> None:
    """Somebody saves records that this very run works on."""
    if how == "edit in Dataverse":
        rows = world.rows()
        late = {"emailaddress1": LATE["Iab"], "telephone1": CLASH}
        world.person.write("account", rows["Hab"], **late)
        world.person.write("account", rows["Iab"], telephone1=LATE["Hab"])
    else:
        try:
            with world.odoo() as env:
                # Whoever would wait for the run saves after it: nothing to see here.
                env.cr.execute("SET LOCAL lock_timeout = '50ms'")
                world.named(env, "Hab").phone = LATE["Hab"]
                late = {"email": LATE["Iab"], "phone": CLASH}
                world.named(env, "Iab").write(late)
        except psycopg2.OperationalError:
            return
    tell_parent("edited")


def _keeps_edits(_expected: dict, found: dict) -> list[str]:
    """What was saved meanwhile is on both sides in the end."""
    broken = []
    for side in ("odoo", "dataverse"):
        cards = {card[0]: card for card in found[side]}
        for late in LATE.values():
            if not any(late in cards[name] for name in LATE):
                broken.append(f"lost update: {late} in {side}")
    if CLASH not in json.dumps(found):
        broken.append(f"lost update: {CLASH} is neither there nor in the conflict log")
    return broken


# -- what people do between a worker's death and the next one --------------------------

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
    world.stage(case[:2], lambda: _prepare(world, case))
    return _in_a_fork(world, case.point, case.how)


def _prepare(world: World, case: Case) -> None:
    world.begin(case.settings)
    for deed in case.deeds:
        DEEDS[deed].before(world)
    if any(DEEDS[deed].before.__name__ != "_nothing" for deed in case.deeds):
        world.synchronize()
    for deed in case.deeds:
        DEEDS[deed].change(world)


def _in_a_fork(world: World, point: int, how: str) -> list[str]:
    """Synchronize in a fork of this process, to which `point` happens.

    :return: the points that were passed; all of them if the number is NONE
    """
    # A connection belongs to one process.
    sql_db.close_all()
    read, write = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if not child:
        end_with_parent(parent, signal.SIGKILL)
        os.close(read)
        _worker_until(world, point, how, write)
    os.close(write)
    with os.fdopen(read) as told:
        passed = [json.loads(line) for line in told]
    os.waitpid(child, 0)
    return passed


def _worker_until(world: World, point: int, how: str, write: int) -> None:
    """What the fork does; it never returns."""
    passed, watching = 0, True

    def tell_parent(label: str) -> None:
        os.write(write, json.dumps(label).encode() + b"\n")

    def pass_by(label: str) -> None:
        nonlocal passed, watching
        if not watching:
            return
        tell_parent(label)
        passed += 1
        if passed - 1 == point and how in EDITS:
            watching = False
            _edit(world, how, tell_parent)
            watching = True
        elif passed - 1 == point:
            _die(how)

    try:
        forget_clients()
        # As a worker of Odoo: what is open ends in order.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        points.watch(world.registry, pass_by)
        world.synchronize()
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
