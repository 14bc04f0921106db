"""The float network: what it refuses, and that it cannot be changed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.errors import ValidationError
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF


def lif(n, **changes):
    values = {"tau_mem": 0.02, "tau_syn": 0.01, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return CubaLIF(**{k: np.full(n, float(v)) for k, v in values.items()} | changes)


def li(n):
    return CubaLI(tau_mem=np.full(n, 0.02), tau_syn=np.full(n, 0.01), v_leak=np.zeros(n))


def wire(source, target, n_post, n_pre):
    return Projection(source=source, target=target, weights=np.ones((n_post, n_pre)))


@pytest.fixture
def net():
    return Network(
        dt=1e-3,
        n_inputs=3,
        n_steps=10,
        populations=(
            Population(name="hidden", neurons=lif(4)),
            Population(name="out", neurons=lif(2)),
        ),
        projections=(wire("input", "hidden", 4, 3), wire("hidden", "out", 2, 4)),
        output="out",
        metadata={"seed": 1},
    )


def test_populations_are_found_by_name(net):
    assert net.population("out") is net.populations[1]
    with pytest.raises(ValidationError, match="'oot' is unknown; known: hidden, out"):
        net.population("oot")


def test_networks_are_equal_field_by_field(net):
    twin = replace(net, populations=tuple(replace(p) for p in net.populations))
    assert twin == net
    assert replace(net, dt=2e-3) != net and replace(net, metadata={"seed": 2}) != net
    slower = replace(net.populations[0], neurons=lif(4, tau_mem=np.full(4, 0.021)))
    assert replace(net, populations=(slower, net.populations[1])) != net


def test_loops_skips_and_doubled_wires_are_allowed(net):
    more = (wire("out", "hidden", 4, 2), wire("input", "out", 2, 3), wire("input", "out", 2, 3))
    assert len(replace(net, projections=net.projections + more).projections) == 5


WRONG = {
    "dt_zero": ({"dt": 0.0}, "dt is 0.0 s"),
    "dt_of_another_unit": ({"dt": 20.0}, "dt is 20.0 s, expected above 0 and at most 1.0 s"),
    "dt_nan": ({"dt": float("nan")}, "dt is nan s"),
    "no_steps": ({"n_steps": 0}, "n_steps is 0"),
    "no_inputs": ({"n_inputs": 0}, "n_inputs is 0"),
    "another_input": ({"n_inputs": 4}, r"input -> hidden: weights of shape \(4, 3\), .* \(4, 4\)"),
    "readout": ({"readout": "votes"}, "'votes' is unknown; known: spike-count, max-voltage"),
    "discretisation": ({"discretisation": "rk4"}, "'rk4' is unknown; known: exponential, euler"),
    "reset": ({"reset": "subtract"}, "'subtract' is unknown; known: zero"),
    "output": ({"output": "last"}, "output 'last' is not a population"),
    "voltage_of_spiking": ({"readout": "max-voltage"}, "does not fit an output of spiking neurons"),
    "no_populations": ({"populations": ()}, "no population 'hidden'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_network_is_checked(net, case):
    change, reason = WRONG[case]
    with pytest.raises(ValidationError, match=reason):
        replace(net, **change)


def test_a_doubled_population_is_refused(net):
    with pytest.raises(ValidationError, match="'hidden' is empty, doubled"):
        replace(net, populations=(net.populations[0], *net.populations))


def test_spikes_of_integrators_cannot_be_counted(net):
    quiet = (net.populations[0], Population(name="out", neurons=li(2)))
    with pytest.raises(ValidationError, match="'spike-count' does not fit .* without spikes"):
        replace(net, populations=quiet)
    assert replace(net, populations=quiet, readout="mean-voltage").readout == "mean-voltage"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weights": np.ones(3)}, r"shape \(3,\) float64, expected \(n_post, n_pre\) float64"),
        ({"weights": np.ones((2, 3), np.float32)}, "float32"),
        ({"weights": np.array([[1.0, np.nan]])}, "1 of 2 are not finite, first nan at 1"),
        ({"weights": np.array([[np.inf, 1.0]])}, "are not finite, first inf at 0"),
        ({"grid": -0.5}, "grid -0.5"),
        ({"grid": float("nan")}, "grid nan"),
    ],
)
def test_a_projection_is_checked(change, reason):
    with pytest.raises(ValidationError, match=f"projection a -> b.*{reason}"):
        replace(wire("a", "b", 2, 3), **change)


NEURONS = {
    "negative_tau": ({"tau_mem": np.array([0.02, -0.01])}, r"tau_mem \[s\].*not above 0 s"),
    "zero_tau": ({"tau_syn": np.array([0.0, 0.01])}, r"tau_syn \[s\].*not above 0 s, first 0.0"),
    "absurd_tau": ({"tau_mem": np.array([0.02, 2e4])}, r"above 10000 s \(wrong unit\?\)"),
    "nan_tau": ({"tau_mem": np.array([np.nan, 0.02])}, "tau_mem: 1 of 2 are not finite"),
    "infinite_leak": ({"v_leak": np.array([np.inf, 0.0])}, "v_leak: 1 of 2 are not finite"),
    "another_size": ({"v_reset": np.zeros(3)}, r"v_reset: shape \(3,\)"),
    "another_dtype": ({"tau_syn": np.full(2, 1, np.int64)}, "int64, expected"),
    "threshold_below_reset": ({"v_threshold": np.array([1.0, -1.0])}, "not above v_reset"),
}


@pytest.mark.parametrize("case", NEURONS)
def test_neurons_are_checked(case):
    change, reason = NEURONS[case]
    with pytest.raises(ValidationError, match=reason):
        lif(2, **change)


@given(st.lists(st.floats(1e-9, 1e4), min_size=1, max_size=5))
def test_every_possible_time_constant_is_kept(taus):
    tau = np.array(taus)
    neurons = lif(tau.size, tau_mem=tau)
    tau[:] = 1.0
    assert neurons.tau_mem.tolist() == taus
