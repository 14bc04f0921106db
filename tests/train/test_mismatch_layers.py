"""Networks in torch for training on dies: the float reference's spikes, and true gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.events import from_dense
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.sim import floating
from hetlava.train.mismatch_layers import TorchNetwork, torch_network
from hetlava.train.mismatch_loops import Neurons


def network(rng, *, loops=False, readout="spike-count"):
    def lif(n):
        return CubaLIF(
            tau_mem=rng.uniform(0.005, 0.05, n),
            tau_syn=rng.uniform(0.002, 0.02, n),
            v_leak=np.zeros(n),
            v_threshold=rng.uniform(0.8, 1.2, n),
            v_reset=rng.normal(0, 0.1, n),
        )

    last = lif(4)
    if readout != "spike-count":
        last = CubaLI(tau_mem=last.tau_mem, tau_syn=last.tau_syn, v_leak=last.v_leak)
    ends = [("input", "a", 8), ("a", "b", 12), ("input", "b", 8)] + loops * [("a", "a", 12)]
    return Network(
        dt=1e-3,
        n_inputs=8,
        n_steps=25,
        populations=(Population(name="b", neurons=last), Population(name="a", neurons=lif(12))),
        projections=tuple(
            Projection(source=s, target=t, weights=rng.normal(0, 0.15, (4 if t == "b" else 12, n)))
            for s, t, n in ends
        ),
        output="b",
        readout=readout,
    )


def in_torch(net) -> tuple[TorchNetwork, list[torch.Tensor]]:
    """The network and its leaves: weights, the taus of every population, its potentials."""
    weights = [torch.tensor(q.weights, requires_grad=True) for q in net.projections]
    steps = [
        tuple(
            torch.tensor(tau / net.dt, requires_grad=True)
            for tau in (p.neurons.tau_mem, p.neurons.tau_syn)
        )
        for p in net.populations
    ]
    names = ("v_leak", "v_threshold", "v_reset")
    volts = [
        {
            name: torch.tensor(getattr(p.neurons, name), requires_grad=True)
            for name in names[: 3 if p.neurons.spiking else 1]
        }
        for p in net.populations
    ]
    leaves = [*weights, *(t for pair in steps for t in pair)]
    leaves += [v for mine in volts for v in mine.values()]
    return torch_network(net, weights, steps, "exponential", volts), leaves


def spikes(rng, n=6):
    return rng.random((25, n, 8)) < 0.3


def as_input(x):
    return torch.tensor(x.transpose(1, 2, 0).astype(np.float64))


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("readout", ["spike-count", "mean-voltage"])
def test_it_is_the_float_reference(rng, loops, readout):
    net, x = network(rng, loops=loops, readout=readout), spikes(rng)
    expected = floating.run(net, from_dense(x), probes=("v",))
    analog = in_torch(net)[0]
    # an analog neuron begins where it rests, one of the reference where a spike leaves it
    alike = tuple(replace(y, start=y.reset) if y.spiking else y for y in analog.layers)
    outputs = replace(analog, layers=alike).forward(as_input(x))
    assert expected.spikes[1].n_events > 50
    for k, y in enumerate(outputs):
        found = y.detach().numpy().transpose(2, 0, 1)
        if k == 0 and readout != "spike-count":
            assert np.allclose(found, expected.v[0], rtol=1e-9, atol=1e-12)
        else:
            assert np.array_equal(found > 0, expected.spikes[k].to_dense())


@pytest.mark.parametrize("readout", ["spike-count", "mean-voltage"])
@pytest.mark.parametrize("forced", [False, True])
def test_compiled_and_stepwise_gradients_agree(rng, readout, forced):
    net, x = network(rng, readout=readout), as_input(spikes(rng))
    given = None
    if forced:
        given = [torch.tensor(rng.random((6, n, 25)) < 0.2, dtype=torch.float64) for n in (4, 12)]
    made, grads = [], []
    for stepwise in (False, True):
        net_in_torch, leaves = in_torch(net)
        if stepwise:
            object.__setattr__(net_in_torch, "_run_layer", net_in_torch._run_loop)
        outputs = net_in_torch.forward(x, forced=given)
        cost = sum((y * torch.linspace(0.1, 1, 25)).square().sum() for y in outputs)
        grads.append(torch.autograd.grad(cost, leaves, allow_unused=True))
        made.append(outputs)
    assert all(torch.equal(a, b) for a, b in zip(*made, strict=True))
    # the reset of an output that stays silent, or is the first to be read, moves nothing
    assert sum(not bool(a.any()) for a in grads[0]) <= 1
    for a, b in zip(*grads, strict=True):
        # two orders of the same sums
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)
    if forced:
        assert all(torch.equal(y, g) for y, g in zip(made[0], given, strict=True))


def test_gradients_of_voltages_pass_finite_differences(rng):
    n = 3
    leak, limit, reset, start, width = (
        torch.tensor(rng.uniform(0.1, 0.2, n), requires_grad=k != 4) for k in range(5)
    )
    drive = torch.tensor(rng.normal(0, 1, (2, n, 9)), requires_grad=True)
    decays = [torch.tensor(rng.uniform(0.5, 0.95, n), requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(
        lambda d, a, b, v, z: Neurons.apply(d, a, b, v, limit, reset, z, width, None, ""),
        (drive, *decays, leak, start),
    )


def test_what_a_chip_sends_moves_the_gradient(rng):
    net, x = network(rng), as_input(spikes(rng))
    net = replace(net, projections=net.projections[:2])
    chips = [torch.zeros(6, n, 25, dtype=torch.float64) for n in (4, 12)]
    silent, leaves = in_torch(net)
    outputs = silent.forward(x, forced=chips)
    (grad,) = torch.autograd.grad(outputs[0].sum(), leaves[1])
    assert not grad.any()  # nothing reached the output's neurons
    chips[1][:, 3, ::5] = 1
    outputs = silent.forward(x, forced=chips)
    (grad,) = torch.autograd.grad(outputs[0].sum(), leaves[1])
    assert grad[:, 3].abs().min() > 0 and not grad[:, :3].any()
