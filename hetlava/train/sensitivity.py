"""How much the loss minds an error of each neuron's decays, for codebooks to weigh it."""

from dataclasses import replace

import numpy as np
from torch import Tensor

from hetlava.arrays import Float
from hetlava.datasets.recordings import Recordings
from hetlava.network import Network
from hetlava.train.batches import in_order
from hetlava.train.fit import binned, threads
from hetlava.train.readouts import logits, loss
from hetlava.train.rebuild import config_of, rebuild
from hetlava.train.shared_words import MEMBRANE, SYNAPSE, learned_decays, parametrised

BATCH = 8  # samples whose gradients are summed before they are squared
FLOOR = 1e-3  # of the mean: a neuron that the loss does not see keeps a say


def loss_sensitivity(net: Network, data: Recordings) -> dict[str, Float]:
    """Return the mean squared gradient of the loss by each neuron's log time constants.

    To second order, with the empirical Fisher information for the curvature, that is how the loss
    grows with the squared error of log tau, which is what codebooks make small. Time constants
    that a whole layer shares do not count: no codebook errs there.

    Returns
    -------
    mapping of population to (n,) float64
        1 in the mean.

    Raises
    ------
    UnsupportedError
        If no trainer of hetlava wrote the network.
    ValidationError
        If there are no samples.
    """
    config = replace(config_of(net), learn=("tau_mem=neuron", "tau_syn=neuron"), device="cpu")
    with threads(config.threads):
        trainable = rebuild(net, config)
        learned = [
            [parametrised(*place).original for place in learned_decays(trainable, names)]
            for names in (SYNAPSE, MEMBRANE)
        ]
        squares = [[np.zeros(p.numel()) for p in layers] for layers in learned]
        for x, labels in in_order(binned(data, config), BATCH):
            trainable.zero_grad()
            scores = logits(trainable.readout, trainable(x)[-1], trainable.threshold)
            loss(scores, labels).backward()  # type: ignore[no-untyped-call]
            for sums, layers in zip(squares, learned, strict=True):
                for total, p in zip(sums, layers, strict=True):
                    total += _squared(p)
    weights = {}
    for k, population in enumerate(net.populations):
        neurons = population.neurons
        varies = [np.ptp(tau) > 0 for tau in (neurons.tau_syn, neurons.tau_mem)]
        total = sum((squares[which][k] for which in (0, 1) if varies[which]), np.zeros(neurons.n))
        mean = float(total.mean())
        weights[population.name] = total / mean + FLOOR if mean > 0 else np.ones(neurons.n)
    return weights


def _squared(p: Tensor) -> Float:
    if p.grad is None:
        return np.zeros(p.numel())
    y: Float = p.grad.double().numpy() ** 2
    return y
