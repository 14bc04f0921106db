"""Networks of a user's own norse modules, taken over where a chip computes the same spikes.

With ``k = dt tau_mem_inv`` a weight ``V`` of norse is ``W = k V`` here, see
:mod:`hetlava.train.norse_net`. Voltages are counted from ``v_reset``. norse's feed-forward layers
pass spikes on within a step and here every projection takes one: layer ``l`` (from 1) spikes ``l``
steps later than in norse, as do all that follow it; the spikes are the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from hetlava.arrays import Float
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.graph import INPUT
from hetlava.network import Network, Population, Projection, Readout
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.train.nets import layer_names

# what cannot be held exactly, and what could
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "IAF": "it never leaks, and tau_mem is finite here; use LIFBox with a small tau_mem_inv",
        "LIFRefrac": "it has a refractory period; use LIF",
        "LIFAdEx": "it adapts, and its leak is exponential; use LIF",
        "LIFEx": "its leak is exponential; use LIF",
        "LSNN": "its threshold adapts; use LIFRecurrent",
        "CobaLIF": "its synapses are conductances; use LIF",
        "Izhikevich": "its voltage grows by its square; use LIF",
        "LIFCorrelation": "its weights change while it runs; use LIFRecurrent",
        "LIFMC": "its compartments are coupled; use LIFRecurrent",
        "LIBox": "it reads its input without a synapse; use LI with tau_syn_inv = 1 / dt",
        "Conv": "a float Network has all-to-all projections; use Linear",
        "Flatten": "a Network has one axis of neurons; flatten the data instead",
        "Dropout": "it draws at random; leave it out, which is what eval() does",
        "ReLU": "it passes on analog values; a chip passes on spikes",
    }
)


class Layer(NamedTuple):
    """Neurons, the weights (n, n_pre) that drive them, and those onto themselves (n, n)."""

    neurons: CubaLI
    weight: Float
    loop: Float | None


def from_norse(module: nn.Module, n_steps: int, *, readout: Readout | None = None) -> Network:
    """Return the network that spikes as a norse module does, or refuse.

    Parameters
    ----------
    module : torch.nn.Module
        A ``SequentialState`` (or ``Sequential``) of ``Linear``, ``Lift(Linear)``, ``LIF``,
        ``LIFRecurrent``, ``LIFBox``, and ``LI`` or ``LILinearCell`` last; as cells or over time.
        Parameters may be one value per neuron.
    n_steps : int
        Steps per sample.
    readout : str, optional
        How classes are scored; which spikes it counts, or of integrators ``max-voltage``, is the
        default.

    Raises
    ------
    UnsupportedError
        If a chip would not compute the same spikes; the message says what it could compute.
    ValidationError
        If the modules do not fit each other.
    """
    cells: list[Any] = [m for m in module.modules() if _kind(m) in CELLS]
    steps = {float(cell.dt) for cell in cells}
    if len(steps) != 1:
        raise ValidationError(
            f"the module has {len(steps)} different dt: {sorted(steps)}; it needs neurons of one"
        )
    (dt,) = steps
    layers = list(_layers(_flat(module), dt))
    names = layer_names(len(layers))
    for name, layer in zip(names[:-1], layers, strict=False):
        if not layer.neurons.spiking:
            raise UnsupportedError(f"{name} is an integrator, which sends no spikes; it comes last")
    projections = []
    for source, name, layer in zip([INPUT, *names], names, layers, strict=False):
        projections.append(Projection(source=source, target=name, weights=layer.weight))
        if layer.loop is not None:
            projections.append(Projection(source=name, target=name, weights=layer.loop))
    usual: Readout = "spike-count" if layers[-1].neurons.spiking else "max-voltage"
    return Network(
        dt=dt,
        n_inputs=layers[0].weight.shape[1],
        n_steps=n_steps,
        populations=tuple(
            Population(name=name, neurons=layer.neurons)
            for name, layer in zip(names, layers, strict=True)
        ),
        projections=tuple(projections),
        output=names[-1],
        readout=readout or usual,
        discretisation="euler",
        metadata={"imported": "norse"},
    )


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the modules of nested sequences in their order."""
    if isinstance(module, nn.Sequential):
        for child in module:
            yield from _flat(child)
    elif type(module).__name__ == "Lift":
        lifted: Any = module
        yield from _flat(lifted.lifted_module)
    else:
        yield module


def _layers(modules: Iterator[nn.Module], dt: float) -> Iterator[Layer]:
    weight: Float | None = None
    for module in modules:
        kind = _kind(module)
        if isinstance(module, nn.Linear):
            if weight is not None:
                raise UnsupportedError("Linear follows Linear; multiply them into one")
            weight = _linear(module)
        elif kind in CELLS:
            yield CELLS[kind](module, weight, dt)
            weight = None
        elif not isinstance(module, nn.Identity):
            raise UnsupportedError(f"{type(module).__name__} is refused: {_why(module)}")
    if weight is not None:
        raise UnsupportedError("the last Linear has no neurons after it; add LI or LIF")


def _kind(module: nn.Module) -> str:
    """Return the name of a norse class without ``Cell``; nothing for what is not norse's."""
    name = type(module).__name__
    return name.removesuffix("Cell") if type(module).__module__.startswith("norse.") else ""


