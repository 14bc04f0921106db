"""Sigma-delta and resonate-and-fire layers in files: what is read, and what is refused by name."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hetlava.errors import FormatError, HetlavaError, UnsupportedError
from hetlava.export.net_hdf5 import read
from hetlava.neurons.resonate import RFIzhikevichRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters

N = 4
Change = Callable[[h5py.File], object]
Make = Callable[..., Path]


def put(key: str, value: object) -> Change:
    def change(file: h5py.File) -> None:
        if key in file:
            del file[key]
        file[key] = value

    return change


def drop(key: str) -> Change:
    return lambda file: file.__delitem__(key)


def dense(file: h5py.File, k: int, n_in: int) -> h5py.Group:
    layer = file.create_group(f"layer/{k}")
    layer.create_dataset("type", (1,), "S10", [b"dense"])
    layer["shape"], layer["inFeatures"], layer["outFeatures"] = np.array([N]), n_in, N
    return layer


@pytest.fixture
def sdnn(tmp_path: Path) -> Make:
    """``sdnn(*changes)`` writes deltas at the input, sigma-deltas and an output of sigmas."""

    def make(*changes: Change) -> Path:
        path = tmp_path / "sdnn.net"
        with h5py.File(path, "w") as file:
            file["simulation/Ts"], file["simulation/tSample"] = 1, 20
            first = file.create_group("layer/0")
            first.create_dataset("type", (1,), "S10", [b"input"])
            first["shape"], first["weight"] = np.array([3]), np.array([48.0], np.float32)
            for k, n_in in ((1, 3), (2, N)):
                layer = dense(file, k, n_in)
                layer["weight"] = 2.0 * np.arange(N * n_in).reshape(N, n_in)
            for k in range(3):
                group = file[f"layer/{k}"]
                group["neuron/type"], group["neuron/activation"] = "SDNN", "relu"
                group["neuron/vThMant"] = 6 + k
            file["layer/2/neuron/sigma_output"] = True
            for change in changes:
                change(file)
        return path

    return make


@pytest.fixture
def resonators(tmp_path: Path) -> Make:
    """``resonators(*changes)`` writes an input and a layer with complex weights."""

    def make(*changes: Change) -> Path:
        path = tmp_path / "rf.net"
        with h5py.File(path, "w") as file:
            file["simulation/Ts"], file["simulation/tSample"] = 1, 20
            file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
            file["layer/0/shape"] = np.array([3, 1, 1])
            layer = dense(file, 1, 3)
            for part, sign in (("real", 2.0), ("imag", -2.0)):
                layer[f"weight/{part}"] = sign * np.arange(3 * N).reshape(N, 3)
            layer["neuron/type"], layer["neuron/gradedSpike"] = "RF_IZHIKEVICH", False
            layer["neuron/sinDecay"], layer["neuron/cosDecay"] = np.arange(N) + 900, 3600
            layer["neuron/vThMant"] = 32
            for change in changes:
                change(file)
        return path

    return make


def test_sigma_deltas_are_read(sdnn: Make) -> None:
    net = read(sdnn(put("layer/1/bias", np.array([1.0, -2, 0, 3]))))
    first, second, last = (p.registers for p in net.populations)
    # the bits of the input's weight take the place of those of messages
    assert first == DeltaRegisters(vth=np.full(3, 6 << 6, np.int32), spike_exp=0, state_exp=6)
    assert second == SigmaDeltaRegisters(
        vth=np.full(N, 7, np.int32), bias=np.array([1, -2, 0, 3], np.int32)
    )
    assert last.model == "sigma" and last.n == N
    assert [q.message_bits for q in net.projections] == [16, 16, 16]
    assert int(net.projections[0].weights[0, 0, 0, 0]) == 48
    assert [p.start for p in net.populations] == [0, 2, 0]


def test_resonators_hear_complex_weights(resonators: Make) -> None:
    net = read(resonators())
    (population,) = net.populations
    assert population.registers == RFIzhikevichRegisters(
        sin_decay=np.arange(900, 900 + N, dtype=np.int32),
        cos_decay=np.full(N, 3600, np.int32),
        vth=np.full(N, 32, np.int32),
    )
    real, imag = net.projections
    assert (real.port, imag.port) == (0, 1)
    assert np.array_equal(real.weights, -imag.weights)
    assert "layer/1/neuron: netx turns " in str(net.provenance["netx_changes"])


def test_bits_of_messages_are_those_that_are_given(sdnn: Make, resonators: Make) -> None:
    net = read(sdnn(put("layer/1/neuron/messageBits", 24)), input_message_bits=0)
    assert [q.message_bits for q in net.projections] == [0, 16, 24]
    net = read(resonators(), input_message_bits=8)
    assert [q.message_bits for q in net.projections] == [8, 8]
    assert [q.message_bits for q in read(resonators()).projections] == [0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("layer/1/neuron/activation", "tanh"), "layer/1/neuron/activation: 'tanh'"),
        (put("layer/1/neuron/weight_exp", np.ones(1)), "layer/1/neuron/weight_exp: only 0"),
        (put("layer/1/neuron/iDecay", 3), "layer/1/neuron: .'iDecay'. unknown"),
        (put("layer/2/neuron/sigma_output", False), "sigma_output: only 1"),
        (put("layer/2/bias", np.ones(N)), "layer/2/bias: such neurons have no bias"),
        (put("layer/1/neuron/messageBits", 40), "messageBits: 40 outside 1 .. 32"),
        (drop("layer/1/neuron/vThMant"), "layer/1/neuron: .'vThMant'. missing"),
        (put("layer/1/neuron/vThMant", -1), "vth: 4 of 4 are outside .0, 524287."),
        (put("layer/1/neuron/vThMant", np.ones(3)), "layer/1/neuron/vThMant: shape"),
        (put("layer/1/bias", np.full(N, 1e6)), "bias: 4 of 4 are outside"),
    ],
)
def test_parts_of_sigma_deltas_that_are_not_run_are_named(
    change: Change, message: str, sdnn: Make
) -> None:
    with pytest.raises(HetlavaError, match=f"sdnn.net: .*{message}"):
        read(sdnn(change))


def real_only(file: h5py.File) -> None:
    del file["layer/1/weight"]
    file["layer/1/weight"] = np.zeros((N, 3))


def complex_cuba(file: h5py.File) -> None:
    del file["layer/1/neuron"]
    file["layer/1/neuron/type"] = "CUBA"
    for key in ("iDecay", "vDecay", "vThMant"):
        file[f"layer/1/neuron/{key}"] = 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("layer/1/weight/imag"), "layer/1/weight: .'imag'. missing"),
        (put("layer/1/weight/spare", 1), "layer/1/weight: .'spare'. unknown"),
        (put("layer/1/weight/imag", np.zeros((N, 2))), "real and imag differ in shape"),
        (real_only, "neurons 'rf_iz' take a group of real and imag"),
        (complex_cuba, "neurons 'cuba' take one array"),
        (put("layer/1/bias", np.ones(N)), "layer/1/bias: such neurons have no bias"),
        (put("layer/1/neuron/gradedSpike", True), "gradedSpike: only 0"),
        (put("layer/1/neuron/sinDecay", 5000), "sin_decay: 4 of 4 are outside"),
        (put("layer/1/neuron/thDecay", 5), "layer/1/neuron: .'thDecay'. unknown"),
    ],
)
def test_parts_of_resonators_that_are_not_run_are_named(
    change: Change, message: str, resonators: Make
) -> None:
    with pytest.raises((FormatError, UnsupportedError), match=f"rf.net: .*{message}"):
        read(resonators(change))


def test_resonators_at_the_input_are_refused(resonators: Make) -> None:
    def at_input(file: h5py.File) -> None:
        file.copy("layer/1/neuron", file["layer/0"])

    with pytest.raises(UnsupportedError, match="layer/0/neuron/type: resonators at the input"):
        read(resonators(at_input))
