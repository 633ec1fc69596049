"""Coupling candidates: which records of both sides are the same thing.

Each criterion joins both sides by the forms of their keys, so time and memory grow with
the number of records and not with the number of pairs. Whatever is not one to one is
never coupled by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from . import keys as forms
from .similar import Compare, similar
from .values import is_empty

Rows = Mapping[Hashable, Mapping[str, Any]]
# The forms of a row's keys, one each.
Key = tuple


@dataclass(frozen=True)
class Criterion:
    """Two records match when all `keys` (Odoo field names) mean the same, none blank.

    A lower `priority` is tried earlier. `kinds` tell how each key is compared, one of
    :data:`keys.KINDS`; none: all as texts. Texts are compared without case, unless
    `case_sensitive`. Similar keys have to be alike to a `degree` of 1 to 100.
    """

    keys: tuple[str, ...]
    priority: int = 0
    case_sensitive: bool = False
    kinds: tuple[str, ...] = ()
    degree: float = 100

    def __post_init__(self) -> None:
        if not self.kinds:
            object.__setattr__(self, "kinds", (forms.TEXT,) * len(self.keys))

    @property
    def is_similar(self) -> bool:
        """Whether it finds what may belong together, for a person to judge."""
        return forms.SIMILAR in self.kinds

    @property
    def is_loose(self) -> bool:
        """Whether two values that are written differently can mean the same."""
        return not {forms.TEXT, forms.EMAIL}.issuperset(self.kinds)

    def key(self, row: Mapping[str, Any]) -> Key | None:
        """The forms of the keys of a row, None if a part of it is blank."""
        parts = tuple(
            forms.form(row.get(name), kind, case_sensitive=self.case_sensitive)
            for name, kind in zip(self.keys, self.kinds, strict=True)
        )
        return None if not parts or any(map(is_empty, parts)) else parts

    def ending(self, key: Key) -> Key:
        """What keys that may mean the same have in common, similar parts apart."""
        return tuple(
            forms.ending(part, kind)
            for part, kind in zip(key, self.kinds, strict=True)
            if kind != forms.SIMILAR
        )

    def same(self, left: Key, right: Key) -> bool:
        """Whether two keys mean the same, similar parts apart."""
        return all(
            kind == forms.SIMILAR or forms.same(a, b, kind)
            for a, b, kind in zip(left, right, self.kinds, strict=True)
        )

    def similar_text(self, key: Key) -> str:
        """The parts of a key that are compared by how alike they are."""
        parts = zip(key, self.kinds, strict=True)
        return " ".join(str(part) for part, kind in parts if kind == forms.SIMILAR)


@dataclass(frozen=True)
class Pair:
    odoo_id: Hashable
    dataverse_id: Hashable
    criterion: Criterion
    reason: str
    degree: float = 100


@dataclass(frozen=True)
class Ambiguous:
    """Records that match, but not one to one: 1:n, n:1 or n:m. A person decides."""

    odoo_ids: tuple
    dataverse_ids: tuple
    criterion: Criterion
    reason: str
    degree: float = 100


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


def match(
    odoo: Rows,
    dataverse: Rows,
    criteria: Iterable[Criterion],
    compare: Compare | None = None,
) -> Matching:
    """Match two sets of records: {id: {field: canonical value, in Odoo's terms}}.

    Ids of one side must be comparable with each other. A pair found by an earlier
    criterion takes both out of the later ones. A record that was ambiguous stays so: a
    weaker criterion does not decide what a stronger one could not, and whoever matches
    it later becomes ambiguous too instead of being created a second time.

    The result does not depend on the order of records or criteria.

    :param compare: needed by criteria with similar keys
    """
    result = Matching()
    free_odoo, free_dataverse = set(odoo), set(dataverse)
    unclear_odoo: set = set()
    unclear_dataverse: set = set()
    for criterion in sorted(criteria, key=_rank):
        by_odoo = _index(odoo, free_odoo | unclear_odoo, criterion)
        by_dataverse = _index(dataverse, free_dataverse | unclear_dataverse, criterion)
        for left_keys, right_keys, degree in _meetings(
            criterion, by_odoo, by_dataverse, compare
        ):
            left = sorted(id_ for key in left_keys for id_ in by_odoo.pop(key))
            right = sorted(id_ for key in right_keys for id_ in by_dataverse.pop(key))
            reason = _reason(criterion, left_keys[0])
            if free_odoo.isdisjoint(left) and free_dataverse.isdisjoint(right):
                continue  # known to be unclear, and nobody new is involved
            if (
                len(left) == len(right) == 1
                and unclear_odoo.isdisjoint(left)
                and unclear_dataverse.isdisjoint(right)
            ):
                result.pairs.append(Pair(left[0], right[0], criterion, reason, degree))
            else:
                result.ambiguous.append(
                    Ambiguous(tuple(left), tuple(right), criterion, reason, degree)
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
    return (
        criterion.priority,
        criterion.keys,
        criterion.case_sensitive,
        criterion.kinds,
        criterion.degree,
    )


def _index(rows: Rows, ids: set, criterion: Criterion) -> dict[Key, list]:
    """{key: sorted ids}"""
    index = defaultdict(list)
    for id_ in ids:
        key = criterion.key(rows[id_])
        if key is not None:
            index[key].append(id_)
    for members in index.values():
        members.sort()
    return index


# -- which keys belong together -------------------------------------------------------


def _meetings(
    criterion: Criterion,
    left: Iterable[Key],
    right: Iterable[Key],
    compare: Compare | None,
) -> list[tuple[list[Key], list[Key], float]]:
    """The keys of both sides that hang together, and the least degree among them.

    :return: sorted; each key is in one of them at most
    """
    edges = list(_best(criterion, _edges(criterion, left, right, compare)))
    root: dict[tuple, tuple] = {}

    def find(node: tuple) -> tuple:
        while root.setdefault(node, node) != node:
            root[node] = node = root[root[node]]
        return node

    for a, b, _degree in edges:
        root[find(("odoo", a))] = find(("dataverse", b))
    together: dict[tuple, tuple[set, set]] = defaultdict(lambda: (set(), set()))
    degrees: dict[tuple, float] = {}
    for a, b, degree in edges:
        top = find(("odoo", a))
        together[top][0].add(a)
        together[top][1].add(b)
        degrees[top] = min(degree, degrees.get(top, 100))
    return sorted(
        (
            (sorted(a, key=repr), sorted(b, key=repr), degrees[top])
            for top, (a, b) in together.items()
        ),
        key=repr,
    )


def _edges(
    criterion: Criterion,
    left: Iterable[Key],
    right: Iterable[Key],
    compare: Compare | None,
) -> Iterator[tuple[Key, Key, float]]:
    """The pairs of a left and a right key that mean the same, and to which degree."""
    if not criterion.is_similar and forms.LOOSE.isdisjoint(criterion.kinds):
        yield from ((key, key, 100) for key in left if key in right)
        return
    by_ending = _grouped(left, criterion.ending), _grouped(right, criterion.ending)
    for ending in by_ending[0].keys() & by_ending[1].keys():
        ours, theirs = (group[ending] for group in by_ending)
        if not criterion.is_similar:
            alike = ((a, b, 100) for a, b in product(ours, theirs))
        elif compare is None:
            raise ValueError(f"nothing compares the similar {criterion.keys}")
        else:
            mine = _grouped(ours, criterion.similar_text)
            others = _grouped(theirs, criterion.similar_text)
            alike = (
                (a, b, degree)
                for one, other, degree in similar(
                    mine, others, criterion.degree, compare
                )
                for a, b in product(mine[one], others[other])
            )
        yield from (edge for edge in alike if criterion.same(edge[0], edge[1]))


def _best(
    criterion: Criterion, edges: Iterable[tuple[Key, Key, float]]
) -> Iterable[tuple[Key, Key, float]]:
    """Of what is similar, what is the most similar for one of both at least."""
    if not criterion.is_similar:
        return edges
    edges = list(edges)
    best: dict[tuple, float] = defaultdict(float)
    for a, b, degree in edges:
        for node in (("odoo", a), ("dataverse", b)):
            best[node] = max(best[node], degree)
    return (
        (a, b, degree)
        for a, b, degree in edges
        if degree in (best["odoo", a], best["dataverse", b])
    )


def _grouped(keys: Iterable[Key], by: Any) -> dict[Any, list[Key]]:
    groups = defaultdict(list)
    for key in keys:
        groups[by(key)].append(key)
    return groups


# -- what is said of them -------------------------------------------------------------


def _duplicates(index: dict[Key, list], criterion: Criterion) -> list[Duplicates]:
    return [
        Duplicates(tuple(index[key]), criterion, _reason(criterion, key))
        for key in sorted(index, key=repr)
        if len(index[key]) > 1
    ]


def _reason(criterion: Criterion, key: Key) -> str:
    how = "similar" if criterion.is_similar else "same"
    parts = zip(criterion.keys, key, strict=True)
    return f"{how} " + ", ".join(f"{name} '{value}'" for name, value in parts)
