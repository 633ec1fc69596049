"""The three-way decision: what each side held when both agreed, and what it holds now.

`decide_field`, `decide_record` and `decide_uncoupled` are the rules; they know no
values. `plan_fields` applies `decide_field` to the values of one coupled record and
says what to write where, and why. Nothing here reads or writes anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .base import Base
from .lines import Group, Rows
from .transform import Untranslatable
from .words import (
    BIDIRECTIONAL,
    DATAVERSE,
    ODOO,
    OTHER,
    SIDES,
    TITLE,
    DeletionPolicy,
    Direction,
    DriftPolicy,
    Policy,
    Side,
    narrowed,
    targets,
    winner,
)

# --- one field or group ---------------------------------------------------------------

FieldAction = Literal["none", "push", "pull", "conflict", "report_drift"]
FieldBase = Literal["keep", "observed", "pushed", "pulled"]

_WRITE: dict[Side, tuple[FieldAction, FieldBase]] = {
    DATAVERSE: ("push", "pushed"),
    ODOO: ("pull", "pulled"),
}


@dataclass(frozen=True)
class FieldDecision:
    """`action`: what to do. `base`: which values both sides agree on afterwards.

    | base     | Odoo                       | Dataverse                  |
    |----------|----------------------------|----------------------------|
    | keep     | as before                  | as before                  |
    | observed | read when planning         | read when planning         |
    | pushed   | read when planning         | returned by Dataverse      |
    | pulled   | re-read after the write    | read when planning         |

    `loser`: the side on which a value that the other never saw is overwritten; it must
    be logged.
    """

    action: FieldAction
    base: FieldBase
    reason: str
    loser: Side | None = None


def decide_field(
    odoo_changed: bool,
    dataverse_changed: bool,
    equal: bool,
    direction: Direction,
    conflict_policy: Policy,
    drift_policy: DriftPolicy,
) -> FieldDecision:
    """What to do with one group of which a base is known.

    `…_changed`: that side differs from its base; `equal`: both sides say the same now.
    """
    changed = {ODOO: odoo_changed, DATAVERSE: dataverse_changed}
    if equal:
        return FieldDecision("none", "observed", "equal on both sides")
    if not any(changed.values()):
        return FieldDecision("none", "keep", "different, but unchanged since agreed")
    if direction == BIDIRECTIONAL:
        return _decide_bidirectional(changed, conflict_policy)
    (target,) = targets(direction)
    return _decide_one_way(changed, target, drift_policy)


def _decide_bidirectional(
    changed: Mapping[Side, bool], conflict_policy: Policy
) -> FieldDecision:
    if not all(changed.values()):
        source = ODOO if changed[ODOO] else DATAVERSE
        return _write(OTHER[source], f"changed in {TITLE[source]}")
    source = winner(conflict_policy)
    if source is None:
        return FieldDecision("conflict", "keep", "both changed: a person decides")
    loser = OTHER[source]
    return _write(loser, f"both changed: {TITLE[source]} wins", loser)


def _decide_one_way(
    changed: Mapping[Side, bool], target: Side, drift_policy: DriftPolicy
) -> FieldDecision:
    source = OTHER[target]
    if changed[source] and changed[target]:
        return _write(target, f"both changed: {TITLE[source]} is the source", target)
    if changed[source]:
        return _write(target, f"changed in {TITLE[source]}")
    drifted = f"changed in {TITLE[target]}, which only receives"
    if drift_policy == "revert":
        return _write(target, f"{drifted}: reverted", target)
    if drift_policy == "report":
        return FieldDecision("report_drift", "keep", f"{drifted}: reported")
    return FieldDecision("none", "keep", f"{drifted}: kept until the source changes")


def _write(target: Side, reason: str, loser: Side | None = None) -> FieldDecision:
    return FieldDecision(*_WRITE[target], reason, loser)


# --- one record -----------------------------------------------------------------------

State = Literal["unchanged", "changed", "deleted", "out_of_scope", "unreadable"]
RecordAction = Literal[
    "none",
    "fields",
    "dormant",
    "backoff",
    "conflict",
    "tombstone",
    "delete_odoo",
    "delete_dataverse",
    "deactivate_odoo",
    "deactivate_dataverse",
    "recreate_odoo",
    "recreate_dataverse",
]
RecordBase = Literal["keep", "drop", "new", "fields"]


@dataclass(frozen=True)
class RecordDecision:
    """`action`: what to do with a coupled record.

    | action       | meaning                                                         |
    |--------------|-----------------------------------------------------------------|
    | none         | nothing changed                                                 |
    | fields       | both sides exist: `plan_fields`                                 |
    | dormant      | outside the mapping on one side: left alone, nothing is deleted |
    | backoff      | not readable now: try again later                               |
    | conflict     | a person decides                                                |
    | tombstone    | end the coupling and remember it, leave the records alone       |
    | delete_…     | carry the deletion over to that side, end the coupling          |
    | deactivate_… | archive or deactivate on that side, end the coupling            |
    | recreate_…   | create the record anew on that side, under a new identity       |

    `base`: "fields" is decided for each field, "new" starts with the new record, "drop"
    ends with the coupling. `guarded`: counts for the guard against too many deletions,
    and must be done with If-Match or compare-and-set. `loser`: the side on which a
    change that the deleting side never saw goes with the record; it must be logged.
    """

    action: RecordAction
    base: RecordBase
    reason: str
    guarded: bool = False
    loser: Side | None = None


def decide_record(
    odoo_state: State,
    dataverse_state: State,
    direction: Direction,
    conflict_policy: Policy,
    deletion_policy: DeletionPolicy,
) -> RecordDecision:
    """What to do with one coupled record. "deleted" must have been proved."""
    states = {ODOO: odoo_state, DATAVERSE: dataverse_state}
    present = set(states.values())
    if "unreadable" in present:
        return RecordDecision("backoff", "keep", "one side cannot be read now")
    if "deleted" in present and present <= {"deleted", "out_of_scope"}:
        return RecordDecision("tombstone", "drop", "deleted, nothing left to sync")
    if "out_of_scope" in present:
        return RecordDecision("dormant", "keep", "outside the mapping")
    if present == {"unchanged"}:
        return RecordDecision("none", "keep", "unchanged")
    if "deleted" not in present:
        return RecordDecision("fields", "fields", "changed")
    lost = ODOO if odoo_state == "deleted" else DATAVERSE
    unseen = states[OTHER[lost]] == "changed"
    return _decide_deleted(lost, unseen, direction, conflict_policy, deletion_policy)


def _decide_deleted(
    lost: Side,
    unseen: bool,
    direction: Direction,
    conflict_policy: Policy,
    deletion_policy: DeletionPolicy,
) -> RecordDecision:
    """Deleted on side `lost`; the other side has a change `unseen` by the deleter."""
    survivor = OTHER[lost]
    reason = f"deleted in {TITLE[lost]}"
    if deletion_policy == "manual":
        return RecordDecision("conflict", "keep", f"{reason}: a person decides")
    if unseen and direction == BIDIRECTIONAL:
        reason += f", changed in {TITLE[survivor]}"
        source = winner(conflict_policy)
        if source is None:
            return RecordDecision("conflict", "keep", f"{reason}: a person decides")
        if source == survivor:
            return _recreate(lost, f"{reason}: {TITLE[survivor]} wins")
        reason += f": {TITLE[lost]} wins"
    if deletion_policy == "restore":
        return _recreate(lost, f"{reason}: restored")
    if deletion_policy == "uncouple" or survivor not in targets(direction):
        # The source of a one-way mapping never follows its target into the grave.
        return RecordDecision("tombstone", "drop", f"{reason}: uncoupled")
    if deletion_policy not in ("deactivate", "delete"):
        raise ValueError(f"unknown deletion policy {deletion_policy!r}")
    action = f"{deletion_policy}_{survivor}"
    loser = survivor if unseen else None
    return RecordDecision(action, "drop", reason, guarded=True, loser=loser)


def _recreate(side: Side, reason: str) -> RecordDecision:
    return RecordDecision(f"recreate_{side}", "new", reason)


# --- one record that is not coupled ---------------------------------------------------

Match = Literal["none", "unique", "ambiguous"]
UncoupledAction = Literal[
    "ignore", "couple", "match_queue", "create_odoo", "create_dataverse"
]


def decide_uncoupled(
    side: Side, direction: Direction, create: bool, match: Match
) -> UncoupledAction:
    """What to do with a record that only `side` has.

    `create`: the mapping creates records ("synch. only coupled records" is off);
    `match`: what a search for its counterpart found. Matching always comes before
    creating, in every direction.
    """
    if match == "ambiguous":
        return "match_queue"
    if match == "unique":
        return "couple"
    if create and OTHER[side] in targets(direction):
        return f"create_{OTHER[side]}"
    return "ignore"


# --- the fields of one record ---------------------------------------------------------


@dataclass(frozen=True)
class FieldConflict:
    """A group that both sides changed. `base`: what they agreed on, None at first."""

    group: str
    base: Base | None
    odoo: dict[str, Any]
    dataverse: dict[str, Any]


@dataclass(frozen=True)
class Loser:
    """Values of `side` that are overwritten unseen, and the values that replace them.

    Both are dicts with the same names, fields or columns of `side`.
    """

    group: str
    side: Side
    value: dict[str, Any]
    winner: dict[str, Any]


@dataclass(frozen=True)
class Drift:
    """`value`: what a person made of the target `side` of a one-way group;
    `source`: what the other side says."""

    group: str
    side: Side
    value: dict[str, Any]
    source: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A value of `line` in `group` that has no counterpart; `sentence` says what to do.

    `template` and `facts` are the sentence for other languages. Nothing is written for
    the group, and its base stays.
    """

    group: str
    sentence: str
    value: Any
    line: str | None = None
    template: str = field(default="", compare=False)
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass
class FieldPlan:
    """What to write for one coupled record, and why.

    `push`: {column: value} for Dataverse; `pull`: {field: value} for Odoo; both only
    what really differs. `reasons`: {group key: sentence}, of groups where a side
    changed. Values are canonical, but HTML for HTML fields.
    """

    push: dict[str, Any] = field(default_factory=dict)
    pull: dict[str, Any] = field(default_factory=dict)
    conflicts: list[FieldConflict] = field(default_factory=list)
    losers: list[Loser] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    _rows: Rows = field(default_factory=dict, repr=False)
    _agreed: list[tuple[Group, FieldBase]] = field(default_factory=list, repr=False)

    def hold_back(self, names: Collection[str], target: Side = DATAVERSE) -> None:
        """Do not write these names of `target` after all, nor what travels with them.

        Their groups keep their old base, so that the change is still one.
        """
        written = self.push if target == DATAVERSE else self.pull
        held = [
            group
            for group, agreed in self._agreed
            if agreed == _WRITE[target][1] and set(group.names(target)) & set(names)
        ]
        for group in held:
            for name in group.names(target):
                written.pop(name, None)
        self._agreed = [pair for pair in self._agreed if pair[0] not in held]

    def give_up(self, groups: Iterable[Group], base: Base) -> None:
        """Do not pull these groups: Odoo fills them itself with what is pulled besides.

        What a person wrote there in Odoo, and the plan does not push, is a loser. What
        it pushes is the record's own, but nothing that both sides agree on: Odoo shows
        something else then.
        """
        sent = {group.key for group, agreed in self._agreed if agreed == "pushed"}
        lost = {loser.group for loser in self.losers if loser.side == ODOO}
        odoo = self._rows[ODOO]
        for group in groups:
            for name in group.fields:
                self.pull.pop(name, None)
            self._agreed = [pair for pair in self._agreed if pair[0] != group]
            unseen = (
                base.changed(group, ODOO, odoo)
                if base.knows(group)
                else not group.is_empty(ODOO, odoo)
            )
            if unseen and group.key not in sent | lost:
                value = {name: odoo[name] for name in group.fields}
                self.losers.append(
                    Loser(group.key, ODOO, value, dict.fromkeys(group.fields))
                )

    def base_after(
        self,
        base: Base | None,
        odoo_read: Mapping[str, Any] | None = None,
        dataverse_read: Mapping[str, Any] | None = None,
    ) -> Base:
        """The base once the plan was carried out.

        `odoo_read`: the Odoo values re-read after the pull, None if it was not carried
        out; `dataverse_read`: the row that Dataverse returned for the push, None
        likewise. What was not carried out keeps its old base, and so do conflicts,
        problems and drift. Values that this plan did not write are taken as they were
        read when planning: what a user changed since then is still to be seen as a
        change.
        """
        after = base or Base()
        for group, agreed in self._agreed:
            odoo, dataverse = self._rows[ODOO], self._rows[DATAVERSE]
            if agreed == "pulled":
                odoo = odoo_read
            elif agreed == "pushed":
                dataverse = dataverse_read
            if odoo is not None and dataverse is not None:
                after = after.merge(group, odoo, dataverse)
        return after


