"""Without a board: what is said, and that all but the board itself is there."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hetlava.errors import TargetError
from hetlava.events import Events
from hetlava.hardware.lava_elsewhere import run
from hetlava.hardware.targets import target
from hetlava.quantised import QuantisedNetwork
from hetlava.sim import reference

RandomNetwork = Callable[..., tuple[QuantisedNetwork, Events]]

# what graph.py takes from Intel's plug-in, as processes that pass spikes on and leave a note
PLUGIN = """
import os
import __main__
import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

class Adapter(AbstractProcess):
    def __init__(self, shape):
        super().__init__(shape=shape)
        self.inp, self.out = InPort(shape=shape), OutPort(shape=shape)
        with open(os.environ["ADAPTERS"], "a") as note:
            print(type(self).__name__, *shape, file=note)

class PyToNxAdapter(Adapter): pass
class NxToPyAdapter(Adapter): pass

class Pass(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    def run_spk(self):
        self.out.send(self.inp.recv())

if os.environ["PRETENCE"] == "cores":
    __main__.on_cores = lambda process, config: True
for name in ("PyToNxAdapter", "NxToPyAdapter"):
    model = type("Model" + name, (Pass,), {"__module__": __name__})
    model = implements(proc=globals()[name], protocol=LoihiProtocol)(model)
    globals()["Model" + name] = tag("fixed_pt")(requires(CPU)(model))
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for the plug-in where Lava finds its own extensions; returns its notes."""
    root = tmp_path / "plugin"
    modules = {
        "lava/proc/embedded_io/spike.py": PLUGIN,
        # by this one Lava tells whether its extension for Loihi is installed
        "lava/utils/loihi2_profiler.py": "",
        # Loihi2HwCfg looks for models of these kinds, and finds none
        "lava/magma/core/model/c/model.py": "class CLoihiProcessModel: pass",
        "lava/magma/core/model/nc/model.py": "class AbstractNcProcessModel: pass",
    }
    for path, text in modules.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("ADAPTERS", str(tmp_path / "notes"))
    monkeypatch.setenv("PRETENCE", "cores")
    return tmp_path / "notes"


@pytest.fixture
def small(random_network: RandomNetwork, few_levels: Callable) -> tuple:
    rng = np.random.default_rng(204)
    net, inputs = random_network(rng, max_neurons=12, readout=False)
    return few_levels(net, rng), inputs


def test_the_target_says_that_there_is_no_board_and_what_to_do(small: tuple) -> None:
    board = target("loihi2-board")
    reason = board.unavailable()
    assert reason and "lava-loihi with nxcore" in reason and "--lava-python" in reason
    with pytest.raises(TargetError, match="loihi2-board: no board: Intel's plug-in"):
        board.run(*small)


@pytest.mark.lava
def test_a_python_without_the_plugin_says_so(small: tuple, lava_python: Path) -> None:
    with pytest.raises(TargetError, match=r"(?s)failed with code 2.*no Loihi 2 board: .*nxcore"):
        run(*small, python=lava_python, board=True)


@pytest.mark.lava
def test_a_board_that_is_not_used_is_not_claimed(
    small: tuple, lava_python: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loihi2HwCfg takes Lava's Python models where the plug-in has none for the cores."""
    monkeypatch.setenv("PRETENCE", "none")
    with pytest.raises(TargetError, match="Loihi2HwCfg chose Lava's Python model of LIF"):
        run(*small, python=lava_python, board=True)
    # the graph was built up to there
    assert "PyToNxAdapter" in plugin.read_text() and "NxToPyAdapter" in plugin.read_text()


@pytest.mark.lava
def test_the_graph_for_a_board_computes_the_same_behind_the_adapters(
    small: tuple, lava_python: Path, plugin: Path
) -> None:
    net, inputs = small
    inputs = inputs.samples(0, 2)
    found = run(net, inputs, python=lava_python, board=True)
    expected = reference.run(net, inputs)
    assert found.spikes == expected.spikes
    assert sum(spikes.n_events for spikes in expected.spikes) > 20
    assert (found.provenance, found.target) == ("hardware", "loihi2-board")
    assert found.details["lif"] == "levels"
    notes = plugin.read_text().split("\n")
    # a graph of its own for each sample, every LIF of it behind an adapter
    assert notes.count(f"PyToNxAdapter {net.n_inputs}") == inputs.n_samples
    assert sum(note.startswith("NxToPy") for note in notes) > len(net.populations) * 2
