"""Codebooks per core: neurons in the order of their decays, each core with profiles of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from hetlava.activity import Amplitudes
from hetlava.arrays import Float, Int
from hetlava.chips import ChipSpec
from hetlava.codebook import Method
from hetlava.errors import ValidationError
from hetlava.hardware.demand import limits_of, network_demand
from hetlava.hardware.packing import cut
from hetlava.hardware.packing_orders import by_decay
from hetlava.network import Network
from hetlava.quantisation import quantise
from hetlava.quantised import QuantisedNetwork, recast
from hetlava.rules import refuse, violations
from hetlava.scaling import Precision
from hetlava.sharing import share

Per = Literal["layer", "core"]


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Whether and how decays are shared.

    Attributes
    ----------
    k : int or None
        Pairs of decay words; None for none of a layer, and for as many as the chip has of a core.
    per : str
        Who shares them: the neurons of a ``layer`` or of a ``core``.
    method : str
        ``rms`` or ``minimax``, see :func:`hetlava.codebook.build`.
    per_core : int or None
        Neurons to put on a core at most, with ``core``.
    weights : mapping of population to (n,) float64, optional
        How much the error of each neuron counts.
    amplitudes : mapping of population to Amplitudes, optional
        Magnitudes of states whose truncation the words shall make up for; also without a codebook.
    """

    k: int | None = None
    per: Per = "layer"
    method: Method = "rms"
    per_core: int | None = None
    weights: Mapping[str, Float] | None = None
    amplitudes: Mapping[str, Amplitudes] | None = None

    def __post_init__(self) -> None:
        if self.per not in get_args(Per):
            raise ValidationError(f"codebook: per {self.per!r} is unknown; known: layer, core")
        if self.method not in get_args(Method):
            raise ValidationError(
                f"codebook: method {self.method!r} is unknown; known: rms, minimax"
            )
        if self.per == "layer" and self.per_core is not None:
            raise ValidationError("codebook: neurons per core belong to codebooks per core")
        if self.weights is not None and not self.coarse:
            raise ValidationError("codebook: weights of neurons without a codebook")
        if not self.coarse and self.method != "rms":
            raise ValidationError(f"codebook: method {self.method} without a codebook")

    @property
    def coarse(self) -> bool:
        """Whether neurons share decays."""
        return self.k is not None or self.per == "core"

    @property
    def used(self) -> bool:
        """Whether decay words are chosen by a codebook at all."""
        return self.coarse or self.amplitudes is not None


def quantise_sharing(
    net: Network, chip: ChipSpec, precision: Precision | None, sharing: Sharing
) -> QuantisedNetwork:
    """Round a network to a chip's registers and let neurons share decays as asked.

    Raises
    ------
    RuleError
        If the network does not fit, its shared decays included.
    ValidationError
        If the chip does not have what is asked for.
    """
    if not sharing.used:
        return quantise(net, chip, precision)
    # the profiles are counted once the decays are shared
    free = quantise(net, replace(chip, decay_profiles=0), precision)
    if sharing.per == "core":
        shared = share_per_core(
            free,
            chip,
            sharing.k,
            reference=net,
            method=sharing.method,
            per_core=sharing.per_core,
            weights=sharing.weights,
            amplitudes=sharing.amplitudes,
        )
    else:
        shared = share(
            free,
            sharing.k or max(p.neurons.n for p in net.populations),
            reference=net,
            method=sharing.method,
            weights=sharing.weights,
            amplitudes=sharing.amplitudes,
        )
    shared = recast(shared, chip)
    refuse(chip, violations(shared, chip))
    return shared


def share_per_core(
    net: QuantisedNetwork,
    chip: ChipSpec,
    k: int | None = None,
    *,
    reference: Network | None = None,
    method: Method = "rms",
    per_core: int | None = None,
    weights: Mapping[str, Float] | None = None,
    amplitudes: Mapping[str, Amplitudes] | None = None,
) -> QuantisedNetwork:
    """Let the neurons of a core share ``k`` pairs of decays, on as few cores as other limits allow.

    Neurons are taken in the order of their decays, so that the profiles of all cores add up: with
    m cores a population keeps up to ``m * k`` decays. Fewer neurons to a core mean smaller errors.

    Parameters
    ----------
    k : int or None
        Pairs of a core; the chip's number of profiles by default.
    reference, method, weights, amplitudes
        As in :func:`hetlava.sharing.share`.
    per_core : int or None
        Neurons to put on a core at most.

    Raises
    ------
    ValidationError
        If ``k`` is neither given nor limited by the chip, or above what a core holds.
    """
    room = chip.decay_profiles
    if k is None and not room:
        raise ValidationError(
            f"{chip.name} has a decay for every neuron; say how many a core shall share"
        )
    if k is not None and room and k > room:
        source = chip.sources["decay_profiles"].text
        raise ValidationError(f"codebook: {k} pairs per core, {chip.name} holds {room} ({source})")
    limits = limits_of(chip, per_core)._replace(profiles=0)
    groups: dict[str, Int] = {}
    for p in net.populations:
        demand = network_demand(net, (p.name,), chip, limits)
        groups[p.name] = cut(demand, by_decay(demand.profile, demand.threshold), limits).core
    pairs = room if k is None else k
    return share(
        net,
        pairs,
        reference=reference,
        method=method,
        weights=weights,
        groups=groups,
        amplitudes=amplitudes,
    )


def rms_per_population(net: QuantisedNetwork) -> dict[str, tuple[float, float] | None]:
    """Return the rms error [%] of (tau_syn, tau_mem) by population, None where it is not known."""
    budget = net.provenance.get("budget")
    known: dict[str, tuple[float, float] | None] = {p.name: None for p in net.populations}
    for row in budget if isinstance(budget, list) else []:
        if isinstance(row, dict) and row.get("name") in known:
            rms = np.asarray(row.get("tau_rms", []), np.float64)
            if rms.shape == (2,):
                known[str(row["name"])] = (float(rms[0]), float(rms[1]))
    return known
