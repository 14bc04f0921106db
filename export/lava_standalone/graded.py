"""Sigma-delta and resonate-and-fire processes, taken into ``graph.py`` where a network has them."""

from typing import Any

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
from lava.proc.rf.models import AbstractPyRFModelFixed, PyRFModelFixed
from lava.proc.rf_iz.models import PyRF_IZModelFixed
from lava.proc.sdn.models import (
    AbstractDeltaModel,
    AbstractSigmaDeltaModel,
    PyDeltaModelFixed,
    PySigmaDeltaModelFixed,
)
from lava.proc.sdn.process import ActivationMode, Sigma


class VectorDelta(AbstractProcess):
    """Lava's Delta with vth per neuron, (n,)."""

    def __init__(self, population: dict[str, Any], **parameters: Any) -> None:
        super().__init__(**parameters)
        shape, raised = (population["n"],), population["spike_exp"] + population["state_exp"]
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        for state in ("sigma", "act", "residue", "error"):
            setattr(self, state, Var(shape=shape, init=0))
        for word in {"vth", "bias"} & set(population):
            setattr(self, word, Var(shape=shape, init=population[word] << raised))
        for option in ("spike_exp", "state_exp", "cum_error"):
            setattr(self, option, Var(shape=(1,), init=population[option]))


class VectorSigmaDelta(VectorDelta):
    """Lava's SigmaDelta with vth and bias per neuron, (n,) each."""

    def __init__(self, population: dict[str, Any]) -> None:
        mode = ActivationMode.RELU if population["rectify"] else ActivationMode.UNIT
        super().__init__(population, act_mode=mode)


class DeltaVars(PyLoihiProcessModel):
    """Vars of Lava's models, which cannot be subclassed themselves."""

    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    vth: Any = LavaPyType(np.ndarray, np.int32)
    sigma: Any = LavaPyType(np.ndarray, np.int32)
    act: Any = LavaPyType(np.ndarray, np.int32)
    residue: Any = LavaPyType(np.ndarray, np.int32)
    error: Any = LavaPyType(np.ndarray, np.int32)
    spike_exp: Any = LavaPyType(np.ndarray, np.int32)
    state_exp: Any = LavaPyType(np.ndarray, np.int32)
    cum_error: Any = LavaPyType(np.ndarray, bool)


@implements(proc=VectorDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorDelta(DeltaVars, AbstractDeltaModel):
    def run_spk(self) -> None:
        PyDeltaModelFixed.run_spk(self)


@implements(proc=VectorSigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorSigmaDelta(DeltaVars, AbstractSigmaDeltaModel):
    bias: Any = LavaPyType(np.ndarray, np.int32)

    def run_spk(self) -> None:
        PySigmaDeltaModelFixed.run_spk(self)


class VectorRF(AbstractProcess):
    """Lava's RF with sin_decay, cos_decay and vth per neuron, (n,) each."""

    def __init__(self, population: dict[str, Any]) -> None:
        super().__init__()
        shape = (population["n"],)
        self.a_real_in = InPort(shape=shape)
        self.a_imag_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.real = Var(shape=shape, init=0)
        self.imag = Var(shape=shape, init=0)
        self.sin_decay = Var(shape=shape, init=population["sin_decay"])
        self.cos_decay = Var(shape=shape, init=population["cos_decay"])
        self.vth = Var(shape=shape, init=population["vth"] << population["state_exp"])
        self.state_exp = Var(shape=(1,), init=population["state_exp"])
        self.decay_bits = Var(shape=(1,), init=population["decay_bits"])


class VectorRFIzhikevich(VectorRF):
    """Lava's RF_IZ with sin_decay, cos_decay and vth per neuron, (n,) each."""


class RFVars(AbstractPyRFModelFixed):
    """Vars of Lava's models, with decays in vectors."""

    sin_decay: Any = LavaPyType(np.ndarray, np.int32, precision=12)
    cos_decay: Any = LavaPyType(np.ndarray, np.int32, precision=12)


@implements(proc=VectorRF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorRF(RFVars):
    def run_spk(self) -> None:
        PyRFModelFixed.run_spk(self)


@implements(proc=VectorRFIzhikevich, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyVectorRFIzhikevich(RFVars):
    def run_spk(self) -> None:
        PyRF_IZModelFixed.run_spk(self)


def sigma(population: dict[str, Any]) -> Any:
    """Return Lava's own process."""
    return Sigma(shape=(population["n"],))


MODELS: dict[str, Any] = {
    "delta": VectorDelta,
    "sigma": sigma,
    "sigma_delta": VectorSigmaDelta,
    "rf": VectorRF,
    "rf_iz": VectorRFIzhikevich,
}
