"""A BrainScaleS-2 chip by hxtorch, which its software container has; nobody tried it here.

The chip is reached from a process of its own, which is ended when it says nothing for too long and
when this one is interrupted, and which releases the chip whatever happens.
"""

import json
import sys
import time
import zipfile
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.chip_analog import BRAINSCALES2
from hetlava.errors import MissingPackageError, TargetError, UnsupportedError
from hetlava.events import Events, from_dense
from hetlava.graph import INPUT
from hetlava.hardware import bss2_program, bss2_sim
from hetlava.hardware.bss2_layers import Chain, chain_of, layers_of, lsb_per_volt
from hetlava.hardware.families import run_family
from hetlava.hardware.interface import Target
from hetlava.network import Network
from hetlava.recording import Recording, score
from hetlava.rules import refuse
from hetlava.sim.reference import check_run
from hetlava.sim.synops import effective_synops

FAREWELL = 20.0  # [s] that the chip's release may take
PATIENCE = 900.0  # [s] of silence; a calibration takes about five minutes
CODES = 64.0  # weight codes of hxtorch's unit of weight, as in its own examples
MISSING = (
    "hxtorch is not installed: it comes with the software container of BrainScaleS-2 (EBRAINS), "
    "not from PyPI"
)


def missing() -> str | None:
    """Return why there is no board: no hxtorch; whether a chip answers, only a run can tell."""
    return None if find_spec("hxtorch") else MISSING


def bss2_board(
    calibration: Path | None = None, *, patience: float = PATIENCE, codes: float = CODES
) -> Target:
    """Return the target of the chip that hxtorch finds.

    Parameters
    ----------
    calibration : path, optional
        What hxtorch shall load; without it hxtorch calibrates for the network, in minutes.
    patience : float
        Longest time [s] without a sign of progress before the run is ended.
    codes : float
        Weight codes, of 63, for hxtorch's unit of weight. It depends on the calibration.
    """

    def runner(
        net: Network,
        inputs: Events,
        *,
        rng: np.random.Generator,
        probes: Collection[str],
        threads: int | None,
    ) -> Recording:
        if find_spec("hxtorch") is None:
            raise MissingPackageError(f"bss2-board: {MISSING}")
        return _run(net, inputs, probes, calibration, patience, codes)

    return Target(
        name="bss2-board",
        description="BrainScaleS-2 by hxtorch, never tried on one",
        runner=runner,
        spec=BRAINSCALES2,
        takes="floats",
        noisy=True,
        checker=bss2_sim.check,
        missing=missing,
    )


def _run(
    net: Network,
    inputs: Events,
    probes: Collection[str],
    calibration: Path | None,
    patience: float,
    codes: float,
) -> Recording:
    check_run(net.n_inputs, inputs, probes)
    if "u" in probes:
        raise UnsupportedError("bss2-board: the chip's converter sees voltages only; no probe 'u'")
    inside, moved = bss2_sim.within_ranges(net, BRAINSCALES2)
    refuse(BRAINSCALES2, [*bss2_sim.check(inside)])
    chain = chain_of(inside)
    plain, arrays = layers_of(inside, chain, probes)
    plain |= {"calibration": str(calibration) if calibration else None, "codes": codes}
    with TemporaryDirectory(prefix="hetlava-") as name:
        folder = Path(name)
        (folder / bss2_program.NETWORK).write_text(json.dumps(plain))
        spikes = inputs.to_dense()
        np.savez_compressed(folder / bss2_program.ARRAYS, spikes=spikes, **arrays)  # type: ignore[arg-type]
        start = time.perf_counter()
        _call(folder, patience)
        seconds = time.perf_counter() - start
        found = _results(folder / bss2_program.OUT, chain, inputs, plain)
    weights = [array for key, array in arrays.items() if key.startswith("weights")]
    most = BRAINSCALES2.weight_max + 0.5
    details: dict[str, str | int | float] = {
        "calibration": str(calibration) if calibration else "by hxtorch, for this network",
        "codes per weight": codes,
        "weights beyond the range": sum(int(np.sum(np.abs(w) * codes > most)) for w in weights),
        "time constants moved into the chip's range": moved,
    }
    return _recording(inside, inputs, probes, chain, found, seconds, details)


def _call(folder: Path, patience: float) -> None:
    """Run the program; whatever ends it, it releases the chip."""
    command = [sys.executable, "-m", bss2_program.__name__, str(folder)]
    done = run_family(command, folder=None, patience=patience, farewell=FAREWELL)
    if done.timed_out:
        raise TargetError(
            f"bss2-board: no sign of progress for {patience:g} s, so the run was ended and the "
            f"chip released{done.said()}"
        )
    if done.code:
        how = f"died of signal {-done.code}" if done.code < 0 else f"failed with code {done.code}"
        raise TargetError(f"bss2-board: the run {how}{done.said()}")


def _results(
    path: Path, chain: Chain, inputs: Events, plain: Mapping[str, Any]
) -> dict[str, AnyArray]:
    """Return what the program saved, every array of the shape and type that it must have."""
    arrays: dict[str, AnyArray] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for k, (p, _) in enumerate(chain):
                shape = (inputs.n_steps, inputs.n_samples, p.neurons.n)
                wanted = {f"spikes_{k}": "bool"} if p.neurons.spiking else {}
                if plain["layers"][k]["voltage"]:
                    wanted[f"cadc_{k}"] = "float64"
                for key, kind in wanted.items():
                    arrays[key] = file[key]
                    if arrays[key].shape != shape or arrays[key].dtype.name != kind:
                        raise ValueError(f"{key} is {arrays[key].dtype} {arrays[key].shape}")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TargetError(f"bss2-board: the run left no complete result: {error}") from error
    return arrays


def _recording(
    net: Network,
    inputs: Events,
    probes: Collection[str],
    chain: Chain,
    found: Mapping[str, AnyArray],
    seconds: float,
    details: Mapping[str, str | int | float],
) -> Recording:
    spikes: dict[str, Events] = {}
    voltages: dict[str, AnyArray] = {}
    for k, (p, _) in enumerate(chain):
        silent = np.zeros((inputs.n_steps, inputs.n_samples, p.neurons.n), bool)
        spikes[p.name] = from_dense(found.get(f"spikes_{k}", silent))
        if f"cadc_{k}" in found:
            above = found[f"cadc_{k}"] - BRAINSCALES2.leak.default
            voltages[p.name] = above / lsb_per_volt(p)
    names = tuple(p.name for p in net.populations)
    return Recording(
        target="bss2-board",
        provenance="hardware",
        names=names,
        spikes=tuple(spikes[name] for name in names),
        v=tuple(voltages[name] for name in names) if "v" in probes else (),
        scores=score(net.readout, spikes[net.output], voltages.get(net.output)),
        seconds=seconds,
        synops=effective_synops(net.projections, {INPUT: inputs, **spikes}),
        details=details,
    )


BSS2_BOARD = bss2_board()
