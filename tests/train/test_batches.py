"""Batches: every sample once, in lava-dl's axes, moved by whole pixels."""

import numpy as np
import pytest
import torch

from hetlava.errors import ValidationError
from hetlava.events import from_dense
from hetlava.train.batches import Labelled, dense, in_order, moved, shifted, shuffled
from hetlava.train.spike_rows import rows_of


@pytest.fixture
def data(rng):
    spikes = rng.random((7, 11, 5)) < 0.3
    return Labelled(from_dense(spikes), np.arange(11))


def test_dense_samples_are_the_events_in_other_axes(data):
    which = np.array([4, 0, 4])

    x = dense(data.spikes, which)

    assert x.dtype == torch.float32
    assert np.array_equal(x.numpy(), data.spikes.to_dense()[:, which].transpose(1, 2, 0))


@pytest.mark.parametrize("size", [1, 4, 11, 50])
def test_every_sample_comes_once_with_its_label(data, size):
    batches = list(shuffled(data, size, torch.Generator().manual_seed(3)))
    labels = torch.cat([y for _, y in batches])
    spikes = torch.cat([x for x, _ in batches])

    assert sorted(labels.tolist()) == list(range(11))
    assert torch.equal(spikes, dense(data.spikes, labels.numpy()))


def test_order_depends_on_the_generator_alone(data):
    def labels(seed):
        batches = shuffled(data, 4, torch.Generator().manual_seed(seed))
        return torch.cat([y for _, y in batches]).tolist()

    assert labels(1) == labels(1) != labels(2)
    assert torch.cat([y for _, y in in_order(data, 4)]).tolist() == list(range(11))


def test_a_shift_moves_whole_images_and_loses_what_leaves():
    image, most = (2, 5, 6), 2
    x = torch.zeros(300, 2, 5, 6, 3)
    x[:, 1, 2, 3, 1] = 1  # two pixels or more from every border
    x[:, 0, 0, 0, 2] = 1  # in a corner

    moved = shifted(x.flatten(1, 3), image, most, torch.Generator().manual_seed(0))
    moved = moved.reshape(x.shape)

    _, kind, row, column, step = torch.nonzero(moved[:, 1:], as_tuple=True)
    assert moved[:, 1].sum() == 300
    assert set(zip(row.tolist(), column.tolist(), strict=True)) == {
        (r, c) for r in range(5) for c in range(1, 6)
    }
    assert set(step.tolist()) == {1}
    # the corner stays in sight for shifts of 0, 1, 2 out of -2 .. 2 on both axes
    assert 0.25 < moved[:, 0].sum() / 300 < 0.48


def test_events_are_batched_and_moved_as_tensors_are(rng):
    image, batches = (2, 4, 6), []
    spikes = from_dense(rng.random((7, 9, 48)) < 0.3)
    for rows in (False, True):
        generator = torch.Generator().manual_seed(2)
        data = Labelled(spikes, np.arange(9))
        batches.append(
            [
                (moved(x, image, 3, generator), labels)
                for x, labels in shuffled(data, 4, generator, rows=rows)
            ]
        )

    for (x, labels), (events, same) in zip(*batches, strict=True):
        expected = rows_of(x.permute(2, 0, 1).contiguous())
        assert torch.equal(labels, same)
        assert events.shape == expected.shape
        assert np.array_equal(events.indptr, expected.indptr)
        assert np.array_equal(events.index, expected.index)
        assert not len(expected.value)


def test_labels_and_samples_must_be_as_many(data):
    with pytest.raises(ValidationError, match="3 labels for 11 samples"):
        Labelled(data.spikes, np.arange(3))
