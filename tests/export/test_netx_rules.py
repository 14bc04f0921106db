"""Why netx would differ, and that its handling of weights is simulated as it is."""

import numpy as np
import pytest

from hetlava.errors import UnsupportedError
from hetlava.export.lava_import import netx as import_netx
from hetlava.export.netx_rules import netx_differences
from hetlava.export.netx_weights import netx_weights
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

Wire = tuple[str, str]


def network(
    wires: list[Wire],
    *,
    output: str = "b",
    names: str = "ab",
    bias: tuple[int, int] = (1, 6),
    **weights: object,
) -> QuantisedNetwork:
    """Return populations ``a`` and ``b`` of two neurons with the same weights on every wire."""
    mantissa, exponent = bias

    def full(value: int) -> np.ndarray:
        return np.full(2, value, np.int32)

    registers = CubaRegisters(
        du=full(9), dv=full(9), vth=full(9), bias_mant=full(mantissa), bias_exp=full(exponent)
    )
    words = np.array(weights.get("weights", [[2, -4], [6, 8]]), np.int16)
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=2,
        n_steps=5,
        populations=tuple(QuantisedPopulation(name=n, registers=registers) for n in names),
        projections=tuple(
            QuantisedProjection(
                source=source,
                target=target,
                weights=words,
                weight_exp=int(str(weights.get("weight_exp", 0))),
            )
            for source, target in wires
        ),
        output=output,
    )


CHAIN: list[Wire] = [("input", "a"), ("a", "b")]


@pytest.mark.parametrize("wires", [CHAIN, [*CHAIN, ("a", "a"), ("b", "b")]])
def test_a_chain_with_loops_onto_itself_is_what_netx_knows(wires: list[Wire]) -> None:
    assert netx_differences(network(wires)) == []


@pytest.mark.parametrize(
    ("wires", "reason"),
    [
        ([("input", "b"), ("input", "a")], "input: leads to"),
        ([*CHAIN, ("input", "b")], "b: input from"),
        ([*CHAIN, ("b", "a")], "is the output but feeds"),
        ([*CHAIN, ("a", "a"), ("a", "a")], "a: 2 projections onto itself"),
        ([("input", "b")], "a: input from nothing"),
        ([("a", "b"), ("b", "a")], "b: is the output but feeds ['a']"),
    ],
)
def test_a_graph_that_is_no_chain_is_explained(wires: list[Wire], reason: str) -> None:
    reasons = netx_differences(network(wires))
    assert any(reason in r for r in reasons)


def test_a_loop_apart_from_the_input_is_explained() -> None:
    wires = [("input", "b"), ("a", "c"), ("c", "a")]
    reasons = netx_differences(network(wires, names="abc"))
    assert reasons == [
        "['a', 'c']: a loop apart from the input; netx knows loops of one population"
    ]


def test_an_output_before_the_last_layer_is_explained() -> None:
    assert "is the output but feeds ['b']" in netx_differences(network(CHAIN, output="a"))[0]


def test_an_exponent_that_the_weights_can_absorb_is_none_to_netx() -> None:
    assert netx_differences(network(CHAIN, weight_exp=3)) == []
    assert netx_differences(network(CHAIN, weight_exp=-1)) == []


def test_an_exponent_that_rounds_the_sum_is_explained() -> None:
    reasons = netx_differences(network(CHAIN, weight_exp=-2))
    assert len(reasons) == 2 and "weight_exp -2 are no whole numbers" in reasons[0]


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ([[0, 0], [0, 0]], "all weights are 0"),
        ([[-256, 0], [0, 0]], "first -256 to -128 at (0, 0)"),
        ([[255, -2], [2, 2]], "first 255 to 254 at (0, 0)"),
    ],
)
def test_a_matrix_that_netx_changes_is_explained(weights: list[list[int]], reason: str) -> None:
    assert reason in netx_differences(network(CHAIN, weights=weights))[0]


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_a_matrix_is_judged_alike_row_by_row_and_at_once(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("hetlava.export.netx_weights.BLOCK", block)
    reason, _ = netx_differences(network(CHAIN, weights=[[2, -2], [255, 255]]))
    assert reason.endswith("netx changes 2 of 4, first 255 to 254 at (1, 0)")


@pytest.mark.parametrize(
    ("bias", "fits"),
    [((64, 0), True), ((3, 7), True), ((-128, -1), True), ((1, 5), False), ((1 << 14, 8), False)],
)
def test_biases_fit_when_they_are_whole_mantissas_of_netx(
    bias: tuple[int, int], fits: bool
) -> None:
    reasons = netx_differences(network(CHAIN, bias=bias))
    assert (reasons == []) == fits and (fits or "bias_exp at 6" in reasons[0])


def test_the_two_matrices_of_a_recurrent_layer_are_scaled_together() -> None:
    forward, recurrent = np.array([[-4]]), np.array([[4]])
    alone = netx_weights(forward)[0]
    together = netx_weights(forward, recurrent)
    assert alone.exponent == -6 and {w.exponent for w in together} == {-5}


def lava_weights(*matrices: np.ndarray) -> list[np.ndarray] | None:
    """Return the effective weights after netx's and Dense's own functions, None on a crash."""
    import_netx()
    from lava.lib.dl.netx.utils import optimize_weight_bits
    from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

    try:
        scaled, bits, exponent, _ = optimize_weight_bits(np.hstack(matrices))
    except OverflowError:
        return None
    parts = np.split(scaled, np.cumsum([m.shape[1] for m in matrices])[:-1], axis=1)
    done = []
    for part in parts:
        sign = determine_sign_mode(part)
        kept = truncate_weights(clip_weights(part, sign, num_bits=8), sign, bits)
        done.append(kept * 2.0**exponent)
    return done


def hard_matrix(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Return weights of any sign, parity and extent, ends included."""
    step, top = int(2 ** rng.integers(0, 9)), int(2 ** rng.integers(0, 9))
    low, high = rng.choice([[-top, top], [0, top], [-top, 0], [-top, -1], [1, top]])
    weights = rng.integers(low, high + 1, shape) * step
    weights = np.where(rng.random(shape) < 0.1, rng.choice([-256, 255, 0, -1, 1]), weights)
    return np.clip(weights, -256, 255).astype(np.int64)


@pytest.mark.lava
@pytest.mark.parametrize("n_matrices", [1, 2])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_simulated_weights_are_those_of_netx_and_dense(
    n_matrices: int, rng: np.random.Generator
) -> None:
    changed = crashed = 0
    for _ in range(1500):
        rows = int(rng.integers(1, 4))
        matrices = [hard_matrix(rng, (rows, int(rng.integers(1, 4)))) for _ in range(n_matrices)]
        want = lava_weights(*matrices)
        if want is None:
            crashed += 1
            with pytest.raises(UnsupportedError):
                netx_weights(*matrices)
            continue
        got = [w.weights * 2.0**w.exponent for w in netx_weights(*matrices)]
        assert all(map(np.array_equal, got, want)), matrices
        changed += not all(map(np.array_equal, matrices, want))
    assert changed > 100 and crashed > 0
