"""The target ``dynapse2-like``: networks with the mismatch that Rockpool gives to DYNAP-SE2.

A preset and no model of the chip: neurons stay current-based, and time constants, which a real
core shares, stay one per neuron.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from hetlava.chip_analog import DYNAPSE2, DynapSE2Spec
from hetlava.events import Events
from hetlava.hardware.bss2_sim import run_circuit
from hetlava.hardware.interface import Target
from hetlava.hardware.mismatch import Mismatch, draw
from hetlava.hardware.mismatch_presets import PRESETS
from hetlava.hardware.perturbation import to_circuit
from hetlava.hardware.weight_grid import round_weights
from hetlava.network import Network, refuse_delays, with_matrices
from hetlava.recording import Recording
from hetlava.rules import Violation


def dynapse2_target(chip_seed: int = 0, mismatch: Mismatch | None = None) -> Target:
    """Return the target of one virtual die."""
    mismatch = mismatch or PRESETS["dynapse2-like"]

    def runner(
        net: Network,
        inputs: Events,
        *,
        rng: np.random.Generator,
        probes: Collection[str],
        threads: int | None,
    ) -> Recording:
        circuit = to_circuit(net, draw(mismatch, net, chip_seed))
        recording = run_circuit(circuit, inputs, rng=rng, probes=probes, threads=threads)
        said: dict[str, str | int | float] = {"chip seed": chip_seed, "mismatch": mismatch.name}
        return replace(recording, details={**recording.details, **said})

    return Target(
        name="dynapse2-like",
        description=f"mismatch like DYNAP-SE2's, die {chip_seed}, {mismatch.name}",
        runner=runner,
        spec=DYNAPSE2,
        takes="floats",
        noisy=True,
        checker=check,
        quantiser=lambda net: round_weights(net, mismatch.weight_bits),
    )


def check(net: Network) -> Collection[Violation]:
    """Return what of a network a board cannot hold."""
    return tuple(_violations(net, DYNAPSE2))


def _violations(net: Network, board: DynapSE2Spec) -> Iterator[Violation]:
    refuse_delays(net, "an analog chip")
    net = with_matrices(net)
    n = sum(p.neurons.n for p in net.populations)
    room = board.chips * board.cores * board.neurons_per_core
    if n > room:
        yield Violation("network", n - room, f"{n} neurons, a board has {room}", "use fewer")
    for p in net.populations:
        wires = [q.weights for q in net.projections if q.target == p.name]
        if not wires:
            continue
        most = int(np.count_nonzero(np.concatenate(wires, axis=1), axis=1).max())
        if most > board.synapses_per_neuron:
            text = f"{most} inputs to a neuron, it has room for {board.synapses_per_neuron}"
            yield Violation(p.name, most - board.synapses_per_neuron, text, "prune them")


DYNAPSE2_LIKE = dynapse2_target()
