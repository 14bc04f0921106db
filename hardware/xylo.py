"""Float networks to the registers of a Xylo chip.

The chip lets a current decay in the step in which it arrives, so that ``u`` is smaller by its
decay factor: weights are divided by it, which makes up for that exactly. A power of two stands for
every time constant; the budget says how far off that is.
"""

import numpy as np

from hetlava.arrays import Float, Int, Int16
from hetlava.budget import spread
from hetlava.chip_xylo import XYLO2, XyloSpec
from hetlava.errors import UnsupportedError
from hetlava.float_synapses import FloatSynapses
from hetlava.graph import INPUT
from hetlava.hardware.xylo_rules import group_of, violations
from hetlava.network import (
    Network,
    Plain,
    Population,
    refuse_delays,
    refuse_messages,
    with_matrices,
)
from hetlava.neurons.cuba import CubaLIF
from hetlava.neurons.xylo import XyloRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.rules import Violation, outside, refuse

Row = dict[str, Plain]

ROOM = 1 << 14  # largest threshold that is chosen: half of the range stays for the voltage above it


def dash_tau(dash: Int, dt: float) -> Float:
    """Return the time constant [s] of a shift decay, ``-dt / ln(1 - 2**-dash)``, dash above 0.

    Examples
    --------
    >>> dash_tau(np.array([1, 2, 4], np.int32), 1.0).round(2).tolist()
    [1.44, 3.48, 15.49]
    """
    y: Float = -dt / np.log1p(-np.exp2(-dash.astype(np.float64)))
    return y


def nearest_dash(tau: Float, dt: float, dash_max: int = XYLO2.dash_max) -> Int:
    """Return the shift whose time constant is the nearest by ratio, 1 .. ``dash_max``, (n,)."""
    known = np.log(dash_tau(np.arange(1, dash_max + 1, dtype=np.int32), dt))
    distance = np.abs(np.log(tau)[:, None] - known)
    y: Int = (1 + np.argmin(distance, axis=1)).astype(np.int32)
    return y


def quantise(net: Network, chip: XyloSpec = XYLO2) -> QuantisedNetwork:
    """Round a network to a Xylo chip; ``provenance["budget"]`` says what that cost.

    Raises
    ------
    RuleError
        If the network does not fit; the message lists every violation.
    """
    refuse_messages(net, chip.name)
    refuse_delays(net, chip.name)
    net = with_matrices(net)  # as the chip stores weights
    refuse(chip, [text for p in net.populations for text in _unrepresentable(p, net.dt)])
    scales = _scales(net, chip)
    shifts = _shifts(net, scales, chip)
    registers = {p.name: _registers(p.name, net, scales[p.name], chip) for p in net.populations}
    populations = tuple(
        QuantisedPopulation(name=name, registers=made, scale=scales[name])
        for name, made in registers.items()
    )
    rank = {INPUT: -1} | {p.name: k for k, p in enumerate(net.populations)}
    ordered = sorted(net.projections, key=lambda p: rank[p.source])
    projections = tuple(_projection(p, net, scales[p.target], shifts, chip) for p in ordered)
    budget: list[Plain] = [
        *(_neuron_row(net, p, registers[p.name]) for p in populations),
        *(
            _weight_row(a, b, net, scales[a.target])
            for a, b in zip(ordered, projections, strict=True)
        ),
    ]
    quantised = QuantisedNetwork(
        chip=chip.name,
        dt=net.dt,
        n_inputs=net.n_inputs,
        n_steps=net.n_steps,
        populations=populations,
        projections=projections,
        output=net.output,
        readout=net.readout,
        reset="subtract",
        provenance={
            "metadata": dict(net.metadata),
            "budget": budget,
            "differences": [
                f"a spike subtracts the threshold (trained: reset to {net.reset}), "
                f"and a hidden neuron may spike {chip.hidden_spikes_max} times a step"
            ],
        },
    )
    refuse(chip, violations(quantised, chip))
    return quantised


def _unrepresentable(p: Population, dt: float) -> list[Violation]:
    neurons = p.neurons
    if not isinstance(neurons, CubaLIF):
        text = "integrators without spikes, the chip has none"
        return [Violation(p.name, neurons.n, text, "read out spikes")]
    cure = "the chip subtracts its threshold; train with --reset 0V"
    found = [*outside(f"{p.name}.v_reset [V]", neurons.v_reset, 0, 0, cure)]
    for name in ("tau_mem", "tau_syn"):
        cure = "train with longer ones, or a smaller dt"
        label = f"{p.name}.{name} [dt]"
        found += outside(label, getattr(neurons, name) / dt, 1 + 1e-9, np.inf, cure)
    return found


def _gain(p: Population, dt: float, chip: XyloSpec) -> Float:
    """Return by what the current is smaller than Loihi's, (n,)."""
    dash = nearest_dash(p.neurons.tau_syn, dt, chip.dash_max)
    gain: Float = 1 - np.exp2(-dash.astype(np.float64))
    return gain


def _largest(q: FloatSynapses, net: Network, chip: XyloSpec) -> float:
    gain = _gain(net.population(q.target), net.dt, chip)
    return float(np.max(np.abs(q.weights) / gain[:, None], initial=0.0))


