"""The shape of the project: who may import whom, what loads when, and what no file may hold."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("hetlava", "export", "hardware", "sim")

# A module imports from the lines above its own, and from its own line without a circle. A package
# stands for all of its modules.
LAYERS = (
    "errors arrays chips chip_spec chip_analog chip_file chip_xylo executor worker_pools sweep "
    "fixedpoint files graph events units",
    "neurons",
    "connectivity sliding listed synapses convolution sparse_synapses float_synapses "
    "synapse_forms delays",
    "network quantised recording recording_file partial_run tally work quantities distributions "
    "heterogeneity listed_values tau_statistics declarations declaration_text",
    "quantisation budget scaling codebook codebook_search codebook_pairs sharing rules parity "
    "bounds doctor activity leak threshold_folding resets",
    "sim",
    "export",
    "hardware",
    "datasets",
    "streaming",
    "train",
    "report",
    "experiments",
    "cli",
    "__main__",
)
RANK = {name: rank for rank, line in enumerate(LAYERS) for name in line.split()}

HEAVY = (
    "torch",
    "triton",
    "lava",
    "norse",
    "tonic",
    "sklearn",
    "nir",
    "nirtorch",
    "scipy",
    "matplotlib",
)
# where a heavy library may be imported as the module is loaded, which then loads on demand only
ON_LOAD = {
    "torch": "hetlava.train",
    "triton": ("hetlava.sim.triton_cuba", "hetlava.train.cuba_triton_kernels"),
    "lava": ("hetlava.export.lava_processes", "hetlava.export.lava_standalone"),
}
# where a heavy library may be imported at all
TORCH_HOMES = (
    "hetlava.train",
    "hetlava.export",
    "hetlava.sim.torch_",  # the engine for GPUs, which nothing else needs
    "hetlava.sim.triton_",
    "hetlava.hardware.bss2_program",  # runs where hxtorch is, which is made of torch
)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "hetlava" else ("hetlava", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# rglob does not follow the links inside hetlava, so that every file is met once
PATHS = {
    module_name(path): path
    for top in TOPS
    for path in (ROOT / top).rglob("*.py")
    if not (top == "hetlava" and path.relative_to(ROOT).parts[1] in TOPS)
}


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a tree imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in PATHS else str(node.module)


def parsed(module: str) -> ast.Module:
    return ast.parse(PATHS[module].read_text(encoding="utf-8"))


def part(module: str) -> str:
    return module.split(".")[1]


def ours(module: str) -> set[str]:
    found = {name for name in imports(parsed(module)) if name.startswith("hetlava.")}
    return found - {module}


MODULES = sorted(set(PATHS) - {"hetlava"})


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_its_left(module):
    assert part(module) in RANK, f"say in LAYERS where {part(module)} stands"
    right = {name for name in ours(module) if RANK[part(name)] > RANK[part(module)]}
    assert not right


def test_no_imports_go_in_a_circle():
    on_load = {module: {n for n in imports_on_load(module) if n in PATHS} for module in MODULES}
    order = TopologicalSorter({module: names - {module} for module, names in on_load.items()})
    assert len(list(order.static_order())) >= len(MODULES)


def imports_on_load(module: str) -> set[str]:
    """What a module imports outside of functions and of type checking."""
    tree = parsed(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = []
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    return set(imports(tree))


@pytest.mark.parametrize("module", MODULES)
def test_heavy_libraries_are_imported_where_they_are_needed(module):
    heavy = {name.split(".")[0] for name in imports_on_load(module)} & set(HEAVY)
    assert all(module.startswith(ON_LOAD.get(name, "nowhere")) for name in heavy)


@pytest.mark.parametrize("module", MODULES)
def test_torch_lives_in_training_and_at_the_border_to_lava(module):
    if "torch" in {name.split(".")[0] for name in imports(parsed(module))}:
        assert module.startswith(TORCH_HOMES)


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(result.stdout.split())


def test_the_packages_load_nothing_heavy():
    packages = "hetlava, hetlava.sim, hetlava.export, hetlava.hardware, hetlava.datasets"
    assert not loaded_by(f"import {packages}") & {*HEAVY, "numba", "h5py", "typer", "rich"}


def test_running_a_network_needs_neither_torch_nor_lava():
    light = [m for m in MODULES if RANK[part(m)] <= RANK["datasets"]]
    light = [m for m in light if not m.startswith((*ON_LOAD["lava"], *ON_LOAD["triton"]))]
    loaded = loaded_by("\n".join(f"import {module}" for module in light))
    # numba itself looks for scipy
    assert not loaded & (set(HEAVY) - {"scipy"})


def test_every_package_is_listed_for_the_build():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {name for name, path in PATHS.items() if path.name == "__init__.py"}
    assert found == set(config["packages"])


def test_every_folder_of_modules_is_a_package():
    assert all((path.parent / "__init__.py").is_file() for path in PATHS.values())


@pytest.mark.parametrize("top", ["export", "hardware", "sim"])
def test_a_top_folder_is_part_of_the_package(top):
    inside = ROOT / "hetlava" / top
    # a checkout without links holds a file with the target's name; then __path__ serves
    assert inside.resolve() == ROOT / top if inside.is_symlink() else not inside.is_dir()


@pytest.fixture(scope="module")
def tracked() -> dict[str, str]:
    """The text of every file under version control, by its path."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not a checkout of the repository")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8", errors="replace")
        for path in files
        if path.is_file()
    }


def test_no_file_is_longer_than_400_lines(tracked):
    source = {name: text.count("\n") for name, text in tracked.items() if name.endswith(".py")}
    assert source and {name: n for name, n in source.items() if n > 400} == {}


# split, so that this file does not hold what it looks for
FOREIGN = {
    "a path of one machine": r"(?<![\w.~-])/(?:wo" r"rk|ro" r"ot|ho" r"me|Us" r"ers)/\w",
    "a host of one network": r"//(?:[^/\s]*@)?(?:local"
    r"host|\d+\.\d+\.\d+\.\d+|[^/\s]*\.(?:inter"
    r"nal|local|lan)\b)",
    "a setting of one registry": r"(?:index-" r"url|find-" r"links|trusted-" r"host)",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_names_one_machine(tracked, what):
    found = {name: re.findall(FOREIGN[what], text) for name, text in tracked.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}
