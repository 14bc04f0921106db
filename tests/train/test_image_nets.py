"""Trained kernels and pools: the spikes of the float network, and of the chip."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.chips import LOIHI2
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.float_synapses import Convolution
from hetlava.quantisation import quantise
from hetlava.sim import engine, floating
from hetlava.train.building import draw, library
from hetlava.train.config import TrainConfig, config_for
from hetlava.train.fit import fit
from hetlava.train.image_synapses import weights_of
from hetlava.train.qat_net import QatNet
from hetlava.train.rebuild import rebuild
from hetlava.train.surrogates import SURROGATES

IMAGE, T, N_CLASSES = (2, 9, 8), 30, 3
N_INPUTS = 2 * 9 * 8
HIDDEN = ("4c3p1", "2p", "5c2s2", 7)
CHANNELS = ("tau_mem=channel", "tau_syn=channel", "threshold=channel")
TRAINERS = [pytest.param("slayer", marks=pytest.mark.lava), "norse"]


def asked(trainer="norse", **changes):
    if trainer == "norse":
        pytest.importorskip("norse")
    values = {"dataset": "flashes", "dt": 1e-3, "n_steps": T, "image": IMAGE, "hidden": HIDDEN}
    return TrainConfig(**values | {"trainer": trainer, "device": "cpu"} | changes)


def flashes(rng, n_samples=5):
    return torch.tensor(rng.random((n_samples, N_INPUTS, T)) < 0.1, dtype=torch.float32)


def made(rng, config, dtype=torch.float32):
    """An untrained network whose layers spike, as training would begin with it."""
    wired = config.wirings(N_INPUTS, N_CLASSES)
    taus, potentials = draw(
        config.heterogeneity, [w.n for w in wired], 7, [w.positions for w in wired]
    )
    net = library(config).make(config, N_INPUTS, taus, potentials).to(dtype)
    net.project()
    net.initialise(flashes(rng).to(dtype), 0.8, torch.Generator().manual_seed(3))
    return net


def as_events(x):
    return from_dense(x.detach().permute(2, 0, 1).numpy() > 0)


def moved(net, x, steps=3):
    """Take a few steps of training, large enough to move every parameter."""
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        sum((y.mean() - 0.2).square() for y in net(x)).backward()  # which keeps all layers firing
        optimiser.step()
        net.project()


@pytest.mark.parametrize("backend", ["fused", "plain"])
@pytest.mark.parametrize("learn", [(), ("tau_mem=channel", "tau_syn=channel")], ids=str)
def test_norse_and_the_float_network_spike_alike(rng, backend, learn):
    # float64: two orders of the same sums
    net = made(rng, asked(backend=backend, learn=learn), torch.float64)
    x = flashes(rng)
    moved(net, x.double())

    network = net.to_network(T, {})

    trained = [as_events(s) for s in net(x.double())]
    assert min(s.n_events for s in trained) > 0
    assert list(floating.run(network, as_events(x)).spikes) == trained
    assert [type(q) for q in network.projections[:2]] == [Convolution, Convolution]
    # a pool of 2 before a kernel of 2 that moves by 2
    assert network.projections[1].weights.shape[2:] == (4, 4)
    assert network.projections[1].stride == (4, 4)


@pytest.mark.lava
@pytest.mark.parametrize("backend", ["fused", "plain"])
def test_slayer_and_the_integers_spike_alike(rng, backend):
    net = made(rng, asked("slayer", backend=backend, learn=("tau_mem=channel",)))
    x = flashes(rng)
    moved(net, x)

    quantised = quantise(net.to_network(T, {}), LOIHI2)

    trained = [as_events(s) for s in net(x)]
    assert min(s.n_events for s in trained) > 0
    assert list(engine.run(quantised, as_events(x)).spikes) == trained


@pytest.mark.parametrize("trainer", TRAINERS)
def test_backends_agree(rng, trainer):
    dtype = torch.float32 if trainer == "slayer" else torch.float64
    x, found = flashes(rng).to(dtype), {}
    for backend in ("fused", "plain"):
        net = made(np.random.default_rng(5), asked(trainer, backend=backend), dtype)
        outputs = net(x)
        outputs[-1].sum().backward()
        found[backend] = (outputs, [p.grad for p in net.parameters() if p.grad is not None])

    for a, b in zip(found["fused"][0], found["plain"][0], strict=True):
        assert torch.equal(a, b)
    # SLAYER's surrogate stands half a unit of the state away; norse's differ in the order of sums
    close = {"rtol": 2e-2, "atol": 1e-2} if trainer == "slayer" else {"rtol": 1e-8, "atol": 1e-10}
    assert len(found["fused"][1]) == len(found["plain"][1]) > 8
    for a, b in zip(found["fused"][1], found["plain"][1], strict=True):
        assert torch.allclose(a, b, **close)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_a_channel_shares_stays_shared(rng, trainer):
    wide = {"threshold": "uniform:3V,5V", "rest": "uniform:-0.2V,0.2V"}
    net = made(rng, asked(trainer, learn=(*CHANNELS, "rest=channel"), **wide))
    before = net.to_network(T, {})
    moved(net, flashes(rng))

    after = net.to_network(T, {})

    quantised = quantise(after, LOIHI2)
    for k, wiring in enumerate(net.wirings):
        old, new = (n.populations[k].neurons for n in (before, after))
        registers = quantised.populations[k].registers
        for values in (new.tau_mem, new.tau_syn, new.v_threshold, new.v_leak, registers.dv,
                       registers.du, registers.vth, registers.bias_mant):  # fmt: skip
            channels = values.reshape(-1, wiring.positions)
            # time constants of one word, whichever vector instruction took their logarithm
            assert np.allclose(channels, channels[:, :1], rtol=1e-14, atol=0)
        assert np.ptp(new.tau_mem) > 0 and not np.allclose(new.tau_mem, old.tau_mem, rtol=1e-3)
        assert np.ptp(new.v_threshold) > 0 and not np.array_equal(new.v_threshold, old.v_threshold)


def test_values_per_neuron_differ_within_a_channel_and_factors_keep_their_ratios(rng):
    net = made(rng, asked(learn=("tau_mem=neuron", "tau_syn=layer")))
    before = net.to_network(T, {}).populations[0].neurons
    moved(net, flashes(rng))

    after = net.to_network(T, {}).populations[0].neurons

    ratios = {name: getattr(after, name) / getattr(before, name) for name in ("tau_mem", "tau_syn")}
    assert np.ptp(after.tau_mem[:72]) > 1e-3 and np.ptp(ratios["tau_mem"]) > 1e-2
    # one factor, up to the rounding of decays
    assert np.allclose(ratios["tau_syn"], np.median(ratios["tau_syn"]), rtol=2e-2)
    assert abs(np.median(ratios["tau_syn"]) - 1) > 1e-2


def test_a_draw_per_channel_is_one_value_for_each():
    config = asked(learn=CHANNELS, threshold="uniform:3V,5V")
    wired = config.wirings(N_INPUTS, N_CLASSES)
    sizes, positions = [w.n for w in wired], [w.positions for w in wired]

    taus, potentials = draw(config.heterogeneity, sizes, 1, positions)

    assert [len(np.unique(t.mem)) for t in taus] == [4, 5, 7, 3]
    assert [len(np.unique(p.threshold)) for p in potentials] == [4, 5, 7, 3]
    assert np.array_equal(taus[0].mem, np.repeat(taus[0].mem[::72], 72))


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("learn", [(), CHANNELS], ids=["neuron", "channel"])
def test_qat_is_what_the_chip_computes(rng, trainer, learn):
    config = asked(trainer, qat=True, learn=learn)
    start = made(rng, asked(trainer, learn=learn)).to_network(T, {})
    net = QatNet(
        start, library(config).surrogates(config, 4), declared=config.heterogeneity,
        wirings=config.wirings(N_INPUTS, N_CLASSES),
    )  # fmt: skip
    x = flashes(rng)
    moved(net, x)

    network = net.to_network(T, {})
    quantised = quantise(network, LOIHI2)

    trained = [as_events(s) for s in net(x)]
    assert min(s.n_events for s in trained) > 0
    assert list(engine.run(quantised, as_events(x)).spikes) == trained
    # rounded once: the integers in volts are the weights that were trained
    for q, p in zip(quantised.projections, network.projections, strict=True):
        volts = np.ldexp(q.weights.astype(float), 6 + q.weight_exp)
        assert np.array_equal(volts / quantised.population(q.target).scale, p.weights)
    assert weights_of(network.projections[1], net.wirings[1]).shape == (5, 4, 2, 2)


def test_qat_takes_kernels_as_they_come(rng):
    start = made(rng, asked()).to_network(T, {})
    config = asked(qat=True)

    net = QatNet(start, [SURROGATES["superspike"]] * 4, declared=config.heterogeneity)

    # a pool and a kernel are one larger kernel to whoever does not know of them
    assert [tuple(p.shape) for p in net.weights()] == [(4, 2, 3, 3), (5, 4, 4, 4), (7, 20), (3, 7)]
    assert quantise(net.to_network(T, {}), LOIHI2).projections[1].weights.shape == (5, 4, 4, 4)


def test_qat_refuses_channels_that_differ_inside(rng):
    start = made(rng, asked()).to_network(T, {})
    declared = asked(qat=True, learn=CHANNELS).heterogeneity

    with pytest.raises(ValidationError, match="neurons of a channel begin with different ones"):
        QatNet(start, [SURROGATES["superspike"]] * 4, declared=declared)


def test_qat_refuses_kernels_that_no_pool_makes(rng):
    start = made(rng, asked()).to_network(T, {})
    q = start.projections[1]
    uneven = q.weights.copy()
    uneven[0, 0, 0, 0] += q.grid
    other = replace(q, weights=uneven)
    start = replace(start, projections=(start.projections[0], other, *start.projections[2:]))
    config = asked(qat=True)

    with pytest.raises(UnsupportedError, match="windows of 2 before them"):
        QatNet(
            start, [SURROGATES["superspike"]] * 4, declared=config.heterogeneity,
            wirings=config.wirings(N_INPUTS, N_CLASSES),
        )  # fmt: skip


@pytest.mark.parametrize("trainer", TRAINERS)
def test_what_was_written_is_rebuilt(rng, trainer):
    config = asked(trainer, learn=CHANNELS)
    net = made(rng, config).to_network(T, {})

    again = rebuild(net, config).to_network(T, {})

    for p, q in zip(net.projections, again.projections, strict=True):
        assert p == q


def test_only_dense_layers_project_onto_themselves(rng):
    network = made(rng, asked(recurrent=True)).to_network(T, {})

    assert [q.target for q in network.projections if q.source == q.target] == ["hidden3"]


@pytest.fixture
def lights(bars):
    """The bars as images of 3 x 4 pixels."""
    return bars


SMALL = {"image": (1, 3, 4), "hidden": ("3c2", "2p", 6), "n_steps": 20, "epochs": 4, "batch": 8}


@pytest.mark.parametrize("qat", [False, True])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(lights, tmp_path, trainer, qat):
    config = asked(trainer, **SMALL, learn=CHANNELS, qat=qat, regularise=("variance:0.01",))
    whole = fit(config, *lights)

    first = replace(config, epochs=2, half_life=config.half_life)
    file = tmp_path / "run.ckpt"
    if not qat:  # how fast rounding comes in depends on the number of epochs
        fit(first, *lights, checkpoint=file)
    else:
        _stopped_after(2, config, lights, file)
    resumed = fit(config, *lights, checkpoint=file, resume=True)

    assert [p.weights.tobytes() for p in resumed.projections] == [
        p.weights.tobytes() for p in whole.projections
    ]
    assert resumed.populations == whole.populations


class _StoppedError(Exception):
    pass


def _stopped_after(epochs, config, recordings, file):
    def stop(metrics):
        if metrics.epoch == epochs:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        fit(config, *recordings, checkpoint=file, on_epoch=stop)


def test_a_small_net_learns(lights):
    scores = []

    # a pool over all that is left of the image would hide which bar it was
    config = asked(**SMALL | {"hidden": ("4c2", 8), "epochs": 10}, lr=0.03)
    fit(config, *lights, on_epoch=scores.append)

    assert scores[-1].test_accuracy > 0.8


REFUSED = {
    "no image": ({"image": None}, "channels of flashes are no image that is known"),
    "kernel": ({"hidden": ("4c10",)}, "the kernel of 4c10 does not fit an image of 9 x 8"),
    "die": ({"mismatch": "bss2-calibrated"}, "none with kernels or pools"),
    "loop": ({"hidden": ("4c3",), "recurrent": True}, "only dense hidden layers project"),
    "dense": ({"hidden": (8,), "learn": CHANNELS}, "all layers are dense, they have no channels"),
    "pool": ({"hidden": ("2p", 8), "learn": CHANNELS}, "all layers are dense, they have no"),
    "plain": ({"trainer": "slayer", "backend": "plain", "learn": CHANNELS}, "one fixed threshold"),
}


@pytest.mark.parametrize(("changes", "complaint"), REFUSED.values(), ids=REFUSED)
def test_what_images_do_not_go_with_is_refused(changes, complaint):
    with pytest.raises(ValidationError, match=complaint):
        TrainConfig(**{"dataset": "flashes", "dt": 1e-3, "n_steps": T, "image": IMAGE,
                       "hidden": HIDDEN, "trainer": "norse"} | changes)  # fmt: skip


def test_data_of_another_image_is_refused(lights):
    config = asked(**SMALL | {"image": (2, 3, 4)})

    with pytest.raises(ValidationError, match=r"24 channels, but flashes has 12"):
        fit(config, *lights)


@pytest.mark.parametrize(
    ("dataset", "image"),
    [("digits", (1, 8, 8)), ("nmnist", (2, 34, 34)), ("nmnist+downsample:2", (2, 17, 17)),
     ("dvs-gesture", (2, 128, 128))],
)  # fmt: skip
def test_images_are_those_of_the_sensor(dataset, image):
    assert config_for(dataset, hidden=("4c3", 10)).image == image


def test_a_row_of_channels_is_no_image():
    with pytest.raises(ValidationError, match="channels of interval are no image"):
        config_for("interval", hidden=("4c3", 10))
