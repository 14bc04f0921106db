"""Run integers on brian2-loihi: ``python brian2_loihi_judge.py IN.npz OUT.npz``.

A group has one decay of each kind, one threshold and one refractory period, so a population comes
as several. Needs brian2-loihi and numpy below 2, and nothing of hetlava: see ``requirements.txt``
beside it.
"""

import sys

import numpy as np
from brian2 import SpikeMonitor, StateMonitor, ms, prefs
from brian2_loihi import (
    LoihiNetwork,
    LoihiNeuronGroup,
    LoihiSpikeGeneratorGroup,
    LoihiSynapses,
    synapse_sign_mode,
)

prefs.codegen.target = "numpy"  # compiles nothing


def one(values):
    (value,) = np.unique(values)
    return int(value)


def main(source, target):
    given = dict(np.load(source))
    spikes = given["spikes"]  # (n_steps, n_inputs)
    times, channels = np.nonzero(spikes)
    # Lava takes a step from an input to its synapses, brian2-loihi none
    entry = LoihiSpikeGeneratorGroup(spikes.shape[1], channels, times + 1)
    groups = [
        LoihiNeuronGroup(
            given[f"du_{k}"].size,
            refractory=one(given[f"refract_{k}"]),
            threshold_v_mant=one(given[f"vth_{k}"]),
            decay_v=one(given[f"dv_{k}"]),
            decay_I=one(given[f"du_{k}"]) + 1,
        )
        for k in range(int(given["n_populations"]))
    ]
    members = [entry, *groups]
    for w, (pre, post) in enumerate(given["ends"]):
        mantissa = given[f"mantissa_{w}"]  # (n_post, n_pre)
        synapses = LoihiSynapses(
            entry if pre < 0 else groups[pre],
            groups[post],
            w_exp=int(given["exponents"][w]),
            sign_mode=synapse_sign_mode.MIXED,
        )
        to, from_ = np.nonzero(mantissa)
        if to.size:
            synapses.connect(i=from_, j=to)
            synapses.w = mantissa[to, from_]
            members.append(synapses)
    # the current between its input and its decay, which is when the voltage takes it
    currents = [StateMonitor(g, "I", record=True, when="after_synapses") for g in groups]
    voltages = [StateMonitor(g, "v", record=True, when="end") for g in groups]
    fired = [SpikeMonitor(g) for g in groups]
    LoihiNetwork(*members, *currents, *voltages, *fired).run(len(spikes))
    s = np.zeros((len(spikes), sum(g.N for g in groups)), bool)
    starts = np.cumsum([0] + [g.N for g in groups])
    for monitor, start in zip(fired, starts[:-1], strict=True):
        s[np.rint(monitor.t / ms).astype(int), np.asarray(monitor.i) + start] = True
    found = {
        "u": np.concatenate([m.I for m in currents]),
        "v": np.concatenate([m.v for m in voltages]),
    }
    np.savez(
        target, s=s, **{name: np.rint(rows).T.astype(np.int64) for name, rows in found.items()}
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
