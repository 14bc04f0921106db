"""A TOML file is the command line: equal runs both ways, and one error for what is wrong."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetlava.cli.training import chosen_config
from hetlava.declarations import PARAMETERS, POTENTIALS, TIMES
from hetlava.errors import DataError, FormatError, HetlavaError, ValidationError
from hetlava.train.config import TrainConfig, config_for
from hetlava.train.config_file import merged, read_config_file, to_toml

VOLTS = st.sampled_from(
    ["uniform:0.5V,1.5V", "levels:1V,2V,min=0.5V", "gamma:1V,shape=9", "empirical:1V,1.1V", 1.25]
)
AROUND_0 = st.one_of(
    st.floats(-0.5, 0.25), st.sampled_from(["uniform:-0.5V,0.1V", "double:-0.1V,0.1V,share=0.25"])
)
TAUS = st.sampled_from(
    ["gamma:20ms,shape=3", "constant:9.5ms", "lognormal:median=30ms,sigma=0.5,max=0.1s"]
)


def said(values, parameters=PARAMETERS):
    """Options of a few parameters, in any order."""
    per_parameter = st.dictionaries(st.sampled_from(parameters), values, max_size=5)
    return per_parameter.map(lambda d: tuple(f"{k}={v}" for k, v in d.items()))


CONFIGS = st.builds(
    TrainConfig,
    dataset=st.sampled_from(["digits", "nmnist"]),
    trainer=st.just("norse"),
    dt=st.floats(5e-5, 2e-3),  # the narrowest clip ends at 200 steps, 9.5 ms has to lie inside
    n_steps=st.integers(1, 10**6),
    hidden=st.lists(st.integers(1, 1 << 20), min_size=1, max_size=4).map(tuple),
    tau_mem=TAUS,
    tau_syn=TAUS,
    threshold=VOLTS,
    rest=AROUND_0,
    reset=AROUND_0,
    learn_tau=st.sampled_from(["neuron", "layer"]),
    learn=said(st.sampled_from(["layer", "neuron"])),
    space=said(st.sampled_from(["decay", "logit", "log-tau"]), TIMES),
    clip=st.one_of(
        said(st.sampled_from(["chip", "paper2021", "2.5ms,99ms"]), TIMES),
        said(st.sampled_from(["chip", "-2V,2.5V"]), POTENTIALS),
    ),
    lr_of=said(st.floats(0, 10)),
    lr=st.floats(1e-9, 1e3),
    regularise=st.lists(
        st.sampled_from(["variance:0.01", "rate:20Hz,0.1", "tau_syn=log-variance:2"]), max_size=3
    ).map(tuple),
    recurrent=st.booleans(),
    readout=st.sampled_from(["spike-count", "last"]),
    image=st.one_of(st.none(), st.tuples(*[st.integers(1, 99)] * 3)),
    seed=st.integers(0, 2**32 - 1),
)


@given(CONFIGS)
def test_a_configuration_reads_back_from_its_file(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("toml") / "run.toml"
    path.write_text(to_toml(config))

    asked = read_config_file(path)

    assert config_for(asked.pop("dataset"), **asked) == config


@pytest.mark.parametrize("learn_tau", ["channel", "neuron"])
def test_layers_of_images_read_back_from_their_file(tmp_path, learn_tau):
    config = config_for("digits", hidden=("8c3s2p1", "2p", 12), learn_tau=learn_tau)
    path = tmp_path / "run.toml"
    path.write_text(to_toml(config))

    assert 'hidden = ["8c3s2p1", "2p", 12]' in path.read_text()
    asked = read_config_file(path)
    assert config_for(asked.pop("dataset"), **asked) == config


SPEC = """
trainer = "norse"
dataset = "digits"
dt = "2ms"
hidden = [32, 16]
threshold = 1

[heterogeneity.tau_mem]
distribution = "lognormal:20ms,sigma=0.5"
learn = "neuron"
space = "decay"
clip = "code2021"
lr = 1e-3
regularise = ["variance:0.01"]

