"""``hetlava run --reset-interval``: neurons at rest at intervals, as netx has it."""

from dataclasses import replace

from hetlava.export.net_hdf5 import read, write
from hetlava.recording_file import read_recording
from hetlava.resets import with_resets

DATA = ("--data", "digits", "--limit", 3)


def test_run_resets_the_network(hetlava, net_file, tmp_path):
    out, other = tmp_path / "reset.npz", tmp_path / "stored.npz"
    assert hetlava("run", net_file, *DATA, "--out", tmp_path / "plain.npz").code == 0
    options = ("--reset-interval", 8, "--reset-offset", 2)
    assert hetlava("run", net_file, *DATA, "--out", out, *options).code == 0
    # a file of hetlava can hold the same resets
    net = with_resets(read(net_file), 8, 2)
    write(tmp_path / "stored.net", net)
    assert read(tmp_path / "stored.net") == net
    assert hetlava("run", tmp_path / "stored.net", *DATA, "--out", other).code == 0
    found = read_recording(out)
    assert found.spikes == read_recording(other).spikes
    assert found.spikes != read_recording(tmp_path / "plain.npz").spikes
    assert replace(net, populations=read(net_file).populations) == read(net_file)


def test_an_offset_alone_is_refused(hetlava, net_file):
    outcome = hetlava("run", net_file, *DATA, "--reset-offset", 2)
    assert outcome.code == 2 and "reset offset 2 without an interval" in outcome.err
