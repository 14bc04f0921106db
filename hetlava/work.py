"""What a run did, counted in NeuroBench's terms: the ground on which energy is estimated.

Definitions of NeuroBench 2.3.0: an *effective synaptic operation* is a non-zero weight that meets a
non-zero message, a *dense* one any synapse at any step; a *membrane update* is a neuron whose
voltage differs from that of the step before, and every neuron at the first step; *activation
sparsity* is the share of neurons and steps without a message, *connection sparsity* the share of
weights that are 0. The *footprint* is NeuroBench's sum over all parameters and states, zeros
included, with the widths of the chip in place of those of torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

import numpy as np

from hetlava.arrays import AnyArray, ArrayRecord, Int64
from hetlava.chip_spec import ChipSpec, Sourced
from hetlava.chip_xylo import XyloSpec
from hetlava.connectivity import Synapses
from hetlava.errors import ValidationError
from hetlava.events import Events
from hetlava.float_synapses import FloatSynapses
from hetlava.graph import INPUT
from hetlava.listed import Listed
from hetlava.network import Network
from hetlava.neurons.cuba import CubaLI, CubaRegisters
from hetlava.neurons.refractory import cuba_part
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.xylo import XyloRegisters
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sliding import Sliding
from hetlava.synapses import QuantisedSynapses

Kind = Literal["dense", "sparse", "kernel"]
AnyNetwork = Network | QuantisedNetwork

SPARSE = 0.5  # share of weights of 0 above which a chip rather stores an index with each
WORD = 32  # [bit] of a word of models that no chip's table tells of, as hetlava holds it
EXPONENT = 4  # [bit] of a bias exponent, 0 .. 15
FLOAT = 64  # [bit] of a parameter of a float network


@dataclass(frozen=True, eq=False, kw_only=True)
class Work(ArrayRecord):
    """Counts of a run, by sample.

    Attributes
    ----------
    n_steps : int
    dt : float
        Length of a step [s].
    names : tuple of str
        The populations.
    neurons : (n_populations,) int64
    kinds : tuple of str
        How the synapses of each projection are stored: ``dense``, ``sparse``, ``kernel``.
    targets : (n_projections,) int64
        The population that each projection leads to.
    graded : (n_projections,) bool
        Whether messages of other sizes than 1 were multiplied with weights: MACs instead of ACs.
    synops : (n_projections, n_samples) int64
        Effective synaptic operations.
    dense : (n_projections,) int64
        Dense ones, of a sample.
    updates, spikes : (n_populations, n_samples) int64
        Membrane updates; messages that the neurons sent.
    fan : (n_populations,) int64
        Populations that each sends to.
    """

    n_steps: int
    dt: float
    names: tuple[str, ...]
    neurons: Int64
    kinds: tuple[str, ...]
    targets: Int64
    graded: AnyArray
    synops: Int64
    dense: Int64
    updates: Int64
    spikes: Int64
    fan: Int64

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return int(self.updates.shape[1])

    @property
    def activation_sparsity(self) -> float:
        """Share of neurons, steps and samples without a message."""
        total = int(self.neurons.sum()) * self.n_steps * self.n_samples
        return (total - int(self.spikes.sum())) / total


def count(net: AnyNetwork, inputs: Events, recording: Recording) -> Work:
    """Count the work of a run.

    Raises
    ------
    ValidationError
        If the recording has no traces of ``v``, by which updates are told.
    """
    if not recording.v:
        raise ValidationError("membrane updates are counted from v; run with the probe 'v'")
    sent = {INPUT: inputs, **dict(zip(recording.names, recording.spikes, strict=True))}
    place = {name: k for k, name in enumerate(recording.names)}
    per_source = {name: events.counts() for name, events in sent.items()}
    wires: Sequence[FloatSynapses | QuantisedSynapses] = net.projections
    synops = [per_source[q.source] @ q.fan_out() for q in wires]
    n = inputs.n_samples
    return Work(
        n_steps=inputs.n_steps,
        dt=net.dt,
        names=recording.names,
        neurons=np.array([events.n_neurons for events in recording.spikes], np.int64),
        kinds=tuple(map(kind_of, wires)),
        targets=np.array([place[q.target] for q in wires], np.int64),
        graded=np.array([_multiplies(q, sent[q.source]) for q in wires], np.bool_),
        synops=np.array(synops, np.int64).reshape(-1, n),
        dense=np.array([n_synapses(q) * inputs.n_steps for q in wires], np.int64),
        updates=np.array([membrane_updates(v) for v in recording.v], np.int64),
        spikes=np.array([per_source[name].sum(axis=1) for name in place], np.int64),
        fan=np.array([len({q.target for q in wires if q.source == name}) for name in place]),
    )


def join(parts: Sequence[Work]) -> Work:
    """Join the counts of consecutive samples of one run."""
    return replace(
        parts[0],
        graded=np.any([part.graded for part in parts], axis=0),
        synops=np.concatenate([part.synops for part in parts], axis=1),
        updates=np.concatenate([part.updates for part in parts], axis=1),
        spikes=np.concatenate([part.spikes for part in parts], axis=1),
    )


def membrane_updates(v: AnyArray) -> Int64:
    """Count updates of voltages (n_steps, n_samples, n) by sample, (n_samples,) int64."""
    changed = np.count_nonzero(v[1:] != v[:-1], axis=(0, 2)).astype(np.int64)
    y: Int64 = changed + v.shape[2]
    return y


def kind_of(synapses: Synapses) -> Kind:
    """Return how a chip stores synapses."""
    if isinstance(synapses, Sliding):
        return "kernel"
    if isinstance(synapses, Listed):
        return "sparse"
    zeros = 1 - np.count_nonzero(synapses.weights) / max(synapses.weights.size, 1)
    return "sparse" if zeros > SPARSE else "dense"


def n_synapses(synapses: Synapses) -> int:
    """Return how many synapses there are, those of weight 0 included."""
    if isinstance(synapses, Sliding):
        return int(replace(synapses, weights=np.ones_like(synapses.weights)).fan_out().sum())
    return prod(synapses.shape)


def connection_sparsity(net: AnyNetwork) -> float:
    """Return the share of weights that are 0."""
    total = sum(map(_n_weights, net.projections))
    there = sum(int(np.count_nonzero(q.weights)) for q in net.projections)
    return 1 - there / max(total, 1)


def _n_weights(synapses: Synapses) -> int:
    """Return the weights that are told apart: those of a kernel once, the zeros of lists too."""
    lists = isinstance(synapses, Listed)
    return prod(synapses.shape) if lists else synapses.weights.size


def footprint(net: AnyNetwork) -> float:
    """Return the bytes of all parameters and states by the widths of the chip.

    Zeros of matrices are included; of lists each synapse has the number of its target instead.
    """
    if isinstance(net, Network):
        bits = sum(q.weights.size * (FLOAT + _index_bits(q)) for q in net.projections)
        bits += _delay_bits(net)
        words = sum(p.neurons.n * (_n_parameters(p.neurons) + 2) for p in net.populations)
        return (bits + words * FLOAT) / 8
    spec = net.spec
    bits = sum(q.weights.size * (q.weight_bits + _index_bits(q)) for q in net.projections)
    bits += _delay_bits(net)
    bits += sum(p.registers.n * neuron_bits(p.registers, spec) for p in net.populations)
    return bits / 8


def _delay_bits(net: AnyNetwork) -> int:
    late = [q.all_delays for q in net.projections if q.all_delays is not None]
    return sum(delays.size * int(delays.max()).bit_length() for delays in late)


def _index_bits(synapses: Synapses) -> int:
    return (synapses.shape[0] - 1).bit_length() if isinstance(synapses, Listed) else 0


def neuron_bits(registers: NeuronRegisters, spec: Sourced) -> int:
    """Return the bits of the parameters and the state of a neuron on a chip."""
    if cuba_part(registers) is not None and isinstance(spec, ChipSpec):
        bias = spec.bias_mant_bits + EXPONENT
        # the silence and what is left of it
        waits = 0 if isinstance(registers, CubaRegisters) else 2 * spec.refractory_max.bit_length()
        return 2 * spec.decay_bits + spec.vth_bits + bias + waits + 2 * spec.state_bits
    if isinstance(registers, XyloRegisters) and isinstance(spec, XyloSpec):
        dashes = 2 * spec.dash_max.bit_length()
        return dashes + spec.vth_bits + spec.bias_bits + 2 * spec.state_bits
    return WORD * (len(registers.words) + len(registers.state))


def _n_parameters(neurons: CubaLI) -> int:
    return 5 if neurons.spiking else 3


def _multiplies(synapses: FloatSynapses | QuantisedSynapses, sent: Events) -> bool:
    """Tell whether messages other than 1 and -1 meet the weights."""
    if not synapses.message_bits or sent.values is None:
        return False
    return bool(np.any(np.abs(sent.values) != 1))
