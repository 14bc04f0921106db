"""Declarations of time constants: what they mean, what they draw, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.distributions import (
    TAU_MAX,
    TAU_MIN,
    Constant,
    Gamma,
    Levels,
    Lognormal,
    Uniform,
)
from hetlava.errors import DataError, ValidationError
from hetlava.heterogeneity import FAMILIES, mean_matched, parse
from hetlava.listed_values import Double, Empirical

TAUS = st.floats(1e-8, 1e3)
PAIRS = st.lists(TAUS, min_size=2, max_size=2, unique=True).map(lambda p: tuple(sorted(p)))
DISTRIBUTIONS = st.one_of(
    st.builds(Constant, value=TAUS, clip=PAIRS),
    st.builds(Gamma, value=TAUS, shape=st.floats(0.1, 1e6)),
    st.builds(Gamma, value=TAUS, shape=st.floats(0.1, 50), clip=PAIRS),
    st.builds(
        Lognormal,
        value=TAUS,
        sigma=st.floats(1e-3, 3),
        of=st.sampled_from(["mean", "median"]),
        clip=PAIRS,
    ),
    PAIRS.map(lambda p: Uniform(low=p[0], high=p[1])),
    st.builds(Levels, values=st.lists(TAUS, min_size=1, max_size=9).map(tuple), clip=PAIRS),
    st.builds(Double, first=TAUS, second=TAUS, share=st.floats(0, 1), clip=PAIRS),
    st.builds(Empirical, values=st.lists(TAUS, min_size=1, max_size=9).map(tuple), clip=PAIRS),
)

MEANINGS = {
    "constant:20ms": Constant(value=0.02),
    "gamma:20ms,shape=3": Gamma(value=0.02, shape=3),
    "lognormal:20ms,sigma=0.5": Lognormal(value=0.02, sigma=0.5),
    "lognormal:median=20ms,sigma=0.5": Lognormal(value=0.02, sigma=0.5, of="median"),
    "uniform:5ms,35ms": Uniform(low=0.005, high=0.035),
    " levels:1ms, 2ms, 4 ms ": Levels(values=(0.001, 0.002, 0.004)),
    "double:20ms,100ms,share=0.05": Double(first=0.02, second=0.1, share=0.05),
    "empirical:18ms,25ms": Empirical(values=(0.018, 0.025)),
    "gamma: 500us, max=1s, shape=1e1": Gamma(value=5e-4, shape=10, clip=(TAU_MIN, 1.0)),
    "constant:.02s,min=1ms": Constant(value=0.02, clip=(1e-3, TAU_MAX)),
}


@pytest.mark.parametrize(("text", "meaning"), MEANINGS.items())
def test_a_declaration_means_its_record(text, meaning):
    assert parse(text) == meaning


@given(DISTRIBUTIONS)
def test_a_distribution_parses_back_from_its_text(distribution):
    assert parse(str(distribution)) == distribution


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_parses_its_own_example(name):
    assert parse(FAMILIES[name].example).family == name
    assert str(parse(FAMILIES[name].example)) == FAMILIES[name].example


@given(DISTRIBUTIONS, st.integers(0, 200), st.integers(0, 2**32))
def test_draws_are_one_per_neuron_and_inside_the_clip(distribution, n, seed):
    taus = distribution.sample(n, np.random.default_rng(seed))
    assert taus.shape == (n,) and taus.dtype == np.float64
    assert np.all((taus >= distribution.clip[0]) & (taus <= distribution.clip[1]))
    again = distribution.sample(n, np.random.default_rng(seed))
    assert np.array_equal(taus, again)


DRAWN = [
    "constant:20ms",
    "gamma:20ms,shape=3",
    "gamma:20ms,shape=0.2",
    "gamma:20ms,shape=13.4,min=15ms,max=22ms",
    "gamma:75ms,shape=3,max=10ms",
    "lognormal:20ms,sigma=0.5",
    "lognormal:median=20ms,sigma=0.5,max=30ms",
    "lognormal:20ms,sigma=1.2,min=10ms",
    "uniform:5ms,35ms",
    "uniform:5ms,35ms,min=10ms,max=12ms",
    "uniform:5ms,35ms,min=50ms",
    "levels:1ms,2ms,4ms,max=3ms",
]


@pytest.mark.parametrize("text", DRAWN)
def test_the_stated_mean_is_the_mean_of_the_draws(text, rng):
    taus = parse(text).sample(300_000, rng)
    # five standard errors, and a rounding of the sum
    bound = 5 * taus.std() / np.sqrt(taus.size) + 1e-12
    assert abs(taus.mean() - parse(text).mean) <= bound


UNCLIPPED = ["gamma:20ms,shape=3", "gamma:20ms,shape=1e6", "lognormal:20ms,sigma=0.5"]


@pytest.mark.parametrize("text", UNCLIPPED)
def test_an_unclipped_mean_is_the_value_exactly(text):
    assert parse(text).mean == 0.02
    assert mean_matched(parse(text)) == Constant(value=0.02)


def test_a_gamma_clipped_at_its_mean_has_the_mean_of_calculus():
    # shape 1 is the exponential distribution: E[min(X, m)] = m (1 - exp(-1))
    clipped = parse("gamma:20ms,shape=1,max=20ms").mean
    # quadrature error, and the clip at 1 ns adds less than 1e-16 s
    assert clipped == pytest.approx(0.02 * (1 - np.exp(-1)), rel=1e-12)


def test_gamma_draws_have_the_declared_spread(rng):
    taus = parse("gamma:20ms,shape=3").sample(200_000, rng)
    # the standard error of the ratio is about 0.002
    assert taus.std() / taus.mean() == pytest.approx(3**-0.5, abs=0.01)


def test_the_median_of_a_lognormal_splits_its_draws(rng):
    taus = parse("lognormal:median=20ms,sigma=0.5").sample(100_000, rng)
    # half of the draws, within five standard errors of a fair coin
    assert np.mean(taus < 0.02) == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(taus.size))


@given(st.integers(0, 50), st.integers(1, 7))
def test_levels_are_evenly_distributed(n, k):
    levels = Levels(values=tuple(1e-3 * (i + 1) for i in range(k)))
    taus = levels.sample(n, np.random.default_rng(n))
    counts = [int(np.sum(taus == value)) for value in levels.values]
    assert sum(counts) == n and max(counts) - min(counts) <= 1


def test_levels_come_in_random_order(rng):
    taus = parse("levels:1ms,2ms").sample(64, rng)
    assert np.any(np.diff(taus) > 0) and np.any(np.diff(taus) < 0)
    assert not np.array_equal(taus[:-2], taus[2:])


REFUSED = {
    "": "unknown; known, as examples: constant:20ms, gamma",
    "weibull:20ms": "'weibull' is unknown; known, as examples: constant:20ms, gamma",
    "gamma:20,shape=3": "20 has no unit; write 20ms",
    "constant:20ms,max=1": "1 has no unit; write 1ms",
    "constant:20 min": "unit 'min' is unknown; known: s, ms, us",
    "constant:twenty": "'twenty' is not a time",
    "constant:nan ms": "is not a time",
    "constant:-20ms": "tau -20ms is not above 0 s",
    "gamma:0ms,shape=3": "is not above 0 s",
    "lognormal:2e4s,sigma=1": "tau 20000s is outside 0.001us .. 10000s (wrong unit?)",
    "constant:1e999s": "outside 0.001us .. 10000s",
    "constant:0.9e-3us": "tau 0.0009us is outside 0.001us",
    "uniform:35ms,5ms": "35ms is not below 5ms; write the smaller one first",
    "uniform:5ms,5ms": "5ms is not below 5ms",
    "uniform:5ms": "1 time(s) given, expected 2",
    "constant:1ms,2ms": "2 time(s) given, expected 1",
    "constant": "0 time(s) given, expected 1",
    "levels:": "0 time(s) given, expected at least 1",
    "levels:1ms,,2ms": "'' is not a time",
    "levels:1ms,-2ms": "tau -2ms is not above 0 s",
    "gamma:20ms": "key 'shape' is missing",
    "gamma:20ms,sigma=3": "key 'sigma' is unknown; known: shape, min, max",
    "gamma:20ms,shape=3,shape=4": "key 'shape' is given twice",
    "gamma:20ms,shape=": "'' is not a plain number",
    "gamma:20ms,shape=-3": "shape -3 is outside 0.1",
    "gamma:20ms,shape=3ms": "'3ms' is not a plain number",
    "lognormal:20ms,sigma=9": "sigma 9 is outside 0.001 .. 3",
    "lognormal:20ms,median=20ms,sigma=1": "2 time(s) given, expected 1",
    "lognormal:sigma=1": "0 time(s) given, expected 1 (plain, or as median=)",
    "constant:20ms,min=3ms,max=2ms": "min 3ms is not below max 2ms",
    "constant:20ms,min=-3ms": "tau -3ms is not above 0 s",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_a_wrong_declaration_is_refused_with_its_reason(text, reason):
    with pytest.raises(ValidationError) as caught:
        parse(text)
    assert reason in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text):
    for declaration in (text, f"gamma:{text}", f"levels:1ms,{text}"):
        try:
            parsed = parse(declaration)
        except ValidationError as error:
            assert str(error).startswith("distribution")
        else:
            assert parse(str(parsed)) == parsed


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_record_made_by_hand_is_checked_too(value):
    for make in (
        lambda: Constant(value=value),
        lambda: Gamma(value=value, shape=3),
        lambda: Levels(values=(0.02, value)),
        lambda: Constant(value=0.02, clip=(value, 1.0)),
    ):
        with pytest.raises(ValidationError):
            make()


def test_a_lognormal_knows_two_centres():
    with pytest.raises(ValidationError, match="of 'mode' is unknown; known: mean, median"):
        Lognormal(value=0.02, sigma=0.5, of="mode")


def test_levels_need_a_value():
    with pytest.raises(ValidationError, match="no values"):
        Levels(values=())


@pytest.mark.parametrize(("share", "n", "seconds"), [(0.05, 100, 5), (0.5, 7, 4), (1.0, 3, 3)])
def test_a_double_has_whole_neurons_of_each_value(share, n, seconds, rng):
    drawn = parse(f"double:20ms,100ms,share={share}").sample(n, rng)
    assert np.count_nonzero(drawn == 0.1) == seconds
    assert np.count_nonzero(drawn == 0.02) == n - seconds


def test_an_empirical_distribution_draws_what_was_measured(tmp_path, rng):
    path = tmp_path / "taus.csv"
    path.write_text("18.5ms\n\n0.02s\n31000us\n")
    distribution = parse(f"empirical:{path},max=30ms")
    assert distribution == parse("empirical:18.5ms,20ms,31ms,max=30ms")
    assert parse(str(distribution)) == distribution
    assert set(distribution.sample(200, rng)) == {0.0185, 0.02, 0.03}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("20\n", "line 1: 20 has no unit"),
        ("20ms\nx\n", "line 2: 'x' is not a time"),
        ("", "0 time"),
    ],
)
def test_a_file_of_times_is_refused_with_its_line(text, reason, tmp_path):
    path = tmp_path / "taus.csv"
    path.write_text(text)
    with pytest.raises(ValidationError, match=reason):
        parse(f"empirical:{path}")


def test_a_file_of_times_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"nowhere.csv: no such file"):
        parse("empirical:nowhere.csv")
