"""Times inference on Lava, lava-dl, norse, snntorch, SpikingJelly and hetlava, side by side.

    python benchmarks/inference.py [--quick] [--rounds N] [--json FILE]

Every round times every system once, so that a busy moment hits all of them; the median counts.
Each call gets samples that it has not seen. See README.md beside this file.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import networks
import numpy as np
import peers
from measuring import System, in_turn, options, random_events, save, show

from hetlava.convolution import QuantisedConvolution
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import engine, reference
from hetlava.sparse_synapses import QuantisedSparse

LAVA = "Lava CPU fixed_pt, warm"
OURS = "hetlava"
CHECKED = 1 << 23  # weights of matrices up to which the judge is asked: it takes 8 bytes for each


class Case(NamedTuple):
    """A network, the activity of its input and who is asked to run it."""

    name: str
    build: networks.Build
    rate: float
    batches: tuple[int, ...] = (1, 32)
    with_torch: bool = True


def cases(quick: bool) -> Iterator[Case]:
    """Yield the networks; the sparse one is smaller in a quick run."""
    dense = partial(networks.chain, sizes=(2312, 512, 512, 10), n_steps=300, rate=0.01)
    yield Case("dense 2312-512-512-10", dense, 0.01)
    yield Case("conv 2x34x34-16c5-32c3-10", networks.convolutional, 0.01)
    yield Case("recurrent 700-256-20, delays", networks.recurrent, 0.01)
    busy = partial(networks.chain, sizes=(2312, 512), n_steps=300, rate=0.2)
    yield Case("dense 2312-512, busy", busy, 0.2)
    n = 8192 if quick else 65536
    thin = partial(networks.sparse, n=n, fan_in=256, n_steps=50)
    yield Case(f"sparse {n} x 256", thin, 0.01, (1, 8), with_torch=False)


def rates(net: QuantisedNetwork, case: Case, rng: np.random.Generator) -> dict[str, float]:
    """Return how often the neurons of every population spike, and check the engine on the way.

    Raises
    ------
    SystemExit
        If the engine differs from the reference.
    """
    check = random_events(rng, min(net.n_steps, 100), 1, net.n_inputs, case.rate)
    run = engine.run(net, check)
    matrices = [q for q in net.projections if not isinstance(q, QuantisedSparse)]
    if sum(q.weights.size for q in matrices) <= CHECKED:
        if run.spikes != reference.run(net, check).spikes:
            raise SystemExit(f"{case.name}: the engine differs; no speed is worth that")
    return {
        name: s.n_events / (s.n_samples * s.n_steps * s.n_neurons)
        for name, s in zip(run.names, run.spikes, strict=True)
    }


def ours(net: QuantisedNetwork, batches: tuple[int, ...]) -> list[System]:
    """Return the engine, on one thread and on two."""
    prepared = engine.prepare(net)
    return [
        System(OURS, partial(prepared.run, threads=threads), batch=batch, threads=threads)
        for batch in batches
        for threads in (1, 2)
        if batch > 1 or threads == 1
    ]


def run(case: Case, rounds: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Time one network on everything that can run it."""
    net = case.build(rng)
    activity = {"input": case.rate} | rates(net, case, rng)
    draw: Callable[[int], Any] = lambda batch: random_events(  # noqa: E731
        rng, net.n_steps, batch, net.n_inputs, case.rate
    )
    with ExitStack() as stack:
        systems, left_out = [], dict[str, str]()
        try:
            systems.append(stack.enter_context(peers.lava_cpu(net, draw(2))))
        except ImportError as error:
            left_out[LAVA] = str(error)
        if case.with_torch:
            found, without = peers.torch_systems(net, rng, case.batches, (1, 2))
            systems, left_out = systems + found, left_out | without
        systems += ours(net, case.batches)
        times = in_turn(systems, draw, rounds)
    rows = [
        {"case": case.name, "system": s.name, "batch": s.batch, "threads": s.threads,
         "steps": net.n_steps, "rates": activity, **times[k]._asdict()}
        for k, s in enumerate(systems)
    ]  # fmt: skip
    report(case, net, rows, left_out)
    return rows


def report(
    case: Case, net: QuantisedNetwork, rows: list[dict[str, Any]], left_out: dict[str, str]
) -> None:
    """Print the table of one network."""
    active = ", ".join(f"{name} {100 * rate:.1f} %" for name, rate in rows[0]["rates"].items())
    size = sum(q.weights.size for q in net.projections)
    kernels = any(isinstance(q, QuantisedConvolution) for q in net.projections)
    title = f"{case.name}: {net.n_steps} steps, {size} {'shared ' * kernels}weights; {active}"
    lines = [
        (r["system"], r["batch"], r["threads"], f"{1e3 * r['median']:.3f}",
         f"{1e3 * r['low']:.3f}..{1e3 * r['high']:.3f}", *ratios(r, rows))
        for r in rows
    ]  # fmt: skip
    columns = ("system", "batch", "threads", "ms/sample", "quartiles", "times Lava", "hetlava is")
    show(title, columns, lines)
    for name, reason in left_out.items():
        print(f"  without {name}: {reason}")


def ratios(row: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Return how much faster than Lava a system is, and how much faster than it hetlava is."""
    lava = [r["median"] for r in rows if r["system"] == LAVA]
    same = [
        r["median"]
        for r in rows
        if r["system"] == OURS and r["batch"] == row["batch"]
        and r["threads"] == (1 if row["batch"] == 1 else row["threads"])
    ]  # fmt: skip
    against = f"{lava[0] / row['median']:.1f}" if lava else "-"
    return against, f"{row['median'] / same[0]:.1f}x" if same and row["system"] != OURS else "-"


def main() -> None:
    chosen = options(__doc__)
    rows = []
    for case in cases(chosen.quick):
        rows += run(case, chosen.rounds, np.random.default_rng(0))
    save("inference", rows, chosen.json)


if __name__ == "__main__":
    main()
