"""The discrete adjoint: the exact gradient of what the solver computed, from one state a step.

Backpropagation through a solver keeps everything that f computed in every stage. The discrete
adjoint keeps the state at the start of each step (or of some steps, `checkpoints`) and computes the
rest again, one step at a time, on the way back.
"""

from bisect import bisect_left
from itertools import pairwise

import torch
from torch.autograd.function import once_differentiable

from course_lib.gradients.common import (
    GradientStatistics,
    check_cotangent,
    find_parameters,
    pull,
    time_gradients,
)
from course_lib.solvers import errors
from course_lib.solvers.dense import interpolate
from course_lib.solvers.errors import see
from course_lib.solvers.field import Field, Step
from course_lib.solvers.integrate import Problem
from course_lib.solvers.steps import combine

__all__ = ["odeint_discrete_adjoint"]


def odeint_discrete_adjoint(
    func,
    y0,
    t: torch.Tensor,
    *,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    method: str | None = "dopri5",
    options: dict | None = None,
    adjoint_params=None,
    checkpoints: str | int = "all",
    return_stats: bool = False,
):
    """Solve y' = func(t, y) like `odeint`, with gradients by the discrete adjoint.

    The gradient equals that of backpropagation through `odeint` up to rounding, from far less
    memory: it is exact for the numbers the solver returned, however coarse its steps.

    Args:
        func, y0, t, rtol, atol, method, options: as for `odeint`; the method is an explicit
            Runge-Kutta one (euler, midpoint, heun, rk4, dopri5 with fixed or chosen steps). func
            must return the same for the same arguments: it is called again in `backward()`.
        adjoint_params: the tensors to differentiate by, besides y0 and t; by default
            `func.parameters()`. Those that require no gradient are left out.
        checkpoints: "all": keep the state of every step. "sqrt": of n steps keep about √n, evenly
            spaced, and solve again from them, for one more evaluation of each step. A number: at
            most that many.
        return_stats: return `(solution, GradientStatistics)`; `.backward` fills in `backward()`.

    Returns:
        Tensor [len(t), *y0.shape], or a tuple of such, differentiable (once) with respect to y0,
        `adjoint_params` and t (by the derivatives of the flow, as in `odeint`).

    Raises:
        ValueError, TypeError, SolverError: as `odeint`; ValueError if func is not an `nn.Module`
            and has no `adjoint_params`, if the method is not explicit, or for other `checkpoints`.

    The sizes of adaptive steps count as constants, as in backpropagation through `odeint`.

    Source: Sanz-Serna 2016, doi:10.1137/151002769 (adjoints of Runge-Kutta methods); Griewank 1992,
    doi:10.1080/10556789208805505 (checkpoints).

    >>> rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> y0, t = torch.ones(1, dtype=torch.float64), torch.tensor([0.0, 1.0])
    >>> y = odeint_discrete_adjoint(lambda t, y: rate * y, y0, t, adjoint_params=(rate,),
    ...                             method="euler", options={"step_size": 0.5})
    >>> y[-1].sum().backward()  # y = (1 + rate/2)², the derivative is 1 + rate/2
    >>> rate.grad.item()
    1.25
    """
    params = find_parameters(func, adjoint_params, "odeint_discrete_adjoint")
    problem = Problem(func, y0, rtol, atol, method, options)
    times = errors.check_times(t, problem.field.time_dtype)
    if not problem.method.explicit_rk:
        raise ValueError(
            f"the discrete adjoint is written for explicit Runge-Kutta methods, not for "
            f"{problem.method.name!r}: backpropagate through odeint instead. {see('guide')}"
        )
    errors.check_real(problem.y0, "odeint_discrete_adjoint")
    tape, stats = Tape(checkpoints), GradientStatistics()
    steps = problem.steps(problem.y0, times, torch.finfo(t.dtype).eps)
    setup = (problem, steps, times, tape, stats)
    ys = problem.unpack(DiscreteAdjoint.apply(setup, problem.y0, t, *params))
    return (ys, stats) if return_stats else ys


