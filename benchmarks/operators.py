"""Torch operators that a solver dispatches for each step, ours beside torchdiffeq's.

    python -m benchmarks.operators

Exact counts, no clock: a `TorchDispatchMode` sees every operator of a solve; those inside f are
left out. Two solves of different length give operators a step and operators of the set-up. An
operator costs one to two microseconds here, and a kernel launch on a GPU. Among them are those that
hand a number to Python (`_local_scalar_dense`): there a GPU has to be waited for.
"""

from collections import Counter

import torch
import torchdiffeq
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.harness import footer, run
from course_lib import solvers

LIBRARIES = {"course_lib": solvers.odeint, "torchdiffeq": torchdiffeq.odeint}
STEPS = {"euler": (20, 40), "rk4": (20, 40), "dopri5": (2.0, 4.0)}  # for dopri5 the times solved to
STAGES = {"euler": 1, "rk4": 4, "dopri5": 6}
WAIT = "_local_scalar_dense"


class Operators(TorchDispatchMode):
    """Counts operators by name, except while `paused`."""

    def __init__(self):
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.paused = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not self.paused:
            self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def count(odeint, method: str, length: float) -> tuple[Counter, int]:
    """(operators of one solve outside f, calls of f); a rotation, at tolerance 1e-5."""
    operators, calls = Operators(), 0
    matrix = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])

    def func(t, y):
        nonlocal calls
        calls += 1
        operators.paused = True
        k = y @ matrix
        operators.paused = False
        return k

    end = 1.0 if method != "dopri5" else length
    options = {"step_size": 1 / length} if method != "dopri5" else None
    y0, t = torch.ones(128, 2), torch.tensor([0.0, end])
    with torch.no_grad(), operators:
        odeint(func, y0, t, method=method, rtol=1e-5, atol=1e-5, options=options)
    return operators.counts, calls


def rows(rounds: int) -> list[dict]:
    """Counts a step for each method and library; the number of rounds does not matter."""
    found = []
    for method, (short, long) in STEPS.items():
        for name, odeint in LIBRARIES.items():
            (few, calls), (many, more_calls) = (count(odeint, method, n) for n in (short, long))
            steps, rest = divmod(more_calls - calls, STAGES[method])
            assert not rest and steps, f"{name}, {method}: {calls} and {more_calls} calls of f"
            more = many - few
            found.append(
                {
                    "method": method,
                    "contender": name,
                    "steps": steps,
                    "operators": more.total() / steps,
                    "waits": more[WAIT] / steps,
                    "set_up": few.total() - more.total() / steps * (calls // STAGES[method]),
                    "names": dict(more.most_common()),
                }
            )
    return found


def table(record: dict) -> str:
    """The counts as a Markdown page."""
    lines = [
        "# Operators a step",
        "",
        "Torch operators outside f for each step of a solve without gradients, counted exactly; of",
        "these the ones at which a GPU has to be waited for; and the operators of the set-up.",
        "Made by `python -m benchmarks.operators`.",
        "",
        "| method | " + " | ".join(f"{name}: a step, waits, set-up" for name in LIBRARIES) + " |",
        "|---|" + "---|" * len(LIBRARIES),
    ]
    for method in STEPS:
        found = [row for row in record["rows"] if row["method"] == method]
        cells = [f"{r['operators']:.3g}, {r['waits']:.3g}, {r['set_up']:.0f}" for r in found]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", footer(record)]) + "\n"


if __name__ == "__main__":
    run("operators", 1, rows, table)
