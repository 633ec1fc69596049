"""Lines and groups of the field mapping.

A `Line` is one row of the field mapping: fields on one side, columns on the other, a
rule between them. A `Group` is one or more lines that are decided as one value, so that
no record ends up with the street of one side and the city of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .transform import Rule, Same, Untranslatable
from .values import is_empty
from .words import (
    BIDIRECTIONAL,
    DATAVERSE,
    ODOO,
    OTHER,
    SIDES,
    Direction,
    Side,
    targets,
)

if TYPE_CHECKING:
    from .base import Base

#: one record on both sides: {"odoo": {field: value}, "dataverse": {column: value}}
Rows = Mapping[Side, Mapping[str, Any]]


@dataclass(frozen=True)
class Line:
    """`fields` of Odoo coupled with `columns` of Dataverse by `rule`.

    `key` names the line among all lines of the mapping. `fill_only`: written only where
    the target is empty (constants, defaults). `clear_on_failure`: a value that cannot
    be translated empties the target instead of being a problem.

    Raises ValueError when the rule does not fit the number of fields and columns or the
    direction.
    """

    key: str
    fields: tuple[str, ...]
    columns: tuple[str, ...]
    rule: Rule = Same()
    direction: Direction = BIDIRECTIONAL
    fill_only: bool = False
    clear_on_failure: bool = False
    #: an empty value never replaces one (an owner: a row always has one)
    never_empties: bool = False

    def __post_init__(self) -> None:
        kind = type(self.rule).__name__
        if not self.rule.fits(len(self.fields), len(self.columns)):
            raise ValueError(
                f"{self.key}: the rule {kind} does not fit {len(self.fields)} fields "
                f"and {len(self.columns)} columns"
            )
        if self.rule.one_way and self.direction == BIDIRECTIONAL:
            raise ValueError(f"{self.key}: the rule {kind} needs one direction")
        for side in targets(self.direction):
            if not self.names(side):
                raise ValueError(f"{self.key}: nothing to write to in {side}")

    def names(self, side: Side) -> tuple[str, ...]:
        return self.fields if side == ODOO else self.columns

    def translate(
        self,
        target: Side,
        source: Mapping[str, Any],
        held: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What the line says to `target`, given the whole row of the other side.

        `held`: the row of `target`, None for a new one.

        Raises Untranslatable; KeyError when the row lacks one of the names, because a
        value that was not read must never pass for an empty one.
        """
        values = tuple(source[name] for name in self.names(OTHER[target]))
        apply = self.rule.to_odoo if target == ODOO else self.rule.to_dataverse
        names = self.names(target)
        pair = (held,) if self.rule.of_the_pair else ()
        try:
            result = apply(values, source, *pair)
        except Untranslatable as problem:
            if not self.clear_on_failure:
                problem.line = self.key
                raise
            result = (None,) * len(names)
        return dict(zip(names, result, strict=True))

    def changes(self, target: Side, rows: Rows) -> dict[str, Any]:
        """What writing the line to `target` would really change there.

        Raises Untranslatable.
        """
        held = rows[target]
        if self.fill_only and not any(is_empty(held[n]) for n in self.names(target)):
            return {}
        return {
            name: value
            for name, value in self.translate(target, rows[OTHER[target]], held).items()
            if self.rule.normal(held[name]) != self.rule.normal(value)
            and not (self.fill_only and (is_empty(value) or not is_empty(held[name])))
            and not (self.never_empties and is_empty(value))
        }

    def agrees(
        self, rows: Rows, direction: Direction, base: Base | None = None
    ) -> bool:
        """Whether both sides say the same, seen in either side's terms.

        Either, because a rule may lose something on its way: a name that joins to the
        same text agrees however Dataverse splits it, an option that two Odoo values
        share agrees with both. Where values cannot be compared across the sides, `base`
        says what they were when both agreed.
        """
        if not self.rule.comparable:
            return self._rests(rows, base)
        sides = targets(direction)
        if self.fill_only:
            return all(self._reproduces(side, rows) for side in sides)
        if not self.rule.one_way:
            sides = SIDES
        judge = all if self.rule.of_the_row else any
        return judge(self._reproduces(side, rows) for side in sides)

    def _rests(self, rows: Rows, base: Base | None) -> bool:
        """Whether both sides are empty, or as they were when they agreed."""
        named = [(side, name) for side in SIDES for name in self.names(side)]
        if all(is_empty(rows[side][name]) for side, name in named):
            return True
        return base is not None and all(
            name in base.side(side) and base.side(side)[name] == rows[side][name]
            for side, name in named
        )

    def _reproduces(self, side: Side, rows: Rows) -> bool:
        try:
            return not self.changes(side, rows)
        except Untranslatable:
            return False


