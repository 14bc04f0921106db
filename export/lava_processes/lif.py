"""A CUBA-LIF process with one decay, threshold and bias per neuron, all of them real Vars.

Needs :func:`hetlava.export.lava_import.enable_lava` first.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess, LogConfig
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from hetlava.arrays import AnyArray, Int
from hetlava.export.lava_processes.resets import Resets
from hetlava.neurons.cuba import CubaRegisters, CubaState, step


class VectorLIF(AbstractProcess):  # type: ignore[misc]
    """CUBA-LIF neurons in registers, a drop-in for ``lava.proc.lif.process.LIF``.

    Lava's own LIF holds one decay and one threshold; given vectors it runs by accident, but its
    Vars can be neither read nor set. Here ``du``, ``dv``, ``vth``, ``bias_mant`` and ``bias_exp``
    have the shape of the population and can be read, set between runs and monitored.

    Parameters
    ----------
    shape : tuple of int
        Shape of the population.
    u, v, du, dv, vth, bias_mant, bias_exp : int or array
        Initial state and registers, broadcast to ``shape``; see
        :class:`hetlava.neurons.cuba.CubaRegisters`.
    spiking : bool
        False for integrators that never spike.
    reset_interval, reset_offset : int
        Set ``u`` and ``v`` to 0 before steps 1, 1 + interval, ..., or those equal to another
        offset modulo the interval; 0 for never.
    sample_length : int
        Steps after which time begins again with a reset; 0 for never.
    start : int
        Steps at the beginning, and after each return to it, in which nothing happens.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        u: npt.ArrayLike = 0,
        v: npt.ArrayLike = 0,
        du: npt.ArrayLike = 0,
        dv: npt.ArrayLike = 0,
        vth: npt.ArrayLike = 10,
        bias_mant: npt.ArrayLike = 0,
        bias_exp: npt.ArrayLike = 0,
        spiking: bool = True,
        reset_interval: int = 0,
        reset_offset: int = 1,
        sample_length: int = 0,
        start: int = 0,
        name: str | None = None,
        log_config: LogConfig | None = None,
    ) -> None:
        super().__init__(
            shape=shape,
            spiking=spiking,
            resets=Resets(sample_length, reset_interval, reset_offset, start),
            name=name,
            log_config=log_config,
        )
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = _var(shape, u)
        self.v = _var(shape, v)
        self.du = _var(shape, du)
        self.dv = _var(shape, dv)
        self.vth = _var(shape, vth)
        self.bias_mant = _var(shape, bias_mant)
        self.bias_exp = _var(shape, bias_exp)


def _var(shape: tuple[int, ...], value: npt.ArrayLike) -> Any:
    return Var(shape=shape, init=np.broadcast_to(np.asarray(value, np.int32), shape).copy())


@implements(proc=VectorLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "bit_accurate_loihi")
class PyVectorLIF(PyLoihiProcessModel):  # type: ignore[misc]
    """Runs :func:`hetlava.neurons.cuba.step` between Lava's ports."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    u: AnyArray = LavaPyType(np.ndarray, np.int32, precision=24)
    v: AnyArray = LavaPyType(np.ndarray, np.int32, precision=24)
    du: AnyArray = LavaPyType(np.ndarray, np.int32, precision=12)
    dv: AnyArray = LavaPyType(np.ndarray, np.int32, precision=12)
    vth: AnyArray = LavaPyType(np.ndarray, np.int32, precision=17)
    bias_mant: AnyArray = LavaPyType(np.ndarray, np.int32, precision=13)
    bias_exp: AnyArray = LavaPyType(np.ndarray, np.int32, precision=3)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._spiking: bool = proc_params["spiking"]
        self._resets: Resets = proc_params["resets"]
        self._registers: CubaRegisters | None = None

    def on_var_update(self) -> None:
        """Forget the registers: a Var was set."""
        self._registers = None

    def run_spk(self) -> None:
        """Advance one step."""
        a_in: Int = self.a_in.recv()
        if self._resets.come_before(self.time_step):
            self.u[...] = 0
            self.v[...] = 0
        if self._resets.wait(self.time_step):
            self.s_out.send(np.zeros(self.u.shape, bool))
            return
        if self._registers is None:
            self._registers = self._read_registers()
        u, v = self.u.reshape(-1), self.v.reshape(-1)
        state = CubaState(u, v, np.zeros(u.shape, bool))
        state = step(self._registers, state, a_in.reshape(-1))
        self.u[...], self.v[...] = state.u.reshape(self.u.shape), state.v.reshape(self.v.shape)
        self.s_out.send(state.s.reshape(self.u.shape))

    def _read_registers(self) -> CubaRegisters:
        return CubaRegisters(
            du=self.du.reshape(-1),
            dv=self.dv.reshape(-1),
            vth=self.vth.reshape(-1),
            bias_mant=self.bias_mant.reshape(-1),
            bias_exp=self.bias_exp.reshape(-1),
            spiking=self._spiking,
        )