def plan_fields(
    groups: Iterable[Group],
    base: Base | None,
    odoo: Mapping[str, Any],
    dataverse: Mapping[str, Any],
    *,
    direction: Direction,
    conflict_policy: Policy,
    drift_policy: DriftPolicy,
    initial_policy: Policy = "manual",
    prefer: Policy | None = None,
) -> FieldPlan:
    """The plan for one record that exists on both sides.

    `odoo`: {field: canonical value}, `dataverse`: {column: canonical value}, both with
    every name of the groups. `direction` is the mapping's; a one-way group keeps its
    own. `initial_policy` decides what differs when there is no base yet and both sides
    hold something.

    `prefer` "send" or "get": a person asked for this direction; every group that
    differs and may travel so does, the others rest. "manual": every group that differs
    waits for a decision, whoever changed it.

    Raises KeyError when a row lacks a name.
    """
    base = base or Base()
    rows: Rows = {ODOO: odoo, DATAVERSE: dataverse}
    plan = FieldPlan(_rows=rows)
    for group in groups:
        way = narrowed(group.direction, direction)
        known = base.knows(group)
        # Without a base, whatever a side holds has not been seen by the other.
        changed = {
            side: base.changed(group, side, rows[side])
            if known
            else not group.is_empty(side, rows[side])
            for side in SIDES
        }
        if known and not any(changed.values()) and not prefer:
            continue
        equal = group.agrees(rows, way, base)
        if prefer and not equal:
            decision = _decide_preferred(changed, way, prefer)
        elif known or equal:
            decision = decide_field(
                changed[ODOO],
                changed[DATAVERSE],
                equal,
                way,
                conflict_policy,
                drift_policy,
            )
        else:
            decision = _decide_first(changed, way, initial_policy, group.comparable)
        _add(plan, group, way, decision, base if known else None)
    return plan


