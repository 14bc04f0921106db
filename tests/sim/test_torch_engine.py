"""The torch engine against the judge, on the CPU."""

import importlib
import importlib.util
import sys
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import NEURONS, NeuronRegisters, neuron_model
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference, torch_engine

torch = pytest.importorskip("torch")
COMPARED = ("names", "spikes", "u", "v", "scores", "synops")


def assert_same(found, expected):
    for name in COMPARED:
        x, y = getattr(found, name), getattr(expected, name)
        pairs = zip(x, y, strict=True) if isinstance(x, tuple) else [(x, y)]
        for k, (a, b) in enumerate(pairs):
            same = np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b
            assert same, f"{name} of population {k} differs"


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), extreme=st.booleans())
def test_torch_equals_the_reference(random_network, seed, extreme):
    net, inputs = random_network(np.random.default_rng(seed), extreme=extreme)
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(torch_engine.run(net, inputs, probes=("u", "v")), expected)


def with_delays(net, rng):
    delayed = [
        replace(p, delays=rng.integers(0, 12, p.shape[1]).astype(np.int16)) for p in net.projections
    ]
    return replace(net, projections=tuple(delayed))


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_late_spikes_in_chains_and_loops(random_network, seed):
    rng = np.random.default_rng(seed)
    net, inputs = random_network(rng, extreme=False)
    net = with_delays(net, rng)
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(torch_engine.run(net, inputs, probes=("u", "v")), expected)


def registers(rng, n, **words):
    drawn = {
        "du": rng.integers(100, 2000, n),
        "dv": rng.integers(20, 1000, n),
        "vth": rng.integers(50, 2000, n),
        "bias_mant": rng.integers(-40, 60, n),
        "bias_exp": np.zeros(n),
    }
    drawn |= {name: np.full(n, word) for name, word in words.items()}
    return CubaRegisters(**{name: x.astype(np.int32) for name, x in drawn.items()})


def one_layer(projection, neurons):
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=projection.shape[1],
        n_steps=8,
        populations=(QuantisedPopulation(name="p0", registers=neurons),),
        projections=(projection,),
        output="p0",
    )


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_kernels_of_any_kind(random_convolution, seed):
    rng = np.random.default_rng(seed)
    kernel = random_convolution(rng)
    net = one_layer(kernel, registers(rng, kernel.shape[0]))
    inputs = from_dense(rng.random((8, 2, kernel.shape[1])) < 0.3)
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(torch_engine.run(net, inputs, probes=("u", "v")), expected)


class Total(NamedTuple):
    u: np.ndarray
    v: np.ndarray
    s: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Adders(NeuronRegisters):
    """Neurons of no chip: they send the difference of two ports, and keep the sum of all."""

    model: ClassVar[str] = "adders"
    words: ClassVar[tuple[str, ...]] = ("gain",)
    n_ports: ClassVar[int] = 2
    graded: ClassVar[bool] = True

    gain: np.ndarray

    def rest(self, n_samples):
        zero = np.zeros((n_samples, self.n), np.int32)
        return Total(zero, zero, zero)

    def step(self, state, a_in):
        u = (a_in[0] - a_in[1]).astype(np.int32)
        return Total(u, state.v + u * self.gain, u)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), bits=st.sampled_from([0, 32]))
def test_graded_messages_ports_and_other_models(seed, bits):
    rng = np.random.default_rng(seed)

    def wire(source, target, shape, **options):
        weights = rng.integers(-256, 256, shape).astype(np.int16)
        return QuantisedProjection(
            source=source, target=target, weights=weights, message_bits=bits, **options
        )

    late = rng.integers(0, 5, 6).astype(np.int16)
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=5,
        n_steps=9,
        populations=(
            QuantisedPopulation(
                name="a",
                registers=Adders(gain=rng.integers(-9, 9, 6).astype(np.int32)),
                reset_interval=4,
                reset_offset=1,
            ),
            QuantisedPopulation(name="b", registers=registers(rng, 3)),
        ),
        projections=(
            wire("input", "a", (6, 5)),
            wire("a", "a", (6, 6), port=1, delays=late, weight_exp=-3),
            wire("a", "b", (3, 6), delays=late, weight_exp=-16),
        ),
        output="a",
    )
    inputs = from_dense(rng.integers(-(2**31), 2**31, (9, 3, 5)) * (rng.random((9, 3, 5)) < 0.4))
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = torch_engine.run(net, inputs, probes=("u", "v"))
    assert_same(found, expected)
    assert found.details["neurons-in-numpy"] == "a"


ORDERED = [name for name in NEURONS if neuron_model(name).in_order]


@settings(max_examples=15)
@example(seed=0, extreme=True)  # a decoder that rests at other than 0 and starts late
@given(seed=st.integers(0, 2**32 - 1), extreme=st.booleans())
def test_every_model_that_takes_sums(mixed_network, seed, extreme):
    models = tuple(name for name in NEURONS if name not in ORDERED)
    net, inputs = mixed_network(np.random.default_rng(seed), models=models, extreme=extreme)
    net = reset_now_and_then(net)
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(torch_engine.run(net, inputs, probes=("u", "v")), expected)


@pytest.mark.parametrize("model", ORDERED)
def test_neurons_that_take_messages_one_by_one_are_refused(random_neurons, model):
    neurons = random_neurons(np.random.default_rng(0), model, 3)
    weights = np.full((3, 2), 2, np.int16)
    net = one_layer(QuantisedProjection(source="input", target="p0", weights=weights), neurons)
    with pytest.raises(UnsupportedError, match="the order in which messages arrive"):
        torch_engine.prepare(net)


