"""Fixtures that every test may use, and the rules by which marked tests run or are skipped."""

import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from hetlava.convolution import QuantisedConvolution
from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.neurons.adaptive import AdrfIzRegisters, AdrfRegisters, AlifRegisters
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.refractory import CubaRefractoryRegisters
from hetlava.neurons.registers import NEURONS, NeuronRegisters
from hetlava.neurons.resonate import ResonatorRegisters, RFIzhikevichRegisters, RFRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters, SigmaRegisters
from hetlava.neurons.xylo import XyloRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

# the first example pays for imports and compiling, and the machine may be busy
settings.register_profile("hetlava", deadline=None)
settings.load_profile("hetlava")
# a shell's background jobs ignore Ctrl-C, and so would every process that tests interrupt
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]
READOUTS = ("max-voltage", "mean-voltage", "last-voltage")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    has_lava = all(importlib.util.find_spec(name) for name in ("lava", "torch"))
    reasons = {
        "slow": None if config.getoption("--slow") else "slow: run with --slow",
        "data": None if os.environ.get("HETLAVA_DATA") else "HETLAVA_DATA is not set",
        "lava": None if has_lava else "lava is not installed (make setup)",
    }
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts alike in every test."""
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def random_network() -> RandomNetwork:
    """``random_network(rng, extreme=False, ...)`` draws a network and an input for it.

    ``extreme``: any register that the records allow, words that wrap and saturate included;
    otherwise a network with moderate activity. ``loops=False`` keeps it feed-forward and
    ``readout=False`` without integrators, for targets that know no others.
    """
    return draw_network


@pytest.fixture(scope="session")
def random_neurons() -> Callable[..., NeuronRegisters]:
    """``random_neurons(rng, model, n, extreme=False)`` draws registers of a listed model."""
    return draw_neurons


@pytest.fixture(scope="session")
def mixed_network() -> RandomNetwork:
    """``mixed_network(rng, models=..., extreme=False, ...)`` draws one whose populations are of
    random models, with graded input, loops and resets."""
    return draw_mixed_network


@pytest.fixture(scope="session")
def few_levels() -> Callable[..., QuantisedNetwork]:
    """``few_levels(net, rng, n=2)`` leaves n distinct (du, dv, vth) to every population.

    Exponents become positive, since a negative one may round a sum over levels.
    """

    def lessened(net: QuantisedNetwork, rng: np.random.Generator, n: int = 2) -> QuantisedNetwork:
        populations = []
        for p in net.populations:
            pick = rng.integers(0, min(n, p.registers.n), p.registers.n)
            words = {name: getattr(p.registers, name)[pick] for name in ("du", "dv", "vth")}
            populations.append(replace(p, registers=replace(p.registers, **words)))
        projections = [replace(q, weight_exp=abs(q.weight_exp)) for q in net.projections]
        return replace(net, populations=tuple(populations), projections=tuple(projections))

    return lessened


@pytest.fixture(scope="session")
def random_convolution() -> Callable[..., QuantisedConvolution]:
    """``random_convolution(rng, source="input", target="p0")`` draws a small one of any kind."""
    return draw_convolution


@pytest.fixture
def lava_python(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python in which ``import lava`` works by itself.

    The one that HETLAVA_LAVA_PYTHON names, such as a 3.10 with nothing but lava-nc and h5py; if
    none is named this one, in which Lava is mended before anything else runs.
    """
    named = os.environ.get("HETLAVA_LAVA_PYTHON")
    if named:
        return Path(named)
    site = tmp_path_factory.mktemp("site")
    mend = "from hetlava.export.lava_import import enable_lava\nenable_lava()\n"
    (site / "sitecustomize.py").write_text(mend)
    monkeypatch.setenv("PYTHONPATH", str(site))
    return Path(sys.executable)


