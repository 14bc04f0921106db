"""The text part of a ``.net`` file of hetlava: all of a network but its arrays, as strict JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hetlava.convolution import QuantisedConvolution
from hetlava.errors import FormatError, UnsupportedError, ValidationError
from hetlava.export.net_storage import Stored
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedSynapses

FORMAT = 5
LISTS_FORMAT = 4  # without delays of synapses, which an older hetlava reads too
GRADED_FORMAT = 3  # without lists and large weights, which an older hetlava reads too
CUBA_FORMAT = 2  # of CUBA neurons and binary spikes alone, which an older hetlava reads too
PLAIN_FORMAT = 1  # of such networks of matrices without delays
HEADER_MAX = 1 << 23  # [byte]; parsed JSON takes up to a hundred times its length
SIZE_MAX = (1 << 31) - 1  # events index neurons with 32 bits

Bytes = npt.NDArray[np.uint8]
Record = dict[str, Any]
Kinds = Mapping[str, tuple[type, ...]]

_NUMBER = (float, int)
TOP: Kinds = {
    "format": (int,),
    "chip": (str,),
    "dt": _NUMBER,
    "n_inputs": (int,),
    "n_steps": (int,),
    "output": (str,),
    "readout": (str,),
    "discretisation": (str,),
    "reset": (str,),
    "provenance": (dict,),
    "netx_differences": (list,),
    "populations": (list,),
    "projections": (list,),
}
POPULATION: Kinds = {"name": (str,), "scale": _NUMBER, "spiking": (bool,)}
MODEL: Kinds = {
    "name": (str,),
    "scale": _NUMBER,
    "model": (str,),
    "options": (dict,),
    "reset_interval": (int,),
    "reset_offset": (int,),
    "start": (int,),
}
MESSAGES: Kinds = {"message_bits": (int,), "port": (int,)}  # of a projection, where either is not 0
PROJECTION: Kinds = {
    "source": (str,),
    "target": (str,),
    "weight_exp": (int,),
    "weight_bits": (int,),
}
SPARSE: Kinds = {**PROJECTION, "n_synapses": (int,)}
STORAGE: Kinds = {"halved": (bool,), "checksums": (dict,)}  # where arrays are in one piece
CONVOLUTION: Kinds = {
    **PROJECTION,
    "input_shape": (list,),
    "stride": (list,),
    "padding": (list,),
    "dilation": (list,),
    "groups": (int,),
}


def header_of(
    net: QuantisedNetwork, differences: Sequence[str], storage: Sequence[Stored]
) -> Bytes:
    """Return the header as JSON in ASCII, (n,) uint8; the same network gives the same bytes.

    ``storage`` says how each projection is stored.

    Raises
    ------
    ValidationError
        If the provenance is not plain or too long, or a size is none that a file may declare.
    """
    for what, size in (("n_inputs", net.n_inputs), ("n_steps", net.n_steps)):
        if size > SIZE_MAX:
            raise ValidationError(f"{what} is {size}, a .net file holds at most {SIZE_MAX}")
    provenance = dict(net.provenance)
    record = {
        "format": _format(net, storage),
        "chip": net.chip,
        "dt": float(net.dt),
        "n_inputs": int(net.n_inputs),
        "n_steps": int(net.n_steps),
        "output": net.output,
        "readout": net.readout,
        "discretisation": net.discretisation,
        "reset": net.reset,
        "provenance": provenance,
        "netx_differences": list(differences),
        "populations": [_population(p) for p in net.populations],
        "projections": [_projection(*pair) for pair in zip(net.projections, storage, strict=True)],
    }
    text = _dump(record)
    if json.loads(text)["provenance"] != provenance:
        raise ValidationError("provenance: a key is no text, or a value (tuple, NaN) not plain")
    if len(text) > HEADER_MAX:
        raise ValidationError(
            f"names and provenance take {len(text)} bytes, a .net file holds {HEADER_MAX}"
        )
    return np.frombuffer(text.encode(), np.uint8)


def parse_header(raw: Bytes, where: str) -> Record:
    """Return the header as a record whose keys and types were checked.

    Raises
    ------
    UnsupportedError
        If a newer hetlava wrote it.
    FormatError
        If it is no JSON, or a key is missing, unknown or of another type.
    """
    if raw.ndim != 1 or raw.dtype != np.uint8 or raw.size > HEADER_MAX:
        raise FormatError(f"{where}: {raw.dtype} {raw.shape}, expected at most {HEADER_MAX} bytes")
    try:
        record = json.loads(raw.tobytes())
    # RecursionError: brackets nested ten thousand deep
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where}: no JSON: {error}") from error
    version = record.get("format") if isinstance(record, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise UnsupportedError(
            f"{where}: format {version}, this hetlava reads up to {FORMAT}; take a newer one"
        )
    return checked(record, TOP, where)


def checked(record: object, kinds: Kinds, where: str) -> Record:
    """Return ``record`` if it is an object with exactly these keys and types."""
    if not isinstance(record, dict) or record.keys() != kinds.keys():
        found = sorted(record)[:20] if isinstance(record, dict) else type(record).__name__
        raise FormatError(f"{where}: found {found}, expected {sorted(kinds)}")
    for key, kind in kinds.items():
        # bool is an int to isinstance, but no number here
        if type(record[key]) not in kind:
            raise FormatError(
                f"{where}: {key} is a {type(record[key]).__name__}, expected {kind[0].__name__}"
            )
    return record


def _population(population: QuantisedPopulation) -> Record:
    shared = {"name": population.name, "scale": float(population.scale)}
    if _is_bare(population):
        return shared | {"spiking": bool(population.cuba.spiking)}
    registers = population.registers
    return shared | {
        "model": registers.model,
        "options": {key: kind(getattr(registers, key)) for key, kind in registers.options.items()},
        "reset_interval": int(population.reset_interval),
        "reset_offset": int(population.reset_offset),
        "start": int(population.start),
    }


def _format(net: QuantisedNetwork, storage: Sequence[Stored]) -> int:
    if any(q.synaptic_delays is not None for q in net.projections):
        return FORMAT
    if any(s.checksums for s in storage) or any(map(_is_sparse, net.projections)):
        return LISTS_FORMAT
    if not all(map(_is_bare, net.populations)) or any(map(_has_messages, net.projections)):
        return GRADED_FORMAT
    return PLAIN_FORMAT if all(map(_is_plain, net.projections)) else CUBA_FORMAT


def _is_bare(population: QuantisedPopulation) -> bool:
    timed = population.reset_interval or population.reset_offset or population.start
    return isinstance(population.registers, CubaRegisters) and not timed


def _is_plain(projection: QuantisedSynapses) -> bool:
    return isinstance(projection, QuantisedProjection) and projection.delays is None


def _is_sparse(projection: QuantisedSynapses) -> bool:
    return isinstance(projection, QuantisedSparse)


def _has_messages(projection: QuantisedSynapses) -> bool:
    return projection.message_bits > 0 or projection.port > 0


def _projection(projection: QuantisedSynapses, storage: Stored) -> Record:
    shared = {
        "source": projection.source,
        "target": projection.target,
        "weight_exp": int(projection.weight_exp),
        "weight_bits": int(projection.weight_bits),
    }
    if _has_messages(projection):
        shared |= {key: int(getattr(projection, key)) for key in MESSAGES}
    if storage.checksums:
        shared |= {"halved": storage.halved, "checksums": dict(storage.checksums)}
    if isinstance(projection, QuantisedSparse):
        return shared | {"n_synapses": int(projection.weights.size)}
    if not isinstance(projection, QuantisedConvolution):
        return shared
    return shared | {
        "input_shape": [int(n) for n in projection.input_shape],
        "stride": [int(n) for n in projection.stride],
        "padding": [int(n) for pair in projection.padding for n in pair],
        "dilation": [int(n) for n in projection.dilation],
        "groups": int(projection.groups),
    }


def _dump(record: Record) -> str:
    try:
        return json.dumps(record, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(f"provenance cannot be written as JSON: {error}") from error
