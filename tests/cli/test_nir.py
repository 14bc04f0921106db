"""NIR on the command line: out of a trained network, and into one."""

import numpy as np
import pytest

from hetlava.recording_file import read_recording

pytest.importorskip("torch")


def test_a_network_goes_to_nir_and_comes_back_with_the_same_spikes(hetlava, model, tmp_path):
    pytest.importorskip("sklearn")
    graph, again = tmp_path / "a.nir", tmp_path / "again.pt"
    outcome = hetlava("export", model, "--format", "nir", "--out", graph)
    assert outcome.code == 0 and "with a step of 1 ms" in outcome.out, outcome.err
    outcome = hetlava("import", graph, "--out", again)
    assert outcome.code == 0 and "hidden -> out" in outcome.out, outcome.err
    found = []
    for path in (model, again):
        saved = tmp_path / f"{path.stem}.npz"
        assert hetlava("run", path, "--limit", 10, "--save", saved).code == 0
        found.append(read_recording(saved))
    assert found[0].spikes == found[1].spikes and found[0].spikes[1].n_events > 10
    assert hetlava("verify", again, "--limit", 10, "--max-drop", 100).code == 0


def test_what_a_foreign_graph_does_not_say_is_asked_for(hetlava, tmp_path):
    nir = pytest.importorskip("nir")
    values = {k: np.full(3, 10.0) for k in ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold")}
    graph = nir.NIRGraph.from_list(nir.Linear(weight=np.ones((3, 2))), nir.CubaLIF(**values))
    nir.write(tmp_path / "a.nir", graph)
    outcome = hetlava("import", tmp_path / "a.nir")
    assert outcome.code == 2 and "--unit, --discretisation, --readout" in outcome.err
    assert not (tmp_path / "a.pt").exists()
    told = ["--dt", "1ms", "--steps", 20, "--discretisation", "euler", "--readout", "spike-count"]
    outcome = hetlava("import", tmp_path / "a.nir", *told, "--unit", "ms")
    assert outcome.code == 0, outcome.err
    outcome = hetlava("import", tmp_path / "a.nir", *told, "--unit", "s")
    assert outcome.code == 0, outcome.err  # 10 s is long, not impossible
    assert "1e+04" in hetlava("inspect", tmp_path / "a.pt").out


def test_a_graph_is_no_quantised_network(hetlava, model, tmp_path):
    graph = tmp_path / "a.nir"
    assert hetlava("export", model, "--format", "nir", "--out", graph).code == 0
    for command in ("inspect", "run", "place", "doctor"):
        outcome = hetlava(command, graph)
        assert outcome.code == 2 and "hetlava import makes a model.pt" in outcome.err, command


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--target", "loihi2"], "options of rounding do not apply"),
        (["--weight-bits", "4"], "options of rounding do not apply"),
        (["--lists"], "options of rounding do not apply"),
        (["--compact"], "belongs to --format net"),
        (["--lif", "vector"], "belongs to --format lava"),
    ],
)
def test_nothing_is_rounded_for_nir(hetlava, model, options, reason):
    outcome = hetlava("export", model, "--format", "nir", *options)
    assert outcome.code == 2 and reason in outcome.err
    assert not model.with_suffix(".nir").exists()


def test_integers_are_not_nir_s(hetlava, net_file):
    outcome = hetlava("export", net_file, "--format", "nir")
    assert outcome.code == 2 and "takes a trained network" in outcome.err
