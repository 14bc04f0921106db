"""A chip of the user's own: rounded for, run, placed, and read again without the TOML file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hetlava.chip_file import to_plain
from hetlava.chip_spec import ChipSpec
from hetlava.chips import LOIHI1, LOIHI2
from hetlava.errors import FormatError, RuleError, UnsupportedError, ValidationError
from hetlava.events import from_dense
from hetlava.export.net_hdf5 import read, write
from hetlava.hardware.core_sharing import Sharing, quantise_sharing
from hetlava.hardware.targets import target, target_of
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLIF
from hetlava.quantisation import quantise
from hetlava.rules import violations
from hetlava.sim import reference

MINE = replace(LOIHI1, name="mychip", neurons_per_core=16, decay_profiles=5, cores=40)


def floats(rng: np.random.Generator) -> Network:
    def lif(n: int) -> CubaLIF:
        return CubaLIF(
            tau_mem=rng.uniform(0.003, 0.03, n),
            tau_syn=rng.uniform(0.002, 0.01, n),
            v_leak=np.full(n, 0.01),
            v_threshold=rng.uniform(0.5, 1.5, n),
            v_reset=np.zeros(n),
        )

    return Network(
        dt=1e-3,
        n_inputs=12,
        n_steps=20,
        populations=(
            Population(name="hidden", neurons=lif(30)),
            Population(name="out", neurons=lif(4)),
        ),
        projections=(
            Projection(source="input", target="hidden", weights=rng.normal(0.1, 0.3, (30, 12))),
            Projection(source="hidden", target="hidden", weights=rng.normal(0, 0.1, (30, 30))),
            Projection(source="hidden", target="out", weights=rng.uniform(0, 0.2, (4, 30))),
        ),
        output="out",
    )


@st.composite
def narrow(draw: Callable) -> ChipSpec:
    """Return a chip whose words are narrower than Loihi's."""
    low = draw(st.integers(-7, 0))
    return replace(
        LOIHI2,
        name="narrow",
        decay_bits=draw(st.integers(1, 12)),
        weight_bits=draw(st.integers(2, 8)),
        vth_bits=draw(st.integers(6, 17)),
        bias_mant_bits=draw(st.integers(4, 13)),
        bias_exp_max=draw(st.integers(0, 7)),
        weight_exp_min=low,
        weight_exp_max=draw(st.integers(low, 7)),
    )


@given(narrow(), st.integers(0, 5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_rounded_for_a_narrow_chip_fits_it(spec: ChipSpec, seed: int) -> None:
    rng = np.random.default_rng(seed)
    try:
        net = quantise(floats(rng), spec)
    except RuleError as error:  # every limit that it names is one of the chip's
        assert "network does not fit narrow" in str(error)
        return
    assert net.spec == spec and violations(net, spec) == []
    inputs = from_dense(rng.random((net.n_steps, 2, 12)) < 0.3)
    expected = reference.run(net, inputs, probes=("v",))
    found = target_of(net).run(net, inputs, probes=("v",))
    assert found.target == "narrow-sim" and found.spikes == expected.spikes
    assert all(np.array_equal(a, b) for a, b in zip(found.v, expected.v, strict=True))


def test_eight_decay_bits_are_the_upper_ones_of_twelve(rng: np.random.Generator) -> None:
    net = quantise(floats(rng), replace(LOIHI2, name="coarse", decay_bits=8))
    for p in net.populations:
        assert np.all(p.cuba.dv % 16 == 0) and np.all((p.cuba.du + 1) % 16 == 0)
    fine = quantise(floats(rng), LOIHI2)
    (found, *_) = violations(fine, replace(LOIHI2, name="coarse", decay_bits=8))
    assert "need more than the chip's 8 decay bits" in found


def test_delays_beyond_the_chips_are_told_of(rng: np.random.Generator) -> None:
    net = quantise(floats(rng), LOIHI2)
    late = replace(net.projections[0], delays=np.full(12, 9, np.int16))
    net = replace(net, projections=(late, *net.projections[1:]))
    assert violations(net, LOIHI2) == []
    (found,) = violations(net, replace(LOIHI2, name="quick", delay_max=8))
    assert found.startswith("delays_fit: input -> hidden.delays: 12 of 12 outside [0, 8]")
    by_synapse = np.zeros(late.shape, np.int8)
    by_synapse[1, :2] = 9, 3
    late = replace(late, delays=None, synaptic_delays=by_synapse)
    net = replace(net, projections=(late, *net.projections[1:]))
    assert violations(net, LOIHI2) == []
    (found,) = violations(net, replace(LOIHI2, name="quick", delay_max=8))
    assert "1 of 360 outside [0, 8], first 9 at synapse 12" in found
    (found,) = violations(net, replace(LOIHI2, name="none", delay_max=0))
    assert "2 of 360 outside [0, 0]" in found


def test_a_network_carries_its_chip_through_a_file(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    net = quantise_sharing(floats(rng), MINE, None, Sharing(k=5))
    write(tmp_path / "m.net", net)
    again = read(tmp_path / "m.net")
    assert again == net and again.spec == MINE and again.digital.cores == 40
    sim = target_of(again)
    assert sim.name == "mychip-sim" and sim.check(again) == ()
    assert sim.place(again).limits[0] == 16


def test_a_network_of_an_unlisted_chip_needs_its_table(rng: np.random.Generator) -> None:
    net = quantise(floats(rng), MINE)
    with pytest.raises(ValidationError, match="chip 'mychip' is unknown; known: loihi1"):
        replace(net, provenance={})
    other = {"chip": to_plain(replace(MINE, name="other"))}
    with pytest.raises(ValidationError, match="'mychip': its table is that of 'other'"):
        replace(net, provenance=other)
    with pytest.raises(ValidationError, match=r"(?s)is no complete chip:.*cores: missing"):
        replace(net, provenance={"chip": {"name": "mychip"}})


def test_a_file_with_a_damaged_chip_is_refused(rng: np.random.Generator, tmp_path: Path) -> None:
    import h5py

    write(tmp_path / "m.net", quantise(floats(rng), MINE))
    with h5py.File(tmp_path / "m.net", "a") as file:
        raw = file["hetlava/header"][()].tobytes().replace(b'"cores":{', b'"corez":{')
        del file["hetlava/header"]
        file["hetlava/header"] = np.frombuffer(raw, np.uint8)
    with pytest.raises(FormatError, match="corez: unknown; cores is meant"):
        read(tmp_path / "m.net")


def test_two_chips_of_one_name_are_told_apart(rng: np.random.Generator) -> None:
    net = quantise(floats(rng), replace(MINE, decay_profiles=0))
    mine = replace(target("loihi1-sim"), spec=MINE)
    with pytest.raises(UnsupportedError, match="for another chip of the name mychip"):
        mine.run(net, from_dense(np.zeros((3, 1, 12), bool)))
