"""Decay codebooks of measured and published populations of time constants.

``python benchmarks/codebooks.py`` prints the error of K shared decay words beside that of the best
K real time constants there are (the optimum without words), and of a core's profile limit spread
over more cores; ``--figure codebooks.png`` draws it. The gammas are those of ``N`` neurons as
printed in Perez-Nieves et al. (2021), clipped to 1.5 .. 200 ms; the measured ones are the Allen
Institute's mouse V1 L4 and human MTG cells, read from HETLAVA_DATA.
"""

import csv
import io
import os
import time
import zipfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from hetlava.codebook import Codebook, build
from hetlava.fixedpoint import decay_tau, decay_word

DT = 1e-3
GAMMAS = {"gamma(1.64, 13.4 ms)": (1.64, 13.4), "gamma(3.18, 9.11 ms)": (3.18, 9.11)}
MEASURED = {"mouse V1 L4, measured": "mouse_v1_l4", "human MTG, measured": "human_mtg"}
CURVES = (
    ("quantiles", ":", "quantiles"),
    ("grid", "--", "uniform grid in log tau"),
    ("log rms", "-", "codebook"),
    ("optimum", "-.", "best real time constants"),
)
TICKS = (2, 5, 10, 20, 50, 100)  # [ms]
KS = (4, 8, 16, 31, 32, 64, 128)


def populations(n: int, seed: int) -> dict[str, np.ndarray]:
    """Return time constants [s] by name; the measured ones where their file is."""
    rng = np.random.default_rng(seed)
    found = {
        name: np.clip(rng.gamma(shape, scale, n), 1.5, 200.0) * 1e-3
        for name, (shape, scale) in GAMMAS.items()
    }
    path = Path(os.environ.get("HETLAVA_DATA", "")) / "allen_tau" / "allen-cell-types-tau.zip"
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            for name, stem in MEASURED.items():
                text = archive.read(f"allen/{stem}_spiny_tau_ms.csv").decode()
                rows = csv.DictReader(io.StringIO(text))
                found[name] = np.array([float(row["tau_ms"]) for row in rows]) * 1e-3
    return found


def real_optimum(taus: np.ndarray, k: int) -> float:
    """Return the rms distance in log tau to the best ``k`` real time constants.

    The plain recursion over sorted points, quadratic and independent of the search that is tested.
    """
    x = np.sort(np.log(taus))
    x -= x.mean()
    sums = np.concatenate([[[0.0] * x.size], [x], [x**2]])
    s = np.concatenate([np.zeros((3, 1)), np.cumsum(sums, axis=1)], axis=1)
    i, j = np.arange(x.size)[:, None], np.arange(1, x.size + 1)[None, :]
    cost = s[2][j] - s[2][i] - (s[1][j] - s[1][i]) ** 2 / np.maximum(j - i, 1)
    cost[i >= j] = np.inf
    total = cost[0]
    for _ in range(k - 1):
        total = np.min(np.concatenate([[0.0], total[:-1]])[:, None] + cost, axis=0)
    return float(np.sqrt(max(total[-1], 0.0) / x.size))


def log_rms(taus: np.ndarray, words: np.ndarray) -> float:
    """Return the rms distance in log tau to the nearest of decay words."""
    levels = np.log(decay_tau(np.asarray(words, np.int32), DT))
    return float(np.sqrt(np.mean(np.min(np.abs(np.log(taus)[:, None] - levels), axis=1) ** 2)))


def log_grid(taus: np.ndarray, k: int) -> np.ndarray:
    """Return the words of a uniform grid in log tau between the shortest and the longest."""
    grid = np.geomspace(taus.min(), taus.max(), 2 * k + 1)[1::2]
    return np.unique(decay_word(grid, DT).clip(1, 4095))


def quantiles(taus: np.ndarray, k: int) -> np.ndarray:
    """Return the words of equally populated classes."""
    q = np.quantile(taus, (np.arange(k) + 0.5) / k)
    return np.unique(decay_word(q, DT).clip(1, 4095))


def row(taus: np.ndarray, k: int) -> dict[str, float]:
    """Return the figures of one population and number of words, errors in percent."""
    start = time.process_time()
    book = build(taus, k, dt=DT)
    seconds = time.process_time() - start
    best = real_optimum(taus, k)
    minimax = build(taus, k, dt=DT, method="minimax")
    found = log_rms(taus, book.words[:, 0])
    return {
        "K": k,
        "rms": 100 * float(book.rms[0]),
        "largest": 100 * float(book.worst[0]),
        "minimax largest": 100 * float(minimax.worst[0]),
        "log rms": 100 * found,
        "optimum": 100 * best,
        "above": 100 * (found / best - 1) if best else 0.0,
        "grid": 100 * log_rms(taus, log_grid(taus, k)),
        "quantiles": 100 * log_rms(taus, quantiles(taus, k)),
        "ms": 1e3 * seconds,
    }


def main(
    n: Annotated[int, typer.Option(help="Neurons of the gamma populations.")] = 1024,
    seed: int = 0,
    figure: Annotated[Path | None, typer.Option(help="Draw it, .png.")] = None,
) -> None:
    """Print the tables, and draw them if asked."""
    console, figures = Console(), {}
    for name, taus in populations(n, seed).items():
        rows = [row(taus, k) for k in KS if k < taus.size]
        table = Table(
            *(str(key) for key in rows[0]), title=f"{name}, {taus.size} neurons; errors %"
        )
        for values in rows:
            table.add_row(str(values["K"]), *(f"{v:.3g}" for v in list(values.values())[1:]))
        console.print(table)
        figures[name] = (taus, rows)
    console.print(
        "rms, largest: of tau, relative. log rms, optimum, grid, quantiles: rms in log tau; above: "
        "the words' log rms above that of the best real time constants"
    )
    if figure is not None:
        draw(figure, figures)
        console.print(f"wrote {figure}")


def draw(path: Path, figures: dict[str, tuple[np.ndarray, list[dict[str, float]]]]) -> None:
    """Draw each population with its 32 words, and the errors against their number."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12, 6), layout="constrained")
    axes = picture.subplots(2, len(figures), squeeze=False)
    for (upper, lower), (name, (taus, rows)) in zip(axes.T, figures.items(), strict=True):
        words(upper, name, taus, build(taus, 32, dt=DT))
        for key, style, label in CURVES:
            lower.loglog(
                [r["K"] for r in rows], [r[key] for r in rows], style, marker=".", label=label
            )
        lower.set(xlabel="shared decay words K", ylabel="rms error of log tau, %")
    curves, labels = axes[1, 0].get_legend_handles_labels()
    picture.legend(curves, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    picture.savefig(path, dpi=110)


def words(axes: Any, name: str, taus: np.ndarray, book: Codebook) -> None:
    """Draw a population as a histogram and the words of a codebook as lines in it."""
    ms = 1e3 * taus
    axes.hist(ms, np.geomspace(ms.min(), ms.max(), 40), color="#a0aec0")
    for word in book.words[:, 0]:
        tau = 1e3 * float(decay_tau(np.array([word], np.int32), DT)[0])
        axes.axvline(tau, ymax=0.12, color="#dd6b20", lw=1)
    axes.set(xscale="log", xlabel="tau [ms], words below", ylabel="neurons", title=name)
    shown = [tick for tick in TICKS if ms.min() <= tick <= ms.max()]
    axes.set_xticks(shown, [str(tick) for tick in shown])
    axes.minorticks_off()


if __name__ == "__main__":
    typer.run(main)
