"""Times a training step of one network on lava-dl, norse, snntorch, SpikingJelly and hetlava.

    python benchmarks/training.py [--rounds 5] [--threads 2] [--wall] [--memory] [--json FILE]

A step is forward, loss, backward and Adam for 2312-512-512-10 neurons, 32 samples, 300 steps, 1 %
of the inputs active, decays trained per neuron (SpikingJelly: one per layer, which is all that its
PLIF has). lava-dl is compared with our layers in the chip's integers, the others, which compute in
floating point, with ours in floating point. Every round times every system, so that a busy moment
hits all; the median counts. The steps of a round follow each other as in training, as many as a
second holds and at least one, on batches that are made beforehand. Time is that of the CPU over all
threads unless ``--wall`` asks for the clock's. ``--memory`` runs each system in a process of its
own and compares how far it grows from before its input is made. What is not installed is left out
and said so.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hetlava.events import Events, from_dense
from hetlava.train.batches import dense
from hetlava.train.declared import usual
from hetlava.train.fit import threads
from hetlava.train.log_tau import Taus
from hetlava.train.nets import TrainableNet
from hetlava.train.spike_rows import SpikeRows, rows_of_events

SIZES = (2312, 512, 512, 10)
PAIRS = tuple(zip(SIZES, SIZES[1:], strict=False))
N_STEPS, BATCH, RATE, DT = 300, 32, 0.01, 1e-3
LR = 1e-5  # small: what fires is to stay what it is
TURN, MOST_STEPS = 1.0, 8  # [s] of steps of a system in a round, and how many at most
# how many times our step theirs is to take at the least
GOALS = {"lava-dl": 8, "norse": 10, "snntorch": 12, "SpikingJelly PLIF": 7}
INTEGERS = ("hetlava, chip's integers", "lava-dl")


class System(NamedTuple):
    """A model with the spikes of its layers (n, ...), and what events become for it, untimed."""

    parameters: list[nn.Parameter]
    forward: Callable[[Any], list[Tensor]]
    count: Callable[[Tensor], Tensor]
    read: Callable[[Events], Any]
    after: Callable[[], None] = lambda: None
    fused_adam: bool = False


def taus(rng: np.random.Generator) -> list[Taus]:
    """Return time constants per neuron: 3 to 30 steps of the membrane, 2 to 10 of the synapse."""
    return [
        Taus(rng.uniform(3 * DT, 30 * DT, n), rng.uniform(2 * DT, 10 * DT, n)) for n in SIZES[1:]
    ]


def by_step(events: Events) -> Tensor:
    return dense(events, np.arange(events.n_samples)).permute(2, 0, 1)


def by_neuron(events: Events) -> Tensor:
    return dense(events, np.arange(events.n_samples)).contiguous()


def ours(net: TrainableNet) -> System:
    """Return a net of hetlava with weights that make its layers fire a few percent."""
    example = dense(spikes(np.random.default_rng(1), 4), np.arange(4))
    net.project()
    net.initialise(example, 0.6, torch.Generator().manual_seed(0))
    learned = [*net.weights(), *net.log_taus()]

    def forward(x: SpikeRows) -> list[Tensor]:
        return net(x)  # type: ignore[no-any-return]

    return System(learned, forward, lambda y: y.sum(-1), rows_of_events, net.project, True)


def hetlava_slayer(rng: np.random.Generator) -> System:
    from hetlava.train.slayer_net import SlayerNet

    return ours(SlayerNet(SIZES[0], taus(rng), DT, declared=usual(4.0)))


def hetlava_norse(rng: np.random.Generator) -> System:
    from hetlava.train.norse_net import NorseNet

    return ours(NorseNet(SIZES[0], taus(rng), DT, declared=usual(4.0)))


def lava_dl(rng: np.random.Generator) -> System:
    from hetlava.export.lava_import import slayer

    neuron = {
        "threshold": 1.0, "current_decay": (0.1, 0.4), "voltage_decay": (0.03, 0.3),
        "shared_param": False, "requires_grad": True,
    }  # fmt: skip
    blocks = nn.ModuleList(slayer().block.cuba.Dense(neuron, a, b) for a, b in PAIRS)
    with torch.no_grad():  # the first pass gives the decays their shapes
        nn.Sequential(*blocks)(torch.zeros(1, SIZES[0], 2))

    def forward(x: Tensor) -> list[Tensor]:
        outputs = []
        for block in blocks:
            x = block(x)
            outputs.append(x)
        return outputs

    return System(list(blocks.parameters()), forward, lambda y: y.sum(-1), by_neuron)


def norse_cells(rng: np.random.Generator) -> System:
    import norse.torch as norse

    linears = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in PAIRS)
    inverse = [
        [nn.Parameter(torch.tensor(1 / tau, dtype=torch.float32)) for tau in (t.syn, t.mem)]
        for t in taus(rng)
    ]
    cells = [
        norse.LIFCell(norse.LIFParameters(tau_syn_inv=syn, tau_mem_inv=mem), dt=DT)
        for syn, mem in inverse
    ]

    def forward(x: Tensor) -> list[Tensor]:
        return looped(x, linears, cells)

    learned = [*linears.parameters(), *(p for pair in inverse for p in pair)]
    return System(learned, forward, lambda y: y.sum(0), by_step)


def looped(x: Tensor, linears: nn.ModuleList, cells: list[Any]) -> list[Tensor]:
    """Step layers of cells that take and give a state."""
    states: list[Any] = [None] * len(cells)
    outputs: list[list[Tensor]] = [[] for _ in cells]
    for s in x.unbind(0):
        for k, (linear, cell) in enumerate(zip(linears, cells, strict=True)):
            s, states[k] = cell(linear(s), states[k])
            outputs[k].append(s)
    return [torch.stack(o) for o in outputs]


def snntorch_cells(rng: np.random.Generator) -> System:
    import snntorch

    linears = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in PAIRS)
    cells = nn.ModuleList(
        snntorch.Synaptic(
            alpha=torch.tensor(np.exp(-DT / t.syn), dtype=torch.float32),
            beta=torch.tensor(np.exp(-DT / t.mem), dtype=torch.float32),
            learn_alpha=True, learn_beta=True, reset_mechanism="zero",
        )
        for t in taus(rng)
    )  # fmt: skip

    def cell(neurons: Any, n: int) -> Callable[[Tensor, Any], tuple[Tensor, Any]]:
        def step(current: Tensor, state: Any) -> tuple[Tensor, Any]:
            zero = current.new_zeros(current.shape[0], n)
            s, synaptic, membrane = neurons(current, *(state or (zero, zero)))
            return s, (synaptic, membrane)

        return step

    steps = [cell(neurons, n) for neurons, n in zip(cells, SIZES[1:], strict=True)]
    learned = [*linears.parameters(), *cells.parameters()]
    return System(learned, lambda x: looped(x, linears, steps), lambda y: y.sum(0), by_step)


def spikingjelly_plif(rng: np.random.Generator) -> System:
    from spikingjelly.activation_based import functional, layer, neuron

    layers = nn.ModuleList(
        nn.Sequential(
            layer.Linear(a, b, bias=False, step_mode="m"),
            neuron.ParametricLIFNode(init_tau=10.0, step_mode="m"),
        )
        for a, b in PAIRS
    )

    def forward(x: Tensor) -> list[Tensor]:
        functional.reset_net(layers)
        outputs = []
        for one in layers:
            x = one(x)
            outputs.append(x)
        return outputs

    return System(list(layers.parameters()), forward, lambda y: y.sum(0), by_step)


SYSTEMS: dict[str, Callable[[np.random.Generator], System]] = {
    "hetlava, chip's integers": hetlava_slayer,
    "hetlava, float": hetlava_norse,
    "lava-dl": lava_dl,
    "norse": norse_cells,
    "snntorch": snntorch_cells,
    "SpikingJelly PLIF": spikingjelly_plif,
}


def spikes(rng: np.random.Generator, n_samples: int = BATCH) -> Events:
    return from_dense(rng.random((N_STEPS, n_samples, SIZES[0])) < RATE)


def make(name: str) -> System | str:
    """Return a system, or why it cannot be made."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return SYSTEMS[name](np.random.default_rng(0))
    except ImportError as error:
        return str(error)


