"""``python -m hetlava`` is ``hetlava``."""

from hetlava.cli import main

main()