def draw_network(
    rng: np.random.Generator,
    *,
    extreme: bool = False,
    loops: bool = True,
    readout: bool = True,
    max_neurons: int = 40,
) -> tuple[QuantisedNetwork, Events]:
    """Return a random network of 1 to 4 populations and a batch of random spikes."""
    n_populations, n_inputs = int(rng.integers(1, 5)), int(rng.integers(1, max_neurons))
    names = [f"p{k}" for k in range(n_populations)]
    integrates = readout and bool(rng.random() < 0.4)
    populations = tuple(
        QuantisedPopulation(
            name=name,
            registers=draw_registers(
                rng,
                int(rng.integers(1, max_neurons)),
                extreme=extreme,
                spiking=not (integrates and name == names[-1]),
            ),
        )
        for name in names
    )
    sizes = {"input": n_inputs} | {p.name: p.registers.n for p in populations}
    projections = tuple(
        draw_projection(rng, sizes, *ends, extreme=extreme)
        for ends in draw_wires(rng, names, loops)
    )
    net = QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=n_inputs,
        n_steps=int(rng.integers(1, 30)),
        populations=populations,
        projections=projections,
        output=names[-1],
        readout=str(rng.choice(READOUTS)) if integrates else "spike-count",
    )
    rate = rng.choice([0.0, 0.05, 0.3, 1.0]) if extreme else rng.uniform(0.05, 0.3)
    shape = (net.n_steps, int(rng.integers(1, 5)), n_inputs)
    return net, from_dense(rng.random(shape) < rate)


def draw_wires(rng: np.random.Generator, names: list[str], loops: bool) -> list[tuple[str, str]]:
    """Return a chain from the input, with skips, doubled wires and (if asked) loops on top."""
    chain = list(zip(["input", *names], names, strict=False))
    every = [(a, b) for a in ["input", *names] for b in names]
    order = {name: k for k, name in enumerate(["input", *names])}
    free = [w for w in every if loops or order[w[0]] < order[w[1]]]
    picked = rng.integers(0, len(free), size=int(rng.integers(0, 5)))
    return chain + [free[k] for k in picked]


def draw_projection(
    rng: np.random.Generator, sizes: dict[str, int], source: str, target: str, *, extreme: bool
) -> QuantisedProjection:
    """Return mixed even, one-sign odd, full-scale or sparse weights with an exponent."""
    shape = (sizes[target], sizes[source])
    kinds = [
        lambda: rng.integers(-128, 128, shape) * 2,
        lambda: rng.integers(0, 256, shape),
        lambda: -rng.integers(0, 256, shape),
        lambda: rng.integers(-128, 128, shape) * 2 * (rng.random(shape) < 0.2),
    ]
    full = [lambda: np.full(shape, -256), lambda: np.full(shape, 255), lambda: np.zeros(shape)]
    weights = rng.choice(np.array(kinds + full * extreme, dtype=object))()
    exponent = int(rng.integers(-16, 17)) if extreme else int(rng.integers(-3, 4))
    return QuantisedProjection(
        source=source, target=target, weights=weights.astype(np.int16), weight_exp=exponent
    )