def reset_now_and_then(net):
    populations = [
        replace(p, reset_interval=k + 2, reset_offset=3 * k, start=k % 3)
        for k, p in enumerate(net.populations)
    ]
    return replace(net, populations=tuple(populations))


@pytest.mark.parametrize("seed", range(4))
def test_neurons_are_reset_when_the_reference_does(random_network, seed):
    net, inputs = random_network(np.random.default_rng(seed))
    net = reset_now_and_then(net)
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(torch_engine.run(net, inputs, probes=("u", "v")), expected)


@pytest.mark.parametrize("word", [-256, 255])
def test_sums_beyond_single_precision_are_exact(rng, word):
    weights = np.full((3, 70_000), word, np.int16)
    weights[1] = rng.integers(-256, 256, 70_000)
    net = one_layer(
        QuantisedProjection(source="input", target="p0", weights=weights), registers(rng, 3)
    )
    engine = torch_engine.prepare(net)
    assert engine.sums[0].dtype is torch.float64
    inputs = from_dense(rng.random((4, 1, 70_000)) < 0.9)
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(engine.run(inputs, probes=("u", "v")), expected)


def test_reduced_precision_asked_of_torch_changes_nothing(random_network):
    net, inputs = random_network(np.random.default_rng(2))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert_same(torch_engine.run(net, inputs), reference.run(net, inputs))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_parts_of_a_batch_are_joined(random_network, rng, monkeypatch):
    net, _ = random_network(np.random.default_rng(3), extreme=False)
    inputs = from_dense(rng.random((net.n_steps, 7, net.n_inputs)) < 0.2)
    whole = torch_engine.run(net, inputs, probes=("u", "v"))
    monkeypatch.setattr(torch_engine, "ROOM", 3 * net.n_steps * 40)
    assert_same(torch_engine.run(net, inputs, probes=("u", "v")), whole)
    assert_same(whole, reference.run(net, inputs, probes=("u", "v")))


def test_a_batch_that_does_not_fit_is_halved_until_it_does(random_network, rng, monkeypatch):
    net, _ = random_network(np.random.default_rng(3), extreme=False)
    inputs = from_dense(rng.random((net.n_steps, 7, net.n_inputs)) < 0.2)
    fits = torch_engine.to_tensor

    def small(events, device):
        if events.n_samples > limit:
            raise torch.cuda.OutOfMemoryError("no room")
        return fits(events, device)

    monkeypatch.setattr(torch_engine, "to_tensor", small)
    limit = 2
    assert_same(torch_engine.run(net, inputs), reference.run(net, inputs))
    limit = 0
    with pytest.raises(UnsupportedError, match="does not hold one sample"):
        torch_engine.run(net, inputs)


def test_no_samples_give_an_empty_recording(random_network):
    net, inputs = random_network(np.random.default_rng(4))
    empty = torch_engine.run(net, inputs.samples(0, 0))
    assert empty.scores.shape[0] == 0 and all(s.n_events == 0 for s in empty.spikes)


@pytest.mark.parametrize("device", ["gpu", "cpu:0", "cuda:x", "cuda:-1", ""])
def test_a_device_of_another_name_is_refused(random_network, device):
    net, inputs = random_network(np.random.default_rng(4))
    with pytest.raises(ValidationError, match="known: cpu, cuda, cuda:N"):
        torch_engine.run(net, inputs, device=device)


def test_a_gpu_that_is_not_there_is_refused(random_network):
    net, inputs = random_network(np.random.default_rng(4))
    with pytest.raises(UnsupportedError, match=r"device cuda:99: torch .* sees \d+ CUDA"):
        torch_engine.run(net, inputs, device="cuda:99")


@pytest.fixture
def interpreted(monkeypatch):
    """Triton's interpreter instead of a GPU, which is chosen as the kernel is defined."""
    pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.delitem(sys.modules, "hetlava.sim.triton_cuba", raising=False)
    yield
    sys.modules.pop("hetlava.sim.triton_cuba", None)


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_the_triton_kernel_gives_the_same(interpreted, random_network, seed, extreme):
    net, inputs = random_network(
        np.random.default_rng(seed), extreme=extreme, loops=False, max_neurons=20
    )
    expected = reference.run(net, inputs, probes=("u", "v"))
    assert_same(torch_engine.run(net, inputs, probes=("u", "v"), loops="triton"), expected)
    net = reset_now_and_then(net)
    assert_same(torch_engine.run(net, inputs, loops="triton"), reference.run(net, inputs))


@pytest.mark.slow
@pytest.mark.parametrize("resets", [False, True])
def test_the_triton_kernel_compiles_for_a_gpu_that_is_not_here(resets):
    triton = pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    sys.modules.pop("hetlava.sim.triton_cuba", None)  # where it may be interpreted
    triton_cuba = importlib.import_module("hetlava.sim.triton_cuba")
    options = {"KEEP_U": True, "KEEP_V": True, "SHIFT": 6, "BITS": 12, "HALF": 1 << 23}
    options |= {"RESETS": resets, "BLOCK": triton_cuba.BLOCK}
    kinds = ["*i32", "*i8", "*i32", "*i32", *["*i64"] * 4, *["i32"] * 5]
    names = triton_cuba._cuba.arg_names
    signature = dict(zip(names, kinds, strict=False)) | {name: "constexpr" for name in options}
    source = ASTSource(triton_cuba._cuba, signature, constexprs=options)
    assert triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("loops", ["torch", "triton"])
@pytest.mark.parametrize("seed", range(8))
def test_a_gpu_gives_the_same(random_network, seed, loops):
    if loops == "triton" and importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed")
    net, inputs = random_network(np.random.default_rng(seed), extreme=bool(seed % 2))
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = torch_engine.run(net, inputs, probes=("u", "v"), device="cuda", loops=loops)
    assert_same(found, expected)
