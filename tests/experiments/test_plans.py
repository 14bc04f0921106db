"""What the experiments compare, before anything is trained."""

import numpy as np
import pytest

from hetlava.errors import ValidationError
from hetlava.experiments import per_neuron_tau, robust_learning, slayer_levels
from hetlava.experiments.experiment import EXPERIMENTS, checked, find_experiment
from hetlava.experiments.plans import Options, of_part
from hetlava.experiments.results import markdown
from hetlava.experiments.robust_plan import MEANS, double, gamma, matched, wide_lognormal
from hetlava.experiments.settings import PAPER_DATASETS, SMALL, base_trial
from hetlava.heterogeneity import parse

N = 200_000


def options(dataset="interval", **changes):
    return Options(dataset=dataset, **{"seeds": 2, "parts": ("main",), **changes})


def test_the_wide_lognormal_has_the_gammas_mode_and_four_times_its_deviation(rng):
    """Gamma of shape 3 and mean m: mode 2 m / 3, deviation m / sqrt(3)."""
    found = parse(wide_lognormal(20e-3, 1e-9))
    sigma2, median = found.sigma**2, found.median
    assert median * np.exp(-sigma2) == pytest.approx(20e-3 * 2 / 3, rel=1e-5)
    # the text keeps six digits
    sd = median * np.exp(sigma2 / 2) * np.sqrt(np.expm1(sigma2))
    assert sd == pytest.approx(4 * 20e-3 / np.sqrt(3), rel=1e-4)
    # the error of a sampled deviation of so heavy a tail
    assert found.draw(N, rng).std() == pytest.approx(sd, rel=0.1)


@pytest.mark.parametrize("text", [gamma(20e-3, 4e-3), wide_lognormal(10e-3, 1e-3), double(5e-3)])
def test_a_matched_network_has_the_mean_of_what_is_drawn(rng, text):
    drawn = parse(text).sample(N, rng).mean()
    # five standard errors of the widest
    assert parse(matched(text)).mean == pytest.approx(drawn, rel=0.03)


def test_of_5_percent_at_100_ms_every_twentieth_is_slow(rng):
    assert np.sum(parse(double(5e-3)).sample(200, rng) == 100e-3) == 10


def geometric_mean(x):
    return np.exp(np.log(x).mean())


def test_rows_matched_to_training_come_when_it_is_done(outcomes_of):
    first = robust_learning.plan(options(), {})
    assert [row.label for row in first] == ["HomStd", "HetStd", "HomHet", "HetHet"]

    rows, outcomes = outcomes_of(robust_learning.plan, options())

    assert [row.label for row in rows[4:]] == [
        f"HomStd at the {how} of {n}" for n in ("HomHet", "HetHet") for how in MEANS
    ]
    for trained, control, mean_of in (
        (rows[2], rows[4], np.mean), (rows[2], rows[5], geometric_mean),
        (rows[3], rows[6], np.mean), (rows[3], rows[7], geometric_mean),
    ):  # fmt: skip
        for a, b in zip(trained.trials, control.trials, strict=True):
            mean = mean_of(outcomes[a].hidden_taus("mem"))
            # four digits are asked for
            assert parse(b.config.tau_mem).mean == pytest.approx(1e-3 * mean, rel=1e-3)
            assert b.config.learn_tau == "none" and b.config.seed == a.config.seed


def test_every_row_of_mistuning_is_matched_by_a_homogeneous_one(outcomes_of):
    rows, _ = outcomes_of(robust_learning.plan, options(parts=("mistuning",)))
    means = {row.label: parse(row.trials[0].config.tau_mem).mean for row in rows}
    kinds = [label for label in means if not label.startswith("Hom")]
    assert len(kinds) == 9
    for label in kinds:
        assert means[f"Hom, mean of {label}"] == pytest.approx(means[label])
    assert all(row.trials[0].config.learn_tau == "none" for row in rows)


def test_parts_share_the_trials_that_they_have_in_common(outcomes_of):
    rows, outcomes = outcomes_of(robust_learning.plan, options(parts=robust_learning.PARTS))
    named = sum(len(row.trials) for row in rows)
    assert len(outcomes) < named
    main = {t for row in of_part(rows, "main")[:4] for t in row.trials}
    assert main <= {t for row in of_part(rows, "time-scale") for t in row.trials}


def test_of_the_papers_size_every_recording_may_have_a_time_scale_of_its_own():
    rows = robust_learning.plan(options(parts=("time-scale",), scale="paper"), {})
    drawn = [row for row in rows if row.label.endswith("trained at 2^N(0, 0.5)")]
    assert [row.trials[0].config.augment for row in drawn] == [("time-scale:0.5",)] * 4


