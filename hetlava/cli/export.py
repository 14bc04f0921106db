"""``hetlava export``: round a trained network for a chip and write it, or hand it to Lava."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.options import (
    AsNetx,
    Chip,
    Codebook,
    CodebookMethod,
    CodebookPer,
    CodebookPerCore,
    CodebookWeights,
    DecayBits,
    Dt,
    FoldThresholds,
    MakeUpLeak,
    Netx,
    ReadOut,
    Steps,
    Target,
    WeightBits,
)

if TYPE_CHECKING:
    from rich.console import Console

    from hetlava.chip_spec import Sourced
    from hetlava.cli.rounding import Asked
    from hetlava.network import Network
    from hetlava.quantised import QuantisedNetwork
    from hetlava.recording import Recording

FORMATS = ("net", "lava", "nir")


def export(
    model: Annotated[
        Path,
        typer.Argument(
            help="A trained network, model.pt; a file of lava-dl; with --format lava any .net."
        ),
    ],
    target: Target = None,
    chip: Chip = None,
    out: Annotated[Path | None, typer.Option(help="Default: beside the model.")] = None,
    weight_bits: WeightBits = 8,
    decay_bits: DecayBits = 12,
    format: Annotated[
        str,
        typer.Option(
            help="net: lava-dl's HDF5. lava: a folder that runs with Lava alone. nir: the trained "
            "network itself, not rounded, for other simulators."
        ),
    ] = "net",
    netx: Netx = True,
    codebook: Codebook = None,
    codebook_per: CodebookPer = "layer",
    codebook_method: CodebookMethod = "rms",
    per_core: CodebookPerCore = None,
    codebook_weights: CodebookWeights = "none",
    make_up_leak: MakeUpLeak = False,
    fold_thresholds: FoldThresholds = False,
    finetune: Annotated[
        int | None,
        typer.Option(
            help="Train this many epochs with the shared decays first; writes MODEL-finetuned.pt."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a fine-tuning that was stopped.")
    ] = False,
    lists: Annotated[
        bool,
        typer.Option(
            "--lists",
            help="Hold matrices that are mostly zeros as lists of synapses, where these are "
            "smaller; lava-dl's loader takes none.",
        ),
    ] = False,
    compact: Annotated[
        bool,
        typer.Option(
            "--compact",
            help="net: store large weights in bytes even where lava-dl's loader, which reads none, "
            "could take the file.",
        ),
    ] = False,
    lif: Annotated[
        str | None,
        typer.Option(
            help="lava: a process per population (vector), or a stock LIF for each distinct (du, "
            "dv, vth) (levels). Default: vector."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="finetune: train on this data set; default the model's. lava: take the sample "
            "from it; default random spikes."
        ),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="lava: samples to check, 2.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="lava: of random spikes, 0.", min=0)] = None,
    dt: Dt = None,
    steps: Steps = None,
    readout: ReadOut = None,
    as_netx: AsNetx = False,
) -> None:
    """Quantise a trained network for a chip and write it; prints the error budget."""
    from rich.console import Console

    from hetlava.cli.chips import any_chip_to_round_for
    from hetlava.cli.contents import read_any
    from hetlava.cli.net_files import NetOptions
    from hetlava.cli.rounding import Asked
    from hetlava.errors import ValidationError
    from hetlava.files import to_write
    from hetlava.hardware.core_sharing import Sharing
    from hetlava.quantised import QuantisedNetwork, with_lists
    from hetlava.scaling import Precision

    if format not in FORMATS:
        raise ValidationError(f"format {format!r} is unknown; known: {', '.join(FORMATS)}")
    for option, value in (("lif", lif), ("samples", samples), ("seed", seed)):
        if format != "lava" and value is not None:
            raise ValidationError(f"--{option} belongs to --format lava")
    if compact and format != "net":
        raise ValidationError("--compact belongs to --format net")
    console = Console()
    precision = Precision(weight_bits=weight_bits, decay_bits=decay_bits, netx=netx)
    sharing = Sharing(
        k=codebook,
        per=codebook_per,  # type: ignore[arg-type]  # checked by the record
        method=codebook_method,  # type: ignore[arg-type]
        per_core=per_core,
    )
    asked = Asked(
        precision=precision,
        sharing=sharing,
        sensitivity=codebook_weights,
        make_up_leak=make_up_leak,
        fold_thresholds=fold_thresholds,
        finetune=finetune,
        resume=resume,
        data=data,
    )
    if data is not None and format != "lava" and not asked.needs_data:
        raise ValidationError(
            "--data belongs to --format lava, --finetune, --codebook-weights and --make-up-leak"
        )
    spec = any_chip_to_round_for(target, chip)
    if out is not None and format != "lava":
        to_write(out)
    read = read_any(model, NetOptions(dt, steps, readout, as_netx))
    if format == "nir":
        _write_nir(model, read, out, asked == Asked() and not (target or chip or lists), console)
        return
    if format == "net" and isinstance(read, QuantisedNetwork):
        _check_new(model, read, out)
    net = _network(model, read, spec, asked, console)
    net = with_lists(net) if lists else net
    if format == "net":
        _write_net(out or model.with_suffix(".net"), net, compact, console)
    else:
        folder = out or model.with_name(f"{model.stem}-lava")
        _write_lava(folder, net, lif or "vector", (data, samples or 2, seed or 0), console)


def _check_new(model: Path, net: "QuantisedNetwork", out: Path | None) -> None:
    """Check that a quantised network is lava-dl's, and is not written onto itself."""
    from hetlava.errors import ValidationError

    if net.provenance.get("format") != "lava-dl":
        raise ValidationError(f"{model}: is quantised already; --format lava hands it to Lava")
    if out is None or out.resolve() == model.resolve():
        raise ValidationError(f"{model}: name the new file with --out; lava-dl's own stays")