def plan_create(
    groups: Iterable[Group],
    source_side: Side,
    row: Mapping[str, Any],
    direction: Direction,
) -> tuple[dict[str, Any], list[Problem]]:
    """The values for a new record on the other side, and what could not be translated.

    `row`: all canonical values of the record on `source_side`. Empty values are listed
    as None, so that a default of the target does not come to stand for them; a line
    that only fills leaves such a default alone.
    """
    target = OTHER[source_side]
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for group in groups:
        if target not in targets(narrowed(group.direction, direction)):
            continue
        try:
            values |= group.translate(target, row)
        except Untranslatable as problem:
            problems.append(_problem(group, problem))
    return values, problems


def differing(
    groups: Iterable[Group],
    odoo: Mapping[str, Any],
    dataverse: Mapping[str, Any],
    direction: Direction,
) -> list[str]:
    """The keys of the groups in which the two sides do not say the same.

    For a full compare, which does not care how the difference came to be.
    """
    rows: Rows = {ODOO: odoo, DATAVERSE: dataverse}
    return [
        group.key
        for group in groups
        if not group.agrees(rows, narrowed(group.direction, direction))
    ]


def _decide_first(
    filled: Mapping[Side, bool],
    direction: Direction,
    initial_policy: Policy,
    comparable: bool,
) -> FieldDecision:
    """A group that differs and has no base: nobody knows which side is newer.

    Nor whether it differs at all, if it is not `comparable`: that is no conflict.
    """
    for target in targets(direction):
        if not filled[target]:
            return _write(target, f"empty in {TITLE[target]}: filled")
    if direction != BIDIRECTIONAL:
        (target,) = targets(direction)
        reason = f"first synchronization: {TITLE[OTHER[target]]} is the source"
        return _write(target, reason, target)
    source = winner(initial_policy)
    if source is None and not comparable:
        reason = "first synchronization, both filled: kept until one changes"
        return FieldDecision("none", "observed", reason)
    if source is None:
        reason = "first synchronization, both filled: a person decides"
        return FieldDecision("conflict", "keep", reason)
    loser = OTHER[source]
    return _write(loser, f"first synchronization: {TITLE[source]} wins", loser)


