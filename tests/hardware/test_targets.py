"""The table of targets."""

import subprocess
import sys

import pytest

from hetlava.chips import CHIPS, OTHERS
from hetlava.errors import ValidationError
from hetlava.hardware.targets import TARGETS, all_targets, target


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_found_under_the_name_it_bears(name: str) -> None:
    assert target(name).name == name
    assert target(name).chip in (None, *CHIPS, *OTHERS)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_chip_stands_for_its_simulator(chip: str) -> None:
    assert target(chip).chip == chip


def test_all_targets_come_in_the_order_of_the_table() -> None:
    assert [t.name for t in all_targets()][: len(TARGETS)] == list(TARGETS)


def test_an_unknown_target_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        ValidationError, match="'loihi3' is unknown; known: float, reference, loihi1-sim"
    ):
        target("loihi3")


def test_listing_the_targets_loads_nothing_heavy() -> None:
    code = """
import sys
from hetlava.hardware.targets import all_targets
print([t.unavailable() for t in all_targets()] and
      [m for m in ("torch", "lava", "numba", "scipy", "sklearn", "tonic") if m in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
