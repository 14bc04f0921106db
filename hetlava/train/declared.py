"""From the options of a training run to what they declare of the neurons' parameters."""

from typing import TYPE_CHECKING, Any

from hetlava.declaration_text import by_parameter, parse_clip, parse_potential
from hetlava.declarations import TIMES, Declaration, Heterogeneity, unit_of
from hetlava.heterogeneity import parse
from hetlava.train.regularisers import parameter_of

if TYPE_CHECKING:
    from hetlava.train.config import TrainConfig

LEARN_TAU = {"none": "fixed", "layer": "layer", "neuron": "neuron"}


def declared_by(config: "TrainConfig") -> Heterogeneity:
    """Return the declaration of every parameter.

    Raises
    ------
    ValidationError
        If an option is no declaration; whether it is possible, :meth:`Heterogeneity.check` says.
    """
    return Heterogeneity(
        **{name: _declaration(config, name) for name in Heterogeneity.__dataclass_fields__}
    )


def usual(threshold: float, learn_tau: str = "neuron", *, qat: bool = False) -> Heterogeneity:
    """Return what a run declares that is asked for nothing else."""
    from hetlava.train.config import TrainConfig

    # data, steps and the time constants' distributions do not enter what networks make of it
    values: Any = {"threshold": threshold, "learn_tau": learn_tau, "qat": qat}
    return TrainConfig(dataset="", dt=1e-3, n_steps=1, **values).heterogeneity


def _declaration(config: "TrainConfig", name: str) -> Declaration:
    is_time = name in TIMES
    value = getattr(config, name)
    # any: the words are checked by the record that they go to
    learn: Any = by_parameter("learn", config.learn).get(name, _usual(config, name))
    space: Any = by_parameter("space", config.space).get(name, "log-tau" if is_time else "linear")
    rate = by_parameter("lr_of", config.lr_of).get(name)
    return Declaration(
        distribution=parse(value) if is_time else parse_potential(value),
        learn=learn,
        space=space,
        clip=parse_clip(by_parameter("clip", config.clip).get(name, "chip"), unit_of(name)),
        lr=(config.lr_tau if is_time else config.lr) if rate is None else float(rate),
        penalties=tuple(t for t in config.regularise if parameter_of(t) == name),
    )


def _usual(config: "TrainConfig", name: str) -> str:
    """Return how a parameter is learned of which nothing is said."""
    if name in TIMES:
        return LEARN_TAU.get(config.learn_tau, config.learn_tau)
    return "neuron" if name == "threshold" and config.qat else "fixed"
