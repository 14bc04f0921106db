"""From which activity on a product of matrices is faster here than summing event by event."""

import time
from functools import cache

import numpy as np

from hetlava.events import from_dense
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim.modes import Mode

INPUTS, NEURONS, STEPS = 1024, 256, 64
REPEATS = 3


@cache
def crossover() -> float:
    """Return the share of source neurons that must fire in a step; above 1 where it never pays.

    A layer in which all fire is timed both ways, once in a process. What is chosen by it changes
    no result.
    """
    from hetlava.sim import engine

    net, inputs = _layer(), from_dense(np.ones((STEPS, 1, INPUTS), bool))

    def seconds(mode: Mode) -> float:
        made, best = engine.prepare(net, mode=mode), np.inf
        for _ in range(1 + REPEATS):  # the first makes the matrix, or loads the loops
            start = time.perf_counter()
            made.run(inputs, threads=1)
            best = min(best, time.perf_counter() - start)
        return float(best)

    return seconds("dense") / seconds("events")


def _layer() -> QuantisedNetwork:
    weights = (2 * np.random.default_rng(0).integers(-128, 128, (NEURONS, INPUTS))).astype(np.int16)
    word = np.full(NEURONS, 1024, np.int32)
    registers = CubaRegisters(
        du=word, dv=word, vth=word, bias_mant=np.zeros_like(word), bias_exp=np.zeros_like(word)
    )
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=INPUTS,
        n_steps=STEPS,
        populations=(QuantisedPopulation(name="output", registers=registers),),
        projections=(QuantisedProjection(source="input", target="output", weights=weights),),
        output="output",
    )
