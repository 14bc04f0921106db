"""The program that runs a network on a BrainScaleS-2 chip; a process of its own, by ``python -m``.

The only file that calls hxtorch. A folder tells what to run (``network.json``, ``arrays.npz``) and
takes what came out (``out.npz``). Whatever happens, the chip is released: after an error, and after
SIGTERM, by which the caller ends a run that is interrupted or hangs.
"""

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from hetlava.arrays import AnyArray

NETWORK, ARRAYS, OUT = "network.json", "arrays.npz", "out.npz"
# what hxtorch called it before, for installations of those years
MODULES = ("hxtorch.spiking", "hxtorch.snn")
OLDER = {"LIF": "Neuron", "LI": "ReadoutNeuron", "LIFObservables": "NeuronHandle"}


def run(folder: Path, say: Any = print) -> None:
    """Run what the folder tells of and leave the result there.

    Parameters
    ----------
    folder : path
    say : callable
        Told of every stage, so that the caller sees that it goes on.
    """
    spec = json.loads((folder / NETWORK).read_text())
    with np.load(folder / ARRAYS, allow_pickle=False) as file:
        arrays = dict(file)
    hxtorch, spiking = import_module("hxtorch"), _spiking()
    say("hxtorch is loaded")
    with _chip(hxtorch):
        say("the chip is ours")
        experiment = spiking.Experiment(mock=False, dt=spec["dt"])
        if spec["calibration"]:
            _load_calibration(experiment, spec["calibration"])
        handles = _build(spiking, experiment, spec, arrays)
        say("the network is built; hxtorch may calibrate for minutes")
        spiking.run(experiment, int(arrays["spikes"].shape[0]))
        say("it ran")
        result = _read(handles, spec)
    np.savez_compressed(folder / OUT, **result)  # type: ignore[arg-type]


@contextmanager
def _chip(hxtorch: Any) -> Iterator[None]:
    hxtorch.init_hardware()
    try:
        yield
    finally:
        hxtorch.release_hardware()


def _spiking() -> Any:
    for name in MODULES[:-1]:
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    return import_module(MODULES[-1])


def _named(spiking: Any, name: str) -> Any:
    found = getattr(spiking, name, None) or getattr(spiking, OLDER.get(name, name), None)
    if found is None:
        raise RuntimeError(f"this hxtorch has no {name}; hetlava knows those from 2022 to 2026")
    return found


def _load_calibration(experiment: Any, path: str) -> None:
    instance = getattr(experiment, "default_execution_instance", None)
    if instance is None:
        raise RuntimeError(
            "this hxtorch takes no stored calibration that hetlava knows how to load"
        )
    instance.load_calib(path)


def _build(
    spiking: Any, experiment: Any, spec: Mapping[str, Any], arrays: Mapping[str, AnyArray]
) -> list[Any]:
    """Chain synapses and neurons; returns what each population will have been observed to do."""
    import torch

    signal_ = _named(spiking, "LIFObservables")(spikes=torch.tensor(arrays["spikes"]).float())
    handles = []
    for k, layer in enumerate(spec["layers"]):
        weights = torch.tensor(arrays[f"weights_{k}"])
        synapse = _synapse(spiking, experiment, weights.shape, spec["codes"])
        synapse.weight.data = weights.float()
        words = {
            name: spiking.HXParameter(torch.tensor(arrays[f"{name}_{k}"]))
            for name in ("tau_mem", "tau_syn")
        }
        volts = ("leak", "reset", "threshold") if layer["spiking"] else ("leak",)
        for name in volts:
            words[name] = spiking.MixedHXModelParameter(
                torch.tensor(arrays[f"{name}_{k}"]), torch.tensor(arrays[f"{name}_lsb_{k}"])
            )
        shared = {"i_synin_gm": spec["i_synin_gm"], "synapse_dac_bias": spec["synapse_dac_bias"]}
        if layer["spiking"]:
            shared["refractory_time"] = spec["refractory_time"]
        kind = _named(spiking, "LIF" if layer["spiking"] else "LI")
        neurons = kind(weights.shape[0], experiment=experiment, **words, **shared)
        signal_ = neurons(synapse(signal_))
        handles.append(signal_)
    return handles


def _synapse(spiking: Any, experiment: Any, shape: tuple[int, ...], codes: float) -> Any:
    n_out, n_in = shape
    try:
        transforms = import_module(f"{spiking.__name__}.transforms.weight_transforms")
    except ModuleNotFoundError:
        return spiking.Synapse(n_in, n_out, experiment=experiment, weight_scale=codes)
    transform = partial(transforms.linear_saturating, scale=codes)
    return spiking.Synapse(n_in, n_out, experiment=experiment, transform=transform)


def _read(handles: list[Any], spec: Mapping[str, Any]) -> dict[str, AnyArray]:
    result: dict[str, AnyArray] = {}
    for k, (handle, layer) in enumerate(zip(handles, spec["layers"], strict=True)):
        if layer["spiking"]:
            result[f"spikes_{k}"] = np.asarray(handle.spikes.detach().cpu()) > 0
        if layer["voltage"]:
            cadc = np.asarray(handle.membrane_cadc.detach().cpu())
            result[f"cadc_{k}"] = cadc.astype(np.float64)
    return result


def main() -> None:
    """Run the folder that the command line names; exit code 2 and the reason if it fails."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    try:
        run(Path(sys.argv[1]), say)
    except Exception as error:  # whatever hxtorch and the chip raise
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
