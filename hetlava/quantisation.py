"""Float to registers and back.

Every population has one scale [units of the state per volt]. Weights that were trained on a grid
stay on it, so that nothing is rounded twice. Otherwise the largest weight takes the full range of
the mantissa, with the smallest exponent for which truncating the state costs little.
"""

from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from hetlava.arrays import Float, Int
from hetlava.budget import population_budget, projection_budget
from hetlava.chips import ChipSpec
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT, bias_value, decay_tau, decay_word
from hetlava.network import Network, Plain, Population, from_reset
from hetlava.neurons.cuba import CubaLI, CubaLIF, CubaRegisters, coefficients
from hetlava.quantised import (
    QuantisedNetwork,
    QuantisedPopulation,
    table_of,
)
from hetlava.rules import outside, refuse, violations
from hetlava.scaling import UNIT, Precision, choose_exponents, choose_scale, round_weights, within
from hetlava.synapse_forms import of_registers
from hetlava.synapses import QuantisedSynapses

__all__ = ["Precision", "dequantise", "quantise"]

NETX_BIAS_EXP = 6  # the exponent that lava-dl's files imply
READOUT_VTH = 1 << 17  # in units of the state 2**23, above where v saturates: it never spikes


class _Words(NamedTuple):
    """Decay words (d, not the register du = d - 1), and how many were moved to fit."""

    d_syn: Int
    d_mem: Int
    dead: int
    saturated: int


class _Rounded(NamedTuple):
    """One population, its incoming projections in their order, and their rows of the budget."""

    population: QuantisedPopulation
    projections: dict[int, QuantisedSynapses]
    budget: list[dict[str, Plain]]


def quantise(net: Network, chip: ChipSpec, precision: Precision | None = None) -> QuantisedNetwork:
    """Round a network to a chip's registers; ``provenance["budget"]`` says what that cost.

    A chip resets to 0: its voltages are measured from reset potentials other than that, and the
    distance of the resting potential becomes a bias.

    Raises
    ------
    RuleError
        If the network does not fit; the message lists every violation.
    """
    precision = within(precision or Precision(), chip)
    net = from_reset(net)
    parts = [_round_population(net, p, chip, precision) for p in net.populations]
    projections = {index: q for part in parts for index, q in part.projections.items()}
    quantised = QuantisedNetwork(
        chip=chip.name,
        dt=net.dt,
        n_inputs=net.n_inputs,
        n_steps=net.n_steps,
        populations=tuple(part.population for part in parts),
        projections=tuple(projections[i] for i in range(len(net.projections))),
        output=net.output,
        readout=net.readout,
        discretisation="exponential",
        reset=net.reset,
        provenance=table_of(chip)
        | {
            "metadata": dict(net.metadata),
            "precision": asdict(precision),
            "budget": [row for part in parts for row in part.budget],
        },
    )
    refuse(chip, violations(quantised, chip))
    return quantised


def dequantise(net: QuantisedNetwork) -> Network:
    """Return the float network that the registers stand for: parameters rounded, states not.

    Raises
    ------
    UnsupportedError
        If a scale is not known, or a decay word stands for no finite time constant.
    """
    scales = {p.name: p.scale for p in net.populations}
    for name, scale in scales.items():
        if not scale > 0:
            raise UnsupportedError(f"population {name}: its scale back to volts is not known")
    return Network(
        dt=net.dt,
        n_inputs=net.n_inputs,
        n_steps=net.n_steps,
        populations=tuple(
            Population(name=p.name, neurons=_neurons(p, net.dt)) for p in net.populations
        ),
        projections=tuple(of_registers(q, _in_volts(q, scales[q.target])) for q in net.projections),
        output=net.output,
        readout=net.readout,
        metadata={"dequantised from": net.chip},
    )


def _in_volts(q: QuantisedSynapses, scale: float) -> Float:
    return np.ldexp(q.whole().astype(np.float64), STATE_SHIFT + q.weight_exp) / scale


