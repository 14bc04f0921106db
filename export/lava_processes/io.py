"""Batches of samples in and out of Lava through memory that caller and processes share.

The samples follow each other on Lava's time axis. The last spikes of a sample are recorded but not
sent on, so that nothing is on its way when the next one begins; where spikes are delayed, samples
end in silent steps. The arrays given as ``record`` and
``steps_done`` must lie in memory that a forked process shares.

Needs :func:`hetlava.export.lava_import.enable_lava` first.
"""

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort, PyRefPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort, RefPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from hetlava.arrays import AnyArray, Int64
from hetlava.events import Events


class EventSource(AbstractProcess):  # type: ignore[misc]
    """Sends the spikes of a batch, one step at a time, sample after sample."""

    def __init__(self, *, events: Events) -> None:
        super().__init__(events=events)
        self.s_out = OutPort(shape=(events.n_neurons,))


@implements(proc=EventSource, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "floating_pt")
class PyEventSource(PyLoihiProcessModel):  # type: ignore[misc]
    """Expands a row of the events at each step."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._events: Events = proc_params["events"]

    def run_spk(self) -> None:
        """Send the spikes of this step."""
        events, row = self._events, self.time_step - 1
        spikes = np.zeros(events.n_neurons, np.int32)
        if (row + 1) % events.n_steps:
            here = slice(*events.indptr[row : row + 2])
            spikes[events.index[here]] = 1 if events.values is None else events.values[here]
        self.s_out.send(spikes)


class SpikeTap(AbstractProcess):  # type: ignore[misc]
    """Records the spikes that pass, without delay.

    Parameters
    ----------
    record : (n_steps, n_samples, n) bool or int32
        Written at every step.
    n_sent : int
        Steps of a sample, the last of which is not sent on any more.
    steps_done : (1,) int64
        Lava's time step, for whoever watches the run.
    """

    def __init__(self, *, record: AnyArray, n_sent: int, steps_done: Int64) -> None:
        super().__init__(record=record, n_sent=n_sent, steps_done=steps_done)
        self.s_in = InPort(shape=record.shape[2:])
        self.s_out = OutPort(shape=record.shape[2:])


@implements(proc=SpikeTap, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "floating_pt")
class PySpikeTap(PyLoihiProcessModel):  # type: ignore[misc]
    """Receives, records and sends within one step."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._record: AnyArray = proc_params["record"]
        self._n_sent: int = proc_params["n_sent"]
        self._steps_done: Int64 = proc_params["steps_done"]

    def run_spk(self) -> None:
        """Record the spikes of this step and send them on."""
        spikes = self.s_in.recv()
        sample, t = divmod(self.time_step - 1, len(self._record))
        self._record[t, sample] = spikes
        self.s_out.send(spikes if t + 1 < self._n_sent else np.zeros_like(spikes))
        self._steps_done[0] = self.time_step


class TraceProbe(AbstractProcess):  # type: ignore[misc]
    """Reads a Var after every step, as Lava's Monitor does, into ``record``.

    Parameters
    ----------
    record : (n_steps, n_samples, n) int32
        Written at every step.
    """

    def __init__(self, *, record: AnyArray) -> None:
        super().__init__(record=record)
        self.state = RefPort(shape=record.shape[2:])


@implements(proc=TraceProbe, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt", "floating_pt")
class PyTraceProbe(PyLoihiProcessModel):  # type: ignore[misc]
    """Asks for the management phase after each step and reads there."""

    state: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self._record: AnyArray = proc_params["record"]

    def post_guard(self) -> bool:
        """Ask for the management phase."""
        return True

    def run_post_mgmt(self) -> None:
        """Read the Var."""
        sample, t = divmod(self.time_step - 1, len(self._record))
        self._record[t, sample] = self.state.read()
