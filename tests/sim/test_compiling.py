"""Where compiled loops are kept, and when they are made anew."""

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import hetlava
from hetlava.sim import caching, compiling


def double(x):
    return 2 * x


def said_twice(module):
    """What two processes print, one after the other, that share a cache which begins empty."""
    own = os.environ | {"NUMBA_CACHE_DIR": str(module.parent / "cache")}
    return [
        subprocess.run(
            [sys.executable, str(module)], capture_output=True, text=True, check=True, env=own
        ).stdout.strip()
        for _ in range(2)
    ]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder of sources that stands for the package, and a cache of the user's beside it."""
    sources = tmp_path / "sim"
    sources.mkdir()
    for name in ("caching.py", "loops.py"):
        shutil.copy(Path(caching.__file__), sources / name)
    monkeypatch.setattr(caching, "__file__", str(sources / "caching.py"))
    monkeypatch.setattr(caching, "getfile", lambda _: str(sources / "loops.py"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(caching, "_user_cache", lambda: [tmp_path / "user"])
    return sources


def test_programs_are_kept_beside_their_sources(package):
    assert caching.cache_folder(double).parent == package / "__pycache__"


def test_a_change_in_any_source_makes_them_anew(package):
    before = caching.cache_folder(double)
    (package / "other.py").write_text("LIMIT = 3")
    between = caching.cache_folder(double)
    (package / "other.py").write_text("LIMIT = 4")
    assert len({before, between, caching.cache_folder(double)}) == 3


def test_a_read_only_installation_keeps_them_in_the_users_cache(package, tmp_path):
    (package / "__pycache__").write_text("no folder can be made here, not even by root")
    assert caching.cache_folder(double).parent == tmp_path / "user"


def test_loops_compile_where_no_cache_can_be_written(package, tmp_path):
    (package / "__pycache__").write_text("")
    (tmp_path / "user").write_text("")
    assert caching.cache_folder(double) is None
    assert compiling.compiled(double)(2) == 4


def test_a_user_without_a_home_has_no_cache_of_the_users(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert list(caching._user_cache()) == []


def test_a_program_that_cannot_be_put_in_place_leaves_nothing(tmp_path):
    (tmp_path / "loop.program").mkdir()
    caching.write_program(tmp_path / "loop.program", b"instructions", b"text")
    assert [p.name for p in tmp_path.iterdir()] == ["loop.program"]


def test_numba_is_told_where_by_its_own_variable(package, tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "elsewhere"))
    assert caching.cache_folder(double).parent == tmp_path / "elsewhere"


def test_a_second_process_takes_the_program_from_the_disk(tmp_path):
    module = tmp_path / "loops.py"
    module.write_text(
        "from hetlava.sim.compiling import compiled\n"
        "@compiled\ndef triple(x):\n    return 3 * x\n"
        "assert triple(2) == 6\n"
        "print(triple.from_disk)\n"
    )
    assert said_twice(module) == ["False", "True"]


def test_a_loop_that_is_called_by_its_address_comes_from_the_disk_too(tmp_path):
    module = tmp_path / "loops.py"
    module.write_text(
        "from hetlava.sim.calling import call\n"
        "from hetlava.sim.compiling import compiled\n"
        "def difference(a, b):\n    return a - b\n"
        "loop = compiled(difference)\n"
        "@compiled\ndef ask(at, a, b):\n    return call(at, (a, b))\n"
        "assert ask(loop.address, 5, 7) == -2\n"
        "print(loop.from_disk)\n"
    )
    assert said_twice(module) == ["False", "True"]


def test_a_program_that_is_not_whole_is_made_again(tmp_path):
    file = tmp_path / "loop.program"
    caching.write_program(file, b"instructions", b"text")
    assert caching.read_program(file) == (b"instructions", b"text")
    assert list(tmp_path.iterdir()) == [file]
    file.write_bytes(file.read_bytes()[:-1])
    assert caching.read_program(file) is None
    assert caching.read_program(tmp_path / "none") is None


def test_a_machine_that_llvm_does_not_know_is_an_error_of_compiling(monkeypatch):
    class Unknown:
        def create_library(self, name):
            raise RuntimeError("no such machine")

    monkeypatch.setattr(compiling, "cache_folder", lambda _: None)
    monkeypatch.setattr(compiling, "_codegen", Unknown)
    with pytest.raises(compiling.CompilingError, match="no such machine"):
        compiling.compiled(double)(2)


def test_networks_run_in_numpy_where_only_bytecode_is_installed(tmp_path):
    package = Path(hetlava.__file__).parent
    shutil.copytree(package, tmp_path / "hetlava", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(tmp_path / "hetlava", quiet=2, legacy=True)
    for source in (tmp_path / "hetlava").rglob("*.py"):
        source.unlink()
    run = (
        "import hetlava.sim.crossover as c, hetlava.sim.engine as e; "
        "from hetlava.events import from_dense; from numpy import ones; "
        "found = e.run(c._layer(), from_dense(ones((64, 1, 1024), bool))); "
        "print(found.details['by-reference'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "is not there" in done.stdout and "run in numpy" in done.stderr
