"""Networks of the real SLAYER, trained and exported: kernels, pools, delays, input neurons."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hetlava.errors import UnsupportedError
from hetlava.events import from_dense
from hetlava.export.lava_import import slayer as import_slayer
from hetlava.export.net_hdf5 import read, write
from hetlava.export.netx_rules import netx_differences
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import engine, reference

pytestmark = pytest.mark.lava

STEPS, BATCH = 24, 3
RunNetx = Callable[[Path, np.ndarray], list[np.ndarray]]
NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.1}
SPREAD = NEURON | {
    "current_decay": [0.1, 0.6],
    "voltage_decay": [0.02, 0.3],
    "shared_param": False,
}


@pytest.fixture(autouse=True)
def same_draw() -> None:
    """Draw the same networks and inputs in every run."""
    import_slayer()
    import torch

    torch.manual_seed(7)


def train(blocks: list[Any], shape: tuple[int, ...]) -> tuple[np.ndarray, Any]:
    """Train a few steps; return an input (n_steps, BATCH, n) and what each block makes of it."""
    import torch

    x = (torch.rand(BATCH, *shape, STEPS) < 0.3).float()
    outputs(blocks, x)  # SLAYER makes shapes and delays as it first runs
    with torch.no_grad():
        for block in blocks:
            if getattr(block, "delay", None) is not None:
                block.delay.delay.mul_(9.0)
    parameters = [p for block in blocks for p in block.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=0.03)
    for _ in range(3):
        optimiser.zero_grad()
        (outputs(blocks, x)[-1].mean(dim=-1) - torch.rand(1)).pow(2).sum().backward()
        optimiser.step()
    for block in blocks:
        if hasattr(block, "spike_state"):  # a recurrent block goes on where it was
            for state in (block.spike_state, *block.neuron.buffers()):
                state.zero_()
    with torch.no_grad():
        made = [y.reshape(BATCH, -1, STEPS).numpy() for y in outputs(blocks, x)]
    spikes = x.reshape(BATCH, -1, STEPS).numpy()
    return spikes.transpose(2, 0, 1) > 0, [y.transpose(2, 0, 1) > 0 for y in made]


def outputs(blocks: list[Any], signal: Any) -> list[Any]:
    made = []
    for block in blocks:
        signal = block(signal)
        made.append(signal)
    return made


def export(path: Path, blocks: list[Any], shape: tuple[int, ...] | None) -> QuantisedNetwork:
    """Write what SLAYER exports, with the input layer that lava-dl's own crashes on."""
    with h5py.File(path, "w") as file:
        if shape is not None:
            file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
            file["layer/0/shape"] = np.array(shape)
        for k, block in enumerate(blocks, start=shape is not None):
            block.export_hdf5(file.create_group(f"layer/{k}"))
    return read(path, dt=1e-3, n_steps=STEPS)


def run_both(net: QuantisedNetwork, x: np.ndarray) -> Recording:
    expected = reference.run(net, from_dense(x))
    assert engine.run(net, from_dense(x), threads=1).spikes == expected.spikes
    return expected


def late(spikes: np.ndarray, delays: np.ndarray) -> np.ndarray:
    shifted = np.zeros_like(spikes)
    for j, d in enumerate(np.repeat(delays, spikes.shape[2] // delays.size)):
        shifted[d:, :, j] = spikes[: STEPS - d, :, j]
    return shifted


def assert_same_spikes(
    recording: Recording, blocks: list[Any], made: list[np.ndarray], least: int = 20
) -> None:
    """Compare every block of neurons; what SLAYER delays is delayed here before it is compared."""
    neurons = [(b, y) for b, y in zip(blocks, made, strict=True) if hasattr(b, "neuron")]
    for (block, y), events in zip(neurons, recording.spikes, strict=True):
        ours = events.to_dense()
        last = block is neurons[-1][0]
        if block.delay is not None and not last:
            delays = np.floor(block.delay.delay.detach().numpy()).astype(int)
            assert delays.max() > 3
            ours = late(ours, delays)
        assert np.array_equal(ours, y)
        assert y.sum() > least


def test_kernels_and_a_pool_give_slayers_and_netxs_spikes(
    tmp_path: Path, run_netx: RunNetx
) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Conv(dict(NEURON), 2, 4, (3, 2), stride=(1, 2), padding=(1, 2), weight_scale=2),
        block.Conv(dict(NEURON), 4, 6, 2, groups=2, dilation=(2, 1), weight_scale=3),
        block.Flatten(),
        block.Dense(dict(SPREAD), 6 * 6 * 4, 5, weight_scale=3),
    ]
    x, made = train(blocks, (2, 8, 7))
    net = export(tmp_path / "a.net", blocks, (2, 8, 7))
    assert net.provenance["netx_changes"] == []
    recording = run_both(net, x)
    assert_same_spikes(recording, blocks, made)
    for k in range(BATCH):
        found = run_netx(tmp_path / "a.net", x[:, k].reshape(STEPS, 2, 8, 7))
        for events, spikes in zip(recording.spikes, found, strict=True):
            assert np.array_equal(events.to_dense()[:, k], spikes)
    write(tmp_path / "b.net", net)
    assert read(tmp_path / "b.net") == net


@pytest.mark.parametrize(
    ("height", "window", "options"),
    [
        (8, 2, {}),
        (8, (2, 3), {}),
        (8, (2, 4), {}),  # silent columns at the right
        (7, 2, {}),  # a silent row below every channel
        (9, 3, {"stride": (3, 2), "padding": (0, 1), "dilation": (1, 2)}),
        (8, 2, {"stride": (1, 1), "padding": (1, 0), "dilation": (2, 1)}),  # across channels
    ],
)
def test_pools_are_those_of_slayer(
    height: int, window: Any, options: dict[str, Any], tmp_path: Path
) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Pool(dict(NEURON), window, weight_scale=1.1, **options),
        block.Flatten(),
    ]
    x, _ = train([block.Conv(dict(NEURON), 2, 2, 1)], (2, height, 6))
    import torch

    signal = torch.tensor(x.reshape(STEPS, BATCH, 2, height, 6)).float().permute(1, 2, 3, 4, 0)
    with torch.no_grad():
        made = outputs(blocks, signal)
    blocks.append(block.Dense(dict(NEURON), made[-1].shape[1], 16, weight_scale=6))
    with torch.no_grad():
        made = [
            y.reshape(BATCH, -1, STEPS).numpy().transpose(2, 0, 1) > 0
            for y in outputs(blocks, signal)
        ]
    net = export(tmp_path / "a.net", blocks, (2, height, 6))
    assert net.provenance["netx_changes"] == ["layer/1: a pool, which netx does not load"]
    assert_same_spikes(run_both(net, x), blocks, made, least=5)
    write(tmp_path / "b.net", net)
    assert read(tmp_path / "b.net") == net


