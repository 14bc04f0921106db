"""model.pt: what is written is read, and nothing hostile gets through."""

import io
import os
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from hetlava.errors import DataError, FormatError, ValidationError
from hetlava.float_synapses import Convolution
from hetlava.network import Network, Population, Projection
from hetlava.neurons.cuba import CubaLI, CubaLIF
from hetlava.synapse_forms import sparse
from hetlava.train.model_file import FORMAT, VERSION, read_model, write_model
from hetlava.train.torch_file import read_torch, write_torch


@pytest.fixture
def network(rng):
    hidden = CubaLIF(
        tau_mem=rng.gamma(3, 0.01, 5),
        tau_syn=rng.gamma(3, 0.005, 5),
        v_leak=np.zeros(5),
        v_threshold=np.full(5, 4.0),
        v_reset=np.zeros(5),
    )
    readout = CubaLI(tau_mem=np.full(3, 0.1), tau_syn=np.full(3, 0.01), v_leak=np.zeros(3))
    return Network(
        dt=1e-3,
        n_inputs=7,
        n_steps=40,
        populations=(
            Population(name="hidden", neurons=hidden),
            Population(name="out", neurons=readout),
        ),
        projections=(
            Projection(source="input", target="hidden", weights=rng.normal(size=(5, 7)), grid=0.5),
            Projection(source="hidden", target="hidden", weights=rng.normal(size=(5, 5))),
            Projection(source="hidden", target="out", weights=rng.normal(size=(3, 5))),
            Convolution(
                source="input",
                target="out",
                weights=rng.normal(size=(1, 1, 1, 3)),
                input_shape=(1, 1, 7),
                stride=(1, 2),
                padding=((0, 0), (1, 0)),
                grid=0.25,
            ),
            sparse(
                source="hidden",
                target="out",
                shape=(3, 5),
                post=[2, 0, 1],
                pre=[4, 4, 0],
                weights=[0.5, -0.25, 0.0],
            ),
        ),
        output="out",
        readout="max-voltage",
        metadata={"data": "digits", "seed": 3, "list": [1, 2.5, None, True], "deep": {"a": "b"}},
    )


def zip_of(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_model_that_is_written_is_read_equal(network, tmp_path):
    write_model(tmp_path / "model.pt", network)

    assert read_model(tmp_path / "model.pt") == network


def test_equal_models_are_equal_bytes_under_any_name(network, tmp_path):
    for name in ("a.pt", "another_name.pt"):
        write_model(tmp_path / name, network, {"note": "x", "t": torch.arange(3)})

    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "another_name.pt").read_bytes()


def test_torch_alone_loads_a_model_without_running_code(network, tmp_path):
    write_model(tmp_path / "model.pt", network, {"history": [0.5, 0.25]})

    content = torch.load(tmp_path / "model.pt", weights_only=True)

    assert content["format"] == FORMAT
    assert content["version"] == VERSION
    assert content["extras"] == {"history": [0.5, 0.25]}
    weights = content["network"]["projections"][0]["weights"]
    assert np.array_equal(weights.numpy(), network.projections[0].weights)


def test_extras_that_are_not_plain_are_refused(network, tmp_path):
    with pytest.raises(ValidationError, match="extras/when.*a set cannot be written"):
        write_model(tmp_path / "model.pt", network, {"when": {1}})
    assert not (tmp_path / "model.pt").exists()


def test_a_missing_model_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_model(tmp_path / "none.pt")
    with pytest.raises(DataError, match="is a folder"):
        read_model(tmp_path)


def test_every_truncation_is_a_format_error(network, tmp_path):
    path = tmp_path / "model.pt"
    write_model(path, network)
    whole = path.read_bytes()

    for length in {0, 1, 4, 100, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError, match=r"model\.pt"):
            read_model(path)


def test_flipped_bytes_give_a_model_or_a_format_error(network, tmp_path, rng):
    path = tmp_path / "model.pt"
    write_model(path, network)
    whole = np.frombuffer(path.read_bytes(), np.uint8)

    refused = 0
    for _ in range(300):
        damaged = whole.copy()
        damaged[rng.integers(whole.size, size=3)] ^= rng.integers(1, 256, 3).astype(np.uint8)
        path.write_bytes(damaged.tobytes())
        try:
            read_model(path)
        except FormatError:
            refused += 1
    assert refused > 100


