"""Projections of ``model.pt``: matrices, kernels and lists, each with what arranges its weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from hetlava.errors import ValidationError
from hetlava.float_synapses import Convolution, FloatSynapses, Projection, Sparse
from hetlava.train.plain_checks import array, check_keys, check_type, whole_numbers

KINDS: Mapping[str, type[FloatSynapses]] = {
    "matrix": Projection,
    "kernel": Convolution,
    "lists": Sparse,
}
PAIR, PAIRS = (0, 0), ((0, 0), (0, 0))
# of what whole numbers each is; others are tensors
ARRANGEMENT: Mapping[str, Mapping[str, Any]] = {
    "matrix": {},
    "kernel": {
        "input_shape": (0, 0, 0),
        "stride": PAIR,
        "padding": PAIRS,
        "dilation": PAIR,
        "groups": 0,
    },
    "lists": {"post": None, "indptr": None, "n_post": 0},
}


def synapses_to_plain(synapses: FloatSynapses) -> dict[str, Any]:
    """Return what a file holds of a projection.

    Raises
    ------
    ValidationError
        If it is of a kind that files do not hold.
    """
    kind = next((name for name, made in KINDS.items() if made is type(synapses)), None)
    if kind is None:
        raise ValidationError(
            f"{synapses.label}: a {type(synapses).__name__} cannot be written to a model"
        )
    arranged = {
        name: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for name, value in synapses.arrangement().items()
    }
    return {
        "source": synapses.source,
        "target": synapses.target,
        "weights": torch.tensor(synapses.weights),
        "grid": float(synapses.grid),
        **({"message_bits": synapses.message_bits} if synapses.message_bits else {}),
        # matrices are written as before there were others, and read by older versions
        **({"kind": kind, **arranged} if kind != "matrix" else {}),
        **{n: torch.tensor(late) for n, late in synapses.lateness().items() if late is not None},
    }


def synapses_of_plain(plain: dict[str, Any]) -> FloatSynapses:
    """Return the projection that :func:`synapses_to_plain` wrote.

    Raises
    ------
    ValidationError
        If the description is of none.
    """
    rest = dict(check_type(plain, dict, "projection"))
    bits = check_type(rest.pop("message_bits", 0), int, "message_bits")
    late = {n: array(rest.pop(n), n) for n in ("delays", "synaptic_delays") if n in rest}
    kind = rest.pop("kind", "matrix")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValidationError(f"projection of kind {kind!r}; known: {', '.join(KINDS)}")
    arranged = ARRANGEMENT[kind]
    check_keys(rest, ("source", "target", "weights", "grid", *arranged), "projection")
    return KINDS[kind](
        source=check_type(rest["source"], str, "source"),
        target=check_type(rest["target"], str, "target"),
        weights=array(rest["weights"], "weights"),
        grid=check_type(rest["grid"], float, "grid"),
        message_bits=bits,
        **late,
        **{
            name: array(rest[name], name) if like is None else whole_numbers(rest[name], like, name)
            for name, like in arranged.items()
        },
    )
