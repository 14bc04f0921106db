"""Data sets run block by block: the same as at once, held only as far as workers need."""

import numpy as np
import pytest

from hetlava.datasets.recordings import Recordings
from hetlava.recording import join
from hetlava.sim import reference
from hetlava.streaming import Job, blocks, run_blocks


@pytest.fixture
def recordings(rng):
    """Eleven recordings of 20 ms with 30 events on 5 channels."""
    n, events = 11, 30
    return Recordings(
        name="made up",
        split="test",
        n_channels=5,
        n_classes=2,
        duration=0.02,
        indptr=np.arange(n + 1, dtype=np.int64) * events,
        times=np.sort(rng.integers(0, 20_000, (n, events)), axis=1).astype(np.int64).ravel(),
        channels=rng.integers(0, 5, n * events).astype(np.int32),
        labels=rng.integers(0, 2, n).astype(np.int64),
    )


@pytest.fixture
def net(random_network):
    for seed in range(1000):
        found, _ = random_network(np.random.default_rng(seed), max_neurons=6)
        if found.n_inputs == 5:
            return found
    raise AssertionError("no network of five inputs was drawn")


@pytest.mark.parametrize("size", [1, 4, 11, 100])
def test_blocks_are_the_data_set_in_its_order(recordings, size):
    whole = recordings.binned(1e-3, 20)
    found = list(blocks(recordings, 1e-3, 20, size))
    starts = range(0, 11, size)
    assert found == [whole.samples(i, i + size) for i in starts]


@pytest.mark.parametrize("size", [3, 11])
def test_a_run_by_blocks_is_the_run_at_once(recordings, net, size):
    inputs = blocks(recordings, net.dt, net.n_steps, size)
    kept = [
        recording for _, recording in run_blocks(Job(net=net, target="loihi2", keep=True), inputs)
    ]
    found, expected = join(kept), reference.run(net, recordings.binned(net.dt, net.n_steps))
    assert found.spikes == expected.spikes
    assert np.array_equal(found.synops, expected.synops)
    assert np.array_equal(found.scores, expected.scores)


def test_blocks_are_binned_as_they_are_needed(recordings, net):
    drawn = []

    def watched():
        for block in blocks(recordings, net.dt, net.n_steps, 1):
            drawn.append(block)
            yield block

    results = run_blocks(Job(net=net, target="reference"), watched())
    part, recording = next(results)
    assert len(drawn) == 1 and recording is None and part.n_samples == 1
    results.close()


def test_what_a_process_needs_to_begin_with_is_loaded_by_spikes_of_the_data(
    recordings, net, monkeypatch
):
    """Silence would leave loops to be compiled while the network is timed."""
    target, asked = Job(net=net, target="loihi2").located(), []

    class Noted:
        def run(self, net, inputs, **options):
            asked.append(inputs)
            return target.run(net, inputs, **options)

    monkeypatch.setattr(Job, "located", lambda job: Noted())
    inputs = list(blocks(recordings, net.dt, net.n_steps, 4))
    list(run_blocks(Job(net=net), inputs))
    assert asked == [inputs[0].samples(0, 1), *inputs]
