"""The fast simulator: the reference's integers, event by event, compiled and threaded."""

import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from numbers import Integral

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.events import Events
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import reference
from hetlava.sim.fallback import warn_of_numpy, why_by_reference
from hetlava.sim.modes import Mode, checked_mode
from hetlava.sim.outputs import batch_of, recorder_for
from hetlava.sim.trains import Memory
from hetlava.sim.wiring import Prepared, lay_out


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A network made ready to run many times; built by :func:`prepare`.

    Attributes
    ----------
    net : QuantisedNetwork
    prepared : Prepared or None
        The same network in tables; None for one that the reference runs.
    beyond : str
        Why the reference runs it, if it does.
    mode : Mode
        How layers are run, as for :func:`prepare`.
    """

    net: QuantisedNetwork
    prepared: Prepared | None
    beyond: str = ""
    mode: Mode = "auto"

    def run(
        self, inputs: Events, *, probes: Collection[str] = (), threads: int | None = None
    ) -> Recording:
        """Run a batch; parameters, result and errors as for :func:`run`."""
        n_threads = thread_count(threads)
        if self.prepared is None:
            return self.by_reference(inputs, probes=probes)
        from hetlava.sim.compiling import CompilingError

        try:
            return self.record(inputs, probes=probes, threads=n_threads)
        except CompilingError as error:  # numba does not know this machine
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            why = f"loops cannot be compiled ({said})"
            warn_of_numpy(why)
            return replace(self, prepared=None, beyond=why).by_reference(inputs, probes=probes)

    def by_reference(
        self, inputs: Events, *, probes: Collection[str], past: reference.Past | None = None
    ) -> Recording:
        """Run in numpy, on from a past, which changes, or from rest."""
        found = reference.run(self.net, inputs, probes=probes, past=past)
        return replace(found, target="engine", details={"by-reference": self.beyond})

    def layer_seconds(self, inputs: Events) -> list[float]:
        """Run a batch on one thread and return what each group of layers took.

        Raises
        ------
        UnsupportedError
            If it is not compiled loops that run the network.
        """
        from hetlava.sim.runs import Batch, run_blocks

        if self.prepared is None:
            raise UnsupportedError(f"only compiled loops are timed by layer; here: {self.beyond}")
        recorder = recorder_for(self.net, self.prepared.names, inputs, ())
        outputs = run_blocks(Batch(self.prepared, inputs, recorder, 1, self.mode))
        return [sum(parts) for parts in zip(*(out.seconds for out in outputs), strict=True)]

    def record(
        self,
        inputs: Events,
        *,
        probes: Collection[str],
        threads: int,
        memories: Sequence[Memory] | None = None,
    ) -> Recording:
        """Run on from what is in the memories, which change, or from rest."""
        from hetlava.sim.runs import Batch, run_blocks

        if self.prepared is None:
            raise UnsupportedError(f"compiled loops do not run the network: {self.beyond}")
        reference.check_run(self.net.n_inputs, inputs, probes)
        start = time.perf_counter()
        recorder = recorder_for(self.net, self.prepared.names, inputs, probes)
        outputs = run_blocks(Batch(self.prepared, inputs, recorder, threads, self.mode), memories)
        parts = batch_of(self.net, self.prepared, inputs, outputs, recorder)
        return Recording(
            target="engine",
            provenance="simulated",
            **parts._asdict(),
            seconds=time.perf_counter() - start,
            details={"threads": threads},
        )


def prepare(net: QuantisedNetwork, *, mode: str = "auto") -> Engine:
    """Lay out the weights once, for many runs.

    Parameters
    ----------
    net : QuantisedNetwork
    mode : str
        ``events``: what arrives is summed event by event. ``dense``: as products of matrices.
        ``auto``: each layer by its activity, whichever is faster. ``numpy``: by the reference,
        slowly, as it is where loops cannot be compiled. The results are the same bits.

    Raises
    ------
    UnsupportedError
        If a population has more sources than sums of 32 bits allow, or a layer cannot be multiplied
        and must be.
    ValidationError
        If there is no such mode.
    """
    how = checked_mode(mode)
    in_order = [p.registers.model for p in net.populations if p.registers.in_order]
    if how == "dense" and in_order:
        raise UnsupportedError(f"the dense engine lacks {in_order[0]} neurons; take the mode auto")
    beyond = why_by_reference(net, how)
    if beyond and how == "dense":
        raise UnsupportedError(f"{beyond}: nothing is multiplied; take the mode auto")
    if beyond:
        return Engine(net=net, prepared=None, beyond=beyond, mode=how)
    prepared = lay_out(net, lists=how != "dense")
    if how == "dense":
        prepared.products.require_all()
    return Engine(net=net, prepared=prepared, mode=how)


def run(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    probes: Collection[str] = (),
    threads: int | None = None,
    mode: str = "auto",
) -> Recording:
    """Run the network on a batch, equal bit for bit with :func:`hetlava.sim.reference.run`.

    Parameters
    ----------
    net : QuantisedNetwork
    inputs : Events
        Input spikes of ``net.n_inputs`` channels.
    probes : collection of ``"u"`` and ``"v"``
        Traces to keep.
    threads : int, optional
        How many samples run at once; as many as there are processors when not given. The result
        does not depend on it.
    mode : str
        How layers are run, as for :func:`prepare`.

    Raises
    ------
    ValidationError
        If the input has another number of channels, a probe is unknown or ``threads`` is below 1.
    """
    return prepare(net, mode=mode).run(inputs, probes=probes, threads=threads)


def thread_count(threads: int | None) -> int:
    """Return how many threads are meant, by default one per processor that may be used.

    Raises
    ------
    ValidationError
        If it is below 1, or no whole number.
    """
    if threads is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if not isinstance(threads, Integral):  # numpy's count too
        raise ValidationError(f"threads is {threads!r}, expected a whole number")
    if threads < 1:
        raise ValidationError(f"threads is {threads}, expected at least 1")
    return int(threads)
