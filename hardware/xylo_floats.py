"""What the registers of a Xylo chip stand for, in seconds and volts."""

import numpy as np

from hetlava.arrays import Float
from hetlava.errors import UnsupportedError
from hetlava.float_synapses import FloatSynapses
from hetlava.hardware.xylo import dash_tau
from hetlava.network import Network, Population
from hetlava.neurons.cuba import CubaLIF
from hetlava.neurons.xylo import XyloRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation
from hetlava.synapse_forms import of_registers
from hetlava.synapses import QuantisedSynapses


def dequantise(net: QuantisedNetwork) -> Network:
    """Return the float network whose parameters are those of the registers, states not rounded.

    It resets to 0 and spikes once a step, as it was trained: what the chip's subtracted threshold
    and several spikes change is not in it.

    Raises
    ------
    UnsupportedError
        If neurons are of another model, a scale is not known, or a decay has no time constant.
    """
    populations = {p.name: p for p in net.populations}
    return Network(
        dt=net.dt,
        n_inputs=net.n_inputs,
        n_steps=net.n_steps,
        populations=tuple(
            Population(name=name, neurons=_neurons(p, net.dt)) for name, p in populations.items()
        ),
        projections=tuple(_in_volts(q, populations[q.target]) for q in net.projections),
        output=net.output,
        readout=net.readout,
        metadata={"dequantised from": net.chip},
    )


def _registers(p: QuantisedPopulation) -> XyloRegisters:
    if not isinstance(p.registers, XyloRegisters):
        raise UnsupportedError(
            f"population {p.name!r}: a {p.registers.model!r}, this takes neurons of Xylo only"
        )
    if not p.scale > 0:
        raise UnsupportedError(f"population {p.name!r}: its scale back to volts is not known")
    if not (p.registers.dash_mem.all() and p.registers.dash_syn.all()):
        raise UnsupportedError(
            f"population {p.name!r}: a shift of 0 loses all in a step, which is no time constant"
        )
    return p.registers


def _neurons(p: QuantisedPopulation, dt: float) -> CubaLIF:
    registers = _registers(p)
    leak = np.ldexp(registers.bias.astype(np.float64), registers.dash_mem)
    return CubaLIF(
        tau_mem=dash_tau(registers.dash_mem, dt),
        tau_syn=dash_tau(registers.dash_syn, dt),
        v_leak=leak / p.scale,
        # whole voltages at or above vth are those above the middle to the one before
        v_threshold=(registers.vth.astype(np.float64) - 0.5) / p.scale,
        v_reset=np.zeros(registers.n),
    )


def _in_volts(q: QuantisedSynapses, target: QuantisedPopulation) -> FloatSynapses:
    # the chip's current decays in the step in which it arrives
    kept = 1 - np.exp2(-_registers(target).dash_syn.astype(np.float64))
    volts = of_registers(q, np.ldexp(q.whole().astype(np.float64), q.weight_exp) / target.scale)
    weights: Float = volts.weights * volts.by_target(kept)
    # what counts a neuron's spikes of a step are no levels
    return of_registers(q, weights, message_bits=0)
