"""Tables of a run over a data set."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from hetlava.network import Network
from hetlava.parity import Interval
from hetlava.quantised import QuantisedNetwork
from hetlava.report.tables import interval, table
from hetlava.sim.profiling import LayerProfile
from hetlava.tally import Tally
from hetlava.work import n_synapses


def tally_tables(
    whole: Tally,
    accuracy: Interval,
    net: Network | QuantisedNetwork,
    samples_per_second: float,
) -> list[Table]:
    """Return what a run gave: accuracy, work and time per sample, spikes per layer.

    ``samples_per_second`` is NaN where it is not known.
    """
    n, n_steps = whole.n_samples, whole.n_steps
    dense = sum(map(n_synapses, net.projections)) * n_steps
    layers = [
        (name, size, f"{spikes / n:.1f}", f"{1e2 * spikes / (n * n_steps * size):.2f}")
        for name, size, spikes in zip(whole.names, whole.neurons, whole.spikes, strict=True)
    ]
    # together they fit 80 columns
    columns = ("samples", "accuracy % [95 %]", "synops/sample", "dense", "ms/sample", "samples/s")
    row = (
        n,
        interval(accuracy),
        f"{float(np.mean(whole.synops)):.0f}",
        dense,
        f"{1e3 * whole.seconds / n:.3f}",
        "-" if np.isnan(samples_per_second) else f"{samples_per_second:,.0f}",
    )
    return [
        table(f"{whole.target} ({whole.provenance})", columns, [row]),
        table("Spikes", ("layer", "neurons", "spikes/sample", "spikes/neuron-step %"), layers),
    ]


def profile_table(layers: Sequence[LayerProfile], n_samples: int) -> Table:
    """Return what every layer costs a sample on one thread, and how near it is to the limit."""
    columns = (
        "layer", "ms/sample", "spikes in", "spikes out", "weights kB", "state kB", "limit ms",
        "of the limit",
    )  # fmt: skip
    rows = [
        (
            " + ".join(layer.names),
            f"{1e3 * layer.seconds / n_samples:.4f}",
            f"{layer.events_in / n_samples:.0f}",
            f"{layer.events_out / n_samples:.0f}",
            f"{1e-3 * layer.weight_bytes / n_samples:.1f}",
            f"{1e-3 * layer.state_bytes / n_samples:.1f}",
            f"{1e3 * layer.limit_seconds / n_samples:.4f}",
            f"{100 * layer.share:.0f} %" if layer.seconds else "-",
        )
        for layer in layers
    ]
    made = table(f"Profile of {n_samples} samples, one thread, per sample", columns, rows)
    made.caption = "limit: bytes touched at the bandwidth that one core was measured to have"
    return made
