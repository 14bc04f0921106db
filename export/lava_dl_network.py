"""A file of lava-dl as a network: its layers, and the times that it says or that are given."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from hetlava.errors import FormatError, UnsupportedError, ValidationError
from hetlava.export.hdf5 import Group
from hetlava.export.lava_dl_file import read_chain
from hetlava.export.lava_dl_parts import SlayerLayer
from hetlava.export.net_header import SIZE_MAX
from hetlava.export.net_layers import MILLISECOND
from hetlava.network import DT_MAX, Plain, Readout
from hetlava.quantised import QuantisedNetwork

LAYERS, SIMULATION = "layer", "simulation"
TIMES = ("Ts", "tSample")
EARLY = "biases, which act from the first step on in netx, in SLAYER once input can arrive"
T = TypeVar("T", int, float)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a file beside what it says; see :func:`hetlava.export.net_hdf5.read`."""

    dt: float | None = None
    n_steps: int | None = None
    chip: str = "loihi2"
    readout: Readout | None = None
    as_netx: bool = False
    input_message_bits: int | None = None


def read_lava_dl(root: Group, asked: Asked) -> QuantisedNetwork:
    """Read a network; raises as :func:`hetlava.export.net_hdf5.read`."""
    unknown = set(root.keys()) - {LAYERS, SIMULATION}
    if unknown or LAYERS not in root.keys():
        raise FormatError(f"{root.where()}: {list(root.keys())[:20]}, expected {LAYERS!r}")
    chain = read_chain(root, as_netx=asked.as_netx, input_message_bits=asked.input_message_bits)
    in_file, steps_in_file = _times(root)
    dt = settle(f"{root.path}: dt", in_file, asked.dt)
    n_steps = settle(f"{root.path}: n_steps", steps_in_file, asked.n_steps)
    sends = chain[-1].population.registers.sends
    return QuantisedNetwork(
        chip=asked.chip,
        dt=dt,
        n_inputs=chain[0].projections[0].shape[1],
        # SLAYER hands out voltages a step earlier than spikes; nothing of a further step's input
        # arrives in it
        n_steps=n_steps if sends or asked.as_netx else n_steps + 1,
        populations=tuple(p for layer in chain for p in (*layer.helpers, layer.population)),
        projections=tuple(p for layer in chain for p in layer.projections),
        output=chain[-1].population.name,
        readout=asked.readout or ("spike-count" if sends else "mean-voltage"),
        provenance=_provenance(chain, asked),
    )


def _provenance(chain: list[SlayerLayer], asked: Asked) -> dict[str, Plain]:
    if asked.as_netx:
        return {"format": "lava-dl", "as": "netx"}
    changes: list[Plain] = [text for layer in chain for text in layer.changes]
    biased = [layer for layer in chain if layer.population.start or layer.helpers]
    changes += [f"{layer.population.name}: {EARLY}" for layer in biased]
    return {"format": "lava-dl", "netx_changes": changes}


def _times(root: Group) -> tuple[float | None, int | None]:
    """Return dt [s] and the steps of a sample, each None where the file does not say it."""
    if SIMULATION not in root.keys():
        return None, None
    group = root.group(SIMULATION)
    times: dict[str, float] = {}
    for key in group.keys():
        value = group.array(key)
        if key not in TIMES or value.size != 1 or not 0 < float(value.reshape(())) < np.inf:
            raise FormatError(f"{group.where(key)}: expected {TIMES}, one time [ms] above 0 each")
        times[key] = float(value.reshape(()))
    if "Ts" not in times:
        return None, None
    dt = times["Ts"] * MILLISECOND
    n_steps = max(1, round(times["tSample"] / times["Ts"])) if "tSample" in times else None
    if dt > DT_MAX or (n_steps or 1) > SIZE_MAX:
        raise FormatError(f"{group.where()}: a step of {dt} s, {n_steps} of them, is beyond reason")
    return dt, n_steps


def settle(what: str, found: T | None, given: T | None) -> T:
    """Return what the file says or what was given; they must not contradict each other."""
    if found is not None and given is not None and found != given:
        raise ValidationError(f"{what} is {found} in the file, {given} was asked for")
    value = given if found is None else found
    if value is None:
        name = what.rpartition(" ")[2]
        option = {"dt": "--dt 1ms", "n_steps": "--steps 100"}.get(name, name)
        raise ValidationError(f"{what} is not in the file; pass {name}=..., such as {option}")
    return value


def as_it_is(path: str, differences: list[str], asked: Asked) -> None:
    """Check what is asked of a file of hetlava, which says all that there is to say."""
    if asked.readout is not None:
        raise ValidationError(f"{path}: the file of hetlava says how it is read out")
    if asked.as_netx and differences:
        raise UnsupportedError(f"{path}: netx does not load it: {differences[0]}")
