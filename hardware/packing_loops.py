"""The compiled loop of packing, imported when something is placed, so that numba loads late."""

# numba infers the types of these functions
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

from hetlava.sim.compiling import compiled

NEURONS, PROFILES, THRESHOLDS, MEMORY, INPUTS, OUTPUTS = range(6)


@compiled
def cut(
    order,  # (n,) int64
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
    usage,  # (n, 6) int64, written
    closed_by,  # (n,) int8, written
    reach,  # (n_sources,) int64, written
    last_profile,  # (n_profiles,) int32 of -1, scratch; the next three too
    last_threshold,
    last_source,  # (n_sources,) int32 of -1
    count,  # (n_sources,) int32
    totals,  # (4, n_projections) int64 of 0: sources, sparse bits; of the next neuron
    new,  # (6,) int64
):
    """Put neurons in order on cores, each filled until a limit is met; return how many cores."""
    k = 0
    for at in range(len(order)):
        i = order[at]
        for attempt in range(2):
            _need(
                i, k, profile, threshold, axons, indptr, source, projection, dense, sparse,
                usage, last_profile, last_threshold, last_source, count, totals, new,
            )  # fmt: skip
            over = -1
            for r in range(6):
                if over < 0 and new[r] > limits[r]:
                    over = r
            if over < 0 or usage[k, NEURONS] == 0 or attempt == 1:
                break
            closed_by[k] = over
            k += 1
            for p in range(totals.shape[1]):
                totals[0, p] = 0
                totals[1, p] = 0
        core[i] = k
        for r in range(6):
            usage[k, r] = new[r]
        last_profile[profile[i]] = k
        last_threshold[threshold[i]] = k
        for p in range(totals.shape[1]):
            totals[0, p] += totals[2, p]
            totals[1, p] += totals[3, p]
        _listen(source[indptr[i] : indptr[i + 1]], k, last_source, count, reach)
    return k + 1


@compiled
def _listen(sources, k, last_source, count, reach):
    """Note that a neuron on core ``k`` has synapses from these sources."""
    for s in sources:
        if last_source[s] != k:
            last_source[s] = k
            count[s] = 0
            reach[s] += 1
        count[s] += 1


@compiled
def _need(
    i, k, profile, threshold, axons, indptr, source, projection, dense, sparse,
    usage, last_profile, last_threshold, last_source, count, totals, new,
):  # fmt: skip
    """Write into ``new`` what core ``k`` would need with neuron ``i`` on it."""
    for p in range(totals.shape[1]):
        totals[2, p] = 0
        totals[3, p] = 0
    for j in range(indptr[i], indptr[i + 1]):
        s = source[j]
        p = projection[s]
        held = count[s] if last_source[s] == k else 0
        totals[2, p] += held == 0
        totals[3, p] += sparse[p, held + 1] - sparse[p, held]
    n = usage[k, NEURONS] + 1
    memory = 0
    inputs = 0
    for p in range(totals.shape[1]):
        sources = totals[0, p] + totals[2, p]
        inputs += sources
        by_neuron = sources * dense[p, min(n, dense.shape[1] - 1)]
        memory += min(by_neuron, totals[1, p] + totals[3, p])
    new[NEURONS] = n
    new[PROFILES] = usage[k, PROFILES] + (last_profile[profile[i]] != k)
    new[THRESHOLDS] = usage[k, THRESHOLDS] + (last_threshold[threshold[i]] != k)
    new[MEMORY] = memory
    new[INPUTS] = inputs
    new[OUTPUTS] = usage[k, OUTPUTS] + axons[i]
