"""Time constants of populations as a table: moments, quantiles, and the families that they fit."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

import numpy as np
from rich.table import Table

from hetlava.arrays import Float
from hetlava.fixedpoint import decay_tau
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork
from hetlava.report.tables import table
from hetlava.tau_statistics import tau_statistics

MILLISECONDS = 1e3
TITLE = "Membrane time constants in ms; best gamma's shape, best log-normal's sigma"
COLUMNS = ("layer", "n", "mean", "sd", "5 %", "50 %", "95 %", "shape", "sigma", "KS")


def membrane_taus(net: Network | QuantisedNetwork) -> dict[str, Float]:
    """Return the membrane time constants [s] of every population that has various ones.

    Those that never decay are left out; nothing is returned where scipy, which fits, is missing.
    """
    if find_spec("scipy") is None:
        return {}
    if isinstance(net, Network):
        taus = {p.name: p.neurons.tau_mem for p in net.populations}
    else:
        taus = {p.name: decay_tau(p.cuba.dv, net.dt) for p in net.cuba_populations}
    finite = {name: tau[np.isfinite(tau) & (tau > 0)] for name, tau in taus.items()}
    return {name: tau for name, tau in finite.items() if np.unique(tau).size > 1}


def tau_table(populations: Mapping[str, Float]) -> Table:
    """Return the statistics of time constants [s] by population.

    The last columns: shape of the gamma and sigma of the log-normal that fit best, and how far
    (Kolmogorov and Smirnov) the nearer of the two is from the data.
    """
    rows = [(name, *_row(tau)) for name, tau in populations.items()]
    return table(TITLE, COLUMNS, rows)


def _row(tau: Float) -> Iterator[str]:
    found = tau_statistics(tau)
    yield str(found.n)
    for time in (found.mean, found.sd, found.q05, found.q50, found.q95):
        yield f"{MILLISECONDS * time:.3g}"
    distances = [fit.distance for fit in (found.gamma, found.lognormal) if fit is not None]
    yield f"{found.gamma.distribution.shape:.3g}" if found.gamma else "-"
    yield f"{found.lognormal.distribution.sigma:.2g}" if found.lognormal else "-"
    yield f"{min(distances):.2g}" if distances else "-"
