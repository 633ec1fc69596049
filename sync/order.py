"""What must come before what: mappings by their lookups, records by their parents.

Neither function fails on a cycle. It leaves out one edge of each and returns it: the
executor creates without that reference and fills it in a second phase.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def topological(
    nodes: Iterable[Node], depends: Mapping[Node, Collection[Node]]
) -> tuple[list[Node], list[tuple[Node, Node]]]:
    """`nodes`, each after those it depends on, and the edges that were left out.

    Where there is a choice the given order decides, so the result is always the same.
    An edge (node, dependency) is left out only if it lies on a cycle; a node that
    depends on itself is one. Dependencies that are not among `nodes` do not count.
    """
    nodes = list(dict.fromkeys(nodes))
    rank = {node: position for position, node in enumerate(nodes)}
    waiting = {node: {d for d in depends.get(node, ()) if d in rank} for node in nodes}
    dependants = defaultdict(list)
    for node, dependencies in waiting.items():
        for dependency in dependencies:
            dependants[dependency].append(node)

    ordered: list[Node] = []
    broken: list[tuple[Node, Node]] = []
    ready = [rank[node] for node in nodes if not waiting[node]]
    while len(ordered) < len(nodes):
        if not ready:
            node, dependency = _edge_of_cycle(waiting, rank)
            broken.append((node, dependency))
            waiting[node].discard(dependency)
            if not waiting[node]:
                heapq.heappush(ready, rank[node])
            continue
        node = nodes[heapq.heappop(ready)]
        ordered.append(node)
        del waiting[node]
        for dependant in dependants[node]:
            if node in waiting.get(dependant, ()):
                waiting[dependant].discard(node)
                if not waiting[dependant]:
                    heapq.heappush(ready, rank[dependant])
    return ordered, broken


def _edge_of_cycle(
    waiting: Mapping[Node, set[Node]], rank: Mapping[Node, int]
) -> tuple[Node, Node]:
    """The edge by which the earliest node of some cycle depends on it.

    Every node in `waiting` has a dependency there, so following them runs into a cycle.
    """
    node = min(waiting, key=rank.__getitem__)
    path: dict[Node, int] = {}
    while node not in path:
        path[node] = len(path)
        node = min(waiting[node], key=rank.__getitem__)
    cycle = list(path)[path[node] :]
    start = min(range(len(cycle)), key=lambda i: rank[cycle[i]])
    return cycle[start], cycle[(start + 1) % len(cycle)]


def parents_first(
    ids: Iterable[Node], parent_of: Mapping[Node, Node | None]
) -> tuple[list[list[Node]], list[tuple[Node, Node]]]:
    """`ids` in levels, parents in an earlier level than children; and broken edges.

    Level 0 has no parent, or one that is not among `ids`. Within a level the given
    order stays. Of a cycle, (id, parent) of its first id is left out.
    """
    ids = list(dict.fromkeys(ids))
    rank = {id_: position for position, id_ in enumerate(ids)}
    parents = {id_: parent_of.get(id_) for id_ in ids}
    parents = {id_: parent for id_, parent in parents.items() if parent in rank}
    broken = _break_cycles(ids, parents, rank)

    level: dict[Node, int] = {}
    for start in ids:
        chain = [start]
        while chain[-1] in parents and chain[-1] not in level:
            chain.append(parents[chain[-1]])
        for member in reversed(chain):
            level[member] = level[parents[member]] + 1 if member in parents else 0
    levels: list[list[Node]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for id_ in ids:
        levels[level[id_]].append(id_)
    return levels, broken


def _break_cycles(
    ids: list[Node], parents: dict[Node, Node], rank: Mapping[Node, int]
) -> list[tuple[Node, Node]]:
    """Take the cycles out of `parents`; what was taken out, as (id, parent)."""
    broken: list[tuple[Node, Node]] = []
    seen: set[Node] = set()
    for start in ids:
        path: dict[Node, None] = {}
        node = start
        while node in parents and node not in seen and node not in path:
            path[node] = None
            node = parents[node]
        if node in path:
            chain = list(path)
            first = min(chain[chain.index(node) :], key=rank.__getitem__)
            broken.append((first, parents.pop(first)))
        seen.update(path)
    return broken
