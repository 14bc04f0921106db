"""Writes the latest results into README.md and draws them; reads results/*.json only.

python benchmarks/tables.py
"""

import re
from typing import Any

import inference
import plots
from measuring import HERE, RESULTS, each, load

README = HERE / "README.md"


def markdown(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """Return a table whose first column is left-aligned."""
    lines = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def where(found: dict[str, Any]) -> str:
    """Say what the figures were measured on."""
    m = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    return (
        f"Measured on {m['cores']} cores of {m['processor']}, Python {m['python']}, {versions}; "
        f"load {m['load']} at the end."
    )


def of_inference(found: dict[str, Any]) -> str:
    """Return a table for each network."""
    parts = [where(found)]
    for name, rows in each(found["rows"], "case"):
        active = ", ".join(f"{k} {100 * rate:.1f} %" for k, rate in rows[0]["rates"].items())
        lines = [
            (r["system"], r["batch"], r["threads"], f"{1e3 * r['median']:.3f}",
             *inference.ratios(r, rows))
            for r in rows
        ]  # fmt: skip
        columns = ("system", "batch", "threads", "ms per sample", "times Lava", "hetlava is")
        parts.append(f"**{name}**, {rows[0]['steps']} steps; spikes per neuron and step: {active}")
        parts.append(markdown(columns, lines))
    return "\n\n".join(parts)


def of_scaling(found: dict[str, Any]) -> str:
    """Return the fitted exponents and the ends of each axis."""
    lines = []
    for axis in found["rows"]:
        first, last = axis["points"][0], axis["points"][-1]
        cost = [f"{1e6 * p['seconds'] / p['steps']:.3g}" for p in (first, last)]
        lines.append(
            (axis["name"], f"{first['x']:g} .. {last['x']:g}", " .. ".join(cost),
             f"{axis['fitted_from']:g}", f"{axis['exponents']['by x']:.2f}",
             f"{axis['exponents']['by synops']:.2f}")
        )  # fmt: skip
    columns = ("axis", "range", "us per step", "fitted from", "exponent", "exponent in synops")
    return where(found) + "\n\n" + markdown(columns, lines)


def of_limits(found: dict[str, Any]) -> str:
    """Return bytes, limit and time of each network."""
    rows = found["rows"]
    read = ", ".join(f"{k} {1e-9 * v:.0f} GB/s" for k, v in rows["bandwidth"].items())
    lines = [
        (r["case"], f"{1e-6 * r['weight_bytes']:.2f}", f"{1e-6 * r['state_bytes']:.2f}",
         f"{1e3 * r['limit']:.3f}", f"{1e3 * r['seconds']:.3f}", f"{100 * r['fraction']:.0f} %")
        for r in rows["cases"]
    ]  # fmt: skip
    columns = ("network", "weights MB", "state MB", "limit ms", "took ms", "of the limit")
    return f"{where(found)} One core reads: {read}.\n\n" + markdown(columns, lines)


def of_startup(found: dict[str, Any]) -> str:
    """Return the times before the first result, and what memory is held."""
    rows, held = found["rows"]["times"], found["rows"]["memory"]
    lines = [(r["what"], f"{r['seconds']:.2f} s") for r in rows]
    lines += [
        ("peak memory of 2312-512-512-10 on 32 samples", f"{1e-6 * held['peak']:.0f} MB"),
        ("of which before any network", f"{1e-6 * held['idle']:.0f} MB"),
        ("per dense 8-bit synapse, made ready", f"{held['dense']:.2f} bytes"),
        ("per listed synapse, made ready", f"{held['listed']:.2f} bytes"),
        ("per neuron, made ready, of a million", f"{held['neuron']:.1f} bytes"),
        ("per neuron, at the peak of a run, of a million", f"{held['running']:.1f} bytes"),
        (
            "the same of the process, with what the allocator keeps",
            f"{held['resident']:.1f} bytes",
        ),
    ]
    return where(found) + "\n\n" + markdown(("what", "value"), lines)


PICTURES = {
    "inference": "ms per sample of each system",
    "scaling": "time along each axis",
    "limits": "limit and time of each network",
    "startup": "seconds before the first result",
}
TABLES = {
    "inference": of_inference,
    "scaling": of_scaling,
    "limits": of_limits,
    "startup": of_startup,
}


def main() -> None:
    text = README.read_text()
    for name, table in TABLES.items():
        if not (RESULTS / f"{name}.json").is_file():
            continue
        found = load(name)
        plots.draw(name, found["rows"])
        picture = f"![{PICTURES[name]}](results/{name}.svg)"
        block = f"<!-- {name} -->\n\n{picture}\n\n{table(found)}\n\n<!-- end of {name} -->"
        pattern = rf"<!-- {name} -->.*?<!-- end of {name} -->"
        text, n = re.subn(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
        if n != 1:
            raise SystemExit(f"README.md: no place marked for {name}")
    README.write_text(text)


if __name__ == "__main__":
    main()