def _round_population(
    net: Network, population: Population, chip: ChipSpec, precision: Precision
) -> _Rounded:
    incoming = {i: p for i, p in enumerate(net.projections) if p.target == population.name}
    words = _decay_words(net, population.neurons, chip, precision)
    threshold = (
        population.neurons.v_threshold
        if isinstance(population.neurons, CubaLIF)
        else np.ones(population.neurons.n)
    )
    scale = choose_scale(threshold, words.d_mem, list(incoming.values()), chip, precision)
    registers = _registers(population, words, scale, chip, precision)
    quantised = QuantisedPopulation(name=population.name, registers=registers, scale=scale)
    exponents = choose_exponents(list(incoming.values()), scale, chip, precision)
    rounded = {
        i: round_weights(p, scale, e, precision)
        for (i, p), e in zip(incoming.items(), exponents, strict=True)
    }
    rows = [population_budget(population, quantised, net.dt, words.dead, words.saturated)]
    rows += [projection_budget(incoming[i], rounded[i], scale) for i in incoming]
    return _Rounded(quantised, rounded, rows)


def _decay_words(net: Network, neurons: CubaLI, chip: ChipSpec, precision: Precision) -> _Words:
    bits = precision.decay_bits
    one = 1 << (DECAY_BITS - bits)
    step = coefficients(neurons, net.dt, net.discretisation)
    exact = net.discretisation == "exponential"
    words, dead, saturated = [], 0, 0
    for tau, keep, offset in (
        (neurons.tau_syn, step.alpha, chip.du_offset),
        (neurons.tau_mem, step.beta, 0),
    ):
        coarse = decay_word(tau, net.dt, bits) if exact else np.rint((1 - keep) * (1 << bits))
        word = coarse.astype(np.int32) * one
        largest = (chip.decay_max + offset) // one * one
        dead += int(np.count_nonzero(word < 1))
        saturated += int(np.count_nonzero(word > largest))
        words.append(np.clip(word, one, largest).astype(np.int32))
    return _Words(words[0], words[1], dead, saturated)


def _registers(
    population: Population, words: _Words, scale: float, chip: ChipSpec, precision: Precision
) -> CubaRegisters:
    neurons = population.neurons
    bias = words.d_mem / (1 << DECAY_BITS) * neurons.v_leak * scale
    exponent = _bias_exponent(bias, chip, precision)
    mantissa = np.rint(bias / 2.0**exponent)
    low, high = -chip.bias_mant_max - 1, chip.bias_mant_max
    cure = "lower v_leak, or its scale with larger weights"
    refuse(chip, list(outside(f"{population.name}.bias_mant", mantissa, low, high, cure)))
    vth = np.full(neurons.n, READOUT_VTH, np.int32)
    if isinstance(neurons, CubaLIF):
        vth = np.rint(neurons.v_threshold * (scale / UNIT)).astype(np.int32)
    return CubaRegisters(
        du=(words.d_syn - chip.du_offset).astype(np.int32),
        dv=words.d_mem,
        vth=vth,
        bias_mant=mantissa.astype(np.int32),
        bias_exp=np.full(neurons.n, exponent, np.int32),
        spiking=neurons.spiking,
    )


def _bias_exponent(bias: Float, chip: ChipSpec, precision: Precision) -> int:
    if precision.netx or not np.any(bias):
        return min(NETX_BIAS_EXP, chip.bias_exp_max)
    need = np.log2(np.max(np.abs(bias)) / chip.bias_mant_max)
    return int(np.clip(np.ceil(need), 0, chip.bias_exp_max))


def _neurons(population: QuantisedPopulation, dt: float) -> CubaLI:
    registers = population.cuba
    d_mem, d_syn = registers.dv, registers.du + 1
    for name, d in (("dv", d_mem), ("du", d_syn)):
        if np.any((d < 1) | (d >= 1 << DECAY_BITS)):
            raise UnsupportedError(
                f"population {population.name}: {name} holds decays of none or of everything; "
                "they stand for no finite time constant"
            )
    bias = bias_value(registers.bias_mant, registers.bias_exp) / population.scale
    threshold: Float = registers.vth.astype(np.float64) * (UNIT / population.scale)
    tau_mem, tau_syn = decay_tau(d_mem, dt), decay_tau(d_syn, dt)
    v_leak = bias * (1 << DECAY_BITS) / d_mem
    if not registers.spiking:
        return CubaLI(tau_mem=tau_mem, tau_syn=tau_syn, v_leak=v_leak)
    return CubaLIF(
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        v_leak=v_leak,
        v_threshold=threshold,
        v_reset=np.zeros(registers.n),
    )
