"""The group ``hetlava`` of a ``.net`` file: a whole network as a header and numbered arrays.

``header`` (JSON as bytes), ``populations/<i>/<word>``, ``projections/<i>/weights`` and, where
there are any, ``delays``; numbers, because a population may have any name.
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
    Record,
    checked,
    header_of,
    parse_header,
)
from hetlava.graph import INPUT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import neuron_model
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.synapses import QuantisedSynapses

OWN = "hetlava"


def own_arrays(net: QuantisedNetwork, differences: Sequence[str]) -> dict[str, AnyArray]:
    """Return the network as datasets by path; ``differences`` to netx are kept in the header."""
    arrays: dict[str, AnyArray] = {f"{OWN}/header": header_of(net, differences)}
    for k, population in enumerate(net.populations):
        for name in population.registers.words:
            arrays[f"{OWN}/populations/{k}/{name}"] = getattr(population.registers, name)
    for k, projection in enumerate(net.projections):
        arrays[f"{OWN}/projections/{k}/weights"] = projection.weights
        if projection.delays is not None:
            arrays[f"{OWN}/projections/{k}/delays"] = projection.delays
    return arrays


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
        is_kernel = isinstance(item, dict) and "input_shape" in item
        kinds = CONVOLUTION if is_kernel else PROJECTION
        has_messages = isinstance(item, dict) and bool(item.keys() & MESSAGES.keys())
        record = checked(item, {**kinds, **MESSAGES} if has_messages else kinds, where)
        group = top.group(str(k))
        _check_members(group, {"weights"} | (set(group.keys()) & {"delays"}))
        if record["source"] not in sizes or record["target"] not in sizes:
            raise FormatError(f"{where}: projection {k} leads to no population")
        n_post, n_pre = sizes[record["target"]], sizes[record["source"]]
        if "delays" in group.keys():
            record["delays"] = group.array("delays", shape=(n_pre,))
        if is_kernel:
            record["weights"] = group.array("weights")
            projections.append(QuantisedConvolution(**_geometry(record, where)))
        else:
            record["weights"] = group.array("weights", shape=(n_post, n_pre))
            projections.append(QuantisedProjection(**record))
    return tuple(projections)


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
