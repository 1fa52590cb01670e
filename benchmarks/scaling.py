"""How the cost of a solve grows with batch, dimension, steps and outputs, beside torchdiffeq.

    python -m benchmarks.scaling

f is a d-64-64-d tanh perceptron in float32 without gradients. One of the four grows, the others
stay at batch 128, d = 2, 20 steps of RK4, 2 outputs; outputs grow with dopri5 at tolerance 1e-5,
because between fixed steps torchdiffeq interpolates linearly, which is another task. Every
contender runs between two runs of one reference solve, ours at those settings, so that the fitted
exponents do not depend on how fast the machine is at the moment.
"""

from functools import partial

import torch
import torchdiffeq
from matplotlib import pyplot as plt

from benchmarks.harness import (
    MORE,
    QUICK_ROUNDS,
    Contender,
    footer,
    paired_ratios,
    replay,
    run,
    slope,
)
from benchmarks.solvers import Case, Perceptron, Recorder, torch_solve
from course_lib import plotting, solvers

ROUNDS = 9
SIZES = {
    "batch": (1, 4, 16, 64, 256, 1024, 4096),
    "dimension": (2, 4, 8, 16, 32, 64),
    "steps": (10, 30, 100, 300, 1000),
    "outputs": (2, 10, 30, 100, 300, 1000),
}
QUICK_SIZES = {axis: sizes[:3] for axis, sizes in SIZES.items()}
DEFAULT = {"batch": 128, "dimension": 2, "steps": 20, "outputs": 2}
LIBRARIES = {"course_lib": solvers.odeint, "torchdiffeq": torchdiffeq.odeint}
FLOOR = "f alone"


def problem(axis: str, size: int) -> tuple[Case, Perceptron, torch.Tensor]:
    """The case where `axis` is `size`, its f and its y0."""
    now = DEFAULT | {axis: size}
    method = "dopri5" if axis == "outputs" else "rk4"
    case = Case(f"{axis} {size}", method, now["batch"], now["outputs"], 0.0, steps=now["steps"])
    generator = torch.Generator().manual_seed(size)
    torch.manual_seed(size)
    return case, Perceptron(now["dimension"]), torch.randn(
        now["batch"], now["dimension"], generator=generator
    )  # fmt: skip


def rows(rounds: int) -> list[dict]:
    """One row for each axis, size and contender."""
    torch.set_grad_enabled(False)
    case, func, y0 = problem("batch", DEFAULT["batch"])
    reference = partial(torch_solve(solvers.odeint, case, y0), func)
    found = []
    for axis, sizes in (QUICK_SIZES if rounds == QUICK_ROUNDS else SIZES).items():
        for size in sizes:
            case, func, y0 = problem(axis, size)
            solves = {name: torch_solve(odeint, case, y0) for name, odeint in LIBRARIES.items()}
            recorder = Recorder(func)
            answer = solves["course_lib"](recorder)
            gap = float((solves["torchdiffeq"](func) - answer).abs().max())
            assert gap < 1e-3, f"{case.name}: torchdiffeq disagrees by {gap:.1e}"
            runs = {name: partial(solve, func) for name, solve in solves.items()}
            runs[FLOOR] = replay(func, recorder.visited)
            contenders = [Contender(name, once, reference) for name, once in runs.items()]
            for name, ratio in paired_ratios(contenders, rounds).items():
                found.append({"axis": axis, "size": size, "contender": name} | ratio)
            print(f"{case.name}: NFE {len(recorder.visited)}", flush=True)
    return found


def by_axis(record: dict) -> dict[str, dict[str, tuple[list, list]]]:
    """Axis → contender → (sizes, times)."""
    found: dict[str, dict[str, tuple[list, list]]] = {}
    for row in record["rows"]:
        curves = found.setdefault(row["axis"], {})
        sizes, times = curves.setdefault(row["contender"], ([], []))
        sizes.append(row["size"])
        times.append(row["median"])
    return found


def exponents(sizes: list, times: list) -> str:
    """A cell: the exponent over all sizes, and over the upper half of them."""
    half = len(sizes) // 2
    return f"{slope(sizes, times):.2f}, {slope(sizes[half:], times[half:]):.2f}"


def table(record: dict) -> str:
    """The measurements as a Markdown page."""
    found = by_axis(record)
    names = list(next(iter(found.values())))
    lines = [
        "# How cost grows",
        "",
        "Exponent p of CPU time ∝ sizeᵖ, fitted over all sizes and over the upper half; one",
        "thread. RK4 × 20 (outputs: dopri5), batch 128, d = 2, 2 outputs if nothing else is said.",
        "Made by `python -m benchmarks.scaling`.",
        "",
        "| | " + " | ".join(names) + " | torchdiffeq ÷ course_lib, from smallest to largest |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for axis, curves in found.items():
        sizes, ours = curves["course_lib"]
        theirs = curves["torchdiffeq"][1]
        cells = [exponents(*curve) for curve in curves.values()]
        ends = f"{theirs[0] / ours[0]:.2f} → {theirs[-1] / ours[-1]:.2f}"
        lines.append(f"| {axis} {sizes[0]} … {sizes[-1]} | {' | '.join(cells)} | {ends} |")
    lines += ["", MORE, "", "![Cost as sizes grow](scaling.png)", "",
              "Times as multiples of course_lib's at the settings above:"]  # fmt: skip
    for axis, curves in found.items():
        sizes = next(iter(curves.values()))[0]
        lines += ["", f"| {axis} | " + " | ".join(map(str, sizes)) + " |"]
        lines.append("|---|" + "---|" * len(sizes))
        for name, (_, times) in curves.items():
            lines.append(f"| {name} | " + " | ".join(f"{time:.2f}" for time in times) + " |")
    return "\n".join([*lines, "", footer(record)]) + "\n"


def plot(record: dict) -> plt.Figure:
    """Time against size, one panel for each axis."""
    fig, axes = plt.subplots(2, 2, figsize=(10, 7.5))
    for ax, (axis, curves) in zip(axes.flat, by_axis(record).items(), strict=True):
        sizes = {name: curve[0] for name, curve in curves.items()}
        times = {name: curve[1] for name, curve in curves.items()}
        plotting.work_precision(sizes, times, ax, axis, "relative time")
        ax.get_legend().remove()
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


if __name__ == "__main__":
    run("scaling", ROUNDS, rows, table, plot)
