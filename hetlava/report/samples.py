"""Tables of what a data set holds."""

from collections.abc import Sequence

from rich.table import Table

from hetlava.datasets.statistics import Spread, Statistics
from hetlava.report.tables import table

BAR = 10  # characters of the longest bar: two of them fit a terminal


def dataset_tables(splits: Sequence[Statistics]) -> list[Table]:
    """Return splits of one data set side by side: sizes, classes, and spikes over time."""
    names = [s.split for s in splits]
    rows = (
        ("recordings", *(int(s.classes.sum()) for s in splits)),
        ("channels", *(s.n_channels for s in splits)),
        ("channels with spikes", *(s.active_channels for s in splits)),
        ("spikes of a recording", *(_spread(s.spikes, 1) for s in splits)),
        ("nominal duration, ms", *(f"{1e3 * s.duration:g}" for s in splits)),
        ("last spike, ms", *(_spread(s.last, 1e3) for s in splits)),
    )
    classes = [(k, *(int(s.classes[k]) for s in splits)) for k in range(splits[0].classes.size)]
    return [
        table(f"{splits[0].name} (min..median..max)", ("", *names), rows),
        table("Recordings by class", ("class", *names), classes),
        _profile(splits),
    ]


def _profile(splits: Sequence[Statistics]) -> Table:
    first = splits[0]
    most = max(float(s.profile.max()) for s in splits) or 1.0
    rows: list[Sequence[object]] = [
        (
            f"{k * first.bin_ms} .. {(k + 1) * first.bin_ms}",
            *(cell for s in splits for cell in (f"{s.profile[k]:.3g}", _bar(s.profile[k] / most))),
        )
        for k in range(first.profile.size)
    ]
    rows.append(("later", *(cell for s in splits for cell in (f"{s.later:.3g}", ""))))
    columns = ("ms", *(cell for s in splits for cell in (f"{s.split}: spikes/ms", "")))
    made = table("Spikes of a recording over time", columns, rows)
    for bars in made.columns[2::2]:
        bars.justify = "left"
    return made


def _bar(share: float) -> str:
    return "#" * round(BAR * share)


def _spread(spread: Spread, scale: float) -> str:
    return "..".join(f"{scale * value:.6g}" for value in spread)
