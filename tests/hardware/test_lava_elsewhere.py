"""Lava in another Python gives the same bits, and whatever goes wrong there is one clear error."""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import TargetError, UnsupportedError, ValidationError
from hetlava.events import Events, from_dense
from hetlava.hardware import lava_elsewhere
from hetlava.hardware.lava_elsewhere import lava_versions, located, run
from hetlava.hardware.targets import target
from hetlava.neurons.cuba import CubaRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.sim import reference

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]
VERSIONS = {"python": "3.10.1", "lava-nc": "0.10.0", "numpy": "1.26.4", "h5py": "3.16.0"}


@pytest.fixture
def small(rng: np.random.Generator, random_network: RandomNetwork) -> tuple:
    return random_network(rng, max_neurons=6, readout=False)


@pytest.fixture
def pretender(tmp_path: Path) -> Callable[[str], Path]:
    """``pretender(code)`` makes a program that claims to be a Python with Lava and runs code."""

    def make(code: str, versions: dict = VERSIONS) -> Path:
        path = tmp_path / "python"
        answer = f"if sys.argv[1] == '-c': print({json.dumps(versions)!r}); sys.exit()"
        path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{answer}\n{code}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.lava
@pytest.mark.parametrize(("seed", "extreme"), [(0, False), (4, False), (5, True)])
def test_another_python_gives_the_same_states_at_every_step(
    seed: int, extreme: bool, lava_python: Path, random_network: RandomNetwork, temporary: Path
) -> None:
    net, inputs = random_network(np.random.default_rng(seed), extreme=extreme)
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = run(net, inputs, python=lava_python, probes=("u", "v"))
    assert found.spikes == expected.spikes and inputs.n_samples > 1
    for a, b in zip(found.u + found.v, expected.u + expected.v, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(found.scores, expected.scores)
    assert np.array_equal(found.synops, expected.synops)
    assert not list(temporary.iterdir())


@pytest.mark.lava
def test_levels_in_another_python_give_the_same(
    lava_python: Path, random_network: RandomNetwork, few_levels: Callable
) -> None:
    rng = np.random.default_rng(205)
    net, inputs = random_network(rng, max_neurons=12)
    net = few_levels(net, rng)
    expected = reference.run(net, inputs, probes=("v",))
    found = run(net, inputs, python=lava_python, lif="levels", probes=("v",))
    assert found.spikes == expected.spikes and found.u == ()
    assert all(np.array_equal(a, b) for a, b in zip(found.v, expected.v, strict=True))


def at_the_ends() -> QuantisedNetwork:
    """Weights that Dense would clip or truncate, thresholds that are met and passed."""
    ones = np.ones(2, np.int32)
    registers = CubaRegisters(
        du=4095 * ones,
        dv=4096 * ones,
        vth=np.array([100, 99], np.int32),
        bias_mant=0 * ones,
        bias_exp=0 * ones,
    )
    weights = {
        ("input", "a", 0): [[100, 0, 0], [100, 0, 0]],
        ("input", "b", 0): [[-256] * 3, [-256] * 3],
        ("input", "b", -3): [[255, -255, 7], [-251, 3, 129]],
        ("a", "b", 0): [[-256, 254], [255, 1]],
    }
    return QuantisedNetwork(
        chip="loihi2",
        dt=1e-3,
        n_inputs=3,
        n_steps=6,
        populations=tuple(QuantisedPopulation(name=name, registers=registers) for name in "ab"),
        projections=tuple(
            QuantisedProjection(
                source=source, target=end, weights=np.array(w, np.int16), weight_exp=exp
            )
            for (source, end, exp), w in weights.items()
        ),
        output="b",
    )


@pytest.mark.lava
@pytest.mark.parametrize("lif", ["vector", "levels"])
def test_weights_and_thresholds_at_their_ends_agree(lif: str, lava_python: Path) -> None:
    net = at_the_ends()
    inputs = from_dense(np.random.default_rng(1).random((6, 2, 3)) < 0.7)
    expected = reference.run(net, inputs, probes=("u", "v"))
    found = run(net, inputs, python=lava_python, probes=("u", "v"), lif=lif)
    assert found.spikes == expected.spikes
    assert (expected.spikes[0].counts() > 0).tolist() == [[False, True]] * 2
    for a, b in zip(found.u + found.v, expected.u + expected.v, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.lava
def test_a_recording_names_the_versions_that_made_it(small: tuple, lava_python: Path) -> None:
    net, inputs = small
    found = run(net, from_dense(inputs.to_dense()[:2, :1]), python=lava_python)
    assert found.details == {**lava_versions(lava_python), "lif": "vector"}
    assert found.details["lava-nc"] == "0.10.0" and found.details["python"].startswith("3.")
    assert (found.target, found.provenance) == ("lava-cpu", "emulated")


@pytest.mark.lava
def test_an_empty_batch_gives_an_empty_recording(small: tuple, lava_python: Path) -> None:
    net, _ = small
    found = run(net, from_dense(np.zeros((4, 0, net.n_inputs), bool)), python=lava_python)
    assert found.scores.shape == (0, net.population(net.output).registers.n)


def test_a_python_that_dies_is_reported_with_its_words(
    small: tuple, pretender: Callable, temporary: Path
) -> None:
    python = pretender("print('about to die', flush=True); os.kill(os.getpid(), 9)")
    with pytest.raises(TargetError, match="(?s)python: the Lava program died of signal 9.*to die"):
        run(*small, python=python)
    assert not list(temporary.iterdir())


def test_a_python_that_fails_shows_its_traceback(small: tuple, pretender: Callable) -> None:
    with pytest.raises(TargetError, match="(?s)failed with code 1.*ZeroDivisionError"):
        run(*small, python=pretender("1 / 0"))


def test_a_python_that_hangs_is_ended_in_time(
    small: tuple, pretender: Callable, temporary: Path
) -> None:
    python = pretender("print('deep in thought', flush=True); time.sleep(600)")
    with pytest.raises(TargetError, match="(?s)no sample finished for 1 s.*--lava-timeout.*deep"):
        run(*small, python=python, patience=1.0)
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("pass", "no complete result: .*No such file"),
        ("open('out.npz', 'wb').write(b'PK')", "no complete result"),
        ("import numpy; numpy.savez('out.npz', spikes_0=numpy.zeros(3))", r"float64 \(3,\)"),
        ("import numpy; numpy.savez('out.npz', a=1)", "spikes_0"),
    ],
)
def test_an_answer_that_is_none_is_refused(
    code: str, complaint: str, small: tuple, pretender: Callable
) -> None:
    with pytest.raises(TargetError, match=complaint):
        run(*small, python=pretender(code))


