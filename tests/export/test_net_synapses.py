"""Kernels and delays in ``.net`` files: round trips, damage, and netx as judge."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hetlava.convolution import QuantisedConvolution, pooling
from hetlava.errors import FormatError
from hetlava.events import from_dense
from hetlava.export.net_hdf5 import read, stored_differences, write
from hetlava.export.netx_rules import netx_differences
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference
from hetlava.synapses import QuantisedSynapses

Convolution = Callable[..., QuantisedConvolution]
RunNetx = Callable[..., list[np.ndarray]]
STEPS = 25


def network(rng: np.random.Generator, projections: list[QuantisedSynapses]) -> QuantisedNetwork:
    """Return a chain whose registers are alike within a channel."""
    words = {"du": (400, 3000), "dv": (50, 1000), "vth": (20, 200), "bias_mant": (-1, 2)}
    populations = []
    for q in projections:
        channels = q.output_shape[0] if isinstance(q, QuantisedConvolution) else q.shape[0]
        drawn = {
            word: np.repeat(rng.integers(*ends, channels), q.shape[0] // channels).astype(np.int32)
            for word, ends in words.items()
        }
        registers = CubaRegisters(**drawn, bias_exp=np.full(q.shape[0], 6, np.int32))
        populations.append(QuantisedPopulation(name=q.target, registers=registers))
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=projections[0].shape[1],
        n_steps=STEPS,
        populations=tuple(populations),
        projections=tuple(projections),
        output=projections[-1].target,
    )


def dense(
    rng: np.random.Generator, source: str, target: str, shape: tuple[int, int], **fields: object
) -> QuantisedProjection:
    weights = (2 * rng.integers(-128, 128, shape)).astype(np.int16)
    return QuantisedProjection(source=source, target=target, weights=weights, **fields)  # type: ignore[arg-type]


def image_chain(rng: np.random.Generator) -> QuantisedNetwork:
    """Return kernel, pool, kernel in groups, matrix, late matrix; every length another."""
    conv = QuantisedConvolution(
        source="input",
        target="a",
        weights=(2 * rng.integers(-60, 100, (4, 2, 3, 2))).astype(np.int16),
        input_shape=(2, 8, 6),
        padding=((1, 1), (2, 2)),
        stride=(1, 2),
    )
    pool = pooling("a", "b", 70, conv.output_shape, (2, 1))
    grouped = QuantisedConvolution(
        source="b",
        target="c",
        weights=(2 * rng.integers(-60, 100, (6, 2, 2, 2))).astype(np.int16),
        input_shape=pool.output_shape,
        groups=2,
        dilation=(2, 1),
        weight_exp=1,
    )
    delays = rng.integers(0, 9, 7).astype(np.int16)
    matrix = dense(rng, "c", "d", (7, grouped.shape[0]))
    return network(rng, [conv, pool, grouped, matrix, dense(rng, "d", "e", (3, 7), delays=delays)])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_kernels_and_delays_are_read_as_written(
    seed: int, random_convolution: Convolution, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    q = random_convolution(rng)
    delays = rng.integers(0, 63, q.shape[1]).astype(np.int16)
    net = network(rng, [replace(q, delays=delays if rng.random() < 0.5 else None)])
    write(tmp_path / "a.net", net)
    assert read(tmp_path / "a.net") == net
    assert stored_differences(tmp_path / "a.net") == netx_differences(net)


def header(path: Path) -> dict[str, object]:
    with h5py.File(path) as file:
        return dict(json.loads(file["hetlava/header"][()].tobytes()))


def test_only_what_an_older_hetlava_cannot_read_says_so(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    late = np.array([1, 0], np.int16)
    for delays, expected in ((None, 1), (late, 2)):
        write(tmp_path / "a.net", network(rng, [dense(rng, "input", "a", (3, 2), delays=delays)]))
        assert header(tmp_path / "a.net")["format"] == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": [1]}, r"stride \[1\], expected 2 integers"),
        ({"stride": [1, True]}, "expected 2 integers"),
        ({"padding": [[1, 1], [2, 2]]}, "expected 4 integers"),
        ({"padding": [1, 1, 2, 10**30]}, "an image has more than"),
        ({"dilation": [1, 10**30]}, "at most 4194304"),
        ({"groups": 1.0}, "groups is a float"),
        ({"groups": 0}, "at least 1"),
        ({"input_shape": [2, 6, 8]}, "weights of shape"),
        ({"input_shape": 3}, "input_shape is a int"),
        ({"spare": 1}, "spare"),
    ],
)
def test_geometry_that_cannot_be_is_refused(
    change: dict[str, object], message: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    path = tmp_path / "a.net"
    write(path, image_chain(rng))
    text = header(path)
    text["projections"][0] |= change  # type: ignore[index]
    with h5py.File(path, "r+") as file:
        del file["hetlava/header"]
        file["hetlava/header"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    with pytest.raises(FormatError, match=f"a.net.*{message}"):
        read(path)


@pytest.mark.parametrize(
    ("delays", "message"),
    [
        (np.full(7, 63, np.int16), r"7 of 7 are outside \[0, 62\]"),
        (np.zeros(6, np.int16), "delays"),
        (np.zeros(7, np.float32), "float32"),
    ],
)
def test_delays_that_cannot_be_are_refused(
    delays: np.ndarray, message: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    path = tmp_path / "a.net"
    write(path, image_chain(rng))
    with h5py.File(path, "r+") as file:
        del file["hetlava/projections/4/delays"]
        file["hetlava/projections/4/delays"] = delays
    with pytest.raises(FormatError, match=f"a.net.*{message}"):
        read(path)


@pytest.mark.lava
def test_netx_gives_the_spikes_of_kernels_pools_and_delays(
    rng: np.random.Generator, tmp_path: Path, run_netx: RunNetx
) -> None:
    net = image_chain(rng)
    assert netx_differences(net) == []
    write(tmp_path / "a.net", net)
    assert read(tmp_path / "a.net") == net
    x = rng.random((STEPS, net.n_inputs)) < 0.2
    expected = reference.run(net, from_dense(x[:, None]))
    found = run_netx(tmp_path / "a.net", x.reshape(STEPS, 2, 8, 6))
    for events, spikes in zip(expected.spikes, found, strict=True):
        assert np.array_equal(events.to_dense()[:, 0], spikes)
        assert spikes.sum() > 10


def differences(net: QuantisedNetwork, index: int, **fields: object) -> str:
    changed = list(net.projections)
    changed[index] = replace(changed[index], **fields)  # type: ignore[arg-type]
    return "; ".join(netx_differences(replace(net, projections=tuple(changed))))


def test_what_netx_makes_otherwise_is_said(rng: np.random.Generator) -> None:
    net = image_chain(rng)
    one = np.ones(net.projections[1].shape[1], np.int16)
    assert "b: delays from a; netx drops those of kernels" in differences(net, 1, delays=one)
    odd = net.projections[0].weights | 1
    assert "that Lava's Conv cannot hold" in differences(net, 0, weights=odd, weight_exp=-1)
    halved = np.where(net.projections[3].weights > 0, -4, 0).astype(np.int16)
    assert "netx changes" in differences(net, 3, weights=halved)
    registers = net.populations[0].registers
    uneven = replace(registers, dv=np.arange(registers.n, dtype=np.int32))
    first = replace(net.populations[0], registers=uneven)
    told = netx_differences(replace(net, populations=(first, *net.populations[1:])))
    assert told == ["a: dv differs within a channel; netx holds one per channel"]


def test_netx_is_told_apart_where_it_takes_delays_for_others(rng: np.random.Generator) -> None:
    loop = dense(rng, "a", "a", (3, 3), delays=np.array([0, 3, 1], np.int16))
    plain = network(rng, [dense(rng, "input", "a", (3, 3))])
    looped = replace(plain, projections=(*plain.projections, loop))
    assert "delays in a layer with a loop" in netx_differences(looped)[0]


def test_netx_cannot_fold_a_row_to_an_image(rng: np.random.Generator) -> None:
    kernel = QuantisedConvolution(
        source="a", target="b", weights=np.ones((1, 1, 2, 2), np.int16), input_shape=(1, 2, 3)
    )
    net = network(rng, [dense(rng, "input", "a", (6, 4)), kernel])
    assert netx_differences(net) == ["b: an image (1, 2, 3) from a, which netx has as a row"]
