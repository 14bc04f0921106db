"""Which compiled loops a run needs: these alone are compiled, or loaded."""

from collections.abc import Sequence

from hetlava.arrays import Int64
from hetlava.sim import columns as col
from hetlava.sim import kernels, listing, stepping
from hetlava.sim.adding import ADDERS
from hetlava.sim.parameters import CUBA, XYLO
from hetlava.sim.wiring import Group


def attach(
    groups: Sequence[Group], sources: Int64, wires: Int64, run: Int64, sized: Sequence[bool]
) -> None:
    """Put down the addresses of the loops that loops over steps call.

    ``sized`` are the sources whose messages may have sizes.
    """
    run[col.SETTLE_AT], run[col.COUNT_AT] = stepping.SETTLE.address, listing.COUNT.address
    for group in groups:
        if group.is_plain:
            run[col.MANY_AT] = kernels.MANY.address
            continue
        for p in range(group.first, group.last):
            sources[p + 1, col.ADVANCE_AT] = _advance(int(sources[p + 1, col.MODEL]))
            if sources[p + 1, col.START]:
                run[col.WAIT_AT] = stepping.WAIT.address
        for w, q, _ in group.wires:
            if wires[w, col.KIND] != col.IN_ORDER:
                spikes, messages = ADDERS[int(wires[w, col.KIND])]
                wires[w, col.ADD_AT] = spikes.address
                if wires[w, col.MESSAGES] and sized[q]:
                    wires[w, col.ADD_SIZED_AT] = messages.address
    if any(group.apart and group.loops for group in groups):
        run[col.LISTEN_AT] = listing.LISTEN.address


def _advance(model: int) -> int:
    if model == CUBA:
        return kernels.ADVANCE.address
    from hetlava.sim import model_kernels

    loop = model_kernels.ADVANCE_IN_ORDER if model == XYLO else model_kernels.ADVANCE
    return loop.address