def test_a_pool_of_slayer_is_written_so_that_netx_loads_it(
    tmp_path: Path, run_netx: RunNetx
) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Conv(dict(NEURON), 2, 4, 3, padding=1, weight_scale=2),
        block.Pool(dict(NEURON), 2, weight_scale=1.1),
        block.Flatten(),
        block.Dense(dict(NEURON), 48, 9, weight_scale=4),
    ]
    x, made = train(blocks, (2, 8, 6))
    net = export(tmp_path / "a.net", blocks, (2, 8, 6))
    write(tmp_path / "b.net", net)
    found = run_netx(tmp_path / "b.net", x[:, 0].reshape(STEPS, 2, 8, 6))
    for spikes, y in zip(found, (made[0], made[1], made[3]), strict=True):
        assert np.array_equal(spikes, y[:, 0])
        assert y[:, 0].sum() > 5


def test_a_pool_that_mixes_channels_unevenly_is_refused(tmp_path: Path) -> None:
    block = import_slayer().block.cuba
    blocks = [block.Pool(dict(NEURON), 3), block.Flatten(), block.Dense(dict(NEURON), 12, 2)]
    with h5py.File(tmp_path / "a.net", "w") as file:
        file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
        file["layer/0/shape"] = np.array([3, 4, 6])
        group = file.create_group("layer/1")
        blocks[0].neuron.shape = (3, 2, 2)
        blocks[0].export_hdf5(group)
    with pytest.raises(UnsupportedError, match="of which SLAYER mixes the channels"):
        read(tmp_path / "a.net", dt=1e-3, n_steps=STEPS)


def test_delays_of_kernels_and_matrices_give_slayers_spikes(tmp_path: Path) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Conv(dict(NEURON), 2, 4, 3, padding=1, weight_scale=2, delay=True),
        block.Pool(dict(NEURON), 2, weight_scale=1.1, delay=True),
        block.Flatten(),
        block.Dense(dict(SPREAD), 48, 12, weight_scale=4, delay=True),
        block.Recurrent(dict(SPREAD), 12, 10, weight_scale=5, delay=True),
        block.Dense(dict(SPREAD), 10, 20, weight_scale=8),
    ]
    x, made = train(blocks, (2, 8, 6))
    net = export(tmp_path / "a.net", blocks, (2, 8, 6))
    assert_same_spikes(run_both(net, x), blocks, made, least=5)
    told = " ".join(net.provenance["netx_changes"])  # type: ignore[arg-type]
    assert "layer/1/delay: netx drops the delays of a kernel" in told
    assert "layer/4/delay: netx delays what leads to the layer" in told
    write(tmp_path / "b.net", net)
    assert read(tmp_path / "b.net") == net


def test_delays_of_matrices_give_netxs_output(tmp_path: Path, run_netx: RunNetx) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Dense(dict(SPREAD), 12, 20, weight_scale=2, delay=True),
        block.Dense(dict(SPREAD), 20, 7, weight_scale=3, delay=True),
    ]
    x, made = train(blocks, (12,))
    net = export(tmp_path / "a.net", blocks, (12,))
    recording = run_both(net, x)
    assert_same_spikes(recording, blocks, made)
    found = run_netx(tmp_path / "a.net", x[:, 0])
    assert np.array_equal(recording.spikes[-1].to_dense()[:, 0], found[-1])
    assert len(net.projections) > 2  # one for each delay of the output


