"""Memory of a gradient against the number of steps, ours beside torchdiffeq's.

    python -m benchmarks.memory

RK4 with 10 to 1000 steps of a batch of 1024, f a 2-64-64-2 tanh perceptron in float32: one state is
8 KiB. Each row is measured in a process of its own, by what also makes notebook 09's table
(experiments/gradient_memory.py): bytes of tensors alive, counted exactly, and growth of the
process's maximum resident size over that of one step. The gradients agree before that.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import torch
from matplotlib import pyplot as plt

from benchmarks.gradients import SOLVES
from benchmarks.harness import QUICK_ROUNDS, ROOT, footer, run, slope
from course_lib import plotting
from experiments.gradient_memory import ALLOCATOR, memory_of, problem

STEPS = (10, 100, 1000)
QUICK_STEPS = (10, 30)
# Backpropagation through 1000 steps would take 3 GiB, ten times what it takes through 100.
LONGEST = {"torchdiffeq, backprop": 100, "course_lib, backprop": 100}
STATE, MIB = 1024 * 2 * 4, 2**20  # bytes
FLAT, CHECKPOINTS = 0.05, "course_lib, discrete adjoint, √n checkpoints"
CONTENDERS = [name for name in SOLVES if "norm" not in name]


def gradient(name: str, steps: int) -> torch.Tensor:
    """One gradient by one contender, as a vector."""
    field, y0, t = problem()
    params = tuple(field.parameters())
    keywords = {"adjoint_params": params} if "adjoint" in name else {}
    y = SOLVES[name](field, y0, t, method="rk4", options={"step_size": 1 / steps}, **keywords)
    parts = torch.autograd.grad(y[-1].square().mean(), params)
    return torch.cat([part.reshape(-1) for part in parts])


def in_own_process(task: tuple[str, int]) -> dict:
    """The row of one contender and number of steps."""
    command = [sys.executable, "-m", "benchmarks.memory", task[0], str(task[1])]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ | ALLOCATOR
    )
    return json.loads(done.stdout)


def rows(rounds: int) -> list[dict]:
    """All rows; two processes at a time, for nothing here is a matter of seconds."""
    exact = gradient("course_lib, backprop", 10)
    for name in CONTENDERS:
        gap = float((gradient(name, 10) - exact).norm() / exact.norm())
        assert gap < 1e-3, f"{name} disagrees by {gap:.1e}"
    steps = QUICK_STEPS if rounds == QUICK_ROUNDS else STEPS
    with ThreadPoolExecutor(2) as pool:
        tasks = [(name, n) for name in CONTENDERS for n in steps if n <= LONGEST.get(name, n)]
        return list(pool.map(in_own_process, tasks))


def by_contender(record: dict, measure: str) -> dict[str, dict[int, int]]:
    """Contender → steps → bytes."""
    found: dict[str, dict[int, int]] = {name: {} for name in CONTENDERS}
    for row in record["rows"]:
        found[row["contender"]][row["steps"]] = row[measure]
    return found


def verdicts(record: dict) -> list[str]:
    """The three targets, each with what was measured."""
    tensors = by_contender(record, "tensors")
    few, *_, many = tensors["course_lib, continuous adjoint"]
    flat = tensors["course_lib, continuous adjoint"]
    change = flat[many] / flat[few] - 1
    discrete = tensors["course_lib, discrete adjoint"]
    each = (discrete[many] - discrete[few]) / (many - few)
    roots = tensors[CHECKPOINTS]
    more = (roots[many] - roots[few]) / STATE / (many**0.5 - few**0.5)
    return [
        f"- continuous adjoint: {change:+.1%} from {few} to {many} steps (target ± {FLAT:.0%}, "
        f"{'met' if abs(change) <= FLAT else 'missed'});",
        f"- discrete adjoint: {each / STATE:.2f} states of {STATE // 1024} KiB for each step "
        f"(target 1, {'met' if each <= 1.05 * STATE else 'missed'});",
        f"- √n checkpoints: {more:.1f} states more for each 1 by which √n grows (target O(√n), at "
        f"most 2√2 by construction: {'met' if more <= 8**0.5 else 'missed'}).",
    ]


def table(record: dict) -> str:
    """The measurements as a Markdown page."""
    tensors, resident = (by_contender(record, key) for key in ("tensors", "resident"))
    steps = list(tensors["course_lib, continuous adjoint"])
    lines = [
        "# Memory of gradients",
        "",
        f"Peak MiB of tensors for one gradient by RK4 with {steps[0]} to {steps[-1]} steps, batch",
        "1024, f a 2-64-64-2 tanh perceptron in float32; in parentheses how much the maximum",
        "resident size of a fresh process grew (glibc told to give large tensors back at once;",
        "left alone, it holds up to 250 by chance). Made by `python -m benchmarks.memory`.",
        "",
        "| | " + " | ".join(f"{n} steps" for n in steps) + " | exponent at the end |",
        "|---|" + "---|" * (len(steps) + 1),
    ]
    for name, sizes in tensors.items():
        cells = [
            f"{sizes[n] / MIB:.1f} ({resident[name][n] / MIB:.0f})" if n in sizes else "–"
            for n in steps
        ]
        power = slope(list(sizes)[-2:], list(sizes.values())[-2:])
        lines.append(f"| {name} | {' | '.join(cells)} | {power:.2f} |")
    lines += ["", "Of our own:", "", *verdicts(record), "", footer(record)]
    return "\n".join(lines) + "\n"


def plot(record: dict) -> plt.Figure:
    """Tensors against steps."""
    fig, ax = plt.subplots(figsize=(9, 4.5))
    sizes = by_contender(record, "tensors")
    plotting.work_precision(
        {name: list(found) for name, found in sizes.items()},
        {name: [size / MIB for size in found.values()] for name, found in sizes.items()},
        ax,
        "steps of RK4",
        "tensors alive (MiB)",
    )
    return fig


if __name__ == "__main__":
    if len(sys.argv) == 3:  # what `in_own_process` asks for
        contender, steps = sys.argv[1], int(sys.argv[2])
        found = memory_of(lambda n: gradient(contender, n), steps)
        print(json.dumps({"contender": contender} | found))
    else:
        run("memory", 1, rows, table, plot)
