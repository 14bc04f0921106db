"""Why a network does not fit its cores, and the smallest changes with which it would.

Every change named here was tried: the network was placed with it, and it fitted.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from hetlava.chips import ChipSpec
from hetlava.errors import RuleError
from hetlava.hardware.demand import limits_of
from hetlava.hardware.packing_demand import Limits
from hetlava.hardware.placement import Placement, placed
from hetlava.quantised import QuantisedNetwork
from hetlava.rules import Violation

TRIED_MAX = 4096  # neurons up to which codebooks are searched; beyond, the safe one is named


def too_many_cores(
    net: QuantisedNetwork,
    chip: ChipSpec,
    placement: Placement,
    allowed: int,
    asked: tuple[int | None, bool],
) -> list[Violation]:
    """Return why a placement takes more cores than allowed, by population, and what would do.

    Parameters
    ----------
    asked : (int or None, bool)
        Neurons of a core at most, and whether populations stay apart.
    """
    found = []
    for p in placement.populations:
        if p.n_cores > 1:
            n = len(p.core)
            text = f"{n} neurons take {p.n_cores} cores (at least {p.lower_bound})"
            found.append(Violation(p.name, n, text, f"bound by {placement.binds(p)}"))
    cures = [*_cures(net, chip, allowed, *asked)]
    chips = -(-placement.n_cores // chip.cores)
    more = f"--cores {placement.n_cores}" + (f" ({chips} chips)" if chips > 1 else "")
    text = f"{placement.n_cores} cores needed, {allowed} allowed"
    found.append(Violation("network", placement.n_cores, text, "; or ".join([more, *cures])))
    return found


def _cures(
    net: QuantisedNetwork, chip: ChipSpec, allowed: int, per_core: int | None, apart: bool
) -> Iterator[str]:
    """Yield changes of one thing each that make the network fit, the smallest of each."""
    limits = limits_of(chip, per_core)

    def fits(net: QuantisedNetwork, limits: Limits, apart: bool = apart) -> bool:
        try:
            return placed(net, chip, limits, apart).n_cores <= allowed
        except RuleError:
            return False

    if apart and fits(net, limits, False):
        yield "let populations share cores (without --apart)"

    if per_core is not None and fits(net, limits_of(chip)):
        most = chip.neurons_per_core
        least = smallest(per_core, most, lambda n: fits(net, limits_of(chip, n)))
        yield f"--per-core {least}"
    plain = len(net.cuba_populations) == len(net.populations)  # only CUBA's decays are shared
    if plain and limits.profiles and fits(net, limits._replace(profiles=0)):
        k = _codebook(net, limits, lambda shared: fits(shared, limits))
        yield f"share decays (hetlava export --codebook {k})"
    if limits.thresholds and fits(net, limits._replace(thresholds=0)):
        yield (
            f"at most {limits.thresholds} distinct thresholds in a population (hetlava export "
            "--fold-thresholds)"
        )
    for bits in range(7, 0, -1):
        if fits(_coarse(net, bits), limits):
            yield f"weights of {bits} bits"
            break


def smallest(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """Return the smallest number above ``low`` that fits, as ``high`` does, by bisection.

    What fits is expected to stay so for larger numbers; if it does not, the answer still fits.
    """
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def _codebook(
    net: QuantisedNetwork, limits: Limits, fits: Callable[[QuantisedNetwork], bool]
) -> int:
    """Return the most shared pairs per population that fit; one core's number always does."""
    from hetlava.errors import UnsupportedError
    from hetlava.sharing import share

    if max(p.registers.n for p in net.populations) > TRIED_MAX:
        return limits.profiles
    n = max(len({*zip(p.cuba.du, p.cuba.dv, strict=True)}) for p in net.populations)
    try:
        return -smallest(-n, -limits.profiles, lambda k: fits(share(net, -k)))
    except UnsupportedError:  # words without a time constant
        return limits.profiles


def _coarse(net: QuantisedNetwork, bits: int) -> QuantisedNetwork:
    """Return the network with its weights counted as coarser ones; their values stay."""
    projections = (replace(q, weight_bits=min(bits, q.weight_bits)) for q in net.projections)
    return replace(net, projections=tuple(projections))