class Tape:
    """The times of all steps, and the states at the start of every `stride`-th.

    How many steps there will be is not known beforehand. When the states have become too many,
    every second one is dropped and the stride doubled: with "sqrt" n steps leave between √(n/2)
    and √(2n) states, and segments between them of as many steps.
    """

    def __init__(self, checkpoints):
        number = isinstance(checkpoints, int) and not isinstance(checkpoints, bool)
        if not (checkpoints in ("all", "sqrt") if not number else checkpoints > 0):
            raise ValueError(
                f"checkpoints must be 'all', 'sqrt' or a positive number, got {checkpoints!r}. "
                + see("memory")
            )
        self.checkpoints, self.stride = checkpoints, 1
        self.ends: list[float] = []
        self.states: list[torch.Tensor] = []

    def record(self, step: Step) -> None:
        """Take note of a step that was kept."""
        if not self.ends:
            self.ends.append(step.t0)
        if (len(self.ends) - 1) % self.stride == 0:
            self.states.append(step.y0)
        self.ends.append(step.t1)
        if len(self.states) > self.limit():
            self.states, self.stride = self.states[::2], 2 * self.stride

    def limit(self) -> float:
        """How many states there may be."""
        if self.checkpoints == "all":
            return float("inf")
        return 2 * self.stride if self.checkpoints == "sqrt" else self.checkpoints

    def segments(self):
        """(state at its start, times of its steps), last segment first."""
        for i in reversed(range(len(self.states))):
            yield self.states[i], self.ends[i * self.stride : (i + 1) * self.stride + 1]


class DiscreteAdjoint(torch.autograd.Function):
    """Forward: a solve without a graph, recorded on a tape. Backward: the tape, step by step."""

    @staticmethod
    def forward(ctx, setup, y0, t, *params):
        problem, steps, times, tape, stats = setup
        ys = problem.follow(steps, times, stats, tape.record)
        stats.nfe, stats.stored_states = problem.field.nfe, len(tape.states)
        ctx.setup = setup
        ctx.save_for_backward(ys, t, *params)
        return ys

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        problem, _, times, tape, stats = ctx.setup
        ys, t, *params = ctx.saved_tensors
        check_cotangent(gradient)
        field = Field(problem.field.func, ys[0])
        totals = [torch.zeros_like(param) for param in params]
        sign = 1 if times[-1] > times[0] else -1
        signed = [sign * time for time in times]
        costate, open_ = torch.zeros_like(ys[0]), len(times)  # outputs before open_ are to come
        for start, ends in tape.segments():
            states = replay(field, problem.method, start, ends)
            stats.recomputed = max(stats.recomputed, len(states) - 1)
            for (t0, t1), y in zip(reversed([*pairwise(ends)]), reversed(states), strict=True):
                first = max(1, bisect_left(signed, sign * t0, 1, open_))
                first += first < open_ and times[first] == t0
                outputs = times[first:open_], gradient[first:open_]
                costate, *parts = step_back(
                    field, problem.method, t0, t1, y, costate, *outputs, params
                )
                for total, part in zip(totals, parts, strict=True):
                    total.add_(part)
                stats.backward.accepted += 1
                open_ = first
        to_t = None
        if ctx.needs_input_grad[2]:
            with torch.no_grad():
                to_t = time_gradients(field, times, ys, gradient, costate, t)
        stats.backward.nfe += field.nfe
        return None, costate + gradient[0], to_t, *totals


def advance(field: Field, method, t0: float, t1: float, y, last_slope: bool = False) -> Step:
    """One step as `odeint` takes it, number for number; the slope at t1 only if it is wanted."""
    h, slopes = t1 - t0, [field(t0, y)]
    stages = method.later_stages[: method.stages - 1]  # without the one that serves the next step
    for c, weights in stages:
        slopes.append(field(t1 if c == 1 else t0 + c * h, combine(y, slopes, weights, h)))
    y1 = combine(y, slopes, method.weights, h)
    if last_slope:
        slopes.append(field(t1, y1))
    return Step(t0, t1, y, y1, slopes)


def replay(field: Field, method, y: torch.Tensor, ends: list[float]) -> list[torch.Tensor]:
    """The states at the starts of the steps of a segment, computed again from the first."""
    states = [y]
    for t0, t1 in pairwise(ends[:-1]):
        states.append(advance(field, method, t0, t1, states[-1]).y1)
    return states


def step_back(field, method, t0: float, t1: float, y, costate, times, gradients, params) -> tuple:
    """(a at the start of a step from a at its end, the step's share of each dL/dθ).

    `times` are the output times inside (t0, t1], `gradients` [len(times), *y.shape] the loss's
    gradient there. The graph of this one step is all that exists at a time.
    """
    at_end = bool(times) and times[-1] == t1
    inside = len(times) > at_end  # then dense output was used, which takes the slope at t1 too
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        step = advance(field, method, t0, t1, y, last_slope=inside)
        results, cotangents = [step.y1], [costate + gradients[-1] if at_end else costate]
        if inside:
            early = len(times) - at_end
            results.append(torch.stack(interpolate(field, method, step, times[:early])))
            cotangents.append(gradients[:early])
    return pull(results, (y, *params), cotangents)
