"""Sigma-delta and resonate-and-fire networks of the real SLAYER, trained, exported, and read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hetlava.events import from_dense
from hetlava.export.lava_import import slayer as import_slayer
from hetlava.export.net_hdf5 import read
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import engine, reference

pytestmark = pytest.mark.lava

STEPS, BATCH = 40, 3
MESSAGE, SUM = 1 << 12, 1 << 18  # units per 1.0 of SLAYER's messages and of its sums
IN_64THS = 64
SIZES = "in_channels out_channels kernel_size stride padding dilation groups".split()
SIZES += ["weight_norm_enabled"]
RunNetx = Callable[[Path, np.ndarray], list[np.ndarray]]
RESONATOR = {"threshold": 0.6, "period": [5, 20], "decay": [0.02, 0.2], "shared_param": False}


@pytest.fixture(autouse=True)
def same_draw() -> None:
    """Draw the same networks and inputs in every run."""
    import_slayer()
    import torch

    torch.manual_seed(11)


def train(blocks: list[Any], x: Any) -> list[np.ndarray]:
    """Train a few steps; return what each block makes of the input, (n_steps, BATCH, n)."""
    import torch

    outputs(blocks, x)
    parameters = [p for block in blocks for p in block.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=0.02)
    for _ in range(3):
        optimiser.zero_grad()
        (outputs(blocks, x)[-1].mean(dim=-1) - torch.rand(1)).pow(2).sum().backward()
        optimiser.step()
    for block in blocks:
        block.eval()
    with torch.no_grad():
        made = outputs(blocks, x)
    return [y.reshape(BATCH, -1, STEPS).numpy().transpose(2, 0, 1) for y in made]


def outputs(blocks: list[Any], signal: Any) -> list[Any]:
    made = []
    for block in blocks:
        signal = block(signal)
        made.append(signal)
    return made


def export(path: Path, blocks: list[Any], shape: tuple[int, ...] | None = None) -> QuantisedNetwork:
    with h5py.File(path, "w") as file:
        if shape is not None:
            file.create_dataset("layer/0/type", (1,), "S10", [b"input"])
            file["layer/0/shape"] = np.array(shape)
        for k, block in enumerate(blocks, start=shape is not None):
            lend_sizes(block)
            block.export_hdf5(file.create_group(f"layer/{k}"))
    return read(path, dt=1e-3, n_steps=STEPS)


def lend_sizes(block: Any) -> None:
    """Give complex kernels the sizes that lava-dl looks for when it writes them, in vain."""
    synapse = getattr(block, "synapse", None)
    for name in SIZES if hasattr(synapse, "imag") else ():
        if hasattr(synapse.real, name):
            setattr(synapse, name, getattr(synapse.real, name))


def late(messages: np.ndarray, steps: int) -> np.ndarray:
    """SLAYER's messages so many steps later, 0 before."""
    return np.concatenate([np.zeros_like(messages[:1])] * steps + [messages])[: len(messages)]


def assert_runs_as(net: QuantisedNetwork, x: np.ndarray, expected: list[np.ndarray]) -> None:
    inputs = from_dense(x)
    found = reference.run(net, inputs)
    for name, events, wanted in zip(found.names, found.spikes, expected, strict=True):
        wrong = np.argwhere(events.to_dense() != wanted)
        assert not wrong.size, f"{name} at {wrong[0]}"
    assert engine.run(net, inputs).spikes == found.spikes


def sdnn_params(threshold: float, **more: Any) -> dict[str, Any]:
    import torch

    return {"threshold": threshold, "activation": torch.nn.functional.relu, **more}


def smooth(*shape: int) -> Any:
    """Analog input that moves slowly, on the grid of SLAYER's input."""
    import torch

    return torch.cumsum(torch.randint(-3, 4, (BATCH, *shape, STEPS)), dim=-1).float() / 32


def test_dense_sigma_deltas_run_as_slayer_trained_them(tmp_path: Path, run_netx: RunNetx) -> None:
    from lava.lib.dl.slayer.block import sigma_delta as block

    blocks = [
        block.Input(sdnn_params(0.1)),
        block.Dense(sdnn_params(0.05), 6, 9, weight_scale=4, weight_norm=True),
        block.Dense(sdnn_params(0.1), 9, 7, weight_scale=4),
        block.Output(sdnn_params(0.1), 7, 4, weight_scale=4),
    ]
    x = smooth(6)
    made = train(blocks, x)
    net = export(tmp_path / "a.net", blocks)
    assert [p.registers.model for p in net.populations] == [
        "delta",
        "sigma_delta",
        "sigma_delta",
        "sigma",
    ]
    messages = x.reshape(BATCH, -1, STEPS).numpy().transpose(2, 0, 1) * IN_64THS
    messages = np.rint(messages).astype(np.int32)
    units = [MESSAGE, MESSAGE, MESSAGE, SUM]
    # every projection takes a step here, none in SLAYER
    expected = [late(y * unit, k) for k, (y, unit) in enumerate(zip(made, units, strict=True), 1)]
    assert all(np.count_nonzero(y) > 100 for y in expected)
    assert_runs_as(net, messages, expected)
    as_netx = read(tmp_path / "a.net", dt=1e-3, n_steps=STEPS, as_netx=True)
    found = run_netx(tmp_path / "a.net", late(messages, 1)[:, 0])  # keeps the file open
    for a, b in zip(found, expected, strict=True):
        assert np.array_equal(a, b[:, 0])
    assert_runs_as(as_netx, messages, expected)


