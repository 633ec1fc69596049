"""The planner in whole histories: random ones, and all short ones.

`STRESS_EXAMPLES` and `STRESS_SEED` ask for more and other histories, `STRESS_LENGTH`
for longer ones of all: `make stress` sets them.
"""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from planner_world import EDITS, OPERATIONS, RUNS, Broken, Policies, World

EXAMPLES = int(os.environ.get("STRESS_EXAMPLES", 10_000))
SEED = os.environ.get("STRESS_SEED")
LENGTH = int(os.environ.get("STRESS_LENGTH", 3))

DIRECTIONS = ("bidirectional", "bidirectional", "to_integration", "from_integration")
CONFLICTS = ("manual", "send", "get")
DELETIONS = ("manual", "restore", "uncouple", "deactivate", "delete")
DRIFTS = ("keep", "revert", "report")
# Half of what happens is a run, undisturbed or not.
_WEIGHTED = EDITS + ("write_odoo", "write_dataverse") * 2 + OPERATIONS[len(EDITS) :] * 2


def policies(number: int) -> Policies:
    """One of all combinations, for a number from 0 to 65535."""
    number, direction = divmod(number, len(DIRECTIONS))
    number, conflict = divmod(number, len(CONFLICTS))
    number, deletion = divmod(number, len(DELETIONS))
    return Policies(
        DIRECTIONS[direction],
        CONFLICTS[conflict],
        DELETIONS[deletion],
        DRIFTS[number % len(DRIFTS)],
    )


def history(data: bytes) -> list[tuple[str, int, int]]:
    """Two bytes an operation: Hypothesis draws and shortens bytes fastest."""
    return [
        (_WEIGHTED[first % len(_WEIGHTED)], second % 16, second // 16)
        for first, second in zip(data[::2], data[1::2], strict=False)
    ]


def play(data: bytes, world_class: type[World] = World, shuffle: int = 0) -> World:
    """The history that the bytes stand for: three for the setup, then two each."""
    setup, rest = data[:3].ljust(3, b"\0"), data[3:]
    spells = (lambda value: value, str.upper)[setup[2] % 2]
    world = world_class(
        policies(setup[0] + 256 * setup[1]), shuffle=shuffle, spells=spells
    )
    world.play(history(rest))
    return world


def many(examples: int):
    """Hypothesis as this file uses it."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=SEED is None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def seeded(test):
    return test if SEED is None else seed(int(SEED))(test)


@seeded
@many(EXAMPLES)
@given(st.binary(min_size=3, max_size=51))
def test_no_history_breaks_a_promise(data):
    """I1 to I7, I10: nothing lost, doubled, resurrected; two runs, then quiet."""
    play(data)


def test_a_drift_that_is_kept_and_then_overwritten_is_logged():
    """I1: what the receiving side has of its own is read before it is written over."""
    world = World(Policies("to_integration", drift="keep"))
    edit, other = ("write_odoo", 0, 0), ("write_dataverse", 0, 0)
    run = ("synchronize", 0, 0)
    world.play([("create_odoo", 0, 0), run, other, run, edit])
    assert world.log == {"v3"}


@seeded
@many(EXAMPLES // 10)
@given(st.binary(min_size=3, max_size=51), st.integers(1, 9))
def test_the_order_of_work_does_not_matter(data, shuffle):
    """I8: what a run looks at first changes nothing of the result."""
    # Where the run is interrupted depends on the order, so only whole runs count.
    whole = bytes(data[:3]) + bytes(
        byte
        for first, second in zip(data[3::2], data[4::2], strict=False)
        if _WEIGHTED[first % len(_WEIGHTED)] not in RUNS[1:]
        for byte in (first, second)
    )
    results = [play(whole, shuffle=number) for number in (0, shuffle)]
    assert results[0].sides["odoo"].rows == results[1].sides["odoo"].rows
    assert results[0].sides["dataverse"].rows == results[1].sides["dataverse"].rows


SHORT = [
    *((kind, 0, 0) for kind in ("write_odoo", "write_dataverse")),
    *((kind, 0, 1) for kind in ("write_odoo", "write_dataverse")),
    *((kind, 0, 0) for kind in ("delete_odoo", "delete_dataverse")),
    *((kind, 0, 0) for kind in RUNS),
    *(("crash", 3, 0), ("edited_run", 3, 0), ("raced_run", 2, 0)),
]


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_all_short_histories_of_one_record(conflict):
    """T1b: one record with two fields, every sequence of operations."""
    for deletion in ("deactivate", "delete"):
        for operations in itertools.product(SHORT, repeat=LENGTH):
            check([("create_odoo", 0, 0), *operations], conflict, deletion)


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_all_short_histories_of_two_records(conflict):
    """T1b: a record from each side, every sequence of operations on either."""
    both = [(kind, who, which) for kind, _, which in SHORT for who in (0, 1)]
    start = [("create_odoo", 0, 0), ("create_dataverse", 0, 0), ("synchronize", 0, 0)]
    for operations in itertools.product(both, repeat=min(LENGTH - 1, 4)):
        check([*start, *operations], conflict, "delete")


def check(operations, conflict, deletion):
    try:
        World(Policies(conflict=conflict, deletion=deletion)).play(operations)
    except Broken as broken:
        raise Broken(f"{broken}; {conflict}, {deletion}: {operations}") from broken


# -- the judge is awake ----------------------------------------------------------------


class NoCompareAndSet(World):
    def is_still(self, coupling, observed):
        return coupling.res_id in self.sides["odoo"].rows


class NoIfMatch(World):
    def may_write(self, coupling, version):
        return coupling.guid in self.sides["dataverse"].rows


class JournalClearedWholesale(World):
    def run(self):
        yield from super().run()
        self.journal.clear()


class ExpiredTokenReadAsNothing(World):
    def capture(self):
        if self.expired:
            self.expired = False
            self.checkpoint = self.sides["dataverse"].changes
        return super().capture()


class LosersNotLogged(World):
    def _log(self, row):
        pass


class BlindResend(World):
    def recover(self, coupling):
        side = self.sides["dataverse"]
        if coupling.guid in side.rows:
            yield from super().recover(coupling)
        else:
            yield from self._send_new(coupling)


class NoReservation(World):
    def recover(self, coupling):
        self.couplings.remove(coupling)
        yield from self._create_row(coupling.res_id)


@pytest.mark.parametrize(
    "engine",
    [
        *(NoCompareAndSet, NoIfMatch, JournalClearedWholesale),
        *(ExpiredTokenReadAsNothing, LosersNotLogged, BlindResend, NoReservation),
    ],
)
def test_a_broken_engine_is_found(engine):
    """The judge fails on each of the design's classic mistakes.

    The rarest shows in one history of some five thousand.
    """

    @many(100_000)
    @given(st.binary(min_size=3, max_size=51))
    def search(data):
        play(data, engine)

    with pytest.raises(Broken):
        search()
