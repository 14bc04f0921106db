"""What training with the CUBA blocks of lava-dl's SLAYER is made of."""

from hetlava.export.lava_import import enable_lava
from hetlava.network import Plain
from hetlava.train.config import TrainConfig
from hetlava.train.log_tau import Taus
from hetlava.train.potentials import Potentials
from hetlava.train.slayer_net import SlayerNet, surrogate_of, surrogate_widths
from hetlava.train.surrogates import Surrogate


def make(
    config: TrainConfig, n_inputs: int, taus: list[Taus], potentials: list[Potentials]
) -> SlayerNet:
    """Return a network without weights, one layer for each of ``taus``."""
    return SlayerNet(
        n_inputs,
        taus,
        config.dt,
        declared=config.heterogeneity,
        potentials=potentials,
        backend=config.backend,
        wirings=config.image_wirings(n_inputs, taus[-1].mem.size),
    )


def surrogates(config: TrainConfig, n_layers: int) -> list[Surrogate]:
    """Return the derivative of the spike of every layer."""
    return [surrogate_of(width) for width in surrogate_widths(n_layers)]


def versions() -> dict[str, Plain]:
    """Return the versions of lava-dl and lava-nc."""
    lava = enable_lava()
    return {"lava-dl": lava.dl, "lava-nc": lava.nc}
