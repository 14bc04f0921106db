"""What holds for every listed neuron model."""

import numpy as np
import pytest

from hetlava.errors import UnsupportedError, ValidationError
from hetlava.neurons.registers import NEURONS, NeuronRegisters, neuron_model
from hetlava.quantised import QuantisedPopulation


@pytest.mark.parametrize("name", NEURONS)
def test_models_are_listed_by_their_own_name(name: str) -> None:
    model = neuron_model(name)
    assert issubclass(model, NeuronRegisters)
    assert model.model == name
    assert model.n_ports >= 1 and model.words


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValidationError, match="'lif' is unknown; known: cuba,"):
        neuron_model("lif")


def test_a_population_is_reset_before_the_steps_that_lava_resets() -> None:
    words = dict.fromkeys(("du", "dv", "vth", "bias_mant", "bias_exp"), np.zeros(2, np.int32))
    registers = neuron_model("cuba")(**words)
    population = QuantisedPopulation(
        name="p", registers=registers, reset_interval=4, reset_offset=5
    )
    # Lava counts steps from 1: 1, 5, 9 are equal to 5 modulo 4
    assert [t for t in range(10) if population.resets_before(t)] == [0, 4, 8]
    with pytest.raises(ValidationError, match="reset_interval is -1"):
        QuantisedPopulation(name="p", registers=registers, reset_interval=-1)


@pytest.mark.parametrize(
    ("bias_mant", "bias_exp", "still"), [(0, 6, True), (1, 0, False), (1, -1, True)]
)
def test_neurons_stay_at_rest_unless_a_bias_moves_them(
    bias_mant: int, bias_exp: int, still: bool
) -> None:
    words = dict.fromkeys(("du", "dv", "vth"), np.ones(2, np.int32))
    words |= {"bias_mant": np.full(2, bias_mant, "i4"), "bias_exp": np.full(2, bias_exp, "i4")}
    assert neuron_model("cuba")(**words).stays_at_rest is still


def test_what_takes_cuba_neurons_only_refuses_others() -> None:
    class Silent(NeuronRegisters):
        model, words = "silent", ()
        n = 3

        def rest(self, n_samples: int):
            raise NotImplementedError

        def step(self, state, a_in):
            raise NotImplementedError

    with pytest.raises(UnsupportedError, match="'p': this takes CUBA neurons only, these are 'si"):
        _ = QuantisedPopulation(name="p", registers=Silent()).cuba
