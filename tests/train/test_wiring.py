"""Layers as text, and how they are wired: sizes, shapes, and what does not fit."""

import pytest

from hetlava.errors import ValidationError
from hetlava.train.layer_text import Convolved, Dense, Pooled, layer_text, parse_layer
from hetlava.train.wiring import Wiring, has_images, wirings

IMAGE = (2, 34, 34)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        (128, Dense(128)),
        ("128", Dense(128)),
        ("16c5", Convolved(16, 5)),
        ("16c5s2", Convolved(16, 5, stride=2)),
        ("16c5p2", Convolved(16, 5, padding=2)),
        (" 16c5s2p2", Convolved(16, 5, stride=2, padding=2)),
        ("2p", Pooled(2)),
    ],
)
def test_a_layer_is_written_as_it_is_read(text, layer):
    assert parse_layer(text) == layer
    assert parse_layer(layer_text(text)) == layer


def test_what_can_be_written_in_two_ways_becomes_one():
    assert [layer_text(t) for t in ("064", "16c05s1p0", "02p")] == [64, "16c5", "2p"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("c5", "expected layers such as"),
        ("16c", "expected layers such as"),
        ("p2", "expected layers such as"),
        ("16c5p2s2", "expected layers such as"),
        ("1.5", "expected layers such as"),
        ("", "expected layers such as"),
        (0, "1 to 2\\^20 neurons a layer"),
        (-3, "1 to 2\\^20 neurons a layer"),
        (1 << 21, "1 to 2\\^20 neurons a layer"),
        ("0c5", "numbers 1 to 2\\^20"),
        ("16c0", "numbers 1 to 2\\^20"),
        ("16c5s0", "numbers 1 to 2\\^20"),
        ("0p", "numbers 1 to 2\\^20"),
        ("16c5p5", "padding below the kernel"),
    ],
)
def test_what_is_no_layer_is_refused(text, complaint):
    with pytest.raises(ValidationError, match=f"hidden is .*{complaint}"):
        parse_layer(text)


def test_a_pool_belongs_to_the_layer_behind_it():
    first, second, third = wirings(("12c5", "2p", "64c5s2p1", "2p"), IMAGE, 10)

    assert first == Wiring(source=IMAGE, target=(12, 30, 30), kernel=5)
    assert second == Wiring(
        source=(12, 30, 30), target=(64, 7, 7), pool=2, kernel=5, stride=2, padding=1
    )
    assert second.pooled == (12, 15, 15) and second.weight_shape == (64, 12, 5, 5)
    # 7 x 7 in windows of 2: the last row and column fill none
    assert third == Wiring(source=(64, 7, 7), target=(10, 1, 1), pool=2)
    assert third.weight_shape == (10, 64 * 9) and third.n_pre == 64 * 49


def test_windows_one_after_the_other_are_one_window():
    assert wirings(("2p", "3p", 8), IMAGE, 2)[0].pool == 6


def test_only_kernels_and_pools_need_an_image():
    assert not has_images((128, "64"))
    assert has_images((128, "2p")) and has_images(("4c3",))


@pytest.mark.parametrize(
    ("hidden", "complaint"),
    [
        (("8c35",), "the kernel of 8c35 does not fit an image of 34 x 34"),
        (("4c5", "8p", "8c4"), "the kernel of 8c4 does not fit an image of 3 x 3"),
        (("4c5", "15p", "8c5p1"), "of 8c5p1 does not fit an image of 2 x 2 with a padding of 1"),
        (("35p", 10), "windows of 35p do not fit an image of 34 x 34"),
        (("6p", "6p", 10), "windows of 6p do not fit an image of 34 x 34, of 36 x 36 with those"),
        ((64, "2p"), "windows of 2p do not fit an image of 1 x 1"),
        (("4p", "8c3p1"), "8c3p1 pads the sums .* which leave 2 over"),
        (("2048c1",), "makes 2367488 neurons"),
    ],
)
def test_what_does_not_fit_its_image_is_refused(hidden, complaint):
    with pytest.raises(ValidationError, match=f"hidden: .*{complaint}"):
        wirings(hidden, IMAGE, 10)