def _network(
    model: Path,
    read: "Network | QuantisedNetwork | Recording",
    spec: "Sourced",
    asked: "Asked",
    console: "Console",
) -> "QuantisedNetwork":
    """Return the network in integers; a trained one is rounded, with its error budget printed."""
    from hetlava.cli.rounding import Asked, rounded
    from hetlava.errors import ValidationError
    from hetlava.network import Network
    from hetlava.quantised import QuantisedNetwork

    if isinstance(read, Network):
        return rounded(model, read, spec, asked, console)
    if not isinstance(read, QuantisedNetwork):
        raise ValidationError(f"{model}: is a recording; export takes a network")
    if asked != Asked(data=asked.data):
        raise ValidationError(
            f"{model}: is quantised already, so --weight-bits, --decay-bits, --codebook, "
            "--finetune, --fold-thresholds and --no-netx come too late; give the trained model"
        )
    return read


def _write_net(path: Path, net: "QuantisedNetwork", compact: bool, console: "Console") -> None:
    from hetlava.export.net_hdf5 import stored_differences, write

    write(path, net, compact=compact)
    for reason in stored_differences(path):
        console.print(f"lava-dl's loader cannot take this file: {reason}", style="yellow")
    console.print(f"wrote {path} ({path.stat().st_size / 1024:.0f} KiB) for {net.chip}")


def _write_nir(
    model: Path,
    read: "Network | QuantisedNetwork | Recording",
    out: Path | None,
    plain: bool,
    console: "Console",
) -> None:
    from hetlava.errors import ValidationError
    from hetlava.export.nir_file import write_nir
    from hetlava.network import Network

    if not isinstance(read, Network):
        raise ValidationError(f"{model}: --format nir takes a trained network, model.pt")
    if not plain:
        raise ValidationError(
            "--format nir writes the trained network as it is, for no chip; options of rounding "
            "do not apply"
        )
    path = out or model.with_suffix(".nir")
    write_nir(path, read)
    console.print(f"wrote {path}, in seconds and volts, with a step of {1e3 * read.dt:g} ms")


def _write_lava(
    folder: Path,
    net: "QuantisedNetwork",
    lif: str,
    sample: tuple[str | None, int, int],
    console: "Console",
) -> None:
    import numpy as np

    from hetlava.cli.samples import load_samples
    from hetlava.export.lava_folder import random_inputs, write_folder

    data, n_samples, seed = sample
    if data is not None:
        inputs, _ = load_samples(net, data, "test", n_samples)
    else:
        inputs = random_inputs(net, np.random.default_rng(seed), n_samples)
    expected = write_folder(folder, net, inputs, lif=lif)  # type: ignore[arg-type]
    n_spikes = sum(spikes.n_events for spikes in expected.spikes)
    if not n_spikes:
        console.print("the sample makes no neuron spike; try one with --data", style="yellow")
    console.print(
        f"wrote {folder} for {net.chip}: in a Python with lava-nc, python graph.py checks a sample "
        f"of {n_spikes} spikes"
    )
