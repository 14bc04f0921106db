"""Runs every benchmark of speed, then refreshes the tables of README.md and the plots.

    python benchmarks/all.py [--quick] [--rounds N]

Each runs in a process of its own, so that none inherits another's threads and memory.
"""

import subprocess
import sys
import time

from measuring import HERE

BENCHMARKS = ("startup", "limits", "scaling", "inference")


def main() -> None:
    for name in (*BENCHMARKS, "tables"):
        passed_on = [] if name == "tables" else sys.argv[1:]
        start = time.perf_counter()
        subprocess.run([sys.executable, HERE / f"{name}.py", *passed_on], check=True)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
