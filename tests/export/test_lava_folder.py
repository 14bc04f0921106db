"""The folder for Lava runs alone, checks itself, and says so when something differs."""

import ast
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hetlava.convolution import QuantisedConvolution, pooling
from hetlava.errors import DataError, UnsupportedError, ValidationError
from hetlava.events import Events, from_dense
from hetlava.export import lava_folder, net_hdf5
from hetlava.export.lava_folder import SOURCE, program, random_inputs, write_folder
from hetlava.export.lava_import import enable_lava
from hetlava.fixedpoint import shift
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

SLOW = pytest.mark.slow
RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


@pytest.fixture
def loops(random_network: RandomNetwork) -> tuple:
    """A network of loops with an integrator as output, and a batch that makes it spike."""
    return random_network(np.random.default_rng(0))


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


@pytest.mark.lava
@example(seed=0, low=-256, width=0, exp=0)
@example(seed=0, low=-256, width=511, exp=-8)
@example(seed=0, low=-256, width=511, exp=0)
@example(seed=0, low=-128, width=255, exp=-8)
@given(
    seed=st.integers(0, 2**32 - 1),
    low=st.integers(-256, 255),
    width=st.integers(0, 511),
    exp=st.integers(-8, 16),
)
def test_the_program_takes_weights_apart_so_that_dense_leaves_them_alone(
    seed: int, low: int, width: int, exp: int
) -> None:
    enable_lava()
    from lava.utils.weightutils import clip_weights, truncate_weights

    from hetlava.export.lava_standalone.graph import dense_parts, sign_mode

    rng = np.random.default_rng(seed)
    weights = rng.integers(low, min(low + width, 255) + 1, (16, 9)).astype(np.int32)
    spikes = rng.integers(0, 2, 9)
    total = np.zeros(16, np.int64)
    for part, part_exp in dense_parts(weights, exp):
        mode = sign_mode(part)
        held = truncate_weights(clip_weights(part, mode, num_bits=8), mode, 8)
        total += shift((held @ spikes).astype(np.int64), part_exp)
    assert np.array_equal(total, shift((weights @ spikes).astype(np.int64), exp))


USER = """
import numpy as np
import graph

net = graph.read_network("network.net")
spikes = np.zeros((2, 1, net["n_inputs"]), bool)
records = {("spikes", 0): graph.shared((2, 1, net["populations"][0]["du"].size))}
if __name__ == "__main__":
    processes = graph.build(net, spikes, records, "vector", board=False)
    (lif,) = [p for p in processes if isinstance(p, graph.VectorLIF)]
    lif.run(graph.RunSteps(num_steps=1), run_cfg=graph.Loihi2SimCfg(select_tag="fixed_pt"))
    before = [lif.du.get().tolist(), lif.vth.get().tolist(), lif.v.get().tolist()]
    lif.vth.set(np.array([0, 1000]))
    lif.dv.set(np.array([0, 4096]))
    lif.run(graph.RunSteps(num_steps=1))
    after = [lif.vth.get().tolist(), lif.dv.get().tolist(), lif.v.get().tolist()]
    lif.stop()
    print(before, after, records["spikes", 0][:, 0].tolist())
"""


@pytest.mark.lava
def test_the_program_is_a_module_whose_registers_can_be_read_and_set(
    tmp_path: Path, lava_python: Path
) -> None:
    words = {"du": [3, 4], "dv": [0, 0], "vth": [1000, 1000], "bias_mant": [7, 9]}
    registers = CubaRegisters(
        **{name: np.array(word, np.int32) for name, word in words.items()},
        bias_exp=np.zeros(2, np.int32),
    )
    population = QuantisedPopulation(name="p", registers=registers)
    net = replace(named("p"), populations=(population,), projections=())
    write_folder(tmp_path / "out", net, from_dense(np.zeros((2, 1, 1), bool)))
    (tmp_path / "out" / "user.py").write_text(USER)
    command = [str(lava_python), "user.py"]
    done = subprocess.run(
        command, cwd=tmp_path / "out", capture_output=True, text=True, timeout=120
    )
    # neuron 0 passes its new threshold with 14, neuron 1 forgets its 9 and takes 9 again
    before, after = "[[3, 4], [1000, 1000], [7, 9]]", "[[0, 1000], [0, 4096], [0, 9]]"
    values = done.stdout.replace(".0", "").strip()
    assert values == f"{before} {after} [[0, 0], [1, 0]]", done.stderr


def test_the_program_is_for_python_3_10_and_needs_three_packages(loops: tuple) -> None:
    text = program(loops[0])
    tree = ast.parse(text, feature_version=(3, 10))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    tops = {str(name).split(".")[0] for name in names | froms} - sys.stdlib_module_names
    assert tops == {"lava", "numpy", "h5py"}
    assert not any("lib.dl" in str(name) for name in froms)


def named(name: str) -> QuantisedNetwork:
    zeros = np.zeros(1, np.int32)
    registers = CubaRegisters(**dict.fromkeys(("du", "dv", "vth", "bias_mant", "bias_exp"), zeros))
    projection = QuantisedProjection(source="input", target=name, weights=np.ones((1, 1), np.int16))
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=1,
        n_steps=2,
        populations=(QuantisedPopulation(name=name, registers=registers),),
        projections=(projection,),
        output=name,
    )


@given(
    name=st.text(min_size=1).filter(lambda s: "/" not in s and s != "input")
    | st.sampled_from(['"""', '\\"""+exit()+"""', "\\", "\\N{", '"', "\n", "é"])
)
def test_no_name_of_a_population_becomes_code(name: str) -> None:
    text = program(named(name))
    code = SOURCE.read_text().split('"""\n', 1)[1]
    assert text.isascii() and text.endswith(code)
    (docstring,) = ast.parse(text.removesuffix(code)).body
    assert ast.get_docstring(ast.Module([docstring], []))


def test_the_program_describes_its_network(loops: tuple) -> None:
    net, _ = loops
    text = ast.get_docstring(ast.parse(program(net)))
    for p in net.populations:
        assert f"'{p.name}': {p.registers.n} neurons" in text
    assert "integrators without spikes, the output" in text


def test_the_lowering_asked_for_is_what_the_program_does(
    rng: np.random.Generator, random_network: RandomNetwork, few_levels: Callable
) -> None:
    net = few_levels(random_network(rng)[0], rng)
    assert '\nLOWERING = "levels"' in program(net, "levels")
    assert '\nLOWERING = "vector"' in program(net)
    with pytest.raises(ValidationError, match="lif 'stock' is unknown; known: vector, levels"):
        program(net, "stock")  # type: ignore[arg-type]


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


def test_a_silent_network_gets_the_densest_input(rng: np.random.Generator) -> None:
    net = replace(named("p"), projections=())
    assert random_inputs(net, rng, 3) == from_dense(np.ones((2, 3, 1), bool))


def test_neurons_that_start_late_or_are_reset_are_refused(tmp_path: Path) -> None:
    net = named("p")
    biased = replace(net.populations[0].registers, bias_mant=np.ones(1, np.int32))
    late = replace(net.populations[0], registers=biased, start=1)
    again = replace(net.populations[0], reset_interval=4)
    for population, message in ((late, "biases that act from step 1 on"), (again, "no resets")):
        with pytest.raises(UnsupportedError, match=message):
            program(replace(net, populations=(population,)))
