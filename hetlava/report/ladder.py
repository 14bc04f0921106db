"""The parity ladder: float, parameters rounded, integers, and other targets, on one input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hetlava.arrays import Int64
from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.hardware.targets import target, target_of
from hetlava.network import Network
from hetlava.parity import Parity, compare
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.sim import floating

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The rungs of a comparison and why those that failed did.

    Attributes
    ----------
    rungs : tuple of Parity
        Float to fake-quantised, float to integers, integers to every further target.
    failures : tuple of str or None
        One for each rung: why the gate refuses it, or None.
    recordings : tuple of Recording
        Float, fake-quantised, integers, further targets.
    """

    rungs: tuple[Parity, ...]
    failures: tuple[str | None, ...]
    recordings: tuple[Recording, ...]

    @property
    def passed(self) -> bool:
        """Whether no rung failed."""
        return not any(self.failures)


def climb(
    net: Network,
    quantised: QuantisedNetwork,
    inputs: Events,
    labels: Int64,
    *,
    max_drop: float,
    also: Sequence[str | Target] = (),
    threads: int | None = None,
    progress: Progress = lambda rung: None,
) -> Ladder:
    """Run a network in floats, with rounded parameters, in integers, and compare.

    Parameters
    ----------
    inputs, labels
        Samples and their classes (n_samples,).
    max_drop : float
        Points of accuracy that rounding may cost, for the rounded rungs.
    also : sequence of str or Target
        Further targets; they run the same integers, so that not one spike may differ.
    progress : callable
        Told the name of each rung before it runs.
    """
    progress("float")
    reference = floating.run(net, inputs)
    progress("fake-quantised")
    chip = target_of(quantised)
    fake = replace(floating.run(chip.dequantise(quantised), inputs), target="fake-quantised")
    progress("integers")
    engine = chip.run(quantised, inputs, threads=threads)
    rungs = [compare(reference, fake, labels), compare(reference, engine, labels, name="integers")]
    ladder = Ladder(
        rungs=tuple(rungs),
        failures=tuple(too_large(parity, max_drop) for parity in rungs),
        recordings=(reference, fake, engine),
    )
    return with_targets(
        ladder, quantised, inputs, labels, engine, also=also, threads=threads, progress=progress
    )


def with_targets(
    ladder: Ladder,
    net: QuantisedNetwork,
    inputs: Events,
    labels: Int64,
    integers: Recording,
    *,
    also: Sequence[str | Target],
    threads: int | None,
    progress: Progress,
) -> Ladder:
    """Add a rung for each further target, of which no spike may differ from the integers."""
    for one in also:
        further = target(one) if isinstance(one, str) else one
        progress(further.name)
        recording = further.run(net, inputs, threads=threads)
        rung = compare(integers, recording, labels)
        failure = f"{further.name}: spikes differ from the integers"
        ladder = Ladder(
            rungs=(*ladder.rungs, rung),
            failures=(*ladder.failures, None if rung.identical else failure),
            recordings=(*ladder.recordings, recording),
        )
    return ladder


def too_large(parity: Parity, max_drop: float) -> str | None:
    """Say that a rung loses more points than it may, or nothing."""
    if parity.drop.value <= max_drop:
        return None
    return f"{parity.candidate}: drop of {parity.drop.value:.2f} points is above {max_drop:g}"
