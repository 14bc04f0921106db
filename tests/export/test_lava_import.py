"""Lava becomes importable, in fresh interpreters, and nothing but what is broken is touched."""

import base64
import hashlib
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import MissingPackageError
from hetlava.export import lava_import
from hetlava.export.lava_repairs import REPAIRS

lava = pytest.mark.lava


def in_fresh_python(code: str, folder: Path | None = None) -> str:
    """Run code in a new interpreter, with a folder ahead of its path, and return its output."""
    first = f"import sys; sys.path.insert(0, {str(folder)!r})\n" if folder else ""
    done = subprocess.run(
        [sys.executable, "-c", first + code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@lava
def test_enabling_loads_neither_lava_nor_torch() -> None:
    code = """
import sys
from hetlava.export.lava_import import enable_lava
enable_lava()
print([name for name in ("lava", "torch", "scipy") if name in sys.modules])"""
    assert in_fresh_python(code) == "[]"


@lava
def test_slayer_trains_where_its_object_detection_cannot_be_imported() -> None:
    code = """
import sys, torch
sys.modules["cv2"] = None
from hetlava.export import lava_import
slayer = lava_import.slayer()
neuron = dict(threshold=1.0, current_decay=0.5, voltage_decay=0.5)
block = slayer.block.cuba.Dense(neuron, 3, 2)
block(torch.ones(1, 3, 5)).sum().backward()
print(block.synapse.weight.grad.shape)
try:
    slayer.obd.YOLOBase
except ImportError as error:
    print("cv2" in str(error), "YOLOBase" in str(error))"""
    assert in_fresh_python(code).splitlines()[-1] == "True True"


def fake_packages(folder: Path, torchvision: str) -> None:
    (folder / "cv2.py").write_text("")
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(torchvision)
    for name in ("ops", "transforms"):
        (folder / "torchvision" / f"{name}.py").write_text("")


@lava
def test_object_detection_is_the_real_one_where_its_packages_work(tmp_path: Path) -> None:
    fake_packages(tmp_path, torchvision="")
    code = """
from hetlava.export.lava_import import slayer
print(slayer().obd.boundingbox.utils.cv2.__file__)"""
    assert in_fresh_python(code, tmp_path).splitlines()[-1] == str(tmp_path / "cv2.py")


@lava
def test_slayer_survives_a_torchvision_that_does_not_fit_torch(tmp_path: Path) -> None:
    fake_packages(tmp_path, torchvision="raise RuntimeError('operator does not exist')")
    code = """
import sys
from hetlava.export.lava_import import slayer
try:
    slayer().obd.YOLOBase
except ImportError as error:
    print("operator does not exist" in str(error))
print([n for n in sys.modules if n.startswith("lava.lib.dl.slayer.object_detection.")])"""
    assert in_fresh_python(code, tmp_path).splitlines() == ["True", "[]"]


@lava
def test_an_import_that_failed_before_can_be_repeated() -> None:
    code = """
import numpy as np
try:
    import lava.magma.compiler.var_model
except ValueError:
    pass
from hetlava.export.lava_import import enable_lava
enable_lava()
import lava.magma.compiler.var_model
from lava.magma.core.process.ports.ports import ReshapePort
port = ReshapePort(new_shape=(4,), old_shape=(2, 2))
print(port.get_transform_func_fwd()(np.zeros((2, 2))).shape)
print(port.get_transform_func_bwd()(np.zeros(4)).shape)"""
    assert in_fresh_python(code).splitlines() == ["(4,)", "(2, 2)"]


@lava
def test_dataclasses_are_as_before_once_lava_is_imported() -> None:
    code = """
import dataclasses, multiprocessing
before = dataclasses.dataclass, multiprocessing.set_start_method
from hetlava.export.lava_import import enable_lava
enable_lava()
import lava.magma.runtime.runtime
print((dataclasses.dataclass, multiprocessing.set_start_method) == before)"""
    assert in_fresh_python(code) == "True"


@lava
@pytest.mark.parametrize(("method", "says"), [("fork", "imported"), ("spawn", "Lava needs 'fork'")])
def test_a_start_method_set_before_is_kept_or_refused(method: str, says: str) -> None:
    code = f"""
import multiprocessing
multiprocessing.set_start_method({method!r})
from hetlava.export.lava_import import enable_lava
enable_lava()
try:
    import lava.magma.runtime.runtime
    print("imported", multiprocessing.get_start_method())
except ValueError as error:
    print(error)"""
    assert says in in_fresh_python(code)


@lava
def test_netx_reads_numbers_stored_as_arrays_of_one() -> None:
    hdf5 = lava_import.netx().hdf5
    shape = np.array([4])
    neuron = {"type": "LOIHI", "vThMant": 10, "iDecay": 100, "vDecay": 50}
    block, _ = hdf5.Network.create_input(
        {"shape": shape, "neuron": neuron, "weight": np.array([64]), "bias": np.array([3])}
    )
    assert block.neuron.s_out.shape == (4,)


@lava
def test_the_models_of_a_process_are_found_by_executing_each_file_once() -> None:
    code = """
from importlib.machinery import SourceFileLoader
from hetlava.export.lava_import import enable_lava
enable_lava()
from lava.magma.compiler.compiler_graphs import ProcGroupDiGraphs
from lava.proc.lif import models, process
executed, real = [], SourceFileLoader.exec_module
SourceFileLoader.exec_module = lambda self, m: (executed.append(self.path), real(self, m))[1]
lif = process.LIF(shape=(2,))
found = [ProcGroupDiGraphs._find_proc_models(lif) for _ in range(3)]
beside = [path for path in executed if path.endswith("lif/models.py")]
print(len(beside), found[0] == found[2], models.PyLifModelBitAcc in found[0])"""
    assert in_fresh_python(code).splitlines()[-1] == "1 True True"


@lava
def test_enabling_twice_installs_one_finder() -> None:
    assert lava_import.enable_lava() == lava_import.enable_lava()
    names = [type(finder).__name__ for finder in sys.meta_path]
    assert names.count("Finder") == 1


@lava
@pytest.mark.parametrize("package", ["lava-nc", "lava-dl"])
def test_installed_files_are_as_their_wheels_made_them(package: str) -> None:
    lava_import.enable_lava()
    paths = {name.replace(".", "/") for name in REPAIRS}
    files = [f for f in metadata.files(package) or [] if str(f.with_suffix("")) in paths]
    assert files
    for file in files:
        digest = hashlib.sha256(file.locate().read_bytes()).digest()
        assert file.hash is not None
        assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == file.hash.value


def test_absent_lava_is_named_with_the_lines_that_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lava_import, "_version", lambda package: None)
    with pytest.raises(MissingPackageError, match="lava-nc is not installed") as raised:
        lava_import.enable_lava()
    assert "--no-deps --ignore-requires-python lava-nc==0.10.0 lava-dl==0.6.0" in str(raised.value)
    assert lava_import.lava_unavailable() == str(raised.value)


def test_absent_lava_dl_is_named_where_slayer_or_netx_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lava_import, "_version", {"lava-nc": "0.10.0", "lava-dl": None}.get)
    for ask in (lava_import.slayer, lava_import.netx):
        with pytest.raises(MissingPackageError, match="lava-dl is not installed"):
            ask()


