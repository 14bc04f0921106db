"""What a target is: a thing with a name that runs an integer network and records it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Protocol

from hetlava.errors import UnsupportedError
from hetlava.events import Events
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording


class Runner(Protocol):
    """The call behind a target."""

    def __call__(
        self,
        net: QuantisedNetwork,
        inputs: Events,
        *,
        probes: Collection[str],
        threads: int | None,
    ) -> Recording:
        """Run a batch, every sample from rest."""
        ...


def always() -> str | None:
    """Return None: nothing is missing."""
    return None


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that runs integer networks: a simulator, an emulator, a chip.

    Attributes
    ----------
    name : str
    description : str
        What it is, in a few words.
    runner : Runner
    chip : str or None
        The chip that it stands for; None when it takes networks of any.
    missing : callable
        Returns why the target cannot be used here, None if it can; loads nothing.
    """

    name: str
    description: str
    runner: Runner
    chip: str | None = None
    missing: Callable[[], str | None] = always

    def unavailable(self) -> str | None:
        """Return why the target cannot be used here and what to do, None if it can be used."""
        return self.missing()

    def run(
        self,
        net: QuantisedNetwork,
        inputs: Events,
        *,
        probes: Collection[str] = (),
        threads: int | None = None,
    ) -> Recording:
        """Run a batch, every sample from rest.

        Parameters
        ----------
        net : QuantisedNetwork
        inputs : Events
            Input spikes of ``net.n_inputs`` channels.
        probes : collection of ``"u"`` and ``"v"``
            Traces to keep.
        threads : int or None
            Threads to use where the target can choose; None leaves it to the target.

        Raises
        ------
        UnsupportedError
            If the network was rounded for another chip, or the target cannot run it exactly.
        ValidationError
            If the input has another number of channels or a probe is unknown.
        MissingPackageError, TargetError
            If the target is not installed, or fails.
        """
        if self.chip not in (None, net.chip):
            raise UnsupportedError(
                f"target {self.name}: the network was rounded for {net.chip}, not {self.chip}; "
                f"quantise it for {self.chip} or run it on the target {net.chip}"
            )
        recording = self.runner(net, inputs, probes=probes, threads=threads)
        return replace(recording, target=self.name)
