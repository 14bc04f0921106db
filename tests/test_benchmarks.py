"""The benchmarks' tools: what they draw, fit and write; no time is asserted."""

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch):
    """The folder's scripts import each other by their plain names."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    yield FOLDER
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and "benchmarks" in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_random_spikes_have_the_rate_and_are_new_each_time(benchmarks, rng, rate):
    from measuring import random_events

    first, second = (random_events(rng, 50, 4, 300, rate) for _ in range(2))
    assert first != second
    assert first.n_events / (50 * 4 * 300) == pytest.approx(rate, rel=0.05)


def test_an_exponent_is_that_of_a_power(benchmarks):
    from measuring import exponent

    x = np.array([1.0, 10.0, 50.0])
    assert exponent(x, 3 * x**1.5) == pytest.approx(1.5)  # to rounding


def test_thresholds_are_set_for_the_rate(benchmarks, rng):
    import networks
    from inference import Case, rates

    net = networks.chain(rng, (200, 100, 40), 60, 0.05)
    found = rates(net, Case("", None, 0.05), rng)
    assert all(networks.RATE / 3 < rate < 3 * networks.RATE for rate in found.values())


def test_a_round_times_every_system_on_samples_of_its_own(benchmarks, monkeypatch):
    import measuring
    from measuring import System, in_turn

    monkeypatch.setattr(measuring, "TURN", 1e-9)  # one call
    seen = []
    drawn = iter(range(100))
    systems = [System(name, seen.append, batch=batch) for name, batch in (("a", 1), ("b", 8))]
    times = in_turn(systems, lambda batch: (next(drawn), batch), rounds=2)
    assert seen == [(0, 1), (1, 8), (2, 1), (3, 8), (4, 1), (5, 8)]
    assert set(times) == {0, 1} and all(t.median > 0 for t in times.values())


def test_short_calls_are_repeated_on_new_samples(benchmarks, monkeypatch):
    import measuring
    from measuring import System, in_turn

    monkeypatch.setattr(measuring, "TURN", 0.01)
    seen = []
    drawn = iter(range(10**6))
    times = in_turn([System("a", seen.append)], lambda batch: next(drawn), rounds=1)
    assert seen == list(range(len(seen))) and len(seen) > 2
    assert 0 < times[0].median < 0.01


@pytest.mark.slow
@pytest.mark.lava
@pytest.mark.parametrize("kind", ["chain", "convolutional", "recurrent"])
def test_every_peer_that_is_installed_runs_every_kind_of_network(benchmarks, rng, kind):
    import networks
    import peers
    from measuring import random_events

    build = {"chain": lambda r: networks.chain(r, (60, 40, 10), 20, 0.05)}
    net = build.get(kind, getattr(networks, kind))(rng)
    systems, _ = peers.torch_systems(net, rng, (2,), (1,))
    for system in systems:
        system.call(system.read(random_events(rng, 5, 2, net.n_inputs, 0.05)))
    with peers.lava_cpu(net, random_events(rng, 3, 1, net.n_inputs, 0.05)) as lava:
        lava.call(None)
    assert len(systems) >= 1


def test_the_readme_holds_the_tables_of_the_results(benchmarks):
    pytest.importorskip("matplotlib")
    import tables

    text = tables.README.read_text()
    for name, table in tables.TABLES.items():
        assert f"<!-- {name} -->" in text and f"<!-- end of {name} -->" in text
        if (tables.RESULTS / f"{name}.json").is_file():
            assert table(tables.load(name)) in text, f"{name}: run python benchmarks/tables.py"
            assert (tables.RESULTS / f"{name}.svg").is_file() and f"results/{name}.svg" in text


def test_tables_and_pictures_are_made_of_results(benchmarks, tmp_path, monkeypatch):
    """Every table and picture, from results of made-up figures, in a README of its own."""
    pytest.importorskip("matplotlib")
    import measuring
    import plots
    import tables

    (tmp_path / "README.md").write_text(tables.README.read_text())
    monkeypatch.setattr(tables, "README", tmp_path / "README.md")
    for module in (measuring, plots, tables):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    timed = {"median": 2e-3, "low": 1e-3, "high": 3e-3}
    systems = [
        ("Lava CPU fixed_pt, warm", 1),
        ("hetlava", 1),
        ("hetlava", 32),
        ("norse, float", 32),
    ]
    measuring.save("inference", [
        {"case": "a net", "system": name, "batch": batch, "threads": 1, "steps": 9,
         "rates": {"input": 0.01}, **timed} for name, batch in systems
    ])  # fmt: skip
    points = [
        {"x": x, "seconds": 1e-6 * x, "low": 0, "high": 1, "steps": 5, "synops": 7 * x, "events": 3}
        for x in (1.0, 10.0, 100.0)
    ]
    measuring.save("scaling", [
        {"name": name, "axis": "neurons", "fitted_from": 1, "points": points,
         "exponents": {"by x": 1.0, "by synops": 1.0}} for name in ("one", "two")
    ])  # fmt: skip
    case = {"case": "a net", "batch": 32, "weight_bytes": 1e6, "state_bytes": 2e6, "limit": 1e-4,
            "seconds": 3e-4, "low": 2e-4, "high": 4e-4, "fraction": 1 / 3}  # fmt: skip
    measuring.save("limits", {"bandwidth": {"L1": 1e11}, "cases": [case]})
    held = {"peak": 2e8, "idle": 1e8, "dense": 1.1, "listed": 2.9, "neuron": 33.3,
            "running": 37.1, "resident": 41.4}  # fmt: skip
    measuring.save("startup", {"times": [{"what": "import", "seconds": 0.5}], "memory": held})
    tables.main()
    text = (tmp_path / "README.md").read_text()
    for part in ("| hetlava | 32 | 1 | 2.000 | 1.0 | - |", "| a net | 1.00 | 2.00 |", "33 %",
                 "| one | 1 .. 100 |", "1.10 bytes", "37.1 bytes"):  # fmt: skip
        assert part in text
    assert {path.stem for path in (tmp_path / "results").glob("*.svg")} == set(tables.TABLES)
