from dataclasses import replace

import numpy as np
import pytest

from hetlava.errors import ValidationError
from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference
from hetlava.sim.reference import synaptic_input


def population(name, *, du=4095, dv=4096, vth=0, bias=0, spiking=True):
    words = {"du": du, "dv": dv, "vth": vth, "bias_mant": bias, "bias_exp": 0}
    registers = CubaRegisters(
        **{key: np.array([word], np.int32) for key, word in words.items()}, spiking=spiking
    )
    return QuantisedPopulation(name=name, registers=registers)


def wire(source, target, weight=2, exponent=0):
    weights = np.array([[weight]], np.int16)
    return QuantisedProjection(source=source, target=target, weights=weights, weight_exp=exponent)


def network(populations, projections, **fields):
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=1,
        n_steps=6,
        populations=tuple(populations),
        projections=tuple(projections),
        output=populations[-1].name,
        **fields,
    )


def pulse(n_steps=6):
    spikes = np.zeros((n_steps, 1, 1), bool)
    spikes[0] = True
    return from_dense(spikes)


def test_every_projection_takes_one_step():
    net = network(
        [population("a"), population("b"), population("c")],
        [wire("input", "a"), wire("a", "b"), wire("b", "c")],
    )
    dense = [s.to_dense()[:, 0, 0] for s in reference.run(net, pulse()).spikes]
    assert [np.flatnonzero(s).tolist() for s in dense] == [[1], [2], [3]]


def test_a_loop_onto_itself_keeps_a_spike_alive():
    net = network([population("a")], [wire("input", "a"), wire("a", "a")])
    assert (
        reference.run(net, pulse()).spikes[0].to_dense()[:, 0, 0].tolist() == [False] + [True] * 5
    )


def test_current_and_voltage_follow_the_equations_by_hand():
    net = network([population("a", du=2047, dv=1024, vth=1 << 17)], [wire("input", "a", 10)])
    run = reference.run(net, pulse(), probes=("u", "v"))
    # u: 640 halves each step; v: keeps three quarters and takes u
    assert run.u[0][:, 0, 0].tolist() == [0, 640, 320, 160, 80, 40]
    assert run.v[0][:, 0, 0].tolist() == [0, 640, 800, 760, 650, 527]


def test_a_bias_acts_from_the_first_step_and_a_spike_resets():
    net = network([population("a", dv=0, vth=1, bias=33)], [wire("input", "a", 0)])
    run = reference.run(net, pulse(), probes=("v",))
    assert run.v[0][:, 0, 0].tolist() == [33, 0, 33, 0, 33, 0]
    assert run.scores.tolist() == [[3.0]]


def test_neurons_that_start_late_are_at_rest_until_then():
    net = network([population("a", dv=0, vth=1, bias=33)], [wire("input", "a", 1)])
    late = replace(net, populations=(replace(net.populations[0], start=3),))
    run = reference.run(late, pulse(), probes=("v",))
    assert run.v[0][:, 0, 0].tolist() == [0, 0, 0, 33, 0, 33]
    with pytest.raises(ValidationError, match="'a': start is -1, expected 0 to"):
        replace(net.populations[0], start=-1)


@pytest.mark.parametrize(
    ("exponent", "expected"), [(2, -20), (0, -5), (-1, -3), (-2, -2), (-16, -1)]
)
def test_a_negative_exponent_floors_the_sum(exponent, expected):
    weights = np.array([[-2, -3]], np.int16)
    projection = QuantisedProjection(
        source="input", target="a", weights=weights, weight_exp=exponent
    )
    assert synaptic_input(projection, np.ones((1, 2), bool)).tolist() == [[expected]]


@pytest.mark.parametrize(
    ("readout", "expected"),
    [("max-voltage", 640.0), ("last-voltage", 0.0), ("mean-voltage", 640 / 6)],
)
def test_an_integrator_is_read_by_its_voltage(readout, expected):
    net = network([population("a", spiking=False)], [wire("input", "a", 10)], readout=readout)
    run = reference.run(net, pulse())
    assert run.scores.tolist() == [[expected]] and run.spikes[0].n_events == 0


def test_synops_count_spikes_times_nonzero_weights():
    net = network([population("a"), population("b")], [wire("input", "a"), wire("a", "b", 0)])
    assert reference.run(net, pulse()).synops.tolist() == [1]


def test_an_unknown_probe_is_refused():
    net = network([population("a")], [wire("input", "a")])
    with pytest.raises(ValidationError, match="probe 'w' is unknown; known: u, v"):
        reference.run(net, pulse(), probes=("w",))
