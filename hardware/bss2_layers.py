"""A network as the layers of hxtorch: a chain, in the units of a BrainScaleS-2 chip.

Times are divided by 1000, as the chip runs so much faster. A weight W becomes ``W / (1 - beta)``,
since hxtorch's membrane goes toward the current by that part in a step. Voltages become CADC units
above the leak's default.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.chip_analog import BRAINSCALES2
from hetlava.errors import UnsupportedError
from hetlava.float_synapses import FloatSynapses
from hetlava.graph import INPUT
from hetlava.network import Network, Population, refuse_delays, with_matrices
from hetlava.neurons.cuba import CubaLIF, coefficients

Chain = list[tuple[Population, FloatSynapses]]


def chain_of(net: Network) -> Chain:
    """Return populations from the input to the output, each with the projection into it."""
    chain: Chain = []
    refuse_delays(net, "an analog chip")
    net = with_matrices(net)
    before = INPUT
    while len(chain) < len(net.populations):
        following = [q for q in net.projections if q.source == before]
        if len(following) != 1 or any(following[0].target == p.name for p, _ in chain):
            break
        chain.append((net.population(following[0].target), following[0]))
        before = following[0].target
    if len(chain) < len(net.populations) or len(chain) != len(net.projections):
        raise UnsupportedError(
            "bss2-board: takes chains of populations, each with one projection into it and no "
            "loops; bss2-sim runs others"
        )
    return chain


def layers_of(
    net: Network, chain: Chain, probes: Collection[str]
) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """Return what the program is told, as plain values and as arrays, in the chip's units."""
    chip = BRAINSCALES2
    arrays: dict[str, AnyArray] = {}
    for k, (p, q) in enumerate(chain):
        neurons = p.neurons
        arrays[f"tau_mem_{k}"] = neurons.tau_mem / chip.speedup
        arrays[f"tau_syn_{k}"] = neurons.tau_syn / chip.speedup
        keep = coefficients(neurons, net.dt, net.discretisation).beta
        arrays[f"weights_{k}"] = q.weights / (1 - keep)[:, None]
        volts = {"leak": neurons.v_leak}
        if isinstance(neurons, CubaLIF):
            volts |= {"reset": neurons.v_reset, "threshold": neurons.v_threshold}
        for name, value in volts.items():
            arrays[f"{name}_{k}"] = value
            arrays[f"{name}_lsb_{k}"] = chip.leak.default + lsb_per_volt(p) * value
    readout = net.readout != "spike-count"
    layers = [
        {
            "spiking": p.neurons.spiking,
            "voltage": "v" in probes or (readout and p.name == net.output),
        }
        for p, _ in chain
    ]
    plain: dict[str, Any] = {
        "dt": net.dt / chip.speedup,
        "layers": layers,
        "i_synin_gm": chip.i_synin_gm.default,
        "synapse_dac_bias": chip.synapse_dac_bias.default,
        "refractory_time": chip.refractory_time.low,
    }
    return plain, arrays


def lsb_per_volt(p: Population) -> float:
    """Return the CADC units of a volt: the highest threshold lies at the chip's default."""
    room = BRAINSCALES2.threshold.default - BRAINSCALES2.leak.default
    if not isinstance(p.neurons, CubaLIF):
        return room
    return room / float(np.max(p.neurons.v_threshold))
