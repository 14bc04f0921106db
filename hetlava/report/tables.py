"""Tables for the terminal, made from records."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from hetlava.arrays import AnyArray
from hetlava.chips import Sourced
from hetlava.connectivity import Synapses
from hetlava.fixedpoint import decay_tau
from hetlava.hardware.interface import Target
from hetlava.listed import Listed
from hetlava.network import Network
from hetlava.neurons.cuba import CubaLIF
from hetlava.neurons.refractory import cuba_part, silence
from hetlava.parity import Interval, Parity
from hetlava.quantised import QuantisedNetwork
from hetlava.sliding import Sliding


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table whose first column is left-aligned and the others right-aligned."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made


def interval(value: Interval) -> str:
    """Write a percentage with its interval, as ``95.0 [88.8, 97.8]``."""
    return f"{value.value:.1f} [{value.low:.1f}, {value.high:.1f}]"


def budget_tables(budget: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return what rounding did, per population and per projection."""
    populations = [row for row in budget if row["kind"] == "population"]
    projections = [row for row in budget if row["kind"] == "projection"]
    return [
        table(
            "Neurons: error by rounding, in %",
            ("population", "error of", "median", "95 %", "worst", "dead", "saturated"),
            [line for row in populations for line in _population_lines(row)],
        ),
        table(
            "Weights: error in % of their rms",
            ("projection", "shape", "bits", "exponent", "rms", "worst", "saturated", "zeros"),
            (
                (
                    row["name"],
                    "x".join(map(str, row["shape"])),
                    row["weight_bits"],
                    row["weight_exp"],
                    f"{row['rms_error']:.3g}",
                    f"{row['worst_error']:.3g}",
                    row["saturated"],
                    row["zeros"],
                )
                for row in projections
            ),
        ),
    ]


def _population_lines(row: Mapping[str, Any]) -> Iterable[Sequence[object]]:
    """Yield a line per quantity of a population; a readout has no threshold and no leak."""
    name, moved = f"{row['name']} ({row['n']})", (row["dead_words"], row["saturated_words"])
    for key, label in (
        ("tau_mem", "tau_mem"),
        ("tau_syn", "tau_syn"),
        ("vth", f"threshold {row.get('vth_mant')}"),
        ("leak", "truncation"),
    ):
        if key in row:
            values = (f"{row[key][part]:.2g}" for part in ("median", "p95", "worst"))
            yield (name, label, *values, *moved)
            name, moved = "", ("", "")


def parity_tables(ladder: Sequence[Parity]) -> list[Table]:
    """Return the rungs of the ladder, the spikes of their layers, and where they part."""
    first = ladder[0]
    rungs: list[Sequence[object]] = [(first.reference, *_cells(first.reference_accuracy), *"---")]
    rungs += [
        (p.candidate, *_cells(p.accuracy), *_cells(p.drop), f"{p.same_prediction:.1f}")
        for p in ladder
    ]
    layers = [
        (_pair(p), r.name, r.reference_spikes, r.spikes, r.differing, f"{100 * r.agreement:.2f}")
        for p in ladder
        for r in p.layers
    ]
    differences = [
        (_pair(p), *(p.first_difference or ("identical", "-", "-", "-"))) for p in ladder
    ]
    return [
        table(
            f"Parity over {first.n_samples} samples",
            ("rung", "accuracy %", "95 %", "drop", "95 %", "same %"),
            rungs,
        ),
        table(
            "Spikes",
            ("rungs", "layer", "before", "after", "differing", "agreement %"),
            layers,
        ),
        table("First difference", ("rungs", "layer", "sample", "step", "neuron"), differences),
    ]


def _cells(value: Interval) -> tuple[str, str]:
    return f"{value.value:.1f}", f"{value.low:.1f}..{value.high:.1f}"


def _pair(parity: Parity) -> str:
    return f"{parity.reference} -> {parity.candidate}"


def network_table(net: Network | QuantisedNetwork) -> Table:
    """Return the populations of a network with the ranges of their parameters."""
    float_net = isinstance(net, Network)
    unit = "V" if float_net else "<< 6"
    columns = ("population", "n", "tau_mem ms", "tau_syn ms", f"vth {unit}", "from")
    kind, made_for = "float", ""
    if isinstance(net, QuantisedNetwork):
        kind, made_for = "quantised", f", for {net.chip}"
    return table(
        f"{kind} network (min..median..max): dt {1e3 * net.dt:g} ms, {net.n_steps} steps, "
        f"{net.n_inputs} inputs, output {net.output!r} by {net.readout}{made_for}",
        columns,
        [*_population_rows(net)],
    )


