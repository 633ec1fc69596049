"""Order: what is needed comes first, and cycles are cut, not feared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync import parents_first, topological


def test_dependencies_come_first_and_the_given_order_decides_the_rest():
    nodes = ["order", "contact", "currency", "account", "user"]
    depends = {
        "order": {"account", "contact", "elsewhere"},
        "contact": {"account"},
        "account": {"user", "currency"},
    }
    ordered, broken = topological(nodes, depends)
    assert ordered == ["currency", "user", "account", "contact", "order"]
    assert broken == []


def test_a_cycle_is_cut_at_its_first_node():
    depends = {"account": {"contact"}, "contact": {"account"}}
    assert topological(["account", "contact"], depends) == (
        ["account", "contact"],
        [("account", "contact")],
    )
    assert topological(["contact", "account"], depends) == (
        ["contact", "account"],
        [("contact", "account")],
    )


def test_who_only_depends_on_a_cycle_loses_nothing():
    depends = {"c": {"a"}, "a": {"b"}, "b": {"a"}}
    assert topological(["c", "a", "b"], depends) == (["a", "c", "b"], [("a", "b")])


def test_a_node_that_depends_on_itself():
    assert topological(["a", "b"], {"a": {"a", "b"}}) == (["b", "a"], [("a", "a")])


def test_a_cycle_entered_from_outside_is_cut_at_its_first_node_too():
    depends = {"e": {"d"}, "d": {"b"}, "b": {"c"}, "c": {"d"}}
    ids = ["e", "b", "d", "c"]
    assert topological(ids, depends) == (["b", "d", "e", "c"], [("b", "c")])
    parent_of = {node: parent for node, (parent,) in depends.items()}
    assert parents_first(ids, parent_of) == (
        [["b"], ["d"], ["e", "c"]],
        [("b", "c")],
    )


NODES = st.integers(0, 7)
GRAPH = st.dictionaries(NODES, st.sets(NODES))


@given(st.lists(NODES), GRAPH)
def test_every_node_once_and_every_edge_kept_or_reported(nodes, depends):
    ordered, broken = topological(nodes, depends)
    assert sorted(ordered) == sorted(set(nodes))
    place = {node: i for i, node in enumerate(ordered)}
    edges = {(n, d) for n in place for d in depends.get(n, ()) if d in place}
    assert set(broken) <= edges
    assert all(place[d] < place[n] for n, d in edges - set(broken))
    for node, dependency in broken:
        assert node in reachable(dependency, edges), "only cycles are cut"


def reachable(start, edges):
    found, todo = {start}, [start]
    while todo:
        node = todo.pop()
        new = {d for n, d in edges if n == node} - found
        found |= new
        todo += new
    return found


def test_parents_come_in_an_earlier_level():
    parent_of = {"child": "parent", "grandchild": "child", "other": "elsewhere"}
    ids = ["grandchild", "other", "child", "parent"]
    assert parents_first(ids, parent_of) == (
        [["other", "parent"], ["child"], ["grandchild"]],
        [],
    )


def test_nobody_is_the_own_ancestor():
    parent_of = {"a": "a", "b": "c", "c": "d", "d": "b", "e": "d", "f": None}
    levels, broken = parents_first(["e", "d", "c", "b", "a", "f"], parent_of)
    assert broken == [("d", "b"), ("a", "a")]
    assert levels == [["d", "a", "f"], ["e", "c"], ["b"]]


def test_nothing_to_order():
    assert parents_first([], {}) == ([], [])
    assert topological([], {}) == ([], [])


@given(st.lists(NODES), st.dictionaries(NODES, st.one_of(st.none(), NODES)))
def test_every_parent_is_above_or_reported(ids, parent_of):
    levels, broken = parents_first(ids, parent_of)
    level = {id_: depth for depth, members in enumerate(levels) for id_ in members}
    assert sorted(id_ for members in levels for id_ in members) == sorted(set(ids))
    assert all(levels)
    for id_ in level:
        parent = parent_of.get(id_)
        if parent in level:
            assert level[parent] < level[id_] or (id_, parent) in broken
    for id_, parent in broken:
        edges = {(n, p) for n, p in parent_of.items() if n in level and p in level}
        assert parent_of[id_] == parent
        assert id_ in reachable(parent, edges), "only cycles are cut"


def test_a_long_chain_is_no_recursion():
    parent_of = {i: i + 1 for i in range(5_000)}
    levels, broken = parents_first(range(5_001), parent_of)
    assert (len(levels), broken) == (5_001, [])
