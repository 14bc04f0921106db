"""Training shared by processes is training by one, but for rounding; one failure ends all."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from hetlava.train.config import TrainConfig
from hetlava.train.distributed import Team
from hetlava.train.draws import SharedGenerator, per_sample
from hetlava.train.fit import fit
from hetlava.train.model_file import read_model

# 40 samples: the last of the batches of 13 has one, which leaves one process nothing
CONFIG = {
    "dataset": "digits", "dt": 1e-3, "n_steps": 20, "hidden": (10,), "epochs": 2, "batch": 13,
    "tau_mem": "levels:3ms,8ms", "tau_syn": "constant:3ms", "drop": 0.3, "image": (1, 3, 4),
    "shift": 1, "regularise": ("rate:20Hz,0.1", "variance:0.01"),
}  # fmt: skip
SCRIPT = """
import os, runpy, sys
from pathlib import Path
import numpy as np
from hetlava.train.config import TrainConfig
from hetlava.train.distributed import joined
from hetlava.train.fit import fit
from hetlava.train.model_file import write_model
bars_of = runpy.run_path({conftest!r})["bars_of"]
rng = np.random.default_rng(0)
data = bars_of(rng, 40, "train"), bars_of(rng, 1, "test")
with joined("cpu") as team:
    assert team.size == 2
    for out, config in {configs!r}.items():
        metrics = []
        net = fit(TrainConfig(**config), *data, on_epoch=metrics.append, team=team)
        if team.writes:
            write_model(Path(out), net)
            print("metrics", metrics[-1].loss, metrics[-1].test_accuracy, *metrics[-1].rates)
"""


def launched(*command, n=2, **kwargs):
    """Run two processes under torchrun and return what they said."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    call += ["--nproc-per-node", str(n), *map(str, command)]
    return subprocess.run(call, capture_output=True, text=True, env=env, timeout=300, **kwargs)


@pytest.mark.parametrize("n", [1, 2, 3, 13, 32])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_shares_of_a_batch_are_its_samples_each_once(n, size):
    shares = [Team(rank, size).share(n) for rank in range(size)]

    counted = [k for s in shares if s.weight for k in range(n)[s.part]]

    assert counted == list(range(n))
    assert sum(s.weight for s in shares) == pytest.approx(1)
    assert all(len(range(n)[s.part]) >= 1 for s in shares)


def test_processes_draw_the_parts_of_what_one_draws():
    def draw(n):
        return torch.rand(n, 3, generator=rng)

    rng = torch.Generator().manual_seed(4)
    alone = per_sample(draw, 5, rng)
    parts = []
    for rank in range(2):
        rng = Team(rank, 2).generator(torch.Generator().manual_seed(4))
        share = Team(rank, 2).share(5)
        rng.turn_to(share.whole, share.part)
        parts.append(per_sample(draw, 0, rng))

    assert isinstance(rng, SharedGenerator)
    assert torch.equal(torch.cat(parts), alone)


@pytest.mark.lava
def test_two_processes_train_what_one_does(tmp_path, request):
    from runpy import run_path

    kernels = CONFIG | {"hidden": ("4c2", 8), "learn_tau": "channel"}
    configs = {str(tmp_path / "dense.pt"): CONFIG, str(tmp_path / "kernels.pt"): kernels}
    conftest = str(request.path.with_name("conftest.py"))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(conftest=conftest, configs=configs))
    rng, bars_of = np.random.default_rng(0), run_path(conftest)["bars_of"]
    data = bars_of(rng, 40, "train"), bars_of(rng, 1, "test")

    outcome = launched(script)

    assert outcome.returncode == 0, outcome.stderr
    said = outcome.stdout.split("metrics")[1:]
    for (out, config), words in zip(configs.items(), said, strict=True):
        metrics = []
        alone = fit(TrainConfig(**config), *data, on_epoch=metrics.append)
        last = metrics[-1]
        assert [float(x) for x in words.split()] == pytest.approx(
            [last.loss, last.test_accuracy, *last.rates], rel=1e-5
        )
        assert_nearly_equal(read_model(Path(out)), alone)


def assert_nearly_equal(shared, alone):
    for a, b in zip(alone.projections, shared.projections, strict=True):
        # sums in another order may take a weight over the border between two of its grid
        assert np.abs(a.weights - b.weights).max() <= a.grid
        assert np.mean(a.weights != b.weights) < 0.01
    for a, b in zip(alone.populations, shared.populations, strict=True):
        np.testing.assert_allclose(a.neurons.tau_mem, b.neurons.tau_mem, rtol=1e-4)


@pytest.mark.lava
@pytest.mark.slow
def test_one_process_that_fails_ends_all_with_one_message(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import os, sys
            from hetlava.cli import main
            from hetlava.errors import DataError
            from hetlava.train import loop
            real = loop.logits
            calls = []
            def failing(*arguments):
                calls.append(1)
                if os.environ["RANK"] == "1" and len(calls) == 3:
                    raise DataError("the disk of this one is gone")
                return real(*arguments)
            loop.logits = failing
            main()
        """)
    )
    options = ("train", "--slayer", "digits", "--hidden", "8", "--steps", "20", "--epochs", "3")

    outcome = launched(script, *options, "--out", tmp_path / "model.pt")

    assert outcome.returncode == 1
    assert outcome.stderr.count("hetlava: ") == 1
    assert "hetlava: the disk of this one is gone" in outcome.stderr
    assert not (tmp_path / "model.pt").exists()


@pytest.mark.lava
@pytest.mark.slow
def test_what_all_processes_refuse_is_said_once():
    outcome = launched("-m", "hetlava", "train", "--slayer", "mnist99")

    assert outcome.returncode == 1
    assert outcome.stderr.count("hetlava: data set 'mnist99' is unknown") == 1
