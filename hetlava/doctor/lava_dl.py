"""What SLAYER trained, lava-dl's loader netx or a chip would run otherwise."""

import re
from collections.abc import Iterator

from hetlava.doctor.findings import Case, Finding, listed, neurons

ROUNDED = 4096  # the threshold mantissa from which single precision loses SLAYER's 0.01


def weights_as_trained(case: Case) -> Iterator[Finding]:
    """The weights that SLAYER trained are those that lava-dl's loader runs."""
    for where, what, changed in _netx_changes(case):
        if changed:
            yield Finding(
                severity="warning",
                where=where,
                count=changed,
                text=f"{what}; hetlava runs what SLAYER trained",
                cure="for netx, even weights where a layer has both signs, and none below -255",
            )


def layers_as_trained(case: Case) -> Iterator[Finding]:
    """What SLAYER trained is what lava-dl's loader runs."""
    for where, what, changed in _netx_changes(case):
        if not changed:
            yield Finding(
                severity="note",
                where=where,
                count=_concerned(case, where),
                text=f"{what}; hetlava runs what SLAYER trained",
                cure="none is needed here; netx gives other spikes than the training did, or fails",
            )


def _netx_changes(case: Case) -> Iterator[tuple[str, str, int]]:
    """Where netx differs from the file, in which way, and how many weights it changes."""
    for text in listed(case, "netx_changes"):
        where, _, what = str(text).rpartition(": ")
        changed = re.search(r"changes (\d+) of", what)
        yield where, what, int(changed[1]) if changed else 0


def _concerned(case: Case, where: str) -> int:
    """Return the neurons of what lava-dl's file calls ``layer/<k>``, 1 if it is none."""
    layer = "".join(where.split("/")[:2])
    return next((p.registers.n for p in case.net.populations if p.name == layer), 1)


def thresholds_as_trained(case: Case) -> Iterator[Finding]:
    """SLAYER's thresholds are passed, as those of a chip, and not met."""
    if case.net.provenance.get("format") != "lava-dl":
        return
    for p in case.net.cuba_populations:
        text = (
            f"thresholds of {ROUNDED // 64} and more (mantissa {ROUNDED}): SLAYER spikes where v "
            "equals them, a chip only above"
        )
        cure = "train with a lower threshold and weights as much smaller"
        met = (p.cuba.vth >= ROUNDED) & p.cuba.spiking
        yield from neurons("note", f"{p.name}.vth", met, text, cure)
