"""Lava is the judge of kernels and of delays too, in u, v and spikes at every step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution, pooling
from hetlava.events import from_dense
from hetlava.export.lava_models import DensePart
from hetlava.export.lava_synapses import ConvPart, lava_synapses
from hetlava.quantised import QuantisedNetwork, QuantisedProjection
from hetlava.recording import Recording
from hetlava.synapses import QuantisedSynapses

pytestmark = pytest.mark.lava

Convolution = Callable[..., QuantisedConvolution]
Wired = Callable[..., QuantisedNetwork]
Agree = Callable[..., Recording]
STEPS = 20


def late(rng: np.random.Generator, q: QuantisedSynapses, longest: int) -> QuantisedSynapses:
    return replace(q, delays=rng.integers(0, longest + 1, q.shape[1]).astype(np.int16))


def dense(
    rng: np.random.Generator, source: str, target: str, shape: tuple[int, int], weight_exp: int = 0
) -> QuantisedProjection:
    weights = (2 * rng.integers(-128, 128, shape)).astype(np.int16)
    return QuantisedProjection(source=source, target=target, weights=weights, weight_exp=weight_exp)


def a_conv(rng: np.random.Generator, draw: Convolution, **fields: object) -> QuantisedConvolution:
    """Draw until Lava's Conv takes it."""
    while True:
        q = draw(rng, symmetric=True, **fields)
        q = replace(q, weight_exp=abs(q.weight_exp))
        if isinstance(lava_synapses(q).parts[0], ConvPart):
            return q


@pytest.mark.parametrize("lif", ["stock", "vector"])
@pytest.mark.parametrize("seed", range(3))
def test_kernels_agree(
    seed: int, lif: str, random_convolution: Convolution, wired: Wired, assert_lava_agrees: Agree
) -> None:
    rng = np.random.default_rng(seed)
    first = a_conv(rng, random_convolution)
    second = a_conv(
        rng, random_convolution, source="p0", target="p1", input_shape=first.output_shape
    )
    third = dense(rng, "p1", "p2", (4, second.shape[0]))
    net = wired(rng, [first, second, third])
    inputs = from_dense(rng.random((STEPS, 2, net.n_inputs)) < 0.3)
    assert_lava_agrees(net, inputs, lif)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1012))
def test_many_kernels_agree(
    seed: int, random_convolution: Convolution, wired: Wired, assert_lava_agrees: Agree
) -> None:
    rng = np.random.default_rng(seed)
    first = random_convolution(rng)
    second = random_convolution(rng, "p0", "p1", input_shape=first.output_shape)
    chain = [late(rng, q, 62) if rng.random() < 0.5 else q for q in (first, second)]
    net = wired(rng, chain)
    assert_lava_agrees(net, from_dense(rng.random((STEPS, 2, net.n_inputs)) < 0.3))


def test_pools_between_kernels_agree(
    rng: np.random.Generator, wired: Wired, assert_lava_agrees: Agree
) -> None:
    kernel = (2 * rng.integers(-60, 100, (4, 2, 3, 3))).astype(np.int16)
    conv = QuantisedConvolution(
        source="input", target="a", weights=kernel, input_shape=(2, 8, 6), padding=((1, 1), (1, 1))
    )
    net = wired(rng, [conv, pooling("a", "b", 70, (4, 8, 6), (2, 2))])
    inputs = from_dense(rng.random((STEPS, 2, net.n_inputs)) < 0.3)
    recording = assert_lava_agrees(net, inputs)
    assert min(events.n_events for events in recording.spikes) > 100


@pytest.mark.parametrize(("longest", "weight_exp"), [(3, 0), (62, 2), (5, -2)])
def test_delays_of_matrices_agree(
    longest: int, weight_exp: int, rng: np.random.Generator, wired: Wired, assert_lava_agrees: Agree
) -> None:
    chain = [
        dense(rng, "input", "a", (6, 5), weight_exp),
        dense(rng, "a", "a", (6, 6), weight_exp),
        dense(rng, "a", "b", (3, 6), weight_exp),
    ]
    net = wired(rng, [late(rng, q, longest) for q in chain])
    inputs = from_dense(rng.random((70 if longest > 9 else STEPS, 3, 5)) < 0.3)
    assert assert_lava_agrees(net, inputs).spikes[1].n_events > 10
    # where the exponent rounds, Lava's own process would round each delay by itself
    assert {lava_synapses(q).inside for q in net.projections} == {weight_exp >= 0}


def test_delays_of_kernels_agree(
    rng: np.random.Generator, wired: Wired, assert_lava_agrees: Agree
) -> None:
    first = kernel(2 * rng.integers(-60, 120, (3, 1, 3, 2)), stride=(1, 2))
    second = kernel(
        2 * rng.integers(-60, 120, (2, 3, 2, 2)),
        source="a",
        target="b",
        input_shape=first.output_shape,
    )
    net = wired(rng, [late(rng, first, 4), late(rng, second, 7)])
    inputs = from_dense(rng.random((STEPS, 3, net.n_inputs)) < 0.3)
    recording = assert_lava_agrees(net, inputs)
    assert min(events.n_events for events in recording.spikes) > 100


def kernel(weights: np.ndarray, **fields: object) -> QuantisedConvolution:
    usual = {"source": "input", "target": "a", "input_shape": (1, 5, 6)} | fields
    return QuantisedConvolution(weights=weights.astype(np.int16), **usual)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "q",
    [
        pytest.param(kernel(np.full((1, 1, 3, 3), 7), weight_exp=-1), id="rounds"),
        pytest.param(kernel(np.full((1, 1, 3, 3), 8), padding=((0, 1), (0, 0))), id="lopsided"),
        pytest.param(kernel(np.full((1, 1, 3, 3), 254), weight_exp=13), id="24-bits"),
        pytest.param(kernel(np.full((1, 1, 2, 2), 8), stride=(200, 1)), id="stride"),
    ],
)
def test_what_conv_would_compute_otherwise_goes_through_its_matrix(
    q: QuantisedConvolution, rng: np.random.Generator, wired: Wired, assert_lava_agrees: Agree
) -> None:
    assert isinstance(lava_synapses(q).parts[0], DensePart)
    net = wired(rng, [q])
    assert_lava_agrees(net, from_dense(rng.random((STEPS, 1, 30)) < 0.4))
