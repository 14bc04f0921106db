"""The folder for Lava runs alone, checks itself, and says so when something differs."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.convolution import QuantisedConvolution, pooling
from hetlava.errors import DataError, UnsupportedError
from hetlava.events import Events, from_dense
from hetlava.export import lava_folder, net_hdf5
from hetlava.export.lava_folder import program, random_inputs, write_folder
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

SLOW = pytest.mark.slow
Named = Callable[[str], QuantisedNetwork]
RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


def run_program(python: Path, folder: Path, *options: str) -> subprocess.CompletedProcess:
    command = [str(python), "graph.py", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.lava
def test_the_folder_runs_without_hetlava_and_finds_no_difference(
    loops: tuple, tmp_path: Path, lava_python: Path
) -> None:
    expected = write_folder(tmp_path / "out", *loops)
    done = run_program(lava_python, tmp_path / "out")
    n_spikes = sum(spikes.n_events for spikes in expected.spikes)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{n_spikes} spikes, 0 differences\n" and n_spikes > 100


@pytest.mark.lava
@pytest.mark.parametrize("options", [(), pytest.param(("--lif", "vector"), marks=SLOW)])
def test_the_folder_of_levels_runs_both_ways(
    options: tuple,
    tmp_path: Path,
    lava_python: Path,
    random_network: RandomNetwork,
    few_levels: Callable,
) -> None:
    rng = np.random.default_rng(205)
    net, inputs = random_network(rng, extreme=True, max_neurons=12)
    write_folder(tmp_path / "out", few_levels(net, rng), inputs, lif="levels")
    done = run_program(lava_python, tmp_path / "out", *options)
    assert done.stdout.endswith("spikes, 0 differences\n"), done.stderr


@pytest.fixture
def images(rng: np.random.Generator, loops: tuple) -> QuantisedNetwork:
    """A kernel, a pool, and a matrix whose spikes are late."""
    kernel = QuantisedConvolution(
        source="input",
        target="a",
        weights=(2 * rng.integers(-60, 100, (4, 2, 3, 2))).astype(np.int16),
        weight_exp=1,
        input_shape=(2, 6, 5),
        stride=(1, 2),
        padding=((1, 1), (0, 0)),
    )
    pool = pooling("a", "b", 70, kernel.output_shape, (2, 1))
    matrix = QuantisedProjection(
        source="b",
        target="c",
        weights=(2 * rng.integers(-60, 100, (5, pool.shape[0]))).astype(np.int16),
        delays=rng.integers(0, 9, pool.shape[0]).astype(np.int16),
    )
    words = {"du": 900, "dv": 90, "vth": 300, "bias_mant": 3, "bias_exp": 2}
    populations = [
        QuantisedPopulation(
            name=q.target,
            registers=CubaRegisters(
                **{word: np.full(q.shape[0], value, np.int32) for word, value in words.items()}
            ),
        )
        for q in (kernel, pool, matrix)
    ]
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=60,
        n_steps=20,
        populations=tuple(populations),
        projections=(kernel, pool, matrix),
        output="c",
    )


@pytest.mark.lava
@pytest.mark.parametrize("options", [(), pytest.param(("--lif", "levels"), marks=SLOW)])
def test_the_folder_runs_kernels_pools_and_delays(
    options: tuple, images: QuantisedNetwork, tmp_path: Path, lava_python: Path
) -> None:
    inputs = from_dense(np.random.default_rng(1).random((20, 3, 60)) < 0.2)
    expected = write_folder(tmp_path / "out", images, inputs)
    assert min(spikes.n_events for spikes in expected.spikes) > 50
    done = run_program(lava_python, tmp_path / "out", *options)
    assert done.stdout.endswith("spikes, 0 differences\n"), done.stderr


@SLOW
@pytest.mark.lava
def test_the_folder_of_levels_splits_kernels_by_channels(
    images: QuantisedNetwork, tmp_path: Path, lava_python: Path
) -> None:
    net = with_levels(images, 0, np.arange(12 * 4) // 12 % 2)
    net = with_levels(net, 2, np.arange(5) % 2)
    inputs = from_dense(np.random.default_rng(1).random((20, 2, 60)) < 0.2)
    # a pool is a kernel of groups, which cannot be parted
    with pytest.raises(UnsupportedError, match="a -> b: levels that part channels"):
        write_folder(tmp_path / "out", net, inputs, lif="levels")
    kernel, pool, matrix = net.projections
    wide = replace(pool, weights=np.repeat(pool.weights, 4, axis=1), groups=1)
    net = replace(net, projections=(kernel, wide, replace(matrix, source="b")))
    write_folder(tmp_path / "out", net, inputs, lif="levels")
    for options in ((), ("--lif", "vector")):
        done = run_program(lava_python, tmp_path / "out", *options)
        assert done.stdout.endswith("spikes, 0 differences\n"), done.stderr


def with_levels(net: QuantisedNetwork, k: int, level: np.ndarray) -> QuantisedNetwork:
    """Give the neurons of a population two decays."""
    populations = list(net.populations)
    registers = populations[k].registers
    decays = np.array([90, 300], np.int32)[level]
    populations[k] = replace(populations[k], registers=replace(registers, dv=decays))
    return replace(net, populations=tuple(populations))


def test_what_no_process_of_lavas_own_holds_is_refused(images: QuantisedNetwork) -> None:
    kernel, pool, matrix = images.projections
    late = replace(pool, delays=np.ones(pool.shape[1], np.int16))
    rounding = replace(matrix, weight_exp=-4)
    lopsided = replace(kernel, padding=((2, 0), (0, 0)))
    for k, changed, message in (
        (0, lopsided, "Conv cannot hold the kernel"),
        (1, late, "Conv has none"),
        (2, rounding, "DelayDense would round"),
    ):
        projections = [*images.projections[:k], changed, *images.projections[k + 1 :]]
        with pytest.raises(UnsupportedError, match=message):
            program(replace(images, projections=tuple(projections)))


@pytest.mark.lava
@pytest.mark.parametrize("state", ["spikes", "v"])
def test_a_difference_is_counted_and_exits_with_one(
    state: str, loops: tuple, tmp_path: Path, lava_python: Path
) -> None:
    net, inputs = loops
    write_folder(tmp_path, net, inputs)
    with np.load(tmp_path / "sample.npz") as file:
        sample = dict(file)
    last = len(net.populations) - 1
    sample[f"{state}_{last if state == 'v' else 0}"][3, 1, 0] ^= True
    np.savez(tmp_path / "sample.npz", **sample)
    done = run_program(lava_python, tmp_path)
    assert done.returncode == 1 and done.stdout.endswith("spikes, 1 differences\n"), done.stderr


@pytest.mark.lava
def test_a_program_whose_levels_would_round_otherwise_refuses_to_run(
    loops: tuple, tmp_path: Path, lava_python: Path
) -> None:
    net, inputs = loops
    finer = tuple(replace(p, weight_exp=-3) for p in net.projections)
    write_folder(tmp_path, replace(net, projections=finer), inputs)
    done = run_program(lava_python, tmp_path, "--lif", "levels")
    assert done.returncode and "take --lif vector" in done.stderr and not done.stdout


def test_what_lava_cannot_hold_is_refused_and_nothing_is_left(loops: tuple, tmp_path: Path) -> None:
    net, inputs = loops
    weights = np.full_like(net.projections[0].weights, 255)
    weights.flat[0] = -255
    odd = replace(net.projections[0], weights=weights, weight_exp=-9)
    with pytest.raises(UnsupportedError, match="cannot hold odd weights"):
        write_folder(tmp_path / "out", replace(net, projections=(odd,)), inputs)
    assert not list(tmp_path.iterdir())


def test_the_folder_holds_the_network_in_full(loops: tuple, tmp_path: Path) -> None:
    net, inputs = loops
    write_folder(tmp_path / "out", net, inputs)
    assert net_hdf5.read(tmp_path / "out" / "network.net") == net
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted(
        ["out", "graph.py", "network.net", "sample.npz"]
    )


def test_an_earlier_export_is_replaced_and_foreign_files_are_not(
    loops: tuple, tmp_path: Path
) -> None:
    net, inputs = loops
    write_folder(tmp_path / "out", net, inputs.samples(0, 1))
    write_folder(tmp_path / "out", net, inputs)
    with np.load(tmp_path / "out" / "sample.npz") as sample:
        assert sample["input"].shape[1] == inputs.n_samples
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds \['thesis.txt'\], which no export wrote"):
        write_folder(tmp_path / "out", net, inputs)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_a_disk_that_refuses_leaves_the_old_folder(
    loops: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, inputs = loops
    write_folder(tmp_path / "out", net, inputs)
    before = (tmp_path / "out" / "sample.npz").read_bytes()

    def full(*args: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lava_folder.np, "savez_compressed", full)
    with pytest.raises(DataError, match="the old folder stays.*No space left"):
        write_folder(tmp_path / "out", net, inputs)
    assert (tmp_path / "out" / "sample.npz").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_random_spikes_are_as_many_as_it_takes_and_follow_the_seed(
    rng: np.random.Generator,
    named: Named,
) -> None:
    net = named("p")
    shy = replace(net.populations[0].registers, vth=np.array([1], np.int32))
    # one spike of weight 1 does not pass a threshold of 1, two in a row do
    shy = replace(shy, du=np.array([-1], np.int32))
    net = replace(net, populations=(replace(net.populations[0], registers=shy),), n_steps=4)
    inputs = random_inputs(net, np.random.default_rng(3))
    assert inputs == random_inputs(net, np.random.default_rng(3))
    assert inputs != random_inputs(net, np.random.default_rng(4))
    assert lava_folder.reference.run(net, inputs).spikes[0].n_events


def test_a_silent_network_gets_the_densest_input(rng: np.random.Generator, named: Named) -> None:
    net = replace(named("p"), projections=())
    assert random_inputs(net, rng, 3) == from_dense(np.ones((2, 3, 1), bool))


def test_neurons_that_start_late_or_are_reset_are_refused(named: Named) -> None:
    net = named("p")
    biased = replace(net.populations[0].registers, bias_mant=np.ones(1, np.int32))
    late = replace(net.populations[0], registers=biased, start=1)
    again = replace(net.populations[0], reset_interval=4)
    for population, message in ((late, "biases that act from step 1 on"), (again, "no resets")):
        with pytest.raises(UnsupportedError, match=message):
            program(replace(net, populations=(population,)))
