"""Coupling candidates: which records of both sides are the same thing.

Each criterion is a hash join, so time and memory grow with the number of records and
not with the number of pairs. Whatever is not one to one is never coupled by itself.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .values import is_empty

Rows = Mapping[Hashable, Mapping[str, Any]]


@dataclass(frozen=True)
class Criterion:
    """Two records match when all `keys` (Odoo field names) are equal and none is blank.

    A lower `priority` is tried earlier. Text is compared without case, unless
    `case_sensitive`, and always without width variants and surplus blanks.
    """

    keys: tuple[str, ...]
    priority: int = 0
    case_sensitive: bool = False

    def key(self, row: Mapping[str, Any]) -> tuple | None:
        """The normalized key of a row, None if a part of it is blank."""
        parts = tuple(self._normal(row.get(name)) for name in self.keys)
        return None if not parts or any(map(is_empty, parts)) else parts

    def _normal(self, value: Any) -> Any:
        if isinstance(value, list):
            return tuple(value) or None
        if not isinstance(value, str):
            return value
        text = unicodedata.normalize("NFKC", value)
        if not self.case_sensitive:
            # Folding case can undo the normal form.
            text = unicodedata.normalize("NFKC", text.casefold())
        return " ".join(text.split())


@dataclass(frozen=True)
class Pair:
    odoo_id: Hashable
    dataverse_id: Hashable
    criterion: Criterion
    reason: str


@dataclass(frozen=True)
class Ambiguous:
    """Records that match, but not one to one: 1:n, n:1 or n:m. A person decides."""

    odoo_ids: tuple
    dataverse_ids: tuple
    criterion: Criterion
    reason: str


@dataclass(frozen=True)
class Duplicates:
    """Records of one side that share a key which the other side does not have."""

    ids: tuple
    criterion: Criterion
    reason: str


@dataclass
class Matching:
    """Every id is in exactly one of: a pair, ambiguities, or unmatched.

    Duplicates are unmatched all the same: creating them would double them.
    """

    pairs: list[Pair] = field(default_factory=list)
    ambiguous: list[Ambiguous] = field(default_factory=list)
    unmatched_odoo: list = field(default_factory=list)
    unmatched_dataverse: list = field(default_factory=list)
    duplicates_odoo: list[Duplicates] = field(default_factory=list)
    duplicates_dataverse: list[Duplicates] = field(default_factory=list)


def match(odoo: Rows, dataverse: Rows, criteria: Iterable[Criterion]) -> Matching:
    """Match two sets of records: {id: {field: canonical value, in Odoo's terms}}.

    Ids of one side must be comparable with each other. A pair found by an earlier
    criterion takes both out of the later ones. A record that was ambiguous stays so: a
    weaker criterion does not decide what a stronger one could not, and whoever matches
    it later becomes ambiguous too instead of being created a second time.

    The result does not depend on the order of records or criteria.
    """
    result = Matching()
    free_odoo, free_dataverse = set(odoo), set(dataverse)
    unclear_odoo: set = set()
    unclear_dataverse: set = set()
    for criterion in sorted(criteria, key=_rank):
        by_odoo = _index(odoo, free_odoo | unclear_odoo, criterion)
        by_dataverse = _index(dataverse, free_dataverse | unclear_dataverse, criterion)
        for key in sorted(by_odoo.keys() & by_dataverse.keys(), key=repr):
            left, right = by_odoo.pop(key), by_dataverse.pop(key)
            reason = _reason(criterion, key)
            if free_odoo.isdisjoint(left) and free_dataverse.isdisjoint(right):
                continue  # known to be unclear, and nobody new is involved
            if (
                len(left) == len(right) == 1
                and unclear_odoo.isdisjoint(left)
                and unclear_dataverse.isdisjoint(right)
            ):
                result.pairs.append(Pair(left[0], right[0], criterion, reason))
            else:
                result.ambiguous.append(
                    Ambiguous(tuple(left), tuple(right), criterion, reason)
                )
                unclear_odoo.update(left)
                unclear_dataverse.update(right)
            free_odoo.difference_update(left)
            free_dataverse.difference_update(right)
        result.duplicates_odoo += _duplicates(by_odoo, criterion)
        result.duplicates_dataverse += _duplicates(by_dataverse, criterion)
    result.unmatched_odoo = sorted(free_odoo)
    result.unmatched_dataverse = sorted(free_dataverse)
    return result


def _rank(criterion: Criterion) -> tuple:
    return criterion.priority, criterion.keys, criterion.case_sensitive


def _index(rows: Rows, ids: set, criterion: Criterion) -> dict[tuple, list]:
    """{key: sorted ids}"""
    index = defaultdict(list)
    for id_ in ids:
        key = criterion.key(rows[id_])
        if key is not None:
            index[key].append(id_)
    for members in index.values():
        members.sort()
    return index


def _duplicates(index: dict[tuple, list], criterion: Criterion) -> list[Duplicates]:
    return [
        Duplicates(tuple(index[key]), criterion, _reason(criterion, key))
        for key in sorted(index, key=repr)
        if len(index[key]) > 1
    ]


def _reason(criterion: Criterion, key: tuple) -> str:
    parts = zip(criterion.keys, key, strict=True)
    return "same " + ", ".join(f"{name} '{value}'" for name, value in parts)
