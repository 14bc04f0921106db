"""Blocks of the real SLAYER beyond CUBA's kernels and matrices: what they train is what runs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hetlava.errors import UnsupportedError
from hetlava.events import Events
from hetlava.export.lava_import import slayer as import_slayer
from hetlava.export.net_hdf5 import read, write
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import reference

pytestmark = pytest.mark.lava

Exported = Callable[..., tuple[QuantisedNetwork, Events, list[np.ndarray]]]
CUBA = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.1}
ALIF = {
    "threshold": 1.0,
    "threshold_step": 0.4,
    "current_decay": [0.1, 0.6],
    "voltage_decay": [0.02, 0.3],
    "threshold_decay": [0.01, 0.3],
    "refractory_decay": [0.05, 0.4],
    "shared_param": False,
}
SHARED_ALIF = {
    "threshold": 1.0,
    "threshold_step": 0.4,
    "current_decay": 0.3,
    "voltage_decay": 0.1,
    "threshold_decay": 0.1,
    "refractory_decay": 0.2,
}


def assert_same(
    net: QuantisedNetwork, inputs: Events, made: list[np.ndarray], least: int = 20
) -> None:
    """Compare the spikes of every population of a chain with those of its block."""
    recording = reference.run(net, inputs)
    spikes = [
        (name, events)
        for name, events in zip(recording.names, recording.spikes, strict=True)
        if not name.endswith("-bias")
    ]
    for (name, events), y in zip(spikes, made, strict=True):
        assert np.array_equal(events.to_dense(), y > 0), name
        assert events.n_events > least, name


def test_alif_blocks_give_slayers_spikes(exported: Exported, tmp_path: Path) -> None:
    block = import_slayer().block.alif
    blocks = [
        block.Conv(dict(SHARED_ALIF), 2, 4, 3, padding=1, weight_scale=3),
        block.Pool(dict(SHARED_ALIF), 2, weight_scale=1.1),
        block.Flatten(),
        block.Dense(dict(ALIF), 4 * 4 * 3, 20, weight_scale=3),
        block.Recurrent(dict(ALIF), 20, 16, weight_scale=3),
        block.Dense(dict(ALIF), 16, 12, weight_scale=4),
    ]
    net, inputs, made = exported(blocks, (2, 8, 6))
    assert {p.registers.model for p in net.populations} == {"alif"}
    assert np.unique(net.populations[2].registers.dth).size > 10  # type: ignore[attr-defined]
    assert_same(net, inputs, [made[k] for k in (0, 1, 3, 4, 5)])
    write(tmp_path / "b.net", net)
    assert read(tmp_path / "b.net") == net


def test_biases_of_alif_blocks_join_the_current(exported: Exported) -> None:
    slayer = import_slayer()
    norm = {"norm": slayer.neuron.norm.MeanOnlyBatchNorm}
    blocks = [
        slayer.block.alif.Dense({**ALIF, **norm}, 12, 20, weight_scale=2),
        slayer.block.alif.Recurrent({**ALIF, **norm}, 20, 16, weight_scale=2),
        slayer.block.alif.Dense({**ALIF, **norm}, 16, 12, weight_scale=2),
    ]
    import torch

    torch.manual_seed(3)
    for block, n in zip(blocks, (20, 16, 12), strict=True):
        block.neuron.norm.update = False
        block.neuron.norm.num_features = n
        block.neuron.norm.running_mean = torch.rand(n) - 0.7
    net, inputs, made = exported(blocks, (12,), backward=False)
    assert [p.start for p in net.populations] == [1, 0, 0, 1]
    assert_same(net, inputs, made)


RESONATOR = {
    "threshold": 1.0,
    "threshold_step": 0.4,
    "period": [5, 20],
    "decay": [0.01, 0.1],
    "threshold_decay": [0.01, 0.3],
    "refractory_decay": [0.05, 0.4],
    "shared_param": False,
}


@pytest.mark.parametrize("kind", ["adrf", "adrf_iz"])
def test_adaptive_resonators_give_slayers_spikes(
    kind: str, exported: Exported, run_netx: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slayer = import_slayer()
    neuron, block = getattr(slayer.neuron, kind), getattr(slayer.block, kind)
    if kind == "adrf_iz":  # its forward hands on one argument of two
        monkeypatch.setattr(neuron.Neuron, "forward", lambda self, z: self.spike(*self.dynamics(z)))
    blocks = [
        block.Dense(dict(RESONATOR), 12, 24, weight_scale=3),
        block.Dense(dict(RESONATOR), 24, 16, weight_scale=5, delay=True),
        block.Dense(dict(RESONATOR), 16, 10, weight_scale=8),
    ]
    net, inputs, made = exported(blocks, (12,), backward=False)
    assert {p.registers.model for p in net.populations} == {kind}
    assert "netx drops the adaptation" in str(net.provenance["netx_changes"])
    recording = reference.run(net, inputs)
    late = np.floor(blocks[1].delay.delay.detach().numpy()).astype(int)
    for k, (events, y) in enumerate(zip(recording.spikes, made, strict=True)):
        assert k == 1 and late.any() or np.array_equal(events.to_dense(), y > 0)
        assert events.n_events > 5
    write(tmp_path / "b.net", net)
    assert read(tmp_path / "b.net") == net
    loaded = read(tmp_path / "exported.net", dt=1e-3, n_steps=30, as_netx=True)
    assert {p.registers.model for p in loaded.populations} == {kind.replace("adrf", "rf")}
    ours = reference.run(loaded, inputs.samples(0, 1)).spikes
    x = inputs.to_dense()[:, 0]
    for events, spikes in zip(ours, run_netx(tmp_path / "exported.net", x), strict=True):
        assert np.array_equal(events.to_dense()[:, 0], spikes)
    assert ours != recording.spikes


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": (1, 0)}, {"groups": 2, "dilation": (1, 2)}]
)
def test_transposed_kernels_give_slayers_spikes(
    options: dict[str, Any], exported: Exported
) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Conv(dict(CUBA), 2, 4, 2, weight_scale=4),
        block.ConvT(dict(CUBA), 4, 6, (3, 2), weight_scale=4, **options),
    ]
    net, inputs, made = exported(blocks, (2, 5, 4))
    assert "a layer 'convT', which netx does not load" in str(net.provenance["netx_changes"])
    assert_same(net, inputs, made)


@pytest.mark.parametrize(("window", "options"), [(2, {}), ((1, 2), {"stride": (1, 3)})])
def test_unpooling_gives_slayers_spikes(
    window: Any, options: dict[str, Any], exported: Exported
) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Conv(dict(CUBA), 2, 4, 2, weight_scale=4),
        block.Unpool(dict(CUBA), window, weight_scale=1.1, **options),
    ]
    net, inputs, made = exported(blocks, (2, 5, 4))
    assert_same(net, inputs, made)


def test_an_average_is_read_by_the_spikes_of_its_groups(exported: Exported) -> None:
    block = import_slayer().block.cuba
    blocks = [block.Dense(dict(CUBA), 12, 20, weight_scale=3), block.Average(num_outputs=4)]
    net, inputs, made = exported(blocks, (12,))
    recording = reference.run(net, inputs, probes=("v",))
    assert (net.readout, net.n_steps) == ("mean-voltage", 31)
    # SLAYER hands out means of 5 neurons without a delay, here a sum is 64 times as large
    later = reference.run(net, longer(inputs), probes=("v",)).v[-1]
    assert np.array_equal(later[1:], np.rint(made[-1] * 5 * 64).astype(np.int32))
    assert recording.spikes[0].n_events > 20


@pytest.mark.parametrize("dynamics", [False, True])
def test_affine_blocks_hand_out_their_voltage(dynamics: bool, exported: Exported) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Dense(dict(CUBA), 12, 20, weight_scale=3),
        block.Affine(dict(CUBA), 20, 5, weight_scale=3, dynamics=dynamics),
    ]
    if not dynamics:
        blocks[1].neuron.shape = (5,)
    net, inputs, made = exported(blocks, (12,))
    assert not net.populations[-1].registers.sends
    later = reference.run(net, longer(inputs), probes=("v",)).v[-1]
    assert np.array_equal(later[1:], np.rint(made[-1] * 4096).astype(np.int32))
    assert later.max() > 64 * 80  # the threshold, of which SLAYER makes no use here


def longer(inputs: Events) -> Events:
    """The same spikes and one step without any."""
    from hetlava.export.lava_graph import with_silence

    return with_silence(inputs, 1)


def test_what_never_spikes_is_refused_before_the_last_layer(exported: Exported) -> None:
    block = import_slayer().block.cuba
    blocks = [block.Dense(dict(CUBA), 12, 20), block.Average(5), block.Dense(dict(CUBA), 5, 3)]
    with pytest.raises(UnsupportedError, match="layer2: neurons that never spike, or none, before"):
        exported(blocks, (12,), backward=False)


def layers(path: Path, **last: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
        file["layer/0/shape"] = np.array([4])
        group = file.create_group("layer/1")
        for key, value in last.items():
            group[key] = value
    return path


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ({}, "layer/1: empty; lava-dl writes nothing of a KWTA block"),
        ({"type": "concat"}, "'concat' is not read: lava-dl writes none, and nothing in a file"),
        ({"type": "average"}, "shape: missing; lava-dl fails as it writes an average"),
        ({"type": "sum"}, "a layer 'sum' is not read; known: input"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(
    last: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedError, match=message):
        read(layers(tmp_path / "a.net", **last), dt=1e-3, n_steps=5)


def test_slayer_on_a_cpu_takes_decays_of_channels_for_those_of_columns(exported: Exported) -> None:
    """Its CUDA kernels take them for channels, as the file, netx and hetlava do."""
    block = import_slayer().block.cuba
    spread = CUBA | {
        "current_decay": [0.1, 0.6],
        "voltage_decay": [0.02, 0.3],
        "shared_param": False,
    }
    blocks = [block.Conv(dict(spread), 2, 5, 2, weight_scale=4)]  # 5 channels, 5 columns
    net, inputs, made = exported(blocks, (2, 4, 6))
    ours = reference.run(net, inputs).spikes[0].to_dense()
    assert not np.array_equal(ours, made[0] > 0)
    turned = {
        word: np.tile(getattr(net.populations[0].cuba, word).reshape(5, -1)[:, 0], 15)
        for word in ("du", "dv")
    }
    columns = replace(net.populations[0], registers=replace(net.populations[0].cuba, **turned))
    theirs = reference.run(replace(net, populations=(columns,)), inputs)
    assert np.array_equal(theirs.spikes[0].to_dense(), made[0] > 0)


def test_what_lava_dl_cannot_run_or_write() -> None:
    """Blocks whose files cannot exist as they are, whatever their documentation says."""
    import torch

    block = import_slayer().block
    resonator = {"threshold": 1.0, "threshold_step": 0.4, "period": 9, "decay": 0.1}
    resonator |= {"threshold_decay": 0.1, "refractory_decay": 0.2}
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'refractory'"):
        block.adrf_iz.Dense(resonator, 4, 3)(torch.ones(1, 4, 5))
    for one in (block.cuba.Average(2), block.cuba.TimeDecimation(2)):
        with (
            h5py.File("none", "w", driver="core", backing_store=False) as file,
            pytest.raises(AttributeError, match="has no attribute 'neuron'"),
        ):
            one.export_hdf5(file)
    with h5py.File("none", "w", driver="core", backing_store=False) as file:
        block.cuba.KWTA(dict(CUBA), 4, 3, 1).export_hdf5(file)
        assert not file.keys()
    with pytest.raises(AttributeError, match="persistent_state"):
        block.cuba.Input()(torch.ones(1, 4, 5))
