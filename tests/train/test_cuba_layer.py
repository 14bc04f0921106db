"""Fused layers against the plain loop, finite differences and the chip's integers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.errors import ValidationError
from hetlava.events import from_dense
from hetlava.sim.reference import run, synaptic_input
from hetlava.train.cuba_adjoint import BLOCK
from hetlava.train.cuba_function import run_compiled
from hetlava.train.cuba_layer import cuba_layer
from hetlava.train.cuba_passes import CACHE, Layer, run_forward
from hetlava.train.cuba_plain import run_plain
from hetlava.train.cuba_rule import CubaParameters, CubaRule, on_grid
from hetlava.train.spike_rows import rows_of, rows_of_events
from hetlava.train.surrogates import SURROGATES, Surrogate

T, B, N_PRE, N = 30, 4, 13, 9
SCALE = 4096.0
GRID = 64 / SCALE


def draw(rng, dtype=torch.float64, rate=0.15):
    """Spikes, weights, loop and parameters, every one with a gradient."""
    spikes = torch.tensor(rng.random((T, B, N_PRE)) < rate).to(dtype)

    def tensor(x, grid=None):
        y = torch.tensor(x if grid is None else np.rint(x / grid) * grid, dtype=dtype)
        return y.requires_grad_()

    p = CubaParameters(
        alpha=tensor(rng.uniform(0.3, 0.9, N)),
        beta=tensor(rng.uniform(0.6, 0.97, N)),
        threshold=tensor(rng.uniform(0.7, 1.5, N)),
        bias=tensor(rng.normal(0, 0.03, N)),
        unit=torch.tensor(rng.uniform(0.7, 1.5, N), dtype=dtype),
    )
    weight = tensor(rng.normal(0.1, 0.5, (N, N_PRE)), 2 * GRID)
    loop = tensor(rng.normal(0, 0.3, (N, N)), 2 * GRID)
    return spikes.requires_grad_(), weight, loop, p


def gradients(run, x, weight, loop, p, rule, cost):
    leaves = [t for t in (x, weight, loop, *p[:4]) if t is not None]
    y = run(x, weight, loop, on_grid(p, rule), rule)
    return y, torch.autograd.grad((y * cost).sum(), leaves)


@pytest.mark.parametrize("scale", [None, SCALE])
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("reset_gradient", ["full", "detached", "ignored"])
def test_compiled_layers_are_the_plain_loop(rng, scale, recurrent, delay, reset, reset_gradient):
    x, weight, loop, p = draw(rng)
    rule = CubaRule(
        surrogate=SURROGATES["superspike"],
        reset=reset,
        reset_gradient=reset_gradient,
        scale=scale,
        delay=delay,
    )
    cost = torch.tensor(rng.normal(size=(T, B, N)))
    call = (x, weight, loop if recurrent else None, p, rule, cost)

    (ours, found), (plain, expected) = (gradients(run, *call) for run in (run_compiled, run_plain))

    assert torch.equal(ours, plain)
    assert 0.02 < float(plain.detach().mean()) < 0.5
    for a, b in zip(found, expected, strict=True):
        # float64; in whole units u is found again but for the fraction that truncation took
        tolerance = 1e-10 if scale is None else 0.02
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()))


@pytest.mark.parametrize("delay", [0, 1])
def test_layers_larger_than_caches_are_the_plain_loop(rng, delay):
    """Several blocks of neurons, the last not full, and samples that go back in several groups."""
    n, n_samples, n_pre = 2 * BLOCK + 3, 43, 7
    assert 2 * T * n * 8 < CACHE < n_samples * T * n * 8 / 3
    x = torch.tensor(rng.random((T, n_samples, n_pre)) < 0.15).double().requires_grad_()
    weight = torch.tensor(rng.normal(0.2, 0.5, (n, n_pre))).requires_grad_()
    drawn = (rng.uniform(0.3, 0.97, n), rng.uniform(0.3, 0.97, n), rng.uniform(0.7, 1.5, n))
    p = CubaParameters(*(torch.tensor(v) for v in (*drawn, np.zeros(n), np.ones(n))))
    p = CubaParameters(*(v.requires_grad_() for v in p[:4]), p.unit)
    rule = CubaRule(surrogate=SURROGATES["superspike"], delay=delay)
    cost = torch.tensor(rng.normal(size=(T, n_samples, n)))

    (ours, found), (plain, expected) = (
        gradients(run, x, weight, None, p, rule, cost) for run in (run_compiled, run_plain)
    )

    assert torch.equal(ours, plain)
    for a, b in zip(found, expected, strict=True):
        # float64, in another order
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-11 * float(b.abs().max()))


@pytest.mark.parametrize("name", SURROGATES)
def test_every_surrogate_is_the_plain_one(rng, name):
    x, weight, loop, p = draw(rng)
    surrogate = SURROGATES[name]
    rule = CubaRule(surrogate=replace(surrogate, steepness=surrogate.steepness / 2))
    cost = torch.tensor(rng.normal(size=(T, B, N)))

    (ours, found), (plain, expected) = (
        gradients(run, x, weight, loop, p, rule, cost) for run in (run_compiled, run_plain)
    )

    assert torch.equal(ours, plain)
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scale", [None, SCALE])
def test_integrators_are_the_plain_ones(rng, scale):
    x, weight, _, p = draw(rng)
    rule = CubaRule(surrogate=None, scale=scale)
    cost = torch.tensor(rng.normal(size=(T, B, N)))
    leaves = (x, weight, p.alpha, p.beta, p.bias)

    results = []
    for layer in (run_compiled, run_plain):
        y = layer(x, weight, None, on_grid(p, rule), rule)
        results.append((y, torch.autograd.grad((y * cost).sum(), leaves)))
    (ours, found), (plain, expected) = results

    # float64: two orders of the same sums; whole units are equal
    assert torch.allclose(ours, plain, rtol=0, atol=1e-12 if scale is None else 0)
    tolerance = 1e-10 if scale is None else 0.02
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()))


def slope(function, x, i, h=1e-6):
    """Central difference of a function along element i of a tensor."""
    step = torch.zeros_like(x)
    step.view(-1)[i] = h
    return float((function(x + step) - function(x - step)).detach() / (2 * h))


def test_gradients_of_integrators_match_finite_differences(rng):
    x, weight, _, p = draw(rng)
    rule = CubaRule(surrogate=None)
    cost = torch.tensor(rng.normal(size=(T, B, N)))
    leaves = {"x": x, "weight": weight, "alpha": p.alpha, "beta": p.beta, "bias": p.bias}

    def loss(**values):
        now = {name: leaf.detach() for name, leaf in leaves.items()} | values
        q = p._replace(alpha=now["alpha"], beta=now["beta"], bias=now["bias"])
        return (cuba_layer(now["x"], now["weight"], q, rule) * cost).sum()

    found = torch.autograd.grad(loss(**leaves), list(leaves.values()))

    for (name, leaf), gradient in zip(leaves.items(), found, strict=True):
        for i in rng.integers(0, leaf.numel(), 4):
            expected = slope(lambda z, n=name: loss(**{n: z}), leaf.detach(), i)
            # float64: curvature over the step, and the rounding of a difference
            assert float(gradient.reshape(-1)[i]) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_gradients_through_resets_match_finite_differences(rng, reset):
    """With a derivative of 1 everywhere, what is differentiated is the voltage before the reset."""
    x, weight, loop, p = draw(rng)
    x, p = x.detach(), p._replace(unit=torch.ones(N, dtype=torch.float64))
    one = Surrogate(shape="triangle", steepness=0)
    rule = CubaRule(surrogate=one, reset=reset, reset_gradient="detached")
    cost = torch.tensor(rng.normal(size=(T, B, N)))
    leaves = (weight, *p[:4])

    def loss(weight, *parameters):
        q = CubaParameters(*parameters, p.unit)
        layer = Layer(rule, rows_of(x), T, B)
        volts, spikes = torch.empty(2, B, T, N, dtype=torch.float64).unbind(0)
        run_forward(None, weight, None, q, layer, volts, spikes)
        return (volts.transpose(0, 1) * cost).sum(), spikes

    y = run_compiled(x, weight, None, p, rule)
    found = list(torch.autograd.grad((y * cost).sum(), leaves))
    # the threshold moves the spike itself too, which the voltage does not show
    found[3] = found[3] + cost.sum((0, 1))

    at = [leaf.detach() for leaf in leaves]
    assert float(y.detach().sum()) > 50
    for k, gradient in enumerate(found):
        for i in rng.integers(0, gradient.numel(), 5):
            expected = slope(lambda z, k=k: loss(*at[:k], z, *at[k + 1 :])[0], at[k], i)
            assert float(gradient.reshape(-1)[i]) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_float32_layers_are_the_float64_ones_up_to_rounding(rng):
    x, weight, loop, p = draw(rng)
    rule = CubaRule(surrogate=SURROGATES["exponential"])
    cost = torch.tensor(rng.normal(size=(T, B, N)))
    single = [t.detach().float().requires_grad_() for t in (x, weight, loop, *p)]

    exact, expected = gradients(run_compiled, x, weight, loop, p, rule, cost)
    ours, found = gradients(
        run_compiled, *single[:3], CubaParameters(*single[3:]), rule, cost.float()
    )

    assert torch.equal(ours.double(), exact)
    for a, b in zip(found, expected, strict=True):
        # float32 sums of 120 products
        assert torch.allclose(a.double(), b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))


@pytest.mark.parametrize("scale", [None, SCALE])
@pytest.mark.parametrize("rate", [0.0, 0.6])
def test_silence_and_dense_input_give_what_the_plain_loop_gives(rng, scale, rate):
    x, weight, loop, p = draw(rng, rate=rate)
    rule = CubaRule(surrogate=SURROGATES["atan"], scale=scale)
    cost = torch.tensor(rng.normal(size=(T, B, N)))

    (ours, found), (plain, expected) = (
        gradients(run, x, weight, loop, p, rule, cost) for run in (run_compiled, run_plain)
    )

    assert torch.equal(ours, plain)
    for a, b in zip(found, expected, strict=True):
        # without any input, a unit of the state at most
        tolerance, unit = (1e-10, 1e-12) if scale is None else (0.02, 10 / scale)
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()) + unit)


@pytest.mark.parametrize("scale", [None, SCALE])
def test_spikes_of_any_height_count_by_their_height(rng, scale):
    x, weight, loop, p = draw(rng)
    x = (x.detach() * torch.tensor([1.0, 2.0, 0.5, 1.25])[:, None]).requires_grad_()
    rule = CubaRule(surrogate=SURROGATES["superspike"], scale=scale)
    cost = torch.tensor(rng.normal(size=(T, B, N)))

    (ours, found), (plain, expected) = (
        gradients(run, x, weight, loop, p, rule, cost) for run in (run_compiled, run_plain)
    )

    assert torch.equal(ours, plain)
    for a, b in zip(found, expected, strict=True):
        tolerance = 1e-10 if scale is None else 0.02
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()))


@pytest.mark.parametrize("scale", [None, SCALE])
def test_currents_drive_a_layer_too(rng, scale):
    _, _, loop, p = draw(rng)
    x = torch.tensor(np.rint(rng.normal(0.1, 0.3, (T, B, N)) / GRID) * GRID).requires_grad_()
    rule = CubaRule(surrogate=SURROGATES["superspike"], scale=scale)
    cost = torch.tensor(rng.normal(size=(T, B, N)))

    (ours, found), (plain, expected) = (
        gradients(run, x, None, loop, p, rule, cost) for run in (run_compiled, run_plain)
    )

    assert torch.equal(ours, plain)
    for a, b in zip(found, expected, strict=True):
        tolerance = 1e-10 if scale is None else 0.02
        assert torch.allclose(a, b, rtol=tolerance, atol=tolerance * float(b.abs().max()))


def test_events_and_tensors_of_the_same_spikes_give_the_same(rng):
    x, weight, loop, p = draw(rng)
    rule = CubaRule(surrogate=SURROGATES["superspike"])
    events = from_dense(x.detach().numpy() > 0)

    from_events = cuba_layer(rows_of_events(events), weight, p, rule, loop=loop)

    assert torch.equal(from_events, cuba_layer(x, weight, p, rule, loop=loop))


@pytest.mark.parametrize("extreme", [False, True])
def test_the_forward_pass_with_a_scale_is_the_chip(random_network, rng, extreme):
    """Registers of every kind, words that wrap and saturate included, spike as in the reference."""
    for _ in range(25):
        net, inputs = random_network(rng, extreme=extreme, loops=False, readout=False)
        net = replace(net, populations=tuple(with_bias_of_64(p) for p in net.populations))
        recording = run(net, inputs)
        sent = dict(zip(recording.names, recording.spikes, strict=True)) | {"input": inputs}
        for population in net.populations:
            a_in = np.zeros((net.n_steps, inputs.n_samples, population.registers.n))
            for q in (q for q in net.projections if q.target == population.name):
                a_in += [synaptic_input(q, s) for s in sent[q.source].to_dense()]
            ours = cuba_layer(torch.tensor(a_in), None, *as_layer(population.registers))
            assert np.array_equal(ours.numpy() > 0, sent[population.name].to_dense())


def with_bias_of_64(population):
    """The bias exponent that lava-dl's files imply."""
    registers = replace(
        population.registers, bias_exp=np.full_like(population.registers.bias_exp, 6)
    )
    return replace(population, registers=registers)


