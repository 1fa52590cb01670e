"""Time and error of gradients, ours beside torchdiffeq's: one loss, one field, one tolerance.

    python -m benchmarks.gradients

dopri5, rtol = atol = 1e-5, batch 128, f a 2-64-64-2 tanh perceptron in float32, loss the sum of
squares of y(1). Every contender runs between two runs of torchdiffeq's backpropagation, and its
time is given as a multiple of that. The gradient's error is measured in float64 against a solve
with tolerance 1e-11. The second case has three times the weights, so that the steps are shorter.
"""

from collections.abc import Callable
from functools import partial

import torch
import torchdiffeq

from benchmarks.harness import Contender, footer, paired_ratios, run, spread, verdict
from benchmarks.solvers import Perceptron, Recorder
from course_lib import solvers
from course_lib.gradients import odeint_adjoint, odeint_discrete_adjoint

ROUNDS = 15
TOLERANCE = 1e-5
SOLVES = {
    "torchdiffeq, backprop": torchdiffeq.odeint,
    "course_lib, backprop": solvers.odeint,
    "course_lib, discrete adjoint": odeint_discrete_adjoint,
    "course_lib, discrete adjoint, √n checkpoints": partial(
        odeint_discrete_adjoint, checkpoints="sqrt"
    ),
    "torchdiffeq, continuous adjoint": torchdiffeq.odeint_adjoint,
    "torchdiffeq, continuous adjoint, seminorm": partial(
        torchdiffeq.odeint_adjoint, adjoint_options={"norm": "seminorm"}
    ),
    "course_lib, continuous adjoint": odeint_adjoint,
    "course_lib, continuous adjoint, full norm": partial(
        odeint_adjoint, adjoint_options={"norm": "full"}
    ),
}
TARGETS = {
    "course_lib, backprop": 0.55,
    "course_lib, discrete adjoint": 0.75,
    "course_lib, continuous adjoint": 1.2,
}
ERROR_TARGET = 1e-6


def gradient(solve: Callable, func, y0, tolerance: float, counted=None) -> torch.Tensor:
    """dL/dθ as one vector; `counted` is called instead of func, if given."""
    params = tuple(func.parameters())
    adjoint = "adjoint" in getattr(solve, "func", solve).__name__
    keywords = {"adjoint_params": params} if adjoint else {}
    t = torch.tensor([0.0, 1.0], dtype=y0.dtype)
    tolerances = {"rtol": tolerance, "atol": tolerance, "method": "dopri5"}
    y = solve(counted or func, y0, t, **tolerances, **keywords)
    parts = torch.autograd.grad(y[-1].square().sum(), params)
    return torch.cat([part.reshape(-1) for part in parts])


def measure(scale: float, rounds: int) -> list[dict]:
    """All contenders on one field: NFE there and back, ratio with quartiles, error."""
    torch.manual_seed(0)
    func, y0 = Perceptron(), torch.randn(128, 2)
    with torch.no_grad():
        for parameter in func.parameters():
            parameter.mul_(scale)
    func, y0 = func.double(), y0.double()
    exact = gradient(solvers.odeint, func, y0, 1e-11)
    errors, nfe = {}, {}
    for name, solve in SOLVES.items():
        recorder = Recorder(func)
        found = gradient(solve, func, y0, TOLERANCE, recorder)
        errors[name] = float((found - exact).norm() / exact.norm())
        nfe[name] = len(recorder.visited)
        assert errors[name] < 1e-3, f"{name} disagrees by {errors[name]:.1e}"
    print(f"weights × {scale:g}: NFE {nfe}", flush=True)
    func, y0 = func.float(), y0.float()
    runs = {name: partial(gradient, solve, func, y0, TOLERANCE) for name, solve in SOLVES.items()}
    floor = runs["torchdiffeq, backprop"]
    ratios = paired_ratios([Contender(name, run, floor) for name, run in runs.items()], rounds)
    return [
        {"scale": scale, "contender": name, "nfe": nfe[name], "error": float(f"{errors[name]:.2g}")}
        | ratios[name]
        for name in SOLVES
    ]


def section(record: dict, scale: float) -> list[str]:
    """The table of one field, and what is missed there and why."""
    found = {row["contender"]: row for row in record["rows"] if row["scale"] == scale}
    lines = ["", f"Weights × {scale:g}:", "", "| | time | target | calls of f | error |"]
    lines.append("|---|---|---|---|---|")
    for name, row in found.items():
        lines.append(
            f"| {name} | {spread(row)} | {verdict(row['median'], TARGETS.get(name))} | "
            f"{row['nfe']} | {row['error']:.1e} |"
        )
    ours, peer = found["course_lib, backprop"], found["torchdiffeq, backprop"]
    met = ours["error"] <= ERROR_TARGET
    lines += ["", f"Error of our backpropagation: target ≤ {ERROR_TARGET:.0e}, "
              + ("met." if met else f"missed (torchdiffeq's is {peer['error']:.1e}): a tolerance "
                 f"of {TOLERANCE:.0e} leaves the solve itself an error of this size.")]  # fmt: skip
    for name, target in TARGETS.items():
        if found[name]["median"] > target:
            lines += ["", f"Missed, {name}: {reason(found[name], ours, peer)}."]
    return lines


def reason(row: dict, ours: dict, peer: dict) -> str:
    """Why a method of ours takes longer than its target."""
    if "discrete" in row["contender"]:
        return (
            "it is backpropagation and one more solve, "
            f"{row['median'] - ours['median']:.2f} of torchdiffeq's time: f without a graph, "
            "which costs a third of f with one and back"
        )
    return f"{row['nfe']} calls of f, where torchdiffeq's backpropagation has {peer['nfe']}"


def table(record: dict) -> str:
    """The measurements as a Markdown page."""
    lines = [
        "# Time of gradients",
        "",
        "CPU time of loss and gradient as a multiple of torchdiffeq's backpropagation: median and",
        "[quartiles] of paired runs, one thread; calls of f there and back; relative error of the",
        "gradient in float64. dopri5, tolerance 1e-5, batch 128, f a 2-64-64-2 tanh perceptron;",
        "with three times its first weights f is harder to solve.",
        "Made by `python -m benchmarks.gradients`.",
        *section(record, 1),
        *section(record, 3),
    ]
    return "\n".join([*lines, "", footer(record)]) + "\n"


def rows(rounds: int) -> list[dict]:
    """Both cases."""
    return [row for scale in (1.0, 3.0) for row in measure(scale, rounds)]


if __name__ == "__main__":
    run("gradients", ROUNDS, rows, table)
