"""Lists of synapses as Lava's Sparse, taken into ``graph.py`` where a network has them."""

from typing import Any

import numpy as np
from lava.proc.sparse.process import DelaySparse, Sparse


def lists_process(weights: Any, projection: Any, rows: Any, columns: Any, options: Any) -> Any:
    """Return the process of the synapses from ``columns`` to ``rows``, of all that there are."""
    from scipy.sparse import csc_matrix

    post, indptr = projection["lists"]
    n_post = int(max(post.max(initial=0), rows.max())) + 1

    def taken(values: Any) -> Any:
        whole = csc_matrix((values, post, indptr), shape=(n_post, len(indptr) - 1))
        return whole[np.asarray(rows)][:, np.asarray(columns)].tocsr()

    if projection["delays"] is None:
        return Sparse(weights=taken(weights), **options)
    late = taken(projection["delays"])
    late.eliminate_zeros()
    return DelaySparse(weights=taken(weights), delays=late, **options)