def stepper(system: System) -> Callable[[Any, Tensor], list[float]]:
    """Return a whole step of training, which gives the activity of the layers."""
    optimiser = torch.optim.Adam(system.parameters, lr=LR, fused=system.fused_adam)

    def step(x: Any, labels: Tensor) -> list[float]:
        outputs = system.forward(x)
        optimiser.zero_grad()
        cross_entropy(0.3 * system.count(outputs[-1]), labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        system.after()
        return [float(y.detach().mean()) for y in outputs]

    return step


def measure(systems: dict[str, System], rounds: int, wall: bool) -> dict[str, Any]:
    """Return the median seconds of a step of each system, and the activity of its layers."""
    rng, clock = np.random.default_rng(2), time.perf_counter if wall else time.process_time
    steps = {name: stepper(system) for name, system in systems.items()}
    times: dict[str, list[float]] = {name: [] for name in systems}
    activity: dict[str, list[float]] = {}
    counts = dict.fromkeys(systems, 1)
    for lap in range(-1, rounds + 1):
        for name, system in systems.items():
            batches = [_batch(system, rng) for _ in range(counts[name])]
            start = clock()
            for batch in batches:
                activity[name] = steps[name](*batch)
            took = (clock() - start) / len(batches)
            if lap > 0:  # the first compiles, the second finds how many steps a turn has
                times[name].append(took)
            elif lap == 0:
                counts[name] = min(MOST_STEPS, max(1, round(TURN / took)))
    return {n: {"seconds": median(t), "activity": activity[n]} for n, t in times.items()}


def _batch(system: System, rng: np.random.Generator) -> tuple[Any, Tensor]:
    return system.read(spikes(rng)), torch.from_numpy(rng.integers(0, SIZES[-1], BATCH))


def growth(name: str) -> int:
    """Return by how many bytes this process grows for steps of one system."""
    system = make(name)
    if isinstance(system, str):
        return 0
    rng, step = np.random.default_rng(2), stepper(system)
    few = spikes(rng, 1)
    step(system.read(few), torch.zeros(1, dtype=torch.int64))  # compiles
    events, labels = spikes(rng), torch.zeros(BATCH, dtype=torch.int64)
    before = resident()
    for _ in range(3):
        step(system.read(events), labels)
    return peak() - before


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def peak() -> int:
    """Return the most bytes this program held; ``getrusage`` counts what its parent held, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def report(rows: dict[str, Any], what: str) -> Table:
    whole, real = (rows[name]["seconds"] for name in ("hetlava, chip's integers", "hetlava, float"))
    table = Table(title=f"{'-'.join(map(str, SIZES))}, batch {BATCH}, {N_STEPS} steps: {what}")
    for column in ("system", "ms a step", "times ours", "goal", "MB", "active, %"):
        table.add_column(column, justify="left" if column == "system" else "right")
    for name, row in rows.items():
        table.add_row(
            name,
            f"{1e3 * row['seconds']:.0f}",
            f"{row['seconds'] / (whole if name in INTEGERS else real):.1f}",
            str(GOALS.get(name, "")),
            f"{row['bytes'] / 1e6:.0f}" if "bytes" in row else "-",
            ", ".join(f"{100 * a:.1f}" for a in row["activity"]),
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--growth-of", help="print the bytes that one system takes, and stop")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with threads(options.threads):
        if options.growth_of:
            print(growth(options.growth_of))
            return
        made = {name: make(name) for name in SYSTEMS}
        for name, system in made.items():
            if isinstance(system, str):
                print(f"{name} is left out: {system}")
        systems = {name: s for name, s in made.items() if isinstance(s, System)}
        rows = measure(systems, options.rounds, options.wall)
    for name in rows if options.memory else ():
        call = [sys.executable, __file__, "--growth-of", name, "--threads", str(options.threads)]
        output = subprocess.run(call, check=True, capture_output=True, text=True).stdout
        rows[name]["bytes"] = int(output.split()[-1])
    clock = "clock" if options.wall else "CPU"
    Console(width=110).print(report(rows, f"{clock} time, {options.threads} thread(s)"))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
