"""Networks whose neurons share decays: codebooks put into the registers, and what that costs."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hetlava.activity import Amplitudes
from hetlava.arrays import Float, Int, as_vector
from hetlava.budget import spread, truncation_leak
from hetlava.codebook import Codebook, Method, assigned
from hetlava.codebook_pairs import build_pairs
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.fixedpoint import DECAY_BITS, STATE_SHIFT, decay_tau
from hetlava.leak import compensated_tau
from hetlava.network import Network, Plain
from hetlava.neurons.cuba import coefficients
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation

Taus = tuple[Float, Float]
BIAS_MAX = (1 << 15) - 1  # of the record; what the chip holds is less, and its rule says so


def share(
    net: QuantisedNetwork,
    k: int,
    *,
    reference: Network | None = None,
    method: Method = "rms",
    weights: Mapping[str, Float] | None = None,
    groups: Mapping[str, Int] | None = None,
    amplitudes: Mapping[str, Amplitudes] | None = None,
) -> QuantisedNetwork:
    """Let neurons share ``k`` pairs of decay words per population, or per group of its neurons.

    Parameters
    ----------
    k : int
        Largest number of distinct (du, dv) pairs.
    reference : Network or None
        The float network that ``net`` was rounded from: words are chosen for, and errors taken
        from, its time constants. Without it those of the registers are.
    method : str
        ``rms`` or ``minimax``, see :func:`hetlava.codebook.build`.
    weights : mapping of population to (n,) float64
        How much the error of each neuron counts; 1 for a population that is not named.
    groups : mapping of population to (n,) int32
        Neurons with one number share ``k`` pairs among themselves: the cores of a placement.
    amplitudes : mapping of population to Amplitudes
        Where given, words make up for the truncation of states of these magnitudes, see
        :mod:`hetlava.leak`, and errors are those of the time constants that result.

    Raises
    ------
    ValidationError
        If ``k`` is below 1, or reference, weights or groups do not belong to the network.
    UnsupportedError
        If there is no reference and a word stands for no finite time constant.
    """
    if not isinstance(k, int) or k < 1:
        raise ValidationError(f"codebook: {k} pairs, expected at least 1")
    for named in (weights or {}, groups or {}, amplitudes or {}):
        for name in named:
            net.population(name)
    books = {}
    for p in net.populations:
        taus, n = _taus(net, p, reference), p.registers.n
        weight = as_vector((weights or {}).get(p.name, 1.0), n, np.float64, f"{p.name}: weights")
        group = as_vector((groups or {}).get(p.name, 0), n, np.int32, f"{p.name}: groups")
        if amplitudes and p.name in amplitudes:
            taus = _made_up(p, taus, net.dt, amplitudes[p.name])
        books[p.name] = _book(net, taus, k, method, weight, group)
    made_up = frozenset(amplitudes or ())
    shared = apply(net, books, reference=reference, made_up=made_up)
    note: dict[str, Plain] = {
        "pairs": k,
        "per": "layer" if groups is None else "core",
        "method": method,
        "errors against": "registers" if reference is None else "float",
        "weights": [*sorted(weights or ())],
        "truncation made up": [*sorted(made_up)],
    }
    return replace(shared, provenance={**shared.provenance, "codebook": note})


def apply(
    net: QuantisedNetwork,
    codebooks: Mapping[str, Codebook],
    *,
    reference: Network | None = None,
    made_up: frozenset[str] = frozenset(),
) -> QuantisedNetwork:
    """Return the network with the decays of codebooks of pairs, one per population named.

    Biases follow the membrane's decay, so that resting potentials stay. The rows of the error
    budget tell the error of the time constants anew: to the reference, else to the codebook's.

    Parameters
    ----------
    made_up : set of str
        Populations whose words make up for truncation: their errors are the codebook's.

    Raises
    ------
    ValidationError
        If a codebook is not of pairs, not of that many neurons, or of no population.
    """
    for name, book in codebooks.items():
        n = net.population(name).registers.n
        if book.words.shape[1:] != (2,) or book.assignment.shape != (n,):
            raise ValidationError(
                f"{name}: codebook of {book.words.shape} words for {book.assignment.shape} "
                f"neurons, expected pairs for ({n},)"
            )
    populations = tuple(
        _with_words(p, codebooks[p.name], net.digital.du_offset, reference)
        if p.name in codebooks
        else p
        for p in net.populations
    )
    shared = replace(net, populations=populations)
    budget = net.provenance.get("budget")
    rows = budget if isinstance(budget, list) else []
    renewed: list[Plain] = [
        _renewed(shared, row, codebooks, None if _name(row) in made_up else reference)
        for row in rows
    ]
    provenance = {**net.provenance, "budget": renewed} if rows else net.provenance
    return replace(shared, provenance=provenance)


def _taus(net: QuantisedNetwork, p: QuantisedPopulation, reference: Network | None) -> Taus:
    """Return the time constants (synapse, membrane) that the words should stand for [s]."""
    if reference is not None:
        neurons = reference.population(p.name).neurons
        if neurons.n != p.registers.n or reference.dt != net.dt:
            raise ValidationError(f"{p.name}: the reference has other neurons or another dt")
        if reference.discretisation == "exponential":
            return neurons.tau_syn, neurons.tau_mem
        step = coefficients(neurons, net.dt, reference.discretisation)
        # what a core can keep: at least nothing, at most all but one unit of the word
        unit = 1.0 / (2 << DECAY_BITS)
        keep_syn, keep_mem = (np.clip(c, unit, 1 - unit) for c in (step.alpha, step.beta))
        return -net.dt / np.log(keep_syn), -net.dt / np.log(keep_mem)
    d_syn, d_mem = p.cuba.du + net.digital.du_offset, p.cuba.dv
    for name, d in (("dv", d_mem), ("du", d_syn)):
        if np.any((d < 1) | (d >= 1 << DECAY_BITS)):
            raise UnsupportedError(
                f"population {p.name}: {name} holds decays of none or of everything, which have "
                "no time constant to share; give the float network as reference"
            )
    return decay_tau(d_syn, net.dt), decay_tau(d_mem, net.dt)


def _book(
    net: QuantisedNetwork, taus: Taus, k: int, method: Method, weights: Float, group: Int
) -> Codebook:
    """Return one codebook for a population, made of one per group."""
    spec = net.digital
    full = (1 << DECAY_BITS) - 1
    largest = (min(spec.decay_max + spec.du_offset, full), spec.decay_max)
    words: list[Int] = []
    assignment, optimal = np.empty(group.size, np.int32), True
    for g in np.unique(group):
        members = np.flatnonzero(group == g)
        share = weights[members] if np.any(weights[members]) else None
        book = build_pairs(
            taus[0][members],
            taus[1][members],
            k,
            dt=net.dt,
            weights=share,
            method=method,
            largest=largest,
        )
        assignment[members] = book.assignment + sum(len(w) for w in words)
        words.append(book.words)
        optimal = optimal and book.optimal
    table, rows = np.unique(np.concatenate(words), axis=0, return_inverse=True)
    row = rows.ravel()[assignment]
    return assigned(np.stack(taus, axis=1), table, row, net.dt, method, optimal)


def _with_words(
    p: QuantisedPopulation, book: Codebook, du_offset: int, reference: Network | None
) -> QuantisedPopulation:
    d_syn, d_mem = book.words[book.assignment].T
    registers = p.cuba
    bias = registers.bias_mant * (d_mem / np.maximum(registers.dv, 1))
    if reference is not None and p.scale > 0:
        # anew from the resting potential, so that it is rounded once
        v_leak = reference.population(p.name).neurons.v_leak
        bias = d_mem / (1 << DECAY_BITS) * v_leak * p.scale / 2.0**registers.bias_exp
    registers = replace(
        registers,
        du=(d_syn - du_offset).astype(np.int32),
        dv=d_mem.astype(np.int32),
        bias_mant=np.clip(np.rint(bias), -BIAS_MAX, BIAS_MAX).astype(np.int32),
    )
    return replace(p, registers=registers)


def _made_up(p: QuantisedPopulation, taus: Taus, dt: float, amplitude: Amplitudes) -> Taus:
    """Return the time constants of words for which ``taus`` result at an amplitude."""
    for name, x in zip(("u", "v"), amplitude, strict=True):
        if x.shape != (p.registers.n,) or not np.all(x > 0):
            raise ValidationError(f"{p.name}: amplitudes of {name} are not ({p.registers.n},) > 0")
    syn, mem = (compensated_tau(tau, dt, x) for tau, x in zip(taus, amplitude, strict=True))
    return syn, mem


def _name(row: Plain) -> Plain:
    return row.get("name") if isinstance(row, dict) else None


def _renewed(
    net: QuantisedNetwork,
    row: Plain,
    codebooks: Mapping[str, Codebook],
    reference: Network | None,
) -> Plain:
    """Return a row of the budget as it is after sharing."""
    name = _name(row)
    if not isinstance(row, dict) or row.get("kind") != "population" or name not in codebooks:
        return row
    book, registers = codebooks[str(name)], net.population(str(name)).cuba
    errors = book.errors
    if reference is not None:
        neurons = reference.population(str(name)).neurons
        exact = np.stack([neurons.tau_syn, neurons.tau_mem], axis=1)
        errors = decay_tau(book.words[book.assignment], net.dt) / exact - 1
    new: dict[str, Plain] = {
        **row,
        "tau_syn": spread(errors[:, 0]),
        "tau_mem": spread(errors[:, 1]),
        "pairs": book.k,
        "tau_rms": [100 * float(e) for e in np.sqrt(np.mean(errors**2, axis=0))],
    }
    if "leak" in row:
        half = registers.vth.astype(np.float64) * (1 << STATE_SHIFT) / 2
        new["leak"] = spread(truncation_leak(registers.dv, half))
    return new
