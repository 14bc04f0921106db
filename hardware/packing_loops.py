"""The compiled loops of packing, imported when something is placed, so that numba loads late."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from hetlava.sim.jitting import jitted

NEURONS, PROFILES, THRESHOLDS, MEMORY, INPUTS, OUTPUTS = range(6)
# of every projection into the population of the next neuron: sources on the core, bits of the
# sparse encoding, bits that are taken; and the same without that neuron
SOURCES, SPARSE, TAKEN, NEW_SOURCES, NEW_SPARSE, NEW_TAKEN = range(6)


@jitted
def cut(
    order,  # (k,) int64, neurons to place
    population,  # (n,) int32
    into,  # (n_populations + 1,) int64, projections into each population
    profile,  # (n,) int32, in 0 .. n_profiles - 1
    threshold,  # (n,) int32
    axons,  # (n,) int64
    indptr,  # (n + 1,) int64
    source,  # (n_synapses,) int32
    projection,  # (n_sources,) int32
    dense,  # (n_projections, most + 1) int64
    sparse,  # (n_projections, most + 1) int64
    limits,  # (6,) int64
    core,  # (n,) int32, written
    usage,  # (k, 6) int64, written
    closed_by,  # (k,) int8, written
    last_profile,  # (n_profiles,) int32 of -1, scratch; all below too
    last_threshold,
    last_source,  # (n_sources,) int32 of -1
    count,  # (n_sources,) int32
    last_population,  # (n_populations,) int32 of -1
    members,  # (n_populations,) int64
    totals,  # (6, n_projections) int64
    new,  # (6,) int64
):
    """Put neurons in order on cores, each filled until a limit is met; return how many cores."""
    k = 0
    for at in range(len(order)):
        i = order[at]
        q = population[i]
        for _ in range(2):
            _meet(q, k, into, last_population, members, totals)
            _need(
                i, k, members[q] + 1, into[q], into[q + 1], profile, threshold, axons, indptr,
                source, projection, dense, sparse, usage, last_profile, last_threshold,
                last_source, count, totals, new,
            )  # fmt: skip
            over = _first_over(new, limits)
            if over < 0 or usage[k, NEURONS] == 0:
                break
            closed_by[k] = over
            k += 1
        core[i] = k
        _copy(new, usage[k])
        last_profile[profile[i]] = k
        last_threshold[threshold[i]] = k
        members[q] += 1
        for p in range(into[q], into[q + 1]):
            for kind in range(NEW_SOURCES):
                totals[kind, p] = totals[kind + NEW_SOURCES, p]
        _listen(source[indptr[i] : indptr[i + 1]], k, last_source, count)
    return k + 1


@jitted
def _meet(q, k, into, last_population, members, totals):
    """Start counting for a population that core ``k`` has no neuron of so far."""
    if last_population[q] != k:
        last_population[q] = k
        members[q] = 0
        for p in range(into[q], into[q + 1]):
            for kind in range(NEW_SOURCES):
                totals[kind, p] = 0


@jitted
def _copy(values, to):
    """Copy element by element: these loops are compiled without memory of their own."""
    for r in range(len(values)):
        to[r] = values[r]


@jitted
def _first_over(new, limits):
    """Return the first resource of which there is too little, -1 if there is none."""
    for r in range(6):
        if new[r] > limits[r]:
            return r
    return -1


@jitted
def _listen(sources, k, last_source, count):
    """Note that a neuron on core ``k`` has synapses from these sources."""
    for s in sources:
        if last_source[s] != k:
            last_source[s] = k
            count[s] = 0
        count[s] += 1


@jitted
def _need(
    i, k, n, first, stop, profile, threshold, axons, indptr, source, projection, dense, sparse,
    usage, last_profile, last_threshold, last_source, count, totals, new,
):  # fmt: skip
    """Write into ``new`` what core ``k`` would need with ``i`` as the n-th of its population."""
    for p in range(first, stop):
        totals[NEW_SOURCES, p] = totals[SOURCES, p]
        totals[NEW_SPARSE, p] = totals[SPARSE, p]
    for j in range(indptr[i], indptr[i + 1]):
        s = source[j]
        p = projection[s]
        held = count[s] if last_source[s] == k else 0
        totals[NEW_SOURCES, p] += held == 0
        totals[NEW_SPARSE, p] += sparse[p, held + 1] - sparse[p, held]
    memory = usage[k, MEMORY]
    inputs = usage[k, INPUTS]
    for p in range(first, stop):
        by_neuron = totals[NEW_SOURCES, p] * dense[p, min(n, dense.shape[1] - 1)]
        totals[NEW_TAKEN, p] = min(by_neuron, totals[NEW_SPARSE, p])
        memory += totals[NEW_TAKEN, p] - totals[TAKEN, p]
        inputs += totals[NEW_SOURCES, p] - totals[SOURCES, p]
    new[NEURONS] = usage[k, NEURONS] + 1
    new[PROFILES] = usage[k, PROFILES] + (last_profile[profile[i]] != k)
    new[THRESHOLDS] = usage[k, THRESHOLDS] + (last_threshold[threshold[i]] != k)
    new[MEMORY] = memory
    new[INPUTS] = inputs
    new[OUTPUTS] = usage[k, OUTPUTS] + axons[i]


@jitted
def reach(by_core, core, indptr, source, last_core, cores_of):
    """Count the cores that each source has synapses on; ``by_core``: the neurons core by core."""
    for at in range(len(by_core)):
        i = by_core[at]
        for j in range(indptr[i], indptr[i + 1]):
            s = source[j]
            if last_core[s] != core[i]:
                last_core[s] = core[i]
                cores_of[s] += 1


@jitted
def alone(indptr, source, projection, bits, memory):
    """Sum the memory of every neuron's synapses, of ``bits[p]`` each, for the neuron alone."""
    for i in range(len(memory)):
        for j in range(indptr[i], indptr[i + 1]):
            memory[i] += bits[projection[source[j]]]


@jitted
def turn(starts, post, first, at, source):
    """Enter the synapses of one projection, given by source, at the places of their targets."""
    for pre in range(len(starts) - 1):
        for j in range(starts[pre], starts[pre + 1]):
            i = post[j]
            source[at[i]] = first + pre
            at[i] += 1
