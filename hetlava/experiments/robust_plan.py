"""The plan of Perez-Nieves et al. (2021): time constants drawn or constant, learned or not.

Beside every heterogeneous network stands the homogeneous one of the same mean time constants:

* *main*: {Hom, Het} at the start x {Std, Het} training. What is Hom has the mean of what Het draws.
  Four more rows have the mean, or the geometric mean, of what training made of HomHet and of
  HetHet, seed by seed: few very slow neurons move the former far from where most are.
* *time-scale*: trained on recordings stretched by one factor, tested on others; of the paper's
  size, by a factor drawn for every recording too.
* *mistuning*: only weights learn, at time constants too short or too long by a factor, of one
  value, gamma-distributed, log-normal with the gamma's mode and four times its deviation, or with
  5 % of the neurons at 100 ms; the last two have other means, and their own homogeneous rows.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hetlava.experiments.plans import Options, Outcomes, Row, seeded
from hetlava.experiments.published import ROBUST_LEARNING
from hetlava.experiments.settings import base_trial
from hetlava.experiments.trials import Trial
from hetlava.heterogeneity import mean_matched, parse
from hetlava.units import format_time

TAU_MEM, TAU_SYN = 20e-3, 10e-3  # [s]
SHAPE = 3.0  # of the gamma distribution
TEST_SCALES = (0.5, 1.0, 2.0, 4.0)
TRAIN_SCALES = {"small": (1.0, 2.0), "paper": (0.5, 1.0, 2.0, 4.0)}
OCTAVES = 0.5  # standard deviation of the logarithm of a time scale drawn for every recording
FACTORS = {"small": (0.25, 1.0, 4.0), "paper": (0.25, 0.5, 1.0, 2.0, 4.0)}
WIDER = 4.0  # the log-normal's standard deviation, in the gamma's
SLOW, SLOW_SHARE = 100e-3, 0.05  # [s], and of the neurons
CONFIGURATIONS = ("HomStd", "HetStd", "HomHet", "HetHet")
MATCHED = ("HomHet", "HetHet")
MEANS = ("mean", "geometric mean")


def gamma(mean: float, dt: float) -> str:
    """Declare the published distribution of a mean [s], which no step can be longer than."""
    return f"gamma:{format_time(mean)},shape={SHAPE:g},min={format_time(dt)}"


def matched(declaration: str) -> str:
    """Declare the one value that has the mean of what is drawn."""
    return str(mean_matched(parse(declaration)))


def wide_lognormal(mean: float, dt: float) -> str:
    """Declare the log-normal with the mode of the gamma of a mean [s] and ``WIDER`` times its SD.

    With ``y = exp(sigma**2)``, a mode of ``m`` and a deviation of ``s`` mean that
    ``y**4 - y**3 = (s / m)**2``, and then the median is ``m y``.
    """
    mode, sd = mean * (SHAPE - 1) / SHAPE, WIDER * mean / np.sqrt(SHAPE)
    roots = np.roots([1, -1, 0, 0, -((sd / mode) ** 2)])
    y = max(float(root.real) for root in roots if abs(root.imag) < 1e-9 * abs(root))
    sigma = np.sqrt(np.log(y))
    return f"lognormal:median={format_time(mode * y)},sigma={sigma:.6g},min={format_time(dt)}"


def double(mean: float) -> str:
    """Declare that most have one value [s] and few a slow one."""
    return f"double:{format_time(mean)},{format_time(SLOW)},share={SLOW_SHARE:g}"


def with_taus(base: Trial, options: Options, mem: str, syn: str, learn: str) -> tuple[Trial, ...]:
    """Return a trial per seed with these time constants."""
    return seeded(base, options.seeds, tau_mem=mem, tau_syn=syn, learn_tau=learn)


def configuration(name: str, base: Trial, options: Options) -> tuple[Trial, ...]:
    """Return the trials of ``HomStd``, ``HetStd``, ``HomHet`` or ``HetHet``."""
    dt = base.config.dt
    taus = [gamma(mean, dt) for mean in (TAU_MEM, TAU_SYN)]
    if name.startswith("Hom"):
        taus = [matched(tau) for tau in taus]
    learn = "neuron" if name.endswith("Het") else "none"
    return with_taus(base, options, taus[0], taus[1], learn)


def main_rows(options: Options, outcomes: Outcomes) -> list[Row]:
    """Return the rows of the first table; those matched to training as it is done."""
    base = tested(options)
    published = ROBUST_LEARNING.get(options.dataset.partition(":")[0], ("",) * 4)
    rows = [
        Row(part="main", label=name, trials=configuration(name, base, options), published=text)
        for name, text in zip(CONFIGURATIONS, published, strict=True)
    ]
    for name in MATCHED:
        trained = configuration(name, base, options)
        if all(trial in outcomes for trial in trained):
            for how in MEANS:
                trials = tuple(_at_trained_mean(trial, outcomes, how) for trial in trained)
                rows.append(Row(part="main", label=f"HomStd at the {how} of {name}", trials=trials))
    return rows


def _at_trained_mean(trial: Trial, outcomes: Outcomes, how: str) -> Trial:
    """Return the trial whose neurons all have the mean of what this one's hidden ones became."""
    outcome, dt = outcomes[trial], trial.config.dt
    taus = [1e-3 * outcome.hidden_taus(kind) for kind in ("mem", "syn")]
    geometric = how.startswith("geometric")
    means = [np.exp(np.log(tau).mean()) if geometric else tau.mean() for tau in taus]
    means = [max(float(mean), dt) for mean in means]
    mem, syn = (f"constant:{format_time(float(f'{mean:.4g}'))}" for mean in means)
    return replace(trial, config=replace(trial.config, learn_tau="none", tau_mem=mem, tau_syn=syn))