def _decide_preferred(
    changed: Mapping[Side, bool], direction: Direction, prefer: Policy
) -> FieldDecision:
    """A group that differs, and a person who asked for a direction."""
    source = winner(prefer)
    if source is None:
        return FieldDecision("conflict", "keep", "a person decides each difference")
    target = OTHER[source]
    if target not in targets(direction):
        return FieldDecision("none", "keep", f"{TITLE[target]} is not written to")
    reason = f"sent from {TITLE[source]} on request"
    return _write(target, reason, target if changed[target] else None)


def _add(
    plan: FieldPlan,
    group: Group,
    direction: Direction,
    decision: FieldDecision,
    base: Base | None,
) -> None:
    """Enter `decision` into the plan, with the values that belong to it."""
    plan.reasons[group.key] = decision.reason
    rows = plan._rows
    if decision.action in ("push", "pull"):
        target = DATAVERSE if decision.action == "push" else ODOO
        _add_write(plan, group, direction, decision, target, base)
        return
    if decision.base == "observed":
        plan._agreed.append((group, "observed"))
    elif decision.action == "conflict":
        odoo, dataverse = (group.values(side, rows[side]) for side in SIDES)
        plan.conflicts.append(
            FieldConflict(group.key, base and base.only(group), odoo, dataverse)
        )
    elif decision.action == "report_drift":
        (side,) = targets(direction)
        value, source = (group.values(s, rows[s]) for s in (side, OTHER[side]))
        plan.drift.append(Drift(group.key, side, value, source))


def _add_write(
    plan: FieldPlan,
    group: Group,
    direction: Direction,
    decision: FieldDecision,
    target: Side,
    base: Base | None,
) -> None:
    try:
        changes = group.changes(target, plan._rows, direction, base)
    except Untranslatable as problem:
        plan.problems.append(_problem(group, problem))
        plan.reasons[group.key] = f"{decision.reason}, but {problem.sentence}"
        return
    if not changes:
        # A line that only fills found its target filled. No write, so no answer either
        # that could become the base: what was read is agreed.
        plan.reasons[group.key] = f"{decision.reason}, nothing to write"
        plan._agreed.append((group, "observed"))
        return
    plan._agreed.append((group, decision.base))
    (plan.push if target == DATAVERSE else plan.pull).update(changes)
    if decision.loser:
        held = {name: plan._rows[target][name] for name in changes}
        plan.losers.append(Loser(group.key, decision.loser, held, changes))


def _problem(group: Group, problem: Untranslatable) -> Problem:
    return Problem(
        group.key,
        problem.sentence,
        problem.value,
        problem.line,
        problem.template,
        problem.facts,
    )
