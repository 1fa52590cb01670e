"""What a trace costs, and a training step of a continuous normalizing flow, ours beside a peer's.

    python -m benchmarks.traces

Traces: forward only, batch 512, as multiples of one evaluation of f, a d-64-64-d tanh field in
float32. Training step: loss and gradient of a trained flow on 8 Gaussians, batch 512; dopri5 at
tolerance 1e-5 or ten steps of RK4, as multiples of torchdiffeq's backpropagation with the trace by
autograd. The exact ones agree on the trace, and all on the loss, before they are timed.
"""

import copy
from collections.abc import Callable
from functools import partial

import torch
import torchdiffeq

from benchmarks.harness import Contender, footer, paired_ratios, run, spread, verdict
from course_lib.densities import eight_gaussians
from course_lib.flows import (
    AutogradTrace,
    ClosedFormTrace,
    ContinuousFlow,
    HutchinsonTrace,
    TanhField,
    standard_log_prob,
)
from course_lib.flows.continuous import Augmented
from course_lib.gradients import odeint_discrete_adjoint
from course_lib.widgets.nb15 import load_density

ROUNDS = 15
BATCH, TOLERANCE = 512, 1e-5
TARGETS = {2: 2.3, 8: 2.1, 32: 2.3}  # closed form, by dimension
STEP_TARGET = 0.45
TRACES = {
    "closed form": ClosedFormTrace(),
    "autograd, d backward passes": AutogradTrace(),
    "Hutchinson": HutchinsonTrace(),
}
TOLERANCES = {"rtol": TOLERANCE, "atol": TOLERANCE}
OURS = {
    "course_lib, dopri5, closed form": dict(TOLERANCES),
    "course_lib, dopri5, autograd trace": {**TOLERANCES, "trace": AutogradTrace()},
    "course_lib, discrete adjoint, closed form": {**TOLERANCES, "solve": odeint_discrete_adjoint},
    "course_lib, RK4 × 10, closed form": {"steps": 10},
}
FLOORS = {  # a step, and the name of what it cannot do without
    "course_lib, dopri5, closed form": "f and trace alone, dopri5's calls",
    "course_lib, RK4 × 10, closed form": "f and trace alone, RK4's calls",
}
REFERENCE = "torchdiffeq, backprop"


def trace_rows(d: int, rounds: int) -> list[dict]:
    """Every trace in one dimension, as a multiple of f."""
    generator = torch.Generator().manual_seed(d)
    field, x = TanhField(d, [64, 64], generator=generator), torch.randn(BATCH, d)
    with torch.no_grad():
        for trace in TRACES.values():
            trace.start(x)
        exact = field.divergence(0.5, x).trace
        assert torch.allclose(exact, TRACES["autograd, d backward passes"](field, 0.5, x).trace,
                              atol=1e-5)  # fmt: skip
        floor = partial(field, 0.5, x)
        runs = [Contender(n, partial(trace, field, 0.5, x), floor) for n, trace in TRACES.items()]
        ratios = paired_ratios(runs, rounds)
    return [{"part": "trace", "d": d, "contender": name, **ratios[name]} for name in TRACES]


class WithTrace(torch.nn.Module):
    """(x, log p) as torchdiffeq's users write it: a tuple, and a loop over the coordinates."""

    def __init__(self, field):
        super().__init__()
        self.field = field

    def forward(self, t, state):
        with torch.enable_grad():
            x = state[0].requires_grad_()
            f = self.field(t, x)
            trace = sum(
                torch.autograd.grad(f[:, i].sum(), x, create_graph=True)[0][:, i]
                for i in range(x.shape[1])
            )
        return f, -trace[:, None]


def peer_loss(solve: Callable, func: WithTrace, x: torch.Tensor) -> torch.Tensor:
    start = (x.clone(), torch.zeros(len(x), 1))
    z, change = solve(func, start, torch.tensor([1.0, 0.0]), method="dopri5", **TOLERANCES)
    return -(standard_log_prob(z[-1]) - change[-1][:, 0]).mean()


def calls_of(run: Callable, field: TanhField) -> tuple[int, int]:
    """(calls of f in one run, there and back; of these, those that the gradient passed through).

    What all of f's methods go through is `activations`. A trace by autograd passes more than once.
    """
    calls, passed = 0, 0
    original = field.activations

    def on_the_way_back(gradient):
        nonlocal passed
        passed += 1

    def counted(t, x):
        nonlocal calls
        calls += 1
        found = original(t, x)
        if found[-1].requires_grad:
            found[-1].register_hook(on_the_way_back)
        return found

    field.activations = counted
    try:
        run()
    finally:
        del field.activations
    return calls, passed


def step(loss: Callable, field: TanhField) -> torch.Tensor:
    """One training step without the optimiser."""
    value = loss()
    torch.autograd.grad(value, list(field.parameters()), allow_unused=True)
    return value.detach()


