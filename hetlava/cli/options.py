"""Options that several commands share, spelled once."""

from pathlib import Path
from typing import Annotated

import typer


def writable(path: Path | None) -> Path | None:
    """Refuse, before hours of running, a file that cannot be written.

    Raises
    ------
    DataError
        As :func:`hetlava.files.to_write`.
    """
    if path is not None:
        from hetlava.files import to_write

        to_write(path)
    return path


ModelFile = Annotated[Path, typer.Argument(help="A trained network, model.pt.")]
NetFile = Annotated[Path, typer.Argument(help="A quantised network, model.net.")]
Dt = Annotated[
    str | None, typer.Option("--dt", help="lava-dl: step, such as 1ms, if the file says none.")
]
Steps = Annotated[
    int | None, typer.Option(help="lava-dl: steps of a sample, if the file says none.", min=1)
]
ReadOut = Annotated[
    str | None,
    typer.Option("--readout", help="lava-dl: how the last layer is read: spike-count, ..."),
]
AsNetx = Annotated[
    bool,
    typer.Option("--as-netx", help="lava-dl: as its loader computes it, not as SLAYER trained it."),
]
Target = Annotated[
    str | None, typer.Option(help="Chip to round for: loihi1 or loihi2. Default: loihi2.")
]
Chip = Annotated[str | None, typer.Option(help="A chip's name, or a TOML file that describes one.")]
Data = Annotated[str, typer.Option(help="Data set: digits, nmnist, mnist:rate, ... (README).")]
Split = Annotated[str, typer.Option(help="Part of the data set: train, test, valid or all.")]
Limit = Annotated[int | None, typer.Option(help="Take the first N samples only.", min=1)]
Threads = Annotated[int | None, typer.Option(help="Threads of the simulator.", min=1)]
Workers = Annotated[
    int, typer.Option(help="Processes to share the work among; results do not depend on it.", min=1)
]
Dask = Annotated[
    str | None, typer.Option(help="Address of a Dask scheduler to run on, tcp://host:8786.")
]
WeightBits = Annotated[int, typer.Option(help="Bits of a weight.", min=2, max=8)]
DecayBits = Annotated[int, typer.Option(help="Bits of a decay word.", min=1, max=12)]
Netx = Annotated[
    bool,
    typer.Option(help="Keep to what lava-dl's own loader can hold (no weight exponent above 0)."),
]
LavaPython = Annotated[
    Path | None,
    typer.Option(help="A Python that has lava-nc, to run Lava's targets in; needs no hetlava."),
]
LavaTimeout = Annotated[
    float, typer.Option(help="Seconds without a finished sample that it is given.", min=0.1)
]
Codebook = Annotated[
    int | None,
    typer.Option(help="Let neurons share this many pairs of decays (du, dv).", min=1),
]
CodebookPer = Annotated[
    str, typer.Option(help="Who shares them: layer, or core (then as many as it has, or fewer).")
]
CodebookMethod = Annotated[
    str, typer.Option(help="Least mean (rms) or least largest (minimax) error of log tau.")
]
CodebookWeights = Annotated[
    str,
    typer.Option(
        help="Weigh the neurons' errors by none, by their spikes, or by what the loss minds."
    ),
]
MismatchSet = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a number of the mismatch: tau_mem=0.2; repeatable."),
]
MakeUpLeak = Annotated[
    bool,
    typer.Option(
        "--make-up-leak", help="Decay words that make up for truncation at measured amplitudes."
    ),
]
FoldThresholds = Annotated[
    bool,
    typer.Option("--fold-thresholds", help="Scale weights for equal thresholds where exact."),
]
CodebookPerCore = Annotated[
    int | None,
    typer.Option("--per-core", help="Neurons to a core at most, with --codebook-per core.", min=1),
]
