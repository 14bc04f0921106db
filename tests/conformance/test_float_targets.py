"""Every listed target of floats: the same questions of each, and the exact one against integers."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.chips import LOIHI2
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import Events, from_dense
from hetlava.float_synapses import Convolution, FloatSynapses
from hetlava.hardware.interface import Target
from hetlava.hardware.targets import TARGETS, target
from hetlava.network import Network, Population, Projection, with_matrices
from hetlava.neurons.cuba import CubaLIF
from hetlava.quantisation import dequantise, quantise
from hetlava.synapse_forms import as_lists

FLOATS = [name for name in TARGETS if target(name).takes == "floats"]
# what a die may do to the number of spikes of a population, and why
SPREAD = {
    "float": (0.0, "it is the equation itself"),
    "bss2-sim": (0.3, "thresholds spread by 3 % with a mean of +5 %, time constants by 10 %"),
    "dynapse2-like": (0.5, "every parameter spreads by 10 %, weights have 4 bits"),
}


@pytest.fixture(params=FLOATS)
def candidate(request: pytest.FixtureRequest) -> Target:
    found = target(request.param)
    if found.unavailable():
        pytest.skip(f"{found.name}: {found.unavailable()}")
    return found


def matrices(rng: np.random.Generator) -> tuple[FloatSynapses, ...]:
    return (
        Projection(source="input", target="hidden", weights=rng.normal(0.02, 0.05, (40, 20))),
        Projection(source="hidden", target="out", weights=rng.normal(0.02, 0.05, (5, 40))),
    )


def kernels(rng: np.random.Generator) -> tuple[FloatSynapses, ...]:
    """Return a kernel for images of 4 x 5, and one that keeps but their columns."""
    first = Convolution(
        source="input",
        target="hidden",
        weights=rng.normal(0.15, 0.1, (2, 1, 3, 3)),
        input_shape=(1, 4, 5),
        padding=((1, 1), (1, 1)),
    )
    last = Convolution(
        source="hidden",
        target="out",
        weights=rng.normal(0.12, 0.1, (1, 2, 4, 1)),
        input_shape=first.output_shape,
    )
    return first, last


def lists(rng: np.random.Generator) -> tuple[FloatSynapses, ...]:
    thinned = (
        replace(q, weights=q.weights * 2 * (rng.random(q.shape) < 0.5)) for q in matrices(rng)
    )
    return tuple(map(as_lists, thinned))


# what a float network's projections can be
KINDS = {"matrices": matrices, "kernels": kernels, "lists": lists}


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest, rng: np.random.Generator) -> tuple[Network, Events]:
    def lif(n: int) -> CubaLIF:
        return CubaLIF(
            tau_mem=rng.uniform(0.005, 0.03, n),
            tau_syn=rng.uniform(0.003, 0.015, n),
            v_leak=np.zeros(n),
            v_threshold=np.ones(n),
            v_reset=np.zeros(n),
        )

    net = Network(
        dt=1e-3,
        n_inputs=20,
        n_steps=80,
        populations=(
            Population(name="hidden", neurons=lif(40)),
            Population(name="out", neurons=lif(5)),
        ),
        projections=KINDS[request.param](rng),
        output="out",
    )
    return net, from_dense(rng.random((80, 4, 20)) < 0.1)


def test_a_target_of_floats_spikes_as_the_equation_does(candidate: Target, case: tuple) -> None:
    found, exact = candidate.run(*case), target("float").run(*case)
    tolerance, reason = SPREAD[candidate.name]
    for name, a, b in zip(exact.names, found.spikes, exact.spikes, strict=True):
        assert b.n_events > 100
        assert abs(a.n_events - b.n_events) <= tolerance * b.n_events, f"{name}: beyond: {reason}"


def test_kernels_and_lists_run_as_their_matrices(candidate: Target, case: tuple) -> None:
    """On a die too: every synapse of a kernel is a cell of its own there.

    The float target adds in another order, which errs by 1e-16; no voltage of these comes so near
    to its threshold.
    """
    net, inputs = case
    found = candidate.run(net, inputs, seed=3)
    expected = candidate.run(with_matrices(net), inputs, seed=3)
    assert found.spikes == expected.spikes and np.array_equal(found.synops, expected.synops)


def test_the_seed_is_all_that_a_run_depends_on(candidate: Target, case: tuple) -> None:
    once, again = (candidate.run(*case, seed=5) for _ in range(2))
    assert once.spikes == again.spikes and np.array_equal(once.scores, again.scores)
    assert candidate.noisy or candidate.run(*case, seed=6).spikes == once.spikes


def test_it_says_who_it_is(candidate: Target, case: tuple) -> None:
    found = candidate.run(*case, probes=("v",))
    assert found.target == candidate.name and found.names == ("hidden", "out")
    assert [v.shape for v in found.v] == [(80, 4, 40), (80, 4, 5)]
    assert found.provenance in ("reference", "simulated", "hardware") and found.seconds > 0


def test_it_refuses_what_does_not_fit(candidate: Target, case: tuple) -> None:
    net, inputs = case
    with pytest.raises(ValidationError, match="21 channels, the network takes 20"):
        candidate.run(net, from_dense(np.zeros((3, 1, 21), bool)))
    with pytest.raises(ValidationError, match="probe 'w' is unknown"):
        candidate.run(net, inputs, probes=("w",))
    with pytest.raises(UnsupportedError, match="an integer one, it takes floats"):
        candidate.run(quantise(net, LOIHI2), inputs)


def test_its_form_of_a_network_runs_on_it(candidate: Target, case: tuple) -> None:
    net, inputs = case
    held = candidate.quantise(net)
    assert isinstance(held, Network) and candidate.check(held) == ()
    assert candidate.run(held, inputs).spikes[0].n_events > 0


def test_floats_follow_integers_until_truncation_moves_a_spike(case: tuple) -> None:
    """Up to the first spike that differs, v differs by what truncation can have taken away.

    Every step u and v lose less than one unit each, of which the decays keep a part; so the
    errors are bounded by those of the same recursion, with one unit lost at every step.
    """
    net, inputs = case
    integers = quantise(net, LOIHI2)
    exact = target("float").run(dequantise(integers), inputs, probes=("v",))
    found = target("loihi2-sim").run(integers, inputs, probes=("v",))
    pairs = zip(found.spikes, exact.spikes, strict=True)
    parted = np.any([np.any(a.to_dense() != b.to_dense(), axis=2) for a, b in pairs], axis=0)
    compared = 0
    for sample in range(inputs.n_samples):
        same = int(np.argmax(parted[:, sample])) if parted[:, sample].any() else inputs.n_steps
        for k, p in enumerate(integers.populations):
            keep_u, keep_v = 1 - (p.cuba.du + 1) / 4096, 1 - p.cuba.dv / 4096
            lost_u = lost_v = np.zeros(p.registers.n)
            for t in range(same):
                lost_u = keep_u * lost_u + 1
                lost_v = keep_v * lost_v + 1 + lost_u
                error = np.abs(found.v[k][t, sample] - p.scale * exact.v[k][t, sample])
                assert np.all(error <= lost_v)
            compared += same
    assert compared > 100
