"""``hetlava inspect`` on data sets."""

import pytest

from hetlava.datasets import load


def cells(text, first):
    """The cells of the table row that begins so."""
    for line in text.splitlines():
        row = [cell.strip() for cell in line.split("│")[1:-1]]
        if row and row[0] == first:
            return row[1:]
    raise AssertionError(f"no row {first!r} in:\n{text}")


def test_a_data_set_shows_its_splits_side_by_side(hetlava):
    pytest.importorskip("sklearn")
    outcome = hetlava("inspect", "digits")
    assert outcome.code == 0, outcome.err
    assert cells(outcome.out, "recordings") == ["1438", "359"]
    assert cells(outcome.out, "9") == ["138", "42"]
    assert cells(outcome.out, "nominal duration, ms") == ["32", "32"]
    assert cells(outcome.out, "later")[0] == "0"
    rates = [float(cells(outcome.out, f"{k} .. {k + 2}")[0]) for k in range(0, 32, 2)]
    train = load("digits", "train")
    # printed with three digits; 2 ms a bin
    assert 2 * sum(rates) == pytest.approx(train.times.size / train.n, rel=1e-2)


def test_a_split_may_be_chosen(hetlava):
    pytest.importorskip("sklearn")
    assert cells(hetlava("inspect", "digits", "--split", "test").out, "recordings") == ["359"]


def test_a_file_goes_before_a_data_set_of_its_name(hetlava, net_file, monkeypatch):
    net_file.rename(net_file.parent / "digits")
    monkeypatch.chdir(net_file.parent)
    assert "quantised network" in hetlava("inspect", "digits").out


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (["cifar"], "no such file, and no data set; known: digits, nmnist, mnist"),
        (["digits:rate"], "digits takes none"),
        (["mnist:phase"], "known: latency, rate, poisson"),
        (["digits", "--split", "valid"], "known: train, test"),
    ],
)
def test_what_is_neither_file_nor_data_set_is_refused(hetlava, ask, reason):
    outcome = hetlava("inspect", *ask)
    assert outcome.code == 2 and reason in outcome.err and "Traceback" not in outcome.err


def test_a_file_has_no_splits(hetlava, net_file):
    outcome = hetlava("inspect", net_file, "--split", "test")
    assert outcome.code == 2 and "is a file" in outcome.err


@pytest.mark.data
def test_recorded_data_is_inspected(hetlava):
    outcome = hetlava("inspect", "dvs-gesture", "--split", "all")
    assert cells(outcome.out, "recordings") == ["10"]
    assert cells(outcome.out, "channels with spikes") == ["29168"]


def test_inspect_describes_time_constants(hetlava, model):
    done = hetlava("inspect", model)
    assert done.code == 0
    assert "Membrane time constants" in done.out and "sigma" in done.out


@pytest.mark.data
def test_inspect_knows_measured_time_constants(hetlava):
    done = hetlava("inspect", "allen-tau")
    assert done.code == 0
    assert "13.4" in done.out and "9.11" in done.out
    done = hetlava("inspect", "allen-tau", "--split", "rat")
    assert done.code == 2 and "known: mouse-v1-l4, human-mtg" in done.err
