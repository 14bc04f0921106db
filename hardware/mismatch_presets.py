"""Mismatch by name: presets whose every number says where it is from, and changes to them."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hetlava.chip_spec import Source
from hetlava.errors import DataError, FormatError, ValidationError
from hetlava.hardware.mismatch import Mismatch
from hetlava.units import parse_number

NONE_PUBLISHED = Source("nothing published was found", "assumed")
IDEAL = Source("no mismatch, by definition", "verified")
DELGRAD = "DelGrad (Nat. Commun. 2025), fastAndDeep 33e4876, yin_yang_hwAware.yaml"
JAXSNN = "jaxsnn, event/hardware/utils.py: 0.1 us on the chip, 0.1 ms of the network"
CALIX = "calix e573081, test_neuron_distribution.py bounds the ratio to uncalibrated"
STEP = Source("a choice, not a property of the chip: half a step", "assumed")
BITS = Source("brainscales2-demos, fp_brainscales.rst: 6 bits, the sign by rows", "verified")
CURRENT = Source(
    "a membrane of 10 us and 2.2 pF takes some 50 nA to its threshold, a bias is at most 1 uA: "
    "20 times as much; arithmetic on ranges of calix",
    "assumed",
)
ROCKPOOL = Source("rockpool 42cee1c, default of its DYNAP-SE2: 30 % at three sigma", "verified")
RECALLED = Source("PLoS ONE 2014 (arXiv 1404.7514), recalled and not checked", "assumed")
GIVEN = Source("asked for", "assumed")
MAX_BYTES = 1 << 16

_NOTHING = {
    "tau_mem": 0.0, "tau_syn": 0.0, "threshold": 0.0, "threshold_mean": 0.0, "reset": 0.0,
    "leak": 0.0, "gain": 0.0, "synapse_gain": 0.0, "quadrant": 0.0, "weight_bits": 6,
    "current_max": float("inf"), "refractory": 0.0, "refractory_steps": 0.5, "dead": 0.0,
    "threshold_jitter": 0.0, "spike_jitter": 0.0, "distribution": "lognormal",
}  # fmt: skip


def _preset(
    name: str, values: Mapping[str, float], sources: Mapping[str, Source], rest: Source
) -> Mismatch:
    sources = {"weight_bits": BITS, "refractory_steps": STEP, **sources}
    every = {field: sources.get(field, rest) for field in Mismatch.limits()}
    return Mismatch(name=name, sources=every, **{**_NOTHING, **values})  # type: ignore[arg-type]


_CALIBRATED = {
    "tau_mem": 0.10, "tau_syn": 0.05, "threshold": 0.031, "threshold_mean": 0.05, "reset": 0.02,
    "leak": 0.02, "gain": 0.05, "synapse_gain": 0.05, "quadrant": 0.1, "current_max": 2.0,
    "refractory": 0.03, "threshold_jitter": 0.015, "spike_jitter": 0.1,
}  # fmt: skip
_UNCALIBRATED = {
    **_CALIBRATED, "tau_mem": 0.30, "tau_syn": 0.25, "threshold": 0.10, "threshold_mean": 0.0,
    "reset": 0.10, "leak": 0.10, "gain": 0.20, "synapse_gain": 0.10, "refractory": 0.10,
}  # fmt: skip
_NOISE = {
    "threshold_jitter": Source(f"{DELGRAD}: 0.04 of 2.6", "verified"),
    "spike_jitter": Source(JAXSNN, "verified"),
    "current_max": CURRENT,
}

PRESETS: Mapping[str, Mismatch] = MappingProxyType(
    {
        m.name: m
        for m in (
            _preset("ideal", {}, {}, IDEAL),
            _preset(
                "bss2-calibrated",
                _CALIBRATED,
                {
                    **_NOISE,
                    "threshold": Source(f"{DELGRAD}: 0.08 of 2.6", "verified"),
                    "threshold_mean": Source(f"{DELGRAD}: 0.13 of 2.6", "verified"),
                    "tau_mem": Source(f"{CALIX}: below 0.45; the value itself", "assumed"),
                    "tau_syn": Source(f"{CALIX}: at most 0.20; the value itself", "assumed"),
                    "refractory": Source(
                        "a counter of at least 30 cycles: below 3 %, recalled", "assumed"
                    ),
                },
                NONE_PUBLISHED,
            ),
            _preset("bss2-uncalibrated", _UNCALIBRATED, _NOISE, NONE_PUBLISHED),
            _preset(
                "bss1-like",
                {
                    "tau_mem": 0.25,
                    "tau_syn": 0.25,
                    "threshold": 0.10,
                    "reset": 0.10,
                    "synapse_gain": 0.20,
                    "weight_bits": 4,
                    "threshold_jitter": 0.05,
                },
                {"synapse_gain": RECALLED, "weight_bits": RECALLED},
                NONE_PUBLISHED,
            ),  # fmt: skip
            _preset(
                "dynapse2-like",
                {
                    "tau_mem": 0.1,
                    "tau_syn": 0.1,
                    "threshold": 0.1,
                    "reset": 0.1,
                    "leak": 0.1,
                    "gain": 0.1,
                    "synapse_gain": 0.1,
                    "refractory": 0.1,
                    "weight_bits": 4,
                    "refractory_steps": 0.5,
                },
                {
                    **dict.fromkeys(
                        (
                            "tau_mem",
                            "tau_syn",
                            "threshold",
                            "reset",
                            "leak",
                            "gain",
                            "synapse_gain",
                            "refractory",
                        ),
                        ROCKPOOL,
                    ),
                    "weight_bits": NONE_PUBLISHED,
                },
                NONE_PUBLISHED,
            ),  # fmt: skip
        )
    }
)


def find_mismatch(name: str, changes: Sequence[str] = ()) -> Mismatch:
    """Return a preset, or what a TOML file says, with changes such as ``tau_mem=0.2``.

    A file holds ``preset = "bss2-calibrated"`` and below it whatever differs.

    Raises
    ------
    ValidationError
        If the name, a field or a value is impossible; the message lists what there is.
    DataError, FormatError
        If the file cannot be read, or is no TOML.
    """
    if name.endswith(".toml"):
        found = _from_file(Path(name))
    elif name in PRESETS:
        found = PRESETS[name]
    else:
        raise ValidationError(
            f"mismatch {name!r} is unknown; known: {', '.join(PRESETS)}, or a file NAME.toml"
        )
    return changed(found, dict(map(_assignment, changes)))


def changed(mismatch: Mismatch, values: Mapping[str, Any]) -> Mismatch:
    """Return a mismatch with other numbers, whose source is that they were asked for."""
    for field, value in values.items():
        if field not in _NOTHING:
            raise ValidationError(
                f"mismatch has no {field!r}; it has {', '.join(Mismatch.limits())}"
            )
        text = field == "distribution"
        if isinstance(value, bool) or not isinstance(value, str if text else int | float):
            kind = "a text" if text else "a number"
            raise ValidationError(f"mismatch: {field} is {value!r}, expected {kind}")
    sources = {**mismatch.sources, **dict.fromkeys(values, GIVEN)}
    return replace(mismatch, sources=sources, **values)


def _assignment(text: str) -> tuple[str, Any]:
    field, equals, value = text.partition("=")
    if not equals:
        raise ValidationError(f"{text!r} is no change of a mismatch; write tau_mem=0.2")
    if field == "distribution":
        return field, value
    if field == "weight_bits" and value.strip().isdecimal():
        return field, int(value)
    return field, float("inf") if value == "inf" else parse_number(value)


def _from_file(path: Path) -> Mismatch:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FormatError(f"{path}: larger than {MAX_BYTES} bytes, no table of spreads is")
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise FormatError(f"{path}: is no TOML: {error}") from error
    name = content.pop("preset", "ideal")
    if name not in PRESETS:
        raise ValidationError(f"{path}: preset {name!r} is unknown; known: {', '.join(PRESETS)}")
    return replace(changed(PRESETS[name], content), name=path.stem)
