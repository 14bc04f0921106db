"""``hetlava verify``: the parity gate for CI."""

from pathlib import Path
from typing import Annotated

import typer

from hetlava.cli.options import (
    AsNetx,
    Chip,
    Codebook,
    CodebookMethod,
    CodebookPer,
    CodebookPerCore,
    Data,
    DecayBits,
    Dt,
    LavaPython,
    LavaTimeout,
    Limit,
    Netx,
    ReadOut,
    Split,
    Steps,
    Target,
    Threads,
    WeightBits,
    writable,
)


def verify(
    model: Annotated[
        Path, typer.Argument(help="A trained network, model.pt, or a file of lava-dl, .net.")
    ],
    target: Target = None,
    chip: Chip = None,
    data: Data = "digits",
    split: Split = "test",
    limit: Limit = None,
    max_drop: Annotated[float, typer.Option(help="Points of accuracy that may be lost.")] = 1.0,
    also: Annotated[
        list[str] | None, typer.Option(help="A further target to compare, such as lava-cpu.")
    ] = None,
    weight_bits: WeightBits = 8,
    decay_bits: DecayBits = 12,
    netx: Netx = True,
    codebook: Codebook = None,
    codebook_per: CodebookPer = "layer",
    codebook_method: CodebookMethod = "rms",
    per_core: CodebookPerCore = None,
    threads: Threads = None,
    lava_python: LavaPython = None,
    lava_timeout: LavaTimeout = 300.0,
    net_file: Annotated[
        Path | None,
        typer.Option(
            "--net", help="Compare with this quantised network, as it was exported, instead."
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the comparison as JSON.", callback=writable)
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write the rungs as JUnit XML.", callback=writable)
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the comparison, .png.", callback=writable)
    ] = None,
    dt: Dt = None,
    steps: Steps = None,
    readout: ReadOut = None,
    as_netx: AsNetx = False,
) -> None:
    """Climb from float over rounded parameters to integers; exit 1 if too much is lost.

    Of a file of lava-dl, old.net: from SLAYER as it was trained to the integers and to netx.
    """
    from rich.console import Console

    from hetlava.cli.chips import any_chip_to_round_for
    from hetlava.cli.contents import is_quantised
    from hetlava.cli.net_files import NetOptions
    from hetlava.cli.rounding import as_asked
    from hetlava.cli.samples import load_samples
    from hetlava.errors import ValidationError
    from hetlava.export.net_hdf5 import read
    from hetlava.hardware.core_sharing import Sharing
    from hetlava.hardware.lava_elsewhere import located
    from hetlava.report.ladder import climb
    from hetlava.report.tables import parity_tables
    from hetlava.scaling import Precision
    from hetlava.train.model_file import read_model

    options = NetOptions(dt, steps, readout, as_netx)
    precision = Precision(weight_bits=weight_bits, decay_bits=decay_bits, netx=netx)
    sharing = Sharing(
        k=codebook,
        per=codebook_per,  # type: ignore[arg-type]  # checked by the record
        method=codebook_method,  # type: ignore[arg-type]
        per_core=per_core,
    )
    if is_quantised(model):
        from hetlava.cli.verify_net import NetCheck, verify_net

        given = (target, chip, figure, net_file, precision, sharing)
        _refuse_rounding(model, given != (None, None, None, None, Precision(), Sharing()))
        check = NetCheck(
            options=options,
            data=data,
            split=split,
            limit=limit,
            max_drop=max_drop,
            also=tuple(also or ()),
            threads=threads,
            lava_python=lava_python,
            lava_timeout=lava_timeout,
            json=json,
            junit=junit,
        )
        verify_net(model, check)
        return
    options.refuse(model)
    further = located(also or (), lava_python, lava_timeout)
    net = read_model(model)
    if net_file is None:
        spec = any_chip_to_round_for(target, chip)
        quantised = as_asked(net, spec, precision, sharing)
    elif (precision, sharing, target, chip) != (Precision(), Sharing(), None, None):
        raise ValidationError(f"{net_file}: is rounded already; --net takes no options of rounding")
    else:
        quantised = read(net_file)
    inputs, labels = load_samples(net, data, split, limit)
    console = Console()
    with console.status("running") as status:
        ladder = climb(
            net,
            quantised,
            inputs,
            labels,
            max_drop=max_drop,
            also=further,
            threads=threads,
            progress=lambda rung: status.update(f"running: {rung}"),
        )
    for made in parity_tables(ladder.rungs):
        console.print(made)
    if json is not None:
        from hetlava.report.parity_json import write_json

        write_json(json, ladder, max_drop)
    if junit is not None:
        from hetlava.report.junit import write_junit

        write_junit(junit, ladder.rungs, ladder.failures)
    if figure is not None:
        from hetlava.report.figures import draw_ladder

        draw_ladder(figure, net, quantised, inputs, ladder)
    for reason in filter(None, ladder.failures):
        console.print(f"FAILED {reason}", style="bold red")
    if not ladder.passed:
        raise typer.Exit(1)
    console.print(f"passed: at most {max_drop:g} points lost", style="green")


def _refuse_rounding(model: Path, given: bool) -> None:
    from hetlava.errors import ValidationError

    if given:
        raise ValidationError(
            f"{model}: is quantised already, so that --net, --target, --chip, --figure, "
            "--no-netx, --weight-bits, --decay-bits and --codebook do not apply"
        )
