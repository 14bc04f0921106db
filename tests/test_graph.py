"""Wiring: what is refused, and the order that a network is run in."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.graph import INPUT, check_wiring, groups_in_order, population_sizes


@dataclass(frozen=True)
class Line:
    source: str
    target: str
    shape: tuple[int, int] = (1, 1)


NAMES = [f"p{k}" for k in range(7)]
WIRES = st.lists(
    st.builds(Line, st.sampled_from([INPUT, *NAMES]), st.sampled_from(NAMES)), max_size=14
)


def reachable(wires, start):
    found, new = set(), {start}
    while new:
        found |= new
        new = {w.target for w in wires if w.source in found} - found
    return found


@given(st.permutations(NAMES), WIRES)
def test_groups_are_the_loops_and_sources_come_first(names, wires):
    groups = groups_in_order(names, wires)
    place = {name: k for k, group in enumerate(groups) for name in group}
    assert sorted(name for group in groups for name in group) == sorted(names)
    reach = {name: reachable(wires, name) for name in names}
    for a in names:
        for b in names:
            assert (place[a] == place[b]) == (a in reach[b] and b in reach[a])
    assert all(w.source == INPUT or place[w.source] <= place[w.target] for w in wires)


@given(st.permutations(NAMES), WIRES)
def test_a_group_keeps_the_order_of_the_names(names, wires):
    for group in groups_in_order(names, wires):
        assert list(group) == sorted(group, key=names.index)


def test_a_chain_longer_than_the_stack_is_ordered():
    names = [f"p{k}" for k in range(5000)]
    wires = [Line(a, b) for a, b in zip(names, names[1:], strict=False)]
    assert groups_in_order(names[::-1], wires) == [(name,) for name in names]
    loop = [*wires, Line(names[-1], names[0])]
    assert groups_in_order(names, loop) == [tuple(names)]


SIZES = {INPUT: 3, "a": 2, "b": 1}


def test_good_wiring_passes():
    lines = [Line(INPUT, "a", (2, 3)), Line("a", "a", (2, 2)), Line("a", "b", (1, 2))]
    check_wiring(SIZES, lines, "b")


@pytest.mark.parametrize(
    ("line", "output", "reason"),
    [
        (Line("c", "a"), "b", "projection c -> a: no population 'c'; there are"),
        (Line("a", "c"), "b", "projection a -> c: no population 'c'"),
        (Line("a", INPUT, (3, 2)), "b", "the input cannot be a target"),
        (Line("a", "b", (2, 1)), "b", r"shape \(2, 1\), expected \(n_post, n_pre\) = \(1, 2\)"),
        (Line("a", "b", (1, 2)), "c", r"output 'c' is not a population; there are \['a', 'b'\]"),
        (Line("a", "b", (1, 2)), INPUT, "output 'input' is not a population"),
    ],
)
def test_bad_wiring_is_named(line, output, reason):
    with pytest.raises(ValidationError, match=reason):
        check_wiring(SIZES, [line], output)


@pytest.mark.parametrize(
    ("n_inputs", "members", "reason"),
    [
        (0, [("a", 1)], "n_inputs is 0"),
        (1, [("a", 1), ("a", 2)], "'a' is empty, doubled"),
        (1, [(INPUT, 1)], "'input' is empty, doubled"),
        (1, [("", 1)], "'' is empty"),
        (1, [("a/b", 1)], "'a/b' is empty, doubled or holds a '/'"),
        (1, [("a", 0)], "'a' has no neurons"),
    ],
)
def test_bad_populations_are_named(n_inputs, members, reason):
    with pytest.raises(ValidationError, match=reason):
        population_sizes(n_inputs, members)


def test_sizes_include_the_input():
    assert population_sizes(3, [("a", 2), ("b", 1)]) == SIZES
