"""Lists of synapses as Lava's own process for them, ``Sparse``."""

from dataclasses import dataclass
from typing import Any

from hetlava.arrays import ArrayRecord, Int, Int8, Int16, Int64
from hetlava.export.lava_models import DensePart, dense_parts
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import Pair


@dataclass(frozen=True, eq=False, kw_only=True)
class SparsePart(ArrayRecord):
    """The arguments of one Lava ``Sparse`` that truncates nothing of its weights.

    Attributes
    ----------
    values : DensePart
        Its weights are those of the lists, (n_synapses,).
    post, indptr
        As in :class:`hetlava.sparse_synapses.QuantisedSparse`.
    shape : (n_post, n_pre)
    """

    values: DensePart
    post: Int
    indptr: Int64
    shape: Pair


def sparse_parts(projection: QuantisedSparse) -> tuple[SparsePart, ...]:
    """Return the Sparse processes whose summed outputs equal the projection, bit for bit.

    Raises
    ------
    UnsupportedError
        As :func:`hetlava.export.lava_models.dense_parts`: Lava treats the weights of both alike.
    """
    return tuple(
        SparsePart(
            values=part, post=projection.post, indptr=projection.indptr, shape=projection.shape
        )
        for part in dense_parts(projection)
    )


def sparse_process(part: SparsePart, message_bits: int, delays: Int8 | Int16 | None = None) -> Any:
    """Return the Lava process of a part; Lava must be enabled.

    ``delays`` are (n_synapses,), of which some are not 0.
    """
    from lava.proc.sparse.process import DelaySparse, Sparse
    from scipy.sparse import csc_matrix

    values = part.values
    # a copy: Lava's processes write to what they are given
    lists = csc_matrix((values.weights.copy(), part.post, part.indptr), shape=part.shape)
    options = values.options(message_bits) | {"weights": lists.tocsr()}
    if delays is None:
        return Sparse(**options)
    late = csc_matrix((delays.astype(int), part.post, part.indptr), shape=part.shape).tocsr()
    late.eliminate_zeros()
    return DelaySparse(delays=late, **options)
