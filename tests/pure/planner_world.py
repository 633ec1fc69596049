"""A small world in which the real decisions of `sync/` are carried out, and judged.

Two sides, people on both, and an engine of two hundred lines that works as the addon
does, capture, plan, act, remember, but in memory: a history takes a millisecond. The
decisions and the bases are those of `sync/`; everything around them is plain. A run
stops at `yield` wherever the real one talks to Dataverse or commits: there people may
edit, or the process may die.

A history is a list of operations `(kind, who, field)`; see `OPERATIONS`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sync import (
    Base,
    Criterion,
    Group,
    Line,
    decide_record,
    decide_uncoupled,
    match,
    plan_create,
    plan_fields,
)

ODOO, DATAVERSE = "odoo", "dataverse"
OTHER = {ODOO: DATAVERSE, DATAVERSE: ODOO}
FIELDS = ("f", "g")
GROUPS = tuple(
    Group(name, (Line(name, (name,), (name,)),)) for name in ("born", *FIELDS)
)
CRITERIA = (Criterion(("born",)),)

EDITS = (
    *("write_odoo", "write_dataverse", "delete_odoo", "delete_dataverse"),
    *("create_odoo", "create_dataverse", "empty_odoo", "empty_dataverse"),
)
RUNS = ("synchronize", "crash", "lost_answer", "edited_run", "raced_run")
OPERATIONS = (*EDITS, *RUNS, "expire")

Operation = tuple[str, int, int]


class Broken(AssertionError):
    """A promise was broken."""


class Crash(Exception):
    """The process died, or the answer did not arrive."""


@dataclass
class Policies:
    direction: str = "bidirectional"
    conflict: str = "manual"
    deletion: str = "deactivate"
    drift: str = "keep"


@dataclass
class Coupling:
    """`reserved`: the values of a create of which nobody knows whether it arrived;
    `version`: of the row, while it is as in the base."""

    res_id: int
    guid: int
    base: Base = field(default_factory=Base)
    version: int | None = None
    state: str = "coupled"
    reserved: tuple[dict, dict] | None = None


@dataclass
class Side:
    """The records of one side. `versions`: of the last change, also of a deletion."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    created: int = 0
    changes: int = 0

    def put(self, key: int, row: dict[str, Any] | None) -> None:
        self.changes += 1
        self.versions[key] = self.changes
        if row is None:
            del self.rows[key]
        else:
            self.rows[key] = row

    def new_key(self) -> int:
        self.created += 1
        return self.created


