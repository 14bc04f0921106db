"""Resonate-and-fire processes with decays and a threshold per neuron, around Lava's arithmetic.

Needs :func:`hetlava.export.lava_import.enable_lava` first.
"""

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.rf.models import AbstractPyRFModelFixed, PyRFModelFixed
from lava.proc.rf_iz.models import PyRF_IZModelFixed

from hetlava.arrays import AnyArray
from hetlava.export.lava_processes.resets import Resets
from hetlava.neurons.resonate import ResonatorRegisters


class _Resonators(AbstractProcess):  # type: ignore[misc]
    """Ports and Vars of the neurons of a population, each Var of its shape."""

    def __init__(self, *, registers: ResonatorRegisters, resets: Resets) -> None:
        super().__init__(resets=resets)
        shape = (registers.n,)
        self.a_real_in = InPort(shape=shape)
        self.a_imag_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.real = Var(shape=shape, init=0)
        self.imag = Var(shape=shape, init=0)
        self.sin_decay = Var(shape=shape, init=registers.sin_decay)
        self.cos_decay = Var(shape=shape, init=registers.cos_decay)
        self.vth = Var(shape=shape, init=registers.threshold)
        self.state_exp = Var(shape=(1,), init=registers.state_exp)
        self.decay_bits = Var(shape=(1,), init=registers.decay_bits)


class VectorRF(_Resonators):
    """Lava's ``RF`` with decays and a threshold per neuron."""


class VectorRFIzhikevich(_Resonators):
    """Lava's ``RF_IZ`` with decays and a threshold per neuron."""


class _Vectors(AbstractPyRFModelFixed):  # type: ignore[misc]
    """Sets the state to rest where the process says so, then does what Lava does."""

    # Lava derives the 24 bits of the state from the 12 of the decay
    sin_decay: AnyArray = LavaPyType(np.ndarray, np.int32, precision=12)
    cos_decay: AnyArray = LavaPyType(np.ndarray, np.int32, precision=12)
    lava: ClassVar[Any]  # the model whose step this one takes; Lava lets no model be subclassed

    def run_spk(self) -> None:
        """Advance one step."""
        if self.proc_params["resets"].come_before(self.time_step):
            self.real[...] = 0
            self.imag[...] = 0
        if self.proc_params["resets"].wait(self.time_step):
            self.a_imag_in.recv()
            self.s_out.send(np.zeros_like(self.a_real_in.recv()))
            return
        self.lava.run_spk(self)


@implements(proc=VectorRF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorRF(_Vectors):
    """Lava's arithmetic."""

    lava = PyRFModelFixed


@implements(proc=VectorRFIzhikevich, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorRFIzhikevich(_Vectors):
    """Lava's arithmetic."""

    lava = PyRF_IZModelFixed
