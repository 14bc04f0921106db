"""Weights are handed to Lava's Dense so that what it truncates, shifts and sums is what we hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.arrays import Bool, Int
from hetlava.errors import UnsupportedError
from hetlava.export.lava_models import DensePart, dense_parts
from hetlava.quantised import QuantisedProjection
from hetlava.sim.reference import synaptic_input


def projection(weights: object, weight_exp: int = 0, weight_bits: int = 8) -> QuantisedProjection:
    return QuantisedProjection(
        source="a",
        target="b",
        weights=np.array(weights, np.int16, ndmin=2),
        weight_exp=weight_exp,
        weight_bits=weight_bits,
    )


weights_of_any_kind = st.one_of(
    st.lists(st.integers(low, high), min_size=1, max_size=6)
    for low, high in ((-256, 255), (-127, 127), (0, 255), (-255, 0), (-256, 0), (-3, 3))
)


@given(weights_of_any_kind, st.integers(-8, 16), st.data())
def test_the_parts_of_a_projection_add_up_to_it(
    weights: list[int], weight_exp: int, data: st.DataObject
) -> None:
    whole = projection(weights, weight_exp)
    n = len(weights)
    spikes = np.array([data.draw(st.lists(st.booleans(), min_size=n, max_size=n))])
    total = sum(lava_input(part, spikes) for part in dense_parts(whole))
    assert total == synaptic_input(whole, spikes)[0, 0]


def lava_input(part: DensePart, spikes: Bool) -> int:
    """What Lava's Dense sends: the sum over spiking inputs, then shifted."""
    total = int((part.weights.astype(np.int64) @ spikes[0])[0])
    exp = part.weight_exp
    return total << exp if exp > 0 else total >> -exp


@pytest.mark.lava
@pytest.mark.parametrize("weight_bits", range(1, 9))
@pytest.mark.parametrize("low", [-256, -127, 0])
def test_lava_truncates_nothing_of_a_part(
    rng: np.random.Generator, low: int, weight_bits: int
) -> None:
    step = 1 << (8 - weight_bits)
    for high in (0, 127, 255):
        weights = rng.integers(low, high + 1, (4, 5)) // step * step
        for part in dense_parts(projection(weights, -2, weight_bits)):
            assert np.array_equal(lavas_view(part), part.weights)


def lavas_view(part: DensePart) -> Int:
    """The weights after Lava's own clipping and truncation."""
    from hetlava.export.lava_import import enable_lava

    enable_lava()
    from lava.utils.weightutils import SignMode, clip_weights, truncate_weights

    mode = SignMode[part.sign_mode]
    clipped = clip_weights(part.weights, mode, num_bits=8)
    kept: Int = truncate_weights(clipped, mode, part.num_weight_bits)
    return kept


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1, 255], [("EXCITATORY", 8, 0)]),
        ([0, 0], [("EXCITATORY", 8, 0)]),
        ([-255, -1], [("INHIBITORY", 8, 0)]),
        ([-256, 254], [("MIXED", 8, 0)]),
        ([-256, 0], [("MIXED", 8, 0)]),
        ([-127, 127], [("MIXED", 8, -1)]),
        ([-255, 255], [("MIXED", 8, 0), ("EXCITATORY", 8, 0)]),
        ([-256, -1], [("MIXED", 8, 0), ("EXCITATORY", 8, 0)]),
    ],
)
def test_one_dense_is_used_where_one_can_hold_the_weights(
    weights: list[int], expected: list[tuple[str, int, int]]
) -> None:
    parts = dense_parts(projection(weights))
    assert [(p.sign_mode, p.num_weight_bits, p.weight_exp) for p in parts] == expected


def test_fewer_weight_bits_are_handed_on_where_the_weights_keep_their_grid() -> None:
    assert dense_parts(projection([-32, 96], weight_bits=4))[0].num_weight_bits == 4
    assert dense_parts(projection([-16, 96], weight_bits=4))[0].num_weight_bits == 8


def test_weights_that_no_dense_can_hold_are_refused_with_the_way_out() -> None:
    with pytest.raises(UnsupportedError, match=r"a -> b: .* odd .* weight_exp -9; make them even"):
        dense_parts(projection([-255, 255], -9))
