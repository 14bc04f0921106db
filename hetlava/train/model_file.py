"""``model.pt``: a float network on disk, as tensors and plain values."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from hetlava.errors import FormatError, ValidationError
from hetlava.network import Network, Population
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.train.model_synapses import synapses_of_plain, synapses_to_plain
from hetlava.train.plain_checks import array, check_keys, check_type
from hetlava.train.torch_file import read_torch, write_torch

FORMAT = "hetlava.model"
VERSION = 1
MODELS: Mapping[str, type[CubaLI]] = {"CubaLI": CubaLI, "CubaLIF": CubaLIF}
INITIAL = "initial"  # the extras' key of the neurons before training
PLAIN = ("dt", "n_inputs", "n_steps", "output", "readout", "discretisation", "reset")


def write_model(path: Path, network: Network, extras: Mapping[str, Any] | None = None) -> None:
    """Write a network; equal networks and extras give equal bytes.

    Parameters
    ----------
    extras : mapping of str to tensors and plain values, optional
        Whatever the trainer wants to keep beside the network; :func:`read_model` ignores it.

    Raises
    ------
    DataError, ValidationError
        If the file cannot be written, or the extras are not plain.
    """
    content = {"network": _to_plain(network), "extras": dict(extras or {})}
    write_torch(Path(path), FORMAT, VERSION, content)


def read_model(path: Path) -> Network:
    """Read the network that :func:`write_model` wrote.

    Raises
    ------
    DataError
        If the file is missing or cannot be read.
    FormatError
        If it is damaged, of another format or version, or describes no valid network.
    """
    content = read_torch(Path(path), FORMAT, VERSION)
    try:
        return _to_network(content["network"])
    except KeyError as error:
        raise FormatError(f"{path}: the network lacks {error}") from error
    except (AttributeError, TypeError, ValidationError) as error:
        raise FormatError(f"{path}: not a valid network: {error}") from error


def initial_extras(network: Network) -> dict[str, Any]:
    """Return extras that keep the neurons of a network before training."""
    return {INITIAL: [_population_to_plain(p) for p in network.populations]}


def read_initial(path: Path) -> tuple[Population, ...]:
    """Read the neurons that :func:`initial_extras` kept; none if a file keeps none.

    Raises
    ------
    DataError, FormatError
        As :func:`read_model`, and if they are not those of the network's populations.
    """
    content = read_torch(Path(path), FORMAT, VERSION)
    try:
        network = _to_network(content["network"])
        found = _each(content.get("extras", {}).get(INITIAL, []), _to_population)
    except KeyError as error:
        raise FormatError(f"{path}: the network lacks {error}") from error
    except (AttributeError, TypeError, ValidationError) as error:
        raise FormatError(f"{path}: not a valid network before training: {error}") from error
    sizes = [[(p.name, p.neurons.n) for p in kept] for kept in (network.populations, found)]
    if found and sizes[0] != sizes[1]:
        raise FormatError(f"{path}: keeps neurons before training of other populations: {sizes[1]}")
    return found


def is_model(path: Path) -> bool:
    """Say whether a file holds a network; what it holds instead, or if it does, is read later."""
    try:
        read_torch(Path(path), FORMAT, VERSION)
    except FormatError:
        return False
    return True


def _to_plain(network: Network) -> dict[str, Any]:
    return {
        **{name: getattr(network, name) for name in PLAIN},
        "dt": float(network.dt),
        "metadata": dict(network.metadata),
        "populations": [_population_to_plain(p) for p in network.populations],
        "projections": [synapses_to_plain(p) for p in network.projections],
    }


def _population_to_plain(population: Population) -> dict[str, Any]:
    neurons = population.neurons
    model = type(neurons).__name__
    if MODELS.get(model) is not type(neurons):
        raise ValidationError(f"population {population.name}: a {model} cannot be written")
    arrays = {f.name: torch.tensor(getattr(neurons, f.name)) for f in fields(neurons)}
    return {"name": population.name, "model": model, "parameters": arrays}


def _to_network(plain: dict[str, Any]) -> Network:
    check_keys(plain, (*PLAIN, "metadata", "populations", "projections"), "network")
    for name, kind in (("dt", float), ("n_inputs", int), ("n_steps", int), ("output", str)):
        check_type(plain[name], kind, name)
    return Network(
        **{name: plain[name] for name in PLAIN},
        metadata=check_type(plain["metadata"], dict, "metadata"),
        populations=_each(plain["populations"], _to_population),
        projections=_each(plain["projections"], synapses_of_plain),
    )


def _each(items: Any, build: Callable[[dict[str, Any]], Any]) -> tuple[Any, ...]:
    return tuple(build(item) for item in check_type(items, list, "populations and projections"))


def _to_population(plain: dict[str, Any]) -> Population:
    check_keys(plain, ("name", "model", "parameters"), "population")
    name = check_type(plain["name"], str, "name of a population")
    if plain["model"] not in MODELS:
        raise ValidationError(
            f"population {name!r}: neuron model {plain['model']!r} is unknown; "
            f"known: {', '.join(MODELS)}"
        )
    model = MODELS[plain["model"]]
    check_keys(plain["parameters"], tuple(f.name for f in fields(model)), f"population {name!r}")
    return Population(
        name=name,
        neurons=model(**{k: array(v, f"{name}/{k}") for k, v in plain["parameters"].items()}),
    )
