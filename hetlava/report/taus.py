"""Parameters of populations as tables: moments, quantiles, and the families that they fit."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec

import numpy as np
from rich.table import Table

from hetlava.arrays import Float
from hetlava.fixedpoint import decay_tau
from hetlava.network import Network, Population
from hetlava.quantised import QuantisedNetwork
from hetlava.report.tables import table
from hetlava.tau_statistics import tau_statistics

MILLISECONDS = 1e3
TITLE = "Membrane time constants in ms; best gamma's shape, best log-normal's sigma"
COLUMNS = ("layer", "n", "mean", "CV", "5 %", "50 %", "95 %", "shape", "sigma", "KS")
POTENTIAL_COLUMNS = ("layer", "n", "mean", "sd", "5 %", "50 %", "95 %")
AFTER = "  after"  # the row below that of a layer before training
TAUS = {"tau_mem": "Membrane", "tau_syn": "Synaptic"}
VOLTS = {
    "v_threshold": "Thresholds",
    "v_leak": "Resting potentials",
    "v_reset": "Reset potentials",
}


def membrane_taus(net: Network | QuantisedNetwork) -> dict[str, Float]:
    """Return the membrane time constants [s] of every population that has various ones.

    Those that never decay are left out; nothing is returned where scipy, which fits, is missing.
    """
    if find_spec("scipy") is None:
        return {}
    if isinstance(net, Network):
        taus = {p.name: p.neurons.tau_mem for p in net.populations}
    else:
        taus = {name: decay_tau(r.dv, net.dt) for name, r in net.cuba_words}
    finite = {name: tau[np.isfinite(tau) & (tau > 0)] for name, tau in taus.items()}
    return {name: tau for name, tau in finite.items() if np.unique(tau).size > 1}


def tau_table(populations: Mapping[str, Float]) -> Table:
    """Return the statistics of time constants [s] by population.

    The last columns: shape of the gamma and sigma of the log-normal that fit best, and how far
    (Kolmogorov and Smirnov) the nearer of the two is from the data.
    """
    rows = [(name, *_row(tau)) for name, tau in populations.items()]
    return table(TITLE, COLUMNS, rows)


def before_and_after(
    before: Sequence[Population], after: Sequence[Population], name: str
) -> dict[str, tuple[Float, Float]]:
    """Return a parameter of every population in which it varies, before and after training."""
    found = {}
    for first, last in zip(before, after, strict=True):
        pair = tuple(getattr(p.neurons, name, np.zeros(0)) for p in (first, last))
        if all(v.size for v in pair) and np.ptp(np.concatenate(pair)) > 0:
            found[first.name] = (pair[0], pair[1])
    return found


def training_tables(before: Sequence[Population], after: Sequence[Population]) -> list[Table]:
    """Return what training made of the parameters that vary; time constants fitted with scipy."""
    made = []
    for name, what in TAUS.items() if find_spec("scipy") is not None else ():
        found = before_and_after(before, after, name)
        if found:
            title = TITLE.replace("Membrane", what).replace(" in ms;", " before and after, in ms;")
            rows = [(label, *_row(tau)) for label, tau in _labelled(found)]
            made.append(table(title, COLUMNS, rows))
    for name, what in VOLTS.items():
        found = before_and_after(before, after, name)
        if found:
            rows = [(label, *_potential_row(volts)) for label, volts in _labelled(found)]
            made.append(table(f"{what} before and after, in V", POTENTIAL_COLUMNS, rows))
    return made


def _labelled(found: Mapping[str, tuple[Float, Float]]) -> Iterator[tuple[str, Float]]:
    for layer, (first, last) in found.items():
        yield layer, first
        yield AFTER, last


def _potential_row(volts: Float) -> Iterator[str]:
    yield str(volts.size)
    for value in (volts.mean(), volts.std(), *np.quantile(volts, (0.05, 0.5, 0.95))):
        yield f"{value:.3g}"


def _row(tau: Float) -> Iterator[str]:
    found = tau_statistics(tau)
    yield str(found.n)
    yield f"{MILLISECONDS * found.mean:.3g}"
    yield f"{found.cv:.2g}"
    for time in (found.q05, found.q50, found.q95):
        yield f"{MILLISECONDS * time:.3g}"
    distances = [fit.distance for fit in (found.gamma, found.lognormal) if fit is not None]
    yield f"{found.gamma.distribution.shape:.3g}" if found.gamma else "-"
    yield f"{found.lognormal.distribution.sigma:.2g}" if found.lognormal else "-"
    yield f"{min(distances):.2g}" if distances else "-"