def projection_table(net: Network | QuantisedNetwork) -> Table:
    """Return the projections of a network and how each is held."""
    columns: tuple[str, ...] = ("projection", "kind", "shape", "synapses")
    if isinstance(net, Network):
        columns += ("weights V", "grid V", "delays")
        rows = [
            (*_wire(q), _range(q.weights) if q.weights.size else "-", f"{q.grid:g}", _delays(q))
            for q in net.projections
        ]
    else:
        columns += ("bytes a weight", "exponent", "delays")
        rows = [
            (
                *_wire(q),
                f"{q.weights.nbytes / q.weights.size:g}" if q.weights.size else "-",
                q.weight_exp,
                _delays(q),
            )
            for q in net.projections
        ]
    return table("Projections", columns, rows)


def _delays(q: Synapses) -> str:
    if q.all_delays is None:
        return "none"
    return f"0..{q.longest_delay} of {'sources' if q.synaptic_delays is None else 'synapses'}"


def _wire(q: Synapses) -> tuple[object, ...]:
    kind, shape = "matrix", "x".join(map(str, q.shape))
    if isinstance(q, Sliding):
        images = ("x".join(map(str, image)) for image in (q.output_shape, q.input_shape))
        kind, shape = "kernel", " of ".join(images)
    elif isinstance(q, Listed):
        kind = "lists"
    return f"{q.source} -> {q.target}", kind, shape, int(q.fan_out().sum())


def _population_rows(net: Network | QuantisedNetwork) -> Iterable[Sequence[object]]:
    sources: dict[str, list[str]] = {p.name: [] for p in net.populations}
    for wire in net.projections:
        sources[wire.target].append(wire.source)
    for p in net.populations:
        waits = np.zeros(1, np.int32)
        if isinstance(net, Network):
            neurons = p.neurons  # type: ignore[union-attr]
            taus = neurons.tau_mem, neurons.tau_syn
            threshold: AnyArray | None = (
                neurons.v_threshold if isinstance(neurons, CubaLIF) else None
            )
        elif (registers := cuba_part(p.registers)) is not None:  # type: ignore[union-attr]
            taus = decay_tau(registers.dv, net.dt), decay_tau(registers.du + 1, net.dt)
            threshold = registers.vth if registers.spiking else None
            waits = silence(p.registers)  # type: ignore[union-attr]
        else:
            n, model = p.registers.n, p.registers.model  # type: ignore[union-attr]
            yield p.name, n, model, "-", "-", ", ".join(sources[p.name]) or "-"
            continue
        yield (
            p.name,
            taus[0].size,
            *(_range(1e3 * tau) for tau in taus),
            "none" if threshold is None else _range(threshold) + _silence(waits),
            ", ".join(sources[p.name]) or "-",
        )


def _silence(waits: AnyArray) -> str:
    return f", then {_range(waits)} steps silent" if np.any(waits) else ""


def _range(values: Any) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    if low == high:
        return f"{low:.4g}"
    return f"{low:.2g}..{float(np.median(values)):.2g}..{high:.2g}"


def chip_table(chip: Sourced) -> Table:
    """Return every limit of a chip with its source and how far it can be trusted."""
    rows = [
        (name, getattr(chip, name), source.status, source.text)
        for name, source in ((name, chip.sources[name]) for name in chip.limits())
    ]
    made = table(f"{chip.name}: limits", ("limit", "value", "status", "source"), rows)
    made.columns[3].justify = "left"
    return made


def targets_table(targets: Sequence[Target]) -> Table:
    """Return what can run networks, with the main limits, and why not where it cannot."""
    rows = [
        (t.name, t.description, t.takes, _size(t.spec), t.unavailable() or "yes") for t in targets
    ]
    made = table("Targets", ("target", "what it is", "takes", "limits", "runs here"), rows)
    for column in made.columns:
        column.justify = "left"
    return made


def _size(spec: Sourced | None) -> str:
    """Return the chip and its main limits."""
    if spec is None:
        return "none of its own"
    values = {name.replace("_", " "): getattr(spec, name) for name in spec.headline}
    # no profiles to share mean that every neuron has its own
    shown = (f"{k} {v or 'one per neuron'}" for k, v in values.items())
    return f"{spec.name}: {', '.join(shown)}"
