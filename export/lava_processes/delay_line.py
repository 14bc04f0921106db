"""Spikes held back, each neuron's for steps of its own: what Lava has for all-to-all only."""

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from hetlava.arrays import Int16


class DelayLine(AbstractProcess):  # type: ignore[misc]
    """Sends the spike that neuron ``j`` gave ``delays[j]`` steps ago.

    Parameters
    ----------
    delays : (n,) int16
    """

    def __init__(self, *, delays: Int16) -> None:
        super().__init__(delays=delays)
        self.s_in = InPort(shape=delays.shape)
        self.s_out = OutPort(shape=delays.shape)


@implements(proc=DelayLine, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "floating_pt")
class PyDelayLine(PyLoihiProcessModel):  # type: ignore[misc]
    """Keeps the last steps in a ring."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._delays: Int16 = proc_params["delays"]
        self._ring = np.zeros((int(self._delays.max()) + 1, self._delays.size), np.int32)

    def run_spk(self) -> None:
        """Keep this step's spikes and send those that are due."""
        length, n = self._ring.shape
        self._ring[self.time_step % length] = self.s_in.recv()
        self.s_out.send(self._ring[(self.time_step - self._delays) % length, np.arange(n)])
