"""The last agreed values of one coupling, as each side stored them.

Two bases, not one: a server may store something else than it was sent (another case,
fewer decimals, a cleaned text). "Changed" means "differs from what this same side held
when both agreed", so a reformatting server starts no ping-pong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .words import SIDES, Side

if TYPE_CHECKING:
    from .lines import Group


@dataclass(frozen=True)
class Base:
    """`odoo`: canonical values by field name; `dataverse`: by column name."""

    odoo: Mapping[str, Any] = field(default_factory=dict)
    dataverse: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, groups: Iterable[Group], odoo: Mapping, dataverse: Mapping) -> Base:
        """The base in which `groups` agree on the values of these two rows.

        For a pair that was just created: `odoo` and `dataverse` are the rows that were
        read when planning on the source side, and returned by the target side.
        """
        base = cls()
        for group in groups:
            base = base.merge(group, odoo, dataverse)
        return base

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Base:
        """The base that `to_dict` gave; None and {} give one that knows nothing."""
        data = data or {}
        return cls(**{side: dict(data.get(side) or {}) for side in SIDES})

    def to_dict(self) -> dict[str, dict[str, Any]]:
        return {side: dict(self.side(side)) for side in SIDES}

    def side(self, side: Side) -> Mapping[str, Any]:
        return getattr(self, side)

    def knows(self, group: Group) -> bool:
        """Whether both sides have agreed on every value of the group before."""
        return all(
            name in self.side(side) for side in SIDES for name in group.names(side)
        )

    def changed(self, group: Group, side: Side, row: Mapping[str, Any]) -> bool:
        """Whether `row` of `side` differs from what that side held when agreed."""
        held = self.side(side)
        return any(row[name] != held[name] for name in group.names(side))

    def describes(
        self, groups: Iterable[Group], side: Side, row: Mapping[str, Any]
    ) -> bool:
        """Whether `row` of `side` holds what was agreed, in every one of `groups`."""
        return all(
            self.knows(group) and not self.changed(group, side, row) for group in groups
        )

    def apart(self, group: Group, odoo: Mapping[str, Any]) -> Base:
        """This base while the group takes no part: what Odoo holds there comes from
        another record, and what the row holds is not looked at."""
        without = {n: v for n, v in self.dataverse.items() if n not in group.columns}
        return Base({**self.odoo, **{n: odoo[n] for n in group.fields}}, without)

    def is_apart(self, group: Group) -> bool:
        """Whether the group took no part when this base was remembered."""
        if not group.fields or not group.columns:
            return False  # such as a constant
        return all(name in self.odoo for name in group.fields) and not any(
            name in self.dataverse for name in group.columns
        )

    def joined(self, group: Group, dataverse: Mapping[str, Any]) -> Base:
        """This base when a group that was apart takes part again.

        What the row holds is the record's own, and Odoo has not seen it. If that is
        nothing, what Odoo holds becomes the record's own.
        """
        if group.is_empty("dataverse", dataverse):
            own = {n: v for n, v in self.odoo.items() if n not in group.fields}
            return Base(own, self.dataverse)
        return self.merge(group, self.odoo, dict.fromkeys(group.columns))

    def only(self, group: Group) -> Base:
        """This base without the values of other groups."""
        return Base(
            odoo={n: self.odoo[n] for n in group.fields if n in self.odoo},
            dataverse={
                n: self.dataverse[n] for n in group.columns if n in self.dataverse
            },
        )

    def merge(self, group: Group, odoo: Mapping, dataverse: Mapping) -> Base:
        """This base with the group's values taken from the two rows."""
        return Base(
            odoo={**self.odoo, **{name: odoo[name] for name in group.fields}},
            dataverse={
                **self.dataverse,
                **{name: dataverse[name] for name in group.columns},
            },
        )