def test_a_python_without_lava_is_told_what_to_install(pretender: Callable) -> None:
    python = pretender("", {**VERSIONS, "lava-nc": None, "h5py": None})
    with pytest.raises(TargetError, match=r"lava-nc, h5py not installed .* 3\.10\.1; install with"):
        lava_versions(python)


@pytest.mark.parametrize("answer", ["print('[1]')", "print('hello')", "pass"])
def test_what_is_no_python_is_refused(answer: str, tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable}\n{answer}\n")
    with pytest.raises(TargetError, match="cannot be started: Permission denied"):
        lava_versions(path)
    path.chmod(0o755)
    with pytest.raises(TargetError, match="python: is no Python: it answered"):
        lava_versions(path)
    with pytest.raises(TargetError, match="gone: cannot be started: No such file"):
        lava_versions(tmp_path / "gone")


def test_the_real_probe_works_where_lava_is_missing() -> None:
    code = lava_elsewhere.PROBE.replace("lava-nc", "no-such-package")
    done = lava_elsewhere.run_family([sys.executable, "-c", code], folder=None, patience=60)
    found = json.loads(done.stdout)
    assert found["no-such-package"] is None and found["numpy"] == np.__version__


def test_bad_requests_are_refused_before_anything_is_started(small: tuple) -> None:
    net, inputs = small
    with pytest.raises(ValidationError, match="probe 'w' is unknown"):
        run(net, inputs, python="never", probes=("w",))
    with pytest.raises(ValidationError, match="channels, the network takes"):
        run(net, from_dense(np.zeros((2, 1, net.n_inputs + 1), bool)), python="never")
    with pytest.raises(UnsupportedError, match="a board gives spikes only"):
        run(net, inputs, python="never", probes=("v",), board=True)


def test_only_targets_of_lava_go_elsewhere(small: tuple, pretender: Callable) -> None:
    python = pretender("sys.exit(5)")
    here, there = located(["loihi2", "lava-cpu"], python)
    assert here == target("loihi2") and there.name == "lava-cpu"
    with pytest.raises(TargetError, match="failed with code 5"):
        there.run(*small)
    assert located(["lava-cpu"], None) == [target("lava-cpu")]
    with pytest.raises(ValidationError, match="--lava-python is for lava-cpu and loihi2-board"):
        located(["loihi2"], python)
    with pytest.raises(ValidationError, match="'loihi9' is unknown"):
        located(["loihi9", "lava-cpu"], python)


def test_a_board_elsewhere_is_for_its_chip_only(small: tuple, pretender: Callable) -> None:
    net, inputs = small
    (board,) = located(["loihi2-board"], pretender("sys.exit(5)"))
    with pytest.raises(UnsupportedError, match="rounded for loihi1, not loihi2"):
        board.run(replace(net, chip="loihi1"), inputs)