def step_rows(rounds: int) -> list[dict]:
    """Every contender's training step, as a multiple of torchdiffeq's backpropagation."""
    generator = torch.Generator().manual_seed(0)
    field = copy.deepcopy(load_density("ring")[0].field).requires_grad_()  # trained: a real load
    x = eight_gaussians().sample(BATCH, generator)
    flows = {name: ContinuousFlow(field, **settings) for name, settings in OURS.items()}
    funcs = {name: WithTrace(field) for name in (REFERENCE, "torchdiffeq, adjoint")}
    solves = dict(zip(funcs, (torchdiffeq.odeint, torchdiffeq.odeint_adjoint), strict=True))
    losses = {name: partial(peer_loss, solves[name], func, x) for name, func in funcs.items()}
    for name, flow in flows.items():
        losses[name] = lambda flow=flow: -flow.log_prob(x).mean()
    values = {name: step(loss, field) for name, loss in losses.items()}
    for name, value in values.items():
        gap = abs(float(value - values[REFERENCE]))
        assert gap < 1e-3, f"{name} disagrees by {gap:.1e}"
    runs = {name: partial(step, loss, field) for name, loss in losses.items()}
    calls = {name: calls_of(run, field) for name, run in runs.items()}
    for name, floor in FLOORS.items():
        calls[floor] = calls[name]
        runs[floor] = partial(step, partial(alone, field, x, *calls[name]), field)
    print(f"training step: calls of f, and passes of the gradient: {calls}", flush=True)
    floor = runs[REFERENCE]
    ratios = paired_ratios([Contender(name, run, floor) for name, run in runs.items()], rounds)
    return [
        {"part": "step", "contender": name, "nfe": nfe, "passed": passed, **ratios[name]}
        for name, (nfe, passed) in calls.items()
    ]


def alone(field: TanhField, x: torch.Tensor, calls: int, passed: int) -> torch.Tensor:
    """The loss of no flow: f and trace so many times on one state, `passed` of them with a graph.

    Its gradient is the least that a training step with these calls has to compute.
    """
    func = Augmented(field, ClosedFormTrace(), x.shape[1], [], sign=1.0)
    state = torch.cat([x, x.new_zeros(len(x), 1)], dim=1).requires_grad_()
    with torch.no_grad():
        for _ in range(calls - passed):
            func(0.5, state)
    return sum(func(0.5, state).sum() for _ in range(passed))


def target(row: dict) -> float | None:
    """What a row has to reach."""
    if row["part"] == "trace":
        return TARGETS[row["d"]] if row["contender"] == "closed form" else None
    return STEP_TARGET if row["contender"] in FLOORS else None


def missed_lines(record: dict) -> list[str]:
    """Why a training step misses its target."""
    steps = {row["contender"]: row for row in record["rows"] if row["part"] == "step"}
    lines = []
    for name, floor in FLOORS.items():
        row, least = steps[name], steps[floor]
        if row["median"] > STEP_TARGET:
            lines += [
                "",
                f"Missed, {name}: f and trace alone take {least['median']:.2f}, {row['nfe']} times "
                f"there and {row['passed']} times back; the solver and its gradient, "
                f"{row['median'] - least['median']:.2f} in all, are the rest.",
            ]
    return lines


def table(record: dict) -> str:
    """The measurements as a Markdown page."""
    lines = [
        "# What a trace costs",
        "",
        "Medians and [quartiles] of paired CPU times, one thread. Traces as multiples of one",
        "evaluation of f, forward only; training steps (loss and gradient) as multiples of",
        "torchdiffeq's backpropagation with the trace by autograd; calls of f there and back.",
        "Batch 512, float32.",
        "Made by `python -m benchmarks.traces`.",
        "",
        "| d | trace | time / f | target |",
        "|---|---|---|---|",
    ]
    for row in record["rows"]:
        goal = verdict(row["median"], target(row))
        if row["part"] == "trace":
            lines.append(f"| {row['d']} | {row['contender']} | {spread(row)} | {goal} |")
    lines += ["", "| training step | time | target | calls of f |", "|---|---|---|---|"]
    for row in record["rows"]:
        goal = verdict(row["median"], target(row))
        if row["part"] == "step":
            cells = [row["contender"], spread(row), goal, str(row["nfe"])]
            lines.append(f"| {' | '.join(cells)} |")
    lines += missed_lines(record)
    return "\n".join([*lines, "", footer(record)]) + "\n"


def rows(rounds: int) -> list[dict]:
    """Both parts."""
    return [row for d in TARGETS for row in trace_rows(d, rounds)] + step_rows(rounds)


if __name__ == "__main__":
    run("traces", ROUNDS, rows, table)
