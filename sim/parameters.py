"""Registers of every neuron model as the engine's loops hold them: a word per neuron and slot."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import UnsupportedError
from hetlava.fixedpoint import DECAY_BITS, STATE_BITS, STATE_SHIFT, bias_value
from hetlava.neurons.adaptive import AdaptiveRegisters, AdrfRegisters, AlifRegisters
from hetlava.neurons.cuba import CubaRegisters
from hetlava.neurons.refractory import CubaRefractoryRegisters
from hetlava.neurons.registers import NeuronRegisters
from hetlava.neurons.resonate import ResonatorRegisters
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters, SigmaRegisters
from hetlava.neurons.xylo import XyloRegisters

NEVER = 1 << STATE_BITS  # a threshold that no voltage reaches
FULL = 1 << DECAY_BITS

# numbers of the models in the compiled loops
CUBA, ALIF, ADRF, ADRF_IZ, DELTA, SIGMA_DELTA, SIGMA, RF, RF_IZ, XYLO, REFRACTORY = range(11)
MODELS = {
    "cuba": CUBA, "alif": ALIF, "adrf": ADRF, "adrf_iz": ADRF_IZ, "delta": DELTA,
    "sigma_delta": SIGMA_DELTA, "sigma": SIGMA, "rf": RF, "rf_iz": RF_IZ, "xylo": XYLO,
    "cuba_refractory": REFRACTORY,
}  # fmt: skip


class Parameters(NamedTuple):
    """What the loops need to know of a population.

    Attributes
    ----------
    words : list of (n,) arrays
        Parameters, in the order in which the loop of the model counts them.
    rest : list of (n,) arrays
        State before the first step.
    options : tuple of int
        The model's options, at most three.
    probes : (int, int)
        Which words of the state ``u`` and ``v`` are.
    silent : list of int
        Parameters of the places that no neuron stands at.
    limits : (bias, threshold) of (n,) arrays, or nothing
        Of CUBA neurons.
    """

    words: list[AnyArray]
    rest: list[AnyArray]
    options: tuple[int, ...] = ()
    probes: tuple[int, int] = (0, 1)
    silent: tuple[int, ...] = ()
    limits: tuple[AnyArray, ...] = ()


def parameters_of(registers: NeuronRegisters) -> Parameters:
    """Return what the compiled loops need.

    Raises
    ------
    UnsupportedError
        If there is no loop for the model.
    """
    make = _MAKERS.get(registers.model)
    if make is None:
        raise UnsupportedError(
            f"the engine lacks {registers.model!r} neurons; it has {', '.join(_MAKERS)}"
        )
    return make(registers)


def _zeros(registers: NeuronRegisters, count: int) -> list[AnyArray]:
    return [np.zeros(registers.n, np.int32)] * count


def _float_bits(keep: AnyArray) -> AnyArray:
    """Return what of a state is kept, of 4096, as the bits of a float below or at 1."""
    return (keep / FULL).astype(np.float32).view(np.int32)


def _cuba(r: CubaRegisters) -> Parameters:
    threshold = r.vth << STATE_SHIFT if r.spiking else np.full(r.n, NEVER)
    bias = bias_value(r.bias_mant, r.bias_exp)
    keeps = [_float_bits(FULL - 1 - r.du), _float_bits(FULL - r.dv)]
    return Parameters(keeps, _zeros(r, 2), _calm(r, bias, threshold), limits=(bias, threshold))


def _calm(r: CubaRegisters, bias: AnyArray, threshold: AnyArray) -> tuple[int, int]:
    """Return below which currents no voltage leaves its word upwards, and how much they keep.

    After a step a voltage is not above the threshold. With a bias no currents are that small.
    """
    most = 0 if np.any(bias) else (1 << (STATE_BITS - 1)) - 1 - int(threshold.max(initial=0))
    return most, FULL - 1 - int(r.du.min())


def _refractory(r: CubaRefractoryRegisters) -> Parameters:
    bias, threshold = bias_value(r.bias_mant, r.bias_exp), r.vth << STATE_SHIFT
    words = [FULL - 1 - r.du, FULL - r.dv, bias, threshold, r.refractory]
    return Parameters(words, _zeros(r, 3), (int(r.reset == "subtract"),))


def _adaptive(r: AdaptiveRegisters, first: list[AnyArray]) -> Parameters:
    rest, step = r.vth << STATE_SHIFT, r.vth_step << STATE_SHIFT
    words = [*first, FULL - r.dth, FULL - r.dr, rest, step]
    return Parameters(words, [*_zeros(r, 2), rest, *_zeros(r, 1)])


def _alif(r: AlifRegisters) -> Parameters:
    return _adaptive(r, [FULL - 1 - r.du, FULL - r.dv, r.bias_mant << STATE_SHIFT])


def _adrf(r: AdrfRegisters) -> Parameters:
    return _adaptive(r, [r.sin_decay, r.cos_decay, *_zeros(r, 1)])


def _delta(r: DeltaRegisters) -> Parameters:
    options = (r.exponent, r.state_exp, int(r.cum_error))
    if isinstance(r, SigmaDeltaRegisters):
        options = (int(r.rectify), *options[1:])
        return Parameters([r.raised(r.vth), r.raised(r.bias)], _zeros(r, 4), options)
    return Parameters([r.raised(r.vth)], _zeros(r, 4), options, (2, 1))


def _sigma(r: SigmaRegisters) -> Parameters:
    return Parameters([], [r.start], probes=(0, 0))


def _resonator(r: ResonatorRegisters) -> Parameters:
    words = [r.sin_decay, r.cos_decay, r.threshold]
    return Parameters(words, _zeros(r, 2), (r.state_exp, r.decay_bits))


def _xylo(r: XyloRegisters) -> Parameters:
    words = [r.dash_mem, r.dash_syn, r.vth, r.bias]
    return Parameters(words, _zeros(r, 2), (r.spikes_max,), silent=(0, 0, 1, 0))


_MAKERS: dict[str, Callable[..., Parameters]] = {
    "cuba": _cuba, "alif": _alif, "adrf": _adrf, "adrf_iz": _adrf, "delta": _delta,
    "sigma_delta": _delta, "sigma": _sigma, "rf": _resonator, "rf_iz": _resonator, "xylo": _xylo,
    "cuba_refractory": _refractory,
}  # fmt: skip
