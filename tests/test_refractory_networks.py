"""What chips, files, tables and targets make of neurons that are silent after a spike."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hetlava.chips import LOIHI1, LOIHI2
from hetlava.doctor import examine
from hetlava.errors import FormatError, UnsupportedError
from hetlava.events import from_dense
from hetlava.export.lava_folder import program
from hetlava.export.lava_graph import run as run_lava
from hetlava.export.net_hdf5 import read, write
from hetlava.export.netx_rules import netx_differences
from hetlava.neurons.refractory import CubaRefractoryRegisters
from hetlava.quantised import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from hetlava.report.tables import network_table
from hetlava.rules import violations
from hetlava.sim import reference
from hetlava.work import neuron_bits

SOUND = {"du": 900, "dv": 300, "vth": 90, "bias_mant": 0, "bias_exp": 0}


def registers(refractory: tuple[int, ...] = (0, 2, 5), **given: Any) -> CubaRefractoryRegisters:
    reset = given.pop("reset", "hard")
    words = {name: np.full(3, value, np.int32) for name, value in (SOUND | given).items()}
    waits = np.array(refractory, np.int32)
    return CubaRefractoryRegisters(**words, refractory=waits, reset=reset)


def network(neurons: CubaRefractoryRegisters, chip: str = "loihi2") -> QuantisedNetwork:
    weights = np.full((3, 2), 80, np.int16)
    return QuantisedNetwork(
        chip=chip,
        dt=1e-3,
        n_inputs=2,
        n_steps=20,
        populations=(QuantisedPopulation(name="p", registers=neurons),),
        projections=(QuantisedProjection(source="input", target="p", weights=weights),),
        output="p",
    )


def test_both_chips_can_be_silent_and_one_can_subtract() -> None:
    assert not violations(network(registers()), LOIHI1)
    subtracting = network(registers(reset="subtract"))
    assert not violations(subtracting, LOIHI2)
    (told,) = violations(subtracting, LOIHI1)
    assert told.startswith("spikes_end_as_asked: p.reset: spikes subtract the threshold, loihi1")
    assert all(chip.sources["refractory_max"].text for chip in (LOIHI1, LOIHI2))


def test_silence_longer_than_a_chips_is_told() -> None:
    (told,) = violations(network(registers()), replace(LOIHI2, name="mine", refractory_max=4))
    assert "p.refractory: 1 of 3 outside [0, 4], first 5 at neuron 2" in told


@pytest.mark.parametrize(
    ("word", "value", "rule"),
    [("du", -1, "decays_fit"), ("vth", 0, "thresholds_fit"), ("bias_exp", 9, "biases_fit")],
)
def test_the_rules_of_cubas_words_hold_for_them(word: str, value: int, rule: str) -> None:
    (told,) = violations(network(registers(**{word: value})), LOIHI2)
    assert told.startswith(f"{rule}: p.{word}")


@pytest.mark.parametrize(
    ("given", "rule", "where", "severity", "count"),
    [
        ({"dv": 0}, "leak_exists", "p.dv", "warning", 3),
        ({"dv": 5}, "time_constants_resolved", "p.dv", "warning", 3),
        ({"refractory": (18, 19, 62)}, "silence_ends", "p.refractory", "note", 2),
    ],
)
def test_the_doctor_examines_them(
    given: dict[str, Any], rule: str, where: str, severity: str, count: int
) -> None:
    assert not examine(network(registers()), LOIHI2)
    (found,) = [f for f in examine(network(registers(**given)), LOIHI2) if f.rule == rule]
    assert (found.where, found.severity, found.count) == (where, severity, count)


def test_a_table_shows_time_constants_threshold_and_silence() -> None:
    table = network_table(network(registers()))
    (row,) = zip(*(column.cells for column in table.columns), strict=True)
    assert row[0] == "p" and row[4] == "90, then 0..2..5 steps silent"
    (plain,) = zip(
        *(c.cells for c in network_table(network(registers((0, 0, 0)))).columns), strict=True
    )
    assert plain[4] == "90"


def test_a_neuron_takes_two_counters_more_than_cubas() -> None:
    # silence and what is left of it, 6 bits each
    assert neuron_bits(registers(), LOIHI2) == neuron_bits(registers().cuba, LOIHI2) + 12


@pytest.mark.parametrize("reset", ["hard", "subtract"])
def test_a_file_holds_them_and_says_that_netx_does_not(reset: str, tmp_path: Path) -> None:
    net = network(registers(reset=reset))
    write(tmp_path / "a.net", net)
    assert read(tmp_path / "a.net") == net
    assert any("cuba_refractory" in text for text in netx_differences(net))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (b'"reset":"soft"', "reset 'soft': expected hard or subtract"),
        (b'"reset":1     ', "reset is a int, expected str"),
        (b'"rest" :"hard"', r"found \['rest'\]"),
    ],
)
def test_files_with_impossible_options_are_refused(
    changed: bytes, message: str, tmp_path: Path
) -> None:
    write(tmp_path / "a.net", network(registers()))
    with h5py.File(tmp_path / "a.net", "r+") as file:
        header = file["hetlava/header"][...].tobytes()
        assert b'"reset":"hard"' in header
        header = header.replace(b'"reset":"hard"', changed)
        file["hetlava/header"][...] = np.frombuffer(header, np.uint8)
    with pytest.raises(FormatError, match=message):
        read(tmp_path / "a.net")


def test_lava_has_none_in_integers() -> None:
    net = network(registers())
    inputs = from_dense(np.ones((20, 1, 2), bool))
    for make in (lambda: program(net), lambda: run_lava(net, inputs)):
        with pytest.raises(UnsupportedError, match="'p': Lava has no 'cuba_refractory' neurons in"):
            make()


def test_a_reset_in_the_middle_ends_the_silence() -> None:
    net = network(registers((62, 62, 62), du=4095, dv=4095, vth=1))
    (p,) = net.populations
    inputs = from_dense(np.ones((20, 1, 2), bool))
    later = replace(net, populations=(replace(p, reset_interval=5, reset_offset=1),))
    spikes = reference.run(later, inputs).spikes[0].to_dense()[:, 0, 0]
    assert np.flatnonzero(spikes).tolist()[1:] == [5, 10, 15]
    assert reference.run(net, inputs).spikes[0].n_events == 3
