"""Chips in TOML files: what is written is read, and all that is wrong is said at once."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.chip_file import SIZE_MAX, find_chip, from_plain, read_chip, to_plain, toml_of
from hetlava.chip_spec import ChipSpec, Source
from hetlava.chips import CHIPS, LOIHI1, LOIHI2
from hetlava.errors import DataError, FormatError, HetlavaError, ValidationError


@pytest.fixture
def text() -> str:
    return toml_of(replace(LOIHI2, name="mychip"))


@pytest.fixture
def path(tmp_path: Path, text: str) -> Path:
    (tmp_path / "mychip.toml").write_text(text)
    return tmp_path / "mychip.toml"


@pytest.mark.parametrize("spec", CHIPS.values(), ids=CHIPS)
def test_a_chip_written_as_toml_is_read_again(spec: ChipSpec, tmp_path: Path) -> None:
    mine = replace(spec, name="mychip")
    (tmp_path / "c.toml").write_text(toml_of(mine))
    assert find_chip(str(tmp_path / "c.toml")) == mine


def test_the_file_says_what_each_limit_means(text: str) -> None:
    comments = [line for line in text.splitlines() if line.startswith("# ")]
    assert len(comments) >= len(ChipSpec.limits()) + 2


@given(st.text(min_size=1).filter(str.strip))
def test_any_source_survives_the_file(source: str) -> None:
    sources = dict(LOIHI1.sources) | {"cores": Source(source, "assumed")}
    import tomllib

    mine = replace(LOIHI1, name="mychip", sources=sources)
    assert from_plain(tomllib.loads(toml_of(mine)), "here") == mine


def test_a_plain_table_is_the_same_chip() -> None:
    mine = replace(LOIHI1, name="mychip")
    assert from_plain(to_plain(mine), "here") == mine


def test_a_table_from_before_silence_was_told_has_none() -> None:
    plain = to_plain(replace(LOIHI2, name="mychip"))
    del plain["refractory_max"], plain["subtract_reset"]
    found = from_plain(plain, "here")
    assert (found.refractory_max, found.subtract_reset) == (0, 0)
    assert found.sources["refractory_max"].status == "assumed"


def test_a_table_from_before_graded_spikes_were_told_takes_any() -> None:
    plain = to_plain(replace(LOIHI1, name="mychip"))
    del plain["message_bits"]
    found = from_plain(plain, "here")
    assert found.message_bits == 32 and found.sources["message_bits"].status == "assumed"
    assert replace(found, message_bits=0, sources=LOIHI1.sources) == replace(LOIHI1, name="mychip")


def test_a_name_without_suffix_is_a_listed_chip() -> None:
    assert find_chip("loihi1") is LOIHI1
    with pytest.raises(ValidationError, match="'mychip' is unknown; known: loihi1, loihi2"):
        find_chip("mychip")


def test_everything_wrong_is_said_at_once(path: Path, text: str) -> None:
    lines = [line for line in text.splitlines() if not line.startswith(("#", "cores", "vth_bits"))]
    broken = "\n".join(lines).replace("neurons_per_core", "neuron_per_core")
    broken = broken.replace("delay_max = { value = 62", "delay_max = { value = true")
    broken = broken.replace('status = "assumed"', 'status = "guessed"', 1)
    path.write_text(broken)
    with pytest.raises(ValidationError) as caught:
        read_chip(path)
    message = str(caught.value)
    for part in (
        "mychip.toml: is no complete chip:",
        "neuron_per_core: unknown; neurons_per_core is meant?",
        "neurons_per_core: missing (neurons of a core)",
        "cores: missing",
        "vth_bits: missing",
        "delay_max: value True is no whole number",
        "status 'guessed' is unknown; known: verified, secondary, assumed",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weight_exp_min": 3, "weight_exp_max": 2}, "weight_exp_min: 3 is above weight_exp_max 2"),
        ({"state_bits": 16}, "state_bits: 16 (width of u and v [bit]), possible: 24"),
        ({"cores": 0}, "cores: 0 (cores of a chip), possible: at least 1"),
        ({"decay_bits": 13}, "decay_bits: 13 (width of a decay word [bit]), possible: 1 .. 12"),
        ({"synapse_memory": 63}, "63 bits hold no synapse, which takes 64"),
        ({"memory_word": 0}, "memory_word: 0"),
    ],
)
def test_contradictions_are_said(path: Path, changes: dict[str, int], said: str) -> None:
    plain = to_plain(replace(LOIHI2, name="mychip"))
    for key, value in changes.items():
        plain[key] = {**plain[key], "value": value}
    with pytest.raises(ValidationError) as caught:
        from_plain(plain, "mychip.toml")
    assert said in str(caught.value)
    with pytest.raises(ValidationError, match="chip loihi2 is impossible"):
        replace(LOIHI2, **changes)


def test_several_contradictions_are_said_together() -> None:
    with pytest.raises(ValidationError) as caught:
        replace(LOIHI2, cores=0, decay_bits=99, name="a b")
    assert str(caught.value).count("\n") == 3


@pytest.mark.parametrize(
    "entry", ["62", '"62"', "{ value = 62 }", '{ value = 62.5, status = "assumed", source = "x" }']
)
def test_an_entry_of_another_form_is_refused(path: Path, text: str, entry: str) -> None:
    lines = [f"delay_max = {entry}" if x.startswith("delay_max") else x for x in text.splitlines()]
    path.write_text("\n".join(lines))
    with pytest.raises(ValidationError, match="delay_max: "):
        read_chip(path)


def test_a_number_needs_a_source() -> None:
    plain = to_plain(replace(LOIHI2, name="mychip"))
    plain["cores"] = {**plain["cores"], "source": " "}
    with pytest.raises(ValidationError, match="cores: source ' ', expected where the number comes"):
        from_plain(plain, "here")


def test_the_name_of_a_listed_chip_is_taken(path: Path, text: str) -> None:
    path.write_text(text.replace('"mychip"', '"loihi2"'))
    with pytest.raises(ValidationError, match="the name loihi2 is a listed chip's"):
        read_chip(path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"name = ", b"a = 1\na = 2", b"x = [" * 5000])
def test_what_is_no_toml_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FormatError, match="mychip.toml: is no TOML"):
        read_chip(path)


def test_a_file_that_is_missing_or_far_too_long_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_chip(path.with_name("none.toml"))
    path.write_bytes(b"#" * (SIZE_MAX + 1))
    with pytest.raises(FormatError, match="has more than the"):
        read_chip(path)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(("name", *ChipSpec.limits())), ODD)
def test_no_value_of_a_file_does_anything_but_be_refused_or_read(key: str, value: object) -> None:
    plain = {**to_plain(replace(LOIHI2, name="mychip")), key: value}
    try:
        made = from_plain(plain, "here")
    except HetlavaError:
        return
    assert key == "name" and made.name == value


@given(st.sampled_from(ChipSpec.limits()), st.integers(-(1 << 70), 1 << 70))
def test_a_chip_that_is_accepted_computes(key: str, value: int) -> None:
    try:
        made = replace(LOIHI2, **{key: value})
    except ValidationError:
        return
    low, high = made.weight_range(mixed=True)
    assert -256 <= low < 0 <= high <= 254
    assert 0 < made.decay_max < 4096 and math.log2(made.decay_unit).is_integer()
