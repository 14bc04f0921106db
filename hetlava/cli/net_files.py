"""Files of networks and what may be asked of those of lava-dl, which do not say everything."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hetlava.quantised import QuantisedNetwork


@dataclass(frozen=True)
class NetOptions:
    """``--dt``, ``--steps``, ``--readout``, ``--as-netx`` and ``--reset-...``.

    Attributes
    ----------
    dt : str, optional
        Step with its unit, where a file does not say it.
    steps : int, optional
        Steps of a sample, where a file does not say them.
    readout : str, optional
        How the last layer is read.
    as_netx : bool
        As lava-dl's loader computes the network, not as SLAYER trained it.
    reset_interval, reset_offset : int
        When all neurons are set to rest, see :func:`hetlava.resets.with_resets`.
    """

    dt: str | None = None
    steps: int | None = None
    readout: str | None = None
    as_netx: bool = False
    reset_interval: int | None = None
    reset_offset: int = 0

    def read(self, path: Path) -> "QuantisedNetwork":
        """Read a quantised network; raises as :func:`hetlava.export.net_hdf5.read`."""
        from typing import get_args

        from hetlava.errors import ValidationError
        from hetlava.export.net_hdf5 import read
        from hetlava.network import Readout
        from hetlava.resets import with_resets
        from hetlava.units import parse_time

        if self.readout is not None and self.readout not in get_args(Readout):
            raise ValidationError(
                f"--readout {self.readout!r} is unknown; known: {', '.join(get_args(Readout))}"
            )
        net = read(
            path,
            dt=None if self.dt is None else parse_time(self.dt),
            n_steps=self.steps,
            readout=self.readout,  # type: ignore[arg-type]  # checked above
            as_netx=self.as_netx,
        )
        return with_resets(net, self.reset_interval, self.reset_offset)

    def refuse(self, path: Path) -> None:
        """Raise ValidationError if anything is asked of a file that is no quantised network."""
        from hetlava.errors import ValidationError

        if self != NetOptions():
            raise ValidationError(
                f"{path}: --dt, --steps, --readout and --as-netx are for files of lava-dl, "
                "--reset-interval for quantised networks"
            )
