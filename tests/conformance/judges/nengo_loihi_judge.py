"""Run integers on nengo-loihi's emulator: ``python nengo_loihi_judge.py IN.npz OUT.npz``.

Needs nengo-loihi and numpy below 2, and nothing of hetlava: see ``requirements.txt`` beside it.
"""

import sys
from types import SimpleNamespace

import numpy as np
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.emulator import EmulatorInterface
from nengo_loihi.inputs import SpikeInput

LIMIT = (1 << 23) - 1


def block_of(given, k):
    """Population ``k`` with its registers as they are: nothing is discretised."""
    du = given[f"du_{k}"]
    block = LoihiBlock(du.size)
    neurons = block.compartment
    neurons.decay_u, neurons.decay_v = du, given[f"dv_{k}"]
    neurons.vth, neurons.bias = given[f"threshold_{k}"], given[f"bias_{k}"]
    neurons.scale_u = neurons.scale_v = False
    neurons.vmin, neurons.vmax = -LIMIT, LIMIT
    neurons.refract_delay = given[f"refract_{k}"]
    return block


def main(source, target):
    given = dict(np.load(source))
    blocks = [block_of(given, k) for k in range(int(given["n_populations"]))]
    spikes = given["spikes"]  # (n_steps, n_inputs)
    entry = SpikeInput(spikes.shape[1])
    for t, row in enumerate(spikes):
        entry.add_spikes(t + 1, np.flatnonzero(row))
    for w, (pre, post) in enumerate(given["ends"]):
        rows = given[f"weights_{w}"].T  # a weight as it is added to the current
        synapse = Synapse(len(rows))
        synapse._set_weights_indices(rows[:, None, :], weight_dtype=np.int32)
        blocks[post].add_synapse(synapse)
        axon = Axon(len(rows))
        axon.target = synapse
        axon.set_compartment_axon_map(np.arange(len(rows)))
        (entry if pre < 0 else blocks[pre]).add_axon(axon)
    model = SimpleNamespace(blocks=blocks, inputs=[entry], probes=[], dt=1e-3)
    found = {"u": [], "v": [], "s": []}
    with EmulatorInterface(model, seed=0) as emulator:
        for _ in spikes:
            emulator.step()
            state = emulator.compartment
            found["u"].append(state.current.copy())
            found["v"].append(state.voltage.copy())
            found["s"].append(state.spiked.copy())
    np.savez(target, **{name: np.stack(rows) for name, rows in found.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
