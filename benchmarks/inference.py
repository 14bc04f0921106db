"""Times inference of one network on Lava, lava-dl, norse and hetlava, side by side in one run.

    python benchmarks/inference.py [--rounds 5] [--json FILE]

Every round times every system once, so that a busy moment hits all of them; the median counts.
Each call gets samples that it has not seen. See README.md beside this file.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from hetlava.events import Events, from_dense
from hetlava.fixedpoint import decay_word
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import engine, reference

SIZES = (2312, 512, 512, 10)
NAMES = ("input", "hidden1", "hidden2", "output")
THRESHOLDS = (3700, 10900, 13000)  # rates near 6, 4 and 5 %
N_STEPS = 300
RATE = 0.01
BATCH = 32
DT = 1e-3


class System(NamedTuple):
    """What is timed, and what turns events into its own input beforehand, untimed."""

    call: Callable[[Any], Any]
    read: Callable[[Events], Any] = lambda inputs: inputs


def network(rng: np.random.Generator) -> QuantisedNetwork:
    """Return the network with even 8-bit weights and time constants per neuron."""
    populations, projections = [], []
    for k, n in enumerate(SIZES[1:]):
        zero = np.zeros(n, np.int32)
        registers = CubaRegisters(
            du=decay_word(rng.uniform(2 * DT, 10 * DT, n), DT) - 1,
            dv=decay_word(rng.uniform(3 * DT, 30 * DT, n), DT),
            vth=np.full(n, THRESHOLDS[k], np.int32),
            bias_mant=zero,
            bias_exp=zero,
        )
        weights = (2 * rng.integers(-128, 128, (n, SIZES[k]))).astype(np.int16)
        populations.append(QuantisedPopulation(name=NAMES[k + 1], registers=registers))
        projections.append(
            QuantisedProjection(source=NAMES[k], target=NAMES[k + 1], weights=weights)
        )
    return QuantisedNetwork(
        chip="loihi2",
        dt=DT,
        n_inputs=SIZES[0],
        n_steps=N_STEPS,
        populations=tuple(populations),
        projections=tuple(projections),
        output=NAMES[-1],
    )


@contextmanager
def lava_cpu(net: QuantisedNetwork, inputs: Events) -> Iterator[System]:
    """Give a call that runs Lava's warm runtime over the next sample of its source."""
    from hetlava.export.lava_import import enable_lava
    from hetlava.export.lava_models import dense_parts, dense_process, lif_process

    enable_lava()
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import RingBuffer

    rows = inputs.to_dense().transpose(2, 1, 0).reshape(SIZES[0], -1)
    root = RingBuffer(data=rows.astype(np.int32))
    out = root.s_out
    for population, projection in zip(net.populations, net.projections, strict=True):
        (part,) = dense_parts(projection)
        dense = dense_process(part)
        neurons = lif_process(population.registers, "stock", N_STEPS, 1)
        out.connect(dense.s_in)
        dense.a_out.connect(neurons.a_in)
        out = neurons.s_out
    root.run(condition=RunSteps(num_steps=N_STEPS), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    try:
        yield System(
            lambda _: root.run(
                condition=RunSteps(num_steps=N_STEPS), run_cfg=Loihi2SimCfg(select_tag="fixed_pt")
            )
        )
    finally:
        root.stop()


def lava_dl() -> System:
    """Return lava-dl's quantised forward pass, one block per layer, a decay per neuron."""
    import torch

    from hetlava.export.lava_import import slayer

    block = slayer().block.cuba
    neuron = {
        "threshold": 1.0, "current_decay": 0.2, "voltage_decay": 0.1, "shared_param": False,
    }  # fmt: skip
    layers = [block.Dense(neuron, a, b) for a, b in zip(SIZES, SIZES[1:], strict=False)]

    def read(inputs: Events) -> Any:
        dense = inputs.to_dense().transpose(1, 2, 0)
        return torch.from_numpy(np.ascontiguousarray(dense, dtype=np.float32))

    def forward(x: Any) -> Any:
        with torch.no_grad():
            for layer in layers:
                x = layer(x)
        return x

    return System(forward, read)


def norse_cells(rng: np.random.Generator) -> System:
    """Return norse's LIFCell in a loop over time, time constants per neuron."""
    import norse.torch as norse
    import torch

    def cell(n: int) -> Any:
        tau_syn, tau_mem = rng.uniform(2 * DT, 10 * DT, n), rng.uniform(3 * DT, 30 * DT, n)
        inverse = [torch.tensor(1 / tau, dtype=torch.float32) for tau in (tau_syn, tau_mem)]
        return norse.LIFCell(
            norse.LIFParameters(tau_syn_inv=inverse[0], tau_mem_inv=inverse[1]), dt=DT
        )

    pairs = list(zip(SIZES, SIZES[1:], strict=False))
    linears = [torch.nn.Linear(a, b, bias=False) for a, b in pairs]
    cells = [cell(n) for n in SIZES[1:]]

    def read(inputs: Events) -> Any:
        return torch.from_numpy(inputs.to_dense().astype(np.float32))

    def forward(x: Any) -> Any:
        states: list[Any] = [None] * len(cells)
        with torch.no_grad():
            for s in x:
                for k, (linear, neurons) in enumerate(zip(linears, cells, strict=True)):
                    s, states[k] = neurons(linear(s), states[k])
        return states

    return System(forward, read)


def sample_stream(rng: np.random.Generator, batch: int) -> Iterator[Events]:
    while True:
        yield from_dense(rng.random((N_STEPS, batch, SIZES[0])) < RATE)


def measure(
    systems: dict[tuple[str, int], System], rounds: int, rng: np.random.Generator
) -> dict[tuple[str, int], float]:
    """Return the median seconds per sample of each (system, batch)."""
    streams = {batch: sample_stream(rng, batch) for _, batch in systems}
    times: dict[tuple[str, int], list[float]] = {key: [] for key in systems}
    for lap in range(rounds + 1):
        for (name, batch), system in systems.items():
            inputs = system.read(next(streams[batch]))
            start = time.perf_counter()
            system.call(inputs)
            if lap:  # the first warms up
                times[name, batch].append((time.perf_counter() - start) / batch)
    return {key: median(values) for key, values in times.items()}


def report(seconds: dict[tuple[str, int], float], rates: list[float]) -> Table:
    lava = seconds["Lava CPU fixed_pt, warm", 1]
    active = ", ".join(f"{100 * rate:.1f} %" for rate in rates)
    table = Table(
        title=f"{'-'.join(map(str, SIZES))}, {N_STEPS} steps, input {RATE:.0%}, layers {active}",
        caption=f"load {os.getloadavg()[0]:.1f} at the end; Lava runs one sample at a time",
    )
    for column in ("system", "batch", "ms per sample", "times Lava"):
        table.add_column(column, justify="left" if column == "system" else "right")
    for (name, batch), value in seconds.items():
        table.add_row(name, str(batch), f"{1e3 * value:.3f}", f"{lava / value:.1f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    net, stream = network(rng), sample_stream(rng, 4)
    prepared, check = engine.prepare(net), next(stream)
    run = prepared.run(check)
    if run.spikes != reference.run(net, check).spikes:
        raise SystemExit("the engine differs from the reference; no speed is worth that")
    rates = [s.n_events / (s.n_samples * s.n_steps * s.n_neurons) for s in run.spikes]
    slayer, norse = lava_dl(), norse_cells(rng)
    with lava_cpu(net, check) as lava:
        systems: dict[tuple[str, int], System] = {("Lava CPU fixed_pt, warm", 1): lava}
        for batch in (1, BATCH):
            systems["lava-dl slayer, quantised forward", batch] = slayer
            systems["norse LIFCell, float", batch] = norse
            systems["hetlava engine, 1 thread", batch] = System(partial(prepared.run, threads=1))
        systems["hetlava engine, 2 threads", BATCH] = System(partial(prepared.run, threads=2))
        seconds = measure(systems, options.rounds, rng)
    Console(width=100).print(report(seconds, rates))
    if options.json:
        rows = [{"system": n, "batch": b, "seconds": s} for (n, b), s in seconds.items()]
        machine = {"machine": platform.machine(), "cores": os.cpu_count()}
        options.json.write_text(json.dumps({"rates": rates, "machine": machine, "rows": rows}))


if __name__ == "__main__":
    main()