def _why(module: nn.Module) -> str:
    name = type(module).__name__
    for start, reason in REFUSED.items():
        if name.startswith(start):
            return reason
    known = ", ".join(("Linear", *CELLS))
    return f"no chip is known to compute it; known: {known}"


def _linear(module: nn.Linear) -> Float:
    if module.bias is not None and bool(module.bias.any()):
        raise UnsupportedError(
            "Linear has a bias, a current that no spike carries; use Linear(..., bias=False)"
        )
    return _array(module.weight)


def _array(value: Any) -> Float:
    array: Float = np.asarray(value.detach().cpu().double().numpy())
    return array


def _vectors(module: Any, names: Sequence[str], n: int) -> list[Float]:
    """Return parameters as (n,) float64; those of all neurons are repeated."""
    found = []
    for name in names:
        value = getattr(module.p, name)
        array = np.asarray(value if isinstance(value, float | int) else _array(value), np.float64)
        if array.size not in (1, n):
            raise ValidationError(
                f"{type(module).__name__}: {name} has {array.size} values for {n} neurons"
            )
        found.append(np.broadcast_to(array.reshape(-1), n).copy())
    return found


def _shares(module: Any, n: int, dt: float, names: Sequence[str]) -> list[Float]:
    """Return ``dt / tau``, (n,) each."""
    shares = [dt * inverse for inverse in _vectors(module, names, n)]
    for name, share in zip(names, shares, strict=True):
        if not np.all((share > 0) & (share <= 1)):
            raise UnsupportedError(
                f"{type(module).__name__}: dt * {name} is {share.min():g} .. {share.max():g}, "
                f"expected above 0 and at most 1; shorten dt ({dt:g} s) or lower {name}"
            )
    return shares


def _checked(module: Any, weight: Float | None) -> Float:
    if weight is None:
        raise UnsupportedError(
            f"{type(module).__name__} has no weights before it; put Linear(..., bias=False) there"
        )
    return weight


def _spiking(module: Any, mem: Float, syn: Float, dt: float) -> CubaLIF:
    leak, threshold, reset = _vectors(module, ("v_leak", "v_th", "v_reset"), mem.size)
    if not np.array_equal(leak, reset):
        k = int(np.argmax(leak != reset))
        raise UnsupportedError(
            f"{type(module).__name__}: v_leak is {leak[k]:g}, v_reset {reset[k]:g} (neuron {k}): "
            "norse starts at v_leak, and a chip at the reset potential; set v_leak = v_reset"
        )
    zero = np.zeros_like(mem)
    return CubaLIF(
        tau_mem=dt / mem,
        tau_syn=dt / syn,
        v_leak=zero,
        v_threshold=threshold - reset,
        v_reset=zero,
    )


def _lif(module: Any, weight: Float | None, dt: float) -> Layer:
    given = _checked(module, weight)
    mem, syn = _shares(module, len(given), dt, ("tau_mem_inv", "tau_syn_inv"))
    return Layer(_spiking(module, mem, syn, dt), mem[:, None] * given, None)


def _lif_recurrent(module: Any, weight: Float | None, dt: float) -> Layer:
    own = _array(module.input_weights)
    if weight is not None:
        raise UnsupportedError(
            "Linear comes before LIFRecurrent, which has input_weights; multiply them into one"
        )
    mem, syn = _shares(module, len(own), dt, ("tau_mem_inv", "tau_syn_inv"))
    loop = mem[:, None] * _array(module.recurrent_weights)
    return Layer(_spiking(module, mem, syn, dt), mem[:, None] * own, loop)


def _lif_box(module: Any, weight: Float | None, dt: float) -> Layer:
    given = _checked(module, weight)
    reset = getattr(module.p.reset_method, "__name__", str(module.p.reset_method))
    if reset != "reset_value":
        raise UnsupportedError(
            f"{type(module).__name__}: reset_method is {reset}; a Network resets to a value, use "
            "reset_method=reset_value"
        )
    (mem,) = _shares(module, len(given), dt, ("tau_mem_inv",))
    # the current of a spike lasts one step
    return Layer(_spiking(module, mem, np.ones_like(mem), dt), mem[:, None] * given, None)


def _integrating(module: Any, weight: Float, dt: float) -> Layer:
    mem, syn = _shares(module, len(weight), dt, ("tau_mem_inv", "tau_syn_inv"))
    (leak,) = _vectors(module, ("v_leak",), mem.size)
    if leak.any():
        raise UnsupportedError(
            f"{type(module).__name__}: v_leak is {leak[np.argmax(leak != 0)]:g}; an integrator "
            "starts at 0 here, set v_leak = 0"
        )
    neurons = CubaLI(tau_mem=dt / mem, tau_syn=dt / syn, v_leak=leak)
    return Layer(neurons, mem[:, None] * weight, None)


def _li(module: Any, weight: Float | None, dt: float) -> Layer:
    return _integrating(module, _checked(module, weight), dt)


def _li_linear(module: Any, weight: Float | None, dt: float) -> Layer:
    if weight is not None:
        raise UnsupportedError("Linear comes before LILinearCell; multiply them into one")
    return _integrating(module, _array(module.input_weights), dt)


CELLS: Mapping[str, Callable[[Any, Float | None, float], Layer]] = MappingProxyType(
    {
        "LIF": _lif,
        "LIFRecurrent": _lif_recurrent,
        "LIFBox": _lif_box,
        "LI": _li,
        "LILinear": _li_linear,
    }
)