def as_layer(registers):
    """Parameters and rule of registers, one unit of their weights being a volt."""
    bias = np.floor(np.ldexp(registers.bias_mant.astype(float), registers.bias_exp))
    words = (4095 - registers.du, 4096 - registers.dv)
    p = CubaParameters(
        *(torch.tensor(w / 4096) for w in words),
        torch.tensor(registers.vth.astype(float)),
        torch.tensor(bias / 64),
        torch.ones(registers.n, dtype=torch.float64),
    )
    return p, CubaRule(surrogate=SURROGATES["triangle"], scale=64.0)


def test_sums_that_float32_could_round_are_refused():
    weight = torch.full((1, 2), float(1 << 23))
    p = CubaParameters(*(torch.full((1,), 0.5) for _ in range(3)), torch.zeros(1), torch.ones(1))

    with pytest.raises(OverflowError, match="use float64"):
        cuba_layer(torch.ones(3, 1, 2), weight, p, CubaRule(surrogate=None, scale=64.0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"x": torch.zeros(T, B, N_PRE + 1)}, "weights are"),
        ({"weight": torch.zeros(N, N_PRE - 1)}, "weights are"),
        ({"weight": None}, "weights are"),
        ({"loop": torch.zeros(N, N + 1)}, "loop is"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(rng, wrong, message):
    x, weight, loop, p = draw(rng)
    call = {"x": x, "weight": weight, "loop": loop} | wrong

    with pytest.raises(ValidationError, match=message):
        cuba_layer(call["x"], call["weight"], p, CubaRule(surrogate=None), loop=call["loop"])
    with pytest.raises(ValidationError, match="bias is"):
        cuba_layer(x, weight, p._replace(bias=p.bias[:-1]), CubaRule(surrogate=None))


def test_a_layer_goes_back_once(rng):
    x, weight, loop, p = draw(rng)
    y = cuba_layer(x, weight, p, CubaRule(surrogate=SURROGATES["atan"])).sum()
    y.backward(retain_graph=True)

    with pytest.raises(RuntimeError, match="goes back through time once"):
        y.backward()


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"delay": 2}, "delay is 2"), ({"scale": 0.0}, "scale is 0.0")],
)
def test_an_impossible_rule_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        CubaRule(surrogate=None, **fields)