def test_late_outputs_are_written_so_that_netx_loads_them(
    tmp_path: Path, run_netx: RunNetx
) -> None:
    block = import_slayer().block.cuba
    blocks = [
        block.Dense(dict(SPREAD), 12, 20, weight_scale=2),
        block.Dense(dict(SPREAD), 20, 7, weight_scale=3, delay=True),
    ]
    x, made = train(blocks, (12,))
    net = export(tmp_path / "a.net", blocks, (12,))
    assert net.provenance["netx_changes"] == netx_differences(net) == []
    write(tmp_path / "b.net", net)
    assert read(tmp_path / "b.net") == net
    with h5py.File(tmp_path / "a.net") as theirs, h5py.File(tmp_path / "b.net") as ours:
        for key in ("weight", "delay"):
            assert np.array_equal(theirs[f"layer/2/{key}"], ours[f"layer/2/{key}"])
    found = run_netx(tmp_path / "b.net", x[:, 0])
    assert np.array_equal(found[-1], made[-1][:, 0])


def test_a_kernel_whose_output_is_late_gives_slayers_spikes(tmp_path: Path) -> None:
    block = import_slayer().block.cuba
    blocks = [block.Conv(dict(NEURON), 2, 4, 3, weight_scale=2, delay=True)]
    x, made = train(blocks, (2, 8, 6))
    net = export(tmp_path / "a.net", blocks, (2, 8, 6))
    assert_same_spikes(run_both(net, x), blocks, made)


@pytest.mark.parametrize("shape", [(2, 6, 5), (9,)])
def test_neurons_at_the_input_give_slayers_spikes(shape: tuple[int, ...], tmp_path: Path) -> None:
    block = import_slayer().block.cuba
    n = int(np.prod(shape))
    blocks = [block.Input(dict(NEURON), weight=0.9)]
    if len(shape) == 3:
        blocks += [block.Conv(dict(NEURON), 2, 3, 2, weight_scale=3), block.Flatten()]
        n = 3 * 5 * 4
    blocks.append(block.Dense(dict(NEURON), n, 4, weight_scale=5))
    x, made = train(blocks, shape)
    net = export(tmp_path / "a.net", blocks, None)
    assert net.provenance["netx_changes"] == [
        "layer/0: neurons at the input, to which netx leads no spikes"
    ]
    assert_same_spikes(run_both(net, x), blocks, made)


def biased(blocks: list[Any], shape: tuple[int, ...]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Train, and then give the neurons' norms means that make biases of either sign."""
    import torch

    x, _ = train(blocks, shape)
    signal = torch.tensor(x.transpose(1, 2, 0).reshape(BATCH, *shape, STEPS)).float()
    with torch.no_grad():
        for block in blocks:
            for state in block.neuron.buffers():
                state.zero_()
            norm = getattr(block.neuron, "norm", None)
            if norm is not None:
                norm.update = False
                norm.running_mean = torch.rand(norm.num_features) - 0.7
        made = [y.reshape(BATCH, -1, STEPS).numpy() for y in outputs(blocks, signal)]
    return x, [y.transpose(2, 0, 1) > 0 for y in made]


def test_biases_act_when_slayers_do(tmp_path: Path) -> None:
    """To the voltage in feed-forward layers, to the current in loops and at the input."""
    slayer = import_slayer()
    block, neuron = slayer.block.cuba, SPREAD | {"norm": slayer.neuron.norm.MeanOnlyBatchNorm}
    blocks = [
        block.Input(dict(NEURON), weight=0.5, bias=0.3),
        block.Dense(dict(neuron), 9, 20, weight_scale=2),
        block.Recurrent(dict(neuron), 20, 10, weight_scale=3),
        block.Dense(dict(neuron), 10, 12, weight_scale=3),
    ]
    x, made = biased(blocks, (9,))
    net = export(tmp_path / "a.net", blocks, None)
    assert [p.start for p in net.populations] == [0, 0, 1, 0, 0, 1]
    helpers = [k for k, p in enumerate(net.populations) if p.name.endswith("-bias")]
    recording = run_both(net, x)
    kept = tuple(s for k, s in enumerate(recording.spikes) if k not in helpers)
    assert_same_spikes(replace(recording, names=kept_names(net), spikes=kept), blocks, made, 5)
    assert len(helpers) == 2 and any("biases" in str(c) for c in told(net))
    write(tmp_path / "b.net", net)
    assert read(tmp_path / "b.net") == net


def kept_names(net: QuantisedNetwork) -> tuple[str, ...]:
    return tuple(p.name for p in net.populations if not p.name.endswith("-bias"))


def told(net: QuantisedNetwork) -> list[Any]:
    return list(net.provenance["netx_changes"])  # type: ignore[arg-type]
