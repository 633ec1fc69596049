"""Undo: which values of a change may be restored, and what both sides agree on then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .base import Base
from .lines import Group
from .plan import FieldPlan
from .words import ODOO, Side


@dataclass
class Restoration(FieldPlan):
    """A plan that puts values of one side back to what they were.

    `groups`: what is restored. `left`: the names whose values are no longer those that
    the change wrote; nothing is done about them, nor about what travels with them.
    `seen`: what the side held before.
    """

    groups: tuple[Group, ...] = ()
    seen: Mapping[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def base_after(
        self,
        base: Base | None,
        odoo_read: Mapping[str, Any] | None = None,
        dataverse_read: Mapping[str, Any] | None = None,
    ) -> Base:
        """The base once the values are restored: on the other side nothing happened.

        Both sides say something else now, and neither has changed since: the next run
        leaves them so, until one of them does. What else a restored group holds is not
        agreed by that: somebody may have changed it since the last run.
        """
        after = base or Base()
        odoo, dataverse = (self._became(row) for row in (odoo_read, dataverse_read))
        for group in self.groups:
            if after.knows(group):
                after = after.merge(
                    group, {**after.odoo, **odoo}, {**after.dataverse, **dataverse}
                )
        return after

    def _became(self, row: Mapping[str, Any] | None) -> dict[str, Any]:
        """What the restoration changed, and what followed from it."""
        return {
            name: value
            for name, value in (row or {}).items()
            if name not in self.seen or self.seen[name] != value
        }


def plan_restoration(
    groups: Iterable[Group],
    side: Side,
    now: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> Restoration:
    """Restore what a change of `side` replaced, where it still stands.

    `now`: the values of the record as it is; `before` and `after`: {name: value} of
    what the change replaced and what it wrote. A group is restored as a whole or not at
    all.
    """
    plan = Restoration(seen=now)
    touched = [group for group in groups if set(group.names(side)) & after.keys()]
    parts = [tuple(n for n in group.names(side) if n in after) for group in touched]
    grouped = {name for names in parts for name in names}
    # What is not mapped (any more) is a value by itself.
    parts += [(name,) for name in after if name not in grouped]
    restored = []
    for number, names in enumerate(parts):
        if any(name not in now or now[name] != after[name] for name in names):
            plan.left += names
            continue
        (plan.pull if side == ODOO else plan.push).update(
            {name: before.get(name) for name in names}
        )
        if number < len(touched):
            restored.append(touched[number])
    plan.groups = tuple(restored)
    return plan
