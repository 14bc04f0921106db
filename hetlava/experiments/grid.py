"""Sweeps of anyone's own: a grid of training configurations, each with several seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import Any

from hetlava.errors import ValidationError
from hetlava.experiments.plans import Outcomes, Row, Sheet
from hetlava.experiments.robust_tables import accuracy, of_seeds
from hetlava.experiments.trials import Trial
from hetlava.train.config import TrainConfig, image_of
from hetlava.train.layer_text import layer_text
from hetlava.train.wiring import has_images

NOT_SWEPT = ("dataset", "trainer", "seed", "image")  # options of their own, or the data's
LISTS = ("hidden", "regularise")  # whose value is a list already
SEPARATOR = ","
INSIDE = "+"  # between the members of a list


def axis(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the field and the values of ``lr=0.01,0.003``.

    Values with commas of their own stand apart by semicolons:
    ``tau_mem=gamma:20ms,shape=3;constant:20ms``.

    Raises
    ------
    ValidationError
        If it is not of that form, or the field is none of a training configuration.

    Examples
    --------
    >>> axis("lr=0.01,0.003")
    ('lr', ('0.01', '0.003'))
    """
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    known = [field.name for field in fields(TrainConfig) if field.name not in NOT_SWEPT]
    if not equals or not values.strip():
        raise ValidationError(f"set {text!r}: expected a field and values, as lr=0.01,0.003")
    if name not in known:
        raise ValidationError(f"set {text!r}: {name} is unknown; known: {', '.join(known)}")
    by_comma = ";" not in values and not name.startswith("tau_")
    parts = values.split(SEPARATOR) if by_comma else values.split(";")
    return name, tuple(part.strip() for part in parts if part.strip())


def value_of(name: str, text: str) -> Any:
    """Return a value of a field of a training configuration from its text.

    Raises
    ------
    ValidationError
        If it is not of the field's type.

    Examples
    --------
    >>> value_of("hidden", "64+32")
    (64, 32)
    """
    usual = TrainConfig.__dataclass_fields__[name]
    kind = {"dt": float, "n_steps": int}.get(name, type(usual.default))
    try:
        if name in LISTS or kind is tuple:
            members = [part for part in text.split(INSIDE) if part]
            return tuple(layer_text(part) if name == "hidden" else part for part in members)
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        raise ValidationError(f"set {name}: {text!r} is no {kind.__name__}") from None


def grid_rows(config: TrainConfig, axes: Sequence[str], n_seeds: int) -> list[Row]:
    """Return a row per point of the grid of all axes, in their order.

    Raises
    ------
    ValidationError
        If an axis is given twice, or a value is impossible.
    """
    chosen: Mapping[str, tuple[str, ...]] = dict(axis(text) for text in axes)
    if len(chosen) < len(axes):
        raise ValidationError("a field is set twice; write all of its values at once")
    rows = []
    for point in product(*chosen.values()):
        label = ", ".join(f"{k}={v}" for k, v in zip(chosen, point, strict=True)) or "as preset"
        values = {k: value_of(k, v) for k, v in zip(chosen, point, strict=True)}
        if config.image is None and has_images(values.get("hidden", ())):
            values["image"] = image_of(config.dataset)
        trials = tuple(
            Trial(config=replace(config, seed=seed, **values)) for seed in range(n_seeds)
        )
        rows.append(Row(part="grid", label=label, trials=trials))
    return rows


def grid_sheet(dataset: str, rows: Sequence[Row], outcomes: Outcomes) -> Sheet:
    """Return the accuracy of every point."""
    return Sheet(
        title=f"{dataset}: sweep",
        columns=("configuration", "test %", "seeds"),
        lines=tuple((r.label, str(accuracy(r, outcomes)), of_seeds(r, outcomes)) for r in rows),
        notes=(
            "± is the standard error of the mean over seeds. A point chosen by these test "
            "accuracies has been fitted to the test set.",
        ),
    )
