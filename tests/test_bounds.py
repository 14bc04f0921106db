"""Bounds on states: no run leaves them, and what lasts reaches them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.bounds import HALF, LIMIT, UNBOUNDED, bounds, steady
from hetlava.events import from_dense
from hetlava.fixedpoint import decay
from hetlava.neurons.cuba import CubaRegisters, CubaState, step
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference

N_STEPS = 60


def adversaries(net, rng):
    """Inputs that push single neurons up or down for ever or by turns, beside noise."""
    samples = [np.zeros((N_STEPS, net.n_inputs)), np.ones((N_STEPS, net.n_inputs))]
    for q in net.projections:
        if q.source != "input":
            continue
        row = q.weights[rng.integers(q.shape[0])]
        half = np.arange(N_STEPS)[:, None] < N_STEPS // 2
        samples += [np.tile(row > 0, (N_STEPS, 1)), np.tile(row < 0, (N_STEPS, 1))]
        samples += [np.where(half, row > 0, row < 0), np.where(half, row < 0, row > 0)]
    samples += [rng.random((N_STEPS, net.n_inputs)) < rate for rate in (0.05, 0.5)]
    return from_dense(np.stack(samples, axis=1) > 0)


def assert_sound(net, inputs):
    recording = reference.run(net, inputs, probes=("u", "v"))
    for b, spikes, u, v in zip(
        bounds(net), recording.spikes, recording.u, recording.v, strict=True
    ):
        s = spikes.to_dense()
        assert not s[..., b.never].any()
        assert s[..., b.always].all()
        assert np.all((b.u_low <= u) & (u <= b.u_high))
        assert np.all((b.v_low <= v) & (v <= b.v_high))
        assert np.all(np.abs(u[..., ~b.wraps]) <= HALF)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), extreme=st.booleans())
def test_no_run_leaves_the_bounds(random_network, seed, extreme):
    rng = np.random.default_rng(seed)
    net, _ = random_network(rng, extreme=extreme)
    assert_sound(net, adversaries(net, rng))


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_run_leaves_the_bounds_of_late_synapses(random_network, seed):
    rng = np.random.default_rng(seed)
    net, _ = random_network(rng, max_neurons=12)  # the reference adds list by list
    # a negative exponent rounds down once for every delay
    late = (rng.integers(0, 9, q.shape).astype(np.int8) for q in net.projections)
    wires = (
        replace(q, synaptic_delays=d, weight_exp=-abs(q.weight_exp))
        for q, d in zip(net.projections, late, strict=True)
    )
    net = replace(net, projections=tuple(wires))
    assert_sound(net, adversaries(net, rng))


def test_random_networks_hold_what_the_bounds_tell_apart(random_network, rng):
    found = [b for _ in range(40) for b in bounds(random_network(rng, extreme=True)[0])]
    for what in ("never", "always", "wraps", "overflows", "saturates"):
        flags = np.concatenate([getattr(b, what) for b in found])
        assert 0 < flags.sum() < flags.size, what


@given(drive=st.integers(1, 1 << 24), d=st.integers(400, 4096), by=st.integers(1, 1 << 20))
def test_the_steady_state_is_the_smallest_that_stays(drive, d, by):
    d = np.array([d])
    x = steady(np.array([drive]), d)
    assert x == decay(x, d) + drive
    below = np.maximum(x - by, 0)
    assert decay(below, d) + drive > below


def registers(n=1, **given):
    values = {"du": 409, "dv": 300, "vth": 1 << 17, "bias_mant": 0, "bias_exp": 0} | given
    spiking = values.pop("spiking", True)
    words = {k: np.full(n, v, np.int32) for k, v in values.items()}
    return CubaRegisters(**words, spiking=spiking)


def network(members, wires, n_inputs=4):
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=n_inputs,
        n_steps=10,
        populations=tuple(QuantisedPopulation(name=k, registers=r) for k, r in members.items()),
        projections=tuple(
            QuantisedProjection(source=a, target=b, weights=np.array(w, np.int16), weight_exp=e)
            for a, b, w, e in wires
        ),
        output=list(members)[-1],
    )


@settings(max_examples=40)
@given(du=st.integers(399, 4095), dv=st.integers(400, 4096), weight=st.integers(-100, 100))
def test_lasting_input_reaches_the_bounds(du, dv, weight):
    one = registers(du=du, dv=dv)
    (b,) = bounds(network({"a": one}, [("input", "a", [[weight]], 0)], n_inputs=1))
    state = CubaState(*(np.zeros(1, np.int32),) * 2, np.zeros(1, bool))
    for _ in range(600):
        state = step(one, state, np.array([weight], np.int32))
    assert (state.u, state.v) == ((b.u_high, b.v_high) if weight > 0 else (b.u_low, b.v_low))


@pytest.mark.parametrize("over", [0, 1])
def test_a_threshold_of_the_largest_voltage_is_the_last_that_silences(over):
    # du 4095 and dv 4096: u is the input of the step, v is u
    one = registers(du=4095, dv=4096, vth=30 - over)
    (b,) = bounds(network({"a": one}, [("input", "a", [[10, 20, -5, 0]], 0)]))
    assert (b.drive_low[0], b.drive_high[0]) == (-5 * 64, 30 * 64)
    assert b.never.tolist() == [not over] and not b.always


@pytest.mark.parametrize("over", [0, 1])
def test_a_bias_that_outweighs_the_worst_input_makes_it_spike_always(over):
    one = registers(du=4095, dv=100, vth=30, bias_mant=35 + over, bias_exp=6)
    (b,) = bounds(network({"a": one}, [("input", "a", [[10, 20, -5, 0]], 0)]))
    assert b.always.tolist() == [bool(over)] and not b.never


def test_silence_spreads_to_those_who_hear_nothing_else():
    silent, other = registers(), registers(vth=1)
    wires = [("input", "a", [[1, 1, 1, 1]], -4), ("a", "b", [[255]], 0)]
    a, b = bounds(network({"a": silent, "b": other}, wires))
    assert a.never and b.never and not b.drive_high


def test_a_loop_that_nobody_starts_is_silent():
    loop = [("a", "b", [[255]], 0), ("b", "a", [[255]], 0)]
    lif = registers(vth=1)
    assert all(b.never for b in bounds(network({"a": lif, "b": lif}, loop)))
    started = [*loop, ("input", "b", [[0, 0, 9, 0]], 0)]
    assert not any(b.never for b in bounds(network({"a": lif, "b": lif}, started)))


def test_a_running_loop_may_hold_neurons_that_it_never_reaches():
    lif, deaf = registers(vth=1), registers(vth=1000)
    wires = [("input", "a", [[9, 9, 9, 9]], 0), ("a", "b", [[1]], 0), ("b", "c", [[255]], 0)]
    net = network({"a": lif, "b": deaf, "c": lif}, [*wires, ("c", "a", [[255]], 0)])
    assert [bool(b.never[0]) for b in bounds(net)] == [False, True, True]


def test_a_loop_with_a_long_fuse_is_taken_to_spike():
    n = 40
    chain = np.eye(n, k=-1) * 255
    members = {"a": registers(n, vth=1)}
    first = np.zeros((n, 4))
    first[0] = 200
    wires = [("input", "a", first, 0), ("a", "a", chain, 0)]
    (b,) = bounds(network(members, wires))
    assert not b.never.any()


def test_a_current_without_decay_has_no_bound_but_its_word():
    (b,) = bounds(network({"a": registers(du=-1)}, [("input", "a", [[1, 0, 0, 0]], 0)]))
    assert b.wraps and b.u_high == HALF and b.u_low == 1 - HALF and not b.overflows
    assert steady(np.array([1]), np.array([0])) == UNBOUNDED


@pytest.mark.parametrize(
    "weight, exponent, low, high, wraps",
    [
        (128, 10, 0, HALF, False),
        (129, 10, 1 - HALF, HALF, True),
        (-255, 9, -255 << 15, 0, False),
        (-256, 9, 1 - HALF, HALF, True),
        (192, 11, 1 - HALF, HALF, True),
        (193, 11, -(1 << 31), (1 << 31) - 1, True),
        (-191, 11, 1 - HALF, HALF, True),
        (-192, 11, -(1 << 31), (1 << 31) - 1, True),
    ],
)
def test_a_current_wraps_beyond_its_word_and_comes_back_by_one_turn_only(
    weight, exponent, low, high, wraps
):
    # du 4095: u is the input of the step, weight << exponent + 6
    wires = [("input", "a", [[weight, 0, 0, 0]], exponent)]
    (b,) = bounds(network({"a": registers(du=4095)}, wires))
    assert (b.u_low[0], b.u_high[0], b.wraps[0]) == (low, high, wraps)
    assert (b.wrap_share[0] <= 1) == wraps


@pytest.mark.parametrize("sign", [1, -1])
def test_the_share_that_saturates_counts_the_bias(sign):
    # u is 100 << 16 at most, the bias 1 << 22, and the voltage their sum
    one = registers(du=4095, dv=4096, bias_mant=sign << 7, bias_exp=15, spiking=False)
    wires = [("input", "a", [[sign * 100, 0, 0, 0]], 10)]
    b, _ = bounds(network({"a": one, "output": registers()}, wires))
    assert b.saturation_share.tolist() == [((1 << 23) - (1 << 22)) / (100 << 16)]


@pytest.mark.parametrize("sign, spiking, clips", [(1, 1, 0), (1, 0, 1), (-1, 1, 1), (-1, 0, 1)])
def test_a_clipped_voltage_counts_where_no_reset_comes_first(sign, spiking, clips):
    one = registers(dv=1, vth=1000, spiking=bool(spiking))
    wires = [("input", "a", [[200 * sign] * 4], 0)]
    b, _ = bounds(network({"a": one, "output": registers()}, wires))
    assert bool(b.saturates[0]) == bool(clips)
    assert (b.saturation_share[0] < 1) == bool(clips)
    assert LIMIT in (b.v_high[0], -b.v_low[0])


def test_a_convolution_is_bounded_as_its_matrix_is(rng, random_convolution):
    q = random_convolution(rng)
    n_post, n_pre = q.shape
    wires = [("input", "a", q.matrix().tolist(), q.weight_exp)]
    plain = network({"a": registers(n_post)}, wires, n_inputs=n_pre)
    (expected,) = bounds(plain)
    (found,) = bounds(replace(plain, projections=(replace(q, source="input", target="a"),)))
    assert found == expected


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), extreme=st.booleans())
def test_no_graded_message_of_the_declared_bits_leaves_the_bounds(mixed_network, seed, extreme):
    rng = np.random.default_rng(seed)
    net, inputs = mixed_network(rng, models=("cuba",), extreme=extreme)
    bits = [q.message_bits for q in net.projections if q.source == "input" and q.message_bits]
    high = (1 << min(bits, default=0)) - 1
    x = np.clip(inputs.to_dense(), -high, high)
    recording = reference.run(net, from_dense(x), probes=("u", "v"))
    for b, u, v in zip(bounds(net), recording.u, recording.v, strict=True):
        assert np.all((b.u_low <= u) & (u <= b.u_high))
        assert np.all((b.v_low <= v) & (v <= b.v_high))


def test_graded_messages_are_told_to_wrap_where_spikes_do_not():
    registers = CubaRegisters(
        **{w: np.array([value], np.int32) for w, value in ALONE.items()}, spiking=False
    )
    found = {}
    for bits in (0, 1, 16):
        q = QuantisedProjection(
            source="input",
            target="p",
            weights=np.array([[100, -100]], np.int16),
            message_bits=bits,
        )
        net = QuantisedNetwork(
            chip="loihi2",
            dt=1e-3,
            n_inputs=2,
            n_steps=5,
            populations=(QuantisedPopulation(name="p", registers=registers),),
            projections=(q,),
            output="p",
            readout="last-voltage",
        )
        (found[bits],) = bounds(net)
    assert [int(b.drive_high[0]) for b in found.values()] == [6400, 12800, 200 * 65535 * 64]
    assert not found[0].wraps[0] and found[16].wraps[0]


ALONE = {"du": 4095, "dv": 4096, "vth": 100, "bias_mant": 0, "bias_exp": 0}
