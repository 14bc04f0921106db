"""Xylo Audio 2 as a target: its integer rules, spike for spike those of xylosim."""

from hetlava.chip_xylo import XYLO2
from hetlava.hardware import xylo, xylo_floats, xylo_rules
from hetlava.hardware.interface import Target
from hetlava.hardware.simulators import run_engine

XYLO2_SIM = Target(
    name="xylo2",
    description="Xylo Audio 2, shift decays and saturating words",
    runner=run_engine,
    spec=XYLO2,
    checker=lambda net: xylo_rules.violations(net, XYLO2),
    quantiser=xylo.quantise,
    dequantiser=xylo_floats.dequantise,
)
