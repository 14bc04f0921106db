"""``hetlava train``: from recordings to a float network with time constants per neuron."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hetlava.cli.options import writable

if TYPE_CHECKING:
    from hetlava.network import Network
    from hetlava.train.config import TrainConfig

TAU = (
    "constant:20ms, gamma:20ms,shape=3, lognormal:20ms,sigma=0.5, uniform:5ms,35ms, levels:1ms,2ms"
)
VOLTS = "uniform:0.5V,1.5V, levels:1V,2V, gamma:1V,shape=9"


def train(
    start: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]",
            help="With --resume --qat: the model or checkpoint to go on from, OUT.ckpt if none.",
        ),
    ] = None,
    slayer: Annotated[
        str | None,
        typer.Option(
            help="Train the blocks of lava-dl's SLAYER on this data set: digits, nmnist..."
        ),
    ] = None,
    norse: Annotated[
        str | None, typer.Option(help="Train the cells of norse on this data set.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the network goes.", callback=writable)] = Path(
        "model.pt"
    ),
    tau_mem: Annotated[
        str | None, typer.Option(help=f"Membrane time constants, drawn per neuron: {TAU}.")
    ] = None,
    tau_syn: Annotated[
        str | None, typer.Option(help="Synaptic time constants, written alike.")
    ] = None,
    learn_tau: Annotated[
        str | None,
        typer.Option(
            help="Learn time constants per neuron, per channel of an image, one factor per layer, "
            "or none."
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            help="Hidden layers: 128 or 256,128; of images 16c5,2p,32c3,128: NcK is N channels of "
            "a K x K kernel (16c5s2p1: stride 2, padding 1), Kp sums over K x K."
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(help=f"Firing threshold: 4V for all, or drawn per neuron: {VOLTS}."),
    ] = None,
    rest: Annotated[
        str | None, typer.Option(help="Resting potential, which the membrane leaks to: 0V.")
    ] = None,
    reset: Annotated[
        str | None,
        typer.Option(help="Potential that a spike leaves and samples begin at, written alike: 0V."),
    ] = None,
    learn: Annotated[
        list[str] | None,
        typer.Option(
            help="PARAM=HOW, may be repeated: tau_mem, tau_syn, threshold, rest or reset is fixed, "
            "learned per layer, channel or neuron. Goes before --learn-tau."
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            help="Learn time constants as log-tau, decay or logit; tau_syn=decay for one of them."
        ),
    ] = None,
    clip: Annotated[
        list[str] | None,
        typer.Option(
            help="Where values are kept, drawn ones too: chip, paper2021 or code2021 (time "
            "constants), tau_mem=2ms,100ms, threshold=0.5V,1.5V; may be repeated."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Times through the data.")] = None,
    batch: Annotated[int | None, typer.Option(help="Samples per step of the optimiser.")] = None,
    lr: Annotated[float | None, typer.Option(help="Adam's rate for the weights.")] = None,
    lr_tau: Annotated[
        float | None, typer.Option(help="Adam's rate for the logarithms of the time constants.")
    ] = None,
    lr_of: Annotated[
        list[str] | None,
        typer.Option(help="PARAM=RATE of one parameter, may be repeated: threshold=0.001."),
    ] = None,
    shift: Annotated[
        int | None, typer.Option(help="Move training images by up to this many pixels.")
    ] = None,
    augment: Annotated[
        list[str] | None,
        typer.Option(
            help="Change training recordings at random, may be repeated: noise:1.2Hz, "
            "delete:0.001, time-scale:0.5, time-jitter:2ms, spatial-jitter:1, channel-shift:20; "
            "none in place of a preset's."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that make augmented batches.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps binned and transformed data for the next run."),
    ] = None,
    drop: Annotated[
        float | None, typer.Option(help="Share of the hidden neurons dropped in training.")
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(help="spike-count; with --norse also max-over-time, last or mean voltage."),
    ] = None,
    recurrent: Annotated[
        bool | None,
        typer.Option(
            "--recurrent/--no-recurrent",
            help="Dense hidden layers project onto themselves (norse).",
        ),
    ] = None,
    surrogate: Annotated[
        str | None,
        typer.Option(
            help="Derivative of the spike (norse): superspike, fast-sigmoid, atan, triangle or "
            "exponential."
        ),
    ] = None,
    regularise: Annotated[
        list[str] | None,
        typer.Option(
            help="Penalty, may be repeated: variance:0.01, log-variance:0.1, l2:0.1 (from the "
            "first values) of tau_mem, PARAM=variance:0.01 of others; rate:20Hz,0.1."
        ),
    ] = None,
    qat: Annotated[
        bool | None,
        typer.Option(
            "--qat/--no-qat",
            help="Train for the chip: weights, decays and thresholds on its grid, the forward pass "
            "what it computes.",
        ),
    ] = None,
    qat_ramp: Annotated[
        float | None,
        typer.Option(help="Share of the epochs in which --qat rounds by degrees: 0.3."),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(help="fused: compiled layers; plain: the library's own path, slower."),
    ] = None,
    mismatch: Annotated[
        str | None,
        typer.Option(
            help="Train on virtual dies, a new one in every batch: bss2-calibrated, "
            "bss2-uncalibrated, ..., or a TOML file."
        ),
    ] = None,
    mismatch_set: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a number of the mismatch: tau_mem=0.2; repeatable."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is drawn: 0.")] = None,
    dt: Annotated[str | None, typer.Option(help="Length of a step: 1ms.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps per sample.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of the CPU: 1; another number rounds apart.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint, OUT.ckpt.")
    ] = False,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file with any of these; options here override it."),
    ] = None,
    print_config: Annotated[
        bool,
        typer.Option("--print-config", help="Print the run as such a file, and train nothing."),
    ] = False,
) -> None:
    """Train a spiking network; Ctrl-C leaves a checkpoint that --resume goes on from.

    What is not given is the data set's preset. Metrics go to metrics.jsonl beside OUT.
    hetlava train --resume model.pt --qat goes on from a trained network, as it was trained.
    torchrun --nproc-per-node 2 -m hetlava train ... shares every batch among processes.
    """
    from hetlava.cli.training import chosen_config
    from hetlava.units import parse_time

    config, begin, resume = chosen_config(
        {"slayer": slayer, "norse": norse},
        start,
        out.with_name(out.name + ".ckpt"),
        resume,
        file=config_file,
        qat=qat,
        qat_ramp=qat_ramp,
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        learn_tau=learn_tau,
        hidden=None if hidden is None else tuple(hidden.split(",")),
        threshold=threshold,
        rest=rest,
        reset=reset,
        learn=_texts(learn),
        space=_texts(space),
        clip=_texts(clip),
        epochs=epochs,
        batch=batch,
        lr=lr,
        lr_tau=lr_tau,
        lr_of=_texts(lr_of),
        shift=shift,
        drop=drop,
        augment=() if augment == ["none"] else _texts(augment),
        workers=workers,
        readout=readout,
        recurrent=recurrent,
        surrogate=surrogate,
        regularise=_texts(regularise),
        backend=backend,
        mismatch=mismatch,
        mismatch_changes=_texts(mismatch_set),
        seed=seed,
        dt=None if dt is None else parse_time(dt),
        n_steps=steps,
        device=device,
        threads=threads,
    )
    if print_config:
        from hetlava.train.config_file import to_toml

        typer.echo(to_toml(config), nl=False)
        return
    _train(config, out, begin, resume, cache)


def _texts(texts: list[str] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(texts)


def _train(
    config: "TrainConfig", out: Path, start: Path | None, resume: bool, cache_folder: Path | None
) -> None:
    from rich.console import Console

    from hetlava.cli.training import fit_with_progress, summary, what_was_drawn
    from hetlava.datasets import load
    from hetlava.datasets.cache import Cache
    from hetlava.train.distributed import joined
    from hetlava.train.model_file import write_model

    cache = None if cache_folder is None else Cache(cache_folder)
    recordings = load(config.dataset, "train", cache), load(config.dataset, "test", cache)
    checkpoint = out.with_name(out.name + ".ckpt")
    started: list[Network] = []
    with joined(config.device) as team:
        console = Console(quiet=not team.writes)
        try:
            network, last = fit_with_progress(
                config,
                recordings,
                checkpoint,
                console,
                start=start,
                resume=resume,
                team=team,
                cache=cache,
                on_start=started.append,
            )
        except KeyboardInterrupt:
            console.print(f"stopped; {checkpoint} is kept, go on with --resume", markup=False)
            raise
        if team.writes:
            write_model(out, network, what_was_drawn(started, config, resume))
    console.print(summary(network, last))
    console.print(f"wrote {out}; next: hetlava export {out}", markup=False, soft_wrap=True)
