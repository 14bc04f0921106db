"""Compares hetlava's engine with the least time that memory allows.

    python benchmarks/limits.py [--quick] [--rounds N] [--json FILE]

One thread. The limit: every spike reads its row of weights, a byte each, every neuron and step
reads and writes 8 bytes of state, at the bandwidths that one core is measured to have just before
and after (``hetlava.sim.limit``).
"""

from typing import Any

import inference
import numpy as np
from measuring import System, in_turn, options, random_events, save, show

from hetlava.sim import engine
from hetlava.sim.limit import bandwidth, traffic

CACHES = {"L1": 1 << 14, "L2": 1 << 19, "L3": 1 << 23, "memory": 1 << 28}


def run(case: inference.Case, rounds: int, rng: np.random.Generator) -> dict[str, Any]:
    """Time one network on one thread beside its limit."""
    net, batch = case.build(rng), case.batches[-1]
    prepared = engine.prepare(net)
    system = System("hetlava", lambda inputs: prepared.run(inputs, threads=1), batch=batch)

    def draw(n: int) -> Any:
        return random_events(rng, net.n_steps, n, net.n_inputs, case.rate)

    timed = in_turn([system], draw, rounds)[0]
    inputs = draw(batch)
    done = prepared.run(inputs, threads=1)
    needs = traffic(net, inputs, dict(zip(done.names, done.spikes, strict=True)))
    limit = sum(need.seconds() for need in needs.values()) / batch
    return {
        "case": case.name,
        "batch": batch,
        "weight_bytes": sum(need.weight_bytes for need in needs.values()) / batch,
        "state_bytes": sum(need.state_bytes for need in needs.values()) / batch,
        "seconds": timed.median,
        "low": timed.low,
        "high": timed.high,
        "limit": limit,
        "fraction": limit / timed.median,
    }


def main() -> None:
    chosen = options(__doc__)
    speeds = {name: bandwidth(size) for name, size in CACHES.items()}
    rows = [
        run(case, chosen.rounds, np.random.default_rng(0)) for case in inference.cases(chosen.quick)
    ]
    lines = [
        (r["case"], r["batch"], f"{1e-6 * r['weight_bytes']:.2f}", f"{1e-6 * r['state_bytes']:.2f}",
         f"{1e3 * r['limit']:.3f}", f"{1e3 * r['seconds']:.3f}", f"{100 * r['fraction']:.0f} %")
        for r in rows
    ]  # fmt: skip
    read = ", ".join(f"{name} {1e-9 * speed:.0f} GB/s" for name, speed in speeds.items())
    columns = ("network", "batch", "weights MB", "state MB", "limit ms", "took ms", "of the limit")
    show(f"One core reads rows of 512 B: {read}", columns, lines)
    save("limits", {"bandwidth": speeds, "cases": rows}, chosen.json)


if __name__ == "__main__":
    main()
