"""Targets of other packages: those that load run, those that do not are named."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import TargetError, ValidationError
from hetlava.events import Events
from hetlava.hardware.targets import TARGETS, all_targets, target
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import reference

MODULE = """
from hetlava.hardware.interface import Target
from hetlava.sim import reference

def run(net, inputs, *, rng, probes, threads):
    return reference.run(net, inputs, probes=probes)

MINE = Target(name="mychip-sim", description="a chip of mine", runner=run)
OTHER = 7
"""
POINTS = """[hetlava.targets]
mychip-sim = mychip_target:MINE
float = mychip_target:MINE
renamed = mychip_target:MINE
number = mychip_target:OTHER
absent = no_such_module:MINE
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution that announces one good target and four bad ones."""
    (tmp_path / "mychip_target.py").write_text(MODULE)
    info = tmp_path / "mychip-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mychip\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mychip_target", raising=False)


@pytest.mark.usefixtures("package")
def test_a_target_of_another_package_runs(
    rng: np.random.Generator, random_network: Callable[..., tuple[QuantisedNetwork, Events]]
) -> None:
    net, inputs = random_network(rng)
    found = target("mychip-sim").run(net, inputs)
    assert found.target == "mychip-sim"
    assert found.spikes == reference.run(net, inputs).spikes


@pytest.mark.usefixtures("package")
def test_bad_entries_are_listed_with_what_is_wrong_and_stop_nobody() -> None:
    listed = {t.name: t.unavailable() for t in all_targets()}
    assert list(listed)[: len(TARGETS)] == list(TARGETS)
    assert listed["mychip-sim"] is None
    assert "No module named 'no_such_module'" in listed["absent"]
    assert listed["number"] == "package mychip: mychip_target:OTHER is a int, no Target"
    assert "calls itself mychip-sim, not renamed" in listed["renamed"]
    assert "the name float is taken" in listed["float of package mychip"]
    assert listed["float"] is None


@pytest.mark.usefixtures("package")
def test_a_bad_entry_says_so_when_it_is_run(
    rng: np.random.Generator, random_network: Callable[..., tuple[QuantisedNetwork, Events]]
) -> None:
    with pytest.raises(TargetError, match="package mychip: no_such_module:MINE does not load"):
        target("absent").run(*random_network(rng))


@pytest.mark.usefixtures("package")
def test_an_unknown_name_is_answered_with_those_of_other_packages_too() -> None:
    with pytest.raises(ValidationError, match="'tpu' is unknown; known: float, .*mychip-sim"):
        target("tpu")
