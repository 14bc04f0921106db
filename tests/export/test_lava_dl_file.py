"""Files of lava-dl: read as netx understands them, and nothing in them is left out silently."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hetlava.errors import FormatError, HetlavaError, UnsupportedError, ValidationError
from hetlava.export.net_hdf5 import read, stored_differences

Change = Callable[[h5py.File], object]
N = 5


def put(key: str, value: object) -> Change:
    """Return a change that replaces or adds a dataset."""

    def change(file: h5py.File) -> None:
        if key in file:
            del file[key]
        file[key] = value

    return change


def drop(key: str) -> Change:
    return lambda file: file.__delitem__(key)


@pytest.fixture
def lava_dl(rng: np.random.Generator, tmp_path: Path) -> Callable[..., Path]:
    """``lava_dl(*changes)`` writes an input, a dense and a recurrent layer, as SLAYER does."""

    def make(*changes: Change) -> Path:
        path = tmp_path / "lava_dl.net"
        with h5py.File(path, "w") as file:
            file["simulation/Ts"], file["simulation/tSample"] = 2, 64
            file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
            file["layer/0/shape"] = np.array([3, 1, 1])
            for k, (kind, n_in) in enumerate([("dense", 3), ("dense_rec", N)], start=1):
                layer = file.create_group(f"layer/{k}")
                layer.create_dataset("type", (1,), "S10", [kind.encode()])
                layer["shape"], layer["inFeatures"], layer["outFeatures"] = np.array([N]), n_in, N
                for key, width in {"weight": n_in, "weight_rec": N}.items():
                    if key == "weight" or kind == "dense_rec":
                        layer[key] = 2.0 * rng.integers(-127, 127, (N, width)).astype(np.float32)
                layer["neuron/type"], layer["neuron/gradedSpike"] = "CUBA", False
                layer["neuron/iDecay"], layer["neuron/vDecay"] = 1024, np.arange(N) + 100
                layer["neuron/vThMant"], layer["neuron/refDelay"] = 80, 1
            for change in changes:
                change(file)
        return path

    return make


def test_a_chain_is_read(lava_dl: Callable[..., Path]) -> None:
    net = read(lava_dl())
    assert (net.dt, net.n_steps, net.n_inputs) == (2e-3, 32, 3)
    assert [p.name for p in net.populations] == ["layer1", "layer2"]
    ends = [(p.source, p.target) for p in net.projections]
    assert ends == [("input", "layer1"), ("layer1", "layer2"), ("layer2", "layer2")]
    assert (net.output, net.readout) == ("layer2", "spike-count")
    assert stored_differences(lava_dl()) == []


def test_registers_are_those_that_netx_hands_to_lava(lava_dl: Callable[..., Path]) -> None:
    bias = np.array([1, -2, 0, 3, 4], np.float32)
    registers = read(lava_dl(put("layer/1/bias", bias))).populations[0].registers
    assert registers.du.tolist() == [1023] * N
    assert registers.dv.tolist() == [100, 101, 102, 103, 104]
    assert registers.vth.tolist() == [80] * N
    assert registers.bias_mant.tolist() == bias.tolist() and set(registers.bias_exp) == {6}


def test_biases_which_slayer_has_later_are_told(lava_dl: Callable[..., Path]) -> None:
    assert read(lava_dl()).populations[0].start == 0
    net = read(lava_dl(put("layer/1/bias", np.ones(N))))
    assert [p.start for p in net.populations] == [1, 0]
    (told,) = net.provenance["netx_changes"]  # type: ignore[misc, union-attr]
    assert str(told).startswith("layer1: biases, which act from the first step on in netx")


def test_biases_of_a_loop_are_heard_by_its_neurons(lava_dl: Callable[..., Path]) -> None:
    net = read(lava_dl(put("layer/2/bias", 2.0 * np.arange(N))))
    assert [p.name for p in net.populations] == ["layer1", "layer2-bias", "layer2"]
    assert not net.population("layer2").cuba.bias_mant.any()
    assert net.projections[-1].weights.tolist() == [[0], [2], [4], [6], [8]]
    with pytest.raises(FormatError, match=r"layer/2: .*outside \[-256, 255\]"):
        read(lava_dl(put("layer/2/bias", 300.0 * np.arange(N))))


def test_weights_that_netx_keeps_are_those_of_the_file(lava_dl: Callable[..., Path]) -> None:
    path = lava_dl()
    net = read(path)
    with h5py.File(path) as file:
        assert np.array_equal(net.projections[2].weights, file["layer/2/weight_rec"][()])
    assert net.projections[2].weight_exp == 0 and net.provenance["netx_changes"] == []


def test_weights_that_netx_changes_are_read_as_trained(lava_dl: Callable[..., Path]) -> None:
    weight = np.tile([-4.0, 0.0, -4.0], (N, 1))
    net = read(lava_dl(put("layer/1/weight", weight)))
    assert np.array_equal(net.projections[0].weights, weight)
    assert net.provenance["netx_changes"] == ["layer/1/weight: netx changes 10 of 15 weights"]


def test_zeros_on_which_netx_fails_are_read_and_told(lava_dl: Callable[..., Path]) -> None:
    net = read(lava_dl(put("layer/1/weight", np.zeros((N, 3)))))
    assert not net.projections[0].weights.any()
    assert "netx fails" in str(net.provenance["netx_changes"])


def test_a_flat_weight_is_folded_as_netx_does(lava_dl: Callable[..., Path]) -> None:
    flat = 2.0 * np.arange(3 * N)
    net = read(lava_dl(put("layer/1/weight", flat)))
    assert np.array_equal(net.projections[0].weights, flat.reshape(N, 3))


def test_a_file_may_begin_with_a_dense_layer(lava_dl: Callable[..., Path]) -> None:
    def first(file: h5py.File) -> None:
        del file["layer/0"]
        file.move("layer/1", "layer/0")
        file.move("layer/2", "layer/1")

    net = read(lava_dl(first))
    assert net.n_inputs == 3 and [p.name for p in net.populations] == ["layer0", "layer1"]


def test_times_that_the_file_does_not_say_are_asked_for(lava_dl: Callable[..., Path]) -> None:
    path = lava_dl(drop("simulation"))
    with pytest.raises(ValidationError, match=r"dt is not in the file; pass dt="):
        read(path, n_steps=10)
    with pytest.raises(ValidationError, match=r"n_steps is not in the file; pass n_steps="):
        read(path, dt=1e-3)
    assert read(path, dt=1e-3, n_steps=10).n_steps == 10


def test_training_parameters_and_harmless_options_change_nothing(
    lava_dl: Callable[..., Path],
) -> None:
    extra = {"scaleRho": 10.0, "tauRho": 0.5, "theta": 5120, "wgtExp": 0, "messageBits": 0}
    changes = [put(f"layer/1/neuron/{key}", value) for key, value in extra.items()]
    delay = put("layer/1/delay", np.zeros(N))
    assert read(lava_dl(*changes, delay)).populations[0].registers.n == N


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("layer/1/type", np.array([b"concat"])), "layer/1/type: a layer 'concat'"),
        (put("layer/1/type", np.array([b"input"])), "layer/1/type: a layer 'input'"),
        (put("layer/1/neuron/type", "ADRF"), "layer/1/neuron/type: neurons 'ADRF'"),
        (put("layer/1/neuron/refDelay", 2), "layer/1/neuron/refDelay: only 1"),
        (put("layer/1/neuron/gradedSpike", True), "layer/1/neuron/gradedSpike: only 0"),
        (put("layer/1/neuron/wgtExp", 2), "layer/1/neuron/wgtExp: only 0"),
        (put("layer/1/neuron/spare", 2), "layer/1/neuron: .'spare'. unknown"),
        (put("layer/2/delay", np.ones(N)), "layer2: delays of the output of a layer with a loop"),
        (put("layer/1/weight_rec", np.ones((N, N))), "layer/1: .'weight_rec'. unknown"),
        (put("layer/1/stride", 1), "layer/1: .'stride'. unknown"),
        (put("layer/0/neuron/type", "SRM"), "layer/0/neuron/type: neurons 'SRM'"),
        (drop("layer/1/neuron"), "layer1: neurons that never spike, or none, before"),
    ],
)
def test_what_hetlava_would_not_run_exactly_is_refused(
    change: Change, message: str, lava_dl: Callable[..., Path]
) -> None:
    with pytest.raises(UnsupportedError, match=f"lava_dl.net: {message}"):
        read(lava_dl(change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            put("layer/1/shape", np.array([10**6, 10**6])),
            "layer/1/weight: shape .* for 10000000000",
        ),
        (put("layer/1/shape", np.array([0])), "layer/1/shape: "),
        (put("layer/1/shape", np.array([2.5])), "layer/1/shape: "),
        (put("layer/0/shape", np.array([4])), "layer/1/weight: 3 columns, .* 4 outputs"),
        (put("layer/1/inFeatures", 4), "layer/1/inFeatures: disagrees"),
        (put("layer/2/outFeatures", 4), "layer/2/outFeatures: disagrees"),
        (put("layer/2/weight_rec", np.ones((N, 4))), "layer/2/weight_rec: shape"),
        (drop("layer/2/weight_rec"), "layer/2: .'weight_rec'. missing"),
        (put("layer/2/weight", np.ones((N, 4))), "layer/2/weight: 4 columns"),
        (put("layer/1/weight", np.ones((N, 3, 1))), "layer/1/weight: shape"),
        (put("layer/1/weight", np.full((N, 3), 0.5)), "weight: 15 of 15 values do not fit"),
        (put("layer/1/weight", np.full((N, 3), np.nan)), "weight: 15 of 15 values do not fit"),
        (put("layer/1/weight", np.full((N, 3), 256)), "weight: 15 of 15 are outside"),
        (put("layer/1/neuron/iDecay", np.arange(4)), "layer/1/neuron/iDecay: shape"),
        (put("layer/1/neuron/iDecay", 4097), "du: 5 of 5 are outside"),
        (put("layer/1/neuron/vDecay", -1), "dv: 5 of 5 are outside"),
        (put("layer/1/neuron/vThMant", 1e300), "vThMant: 5 of 5 values do not fit"),
        (put("layer/1/bias", np.full(N, 1e5)), "bias_mant: 5 of 5 do not fit 16 bits"),
        (drop("layer/1/neuron/iDecay"), "layer/1/neuron: .'iDecay'. missing"),
        (drop("layer/0"), "layer: members .'1', '2'., expected 0, 1, 2"),
        (put("layer/spare", 1), "layer: members"),
        (put("spare", 1), "'spare'"),
        (drop("layer"), "expected 'layer'"),
        (put("simulation/Ts", 0), "simulation/Ts: "),
        (put("simulation/Ts", 1e7), "simulation: a step of 10000.0 s"),
        (put("simulation/tSample", 1e300), "simulation: a step of"),
        (put("simulation/spare", 1), "simulation/spare: "),
    ],
)
def test_parts_that_disagree_or_cannot_be_are_named(
    change: Change, message: str, lava_dl: Callable[..., Path]
) -> None:
    with pytest.raises(FormatError, match=f"lava_dl.net: .*{message}"):
        read(lava_dl(change))


def test_a_group_may_not_lead_in_a_circle(lava_dl: Callable[..., Path]) -> None:
    def circle(file: h5py.File) -> None:
        del file["layer/1/neuron"]
        file["layer/1/neuron"] = file["layer"]

    with pytest.raises(HetlavaError, match="layer/1/neuron"):
        read(lava_dl(circle))