def test_published_numbers_stand_beside_their_data_set():
    assert [r.published for r in robust_learning.plan(options("nmnist"), {})][2] == "96.6"
    assert {r.published for r in robust_learning.plan(options(), {})} == {""}


def test_one_potential_at_a_time_is_drawn_or_learned_within_half_a_threshold(outcomes_of):
    rows, _ = outcomes_of(robust_learning.plan, options(parts=("potentials",), scale="paper"))
    assert len(rows) == 2 + 2 * 3 * 3
    configs = {row.label: row.trials[0].config for row in rows}
    assert configs["HomStd: threshold HetStd"].threshold == "uniform:2V,6V"
    assert configs["HetHet: rest HomHet"].rest == 0
    assert configs["HetHet: rest HomHet"].learn == ("rest=neuron",)
    assert configs["HetHet: reset HetHet"].clip == ("reset=-2V,2V",)
    for label, config in configs.items():
        moved = {config.threshold != 4, config.rest != 0, config.reset != 0}
        assert moved == {True, False} or "HomHet" in label or "alike" in label
    published = {row.label: row.published for row in rows}
    assert published["HetHet: rest HomHet"] == "76.1 ± 3.3"


@pytest.mark.parametrize("dataset", SMALL)
def test_every_small_setting_can_be_trained(dataset):
    trial = base_trial(options(dataset))
    assert trial.config.epochs <= 40
    for part in robust_learning.PARTS:
        assert robust_learning.plan(options(dataset, parts=(part,)), {})


@pytest.mark.parametrize("dataset", PAPER_DATASETS)
def test_the_papers_size_is_half_a_millisecond_and_128_neurons(dataset):
    config = base_trial(options(dataset, scale="paper")).config
    assert (config.dt, config.hidden, config.epochs) == (0.5e-3, (128,), 150)
    assert config.recurrent == (dataset != "interval")


def test_levels_stand_beside_each_one_and_their_mean():
    rows = slayer_levels.plan(options("nmnist", parts=("levels",)), {})
    means = [parse(row.trials[0].config.tau_mem).mean * 1e3 for row in rows]
    assert means == pytest.approx([7 / 3, 1, 2, 4, 7 / 3])


def test_penalties_of_the_poster_are_those_of_the_rows():
    rows = per_neuron_tau.plan(options("nmnist", parts=("per-neuron",)), {})
    assert [row.trials[0].config.regularise for row in rows] == [
        (), (), ("variance:0.01",), ("variance:0.1",),
    ]  # fmt: skip
    assert [row.trials[0].config.learn_tau for row in rows] == ["layer", *["neuron"] * 3]
    declared = rows[1].trials[0].config.heterogeneity
    assert (declared.tau_mem.space, declared.tau_mem.learned) == ("logit", True)
    assert not declared.tau_syn.learned


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_tables_and_figures_are_made_of_any_outcome(outcomes_of, name):
    figure = pytest.importorskip("matplotlib.figure")
    experiment = find_experiment(name)
    asked = checked(experiment, options(experiment.DATASETS[0], parts=()))
    rows, outcomes = outcomes_of(experiment.plan, asked)

    sheets = experiment.sheets(asked, rows, outcomes)
    for sheet in sheets:
        assert {len(line) for line in sheet.lines} == {len(sheet.columns)}
        assert f"| {sheet.lines[0][0]} |" in markdown(sheet)
    for picture in experiment.pictures(asked, rows, outcomes):
        made = figure.Figure(figsize=picture.size, layout="constrained")
        picture.draw(made)
        assert made.axes and all(ax.has_data() for ax in made.axes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "allen"}, "none of this experiment's; known: interval"),
        ({"parts": ("all",)}, "part 'all' is unknown; known: main"),
    ],
)
def test_what_an_experiment_has_not_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        checked(find_experiment("robust-learning"), options(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": "huge"}, "scale is 'huge', expected small or paper"),
        ({"seeds": 0}, "seeds is 0"),
        ({"epochs": 0}, "epochs is 0"),
    ],
)
def test_impossible_options_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        options(**change)
    with pytest.raises(ValidationError, match="known: robust-learning"):
        find_experiment("none")


def test_a_data_set_without_a_small_setting_is_refused():
    with pytest.raises(ValidationError, match="'shd' has no setting of scale small"):
        base_trial(options("shd"))
