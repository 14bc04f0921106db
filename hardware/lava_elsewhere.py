"""Lava in another Python: one that has lava-nc, of its own version, and no hetlava.

The network goes there as the folder that ``hetlava export --format lava`` writes, spikes and traces
go through ``.npz``. The other Python runs in a process group of its own, which is ended whole.
"""

import json
import time
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hetlava.arrays import AnyArray
from hetlava.errors import TargetError, UnsupportedError, ValidationError
from hetlava.events import Events, from_dense
from hetlava.export.lava_folder import PROGRAM, Lowering, write_program
from hetlava.graph import INPUT
from hetlava.hardware.families import Output, run_family
from hetlava.hardware.interface import Target, always
from hetlava.hardware.targets import target
from hetlava.quantised import QuantisedNetwork
from hetlava.recording import Recording, score
from hetlava.sim.reference import check_run
from hetlava.sim.synops import effective_synops

PATIENCE = 300.0  # [s] without a finished sample
PACKAGES = ("lava-nc", "numpy", "h5py")
# for any Python from 3.8 on, whatever is installed
PROBE = f"""
import json, platform
from importlib import metadata
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
found = {{name: version(name) for name in {PACKAGES!r}}}
print(json.dumps({{"python": platform.python_version(), **found}}))
"""
BOARD = "loihi2-board"
ELSEWHERE = ("lava-cpu", BOARD)


def run(
    net: QuantisedNetwork,
    inputs: Events,
    *,
    python: Path | str,
    probes: Collection[str] = (),
    lif: Lowering = "vector",
    board: bool = False,
    patience: float = PATIENCE,
) -> Recording:
    """Run every sample from rest in the Lava of another Python.

    Parameters
    ----------
    net : QuantisedNetwork
    inputs : Events
        Input spikes of ``net.n_inputs`` channels.
    python : path
        The interpreter; its versions are in the recording's ``details``.
    probes : collection of ``"u"`` and ``"v"``
        Traces to keep.
    lif : str
        ``vector`` or ``levels``, see :func:`hetlava.export.lava_folder.write_folder`.
    board : bool
        Run on a Loihi 2 by Intel's plug-in there; implies ``levels``.
    patience : float
        Longest time [s] without a finished sample before the other Python is ended.

    Raises
    ------
    ValidationError
        If the input has another number of channels or a probe is unknown.
    UnsupportedError
        If Lava cannot hold the network exactly, or voltages are asked of a board.
    TargetError
        If that is no Python with Lava, or it fails, dies, hangs or answers nonsense.
    """
    check_run(net.n_inputs, inputs, probes)
    if board and (probes or net.readout != "spike-count"):
        raise UnsupportedError("a board gives spikes only: no --probe, no readout of voltages")
    lif = "levels" if board else lif
    versions = lava_versions(python, patience)
    start = time.perf_counter()
    with TemporaryDirectory(prefix="hetlava-") as name:
        folder = Path(name)
        write_program(folder, net, lif)
        np.savez_compressed(folder / "in.npz", input=inputs.to_dense())
        command = [str(python), PROGRAM, "--lif", lif, "--input", "in.npz", "--save", "out.npz"]
        command += ["--probe", ",".join(_wanted(net, probes, board))]
        _call([*command, *(["--board"] if board else [])], folder, patience)
        arrays = _read(folder / "out.npz", net, inputs, probes, board)
    seconds = time.perf_counter() - start
    return _recording(net, inputs, arrays, probes, seconds, {**versions, "lif": lif}, board)


