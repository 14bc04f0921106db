"""A network's parameters as targets of a calibration, and the die that a calibration leaves."""

from dataclasses import replace
from hashlib import sha256

import numpy as np

from hetlava.arrays import Float
from hetlava.chip_analog import BRAINSCALES2
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.hardware.calibration import Calibration, Targets
from hetlava.hardware.mismatch import Die, Mismatch, draw
from hetlava.hardware.perturbation import shares, swings
from hetlava.hardware.virtual_chip import GAINS, KNOBS, SWING_LSB, TIMES, VOLTAGES, VirtualChip
from hetlava.network import Network
from hetlava.neurons.cuba import CubaLIF
from hetlava.sim.analog_network import continuous_taus

LEAK_LSB = BRAINSCALES2.leak.default
LOW_LSB, HIGH_LSB = 10.0, 250.0  # what the converters reach on every die


def serial_of(mismatch: Mismatch, chip_seed: int) -> str:
    """Return the name of a virtual chip: its seed, and what it was drawn from."""
    values = repr([(name, getattr(mismatch, name)) for name in mismatch.limits()])
    return f"virtual {chip_seed}, {mismatch.name} {sha256(values.encode()).hexdigest()[:8]}"


def chip_for(net: Network, mismatch: Mismatch, chip_seed: int) -> VirtualChip:
    """Return the virtual chip with that seed, with the neurons that a network takes up."""
    return VirtualChip(draw(mismatch, net, chip_seed))


def targets_of(net: Network) -> Targets:
    """Return what a network asks of each neuron, in the chip's units.

    A population's largest swing is 70 LSB, its mean leak lies at 80 LSB.

    Raises
    ------
    ValidationError
        If a potential lies outside what the converters reach.
    """
    parts: dict[str, list[Float]] = {knob: [] for knob in KNOBS}
    for p, (scale, reference) in zip(net.populations, _scales(net), strict=True):
        tau_mem, tau_syn = continuous_taus(p.neurons, net, p.name)
        parts["tau_mem"].append(tau_mem / BRAINSCALES2.speedup)
        parts["tau_syn"].append(tau_syn / BRAINSCALES2.speedup)
        lif = p.neurons if isinstance(p.neurons, CubaLIF) else None
        volts = {
            "leak": p.neurons.v_leak,
            "reset": p.neurons.v_leak if lif is None else lif.v_reset,
            "threshold": p.neurons.v_leak + SWING_LSB / scale if lif is None else lif.v_threshold,
        }
        for knob, v in volts.items():
            parts[knob].append(_inside(LEAK_LSB + (v - reference) * scale, f"{p.name}: {knob}"))
        for knob in GAINS:
            parts[knob].append(np.ones(p.neurons.n))
    return Targets(**{knob: np.concatenate(values) for knob, values in parts.items()})


def _scales(net: Network) -> list[tuple[float, float]]:
    """Return (LSB per volt, volts at 80 LSB) of each population."""
    swing = swings(net)
    return [
        (SWING_LSB / float(swing[p.name].max()), float(p.neurons.v_leak.mean()))
        for p in net.populations
    ]


def _inside(lsb: Float, what: str) -> Float:
    if lsb.min() < LOW_LSB or lsb.max() > HIGH_LSB:
        raise ValidationError(
            f"{what}: {lsb.min():.0f} .. {lsb.max():.0f} LSB, the chip reaches {LOW_LSB:.0f} .. "
            f"{HIGH_LSB:.0f}; bring resets and thresholds of the population closer together"
        )
    return lsb


def calibrated(die: Die, calibration: Calibration, net: Network) -> Die:
    """Return a die as a calibration leaves it: what its converters do not reach stays.

    Raises
    ------
    ValidationError
        If the calibration is of another chip or die, or was made for other targets.
    UnsupportedError
        If it is of a chip that no virtual die stands for.
    """
    if calibration.chip != BRAINSCALES2.name:
        raise UnsupportedError(
            f"the calibration is of a {calibration.chip}, the target is a {BRAINSCALES2.name}"
        )
    serial = serial_of(die.mismatch, die.chip_seed)
    if calibration.serial != serial:
        raise ValidationError(
            f"the calibration is of chip {calibration.serial!r}, this one is {serial!r}; "
            "calibrate this chip"
        )
    targets = targets_of(net)
    for knob in KNOBS:
        made, asked = getattr(calibration, knob).target, getattr(targets, knob)
        if made.shape != asked.shape or not np.allclose(made, asked, rtol=1e-9, atol=0):
            raise ValidationError(
                f"the calibration was made for other targets of {knob}; calibrate for this network"
            )
    return _left_by(die, calibration, targets, net)


def _left_by(die: Die, calibration: Calibration, targets: Targets, net: Network) -> Die:
    chip, swing = VirtualChip(die), swings(net)
    per_swing = np.empty(die.n)  # LSB of each neuron's swing
    for (p, at), (scale, _) in zip(shares(net), _scales(net), strict=True):
        per_swing[at] = swing[p.name] * scale
    real = {knob: chip.value(knob, getattr(calibration, knob).code) for knob in KNOBS}
    asked = {knob: getattr(targets, knob) for knob in KNOBS}
    return replace(
        die,
        gain=np.stack([real[knob] / asked[knob] for knob in GAINS]),
        **{knob: real[knob] / asked[knob] for knob in TIMES},
        **{knob: (real[knob] - asked[knob]) / per_swing for knob in VOLTAGES},
    )