class World:
    """Both sides, what the engine remembers, and what people did.

    :param spells: what Dataverse makes of a text that it stores
    """

    def __init__(self, policies: Policies, *, shuffle: int = 0, spells=lambda v: v):
        self.policies = policies
        self.spells = spells
        self.draw = random.Random(shuffle)
        self.sides = {ODOO: Side(), DATAVERSE: Side()}
        self.journal: list[int] = []
        self.couplings: list[Coupling] = []
        self.seen_odoo: set[int] = set()
        self.seen_rows: dict[int, tuple[dict | None, int]] = {}
        self.checkpoint = 0
        self.expired = False
        self.buried: set[tuple[str, int]] = set()
        self.log: set[str] = set()
        self.writes = 0
        # What people did, for the judge.
        self.tokens = 0
        self.written: dict[str, str] = {}
        self.origin: dict[str, str] = {}
        self.seen_over: set[str] = set()
        self.deleted: set[tuple[str, str]] = set()
        self.excused: set[tuple[str, str]] = set()
        # Changed, and no undisturbed run since: nobody knows that the other side has
        # seen it, even if it has.
        self.unseen: set[tuple[str, str]] = set()
        self.removed: set[tuple[str, int]] = set()

    # -- people -----------------------------------------------------------------------

    def _token(self) -> str:
        self.tokens += 1
        return f"v{self.tokens}"

    def edit(self, kind: str, who: int, which: int) -> None:
        """Somebody does something on one side, if there is anything to do it to."""
        deed, _, side_name = kind.partition("_")
        side = self.sides[side_name]
        if deed == "create":
            row = {"born": self._token(), "f": self._token(), "g": None}
            self._wrote(side_name, self._store(side_name, None, row))
            return
        if not side.rows:
            return
        key = sorted(side.rows)[who % len(side.rows)]
        row = side.rows[key]
        if deed == "delete":
            self._delete(side_name, key, row)
            return
        name = FIELDS[which % 2]
        if row[name] is not None:
            self.seen_over.add(row[name].lower())
        value = None if deed == "empty" else self._token()
        self._wrote(side_name, self._store(side_name, key, {**row, name: value}), name)

    def _wrote(self, side: str, row: dict, *names: str) -> None:
        for name in names or ("born", "f"):
            if row[name] is not None:
                self.written[row[name].lower()] = row["born"]
                self.origin[row[name].lower()] = side
        # What became of a create is always found out, with the values that were sent.
        # If Dataverse stores others, that looks like an edit when the answer is lost.
        if names or self.spells(row["f"]) != row["f"]:
            self.unseen.add((side, row["born"]))
        if (OTHER[side], row["born"]) in self.deleted:
            self.excused.add((OTHER[side], row["born"]))

    def _delete(self, side_name: str, key: int, row: dict) -> None:
        visible = {value.lower() for value in row.values() if value}
        living = {
            value
            for value, born in self.written.items()
            if born == row["born"] and value not in self.seen_over
        }
        self.deleted.add((side_name, row["born"]))
        # A write whose answer was lost looks like somebody else's: so either side.
        if living - visible or row["born"] in {born for _side, born in self.unseen}:
            self.excused.add((side_name, row["born"]))
        self.seen_over |= visible
        self.removed.add((side_name, key))
        self._store(side_name, key, None)

    def _store(self, side_name: str, key: int | None, row: dict | None) -> dict | None:
        """What a side makes of a write, whoever writes."""
        side = self.sides[side_name]
        if key is None:
            key = side.new_key()
        if row is not None and side_name == DATAVERSE:
            row = {
                name: value and (value if name == "born" else self.spells(value))
                for name, value in row.items()
            }
        side.put(key, row)
        if side_name == ODOO:
            self.journal.append(key)
        return row

    # -- the engine -------------------------------------------------------------------

    def run(self) -> Iterator[str]:
        """One run; stops wherever people may come between."""
        self.capture()
        yield "captured"
        self.read_journal()
        yield "journal read"
        for coupling in [c for c in self.couplings if c.reserved]:
            yield from self.recover(coupling)
        yield from self.match_and_create()
        todo = [c for c in self.couplings if self._is_due(c)]
        self.draw.shuffle(todo)
        for coupling in todo:
            yield from self.decide(coupling)

    def capture(self) -> None:
        """Changes of Dataverse and the position after them, in one step."""
        side = self.sides[DATAVERSE]
        since = 0 if self.expired else self.checkpoint
        for guid, version in side.versions.items():
            if version > since:
                self.seen_rows[guid] = (side.rows.get(guid), version)
        if self.expired:
            for coupling in self.couplings:
                if not coupling.reserved and coupling.guid not in side.rows:
                    self.seen_rows[coupling.guid] = (None, 0)
        self.checkpoint, self.expired = side.changes, False

    def read_journal(self) -> None:
        self.seen_odoo.update(self.journal)
        self.journal.clear()

    def _is_due(self, coupling: Coupling) -> bool:
        return not coupling.reserved and (
            coupling.res_id in self.seen_odoo or coupling.guid in self.seen_rows
        )

    def recover(self, coupling: Coupling) -> Iterator[str]:
        """Find out what became of a create."""
        yield "before the question"
        side = self.sides[DATAVERSE]
        odoo, values = coupling.reserved
        if coupling.guid in side.rows:
            coupling.reserved = None
            coupling.base = Base.of(GROUPS, odoo, values)
            self.seen_rows[coupling.guid] = self._row(coupling.guid)
            self.seen_odoo.add(coupling.res_id)
        elif coupling.guid in side.versions:
            # It arrived, and somebody deleted it.
            coupling.reserved = None
            coupling.base = Base.of(GROUPS, odoo, values)
            self.seen_rows[coupling.guid] = (None, 0)
        elif coupling.res_id not in self.sides[ODOO].rows:
            self.couplings.remove(coupling)
        else:
            yield from self._send_new(coupling)

    def match_and_create(self) -> Iterator[str]:
        """Records without coupling: look for a counterpart first."""
        bound = {
            ODOO: {c.res_id for c in self.couplings},
            DATAVERSE: {c.guid for c in self.couplings},
        }
        free = {
            side_name: {
                key: row
                for key, row in side.rows.items()
                if key not in bound[side_name] and (side_name, key) not in self.buried
            }
            for side_name, side in self.sides.items()
        }
        due = {
            ODOO: self.seen_odoo & free[ODOO].keys(),
            DATAVERSE: self.seen_rows.keys() & free[DATAVERSE].keys(),
        }
        for pair in match(free[ODOO], free[DATAVERSE], CRITERIA).pairs:
            self.couplings.append(Coupling(pair.odoo_id, pair.dataverse_id))
            self.seen_rows[pair.dataverse_id] = self._row(pair.dataverse_id)
            due[ODOO].discard(pair.odoo_id)
            due[DATAVERSE].discard(pair.dataverse_id)
        for res_id in sorted(due[ODOO]):
            yield from self._create_row(res_id)
        for guid in sorted(due[DATAVERSE]):
            self._create_record(guid)
        self.seen_odoo -= self.seen_odoo - {c.res_id for c in self.couplings}
        for guid in self.seen_rows.keys() - {c.guid for c in self.couplings}:
            del self.seen_rows[guid]

    def _create_row(self, res_id: int) -> Iterator[str]:
        direction = self.policies.direction
        row = self.sides[ODOO].rows.get(res_id)
        action = decide_uncoupled(ODOO, direction, True, "none")
        if row is None or action != "create_dataverse":
            return
        values, _problems = plan_create(GROUPS, ODOO, row, direction)
        guid = self.sides[DATAVERSE].new_key()
        coupling = Coupling(res_id, guid, reserved=(row, values))
        self.couplings.append(coupling)
        yield from self._send_new(coupling)

    def _send_new(self, coupling: Coupling) -> Iterator[str]:
        yield "reserved"
        odoo, values = coupling.reserved
        if coupling.guid not in self.sides[DATAVERSE].rows:
            self.writes += 1
            returned = self._store(DATAVERSE, coupling.guid, dict(values))
            version = self.sides[DATAVERSE].versions[coupling.guid]
        yield "created"
        coupling.reserved = None
        coupling.base = Base.of(GROUPS, odoo, returned)
        coupling.version = version
        self.seen_odoo.add(coupling.res_id)

    def _create_record(self, guid: int) -> None:
        direction = self.policies.direction
        row, version = self.seen_rows[guid]
        action = decide_uncoupled(DATAVERSE, direction, True, "none")
        if row is None or action != "create_odoo":
            return
        values, _problems = plan_create(GROUPS, DATAVERSE, row, direction)
        self.writes += 1
        res_id = self.sides[ODOO].new_key()
        held = self._store(ODOO, res_id, values)
        self.couplings.append(
            Coupling(res_id, guid, Base.of(GROUPS, held, row), version)
        )

    def _row(self, guid: int) -> tuple[dict | None, int]:
        side = self.sides[DATAVERSE]
        return side.rows.get(guid), side.versions[guid]

    def decide(self, coupling: Coupling) -> Iterator[str]:
        """Three states on each side, one decision, its act, and the new base."""
        # Without a version the row is not as in the base: a drift, for instance.
        known = coupling.state == "coupled" and coupling.version is not None
        if not known and coupling.guid not in self.seen_rows:
            yield "before reading"
            self.seen_rows[coupling.guid] = self._row(coupling.guid)
        observed = self.sides[ODOO].rows.get(coupling.res_id)
        told = self.seen_rows.get(coupling.guid)
        row, version = told or (dict(coupling.base.dataverse), coupling.version)
        decision = decide_record(
            self._state(coupling, ODOO, observed, row),
            self._state(coupling, DATAVERSE, row, observed),
            self.policies.direction,
            self.policies.conflict,
            self.policies.deletion,
        )
        yield "planned"
        if not self.is_still(coupling, observed):
            return  # stays due
        done = yield from self._act(coupling, decision, observed, row, version)
        if done:
            if self.seen_rows.get(coupling.guid) == told:
                self.seen_rows.pop(coupling.guid, None)
            self.seen_odoo.discard(coupling.res_id)

    def is_still(self, coupling: Coupling, observed: dict | None) -> bool:
        """Compare and set: the record is what was planned on."""
        return self.sides[ODOO].rows.get(coupling.res_id) == observed

    def may_write(self, coupling: Coupling, version: int | None) -> bool:
        """If-Match: the row is what was planned on."""
        side = self.sides[DATAVERSE]
        if coupling.guid in side.rows and side.versions[coupling.guid] == version:
            return True
        self.seen_rows[coupling.guid] = self._row(coupling.guid)
        return False

    def _state(self, coupling: Coupling, side: str, row: dict | None, other) -> str:
        if row is None:
            return "deleted"
        changed = any(
            coupling.base.changed(group, side, row)
            if coupling.base.knows(group)
            else other is not None
            for group in GROUPS
        )
        return "changed" if changed else "unchanged"

    def _act(self, coupling, decision, observed, row, version) -> Iterator[str]:
        """Carry a decision out; whether it is done."""
        action = decision.action
        coupling.state = "coupled"
        if action == "fields":
            return (yield from self._fields(coupling, observed, row, version))
        if action == "conflict":
            coupling.state = "conflict"
        elif action in ("tombstone", "delete_odoo", "deactivate_odoo"):
            self._remove_record(coupling, decision, observed)
        elif action in ("delete_dataverse", "deactivate_dataverse"):
            yield "before the request"
            if not self.may_write(coupling, version):
                return False
            self._log(row if decision.loser else None)
            if action == "delete_dataverse":
                self.writes += 1
                self._store(DATAVERSE, coupling.guid, None)
            yield "deleted"
            self._bury(coupling)
        elif action == "recreate_odoo":
            self._bury(coupling)
            self.seen_rows[coupling.guid] = self._row(coupling.guid)
            if self.seen_rows[coupling.guid][0] is not None:
                self._create_record(coupling.guid)
            return True
        elif action == "recreate_dataverse":
            self._bury(coupling)
            yield from self._create_row(coupling.res_id)
        return True

    def _remove_record(self, coupling, decision, observed) -> None:
        if decision.action == "delete_odoo":
            self._log(observed if decision.loser else None)
            self.writes += 1
            self._store(ODOO, coupling.res_id, None)
        self._bury(coupling)

    def _fields(self, coupling, observed, row, version) -> Iterator[str]:
        policies = self.policies
        plan = plan_fields(
            GROUPS,
            coupling.base,
            observed,
            row,
            direction=policies.direction,
            conflict_policy=policies.conflict,
            drift_policy=policies.drift,
        )
        odoo_read = dataverse_read = None
        if plan.pull:
            self.writes += 1
            odoo_read = self._store(ODOO, coupling.res_id, {**observed, **plan.pull})
            coupling.base = plan.base_after(coupling.base, odoo_read=odoo_read)
            self._log_losers(plan, ODOO)
        if plan.push:
            yield "before the request"
            if not self.may_write(coupling, version):
                return False
            self.writes += 1
            current = self.sides[DATAVERSE].rows[coupling.guid]
            dataverse_read = self._store(
                DATAVERSE, coupling.guid, {**current, **plan.push}
            )
            version = self.sides[DATAVERSE].versions[coupling.guid]
            self._log_losers(plan, DATAVERSE)
            yield "written"
        coupling.base = plan.base_after(coupling.base, odoo_read, dataverse_read)
        agreed = coupling.base.describes(GROUPS, DATAVERSE, dataverse_read or row)
        coupling.version = version if agreed else None
        coupling.state = "conflict" if plan.conflicts else "coupled"
        if plan.drift:
            coupling.state = "error"
        return True

    def _log_losers(self, plan, side: str) -> None:
        for loser in plan.losers:
            if loser.side == side:
                self._log(loser.value)

    def _log(self, row: dict | None) -> None:
        self.log |= set((row or {}).values())

    def _bury(self, coupling: Coupling) -> None:
        self.buried |= {(ODOO, coupling.res_id), (DATAVERSE, coupling.guid)}
        self.couplings.remove(coupling)

    # -- playing ----------------------------------------------------------------------

    def play(self, operations: Iterable[Operation]) -> None:
        """Play a history to its end, and judge it.

        :raise Broken: a promise was broken
        """
        for kind, who, which in operations:
            if kind in EDITS:
                self.edit(kind, who, which)
            elif kind == "expire":
                self.expired = True
            else:
                self._play_run(kind, who, which)
                self.check_step()
        self.check_end()

    def _play_run(self, kind: str, who: int, which: int) -> None:
        """A run; in the middle of it people edit, or it dies."""
        self.removed.clear()
        stop = who + 8 * which
        for position, label in enumerate(self.run()):
            if kind == "crash" and position == stop % 11:
                return
            if kind == "lost_answer" and label in ("created", "written", "deleted"):
                return
            if kind == "edited_run" and position == stop % 11:
                self.edit(EDITS[(who + which) % len(EDITS)], who, which)
            if kind == "raced_run" and label in ("planned", "before the request"):
                # The worst moment: what was just read is no longer so.
                self.edit(EDITS[who // 2 % 2], which // 2, which)
                kind = "raced"
        if kind == "synchronize":
            self.unseen.clear()

    # -- judging ----------------------------------------------------------------------

    def check_step(self) -> None:
        for name, side in self.sides.items():
            births = [row["born"] for row in side.rows.values()]
            if len(births) != len(set(births)):
                raise Broken(f"I3 twins in {name}: {births}")
            for row in side.rows.values():
                for value in set(row.values()) - {None}:
                    if self.written.get(value.lower()) != row["born"]:
                        raise Broken(f"I2 {value} of {row} in {name}")
        for keys in (
            [c.res_id for c in self.couplings],
            [c.guid for c in self.couplings],
        ):
            if len(keys) != len(set(keys)):
                raise Broken("I3 two couplings share a record")

    def check_end(self) -> None:
        writes = []
        for _run in range(4):
            before = self.writes, len(self.log)
            for _label in self.run():
                pass
            self.check_step()
            writes.append(self.writes - before[0])
        if any(writes[2:]):
            raise Broken(f"I6 quiet runs go on writing: {writes}")
        self._check_losses()
        self._check_pairs()
        self._check_resurrections()

    def _check_losses(self) -> None:
        there = {value for value in self.log if value}
        for side in self.sides.values():
            for row in side.rows.values():
                there |= set(row.values()) - {None}
        there = {value.lower() for value in there}
        lost = self.written.keys() - there - self.seen_over
        if lost:
            raise Broken(f"I1 lost: {sorted(lost)}")

    def _check_pairs(self) -> None:
        for coupling in self.couplings:
            odoo = self.sides[ODOO].rows.get(coupling.res_id)
            row = self.sides[DATAVERSE].rows.get(coupling.guid)
            if coupling.state != "coupled":
                continue
            if odoo is None or row is None:
                raise Broken(f"I6 coupled, but gone: {odoo}, {row}")
            for name in FIELDS:
                if self._say_the_same(odoo[name], row[name]):
                    continue
                raise Broken(f"I6 {name}: {odoo[name]!r} and {row[name]!r}")

    def _say_the_same(self, odoo: str | None, row: str | None) -> bool:
        if (odoo or "").lower() == (row or "").lower():
            return True
        target = {"to_integration": row, "from_integration": odoo}
        if self.policies.direction not in target:
            return False
        # Whoever only receives may have written something of their own.
        value = target[self.policies.direction]
        side = DATAVERSE if self.policies.direction == "to_integration" else ODOO
        return value is None or self.origin.get(value.lower()) == side

    def _check_resurrections(self) -> None:
        if self.policies.deletion == "restore":
            return
        for side, born in self.deleted - self.excused:
            if any(row["born"] == born for row in self.sides[side].rows.values()):
                raise Broken(f"I4 {born} is in {side} again")
