"""The group ``hetlava`` of a ``.net`` file: a whole network as a header and numbered arrays.

``header`` (JSON as bytes), ``populations/<i>/<word>``, ``projections/<i>/weights`` and, where
there are any, ``delays`` or ``synaptic_delays``, of lists ``post`` and ``indptr``; numbers, because
a population may have any name.
"""

from collections.abc import Sequence

from hetlava.arrays import AnyArray
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import FormatError, ValidationError
from hetlava.export.hdf5 import Group
from hetlava.export.net_header import (
    CONVOLUTION,
    MESSAGES,
    MODEL,
    POPULATION,
    PROJECTION,
    SIZE_MAX,
    SPARSE,
    STORAGE,
    Kinds,
    Record,
    checked,
    header_of,
    parse_header,
)
from hetlava.export.net_storage import read_arrays, stored
from hetlava.graph import INPUT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import neuron_model
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedSynapses

OWN = "hetlava"


def own_arrays(
    net: QuantisedNetwork, differences: Sequence[str]
) -> tuple[dict[str, AnyArray], list[str]]:
    """Return the network as datasets by path, and which of them are to be stored in one piece.

    ``differences`` to netx are kept in the header; where there are some, weights need not be stored
    as netx reads them.
    """
    storage = [stored(q, in_bytes=bool(differences)) for q in net.projections]
    arrays: dict[str, AnyArray] = {f"{OWN}/header": header_of(net, differences, storage)}
    for k, population in enumerate(net.populations):
        for name in population.registers.words:
            arrays[f"{OWN}/populations/{k}/{name}"] = getattr(population.registers, name)
    pieces = []
    for k, part in enumerate(storage):
        where = f"{OWN}/projections/{k}"
        arrays |= {f"{where}/{name}": array for name, array in part.arrays.items()}
        pieces += [f"{where}/{name}" for name in part.checksums]
    return arrays, pieces


def read_header(root: Group) -> Record:
    """Return the header, its keys and types checked."""
    own = root.group(OWN)
    return parse_header(own.array("header"), own.where("header"))


def read_own(root: Group) -> tuple[QuantisedNetwork, list[str]]:
    """Read the network of the group, and why netx cannot load it as its writer saw it.

    Raises
    ------
    FormatError
        If a part is missing, unknown or damaged, or breaks a limit of the records.
    UnsupportedError
        If a newer hetlava wrote it.
    """
    own, header = root.group(OWN), read_header(root)
    parts = {"header", "populations"} | ({"projections"} if header["projections"] else set())
    _check_members(own, parts)
    try:
        return _network(own, header), [str(text) for text in header["netx_differences"]]
    except ValidationError as error:
        raise FormatError(f"{own.where()}: {error}") from error


def _network(own: Group, header: Record) -> QuantisedNetwork:
    for what in ("n_inputs", "n_steps"):
        if not 1 <= header[what] <= SIZE_MAX:
            raise FormatError(
                f"{own.where('header')}: {what} {header[what]} is not 1 .. {SIZE_MAX}"
            )
    populations = _populations(own, header["populations"])
    sizes = {INPUT: header["n_inputs"]} | {p.name: p.registers.n for p in populations}
    return QuantisedNetwork(
        chip=header["chip"],
        dt=header["dt"],
        n_inputs=header["n_inputs"],
        n_steps=header["n_steps"],
        populations=populations,
        projections=_projections(own, header["projections"], sizes),
        output=header["output"],
        readout=header["readout"],
        discretisation=header["discretisation"],
        reset=header["reset"],
        provenance=header["provenance"],
    )


def _populations(own: Group, records: list[object]) -> tuple[QuantisedPopulation, ...]:
    top = own.group("populations")
    _check_members(top, {str(k) for k in range(len(records))})
    populations = []
    for k, item in enumerate(records):
        record = _model_record(item, own.where("header"))
        model = neuron_model(record.pop("model"))
        kinds = {key: (kind,) for key, kind in model.options.items()}
        options = checked(record.pop("options"), kinds, own.where("header"))
        group = top.group(str(k))
        _check_members(group, set(model.words))
        shape = group.array(model.words[0]).shape
        words = {name: group.array(name, shape=shape) for name in model.words}
        populations.append(QuantisedPopulation(registers=model(**words, **options), **record))
    return tuple(populations)


def _model_record(item: object, where: str) -> Record:
    if isinstance(item, dict) and "model" in item:
        return dict(checked(item, MODEL, where))
    record = checked(item, POPULATION, where)
    bare = {"model": CubaRegisters.model, "options": {"spiking": record["spiking"]}}
    return {"name": record["name"], "scale": record["scale"]} | bare


def _projections(
    own: Group, records: list[object], sizes: dict[str, int]
) -> tuple[QuantisedSynapses, ...]:
    if not records:
        return ()
    top = own.group("projections")
    _check_members(top, {str(k) for k in range(len(records))})
    where = own.where("header")
    projections: list[QuantisedSynapses] = []
    for k, item in enumerate(records):
        record, kind = _checked_projection(item, where)
        if record["source"] not in sizes or record["target"] not in sizes:
            raise FormatError(f"{where}: projection {k} leads to no population")
        group = top.group(str(k))
        n_post, n_pre = sizes[record["target"]], sizes[record["source"]]
        shapes: dict[str, tuple[int, ...] | None] = {"weights": (n_post, n_pre)}
        if kind is QuantisedConvolution:
            record, shapes = _geometry(record, where), {"weights": None}
        elif kind is QuantisedSparse:
            n = record.pop("n_synapses")
            shapes = {"weights": (n,), "post": (n,), "indptr": (n_pre + 1,)}
            record["n_post"] = n_post
        if "delays" in group.keys():
            shapes["delays"] = (n_pre,)
        if "synaptic_delays" in group.keys():
            shapes["synaptic_delays"] = shapes["weights"]
        _check_members(group, set(shapes))
        record |= read_arrays(group, shapes, record.pop("checksums", {}))
        projections.append(kind(**record))
    return tuple(projections)


def _checked_projection(item: object, where: str) -> tuple[Record, type[QuantisedSynapses]]:
    """Return the record of a projection, keys and types checked, and what it is one of."""
    keys = item.keys() if isinstance(item, dict) else set()
    kinds: Kinds = PROJECTION
    kind: type[QuantisedSynapses] = QuantisedProjection
    if "input_shape" in keys:
        kinds, kind = CONVOLUTION, QuantisedConvolution
    elif "n_synapses" in keys:
        kinds, kind = SPARSE, QuantisedSparse
    for more in (MESSAGES, STORAGE):
        if keys & more.keys():
            kinds = {**kinds, **more}
    return dict(checked(item, kinds, where)), kind


def _geometry(record: Record, where: str) -> Record:
    """Return the record of a kernel with its lists as tuples of whole numbers."""
    for key, length in (("input_shape", 3), ("stride", 2), ("padding", 4), ("dilation", 2)):
        # bool is an int to isinstance, but no number here
        if len(record[key]) != length or any(type(n) is not int for n in record[key]):
            raise FormatError(f"{where}: {key} {record[key]!r:.60}, expected {length} integers")
    top, bottom, left, right = record["padding"]
    kept = {key: tuple(record[key]) for key in ("input_shape", "stride", "dilation")}
    return record | kept | {"padding": ((top, bottom), (left, right))}


def _check_members(group: Group, expected: set[str]) -> None:
    if set(group.keys()) != expected:
        raise FormatError(
            f"{group.where()}: {list(group.keys())[:20]}, expected {sorted(expected)[:20]}"
        )
