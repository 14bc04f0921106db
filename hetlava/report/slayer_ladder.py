"""The parity ladder of a file of lava-dl: SLAYER as it trained, integers, netx, other targets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hetlava.arrays import Int64
from hetlava.events import Events
from hetlava.hardware.interface import Target
from hetlava.hardware.targets import target_of
from hetlava.parity import compare
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording
from hetlava.report.ladder import Ladder, Progress, too_large, with_targets
from hetlava.report.tables import table
from hetlava.sim import slayer

if TYPE_CHECKING:
    from rich.table import Table


def climb_trained(
    net: QuantisedNetwork,
    netx: QuantisedNetwork | None,
    inputs: Events,
    labels: Int64,
    *,
    max_drop: float,
    also: Sequence[str | Target] = (),
    threads: int | None = None,
    progress: Progress = lambda rung: None,
) -> tuple[Ladder, tuple[slayer.Shown, ...]]:
    """Run a network as SLAYER does, in integers and as netx loads it, and compare.

    Parameters
    ----------
    net, netx : QuantisedNetwork
        The network as trained, and as netx computes it, if it does.
    max_drop : float
        Points of accuracy that integers and netx may lose.
    also : sequence of str or Target
        Further targets of the integers, of which not one spike may differ.

    Returns
    -------
    Ladder
    tuple of Shown
        What SLAYER does otherwise than a chip, where these samples came upon it.
    """
    progress("slayer")
    trained, shown = slayer.run(net, inputs)
    progress("integers")
    engine = target_of(net).run(net, inputs, threads=threads)
    rungs = [compare(trained, engine, labels, name="integers")]
    recordings = [trained, engine]
    if netx is not None:
        progress("netx")
        loaded = target_of(netx).run(netx, inputs, threads=threads)
        recordings.append(loaded)
        rungs.append(compare(_only(trained, loaded.names), loaded, labels, name="netx"))
    ladder = Ladder(
        rungs=tuple(rungs),
        failures=tuple(too_large(parity, max_drop) for parity in rungs),
        recordings=tuple(recordings),
    )
    ladder = with_targets(
        ladder, net, inputs, labels, engine, also=also, threads=threads, progress=progress
    )
    return ladder, shown


def _only(recording: Recording, names: Sequence[str]) -> Recording:
    """Leave out populations that netx does not have, those that give biases."""
    kept = [k for k, name in enumerate(recording.names) if name in names]
    return replace(
        recording,
        names=tuple(recording.names[k] for k in kept),
        spikes=tuple(recording.spikes[k] for k in kept),
    )


def differences_table(
    shown: Sequence[slayer.Shown], net: QuantisedNetwork, refused: str | None
) -> "Table":
    """Return what is known to part SLAYER, the integers and netx, as far as this network has it."""
    rows: list[tuple[object, ...]] = [
        (one.layer, one.what, one.count, f"{one.sample} / {one.step} / {one.neuron}")
        for one in shown
    ]
    told = net.provenance.get("netx_changes")
    for text in told if isinstance(told, list) else ():
        where, _, what = str(text).rpartition(": ")
        rows.append((where, f"netx: {what}", "-", "-"))
    if refused is not None:
        rows.append(("-", f"netx was not run: {refused}", "-", "-"))
    if not rows:
        rows.append(("-", "none is known, and these samples show none", "-", "-"))
    columns = ("layer", "known difference", "count", "first sample / step / neuron")
    return table("SLAYER, Lava and netx", columns, rows)
