"""A network that runs chunk by chunk and remembers its state: for input without an end."""

from collections.abc import Collection, Sequence

from hetlava.errors import ValidationError
from hetlava.events import Events
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import engine, reference
from hetlava.sim.trains import Memory


class Simulator:
    """Runs a network on consecutive chunks of steps, to the same bits as one run over all of them.

    Parameters
    ----------
    net : QuantisedNetwork or Engine
        An engine that is prepared saves laying out the weights, and has a mode.
    n_samples : int
        Samples that run side by side; every chunk must have as many.
    probes : collection of ``"u"`` and ``"v"``
        Traces that each chunk's recording keeps.
    threads : int, optional
        As in :func:`hetlava.sim.engine.run`.

    Raises
    ------
    UnsupportedError, ValidationError
        As :func:`hetlava.sim.engine.prepare` and :func:`hetlava.sim.engine.run`.

    Notes
    -----
    Scores and synaptic operations are those of the chunk. Spikes in flight, refractory states and
    the phase of reset intervals go over from chunk to chunk.
    """

    def __init__(
        self,
        net: QuantisedNetwork | engine.Engine,
        *,
        n_samples: int = 1,
        probes: Collection[str] = (),
        threads: int | None = None,
    ) -> None:
        if not isinstance(n_samples, int) or n_samples < 1:
            raise ValidationError(f"n_samples is {n_samples!r}, expected at least 1")
        self.engine = net if isinstance(net, engine.Engine) else engine.prepare(net)
        self.n_samples, self.probes = n_samples, tuple(probes)
        self.threads = engine.thread_count(threads)
        self.reset()

    @property
    def n_steps(self) -> int:
        """Steps since rest."""
        return self._past.n_steps if self._past else self._memories[0].n_steps

    def reset(self) -> None:
        """Return to rest: the next chunk is the first."""
        self._past: reference.Past | None = None
        self._memories: Sequence[Memory] = ()
        prepared = self.engine.prepared
        if prepared is None:
            self._past = reference.at_rest(self.engine.net, self.n_samples)
            return
        from hetlava.sim.blocks import no_memory
        from hetlava.sim.runs import blocks_of

        blocks = blocks_of(prepared, self.n_samples, 1, self.threads)
        self._memories = [no_memory(prepared, len(block), graded_input=True) for block in blocks]

    def step(self, chunk: Events) -> Recording:
        """Run on from where the last chunk ended.

        Raises
        ------
        ValidationError
            If the chunk has another number of channels or samples; nothing is run then.
        """
        if chunk.n_samples != self.n_samples:
            raise ValidationError(
                f"the chunk has {chunk.n_samples} samples, the simulator runs {self.n_samples}"
            )
        if self._past is not None:
            return self.engine.by_reference(chunk, probes=self.probes, past=self._past)
        return self.engine.record(
            chunk, probes=self.probes, threads=self.threads, memories=self._memories
        )