class Bomb:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_pickle_bomb_is_refused_and_does_not_run(tmp_path, wrapped, protocol):
    witness = tmp_path / "witness"
    bomb = pickle.dumps(Bomb(os.mkdir, str(witness)), protocol=protocol)
    path = tmp_path / "model.pt"
    path.write_bytes(zip_of({"archive/data.pkl": bomb}) if wrapped else bomb)

    with pytest.raises(FormatError):
        read_model(path)
    assert not witness.exists()


@pytest.mark.parametrize("function", [bytearray, torch.zeros])
def test_a_callable_that_only_allocates_is_refused(tmp_path, function):
    bomb = pickle.dumps({"format": Bomb(function, 1 << 45)}, protocol=2)
    path = tmp_path / "model.pt"
    path.write_bytes(zip_of({"archive/data.pkl": bomb, "archive/version": b"3\n"}))

    with pytest.raises(FormatError, match="only tensors and plain values"):
        read_model(path)


def test_a_tensor_without_its_numbers_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"x": torch.zeros(1).expand(1 << 40)}, path)

    with pytest.raises(FormatError, match="that the file lacks"):
        read_model(path)


def test_lists_that_unfold_without_end_are_refused(tmp_path):
    path = tmp_path / "model.pt"
    bomb = ["ha"] * 10
    for _ in range(12):
        bomb = [bomb] * 10
    torch.save({"x": bomb}, path)

    with pytest.raises(FormatError, match="values or"):
        read_model(path)


def test_compressed_members_are_refused(network, tmp_path):
    path = tmp_path / "model.pt"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 20))
    path.write_bytes(buffer.getvalue())

    with pytest.raises(FormatError, match="compressed"):
        read_model(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "model.pt"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(FormatError, match="at most"):
        read_model(path)


def test_another_kind_and_another_version_are_named(tmp_path):
    path = tmp_path / "model.pt"
    write_torch(path, "something.else", 1, {})
    with pytest.raises(FormatError, match=r"not a hetlava\.model"):
        read_model(path)

    write_torch(path, FORMAT, 99, {})
    with pytest.raises(FormatError, match="version 99"):
        read_model(path)


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("dt",), "1 ms", "dt is a str, expected float"),
        (("dt",), 5.0, "dt is 5.0 s"),
        (("n_inputs",), True, "n_inputs is a bool"),
        (("populations",), {}, "expected list"),
        (("populations", 0, "model"), "Izhikevich", "known: CubaLI, CubaLIF"),
        (("populations", 0, "parameters"), {}, "missing"),
        (("populations", 0, "parameters", "tau_mem"), torch.full((5,), -1.0), "float32"),
        (("projections", 0, "weights"), [1.0], "expected Tensor"),
        (("projections", 0, "weights"), torch.zeros(2, 2, dtype=torch.float64), "shape"),
        (("projections", 0, "surprise"), 1, "unknown"),
        (("projections", 0, "kind"), "kernel", "missing .*'dilation', 'groups', 'input_shape'"),
        (("projections", 3, "kind"), "fractal", "known: matrix, kernel, lists"),
        (("projections", 3, "kind"), ["kernel"], r"kind \['kernel'\]; known"),
        (("projections", 3, "input_shape"), [1, 1], "input_shape has 2 values, expected 3"),
        (("projections", 3, "input_shape"), [1, 1 << 40, 7], "at most 4194304"),
        (("projections", 3, "input_shape"), [1, 1 << 11, 1 << 12], "more than 4194304 neurons"),
        (("projections", 3, "stride"), [1, 2.0], "stride is a float, expected int"),
        (("projections", 3, "padding"), [1, 0, 1, 0], "padding has 4 values, expected 2"),
        (("projections", 3, "groups"), True, "groups is a bool"),
        (("projections", 4, "post"), [2, 0], "post is a list, expected Tensor"),
        (("projections", 4, "n_post"), 1 << 40, "n_post 1099511627776 outside"),
        (("projections", 4, "indptr"), torch.tensor([0, 1, 1, 1, 1, 1 << 50]), "indptr must"),
    ],
)
def test_a_description_that_cannot_be_is_named(network, tmp_path, where, value, message):
    path = tmp_path / "model.pt"
    write_model(path, network)
    content = read_torch(path, FORMAT, VERSION)
    inner = content["network"]
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    write_torch(path, FORMAT, VERSION, content)

    with pytest.raises(FormatError, match=message):
        read_model(path)


def test_a_failed_write_keeps_the_old_model(network, tmp_path):
    path = tmp_path / "model.pt"
    write_model(path, network)
    before = path.read_bytes()

    with pytest.raises(ValidationError):
        write_model(path, replace(network, metadata={"bad": object()}))

    assert path.read_bytes() == before
