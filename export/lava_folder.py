"""A folder that runs a network with Lava alone: its numbers, a program, and a sample to check.

``network.net`` holds the network in full, ``graph.py`` builds and runs its Lava processes with
lava-nc, numpy and h5py only, on Python 3.10 too, and ``sample.npz`` has an input and what it gives.
"""

import ast
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.convolution import QuantisedConvolution
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import Events, from_dense
from hetlava.export import net_hdf5
from hetlava.export.lava_levels import level_members, split_levels
from hetlava.export.lava_neurons import check_neurons
from hetlava.export.lava_synapses import ConvPart, LavaSynapses, all_lava_synapses
from hetlava.files import replacing_folder
from hetlava.graph import INPUT
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.sigma_delta import SigmaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.recording import Recording
from hetlava.sim import reference
from hetlava.sim.memory import require_memory
from hetlava.sparse_synapses import QuantisedSparse
from hetlava.synapses import QuantisedSynapses

Lowering = Literal["vector", "levels"]

NETWORK, PROGRAM, SAMPLE = "network.net", "graph.py", "sample.npz"
# what Python itself leaves beside a program belongs to the folder too
MEMBERS = (NETWORK, PROGRAM, SAMPLE, "__pycache__")
SOURCE = Path(__file__).with_name("lava_standalone") / PROGRAM
GRADED = SOURCE.with_name("graded.py")
KERNELS = SOURCE.with_name("kernels.py")
LISTS = SOURCE.with_name("lists.py")
# the lines that keep the places of the three
NO_MODELS, NO_KERNELS = "MODELS: dict[str, Any] = {}", "connect_kernel: Any = None"
NO_LISTS = "lists_process: Any = None"
FIRST_IMPORT = "import numpy as np\n"
DEFAULT_LINE = 'LOWERING = "{}"'
GRADED_BITS = 8  # of random messages at most
RATES = (0.05, 0.2, 0.5, 1.0)  # of random spikes, from sparse to all


def write_folder(
    path: Path, net: QuantisedNetwork, inputs: Events, *, lif: Lowering = "vector"
) -> Recording:
    """Write a folder that Lava runs without hetlava; a folder of an earlier export is replaced.

    Parameters
    ----------
    path : path
        The folder; it appears whole or not at all.
    inputs : Events
        The sample that the program checks itself with.
    lif : str
        What the program does unless told otherwise: ``vector`` makes one process per population,
        with registers per neuron; ``levels`` makes one stock LIF per distinct (du, dv, vth).

    Returns
    -------
    Recording
        What the sample gives, as the reference says.

    Raises
    ------
    ValidationError
        If ``lif`` is unknown or the input does not fit.
    UnsupportedError
        If Lava cannot hold the weights, or ``levels`` cannot split the network.
    DataError
        If the folder holds other files, or the disk refuses; nothing is left then.
    """
    expected = reference.run(net, inputs, probes=("v",))
    with replacing_folder(path, MEMBERS) as folder:
        write_program(folder, net, lif)
        with (folder / SAMPLE).open("wb") as file:
            np.savez_compressed(file, **sample_arrays(net, inputs, expected))  # type: ignore[arg-type]
    return expected


def write_program(folder: Path, net: QuantisedNetwork, lif: Lowering = "vector") -> None:
    """Write the network and its program into an existing folder; raises as `write_folder`."""
    text = program(net, lif)
    net_hdf5.write(folder / NETWORK, net)
    (folder / PROGRAM).write_text(text, encoding="ascii")


def program(net: QuantisedNetwork, lif: Lowering = "vector") -> str:
    """Return ``graph.py`` for a network.

    Raises
    ------
    ValidationError, UnsupportedError
        As :func:`write_folder`.
    """
    if lif not in get_args(Lowering):
        raise ValidationError(f"lif {lif!r} is unknown; known: {', '.join(get_args(Lowering))}")
    lowered = split_levels(net).net if lif == "levels" else net
    for population in lowered.populations:
        _check_neurons(population)
    for projection in lowered.projections:
        _check(projection)
    text = SOURCE.read_text(encoding="ascii")
    docstring = ast.parse(text).body[0]
    rest = "".join(text.splitlines(keepends=True)[docstring.end_lineno :])
    rest = rest.replace(DEFAULT_LINE.format("vector"), DEFAULT_LINE.format(lif), 1)
    if len(net.cuba_populations) < len(net.populations):
        rest = _with_part(rest, GRADED, NO_MODELS)
    if any(isinstance(q, QuantisedConvolution) for q in net.projections):
        rest = _with_part(rest, KERNELS, NO_KERNELS)
    if any(isinstance(q, QuantisedSparse) for q in net.projections):
        rest = _with_part(rest, LISTS, NO_LISTS)
    return "\n".join(['"""' + "\n".join(_description(net)), '"""', ""]) + rest


def _with_part(text: str, part: Path, marker: str) -> str:
    """Return the program with a part of it, whose place a line keeps that it begins with."""
    source = part.read_text(encoding="ascii")
    body, lines = ast.parse(source).body, source.splitlines(keepends=True)
    imported = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    first, last = imported[0].lineno - 1, imported[-1].end_lineno or 0
    line = next(line for line in text.splitlines(keepends=True) if line.startswith(marker))
    text = text.replace(line, "".join(lines[last:]).lstrip("\n"), 1)
    return text.replace(FIRST_IMPORT, FIRST_IMPORT + "".join(lines[first:last]), 1)