@lava
def test_a_package_that_lava_imports_and_that_is_missing_is_named() -> None:
    code = """
import sys
sys.modules["networkx"] = None
from hetlava.export.lava_import import lava_module
try:
    lava_module("lava.magma.compiler.compiler")
except ImportError as error:
    print(error)"""
    assert "lava.magma.compiler.compiler needs networkx" in in_fresh_python(code)


def test_an_unknown_version_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lava_import, "_version", {"lava-nc": "9.9.0", "lava-dl": "0.6.0"}.get)
    monkeypatch.setattr(sys, "meta_path", [f for f in sys.meta_path if "lava" not in str(type(f))])
    with pytest.warns(RuntimeWarning, match="lava-nc 9.9.0 is unknown to hetlava") as warned:
        assert lava_import.enable_lava().nc == "9.9.0"
    assert len(warned) == 1


@lava
def test_every_repair_names_a_module_that_exists() -> None:
    names = {name: Path(*name.split(".")) for name in REPAIRS}
    for package in ("lava-nc", "lava-dl"):
        for file in metadata.files(package) or []:
            stem = file.parent if file.name == "__init__.py" else file.with_suffix("")
            names = {name: path for name, path in names.items() if Path(stem) != path}
    assert not names


def test_lava_is_found_without_being_imported() -> None:
    expected = find_spec("lava") is not None
    assert (lava_import.lava_unavailable() is None) == expected
