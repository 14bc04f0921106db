"""The kernels for GPUs, as far as they can be checked without one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton")


@pytest.mark.slow
def test_the_kernels_are_the_plain_loop_in_tritons_interpreter():
    tests = Path(__file__).with_name("triton_kernels.py")
    call = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(tests)]

    run = subprocess.run(
        call, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "17 passed" in run.stdout


POINTERS = {
    "forward_float": "x volts spikes alpha beta bias threshold",
    "forward_fixed": "x volts spikes",
    "adjoint": "grad volts out sums alpha beta bias threshold steep height",
}
WHOLE = "keep_u keep_v bias limits"
CHOICES = [
    ("forward_float", {"SUBTRACT": True, "SPIKING": True, "DELAY": 1}),
    ("forward_float", {"SUBTRACT": False, "SPIKING": False, "DELAY": 0}),
    ("forward_fixed", {"SUBTRACT": False, "SPIKING": True, "DELAY": 1}),
    ("adjoint", {"SHAPE": 0, "SUBTRACT": False, "FULL": True, "IGNORED": False}),
    ("adjoint", {"SHAPE": 3, "SUBTRACT": True, "FULL": False, "IGNORED": True}),
    ("adjoint", {"SHAPE": 4, "SUBTRACT": False, "FULL": False, "IGNORED": False}),
]


@pytest.mark.parametrize(("name", "choices"), CHOICES)
def test_the_kernels_compile_for_a_gpu(name, choices):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from hetlava.train import cuba_triton_kernels as kernels

    signature = dict.fromkeys(POINTERS[name].split(), "*fp32")
    if name == "forward_fixed":
        signature |= dict.fromkeys(WHOLE.split(), "*i32") | {"unit": "fp32"}
    signature |= {"n": "i32", "n_rows": "i32", "n_steps": "i32"}
    signature |= {"end": "i64"} if name == "adjoint" else {}
    signature |= dict.fromkeys([*choices, "BLOCK"], "constexpr")
    source = ASTSource(
        fn=getattr(kernels, name), signature=signature, constexprs=choices | {"BLOCK": 128}
    )

    made = triton.compile(source, target=GPUTarget("cuda", 90, 32))

    assert ".target sm_90" in made.asm["ptx"]