def lava_versions(python: Path | str, patience: float = PATIENCE) -> dict[str, str]:
    """Return the versions of Python and of what the exported folder needs.

    Raises
    ------
    TargetError
        If it cannot be started or a package is missing there.
    """
    text = _call([str(python), "-c", PROBE], None, patience).stdout
    try:
        versions: dict[str, str | None] = json.loads(text)
        lacking = [name for name in PACKAGES if not versions[name]]
        found = {name: str(version) for name, version in versions.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TargetError(f"{python}: is no Python: it answered {text[:200]!r}") from error
    if lacking:
        raise TargetError(
            f"{python}: {', '.join(lacking)} not installed in that Python {found['python']}; "
            f"install with: {python} -m pip install lava-nc==0.10.0 h5py"
        )
    return found


def located(names: Sequence[str], python: Path | None, patience: float = PATIENCE) -> list[Target]:
    """Return the targets of those names, those of Lava in the other Python if one is given.

    Raises
    ------
    ValidationError
        If a name is unknown, or a Python is given and none of the targets is Lava's.
    """
    if python is None:
        return [target(name) for name in names]
    if not set(names) & set(ELSEWHERE):
        raise ValidationError(
            f"--lava-python is for {' and '.join(ELSEWHERE)}, not for {list(names)}"
        )
    return [_elsewhere(name, python, patience) for name in names]


def _elsewhere(name: str, python: Path, patience: float) -> Target:
    if name not in ELSEWHERE:
        return target(name)

    def runner(
        net: QuantisedNetwork,
        inputs: Events,
        *,
        rng: np.random.Generator,
        probes: Collection[str],
        threads: int | None,
    ) -> Recording:
        board = name == BOARD
        return run(net, inputs, python=python, probes=probes, patience=patience, board=board)

    return replace(target(name), description=f"{name} in {python}", runner=runner, missing=always)


def _wanted(net: QuantisedNetwork, probes: Collection[str], board: bool) -> list[str]:
    voltage = {"v"} if net.readout != "spike-count" and not board else set()
    return sorted({*probes, *voltage})


def _call(command: list[str], folder: Path | None, patience: float) -> Output:
    python = command[0]
    try:
        done = run_family(command, folder=folder, patience=patience)
    except OSError as error:
        raise TargetError(f"{python}: cannot be started: {error.strerror or error}") from error
    if done.timed_out:
        raise TargetError(
            f"{python}: no sample finished for {patience:g} s, so it was ended; give it longer "
            f"with --lava-timeout{done.said()}"
        )
    if done.code:
        how = f"died of signal {-done.code}" if done.code < 0 else f"failed with code {done.code}"
        raise TargetError(f"{python}: the Lava program {how}{done.said()}")
    return done


def _read(
    path: Path, net: QuantisedNetwork, inputs: Events, probes: Collection[str], board: bool
) -> Mapping[str, AnyArray]:
    """Return what the program saved, every array of the shape and type that it must have."""
    states = ["spikes", *_wanted(net, probes, board)]
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for k, population in enumerate(net.populations):
                shape = (inputs.n_steps, inputs.n_samples, population.registers.n)
                for state in states:
                    array = file[f"{state}_{k}"]
                    if array.shape != shape or array.dtype != np.int32:
                        raise ValueError(f"{state}_{k} is {array.dtype} {array.shape}")
                    arrays[f"{state}_{k}"] = array
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TargetError(f"the Lava program left no complete result: {error}") from error
    return arrays


def _recording(
    net: QuantisedNetwork,
    inputs: Events,
    arrays: Mapping[str, AnyArray],
    probes: Collection[str],
    seconds: float,
    details: dict[str, str],
    board: bool,
) -> Recording:
    names = tuple(p.name for p in net.populations)
    spikes = {name: from_dense(arrays[f"spikes_{k}"]) for k, name in enumerate(names)}
    traces = {
        state: tuple(arrays[f"{state}_{k}"] for k in range(len(names))) if state in probes else ()
        for state in ("u", "v")
    }
    voltage = arrays.get(f"v_{names.index(net.output)}")
    return Recording(
        target=BOARD if board else "lava-cpu",
        provenance="hardware" if board else "emulated",
        names=names,
        spikes=tuple(spikes.values()),
        scores=score(net.readout, spikes[net.output], voltage),
        seconds=seconds,
        synops=effective_synops(net.projections, {INPUT: inputs, **spikes}),
        details=details,
        **traces,
    )
