"""Overhead of the solvers: time / (time of f on the states visited), ours beside the peers'.

    python -m benchmarks.solvers        writes benchmarks/results/solvers.json and solvers.md

f is a 2-64-64-2 tanh perceptron in float32 without gradients; 1 would be a solver that costs
nothing. All contenders agree on the answer and show their number of calls of f (NFE) before they
are timed. The ratio of SciPy includes the conversion between its float64 vectors and f's tensors.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torchdiffeq
from scipy.integrate import solve_ivp

from benchmarks.harness import Contender, footer, paired_ratios, record_of, replay, spread, store
from course_lib import solvers

ROUNDS = 31
STEPS = 20  # of the fixed-step methods
TOLERANCE = 1e-5
HORIZON = 2.0


class Case(NamedTuple):
    """One row of the table; `target` is the ratio that ours has to reach."""

    name: str
    method: str
    batch: int
    outputs: int
    target: float


CASES = [
    Case("dopri5, batch 1, 2 outputs", "dopri5", 1, 2, 1.9),
    Case("dopri5, batch 128, 2 outputs", "dopri5", 128, 2, 1.7),
    Case("dopri5, batch 1024, 2 outputs", "dopri5", 1024, 2, 1.35),
    Case("dopri5, batch 4096, 2 outputs", "dopri5", 4096, 2, 1.3),
    Case("dopri5, batch 128, 100 outputs", "dopri5", 128, 100, 2.0),
    Case("rk4 × 20, batch 1", "rk4", 1, 2, 1.25),
    Case("rk4 × 20, batch 128", "rk4", 128, 2, 1.25),
    Case("euler × 20, batch 1", "euler", 1, 2, 1.15),
    Case("euler × 20, batch 128", "euler", 128, 2, 1.15),
]


class Perceptron(torch.nn.Module):
    """The right-hand side, written as most people write it."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(2, 64),
            torch.nn.Tanh(),
            torch.nn.Linear(64, 64),
            torch.nn.Tanh(),
            torch.nn.Linear(64, 2),
        )

    def forward(self, t, y):
        return self.net(y)


class Recorder:
    """func, and the list of the (t, y) at which it was called."""

    def __init__(self, func):
        self.func = func
        self.visited = []

    def __call__(self, t, y):
        self.visited.append((t, y.clone()))
        return self.func(t, y)


def torch_solve(odeint, case: Case, y0: torch.Tensor) -> Callable:
    """A solve by course_lib or torchdiffeq, which take the same arguments."""
    t = torch.linspace(0, HORIZON, case.outputs)
    keywords = {"method": case.method, "rtol": TOLERANCE, "atol": TOLERANCE}
    if case.method != "dopri5":
        keywords["options"] = {"step_size": HORIZON / STEPS}
    return lambda func: odeint(func, y0, t, **keywords)


def bare_loop(case: Case, y0: torch.Tensor) -> Callable:
    """The method as a loop over its formula: no checks, no statistics, no output times.

    What lies between 1 and its ratio is the price of torch's additions and of making the time a
    tensor; what lies above it is the price of a solver.
    """
    h = HORIZON / STEPS

    def solve(func):
        y = y0
        for n in range(STEPS):
            k1 = func(torch.full((), n * h), y)
            if case.method == "euler":
                y = torch.add(y, k1, alpha=h)
                continue
            middle = torch.full((), (n + 0.5) * h)
            k2 = func(middle, torch.add(y, k1, alpha=h / 2))
            k3 = func(middle, torch.add(y, k2, alpha=h / 2))
            k4 = func(torch.full((), (n + 1) * h), torch.add(y, k3, alpha=h))
            y = torch.add(y, k1, alpha=h / 6).add_(k2, alpha=h / 3)
            y.add_(k3, alpha=h / 3).add_(k4, alpha=h / 6)
        return torch.stack([y0, y])

    return solve


