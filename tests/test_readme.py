"""README's pipeline and the examples run as they are printed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLIF

ROOT = Path(__file__).resolve().parents[1]


def untrained(rng: np.random.Generator) -> Network:
    neurons = CubaLIF(
        tau_mem=rng.uniform(0.005, 0.05, 10),
        tau_syn=rng.uniform(0.002, 0.02, 10),
        v_leak=np.zeros(10),
        v_threshold=np.ones(10),
        v_reset=np.zeros(10),
    )
    weights = rng.normal(0, 0.1, (10, 64))
    return Network(
        dt=1e-3,
        n_inputs=64,
        n_steps=40,
        populations=(Population(name="out", neurons=neurons),),
        projections=(Projection(source="input", target="out", weights=weights),),
        output="out",
    )


def test_the_pipeline_in_python_runs_as_printed(tmp_path, rng):
    pytest.importorskip("torch")
    from hetlava.train.model_file import write_model

    write_model(tmp_path / "model.pt", untrained(rng))
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Interval(value=") and (tmp_path / "model.net").is_file()


def test_every_command_of_the_readme_exists():
    from hetlava.cli import COMMANDS

    named = set(re.findall(r"^hetlava (\w+)", (ROOT / "README.md").read_text(), re.M))
    assert named and named <= set(COMMANDS)


def documented() -> list[str]:
    """Every line of a code block that calls hetlava, in the README and in docs/."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = "\n".join(page.read_text() for page in pages)
    lines = re.findall(r"^hetlava [^#>\n]*", found, re.M)
    return sorted({line.strip() for line in lines if not line.startswith("hetlava --")})


@pytest.mark.parametrize("line", documented())
def test_documented_commands_are_understood(line, tmp_path, monkeypatch):
    """Options exist and take such values; nothing runs."""
    from typer.main import get_command

    from hetlava.cli import make_app

    monkeypatch.chdir(tmp_path)
    name, *args = shlex.split(line)[1:]
    get_command(make_app([name])).make_context(f"hetlava {name}", args)


@pytest.mark.slow
@pytest.mark.lava
@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples_run(example, tmp_path):
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
