"""The real netx as judge: it loads our files and gives our spikes, or refuses."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hetlava.events import from_dense
from hetlava.export.lava_import import netx as import_netx
from hetlava.export.lava_import import slayer as import_slayer
from hetlava.export.net_hdf5 import read, write
from hetlava.export.netx_rules import netx_differences
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim.reference import run

pytestmark = pytest.mark.lava

STEPS = 25
Spikes = list[np.ndarray]
RunNetx = Callable[[Path, np.ndarray], Spikes]


def registers(rng: np.random.Generator, n: int, *, spiking: bool = True) -> CubaRegisters:
    def draw(low: int, high: int) -> np.ndarray:
        return rng.integers(low, high, n).astype(np.int32)

    return CubaRegisters(
        du=draw(-1, 3000),
        dv=draw(0, 1500),
        vth=draw(20, 600),
        bias_mant=draw(-3, 8),
        bias_exp=np.full(n, 6, np.int32),
        spiking=spiking,
    )


def chain(
    rng: np.random.Generator,
    widths: list[int],
    weights: Callable[[tuple[int, int]], np.ndarray],
    *,
    recurrent: bool = False,
    exponent: int = 0,
    integrator: bool = False,
) -> QuantisedNetwork:
    """Return a chain of populations of those widths, the first being the input."""
    names = [f"p{k}" for k in range(1, len(widths))]
    ends = ["input", *names]
    size = dict(zip(ends, widths, strict=True))
    wires = list(zip(ends, names, strict=False)) + [(n, n) for n in names if recurrent]
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=widths[0],
        n_steps=STEPS,
        # the order of the populations is not the order of the layers
        populations=tuple(
            QuantisedPopulation(
                name=name,
                registers=registers(
                    rng, size[name], spiking=not (integrator and name == names[-1])
                ),
            )
            for name in reversed(names)
        ),
        projections=tuple(
            QuantisedProjection(
                source=a,
                target=b,
                weights=weights((size[b], size[a])).astype(np.int16),
                weight_exp=exponent,
            )
            for a, b in wires
        ),
        output=names[-1],
        readout="max-voltage" if integrator else "spike-count",
    )


def mixed(rng: np.random.Generator) -> Callable[[tuple[int, int]], np.ndarray]:
    return lambda shape: rng.integers(-128, 128, shape) * 2


def agreeing(net: QuantisedNetwork, path: Path, rng: np.random.Generator, run_netx: RunNetx) -> int:
    """Check that netx gives the reference's spikes in every layer; return how many there were."""
    assert netx_differences(net) == []
    write(path, net)
    x = rng.random((STEPS, net.n_inputs)) < 0.3
    want = run(net, from_dense(x[:, None, :]))
    names = [f"p{k}" for k in range(1, len(net.populations) + 1)]
    got = run_netx(path, x)
    for name, spikes in zip(names, got, strict=True):
        assert np.array_equal(spikes, want.of(name).to_dense()[:, 0].astype(np.int32)), name
    return sum(want.of(name).n_events for name in names)


def test_netx_gives_the_spikes_of_a_deep_net(
    rng: np.random.Generator, tmp_path: Path, run_netx: RunNetx
) -> None:
    net = chain(rng, [12, 16, 9, 5], mixed(rng))
    assert agreeing(net, tmp_path / "a.net", rng, run_netx) > 50


def test_netx_gives_the_spikes_of_a_recurrent_net(
    rng: np.random.Generator, tmp_path: Path, run_netx: RunNetx
) -> None:
    net = chain(rng, [12, 16, 9], mixed(rng), recurrent=True)
    assert agreeing(net, tmp_path / "a.net", rng, run_netx) > 50


def test_netx_gives_the_spikes_of_excitatory_odd_weights_with_an_exponent(
    rng: np.random.Generator, tmp_path: Path, run_netx: RunNetx
) -> None:
    net = chain(rng, [1, 6, 1], lambda shape: rng.integers(1, 32, shape), exponent=3)
    assert agreeing(net, tmp_path / "a.net", rng, run_netx) > 0


def test_netx_lets_an_integrator_never_spike(
    rng: np.random.Generator, tmp_path: Path, run_netx: RunNetx
) -> None:
    net = chain(rng, [12, 16, 4], mixed(rng), integrator=True, exponent=-1)
    assert agreeing(net, tmp_path / "a.net", rng, run_netx) > 0


@pytest.mark.parametrize("options", [{}, {"num_layers": 0}, {"skip_layers": 1}])
def test_netx_refuses_what_it_would_compute_otherwise(
    options: dict[str, int], rng: np.random.Generator, tmp_path: Path
) -> None:
    net = chain(rng, [4, 5], lambda shape: rng.choice([-255, 255], shape))
    write(tmp_path / "a.net", net)
    assert "netx changes" in netx_differences(net)[0]
    import_netx()
    from lava.lib.dl.netx.hdf5 import Network

    with pytest.raises(KeyError, match="layer"):
        Network(net_config=str(tmp_path / "a.net"), **options)


def slayer_net(path: Path) -> tuple[np.ndarray, Spikes]:
    """Export a SLAYER net with per-neuron decays; return an input and its spikes per layer."""
    slayer = import_slayer()
    import torch

    torch.manual_seed(7)
    neuron = {
        "threshold": 1.25,
        "current_decay": [0.1, 0.6],
        "voltage_decay": [0.02, 0.3],
        "shared_param": False,
        "requires_grad": False,
    }
    blocks = torch.nn.ModuleList(
        [
            slayer.block.cuba.Dense(neuron, 12, 20, weight_scale=2),
            slayer.block.cuba.Recurrent(neuron, 20, 16, weight_scale=2),
            slayer.block.cuba.Dense(neuron, 16, 5, weight_scale=2),
        ]
    )
    x = (torch.rand(1, 12, STEPS) < 0.3).float()
    spikes, signal = [], x
    with torch.no_grad():
        for block in blocks:
            signal = block(signal)
            spikes.append(signal[0].numpy().T.astype(np.int32))
    with h5py.File(path, "w") as file:
        for k, block in enumerate(blocks):
            block.export_hdf5(file.create_group(f"layer/{k}"))
        file["simulation/Ts"], file["simulation/tSample"] = 1, STEPS
    return x[0].numpy().T, spikes


def test_a_net_that_slayer_exported_runs_alike_in_slayer_netx_and_the_reference(
    tmp_path: Path, run_netx: RunNetx
) -> None:
    path = tmp_path / "slayer.net"
    x, trained = slayer_net(path)
    net = read(path)
    assert len(np.unique(net.populations[0].registers.dv)) > 10
    recording = run(net, from_dense(x[:, None, :]))
    loaded = run_netx(path, x)
    for k, events in enumerate(recording.spikes):
        ours = events.to_dense()[:, 0].astype(np.int32)
        assert np.array_equal(ours, loaded[k])
        assert np.array_equal(ours, trained[k])
        assert ours.sum() > 10


def test_what_was_read_from_slayer_is_written_for_netx(tmp_path: Path) -> None:
    slayer_net(tmp_path / "slayer.net")
    net = read(tmp_path / "slayer.net")
    write(tmp_path / "ours.net", net)
    assert netx_differences(net) == []
    assert read(tmp_path / "ours.net") == net
