"""Every example in a docstring runs and gives what it says."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("hetlava", "export", "hardware", "sim")


def with_examples():
    for top in TOPS:
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if ">>> " in path.read_text(encoding="utf-8"):
                yield ".".join(parts if parts[0] == "hetlava" else ("hetlava", *parts))


@pytest.mark.parametrize("module", sorted(with_examples()))
def test_examples_run(module):
    result = doctest.testmod(importlib.import_module(module), extraglobs={"np": np})
    assert result.attempted and not result.failed
