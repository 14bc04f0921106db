"""Times hetlava's engine as networks, recordings and activity grow, and fits the exponents.

    python benchmarks/scaling.py [--quick] [--rounds N] [--json FILE]

One thread, one sample. An exponent of 1 is a cost in proportion.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import networks
import numpy as np
from measuring import System, exponent, in_turn, options, random_events, save, show

from hetlava.quantised import QuantisedNetwork
from hetlava.sim import engine

SIDES = (4, 8, 16, 32, 64, 128, 256)
SIZES = (256, 1024, 4096, 16384, 65536)
STEPS = (10, 30, 100, 300, 1000, 3000)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5)
LARGE = 1024  # neurons from which on the exponent is fitted: below, a step has a fixed cost


def time_each(
    points: dict[float, tuple[QuantisedNetwork, float]], rounds: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Time networks at their activities; returns time, events and synaptic operations."""
    rows = []
    for x, (net, rate) in points.items():
        prepared = engine.prepare(net)
        counted: list[Any] = []

        def call(inputs: Any, prepared: Any = prepared, counted: Any = counted) -> None:
            counted.append((prepared.run(inputs, threads=1).synops, inputs.n_events))

        draw = partial(_draw, net, rate, rng)
        timed = in_turn([System("hetlava", call)], draw, rounds)[0]
        synops, events = counted[-1]
        rows.append(
            {"x": x, "seconds": timed.median, "low": timed.low, "high": timed.high,
             "steps": net.n_steps, "synops": int(synops.sum()), "events": events}
        )  # fmt: skip
    return rows


def _draw(net: QuantisedNetwork, rate: float, rng: np.random.Generator, batch: int) -> Any:
    return random_events(rng, net.n_steps, batch, net.n_inputs, rate)


def neurons(rounds: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Grow a layer of fan-in 256 to a million neurons, 1 % active."""
    points = {float(16 * side**2): (networks.field(rng, side, 20), 0.01) for side in SIDES}
    return time_each(points, rounds, rng)


def lists(rounds: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Grow a layer of random synapses, fan-in 256, 1 % active."""
    points = {float(n): (networks.sparse(rng, n, 256, 20), 0.01) for n in SIZES}
    return time_each(points, rounds, rng)


def steps(rounds: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Lengthen the recording that 2312-512-512-10 runs, 1 % active."""
    from dataclasses import replace

    net = networks.chain(rng, (2312, 512, 512, 10), 300, 0.01)
    points = {float(t): (replace(net, n_steps=t), 0.01) for t in STEPS}
    return time_each(points, rounds, rng)


def activity(rounds: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Raise the activity of the input of 2312-512, thresholds set anew for each."""
    points = {p: (networks.chain(rng, (2312, 512), 300, p), p) for p in RATES}
    return time_each(points, rounds, rng)


AXES: dict[str, tuple[str, Callable[..., list[dict[str, Any]]], float]] = {
    "neurons, kernels of 256": ("neurons", neurons, LARGE),
    "neurons, lists of 256": ("neurons", lists, LARGE),
    "steps, 2312-512-512-10": ("steps", steps, 100),
    "activity, 2312-512": ("input spikes per neuron and step", activity, 0.01),
}


def main() -> None:
    chosen = options(__doc__)
    found = []
    for name, (axis, grow, fitted_from) in AXES.items():
        rows = grow(chosen.rounds, np.random.default_rng(0))
        large = [r for r in rows if r["x"] >= fitted_from]
        slopes = {
            "by x": exponent([r["x"] for r in large], [r["seconds"] for r in large]),
            "by synops": exponent([r["synops"] for r in large], [r["seconds"] for r in large]),
        }
        found.append(
            {"name": name, "axis": axis, "fitted_from": fitted_from, "exponents": slopes,
             "points": rows}
        )  # fmt: skip
        lines = [
            (f"{r['x']:g}", f"{1e6 * r['seconds'] / r['steps']:.2f}", r["synops"],
             f"{1e9 * r['seconds'] / max(1, r['synops']):.3f}")
            for r in rows
        ]  # fmt: skip
        title = f"{name}: exponent {slopes['by x']:.2f} in {axis} from {fitted_from:g} on"
        show(title, (axis, "us/step", "synops", "ns/synop"), lines)
    save("scaling", found, chosen.json)


if __name__ == "__main__":
    main()
