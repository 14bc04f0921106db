"""Chips: complete tables whose ranges are those of their widths."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from hetlava.chips import CHIPS, LOIHI1, LOIHI2, OTHERS, chip, described
from hetlava.errors import ValidationError

EVERY = [described(name) for name in (*CHIPS, *OTHERS)]


@pytest.mark.parametrize("spec", EVERY, ids=[spec.name for spec in EVERY])
def test_every_number_has_a_source(spec):
    numbers = {field.name for field in fields(spec)} - {"name", "sources"}
    assert set(spec.sources) == numbers
    assert all(s.text and s.status for s in spec.sources.values())


@pytest.mark.parametrize("spec", CHIPS.values(), ids=CHIPS)
def test_a_chip_is_found_by_its_name(spec):
    assert chip(spec.name) is spec


@pytest.mark.parametrize("name", (*CHIPS, *OTHERS))
def test_a_chip_of_any_kind_is_described_under_its_name(name):
    assert described(name).name == name


def test_a_chip_of_another_kind_is_no_digital_one():
    with pytest.raises(ValidationError, match="'brainscales2' has other neurons than a Loihi core"):
        chip("brainscales2")
    with pytest.raises(ValidationError, match="'loihi3' is unknown; known: loihi1, .*dynapse2"):
        described("loihi3")


def test_an_unknown_chip_lists_the_known():
    with pytest.raises(ValidationError, match="'loihi3' is unknown; known: loihi1, loihi2"):
        chip("loihi3")


def test_limits_follow_from_the_widths():
    assert (LOIHI2.vth_max, LOIHI2.bias_mant_max, LOIHI2.decay_max) == (131071, 4095, 4095)
    assert LOIHI2.weight_range(mixed=False) == (-255, 255)
    assert LOIHI2.weight_range(mixed=True) == (-256, 254)


def test_mixed_weights_are_even_at_both_ends():
    assert all(end % 2 == 0 for end in LOIHI1.weight_range(mixed=True))


def test_a_number_without_source_is_refused():
    sources = dict(LOIHI1.sources)
    sources["dealy_max"] = sources.pop("delay_max")
    with pytest.raises(ValidationError, match=r"missing for \['delay_max'\].*\['dealy_max'\]"):
        replace(LOIHI1, sources=sources)


def test_a_chip_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        LOIHI1.cores = 1
    with pytest.raises(TypeError):
        LOIHI1.sources["cores"] = LOIHI1.sources["vth_bits"]
