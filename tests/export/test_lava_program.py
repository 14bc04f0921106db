"""The program of the folder for Lava: what it holds, refuses and lets a reader set."""

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

from hetlava.errors import ValidationError
from hetlava.events import Events, from_dense
from hetlava.export.lava_folder import SOURCE, program, write_folder
from hetlava.export.lava_import import enable_lava
from hetlava.fixedpoint import shift
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation

Named = Callable[[str], QuantisedNetwork]
RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]


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
    tmp_path: Path, lava_python: Path, named: Named
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


@given(
    name=st.text(min_size=1).filter(lambda s: "/" not in s and s != "input")
    | st.sampled_from(['"""', '\\"""+exit()+"""', "\\", "\\N{", '"', "\n", "é"])
)
def test_no_name_of_a_population_becomes_code(name: str, named: Named) -> None:
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
