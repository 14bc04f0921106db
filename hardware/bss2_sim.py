"""The target ``bss2-sim``: networks on a virtual BrainScaleS-2 die, in continuous time."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import numpy as np

from hetlava.arrays import Float
from hetlava.chip_analog import BRAINSCALES2, BrainScaleS2Spec, Range
from hetlava.events import Events
from hetlava.hardware.calibrated_die import calibrated
from hetlava.hardware.calibration import Calibration
from hetlava.hardware.interface import Target
from hetlava.hardware.mismatch import Mismatch, draw
from hetlava.hardware.mismatch_presets import PRESETS
from hetlava.hardware.perturbation import Circuit, to_circuit
from hetlava.hardware.weight_grid import round_weights
from hetlava.network import Network, Population
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.recording import Recording
from hetlava.rules import Violation
from hetlava.sim.analog_network import continuous_taus

MakeCircuit = Callable[[Network], Circuit]


def bss2_target(
    chip_seed: int = 0,
    mismatch: Mismatch | None = None,
    calibration: Calibration | None = None,
) -> Target:
    """Return the target of one virtual die, calibrated if a calibration of it is given.

    A trial draws its noise; everything else follows from the chip's seed. A network that is larger
    than a chip, which :meth:`~hetlava.hardware.interface.Target.check` says, runs on as much of a
    die as it takes. Time constants outside the chip's range are taken at its end, and counted in
    the recording's details.

    Parameters
    ----------
    mismatch : Mismatch, optional
        Without one, that of dies as their calibration left them; with a calibration that of dies
        before it, which is then what it says.
    calibration : Calibration, optional
        Refused when a network is run that it was not made for, or on another chip.
    """
    usual = "bss2-calibrated" if calibration is None else "bss2-uncalibrated"
    mismatch = mismatch or PRESETS[usual]

    def circuit(net: Network) -> Circuit:
        die = draw(mismatch, net, chip_seed)
        return to_circuit(net, die if calibration is None else calibrated(die, calibration, net))

    return analog_target(
        "bss2-sim",
        f"virtual BrainScaleS-2 die {chip_seed}, {mismatch.name}",
        circuit,
        {
            "chip seed": chip_seed,
            "mismatch": mismatch.name,
            "calibrated": "no" if calibration is None else "from a file",
        },
        mismatch.weight_bits,
    )


def analog_target(
    name: str,
    description: str,
    make: MakeCircuit,
    details: dict[str, str | int | float],
    weight_bits: int,
) -> Target:
    """Return a target that runs what ``make`` lays out of a network within the chip's ranges."""

    def runner(
        net: Network,
        inputs: Events,
        *,
        rng: np.random.Generator,
        probes: Collection[str],
        threads: int | None,
    ) -> Recording:
        inside, moved = within_ranges(net, BRAINSCALES2)
        recording = run_circuit(make(inside), inputs, rng=rng, probes=probes, threads=threads)
        said = {**details, "time constants moved into the chip's range": moved}
        return replace(recording, details={**recording.details, **said})

    return Target(
        name=name,
        description=description,
        runner=runner,
        spec=BRAINSCALES2,
        takes="floats",
        noisy=True,
        checker=check,
        quantiser=lambda net: round_weights(within_ranges(net, BRAINSCALES2)[0], weight_bits),
    )


def run_circuit(
    circuit: Circuit,
    inputs: Events,
    *,
    rng: np.random.Generator,
    probes: Collection[str] = (),
    threads: int | None = None,
) -> Recording:
    """Run one trial of a circuit, whose noise comes from ``rng``."""
    from hetlava.sim.analog import Analog, run

    net = circuit.trial(rng)
    how = Analog(jitter=circuit.spike_jitter, seed=int(rng.integers(2**63)), threads=threads or 1)
    return run(net, inputs, how, probes=probes).recording


def within_ranges(net: Network, chip: BrainScaleS2Spec) -> tuple[Network, int]:
    """Return the network with time constants that the chip can have, and how many were moved."""
    populations, moved = [], 0
    for p in net.populations:
        neurons, count = _moved(net, p, chip)
        populations.append(replace(p, neurons=neurons))
        moved += count
    return replace(net, populations=tuple(populations), discretisation="exponential"), moved


def _moved(net: Network, p: Population, chip: BrainScaleS2Spec) -> tuple[CubaLI, int]:
    taus = continuous_taus(p.neurons, net, p.name)
    ranges = (chip.tau_mem, chip.tau_syn)
    inside = [np.clip(t, *_range(r, chip)) for t, r in zip(taus, ranges, strict=True)]
    count = sum(int(np.sum(a != b)) for a, b in zip(taus, inside, strict=True))
    return replace(p.neurons, tau_mem=inside[0], tau_syn=inside[1]), count


def _range(allowed: Range, chip: BrainScaleS2Spec) -> tuple[float, float]:
    """Return a range of times [s] of the network, which runs slower than the chip."""
    return allowed.low * chip.speedup, allowed.high * chip.speedup


def check(net: Network) -> Collection[Violation]:
    """Return what of a network a BrainScaleS-2 chip cannot hold."""
    return tuple(_violations(net, BRAINSCALES2))


def _violations(net: Network, chip: BrainScaleS2Spec) -> Iterator[Violation]:
    n = sum(p.neurons.n for p in net.populations)
    if n > chip.neurons:
        text = f"{n} neurons, a chip has {chip.neurons}"
        yield Violation("network", n - chip.neurons, text, "use fewer, or several chips")
    for p in net.populations:
        if type(p.neurons) not in (CubaLI, CubaLIF):
            text = f"is a {type(p.neurons).__name__}, the chip has current-based LIF neurons"
            yield Violation(p.name, p.neurons.n, text, "train CUBA neurons")
            continue
        sources = sum(q.shape[1] for q in net.projections if q.target == p.name)
        if sources > chip.signed_inputs:
            text = f"{sources} signed inputs, a neuron has {chip.signed_inputs}"
            yield Violation(p.name, sources - chip.signed_inputs, text, "prune, or merge neurons")
        taus = continuous_taus(p.neurons, net, p.name)
        for what, tau, allowed in (
            ("tau_mem", taus[0], chip.tau_mem),
            ("tau_syn", taus[1], chip.tau_syn),
        ):
            yield from _outside(f"{p.name}.{what}", tau, _range(allowed, chip))


def _outside(where: str, tau: Float, ends: tuple[float, float]) -> Iterator[Violation]:
    out = int(np.sum((tau < ends[0]) | (tau > ends[1])))
    if out:
        low, high = (1e3 * end for end in ends)
        text = f"{out} of {tau.size} outside [{low:g}, {high:g}] ms"
        yield Violation(where, out, text, "they run at the end of the range; train within it")


BSS2_SIM = bss2_target()