def _check_neurons(population: QuantisedPopulation) -> None:
    """Check that the program, which knows Lava's neurons from the first step on, can hold them."""
    check_neurons(population)
    if not population.registers.stays_at_rest and population.start:
        raise UnsupportedError(
            f"population {population.name!r}: biases that act from step {population.start} on, "
            "Lava's neurons have them from the first; run it on the target lava-cpu"
        )
    if isinstance(population.registers, SigmaRegisters) and np.any(population.registers.start):
        raise UnsupportedError(f"population {population.name!r}: Lava's sums start at 0")
    if population.reset_interval:
        raise UnsupportedError(f"population {population.name!r}: the program knows no resets")


def _check(projection: QuantisedSynapses) -> None:
    """Check that the program, which knows Lava's own processes only, can hold a projection."""
    if len(held := all_lava_synapses(projection)) > 1:
        raise UnsupportedError(
            f"{projection.label}: delays of single weights of a kernel, or of graded messages that "
            "the exponent rounds, which no process of Lava holds; run it on the target lava-cpu"
        )
    _check_processes(projection, held[0])


def _check_processes(projection: QuantisedSynapses, held: LavaSynapses) -> None:
    is_kernel = isinstance(projection, QuantisedConvolution)
    if is_kernel and not isinstance(held.parts[0], ConvPart):
        raise UnsupportedError(
            f"{projection.label}: Lava's Conv cannot hold the kernel: lopsided padding, sizes "
            "beyond 8 bits, sums beyond 24 bits, or weights that the exponent rounds"
        )
    if held.delays is not None and not held.inside:
        what = "Conv has none" if is_kernel else "DelayDense would round each by itself"
        if isinstance(projection, QuantisedSparse):
            what = "Sparse has none, and DelaySparse takes no delay of 0 for one"
        raise UnsupportedError(
            f"{projection.label}: delays that Lava's own processes cannot hold: {what}; run it on "
            "the target lava-cpu"
        )


def random_inputs(net: QuantisedNetwork, rng: np.random.Generator, n_samples: int = 2) -> Events:
    """Return random spikes, the sparsest of a few rates for which the network spikes at all.

    Where graded messages are heard they have random sizes of either sign, of 8 bits at most.

    Raises
    ------
    UnsupportedError
        If memory does not hold so many samples.
    """
    shape = (net.n_steps, n_samples, net.n_inputs)
    require_memory(2 * 8 * math.prod(shape), f"random input of {n_samples} samples")
    draws = rng.random(shape)
    bits = [q.message_bits for q in net.projections if q.source == INPUT and q.message_bits]
    high = 1 << min([GRADED_BITS, *bits])
    sizes = rng.integers(1 - high, high, shape).astype(np.int32) if bits else np.True_
    for rate in RATES:
        inputs = from_dense(sizes * (draws < rate))
        if any(spikes.n_events for spikes in reference.run(net, inputs).spikes):
            break
    return inputs


def sample_arrays(
    net: QuantisedNetwork, inputs: Events, expected: Recording
) -> dict[str, AnyArray]:
    """Return the input, the spikes of every population, and v of those that never spike."""
    arrays: dict[str, AnyArray] = {"input": inputs.to_dense()}
    for k, population in enumerate(net.populations):
        arrays[f"spikes_{k}"] = expected.spikes[k].to_dense()
        if not population.registers.sends:
            arrays[f"v_{k}"] = expected.v[k]
    return arrays


def _description(net: QuantisedNetwork) -> Iterator[str]:
    """The lines of the program's docstring; names are quoted, so that none can end it."""
    yield f"A spiking network for {net.chip} as a Lava process graph, exported by hetlava."
    yield ""
    yield f"{net.n_inputs} inputs, {net.n_steps} steps of {net.dt:g} s, populations:"
    for k, population in enumerate(net.populations):
        registers = population.registers
        note = ", the output" if population.name == net.output else ""
        yield f"  {k}: {_quoted(population.name)}: {registers.n} {_kind(registers)}{note}"
    yield "projections, each a step of delay:"
    for p in net.projections:
        n_post, n_pre = p.shape
        ends = f"{_quoted(p.source)} -> {_quoted(p.target)}"
        yield f"  {ends}: {n_post} x {n_pre}, weight_exp {p.weight_exp}"
    yield ""
    yield "Needs lava-nc, numpy and h5py; hetlava is not needed. In a Python that has them:"
    yield "  python graph.py                                  run sample.npz and compare"
    yield "  python graph.py --input in.npz --save out.npz    run other spikes"
    yield "  python graph.py --lif levels                     one stock LIF per (du, dv, vth)"
    yield "  python graph.py --board                          on a Loihi 2 (never tried on one)"


def _kind(registers: NeuronRegisters) -> str:
    if not isinstance(registers, CubaRegisters):
        return f"neurons of the model {registers.model}"
    kind = "" if registers.spiking else ", integrators without spikes"
    return f"neurons, {len(level_members(registers))} distinct (du, dv, vth){kind}"


def _quoted(name: str) -> str:
    # the escapes of JSON are Python's too, and leave ASCII without a double quote or a newline
    return json.dumps(name).replace('"', "'")