def test_biases_of_sigma_deltas_act_when_input_can_arrive(tmp_path: Path) -> None:
    from lava.lib.dl import slayer
    from lava.lib.dl.slayer.block import sigma_delta as block

    norm = {"norm": slayer.neuron.norm.MeanOnlyBatchNorm}
    blocks = [
        block.Input(sdnn_params(0.05), weight=0.75, bias=0.5),
        block.Conv(sdnn_params(0.05, **norm), 2, 3, (3, 2), padding=(1, 0), weight_scale=4),
        block.Flatten(),
        block.Dense(sdnn_params(0.2, **norm), 3 * 5 * 3, 6, weight_scale=6),
    ]
    x = smooth(2, 5, 4)
    made = train(blocks, x)
    net = export(tmp_path / "a.net", blocks)
    del made[2]  # the row of an image is no layer of its own
    assert [p.start for p in net.populations if p.registers.model == "sigma_delta"] == [2, 3]
    messages = np.rint(x.reshape(BATCH, -1, STEPS).numpy().transpose(2, 0, 1) * IN_64THS)
    expected = {
        name: late(y * MESSAGE, k)
        for k, (name, y) in enumerate(
            zip(["layer0", "layer1", "layer3"], made, strict=True), start=1
        )
    }
    found = reference.run(net, from_dense(messages.astype(np.int32)))
    for name, wanted in expected.items():
        assert np.count_nonzero(wanted) > 100
        assert np.array_equal(found.of(name).to_dense(), wanted), name


@pytest.mark.parametrize("kind", ["rf", "rf_iz"])
def test_dense_resonators_run_as_slayer_trained_them(kind: str, tmp_path: Path) -> None:
    from lava.lib.dl import slayer

    block = getattr(slayer.block, kind)
    blocks = [
        block.Dense(RESONATOR, 6, 12, weight_scale=4, weight_norm=True, delay=True),
        block.Dense(RESONATOR, 12, 8, weight_scale=4),
        block.Dense(
            RESONATOR | {"period": 8, "decay": 0.1, "shared_param": True}, 8, 5, weight_scale=6
        ),
    ]
    x = spikes(6)
    made = train(blocks, x)
    net = export(tmp_path / "a.net", blocks, (6, 1, 1))
    assert {p.registers.model for p in net.populations} == {kind}
    assert [q.port for q in net.projections] == [0, 1] * 3
    assert_spikes(net, x, blocks, made)


@pytest.mark.parametrize("kind", ["rf", "rf_iz"])
def test_images_of_resonators_run_as_slayer_trained_them(kind: str, tmp_path: Path) -> None:
    from lava.lib.dl import slayer

    block = getattr(slayer.block, kind)
    one = RESONATOR | {"period": 7, "decay": 0.1, "shared_param": True}
    blocks = [
        block.Conv(one, 2, 4, 3, padding=1, weight_scale=4),
        block.Pool(one | {"threshold": 0.3}, 2, weight_scale=2),
        block.Flatten(),
        block.Dense(one, 4 * 3 * 3, 5, weight_scale=4),
    ]
    x = spikes(2, 6, 6)
    made = train(blocks, x)
    del made[2]
    net = export(tmp_path / "a.net", blocks, (2, 6, 6))
    assert_spikes(net, x, [b for b in blocks if hasattr(b, "neuron")], made)


def test_netx_runs_resonators_but_for_their_decays(tmp_path: Path, run_netx: RunNetx) -> None:
    """The words of the file are those that SLAYER trained; netx has others for some."""
    from lava.lib.dl import slayer

    block = slayer.block.rf_iz
    blocks = [
        block.Dense(RESONATOR, 6, 12, weight_scale=4),
        block.Dense(RESONATOR, 12, 8, weight_scale=4),
    ]
    x = spikes(6)
    train(blocks, x)
    net = export(tmp_path / "a.net", blocks, (6, 1, 1))
    told = [str(text) for text in net.provenance["netx_changes"]]  # type: ignore[union-attr]
    assert any(text.startswith("layer/1/neuron: netx turns ") for text in told)
    as_netx = read(tmp_path / "a.net", dt=1e-3, n_steps=STEPS, as_netx=True)
    found = run_netx(tmp_path / "a.net", x[0].numpy().T)  # keeps the file open
    inputs = from_dense(x.numpy().transpose(2, 0, 1)[:, :1] > 0)
    for a, events in zip(found, reference.run(as_netx, inputs).spikes, strict=True):
        assert events.n_events > 10
        assert np.array_equal(a, events.to_dense()[:, 0])
    assert as_netx.populations[0] != net.populations[0]


def spikes(*shape: int) -> Any:
    import torch

    return (torch.rand(BATCH, *shape, STEPS) < 0.3).float()


def assert_spikes(net: QuantisedNetwork, x: Any, blocks: list[Any], made: list[np.ndarray]) -> None:
    """Compare spikes: SLAYER's come out of a block a step late, as long as hetlava's travel."""
    inputs = from_dense(x.reshape(BATCH, -1, STEPS).numpy().transpose(2, 0, 1) > 0)
    found = reference.run(net, inputs)
    for block, events, wanted in zip(blocks, found.spikes, made, strict=True):
        sent = events.to_dense()
        if block.delay is not None:
            steps = np.floor(block.delay.delay.detach().numpy().ravel()).astype(int)
            sent = np.stack([late(sent[..., j], d) for j, d in enumerate(steps)], axis=-1)
        assert np.count_nonzero(wanted) > 20
        assert np.array_equal(sent, wanted > 0)
    assert engine.run(net, inputs).spikes == found.spikes
