"""The float reference against closed forms and against integers without rounding."""

from dataclasses import replace

import numpy as np
import pytest

from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.sim import floating


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


def test_euler_and_exponential_differ_as_their_coefficients(rng):
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