def _scales(net: Network, chip: XyloSpec) -> dict[str, float]:
    """Return units of the state per volt: one for all hidden neurons, whose weights share shifts.

    As large as the threshold's room and the largest shift of the weights allow.
    """
    full = ((1 << (chip.weight_bits - 1)) - 1) << chip.weight_shift_max
    scales: dict[str, float] = {}
    hidden = [p.name for p in net.populations if p.name != net.output]
    for names in (hidden, [net.output]):
        incoming = [q for q in net.projections if q.target in names]
        weight = max((_largest(q, net, chip) for q in incoming), default=0.0)
        vth = max((float(np.max(_lif(net, name).v_threshold)) for name in names), default=1.0)
        scale = min(ROOM / vth, full / weight if weight else np.inf)
        scales |= dict.fromkeys(names, scale)
    return scales


def _shifts(net: Network, scales: dict[str, float], chip: XyloSpec) -> dict[str, int]:
    """Return the smallest shift of each group of weights that holds its largest."""
    full = (1 << (chip.weight_bits - 1)) - 1
    need: dict[str, float] = {}
    for q in net.projections:
        group = group_of(q.source, q.target, net.output)
        largest = _largest(q, net, chip) * scales[q.target]
        need[group] = max(need.get(group, 0.0), largest)
    return {g: max(0, int(np.ceil(np.log2(max(x / full, 1e-9)) - 1e-9))) for g, x in need.items()}


def _registers(name: str, net: Network, scale: float, chip: XyloSpec) -> XyloRegisters:
    neurons, half = _lif(net, name), 1 << (chip.bias_bits - 1)
    dash_mem = nearest_dash(neurons.tau_mem, net.dt, chip.dash_max)
    bias = np.rint(np.exp2(-dash_mem.astype(np.float64)) * neurons.v_leak * scale)
    refuse(chip, [*outside(f"{name}.bias", bias, -half, half - 1, "lower v_leak")])
    # v > threshold is, in integers, v >= the next one
    vth = np.clip(np.floor(neurons.v_threshold * scale) + 1, 1, (1 << (chip.vth_bits - 1)) - 1)
    most = chip.output_spikes_max if name == net.output else chip.hidden_spikes_max
    return XyloRegisters(
        dash_mem=dash_mem,
        dash_syn=nearest_dash(neurons.tau_syn, net.dt, chip.dash_max),
        vth=vth.astype(np.int32),
        bias=bias.astype(np.int32),
        spikes_max=most,
    )


def _projection(
    q: FloatSynapses, net: Network, scale: float, shifts: dict[str, int], chip: XyloSpec
) -> QuantisedProjection:
    full = (1 << (chip.weight_bits - 1)) - 1
    shift = shifts[group_of(q.source, q.target, net.output)]
    gain = _gain(net.population(q.target), net.dt, chip)
    exact = q.weights / gain[:, None] * (scale / 2.0**shift)
    weights: Int16 = np.clip(np.rint(exact), -full, full).astype(np.int16)
    most = chip.input_spikes_max if q.source == INPUT else chip.hidden_spikes_max
    return QuantisedProjection(
        source=q.source,
        target=q.target,
        weights=weights,
        weight_exp=shift,
        weight_bits=chip.weight_bits,
        message_bits=most.bit_length(),
    )


def _lif(net: Network, name: str) -> CubaLIF:
    neurons = net.population(name).neurons
    if not isinstance(neurons, CubaLIF):
        raise UnsupportedError(f"population {name}: the chip has no integrators without spikes")
    return neurons


def _neuron_row(net: Network, made: QuantisedPopulation, registers: XyloRegisters) -> Row:
    neurons, dt = _lif(net, made.name), net.dt
    ends = np.isin(np.stack([registers.dash_mem, registers.dash_syn]), (1, XYLO2.dash_max))
    vth = registers.vth / (made.scale * neurons.v_threshold)
    return {
        "kind": "population",
        "name": made.name,
        "n": neurons.n,
        "scale": made.scale,
        "tau_mem": spread(dash_tau(registers.dash_mem, dt) / neurons.tau_mem - 1),
        "tau_syn": spread(dash_tau(registers.dash_syn, dt) / neurons.tau_syn - 1),
        "dead_words": 0,
        "saturated_words": int(np.count_nonzero(ends)),
        "vth": spread(vth - 1),
        "vth_mant": int(np.median(registers.vth)),
    }


def _weight_row(q: FloatSynapses, made: QuantisedProjection, net: Network, scale: float) -> Row:
    gain = _gain(net.population(q.target), net.dt, XYLO2)[:, None]
    volts = 2.0**made.weight_exp / scale
    error = made.weights * volts * gain - q.weights
    rms = float(np.sqrt(np.mean(q.weights**2))) or 1.0
    return {
        "kind": "projection",
        "name": f"{q.source} -> {q.target}",
        "shape": list(q.shape),
        "weight_exp": made.weight_exp,
        "weight_bits": made.weight_bits,
        "rms_error": 100 * float(np.sqrt(np.mean(error**2))) / rms,
        "worst_error": 100 * float(np.max(np.abs(error), initial=0.0)) / rms,
        "saturated": int(np.count_nonzero(np.abs(error) > 0.51 * volts * gain)),
        "zeros": int(np.count_nonzero(made.weights == 0)),
    }
