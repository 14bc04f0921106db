"""The float reference against closed forms and against integers without rounding."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.float_synapses import Convolution
from hetlava.network import Network, Population, Projection, with_matrices
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.sim import floating
from hetlava.synapse_forms import sparse, sum_pool


def single(neurons: CubaLI, *, weight: float = 1.0, readout: str = "max-voltage") -> Network:
    n = neurons.n
    return Network(
        dt=1e-3,
        n_inputs=1,
        n_steps=50,
        populations=(Population(name="n", neurons=neurons),),
        projections=(Projection(source="input", target="n", weights=np.full((n, 1), weight)),),
        output="n",
        readout=readout,
    )


def one_spike(n_steps: int = 50) -> Events:
    x = np.zeros((n_steps, 1, 1), bool)
    x[0] = True
    return from_dense(x)


def test_the_response_to_a_spike_is_a_difference_of_exponentials():
    tau_m, tau_s = np.array([0.02, 0.007]), np.array([0.005, 0.012])
    li = CubaLI(tau_mem=tau_m, tau_syn=tau_s, v_leak=np.zeros(2))
    run = floating.run(single(li), one_spike(), probes=("u", "v"))
    k = np.arange(49)[:, None]  # steps since the spike arrived at step 1
    a, b = np.exp(-1e-3 / tau_s), np.exp(-1e-3 / tau_m)
    # double precision over 50 products
    assert np.allclose(run.u[0][1:, 0], a**k, rtol=1e-12)
    assert np.allclose(run.v[0][1:, 0], (a ** (k + 1) - b ** (k + 1)) / (a - b), rtol=1e-12)


def test_without_input_the_voltage_goes_to_rest():
    li = CubaLI(tau_mem=np.array([0.01]), tau_syn=np.array([0.01]), v_leak=np.array([0.7]))
    run = floating.run(single(li), from_dense(np.zeros((300, 1, 1), bool)), probes=("v",))
    # 30 time constants
    assert run.v[0][-1, 0, 0] == pytest.approx(0.7, rel=1e-12)


def test_a_spike_resets_to_the_reset_potential():
    lif = CubaLIF(
        tau_mem=np.array([0.02]),
        tau_syn=np.array([0.02]),
        v_leak=np.zeros(1),
        v_threshold=np.array([0.5]),
        v_reset=np.array([-0.25]),
    )
    run = floating.run(single(lif, readout="spike-count"), one_spike(), probes=("v",))
    step = run.spikes[0].to_dense()[:, 0, 0].argmax()
    assert step == 1 and run.v[0][1, 0, 0] == -0.25


def test_many_samples_give_what_each_gives_alone(rng):
    lif = CubaLIF(
        tau_mem=np.full(3, 0.02),
        tau_syn=np.full(3, 0.005),
        v_leak=np.zeros(3),
        v_threshold=np.ones(3),
        v_reset=np.zeros(3),
    )
    net = single(lif, readout="spike-count")
    inputs = from_dense(rng.random((20, 130, 1)) < 0.5)
    together = floating.run(net, inputs)
    alone = [floating.run(net, inputs.samples(i, i + 1)).spikes[0] for i in (0, 77, 129)]
    assert alone == [together.spikes[0].samples(i, i + 1) for i in (0, 77, 129)]


def test_euler_and_exponential_differ_as_their_coefficients():
    li = CubaLI(tau_mem=np.array([0.01]), tau_syn=np.array([0.01]), v_leak=np.zeros(1))
    net = replace(single(li), discretisation="euler")
    u = floating.run(net, one_spike(), probes=("u",)).u[0][:, 0, 0]
    assert u[2] == pytest.approx(0.9, rel=1e-12)


def test_wrong_channels_and_probes_are_refused():
    li = CubaLI(tau_mem=np.array([0.01]), tau_syn=np.array([0.01]), v_leak=np.zeros(1))
    with pytest.raises(ValidationError, match="the input has 2 channels, the network takes 1"):
        floating.run(single(li), from_dense(np.zeros((5, 1, 2), bool)))
    with pytest.raises(ValidationError, match="probe 'w' is unknown; known: u, v"):
        floating.run(single(li), one_spike(), probes=("w",))


def test_kernels_and_lists_give_the_spikes_of_their_matrices(rng):
    """Weights are eighths, so that sums are exact in any order and traces are equal."""
    conv = Convolution(
        source="input",
        target="image",
        weights=rng.integers(-8, 12, (4, 1, 3, 3)) / 8,
        input_shape=(2, 7, 6),
        stride=(2, 1),
        padding=((1, 0), (1, 1)),
        groups=2,
    )
    pool = sum_pool("image", "small", 0.5, conv.output_shape, (2, 2))
    n = pool.shape[0]
    there = np.nonzero(rng.random((5, n)) < 0.3)
    weights = rng.integers(-4, 9, there[0].size) / 8
    listed = sparse(
        source="small", target="out", shape=(5, n), post=there[0], pre=there[1], weights=weights
    )
    net = Network(
        dt=1e-3,
        n_inputs=conv.shape[1],
        n_steps=40,
        populations=tuple(
            Population(name=q.target, neurons=some_neurons(q.shape[0], rng))
            for q in (conv, pool, listed)
        ),
        projections=(conv, pool, listed),
        output="out",
    )
    inputs = from_dense(rng.random((40, 3, net.n_inputs)) < 0.2)
    found = floating.run(net, inputs, probes=("u", "v"))
    expected = floating.run(with_matrices(net), inputs, probes=("u", "v"))
    assert found.spikes[2].index.size > 50
    assert replace(found, seconds=0.0) == replace(expected, seconds=0.0)


def some_neurons(n: int, rng: np.random.Generator) -> CubaLIF:
    return CubaLIF(
        tau_mem=rng.uniform(5e-3, 40e-3, n),
        tau_syn=rng.uniform(2e-3, 20e-3, n),
        v_leak=np.zeros(n),
        v_threshold=rng.uniform(0.5, 1.5, n),
        v_reset=np.zeros(n),
    )
