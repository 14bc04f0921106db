"""From a trained network to integers, with all that ``hetlava export`` can be asked for."""

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from hetlava.chip_spec import ChipSpec, Sourced
from hetlava.cli.measuring import measured_sharing
from hetlava.errors import UnsupportedError, ValidationError
from hetlava.hardware.core_sharing import Sharing, quantise_sharing
from hetlava.hardware.targets import target
from hetlava.network import Network
from hetlava.quantised import QuantisedNetwork
from hetlava.report.tables import budget_tables, parity_tables
from hetlava.scaling import Precision
from hetlava.threshold_folding import fold_thresholds


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a network is to be rounded.

    Attributes
    ----------
    precision, sharing
        Bits, and codebooks of decays.
    sensitivity : str
        What neurons are weighed by in a codebook: ``none``, ``spikes`` or ``loss``.
    make_up_leak : bool
        Decay words make up for truncation.
    fold_thresholds : bool
        Weights are scaled for thresholds to become equal.
    finetune, resume : int or None, bool
        Epochs of training with the shared decays, and whether to go on with one that was stopped.
    data : str or None
        Data set for what is measured and trained; the network's by default.
    """

    precision: Precision = field(default_factory=Precision)
    sharing: Sharing = field(default_factory=Sharing)
    sensitivity: str = "none"
    make_up_leak: bool = False
    fold_thresholds: bool = False
    finetune: int | None = None
    resume: bool = False
    data: str | None = None

    def __post_init__(self) -> None:
        if self.finetune is None and self.resume:
            raise ValidationError("--resume belongs to --finetune")
        if self.finetune is not None and not self.sharing.coarse:
            raise ValidationError("--finetune trains with shared decays; add --codebook")
        if self.finetune is not None and self.fold_thresholds:
            raise ValidationError("--finetune trains the network as it is; fold thresholds later")

    @property
    def needs_data(self) -> bool:
        """Whether anything is measured on samples."""
        return self.sensitivity != "none" or self.make_up_leak or self.finetune is not None


def rounded(
    model: Path, net: Network, spec: Sourced, asked: Asked, console: Console
) -> QuantisedNetwork:
    """Round a network as asked and print what that cost; fine-tuning writes a further model."""
    if isinstance(spec, ChipSpec):
        quantised = _for_cores(model, net, spec, asked, console)
    else:
        quantised = _for_another(net, spec, asked)
    for made in budget_tables(quantised.provenance["budget"]):  # type: ignore[arg-type]
        console.print(made)
    differences = quantised.provenance.get("differences")
    for text in differences if isinstance(differences, list) else ():
        console.print(f"other than in training: {text}", style="yellow")
    return quantised


def as_asked(
    net: Network, spec: Sourced, precision: Precision, sharing: Sharing
) -> QuantisedNetwork:
    """Round a network for a chip of any kind, measuring and printing nothing."""
    if isinstance(spec, ChipSpec):
        return quantise_sharing(net, spec, precision, sharing)
    return _for_another(net, spec, Asked(precision=precision, sharing=sharing))


def _for_another(net: Network, spec: Sourced, asked: Asked) -> QuantisedNetwork:
    """Round for a chip that is not made of cores like Loihi's, which has its own way."""
    if asked != Asked():
        raise UnsupportedError(
            f"{spec.name}: --weight-bits, --decay-bits, --codebook, --finetune, "
            "--fold-thresholds and --no-netx are for cores like Loihi's"
        )
    made = target(spec.name).quantise(net)
    if not isinstance(made, QuantisedNetwork):
        raise UnsupportedError(f"{spec.name}: is not programmed by integers")
    return made


def _for_cores(
    model: Path, net: Network, chip: ChipSpec, asked: Asked, console: Console
) -> QuantisedNetwork:
    if asked.fold_thresholds:
        net, folded = fold_thresholds(net)
        for name, (count, left) in folded.items():
            console.print(f"{name}: folded {count} thresholds into weights, {left} distinct left")
    sharing = measured_sharing(
        net,
        chip,
        asked.precision,
        asked.sharing,
        (asked.sensitivity, asked.make_up_leak),
        asked.data,
    )
    _say_more_than_a_core(chip, sharing, console)
    if asked.finetune is None:
        return quantise_sharing(net, chip, asked.precision, sharing)
    return _finetuned(model, net, chip, (asked, sharing), console)


def _say_more_than_a_core(chip: ChipSpec, sharing: Sharing, console: Console) -> None:
    """Say so if a layer has more pairs than a core can hold: it needs several cores."""
    room = chip.decay_profiles
    if sharing.per == "layer" and sharing.k is not None and 0 < room < sharing.k:
        source = chip.sources["decay_profiles"].text
        console.print(
            f"{sharing.k} pairs of decays are more than the {room} of a core of {chip.name} "
            f"({source}): a layer that uses all needs {-(-sharing.k // room)} cores",
            style="yellow",
        )


def _finetuned(
    model: Path,
    net: Network,
    chip: ChipSpec,
    how: tuple[Asked, Sharing],
    console: Console,
) -> QuantisedNetwork:
    """Return the network after training with its shared decays; writes it in floats too."""
    from hetlava.cli.finetuning import finetune_with_progress, finetuned_path
    from hetlava.train.codebook_finetune import FineTuning
    from hetlava.train.model_file import write_model

    asked, sharing = how
    path = finetuned_path(model)
    tuning = FineTuning(
        epochs=asked.finetune or 0, checkpoint=path.with_suffix(".ckpt"), resume=asked.resume
    )
    rounding = asked.precision, sharing
    tuned = finetune_with_progress(net, chip, rounding, asked.data, tuning, console)
    write_model(path, tuned.network)
    for made in parity_tables(tuned.lost)[:1]:
        console.print(made)
    console.print(f"wrote {path}, the network that was rounded, in seconds and volts")
    return tuned.quantised
