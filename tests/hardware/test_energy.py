"""Energy: hand-computed cases, sources everywhere, refusals where nothing is published."""

import json

import numpy as np
import pytest

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.hardware.energy import estimate, quantities
from hetlava.hardware.energy_presets import DEFAULTS, PRESETS, UNPUBLISHED, energy_preset
from hetlava.hardware.targets import target
from hetlava.work import Work

PICO = 1e-12


@pytest.fixture
def work() -> Work:
    """Return two samples of ten steps: 2000 hidden and 4 output neurons, a kernel and a matrix."""
    return Work(
        n_steps=10,
        dt=1e-3,
        names=("hidden", "out"),
        neurons=np.array([2000, 4]),
        kinds=("kernel", "dense"),
        targets=np.array([0, 1]),
        graded=np.array([False, False]),
        synops=np.array([[1000, 3000], [200, 400]]),
        dense=np.array([50_000, 80_000]),
        updates=np.array([[5000, 6000], [40, 30]]),
        spikes=np.array([[50, 100], [0, 2]]),
        fan=np.array([1, 0]),
    )


def test_davies_by_hand(work: Work) -> None:
    report = estimate(work, "davies2018")
    synops, updates = np.array([1200, 3400]), np.array([5040, 6030])
    idle = 2004 * 10 - updates
    expected = 23.6 * synops + 81 * updates + 52 * idle + 1.7 * np.array([50, 100])
    assert np.allclose(report.joules, expected * PICO, rtol=1e-12)  # sums of doubles
    # the hidden neurons stand on two cores; the barrier ends each of ten steps
    busy = (3.5 * work.synops[0] + 8.4 * work.updates[0] + 5.3 * (20_000 - work.updates[0])) / 2
    assert np.allclose(report.seconds, (busy + 10 * 465) * 1e-9, rtol=1e-12)


def test_the_fit_to_a_board_by_hand(work: Work) -> None:
    report = estimate(work, "loihi1-board")
    expected = (
        51.2 * 20_040
        + 21.6 * np.array([5040, 6030])
        + 69.3 * np.array([50, 102])
        + 24.0 * np.array([1000, 3000])
        + 35.5 * np.array([200, 400])
        + 111 * np.array([50, 100])
    )
    assert np.allclose(report.joules, expected * PICO, rtol=1e-12)
    assert report.seconds is None


@pytest.mark.parametrize(
    ("preset", "nanojoules"),
    [
        ("spinnaker1", [13.3 * 1200 + 26 * 20_040, 13.3 * 3400 + 26 * 20_040]),
        ("spinnaker2", [0.45 * 1200 + 2.19 * 20_040, 0.45 * 3400 + 2.19 * 20_040]),
        ("cpu", [8.6 * 130_000] * 2),
        ("45nm-int32", [1e-4 * 1200, 1e-4 * 3400]),
        # 10 ms of biology are 10 us on the chip: 0.2 W of it
        ("brainscales2", [0.2 * 10e-6 * 1e9] * 2),
    ],
)
def test_other_devices_by_hand(work: Work, preset: str, nanojoules: list[float]) -> None:
    assert np.allclose(estimate(work, preset).joules, np.array(nanojoules) * 1e-9, rtol=1e-12)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_constant_has_a_source_and_every_quantity_is_counted(preset, work: Work) -> None:
    counted = quantities(work)
    assert preset.terms
    for term in preset.terms:
        assert term.source.text and term.source.status in ("verified", "secondary", "assumed")
        assert term.joules > 0 and counted[term.quantity].shape == (2,)
    assert np.all(estimate(work, preset).joules > 0)


def test_what_is_only_recalled_says_so() -> None:
    terms = {term.quantity: term for term in PRESETS["davies2018"].terms}
    assert terms["neuron-steps without update"].source.status == "assumed"
    assert terms["effective synops"].source.status == "secondary"


def test_a_report_is_plain_and_says_that_it_is_an_estimate(work: Work) -> None:
    plain = json.loads(json.dumps(estimate(work, "davies2018").to_plain()))
    assert plain["label"] == "estimate" and plain["device"] == "Loihi 1"
    assert sum(t["joules_per_sample"] for t in plain["terms"]) == pytest.approx(
        plain["joules_per_sample"], rel=1e-12
    )
    assert plain["times"]["status"] == "assumed" and "placement" in plain["notes"][0]


@pytest.mark.parametrize("chip", UNPUBLISHED)
def test_nothing_published_is_refused_with_the_reason(chip: str) -> None:
    with pytest.raises(UnsupportedError, match=r"no table of energies .* elsewhere: davies2018"):
        energy_preset(chip)


def test_an_unknown_preset_lists_the_known() -> None:
    with pytest.raises(ValidationError, match="'tpu' is unknown; known: davies2018, loihi1-board"):
        energy_preset("tpu")


def test_a_target_takes_its_chips_preset(work: Work) -> None:
    assert target("loihi1-sim").estimate(work).preset == DEFAULTS["loihi1"] == "davies2018"
    assert target("loihi2-sim").estimate(work, "davies2018").device == "Loihi 1"
    with pytest.raises(UnsupportedError, match="published for Loihi 2"):
        target("loihi2-sim").estimate(work)
    with pytest.raises(UnsupportedError, match="reference: stands for no chip; name an energy"):
        target("reference").estimate(work)
