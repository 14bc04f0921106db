"""Lists of synapses as Lava's Sparse, taken into ``graph.py`` where a network has them."""

from typing import Any

import numpy as np
from lava.proc.sparse.process import Sparse


def lists_process(weights: Any, lists: Any, rows: Any, columns: Any, options: Any) -> Any:
    """Return the Sparse of the synapses from ``columns`` to ``rows``, of all that there are."""
    from scipy.sparse import csc_matrix

    post, indptr = lists
    n_post = int(max(post.max(initial=0), rows.max())) + 1
    whole = csc_matrix((weights, post, indptr), shape=(n_post, len(indptr) - 1))
    return Sparse(weights=whole[np.asarray(rows)][:, np.asarray(columns)].tocsr(), **options)