@dataclass(frozen=True)
class Group:
    """Lines that are decided as one value.

    Raises ValueError when there are none or their directions differ.
    """

    key: str
    lines: tuple[Line, ...]
    #: without repetition, in the order of the lines
    fields: tuple[str, ...] = field(init=False, repr=False, compare=False)
    columns: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.lines:
            raise ValueError(f"{self.key}: a group needs a line")
        first = self.lines[0]
        for line in self.lines[1:]:
            if line.direction != first.direction:
                raise ValueError(
                    f"{self.key}: {first.key} and {line.key} have different directions "
                    "and cannot be decided as one value"
                )
        # Needed for every record, so worked out once.
        for side, name in ((ODOO, "fields"), (DATAVERSE, "columns")):
            names = (n for line in self.lines for n in line.names(side))
            object.__setattr__(self, name, tuple(dict.fromkeys(names)))

    @property
    def direction(self) -> Direction:
        return self.lines[0].direction

    def names(self, side: Side) -> tuple[str, ...]:
        return self.fields if side == ODOO else self.columns

    def values(self, side: Side, row: Mapping[str, Any]) -> dict[str, Any]:
        """The group's part of a row of `side`."""
        return {name: row[name] for name in self.names(side)}

    def is_empty(self, side: Side, row: Mapping[str, Any]) -> bool:
        return all(is_empty(row[name]) for name in self.names(side))

    def to_dataverse(self, odoo_row: Mapping[str, Any]) -> dict[str, Any]:
        """{column: value} for an Odoo row. Raises Untranslatable."""
        return self.translate(DATAVERSE, odoo_row)

    def to_odoo(self, dataverse_row: Mapping[str, Any]) -> dict[str, Any]:
        """{field: value} for a Dataverse row. Raises Untranslatable."""
        return self.translate(ODOO, dataverse_row)

    def translate(self, target: Side, source: Mapping[str, Any]) -> dict[str, Any]:
        """What the group says to `target`, where nothing is held yet.

        Raises Untranslatable.
        """
        return {
            name: value
            for line in self.lines
            for name, value in line.translate(target, source).items()
            if not ((line.fill_only or line.never_empties) and is_empty(value))
        }

    @property
    def comparable(self) -> bool:
        """Whether the values alone tell that both sides say the same."""
        return all(line.rule.comparable for line in self.lines)

    def agrees(
        self, rows: Rows, direction: Direction, base: Base | None = None
    ) -> bool:
        """Whether both sides say the same in every line."""
        return all(line.agrees(rows, direction, base) for line in self.lines)

    def changes(
        self,
        target: Side,
        rows: Rows,
        direction: Direction,
        base: Base | None = None,
    ) -> dict[str, Any]:
        """{name: value} that really has to be written to `target`.

        Lines that agree are left alone even where the translation would look different.
        Raises Untranslatable.
        """
        result: dict[str, Any] = {}
        for line in self.lines:
            if not line.agrees(rows, direction, base):
                result.update(line.changes(target, rows))
        return result


def group_lines(lines: Iterable[Line], groups: Mapping[str, str]) -> tuple[Group, ...]:
    """The groups that `lines` form, in the order in which they first appear.

    `groups` says which lines belong together: line key -> group key. A line that is not
    in it is a group of its own, with the line's key.

    Raises ValueError, naming both lines, when two have the same key, write the same
    field or column, or share a group in spite of different directions.
    """
    members: dict[str, list[Line]] = {}
    keys: set[str] = set()
    writers: dict[tuple[Side, str], Line] = {}
    for line in lines:
        if line.key in keys:
            raise ValueError(f"two lines are called {line.key}")
        keys.add(line.key)
        for side in targets(line.direction):
            for name in line.names(side):
                other = writers.setdefault((side, name), line)
                if other is not line:
                    raise ValueError(f"{other.key} and {line.key} both write {name}")
        members.setdefault(groups.get(line.key, line.key), []).append(line)
    return tuple(Group(key, tuple(group)) for key, group in members.items())