def scipy_solve(case: Case, y0: torch.Tensor) -> Callable:
    """A solve by SciPy's RK45, the same pair of formulas on float64 vectors."""
    start = y0.double().numpy().ravel()
    times = np.linspace(0, HORIZON, case.outputs)

    def solve(func):
        def on_vector(t, y):
            state = torch.from_numpy(y.astype(np.float32)).view(y0.shape)
            return func(t, state).numpy().ravel()

        tolerances = {"rtol": TOLERANCE, "atol": TOLERANCE}
        result = solve_ivp(on_vector, (0, HORIZON), start, t_eval=times, **tolerances)
        return torch.from_numpy(result.y.T).reshape(-1, *y0.shape)

    return solve


def measure(case: Case, func: Perceptron, generator: torch.Generator) -> dict:
    """The row of one case: for each contender its NFE, and its ratio with quartiles."""
    y0 = torch.randn(case.batch, 2, generator=generator)
    solves = {
        "course_lib": torch_solve(solvers.odeint, case, y0),
        "torchdiffeq": torch_solve(torchdiffeq.odeint, case, y0),
    }
    if case.method == "dopri5":
        solves["SciPy RK45"] = scipy_solve(case, y0)
    else:
        solves["bare loop"] = bare_loop(case, y0)
    nfe, answers, contenders = {}, {}, []
    for name, solve in solves.items():
        recorder = Recorder(func)
        answers[name] = solve(recorder)
        nfe[name] = len(recorder.visited)
        run, floor = (lambda solve=solve: solve(func)), replay(func, recorder.visited)
        contenders.append(Contender(name, run, floor))
    # the rules of torchdiffeq and ours for rk4 differ in the last of four orders
    for name, answer in answers.items():
        gap = float((answer - answers["course_lib"]).abs().max())
        assert gap < 1e-3, f"{case.name}: {name} disagrees by {gap:.1e}"
    print(f"{case.name}: NFE {nfe}", flush=True)
    ratios = paired_ratios(contenders, ROUNDS)
    return {
        "case": case.name,
        "target": case.target,
        "contenders": {name: {"nfe": nfe[name], **ratios[name]} for name in solves},
    }


def table(record: dict) -> str:
    """The measurements as a Markdown page."""
    names = ["course_lib", "torchdiffeq", "SciPy RK45", "bare loop"]
    lines = [
        "# Overhead of the solvers",
        "",
        "Time of a solve divided by the time of f on the states that it visited: median and",
        "[quartiles] of paired CPU times, one thread, and the number of calls of f. f is a",
        "2-64-64-2 tanh perceptron, float32, no gradients; 1 would be a solver that costs nothing.",
        "The bare loop is the method without a solver around it: no checks, no output times.",
        "Made by `python -m benchmarks.solvers`.",
        "",
        "| case | " + " | ".join(names) + " | target |",
        "|---|" + "---|" * len(names) + "---|",
    ]
    for row in record["rows"]:
        cells = []
        for name in names:
            entry = row["contenders"].get(name)
            if entry is None:
                cells.append("–")
                continue
            cells.append(f"{spread(entry)}, NFE {entry['nfe']}")
        verdict = "met" if row["contenders"]["course_lib"]["median"] <= row["target"] else "missed"
        lines.append(f"| {row['case']} | {' | '.join(cells)} | ≤ {row['target']}, {verdict} |")
    for row in record["rows"]:
        ours, bare = row["contenders"]["course_lib"], row["contenders"].get("bare loop")
        if bare and ours["median"] > row["target"]:
            gap = ours["median"] - bare["median"]
            lines += [
                "",
                f"Missed, {row['case']}: the bare loop takes {bare['median']:.2f}; set-up, checks "
                f"and one stepper for all methods cost {gap:.2f} of so short a solve.",
            ]
    return "\n".join([*lines, "", footer(record)]) + "\n"


def main() -> None:
    """Measure all cases and write the results."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    func = Perceptron()
    for parameter in func.parameters():  # at its initial size the field is too smooth to be a test
        parameter.mul_(3)
    generator = torch.Generator().manual_seed(1)
    rows = [measure(case, func, generator) for case in CASES]
    record = record_of(rows, ROUNDS)
    store("solvers", record, table(record))


if __name__ == "__main__":
    main()
