"""Networks from norse's own modules: the spikes of norse, or a reason and what to use instead."""

import pytest
import torch

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.sim.floating import run
from hetlava.train.norse_import import from_norse

norse = pytest.importorskip("norse.torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
N_STEPS, N_INPUTS = 60, 15


def vector(low, high, n, seed):
    rng = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(n, generator=rng, dtype=torch.float64)


def weights(n, n_pre, size, seed):
    rng = torch.Generator().manual_seed(seed)
    return size * torch.randn(n, n_pre, generator=rng, dtype=torch.float64)


def linear(n_pre, n, size, seed):
    layer = torch.nn.Linear(n_pre, n, bias=False, dtype=torch.float64)
    layer.weight.data = weights(n, n_pre, size, seed)
    return layer


def lif_parameters(n, seed):
    return norse.LIFParameters(
        tau_syn_inv=vector(100, 400, n, seed),
        tau_mem_inv=vector(40, 200, n, seed + 1),
        v_th=vector(0.5, 1.5, n, seed + 2),
    )


@pytest.fixture
def x():
    rng = torch.Generator().manual_seed(0)
    return (torch.rand(N_STEPS, 4, N_INPUTS, generator=rng) < 0.2).to(torch.float64)


def stepped(modules, x):
    """Return what the last module gives at every step, stepped by norse itself."""
    states, outputs = [None] * len(modules), []
    for z in x:
        for k, module in enumerate(modules):
            if isinstance(module, torch.nn.Linear):
                z = module(z)
            else:
                z, states[k] = module(z, states[k])
        outputs.append(z.detach())
    return torch.stack(outputs).numpy()


def same_spikes(modules, x, later):
    net = from_norse(norse.SequentialState(*modules), N_STEPS)
    spikes = stepped(modules, x) != 0
    ours = run(net, from_dense(x.numpy() != 0)).spikes[-1].to_dense()
    assert spikes.mean() > 0.02  # neither silent
    assert spikes.mean() < 0.6  # nor always on
    assert (ours[later:] == spikes[:-later]).all()
    assert not ours[:later].any()


def test_a_lif_cell_with_parameters_per_neuron_spikes_as_in_norse(x):
    cell = norse.LIFCell(lif_parameters(12, 3))

    same_spikes([linear(N_INPUTS, 12, 1.0, 4), cell], x, 1)


def test_layers_spike_one_step_later_each(x):
    modules = [
        linear(N_INPUTS, 12, 1.0, 4),
        norse.LIFCell(lif_parameters(12, 3)),
        linear(12, 7, 2.0, 5),
        norse.LIFCell(lif_parameters(7, 9)),
    ]

    same_spikes(modules, x, 2)


def recurrent(n=12, **kwargs):
    return norse.LIFRecurrentCell(
        N_INPUTS,
        n,
        lif_parameters(n, 3),
        input_weights=torch.nn.Parameter(weights(n, N_INPUTS, 1.0, 6)),
        recurrent_weights=torch.nn.Parameter(weights(n, n, 0.7, 7)),
        **kwargs,
    )


@pytest.mark.parametrize("autapses", [False, True])
def test_a_recurrent_cell_spikes_as_in_norse(x, autapses):
    same_spikes([recurrent(autapses=autapses)], x, 1)


def test_a_box_is_a_cell_whose_current_lasts_a_step(x):
    p = norse.LIFBoxParameters(tau_mem_inv=vector(40, 200, 12, 3), v_th=vector(0.1, 0.3, 12, 5))

    same_spikes([linear(N_INPUTS, 12, 1.0, 4), norse.LIFBoxCell(p)], x, 1)


def test_a_reset_potential_that_is_also_the_leak_is_counted_from(x):
    reset = torch.tensor(-65.0, dtype=torch.float64)
    p = lif_parameters(12, 3)._replace(v_leak=reset, v_reset=reset, v_th=reset + 1)

    same_spikes([linear(N_INPUTS, 12, 1.0, 4), norse.LIFCell(p)], x, 1)


def test_integrators_have_the_voltages_of_norse(x):
    p = norse.LIParameters(tau_syn_inv=vector(100, 400, 5, 1), tau_mem_inv=vector(40, 200, 5, 2))
    modules = [recurrent(), linear(12, 5, 1.0, 8), norse.LICell(p, dt=0.001)]
    p.v_leak.requires_grad_(False)

    net = from_norse(norse.SequentialState(*modules), N_STEPS)
    volts = run(net, from_dense(x.numpy() != 0), probes=("v",)).v[-1]

    assert net.readout == "max-voltage"
    expected = stepped(modules, x)
    # sums in another order, in double precision
    assert abs(volts[2:] - expected[:-2]).max() < 1e-12 * abs(expected).max()


def test_modules_over_time_and_lifted_ones_are_their_cells(x):
    whole = torch.nn.Sequential(
        norse.Lift(linear(N_INPUTS, 12, 1.0, 4)), norse.LIF(lif_parameters(12, 3))
    )
    cells = [linear(N_INPUTS, 12, 1.0, 4), norse.LIFCell(lif_parameters(12, 3))]

    assert from_norse(whole, N_STEPS) == from_norse(norse.SequentialState(*cells), N_STEPS)


P = norse.LIFParameters
BOX = norse.LIFBoxParameters


def subtracting():
    from norse.torch.functional.reset import reset_subtract

    return norse.LIFBoxCell(BOX(reset_method=reset_subtract))


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (lambda: [norse.LIFCell(P(v_leak=torch.tensor(0.2)))], "set v_leak = v_reset"),
        (
            lambda: [norse.LIFCell(P(tau_syn_inv=torch.tensor(1500.0)))],
            "shorten dt .* or lower tau_",
        ),
        (lambda: [subtracting()], "use reset_method=reset_value"),
        (lambda: [norse.LIFCell(), norse.LSNNRecurrentCell(4, 4)], "use LIFRecurrent"),
        (lambda: [norse.LIFCell(), norse.LIFRefracCell()], "has a refractory period; use LIF"),
        (lambda: [norse.LIFCell(), norse.LIFAdExCell()], "it adapts"),
        (lambda: [norse.LIFCell(), torch.nn.ReLU()], "analog values"),
        (lambda: [norse.LIFCell(), torch.nn.Linear(4, 4)], "bias=False"),
        (lambda: [norse.LIFCell(), norse.LIFCell()], "no weights before it"),
        (lambda: [norse.LICell(), linear(4, 4, 1, 0), norse.LIFCell()], "which sends no spikes"),
        (lambda: [torch.nn.Identity(), torch.nn.LSTM(4, 4), norse.LIFCell()], "known: Linear, LIF"),
    ],
)
def test_what_a_chip_computes_otherwise_is_refused_with_what_to_use(modules, message):
    module = torch.nn.Sequential(linear(4, 4, 1.0, 0), *modules())

    with pytest.raises(UnsupportedError, match=message):
        from_norse(module, N_STEPS)


def test_modules_that_do_not_fit_each_other_are_refused():
    two = torch.nn.Sequential(linear(4, 4, 1.0, 0), norse.LIFCell(), norse.LIFCell(dt=0.01))
    many = torch.nn.Sequential(linear(4, 4, 1.0, 0), norse.LIFCell(lif_parameters(5, 0)))

    with pytest.raises(ValidationError, match="2 different dt"):
        from_norse(two, N_STEPS)
    with pytest.raises(ValidationError, match="has 5 values for 4 neurons"):
        from_norse(many, N_STEPS)
