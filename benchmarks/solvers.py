"""Overhead of the solvers: time / (time of f on the states visited), ours beside the peers'.

    python -m benchmarks.solvers

f is a 2-64-64-2 tanh perceptron in float32 without gradients; 1 would be a solver that costs
nothing. All contenders agree on the answer and show their number of calls of f (NFE) before they
are timed. The ratio of SciPy includes the conversion between its float64 vectors and f's tensors.
Where torchdyn, torchode or diffrax is installed it is measured too, and the results are stored as
`peers` instead of `solvers` (benchmarks/peers.py).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torchdiffeq
from scipy.integrate import solve_ivp

from benchmarks import peers
from benchmarks.harness import (
    Contender,
    footer,
    paired_ratios,
    replay,
    run,
    seconds,
    spread,
    verdict,
)
from course_lib import solvers

ROUNDS, PEER_ROUNDS = 21, 9
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
    horizon: float = HORIZON
    steps: int = STEPS
    tolerance: float = TOLERANCE


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

    def __init__(self, dim: int = 2):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(dim, 64),
            torch.nn.Tanh(),
            torch.nn.Linear(64, 64),
            torch.nn.Tanh(),
            torch.nn.Linear(64, dim),
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
    t = torch.linspace(0, case.horizon, case.outputs)
    keywords = {"method": case.method, "rtol": case.tolerance, "atol": case.tolerance}
    if case.method != "dopri5":
        keywords["options"] = {"step_size": case.horizon / case.steps}
    return lambda func: odeint(func, y0, t, **keywords)


def bare_loop(case: Case, y0: torch.Tensor) -> Callable:
    """The method as a loop over its formula: no checks, no statistics, no output times.

    What lies between 1 and its ratio is the price of torch's additions and of making the time a
    tensor; what lies above it is the price of a solver.
    """
    h = case.horizon / case.steps

    def solve(func):
        y = y0
        for n in range(case.steps):
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
    times = np.linspace(0, case.horizon, case.outputs)

    def solve(func):
        def on_vector(t, y):
            state = torch.from_numpy(y.astype(np.float32)).view(y0.shape)
            return func(t, state).numpy().ravel()

        tolerances = {"rtol": case.tolerance, "atol": case.tolerance}
        result = solve_ivp(on_vector, (0, case.horizon), start, t_eval=times, **tolerances)
        return torch.from_numpy(result.y.T).reshape(-1, *y0.shape)

    return solve


def measure(case: Case, func: Perceptron, y0: torch.Tensor, rounds: int) -> dict:
    """The row of one case: for each contender its NFE, and its ratio with quartiles."""
    solves = {
        "course_lib": torch_solve(solvers.odeint, case, y0),
        "torchdiffeq": torch_solve(torchdiffeq.odeint, case, y0),
    }
    solves |= peers.torch_peers(case, y0)
    if case.method == "dopri5":
        solves["SciPy RK45"] = scipy_solve(case, y0)
    else:
        solves["bare loop"] = bare_loop(case, y0)
    nfe, answers, contenders = {}, {}, []
    for name, solve in solves.items():
        recorder = Recorder(func)
        answers[name] = solve(recorder)
        nfe[name] = len(recorder.visited)
        once, floor = (lambda solve=solve: solve(func)), replay(func, recorder.visited)
        contenders.append(Contender(name, once, floor))
    # the rules of torchdiffeq and ours for rk4 differ in the last of four orders
    for name, answer in answers.items():
        gap = float((answer - answers["course_lib"]).abs().max() / answer.abs().max())
        assert gap < 1e-3, f"{case.name}: {name} disagrees by {gap:.1e}"
    print(f"{case.name}: NFE {nfe}", flush=True)
    ratios = paired_ratios(contenders, rounds)
    row = {
        "case": case.name,
        "target": case.target,
        "contenders": {name: {"nfe": nfe[name], **ratios[name]} for name in solves},
    }
    if case.method == "dopri5" and "diffrax" not in peers.missing():
        ours = contenders[0].run

        def paired(solve):
            """(diffrax over course_lib, CPU seconds that it saves in one solve)."""
            ratio = paired_ratios([Contender("diffrax", solve, ours)], rounds)["diffrax"]
            return ratio, seconds(ours, 20) * (1 - ratio["median"])

        expected = answers["course_lib"]
        row["diffrax"] = peers.diffrax_row(case, y0, func.net, expected, paired)
    return row


def ahead_lines(record: dict) -> list[str]:
    """Where a peer's whole solve is faster than ours, for it needs fewer calls of f."""
    lines = []
    for row in record["rows"]:
        times = {
            name: row["contenders"][name]["median"] * row["contenders"][name]["nfe"]
            for name in ("course_lib", *peers.PEERS)
            if name in row["contenders"]
        }
        lines += [
            f"- {row['case']}: {name}, {time / times['course_lib']:.2f} of our time."
            for name, time in times.items()
            if time < times["course_lib"]
        ]
    head = "A whole solve takes as long as overhead times calls of f. By that a peer is ahead in:"
    return ["", head, "", *lines] if lines else []