def draw_convolution(
    rng: np.random.Generator,
    source: str = "input",
    target: str = "p0",
    *,
    input_shape: tuple[int, int, int] | None = None,
    symmetric: bool = False,
) -> QuantisedConvolution:
    """Return a convolution of any stride, padding, dilation and groups that fits its input."""

    def pair(low: int, high: int) -> tuple[int, int]:
        return int(rng.integers(low, high)), int(rng.integers(low, high))

    while True:
        groups = int(rng.integers(1, 4))
        channels, per_group = groups * int(rng.integers(1, 3)), int(rng.integers(1, 4))
        shape = input_shape or (channels, *pair(1, 9))
        if shape[0] % groups:
            continue
        before, after = pair(0, 3), pair(0, 3)
        ends = (before, before) if symmetric else (before, after)
        size = (groups * per_group, shape[0] // groups, *pair(1, 4))
        even = 2 * rng.integers(-128, 128, size)
        weights = even if rng.random() < 0.5 else even // 2 * (rng.random(size) < 0.8)
        try:
            return QuantisedConvolution(
                source=source,
                target=target,
                weights=weights.astype(np.int16),
                weight_exp=int(rng.integers(-3, 4)),
                input_shape=shape,
                stride=pair(1, 4),
                padding=((ends[0][0], ends[1][0]), (ends[0][1], ends[1][1])),
                dilation=pair(1, 4),
                groups=groups,
            )
        except ValidationError:  # the kernel is larger than its image
            continue


def draw_registers(
    rng: np.random.Generator, n: int, *, extreme: bool, spiking: bool = True
) -> CubaRegisters:
    """Return per-neuron registers; the extreme ones hold every end of every range."""
    ends = {
        "du": (-1, 4095, [-1, 0, 4094, 4095]),
        "dv": (0, 4096, [0, 1, 4095, 4096]),
        "vth": (0, 1 << 17, [0, 1, (1 << 17) - 1, 1 << 17]),
        "bias_mant": (-(1 << 15), (1 << 15) - 1, [-(1 << 15), -1, 0, (1 << 15) - 1]),
        "bias_exp": (-15, 15, [-15, 0, 15]),
    }
    usual = {"du": (100, 2000), "dv": (20, 1000), "vth": (50, 2000)}
    usual |= {"bias_mant": (-40, 60), "bias_exp": (0, 6)}

    def draw(name: str) -> np.ndarray:
        low, high, edges = ends[name]
        if extreme:
            any_value = rng.integers(low, high + 1, n)
            return np.where(rng.random(n) < 0.5, rng.choice(edges, n), any_value).astype(np.int32)
        return rng.integers(*usual[name], n).astype(np.int32)

    return CubaRegisters(**{name: draw(name) for name in ends}, spiking=spiking)


def draw_deltas(
    rng: np.random.Generator, n: int, *, extreme: bool, kind: type[DeltaRegisters] = DeltaRegisters
) -> DeltaRegisters:
    """Return encoders, or sigma-deltas, of any exponents."""
    exps = {name: int(rng.integers(0, 16 if extreme else 7)) for name in ("spike_exp", "state_exp")}
    high = (1 << 31 - sum(exps.values())) - 1 if extreme else 40
    vth = rng.integers(0, high, n, endpoint=True)
    vth = np.where(rng.random(n) < 0.3, rng.choice([0, 1, high], n), vth)
    words = {"vth": vth if rng.random() < 0.7 else np.full(n, vth[0])}
    if kind is SigmaDeltaRegisters:
        words["bias"] = rng.integers(-high - 1, high, n, endpoint=True)
        exps["rectify"] = bool(rng.random() < 0.7)
    words = {name: word.astype(np.int32) for name, word in words.items()}
    return kind(**words, **exps, cum_error=bool(rng.random() < 0.5))


def draw_sigmas(rng: np.random.Generator, n: int, *, extreme: bool) -> SigmaRegisters:
    """Return decoders that begin at 0 or, the extreme ones, anywhere."""
    start = rng.integers(-(1 << 31), 1 << 31, n) if extreme else np.zeros(n)
    return SigmaRegisters(start=start.astype(np.int32))


def draw_resonators(
    rng: np.random.Generator, n: int, *, extreme: bool, kind: type[ResonatorRegisters]
) -> ResonatorRegisters:
    """Return resonators of any angle; the extreme ones grow, stand still or turn at once."""
    state_exp = int(rng.integers(0, 16)) if extreme else 6
    bits = int(rng.integers(1, 13)) if extreme else 12
    one, angle = 1 << bits, rng.uniform(0.1, 1.5, n)
    radius = one * rng.uniform(0.7, 1, n)
    decays = np.stack([np.sin(angle), np.cos(angle)]) * radius
    if extreme:
        decays = np.where(rng.random((2, n)) < 0.5, rng.choice([-one, -1, 0, one], (2, n)), decays)
    high = (1 << 31 - state_exp) - 1 if extreme else 200
    vth = rng.integers(-high if extreme else 1, high, n, endpoint=True)
    vth = np.where(rng.random(n) < 0.5, rng.integers(0, min(high, 100), n), vth)
    return kind(
        sin_decay=decays[0].astype(np.int32),
        cos_decay=decays[1].astype(np.int32),
        vth=(vth if rng.random() < 0.7 else np.full(n, vth[0])).astype(np.int32),
        state_exp=state_exp,
        decay_bits=bits,
    )


def draw_adaptive(
    rng: np.random.Generator, n: int, *, extreme: bool, kind: type[NeuronRegisters]
) -> NeuronRegisters:
    """Return neurons that adapt or wait, or Xylo's; the extreme ones hold every range's ends."""
    ranges = {
        "du": (-1, 4095, 100, 2000),
        **dict.fromkeys(("dv", "dth"), (0, 4096, 20, 1000)),
        "dr": (0, 4096, 100, 2000),
        "vth": (0, 1 << 17, 1, 40),
        "vth_step": (0, 1 << 17, 1, 60),
        "bias_mant": (-(1 << 15), (1 << 15) - 1, -10, 30),
        "bias_exp": (-15, 15, 0, 7),
        "refractory": (0, 62, 0, 9),
        "sin_decay": (0, 4096, 500, 2500),
        "cos_decay": (0, 4096, 2500, 3500),
    }
    if kind is XyloRegisters:
        ranges |= dict.fromkeys(("dash_mem", "dash_syn"), (0, 15, 1, 6))
        ranges |= {"vth": (1, 32767, 50, 2000), "bias": (-32768, 32767, -20, 30)}
    words = {}
    for word in kind.words:
        low, high, usual_low, usual_high = ranges[word]
        if extreme:
            any_value = rng.integers(low, high, n, endpoint=True)
            value = np.where(rng.random(n) < 0.5, rng.choice([low, high], n), any_value)
        else:
            value = rng.integers(usual_low, usual_high, n)
        words[word] = value.astype(np.int32)
    options = {"reset": str(rng.choice(["hard", "subtract"]))} if "reset" in kind.options else {}
    return kind(**words, **options)


# one line for each of hetlava.neurons.registers.NEURONS
DRAW: dict[str, Callable[..., NeuronRegisters]] = {
    "cuba": draw_registers,
    "cuba_refractory": partial(draw_adaptive, kind=CubaRefractoryRegisters),
    "alif": partial(draw_adaptive, kind=AlifRegisters),
    "adrf": partial(draw_adaptive, kind=AdrfRegisters),
    "adrf_iz": partial(draw_adaptive, kind=AdrfIzRegisters),
    "delta": draw_deltas,
    "sigma": draw_sigmas,
    "sigma_delta": partial(draw_deltas, kind=SigmaDeltaRegisters),
    "rf": partial(draw_resonators, kind=RFRegisters),
    "rf_iz": partial(draw_resonators, kind=RFIzhikevichRegisters),
    "xylo": partial(draw_adaptive, kind=XyloRegisters),
}


def draw_neurons(
    rng: np.random.Generator, model: str, n: int, *, extreme: bool = False
) -> NeuronRegisters:
    """Return random registers of a listed model."""
    return DRAW[model](rng, n, extreme=extreme)


def draw_mixed_network(
    rng: np.random.Generator,
    *,
    models: tuple[str, ...] = tuple(NEURONS),
    extreme: bool = False,
    loops: bool = True,
    max_neurons: int = 15,
) -> tuple[QuantisedNetwork, Events]:
    """Return a network of populations of random models, and graded input for it."""
    net, inputs = draw_network(
        rng, extreme=extreme, loops=loops, readout=False, max_neurons=max_neurons
    )
    populations = {}
    for p in net.populations:
        registers = draw_neurons(rng, str(rng.choice(models)), p.registers.n, extreme=extreme)
        interval, offset = int(rng.integers(0, 9)), int(rng.integers(0, 12))
        populations[p.name] = QuantisedPopulation(
            name=p.name,
            registers=registers,
            reset_interval=interval if rng.random() < 0.3 else 0,
            reset_offset=offset,
        )
    projections = []
    for q in net.projections:
        graded = q.source == "input" or populations[q.source].registers.graded
        bits = int(rng.choice([0, 8, 16, 24])) if graded else 0
        port = int(rng.integers(0, populations[q.target].registers.n_ports))
        projections.append(replace(q, message_bits=bits, port=port))
    net = replace(net, populations=tuple(populations.values()), projections=tuple(projections))
    x = inputs.to_dense().astype(np.int32)
    if rng.random() < 0.7:
        high = 1 << int(rng.integers(1, 31 if extreme else 7))
        x *= rng.integers(-high, high, x.shape).astype(np.int32)
    return net, from_dense(x)
