"""Layers of lava-dl's files as netx, its loader, computes them, instead of as SLAYER trained them.

netx scales the weights of matrices, of which Lava then truncates some; it applies the delays of a
layer's spikes to what leads to its neurons, and drops those of kernels; biases go to voltages, from
the first step on; a layer without neurons becomes an integrator that never forgets; resonators
that adapt do not, and all turn by a period and a damping that were rounded.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hetlava.arrays import Int, Int16, Int64, cast_exactly
from hetlava.errors import UnsupportedError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_parts import SlayerLayer, in_file, vector
from hetlava.export.netx_decays import netx_decays
from hetlava.export.netx_neurons import INPUT_WEIGHT
from hetlava.export.netx_weights import NetxWeights, netx_weights
from hetlava.neurons.adaptive import AdrfIzRegisters, AdrfRegisters, AlifRegisters
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.resonate import (
    ResonatorRegisters,
    RFIzhikevichRegisters,
    RFRegisters,
)
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters
from hetlava.quantised import QuantisedProjection
from hetlava.synapses import QuantisedSynapses

MATRICES = ("dense", "dense_rec")
NO_DECAY = -1  # the word du of a current that never decays


def as_netx(group: Group, layer: SlayerLayer) -> SlayerLayer:
    """Return a layer as netx computes it; what it hears must be as netx sends it.

    Raises
    ------
    UnsupportedError
        If netx does not load the layer, fails on it, or leads nothing to it.
    """
    kind = group.text("type")
    if kind == "input":
        return _input(group, layer)
    if kind not in (*MATRICES, "conv"):
        raise UnsupportedError(f"{group.where('type')}: netx loads no layer {kind!r}")
    helpers = {p.name for p in layer.helpers}
    heard = [q for q in layer.projections if q.source not in helpers]
    made = _matrices(group, layer, heard) if kind in MATRICES else _kernels(group, heard)
    registers = _neurons(group, layer.population.registers)
    return replace(
        layer,
        population=replace(layer.population, registers=registers, start=0),
        projections=tuple(made),
        signal=replace(layer.signal, delays=None),
        changes=(),
        helpers=(),
    )


def _input(group: Group, layer: SlayerLayer) -> SlayerLayer:
    """Return deltas that are handed their input themselves, without the weight of the layer."""
    if not isinstance(layer.population.registers, DeltaRegisters):
        raise UnsupportedError(f"{group.where()}: netx leads no spikes to neurons at the input")
    one_threshold(group, layer.population.registers.vth)
    heard = replace(layer.projections[0], weights=np.full((1, 1, 1, 1), INPUT_WEIGHT, np.int16))
    return replace(layer, projections=(heard,), changes=(), helpers=())


def one_threshold(group: Group, vth: Int) -> None:
    """Refuse thresholds that netx cannot hold."""
    if np.ptp(vth):
        raise UnsupportedError(f"{group.where('neuron/vThMant')}: netx takes one for all neurons")


def _kernels(group: Group, heard: list[QuantisedSynapses]) -> Iterator[QuantisedSynapses]:
    if len(heard) > 1:
        raise UnsupportedError(f"{group.where('weight')}: netx loads no complex kernels")
    if heard[0].message_bits:
        raise UnsupportedError(
            f"{group.where('weight')}: netx wraps sums of graded messages at 24 bits; not run"
        )
    yield from heard


def _neurons(group: Group, registers: NeuronRegisters) -> NeuronRegisters:
    if isinstance(registers, AlifRegisters):
        raise UnsupportedError(f"{group.where('neuron/type')}: netx fails on ALIF neurons")
    if isinstance(registers, AdrfRegisters):
        kind = RFIzhikevichRegisters if isinstance(registers, AdrfIzRegisters) else RFRegisters
        registers = kind(
            sin_decay=registers.sin_decay, cos_decay=registers.cos_decay, vth=registers.vth
        )
    if isinstance(registers, ResonatorRegisters):
        one_threshold(group, registers.vth)
        sin, cos = netx_decays(registers)
        return replace(registers, sin_decay=sin, cos_decay=cos)
    if isinstance(registers, SigmaDeltaRegisters):
        one_threshold(group, registers.vth)
    if not isinstance(registers, CubaRegisters):
        return registers
    if "neuron" not in group.keys():
        return replace(registers, du=np.full(registers.n, NO_DECAY, np.int32))
    return replace(registers, bias_mant=_bias(group, registers.n))


def _bias(group: Group, n: int) -> Int:
    if "bias" not in group.keys():
        return np.zeros(n, np.int32)
    bias = group.array("bias")
    return vector(group, "bias", n, bias.size if n % max(1, bias.size) == 0 else n)


def _matrices(
    group: Group, layer: SlayerLayer, heard: list[QuantisedSynapses]
) -> Iterator[QuantisedSynapses]:
    matrices = [q for q in heard if isinstance(q, QuantisedProjection)]
    late = layer.signal.delays
    loops = group.text("type") == "dense_rec"
    if loops and "delay" in group.keys():
        _check_loop_delays(group, matrices)
    for q, loaded in zip(matrices, _weights(group, matrices, together=loops), strict=True):
        with in_file(group):
            whole = replace(
                q,
                weights=cast_exactly(loaded.weights, np.int16, "weight"),
                # with delays netx forgets the exponent in a loop
                weight_exp=0 if loops and "delay" in group.keys() else loaded.exponent,
            )
        # the real and the imaginary part of complex weights have none
        yield from _by_delay(whole, late if loops or len(matrices) == 1 else None)


def _check_loop_delays(group: Group, matrices: list[QuantisedProjection]) -> None:
    n_post, n_pre = matrices[0].shape
    if n_post != n_pre:
        raise UnsupportedError(
            f"{group.where('delay')}: netx gives the delays of {n_post} x {n_pre} weights to those "
            f"of the loop, {n_post} x {n_post}, and fails"
        )


def _weights(
    group: Group, matrices: list[QuantisedProjection], *, together: bool
) -> tuple[NetxWeights, ...]:
    whole: list[Int64] = [q.weights.astype(np.int64) for q in matrices]
    try:
        if together:
            return netx_weights(*whole)
        return tuple(netx_weights(w)[0] for w in whole)
    except UnsupportedError as error:
        raise UnsupportedError(f"{group.where('weight')}: {error}") from error


def _by_delay(whole: QuantisedProjection, late: Int16 | None) -> Iterator[QuantisedSynapses]:
    """Yield one projection for each delay that netx gives to rows."""
    if late is None or not np.any(late):
        yield whole
        return
    for d in np.unique(late):
        rows = (late == d)[:, None]
        yield replace(
            whole,
            weights=np.where(rows, whole.weights, np.int16(0)),
            delays=np.full(whole.shape[1], d, np.int16),
        )