def diffrax_lines(record: dict) -> list[str]:
    """diffrax compiles f itself, so its time cannot be divided by that of f: a table of its own."""
    found = [row["diffrax"] for row in record["rows"] if "diffrax" in row]
    lines = [
        "",
        "torchode gives each sample its own step size; torchdyn makes a step to every output.",
        "",
        "diffrax (JAX) compiles the solve, and f with it, for one shape of state; after that it is",
        "faster than all others here. Warm time as a multiple of course_lib's, CPU seconds to",
        "compile, and the number of solves after which compiling has paid.",
        "",
        "| case | warm ÷ course_lib | compile, s | break-even, solves |",
        "|---|---|---|---|",
    ]
    for row in found:
        after = "never" if row["break_even"] is None else f"{row['break_even']:,}"
        lines.append(f"| {row['case']} | {spread(row)} | {row['compile_seconds']:.1f} | {after} |")
    return lines if found else []


def missed_lines(record: dict) -> list[str]:
    """Each missed target of a fixed-step method beside the loop that has no solver around it."""
    lines = []
    for row in record["rows"]:
        ours, bare = row["contenders"]["course_lib"], row["contenders"].get("bare loop")
        if bare and ours["median"] > row["target"]:
            gap = ours["median"] - bare["median"]
            lines.append(
                f"- {row['case']}: the bare loop takes {bare['median']:.2f}; set-up, checks and "
                f"one stepper for all methods make it {gap:.2f} more in so short a solve."
            )
    return ["", "Missed:", *lines] if lines else []


def table(record: dict) -> str:
    """The measurements as a Markdown page; beside more peers it does not judge once more."""
    names = list(dict.fromkeys(name for row in record["rows"] for name in row["contenders"]))
    judged = not set(names) & set(peers.PEERS)
    head = [*names, "target"] if judged else names
    lines = [
        "# Overhead of the solvers" + ("" if judged else " beside more peers"),
        "",
        "Time of a solve divided by the time of f on the states that it visited: median and",
        "[quartiles] of paired CPU times, one thread, and the number of calls of f. f is a",
        "2-64-64-2 tanh perceptron, float32, no gradients; 1 would be a solver that costs nothing.",
        "The bare loop is the method without a solver around it: no checks, no output times.",
        f"Made by `{'python -m benchmarks.solvers' if judged else 'make bench PEERS=all'}`.",
        "",
        "| case | " + " | ".join(head) + " |",
        "|---|" + "---|" * len(head),
    ]
    for row in record["rows"]:
        found = [row["contenders"].get(name) for name in names]
        cells = ["–" if c is None else f"{spread(c)}, NFE {c['nfe']}" for c in found]
        if judged:
            cells.append(verdict(row["contenders"]["course_lib"]["median"], row["target"]))
        lines.append(f"| {row['case']} | {' | '.join(cells)} |")
    lines += missed_lines(record) if judged else ahead_lines(record) + diffrax_lines(record)
    return "\n".join([*lines, "", footer(record)]) + "\n"


def rows(rounds: int) -> list[dict]:
    """All cases."""
    absent = peers.missing()
    if absent:
        print(f"not installed, skipped: {', '.join(absent)} (make bench PEERS=all)")
    torch.set_grad_enabled(False)
    func = Perceptron()
    for parameter in func.parameters():  # at its initial size the field is too smooth to be a test
        parameter.mul_(3)
    generator = torch.Generator().manual_seed(1)
    states = [torch.randn(case.batch, 2, generator=generator) for case in CASES]
    return [measure(case, func, y0, rounds) for case, y0 in zip(CASES, states, strict=True)]


if __name__ == "__main__":
    if len(peers.missing()) < len(peers.PEERS):
        run("peers", PEER_ROUNDS, rows, table)
    else:
        run("solvers", ROUNDS, rows, table)
