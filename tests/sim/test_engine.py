import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.arrays import Int
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import engine, fallback, memory, reference, runs, wiring

COMPARED = ("names", "spikes", "u", "v", "scores", "synops")


def assert_same(a, b):
    for name in COMPARED:
        x, y = getattr(a, name), getattr(b, name)
        if isinstance(x, np.ndarray):
            x, y = (x,), (y,)
        assert len(x) == len(y), name
        for k, (left, right) in enumerate(zip(x, y, strict=True)):
            same = np.array_equal(left, right) if isinstance(left, np.ndarray) else left == right
            assert same, f"{name} of population {k} differs"


def layer(weights: Int, *, exponent: int = 0, vth: int = 1000, **registers: int):
    """Return a network of one layer, every neuron alike."""
    n_post, n_pre = weights.shape
    words = {"du": 4095, "dv": 4096, "vth": vth, "bias_mant": 0, "bias_exp": 0} | registers
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=n_pre,
        n_steps=10,
        populations=(
            QuantisedPopulation(
                name="out",
                registers=CubaRegisters(
                    **{name: np.full(n_post, word, np.int32) for name, word in words.items()}
                ),
            ),
        ),
        projections=(
            QuantisedProjection(
                source="input",
                target="out",
                weights=weights.astype(np.int16),
                weight_exp=exponent,
            ),
        ),
        output="out",
    )


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), extreme=st.booleans(), threads=st.integers(1, 3))
def test_engine_equals_reference(random_network, seed, extreme, threads):
    net, inputs = random_network(np.random.default_rng(seed), extreme=extreme)
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(engine.run(net, inputs, probes=("u", "v"), threads=threads), expected)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("exponent", [-16, -3, -1, 0, 1, 16])
def test_a_thousand_spikes_at_full_scale_are_summed_as_by_the_reference(sign, odd, exponent):
    weights = np.full((70, 1000), (255 if odd else 254) if sign > 0 else -(255 if odd else 256))
    net = layer(weights, exponent=exponent, dv=7, du=11)
    inputs = from_dense(np.ones((10, 2, 1000), bool))
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(engine.run(net, inputs, probes=("u", "v"), threads=1), expected)


@pytest.mark.parametrize("n_spikes", [0, 1, 7, 8, 9, 119, 120, 121, 240, 241])
def test_any_number_of_spikes_in_a_step_is_summed_whole(rng, n_spikes):
    spikes = np.zeros((4, 1, 300), bool)
    spikes[0, 0, rng.permutation(300)[:n_spikes]] = True
    for weights in (rng.integers(-128, 128, (65, 300)) * 2, rng.integers(0, 256, (65, 300))):
        net = layer(weights, vth=1 << 17)
        u = engine.run(net, from_dense(spikes), probes=("u",), threads=1).u[0][1, 0]
        np.testing.assert_array_equal(u, weights @ spikes[0, 0] << 6)


def test_a_voltage_at_the_threshold_does_not_fire():
    net = layer(np.array([[2], [4]]), vth=2)
    fired = engine.run(net, from_dense(np.ones((2, 1, 1), bool)), threads=1).spikes[0]
    assert fired.index.tolist() == [1]


def test_probes_do_not_change_what_is_computed(random_network):
    net, inputs = random_network(np.random.default_rng(5))
    plain, probed = engine.run(net, inputs), engine.run(net, inputs, probes=("u", "v"))
    assert plain.u == plain.v == ()
    assert plain.spikes == probed.spikes and np.array_equal(plain.scores, probed.scores)


def test_many_samples_give_what_each_gives_alone(random_network, rng):
    net, _ = random_network(np.random.default_rng(3), extreme=False)
    inputs = from_dense(rng.random((net.n_steps, 67, net.n_inputs)) < 0.2)
    prepared = engine.prepare(net)
    together = prepared.run(inputs, threads=2)
    for k in (0, 15, 16, 33, 66):
        alone = prepared.run(inputs.samples(k, k + 1), threads=1)
        assert alone.spikes == tuple(s.samples(k, k + 1) for s in together.spikes)
        assert alone.synops[0] == together.synops[k]


def test_no_samples_give_an_empty_recording(random_network):
    net, inputs = random_network(np.random.default_rng(4))
    empty = engine.run(net, inputs.samples(0, 0))
    assert empty.scores.shape[0] == 0 and all(s.n_events == 0 for s in empty.spikes)


def test_samples_in_many_blocks_are_joined_in_order(monkeypatch, random_network, rng):
    net, _ = random_network(np.random.default_rng(8))
    inputs = from_dense(rng.random((net.n_steps, 40, net.n_inputs)) < 0.5)
    expected = reference.run(net, inputs, probes=("u", "v"))
    monkeypatch.setattr(runs, "BLOCK", 3)
    assert_same(engine.run(net, inputs, probes=("u", "v"), threads=1), expected)
    assert_same(engine.run(net, inputs, probes=("u", "v"), threads=2), expected)


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_refused(random_network, threads):
    net, inputs = random_network(np.random.default_rng(0))
    with pytest.raises(ValidationError, match="expected at least 1"):
        engine.run(net, inputs, threads=threads)


@pytest.mark.parametrize("threads", [1.5, float("nan"), "2"])
def test_threads_that_are_no_number_are_refused(random_network, threads):
    net, inputs = random_network(np.random.default_rng(0))
    with pytest.raises(ValidationError, match="expected a whole number"):
        engine.run(net, inputs, threads=threads)