def tested(options: Options) -> Trial:
    """Return the base trial, tested at every time scale."""
    return replace(base_trial(options), test_scales=TEST_SCALES)


def time_scale_rows(options: Options, outcomes: Outcomes) -> list[Row]:
    """Return a row for every configuration and training scale."""
    base = tested(options)
    bases = {f"{scale:g}": replace(base, scale=scale) for scale in TRAIN_SCALES[options.scale]}
    if options.scale == "paper":
        any_scale = replace(base.config, augment=(f"time-scale:{OCTAVES:g}",))
        bases[f"2^N(0, {OCTAVES:g})"] = replace(base, config=any_scale)
    return [
        Row(
            part="time-scale",
            label=f"{name}, trained at {said}",
            trials=configuration(name, changed, options),
        )
        for said, changed in bases.items()
        for name in CONFIGURATIONS
    ]


def mistuned_declarations(factor: float, dt: float) -> dict[str, tuple[str, str]]:
    """Return (tau_mem, tau_syn) of every row at a factor of mistuning."""
    means = TAU_MEM * factor, TAU_SYN * factor
    kinds = {
        "Gamma": [gamma(mean, dt) for mean in means],
        "LogNormal": [wide_lognormal(mean, dt) for mean in means],
        "5 % at 100 ms": [double(mean) for mean in means],
    }
    homs = {f"Hom, mean of {name}": [matched(tau) for tau in taus] for name, taus in kinds.items()}
    return {name: (mem, syn) for name, (mem, syn) in {**kinds, **homs}.items()}


def factors(options: Options) -> Sequence[float]:
    """Return the factors of mistuning at which the mean of no time constant is below a step."""
    dt = base_trial(options).config.dt
    found = FACTORS[options.scale]
    least = min(f for f in (*found, 0.5, 1.0) if TAU_SYN * f >= dt)
    return sorted({least, *(f for f in found if f >= least)})


def mistuning_rows(options: Options, outcomes: Outcomes) -> list[Row]:
    """Return a row for every distribution and factor; only weights learn."""
    base = tested(options)
    return [
        Row(
            part="mistuning",
            label=f"{name}, x {factor:g}",
            trials=with_taus(base, options, mem, syn, "none"),
        )
        for factor in factors(options)
        for name, (mem, syn) in mistuned_declarations(factor, base.config.dt).items()
    ]
