"""Sums of recordings: of the parts as of the whole."""

from dataclasses import replace

import numpy as np

from hetlava.sim import reference
from hetlava.tally import add, tally


def test_tallies_of_parts_add_up_to_that_of_the_whole(random_network):
    net, inputs = random_network(np.random.default_rng(11))
    whole = tally(reference.run(net, inputs))
    cuts = [(0, 1), (1, inputs.n_samples)] if inputs.n_samples > 1 else [(0, 1)]
    parts = [tally(reference.run(net, inputs.samples(*cut))) for cut in cuts]
    assert replace(add(parts), seconds=0.0) == replace(whole, seconds=0.0)
    assert add(parts).seconds == sum(part.seconds for part in parts)


def test_a_tally_predicts_as_its_recording_does(random_network):
    net, inputs = random_network(np.random.default_rng(12))
    recording = reference.run(net, inputs)
    found = tally(recording)
    assert np.array_equal(found.predictions, recording.predictions)
    assert found.n_samples == inputs.n_samples
    assert found.spikes == tuple(events.n_events for events in recording.spikes)
