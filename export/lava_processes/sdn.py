"""Sigma-delta processes with one threshold and bias per neuron, around Lava's own arithmetic.

Needs :func:`hetlava.export.lava_import.enable_lava` first.
"""

from typing import Any, ClassVar

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.sdn.models import (
    AbstractDeltaModel,
    AbstractSigmaDeltaModel,
    AbstractSigmaModel,
    PyDeltaModelFixed,
    PySigmaDeltaModelFixed,
)
from lava.proc.sdn.process import ActivationMode

from hetlava.arrays import AnyArray
from hetlava.export.lava_processes.resets import Resets
from hetlava.neurons.sigma_delta import DeltaRegisters, SigmaDeltaRegisters, SigmaRegisters


class _Neurons(AbstractProcess):  # type: ignore[misc]
    """Ports and Vars of the neurons of a population, each Var of its shape."""

    def __init__(self, n: int, resets: Resets, states: tuple[str, ...], **params: Any) -> None:
        super().__init__(resets=resets, **params)
        self.a_in = InPort(shape=(n,))
        self.s_out = OutPort(shape=(n,))
        for state in states:
            setattr(self, state, Var(shape=(n,), init=0))

    def _encoder(self, registers: DeltaRegisters) -> None:
        self.vth = Var(shape=registers.vth.shape, init=registers.raised(registers.vth))
        self.spike_exp = Var(shape=(1,), init=registers.spike_exp)
        self.state_exp = Var(shape=(1,), init=registers.state_exp)
        self.cum_error = Var(shape=(1,), init=registers.cum_error)


class VectorDelta(_Neurons):
    """Lava's ``Delta`` with a threshold per neuron."""

    def __init__(self, *, registers: DeltaRegisters, resets: Resets) -> None:
        super().__init__(registers.n, resets, ("sigma", "act", "residue", "error"))
        self._encoder(registers)


class VectorSigmaDelta(_Neurons):
    """Lava's ``SigmaDelta`` with a threshold and a bias per neuron."""

    def __init__(self, *, registers: SigmaDeltaRegisters, resets: Resets) -> None:
        mode = ActivationMode.RELU if registers.rectify else ActivationMode.UNIT
        states = ("sigma", "act", "residue", "error")
        super().__init__(registers.n, resets, states, act_mode=mode)
        self._encoder(registers)
        self.bias = Var(shape=registers.bias.shape, init=registers.raised(registers.bias))


class VectorSigma(_Neurons):
    """Lava's ``Sigma`` with a first value per neuron."""

    def __init__(self, *, registers: SigmaRegisters, resets: Resets) -> None:
        super().__init__(registers.n, resets, (), start=registers.start)
        self.sigma = Var(shape=registers.start.shape, init=registers.start)


class _Encoder(PyLoihiProcessModel):  # type: ignore[misc]
    """Sets the state to rest where the process says so, then does what Lava does."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    vth: AnyArray = LavaPyType(np.ndarray, np.int32, precision=24)
    sigma: AnyArray = LavaPyType(np.ndarray, np.int32, precision=24)
    act: AnyArray = LavaPyType(np.ndarray, np.int32, precision=24)
    residue: AnyArray = LavaPyType(np.ndarray, np.int32, precision=24)
    error: AnyArray = LavaPyType(np.ndarray, np.int32, precision=24)
    spike_exp: AnyArray = LavaPyType(np.ndarray, np.int32, precision=3)
    state_exp: AnyArray = LavaPyType(np.ndarray, np.int32, precision=3)
    cum_error: AnyArray = LavaPyType(np.ndarray, bool, precision=1)
    lava: ClassVar[Any]  # the model whose step this one takes; Lava lets no model be subclassed

    def run_spk(self) -> None:
        """Advance one step."""
        if self.proc_params["resets"].come_before(self.time_step):
            for state in ("sigma", "act", "residue", "error"):
                setattr(self, state, np.zeros_like(getattr(self, state)))
        if self.proc_params["resets"].wait(self.time_step):
            self.s_out.send(np.zeros_like(self.a_in.recv()))
            return
        self.lava.run_spk(self)


@implements(proc=VectorDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorDelta(_Encoder, AbstractDeltaModel):  # type: ignore[misc]
    """Lava's arithmetic."""

    lava = PyDeltaModelFixed


@implements(proc=VectorSigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorSigmaDelta(_Encoder, AbstractSigmaDeltaModel):  # type: ignore[misc]
    """Lava's arithmetic."""

    bias: AnyArray = LavaPyType(np.ndarray, np.int32, precision=16)
    lava = PySigmaDeltaModelFixed


@implements(proc=VectorSigma, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorSigma(AbstractSigmaModel):  # type: ignore[misc]
    """Lava's arithmetic."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    sigma: AnyArray = LavaPyType(np.ndarray, np.int32, precision=24)

    def run_spk(self) -> None:
        """Advance one step."""
        if self.proc_params["resets"].come_before(self.time_step):
            self.sigma = np.array(self.proc_params["start"], np.int32)
        if self.proc_params["resets"].wait(self.time_step):
            self.s_out.send(np.zeros_like(self.a_in.recv()))
            return
        super().run_spk()
