"""Files that lie: each gives one clear error, and nothing is allocated for what they declare."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hetlava.errors import DataError, FormatError
from hetlava.export.hdf5 import Group, opened, opened_content, write_arrays

MEMORY = 4 << 20  # [byte] that reading any of these small files may take
HUGE = 10**12
Fill = Callable[[h5py.File], object]


def bomb(file: h5py.File) -> None:
    # one chunk of a billion zeros is stored, a thousand are declared
    data = file.create_dataset("x", (10**9,), "i2", chunks=(10**6,), compression="gzip")
    data[: 10**6] = 1


def doubled_bomb(file: h5py.File) -> None:
    file.create_dataset("y", data=np.zeros(1 << 19, "i1"), chunks=(1 << 19,), compression="gzip")
    for k in range(10):
        file[f"x{k}"] = file["y"]


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((10,), "i4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "d", (10,))
    file.create_virtual_dataset("x", layout)


LIES: dict[str, tuple[Fill, str]] = {
    "contiguous": (lambda f: f.create_dataset("x", (HUGE,), "i2"), "declares 2000000000000 bytes"),
    "fill value": (lambda f: f.create_dataset("x", (HUGE,), "i2", fillvalue=7), "declares"),
    "chunked": (lambda f: f.create_dataset("x", (HUGE,), "i2", chunks=(100,)), "stores 0"),
    "one large chunk": (
        lambda f: f.create_dataset("x", (4,), "i2", chunks=(10**9,), maxshape=(None,)),
        "chunks of 2000000000",
    ),
    "compression bomb": (bomb, "declares 2000000000 bytes"),
    "external storage": (
        lambda f: f.create_dataset("x", (5,), "i4", external=[("/etc/passwd", 0, 20)]),
        "another file",
    ),
    "virtual": (virtual, "another file"),
    "external link": (lambda f: f.__setitem__("x", h5py.ExternalLink("/tmp/a", "/b")), "link"),
    "soft link": (lambda f: f.__setitem__("x", h5py.SoftLink("/y")), "link"),
    "texts": (lambda f: f.create_dataset("x", data=["a", "b"]), "no array of plain numbers"),
    "vectors of any length": (
        lambda f: f.create_dataset("x", (3,), h5py.vlen_dtype(np.int32)),
        "no array of plain numbers",
    ),
    "references": (lambda f: f.create_dataset("x", (3,), h5py.ref_dtype), "no array of plain"),
    "compound": (lambda f: f.create_dataset("x", (3,), [("a", "i4")]), "no array of plain"),
    "complex": (lambda f: f.create_dataset("x", (3,), "c8"), "no array of plain numbers"),
    "nothing": (lambda f: f.create_dataset("x", data=h5py.Empty("f4")), "no array of plain"),
    "unknown filter": (
        lambda f: f.create_dataset("x", data=np.arange(99), compression="lzf"),
        "filters",
    ),
    "a group": (lambda f: f.create_group("x"), "expected a dataset"),
    "missing": (lambda f: f.create_group("y"), "missing; there are .'y'."),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_named_with_its_place_and_costs_no_memory(lie: str, tmp_path: Path) -> None:
    fill, message = LIES[lie]
    path = tmp_path / "lie.h5"
    with h5py.File(path, "w") as file:
        fill(file)
    tracemalloc.start()
    with pytest.raises(FormatError, match=f"lie.h5: x: .*{message}"), opened(path) as root:
        root.array("x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY


def test_links_to_one_block_do_not_multiply_it(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x0"] = np.zeros(100_000, np.int8)
        file["x1"] = file["x2"] = file["x0"]
    with pytest.raises(FormatError, match="add up to more"), opened(path) as root:
        for k in range(3):
            root.array(f"x{k}")


def test_compressed_blocks_grow_to_a_limit_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hetlava.export.hdf5.INFLATED_MAX", 1 << 22)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        doubled_bomb(file)
    with pytest.raises(FormatError, match="x8: the parts add up"), opened(path) as root:
        for k in range(10):
            root.array(f"x{k}")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"no HDF5 at all" * 99, "not an HDF5"), (b"\x89HDF\r\n\x1a\n", "damaged")],
)
def test_other_files_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(FormatError, match=message), opened(tmp_path / "a.h5"):
        pass


def test_what_is_no_file_is_a_missing_file(tmp_path: Path) -> None:
    files = {
        tmp_path / "none.net": "no such file",
        tmp_path: "a folder",
        Path("/dev/zero"): "no file",
    }
    for path, said in files.items():
        with pytest.raises(DataError, match=f"{path}: .*{said}"), opened(path):
            pass


@pytest.mark.parametrize("value", [b"dense", [b"dense"], "dense", ["dense"]])
def test_a_text_is_read_in_every_form_that_lava_dl_writes(value: object, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["first"] = "another text in the same heap"
        file["x"] = value
    with opened(path) as root:
        assert root.text("x") == "dense"


@pytest.mark.parametrize("value", ["a" * 65, np.bytes_(b"a" * 65), ["a", "b"], 7, "\N{SNOWMAN}"])
def test_a_text_that_is_none_or_too_long_is_refused(value: object, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = value
    with pytest.raises(FormatError, match="a.h5: x: "), opened(path) as root:
        root.text("x")


def test_arrays_come_back_as_they_went(rng: np.random.Generator, tmp_path: Path) -> None:
    arrays = {
        "a/b": rng.integers(-9, 9, (3, 4)).astype(np.int16),
        "a/c": rng.random(5),
        "large": rng.integers(0, 9, (3000, 700)).astype(np.int16),
        "scalar": np.array(True),
    }
    write_arrays(tmp_path / "a.h5", arrays)
    with opened(tmp_path / "a.h5") as root:
        assert_same(root.group("a").array("b"), arrays["a/b"])
        assert_same(root.group("a").array("c"), arrays["a/c"])
        assert_same(root.array("large"), arrays["large"])
        assert_same(root.array("scalar"), arrays["scalar"])


def assert_same(got: np.ndarray, want: np.ndarray) -> None:
    assert got.dtype == want.dtype and np.array_equal(got, want)


def test_big_endian_numbers_come_back_native(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(5, dtype=">i4")
    with opened(tmp_path / "a.h5") as root:
        assert_same(root.array("x"), np.arange(5, dtype=np.int32))


def test_an_array_under_two_names_is_stored_once(tmp_path: Path) -> None:
    block = np.zeros(100_000, np.int8)
    write_arrays(tmp_path / "a.h5", {"x": block, "y/z": block})
    assert (tmp_path / "a.h5").stat().st_size < 1.1 * block.nbytes


def test_a_wrong_shape_is_refused_before_it_is_read(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.h5", {"x": np.zeros((2, 3))})
    with pytest.raises(FormatError, match=r"shape \(2, 3\), expected \(3, 2\)"):
        with opened(tmp_path / "a.h5") as root:
            assert isinstance(root, Group)
            root.array("x", shape=(3, 2))


def test_a_content_is_read_as_its_file_is(tmp_path):
    write_arrays(tmp_path / "a.net", {"x": np.arange(5)})
    content = (tmp_path / "a.net").read_bytes()
    with opened_content(Path("archive/a"), content) as root:
        assert root.array("x").tolist() == root.dataset("x")[:].tolist() == [0, 1, 2, 3, 4]
        with pytest.raises(FormatError, match="archive/a: y: missing"):
            root.dataset("y")


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all" * 99, b"\x89HDF\r\n\x1a\n"])
def test_a_content_that_is_no_hdf5_is_refused(content):
    with (
        pytest.raises(FormatError, match="archive/a: damaged"),
        opened_content(Path("archive/a"), content),
    ):
        pass
