"""``model.pt``: a float network on disk, as tensors and plain values."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from hetlava.errors import FormatError, ValidationError
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF
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
        "projections": [
            {
                "source": p.source,
                "target": p.target,
                "weights": torch.tensor(p.weights),
                "grid": float(p.grid),
                **({"message_bits": p.message_bits} if p.message_bits else {}),
            }
            for p in network.projections
        ],
    }


def _population_to_plain(population: Population) -> dict[str, Any]:
    neurons = population.neurons
    model = type(neurons).__name__
    if MODELS.get(model) is not type(neurons):
        raise ValidationError(f"population {population.name}: a {model} cannot be written")
    arrays = {f.name: torch.tensor(getattr(neurons, f.name)) for f in fields(neurons)}
    return {"name": population.name, "model": model, "parameters": arrays}


def _to_network(plain: dict[str, Any]) -> Network:
    _check_keys(plain, (*PLAIN, "metadata", "populations", "projections"), "network")
    for name, kind in (("dt", float), ("n_inputs", int), ("n_steps", int), ("output", str)):
        _check_type(plain[name], kind, name)
    return Network(
        **{name: plain[name] for name in PLAIN},
        metadata=_check_type(plain["metadata"], dict, "metadata"),
        populations=_each(plain["populations"], _to_population),
        projections=_each(plain["projections"], _to_projection),
    )


def _each(items: Any, build: Callable[[dict[str, Any]], Any]) -> tuple[Any, ...]:
    return tuple(build(item) for item in _check_type(items, list, "populations and projections"))


def _to_population(plain: dict[str, Any]) -> Population:
    _check_keys(plain, ("name", "model", "parameters"), "population")
    name = _check_type(plain["name"], str, "name of a population")
    if plain["model"] not in MODELS:
        raise ValidationError(
            f"population {name!r}: neuron model {plain['model']!r} is unknown; "
            f"known: {', '.join(MODELS)}"
        )
    model = MODELS[plain["model"]]
    _check_keys(plain["parameters"], tuple(f.name for f in fields(model)), f"population {name!r}")
    return Population(
        name=name,
        neurons=model(**{k: _array(v, f"{name}/{k}") for k, v in plain["parameters"].items()}),
    )


def _to_projection(plain: dict[str, Any]) -> Projection:
    bits = plain.pop("message_bits", 0) if isinstance(plain, dict) else 0
    _check_keys(plain, ("source", "target", "weights", "grid"), "projection")
    return Projection(
        source=_check_type(plain["source"], str, "source"),
        target=_check_type(plain["target"], str, "target"),
        weights=_array(plain["weights"], "weights"),
        grid=_check_type(plain["grid"], float, "grid"),
        message_bits=_check_type(bits, int, "message_bits"),
    )


def _array(value: Any, what: str) -> Any:
    return _check_type(value, torch.Tensor, what).numpy()


def _check_type(value: Any, kind: type, what: str) -> Any:
    # bool is an int to Python, never to us
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValidationError(f"{what} is a {type(value).__name__}, expected {kind.__name__}")
    return value


def _check_keys(plain: Any, expected: tuple[str, ...], what: str) -> None:
    _check_type(plain, dict, what)
    missing, unknown = set(expected) - plain.keys(), plain.keys() - set(expected)
    if missing or unknown:
        raise ValidationError(
            f"{what}: missing {sorted(missing)}, unknown {sorted(unknown)}; expected {expected}"
        )
