"""What training with the cells of norse is made of."""

from importlib.metadata import version

from hetlava.network import Plain
from hetlava.train.config import TrainConfig
from hetlava.train.log_tau import Taus
from hetlava.train.norse_net import NorseNet
from hetlava.train.potentials import Potentials
from hetlava.train.readouts import READOUTS
from hetlava.train.surrogates import SURROGATES, Surrogate


def make(
    config: TrainConfig, n_inputs: int, taus: list[Taus], potentials: list[Potentials]
) -> NorseNet:
    """Return a network without weights, one layer for each of ``taus``."""
    return NorseNet(
        n_inputs,
        taus,
        config.dt,
        declared=config.heterogeneity,
        potentials=potentials,
        surrogate=config.surrogate,
        readout=READOUTS[config.readout],
        recurrent=config.recurrent,
        backend=config.backend,
        wirings=config.image_wirings(n_inputs, taus[-1].mem.size),
    )


def surrogates(config: TrainConfig, n_layers: int) -> list[Surrogate]:
    """Return the derivative of the spike of every layer."""
    return [SURROGATES[config.surrogate]] * n_layers


def versions() -> dict[str, Plain]:
    """Return the version of norse."""
    return {"norse": version("norse")}
