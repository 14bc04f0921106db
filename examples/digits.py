"""The whole flow on real handwritten digits: train, quantise, simulate, verify."""

import subprocess
import sys
from pathlib import Path

OUT = Path("runs/digits")
COMMANDS = (
    "train --slayer digits --tau-mem gamma:20ms,shape=3 --learn-tau neuron --out model.pt",
    "export model.pt --target loihi2",
    "run model.net --data digits",
    "verify model.pt --target loihi2 --data digits --max-drop 1.0 --figure parity.png",
)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for command in COMMANDS:
        print(f"\n$ hetlava {command}", flush=True)
        subprocess.run([sys.executable, "-m", "hetlava", *command.split()], cwd=OUT, check=True)
    print(f"\nmodel, network and picture are in {OUT}/")


if __name__ == "__main__":
    main()
