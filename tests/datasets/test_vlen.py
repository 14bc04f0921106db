"""Rows of different lengths from the bytes of HDF5 files: equal to h5py's, or refused."""

import io
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hetlava.datasets.vlen import HEAP_HEAD, OBJECT_HEAD, REFERENCE, read_rows
from hetlava.errors import FormatError
from hetlava.export.hdf5 import DAMAGE

ROWS = [np.arange(n, dtype=np.uint16) for n in (3, 0, 700, 1, 5000)]


def written(rows, dtype="<u2", **layout):
    """The bytes of a file whose data set ``a`` holds the rows."""
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        made = file.create_dataset("a", (len(rows),), h5py.vlen_dtype(np.dtype(dtype)), **layout)
        for k, row in enumerate(rows):
            made[k] = row
    return bytearray(image.getvalue())


def read(image):
    content = np.frombuffer(bytes(image), np.uint8)
    with h5py.File(io.BytesIO(image)) as file:
        return read_rows(file["a"], content)


def references(image):
    """The references of ``a`` as a view that writes into the image."""
    with h5py.File(io.BytesIO(image)) as file:
        offset, n = file["a"].id.get_offset(), len(file["a"])
    return np.frombuffer(image, REFERENCE, n, offset)


LAYOUTS = {
    "contiguous": {},
    "chunked": {"maxshape": (None,), "chunks": (2,)},
    "deflated": {"maxshape": (None,), "chunks": (2,), "compression": "gzip"},
    "shuffled": {"maxshape": (None,), "chunks": (3,), "compression": "gzip", "shuffle": True},
    "growing": {"maxshape": (None,), "chunks": (512,)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=25)
@given(
    lengths=st.lists(st.integers(0, 90), max_size=9),
    dtype=st.sampled_from(["<f2", ">f4", "<f8", "u1", ">u2", "<i4", "<i8"]),
)
def test_rows_are_those_that_h5py_reads(layout, lengths, dtype):
    rows = [np.arange(n).astype(dtype) for n in lengths]
    found = read(written(rows, dtype, **LAYOUTS[layout]))
    assert np.array_equal(found.indptr, np.cumsum([0, *lengths]))
    assert np.array_equal(found.values, np.concatenate([np.zeros(0, dtype), *rows]))
    assert found.values.dtype == np.dtype(dtype).newbyteorder("=")


def test_rows_that_were_never_written_are_empty():
    assert read(written([], maxshape=(None,), chunks=(4,))).indptr.tolist() == [0]
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        made = file.create_dataset("a", (9,), h5py.vlen_dtype(np.uint8), chunks=(2,))
        made[5] = np.arange(7, dtype=np.uint8)
    found = read(image.getvalue())
    assert np.diff(found.indptr).tolist() == [0, 0, 0, 0, 0, 7, 0, 0, 0]


def test_a_length_that_differs_from_the_heap_is_refused():
    for length in (2, 4, 6):
        image = written(ROWS)
        references(image)["length"][0] = length
        with pytest.raises(FormatError, match=f"row 0 declares {2 * length} bytes, its heap"):
            read(image)


def test_rows_that_share_their_values_without_end_are_refused():
    image = written([np.arange(50000, dtype=np.uint16)] + ROWS * 3)
    shared = references(image)
    shared[:] = shared[0]
    with pytest.raises(FormatError, match="they cannot all be in it"):
        read(image)


def test_a_length_of_gigabytes_is_refused_before_memory_is_taken():
    image = written(ROWS)
    references(image)["length"][2] = 0xFFFFFFFF
    with pytest.raises(FormatError, match=f"in a file of {len(image)}"):
        read(image)


@pytest.mark.parametrize("address", [0, 8, 1 << 40, (1 << 64) - 1])
def test_a_heap_that_is_none_is_refused(address):
    image = written(ROWS)
    references(image)["heap"][2] = address
    with pytest.raises(FormatError, match="there is no heap|outside the file"):
        read(image)


def test_a_number_that_the_heap_does_not_have_is_refused():
    image = written(ROWS)
    references(image)["number"][2] = 77
    with pytest.raises(FormatError, match="row 2 declares 1400 bytes, its heap at .* has none"):
        read(image)


def test_an_object_that_leaves_its_heap_is_refused():
    image = written(ROWS)
    heap = int(references(image)["heap"][0])
    head = OBJECT_HEAD.unpack_from(image, heap + HEAP_HEAD.size)
    OBJECT_HEAD.pack_into(image, heap + HEAP_HEAD.size, *head[:3], 1 << 62)
    with pytest.raises(FormatError, match="leaves its heap"):
        read(image)


def test_a_heap_that_leaves_the_file_is_refused():
    image = written(ROWS)
    HEAP_HEAD.pack_into(image, int(references(image)["heap"][0]), b"GCOL", 1, 1 << 50)
    with pytest.raises(FormatError, match="outside the file"):
        read(image)


@pytest.mark.parametrize("layout", ["contiguous", "chunked", "shuffled"])
def test_random_damage_is_refused_or_changes_values_only(layout, rng):
    whole = written(ROWS, **LAYOUTS[layout])
    lengths = [row.size for row in ROWS]
    refused = 0
    for _ in range(300):
        image = bytearray(whole)
        for k in rng.integers(0, len(image), 20):
            image[k] = rng.integers(0, 256)
        try:
            found = read(image)
        except (*DAMAGE, FormatError):
            refused += 1
        else:
            assert found.values.nbytes <= len(image)
            assert found.indptr[-1] == found.values.size and len(found.indptr) <= len(lengths) + 1
    assert refused > 30


NO_ROWS = {
    "numbers": {"data": np.arange(3)},
    "texts": {"data": ["a", "b"], "dtype": h5py.string_dtype()},
    "tables_of_rows": {"shape": (2, 2), "dtype": h5py.vlen_dtype(np.uint8)},
    "rows_of_texts": {"shape": (2,), "dtype": h5py.vlen_dtype(np.dtype("S3"))},
    "too_many_rows": {"shape": (1 << 40,), "dtype": h5py.vlen_dtype(np.uint8), "chunks": (9,)},
    "rows_not_stored": {"shape": (1 << 20,), "dtype": h5py.vlen_dtype(np.uint8)},
}


@pytest.mark.parametrize("case", NO_ROWS)
def test_what_are_no_rows_is_refused(case):
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.create_dataset("a", **NO_ROWS[case])
    with pytest.raises(FormatError, match="no rows of numbers|at most|not stored"):
        read(image.getvalue())


def test_other_filters_are_refused():
    with pytest.raises(FormatError, match="filters .* are not read"):
        read(written(ROWS, chunks=(2,), compression="lzf"))


def test_a_chunk_that_unpacks_to_too_much_is_not_unpacked():
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        rows = h5py.vlen_dtype(np.uint8)
        made = file.create_dataset("a", (8,), rows, chunks=(4,), compression="gzip")
        made.id.write_direct_chunk((0,), zlib.compress(bytes(64 << 20)))
    tracemalloc.start()
    with pytest.raises(FormatError, match="a chunk has 65 bytes, expected 64"):
        read(image.getvalue())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_file_with_a_foreign_head_is_refused():
    image = io.BytesIO()
    with h5py.File(image, "w", userblock_size=512) as file:
        file.create_dataset("a", (2,), h5py.vlen_dtype(np.uint8))[0] = np.arange(3, dtype=np.uint8)
    with pytest.raises(FormatError, match="foreign head"):
        read(image.getvalue())