[heterogeneity.rest]
distribution = "uniform:-0.5V,0.5V"
learn = "layer"
"""
LINE = {
    "tau_mem": "lognormal:20ms,sigma=0.5",
    "dt": 2e-3,
    "hidden": (32, 16),
    "threshold": "1V",
    "rest": "uniform:-0.5V,0.5V",
    "learn": ("tau_mem=neuron", "rest=layer"),
    "space": ("tau_mem=decay",),
    "clip": ("tau_mem=code2021",),
    "lr_of": ("tau_mem=0.001",),
    "regularise": ("variance:0.01",),
}


def chosen(tmp_path, text=None, named=None, **line):
    path = None
    if text is not None:
        path = tmp_path / "spec.toml"
        path.write_text(text)
    everything = {f.name: None for f in fields(TrainConfig)} | line
    for name in ("trainer", "dataset"):
        del everything[name]
    checkpoint = tmp_path / "model.pt.ckpt"
    return chosen_config(named or {}, None, checkpoint, False, path, **everything)[0]


def test_a_file_and_the_command_line_ask_for_the_same_run(tmp_path):
    assert chosen(tmp_path, SPEC) == chosen(tmp_path, named={"norse": "digits"}, **LINE)


def test_the_line_has_the_last_word_parameter_by_parameter(tmp_path):
    line = {"learn": ("rest=neuron",), "space": ("tau_syn=logit",), "threshold": "2V", "seed": 3}

    config = chosen(tmp_path, SPEC, {"slayer": "nmnist"}, **line)

    assert (config.trainer, config.dataset, config.seed) == ("slayer", "nmnist", 3)
    assert config.learn == ("tau_mem=neuron", "rest=neuron")
    assert config.space == ("tau_mem=decay", "tau_syn=logit")
    assert config.threshold == 2.0 and config.hidden == (32, 16)


def test_a_space_alone_on_the_line_is_for_both():
    assert merged({"space": ("tau_mem=decay",)}, {"space": ("logit",)})["space"] == (
        "tau_mem=logit",
        "tau_syn=logit",
    )


REFUSED = {
    "epoch = 3": "key 'epoch' is unknown; did you mean epochs",
    "zzz = 3": "key 'zzz' is unknown; known: dataset, dt",
    "epochs = true": "epochs is True, expected a whole number",
    "epochs = 2.0": "epochs is 2.0, expected a whole number",
    "hidden = 128": "hidden is 128, expected a list of whole numbers",
    "hidden = [1.5]": "expected a list of whole numbers",
    "lr = '0.1'": "lr is '0.1', expected a number",
    "qat = 1": "qat is 1, expected true or false",
    "dt = '1'": "dt: 1 has no unit",
    "threshold = [1]": "threshold is [1], expected a number [V] or a distribution",
    "learn = 'tau_mem=fixed'": "expected a list of texts",
    "a = ": "is no TOML: ",
    "heterogeneity = 3": "heterogeneity is no table; write [heterogeneity.tau_mem]",
    "[heterogeneity.gain]": "heterogeneity: key 'gain' is unknown; known: tau_mem",
    "[heterogeneity]\nrest = 3": "heterogeneity.rest is no table",
    "[heterogeneity.rest]\nlern = 'layer'": "rest: key 'lern' is unknown; did you mean",
    "[heterogeneity.rest]\nlearn = 3": "heterogeneity.rest.learn is 3, expected text",
    "[heterogeneity.rest]\nlr = 'a'": "heterogeneity.rest.lr is 'a', expected a number",
    "[heterogeneity.rest]\nregularise = 'a'": "expected a list of texts",
    "rest = 1\n[heterogeneity.rest]\ndistribution = 1": "rest and heterogeneity.rest.distribution",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_what_is_wrong_is_named_with_its_file_and_key(tmp_path, text, message):
    path = tmp_path / "spec.toml"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        read_config_file(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)


def test_a_file_that_is_not_there_or_names_no_data_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_config_file(tmp_path / "none.toml")
    with pytest.raises(ValidationError, match="name the data set"):
        chosen(tmp_path, "epochs = 3")
    with pytest.raises(ValidationError, match="'rest=layer': given twice"):
        chosen(tmp_path, SPEC.replace("threshold = 1", 'learn = ["rest=fixed"]'))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("toml") / "spec.toml"
    path.write_bytes(data)
    try:
        read_config_file(path)
    except HetlavaError as error:
        assert str(path) in str(error)