def test_an_array_is_not_taken_for_events(random_network):
    net, inputs = random_network(np.random.default_rng(0))
    with pytest.raises(ValidationError, match="of type ndarray, expected Events"):
        engine.run(net, inputs.to_dense())


def test_an_input_of_another_width_is_refused(random_network):
    net, inputs = random_network(np.random.default_rng(0))
    wrong = from_dense(np.zeros((2, 1, net.n_inputs + 1), bool))
    with pytest.raises(ValidationError, match="channels"):
        engine.run(net, wrong)


def test_more_sources_than_a_sum_can_hold_are_refused(monkeypatch):
    monkeypatch.setattr(wiring, "FAN_IN_MAX", 3)
    with pytest.raises(UnsupportedError, match="4 sources"):
        engine.prepare(layer(np.zeros((1, 4), int)))


@pytest.fixture
def without_numba(monkeypatch):
    """Numba cannot be loaded."""
    monkeypatch.setitem(sys.modules, "hetlava.sim.runs", None)
    caches = fallback.no_compiler, fallback.warn_of_numpy
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_without_numba_the_reference_answers_and_says_so_once(without_numba, random_network):
    net, inputs = random_network(np.random.default_rng(1))
    with pytest.warns(RuntimeWarning, match="numba cannot be loaded"):
        recording = engine.run(net, inputs, probes=("u", "v"))
    assert recording.target == "engine" and "numba" in recording.details["by-reference"]
    assert_same(recording, reference.run(net, inputs, probes=("u", "v")))
    engine.run(net, inputs)  # a second warning would be an error
    with pytest.raises(UnsupportedError, match="nothing is multiplied"):
        engine.prepare(net, mode="dense")


def test_where_numba_fails_to_compile_the_reference_answers(monkeypatch, random_network):
    from hetlava.sim import kernels, stepping
    from hetlava.sim.compiling import CompilingError

    def fail(*_):
        raise CompilingError("no such machine")

    fallback.warn_of_numpy.cache_clear()
    for where, name in ((kernels, "run_plain"), (stepping, "run_loop"), (stepping, "run_layer")):
        monkeypatch.setattr(where, name, fail)
    net, inputs = random_network(np.random.default_rng(1))
    with pytest.warns(RuntimeWarning, match="cannot be compiled \\(no such machine"):
        found = engine.run(net, inputs, probes=("u", "v"))
    assert_same(found, reference.run(net, inputs, probes=("u", "v")))


def test_where_compiling_is_switched_off_the_reference_answers():
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from hetlava.sim import fallback; print(fallback.no_compiler())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    assert ran.stdout.strip() == "NUMBA_DISABLE_JIT is set"


def test_the_mode_numpy_is_the_reference(random_network):
    net, inputs = random_network(np.random.default_rng(1))
    made = engine.prepare(net, mode="numpy")
    assert made.prepared is None
    assert_same(made.run(inputs, probes=("u", "v")), reference.run(net, inputs, probes=("u", "v")))
    with pytest.raises(UnsupportedError, match="the mode numpy"):
        made.layer_seconds(inputs)


def test_importing_the_simulators_loads_no_compiler():
    code = "import sys, hetlava.sim.engine; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "low, high, step, planes",
    [(-256, 254, 2, 1), (0, 255, 1, 1), (-255, 0, 1, 1), (-256, 255, 1, 2)],
)
def test_a_weight_takes_a_byte_and_only_odd_ones_of_both_signs_take_two(low, high, step, planes):
    weights = np.resize(np.arange(low, high + 1, step), (128, 300))
    prepared = engine.prepare(layer(weights)).prepared
    n_bytes = sum(a.nbytes for a in prepared.kept if a.dtype == np.uint8)
    assert n_bytes == planes * weights.size


def test_the_order_of_projections_does_not_matter(random_network):
    net, inputs = random_network(np.random.default_rng(11))
    turned = replace(net, projections=net.projections[::-1])
    assert engine.run(net, inputs).spikes == engine.run(turned, inputs).spikes


def test_a_network_larger_than_memory_is_refused_with_both_sizes(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000 * 1024 - 1)
    with pytest.raises(UnsupportedError, match=r"weights: 0.0 GiB, but 0.0 GiB are free"):
        engine.prepare(layer(np.ones((1000, 1000), int)))
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    engine.prepare(layer(np.ones((1000, 1000), int)))


def test_traces_larger_than_memory_are_refused_with_both_sizes(monkeypatch):
    made = engine.prepare(layer(np.ones((1000, 10), int)))
    inputs = from_dense(np.zeros((100, 3, 10), bool))
    monkeypatch.setattr(memory, "free_bytes", lambda: 2 * 4 * 1000 * 300 - 1)
    with pytest.raises(UnsupportedError, match=r"traces of 3 samples of 100 steps: 0.0 GiB, but"):
        made.run(inputs, probes=("u", "v"))
    made.run(inputs, probes=("u",))


def test_events_made_in_order_equal_checked_ones(random_network):
    net, inputs = random_network(np.random.default_rng(2))
    for events in engine.run(net, inputs).spikes:
        assert replace(events) == events
        assert not events.index.flags.writeable and not events.indptr.flags.writeable


def test_numpys_numbers_count_threads():
    assert engine.thread_count(np.int64(2)) == 2
