"""A reversible solver: its steps can be undone exactly, so the way back needs no memory at all.

Reversible Heun carries two states, y and z. A step forwards and the same step undone:

    z₁ = 2y₀ - z₀ + h f(z₀)              z₀ = 2y₁ - z₁ - h f(z₁)
    y₁ = y₀ + h (f(z₀) + f(z₁)) / 2      y₀ = y₁ - h (f(z₀) + f(z₁)) / 2
"""

from itertools import pairwise

import torch
from torch.autograd.function import once_differentiable

from course_lib.gradients.common import (
    GradientStatistics,
    check_cotangent,
    find_parameters,
    time_gradients,
    vjp,
)
from course_lib.solvers import errors
from course_lib.solvers.errors import SolverError, see
from course_lib.solvers.field import ordinary_tensors
from course_lib.solvers.integrate import Problem
from course_lib.solvers.steps import ceil

__all__ = ["odeint_reversible"]


def odeint_reversible(
    func, y0, t: torch.Tensor, *, options: dict, adjoint_params=None, return_stats: bool = False
):
    """Solve y' = func(t, y) by reversible Heun, with exact gradients and constant memory.

    The method has order two and takes one evaluation a step. On the way back the states are found
    again by undoing the steps, and each step is differentiated as it is undone: the gradient is
    that of the computed solution, up to rounding (which grows if the problem is very stiff).
    The method is explicit, with a small region of stability, the segment from -i to i: strong
    contraction asks for small steps, and weak oscillations between y and z remain.

    Args:
        func, y0, t: as for `odeint`; a tuple state too.
        options: {"step_size": h}. Between two output times the steps are equal and at most h.
        adjoint_params: as for `odeint_adjoint`.
        return_stats: return `(solution, GradientStatistics)`; `.backward` fills in `backward()`.

    Returns:
        Tensor [len(t), *y0.shape], or a tuple of such, differentiable (once) with respect to y0,
        `adjoint_params` and t (by the derivatives of the flow, as in `odeint`).

    Raises:
        ValueError, TypeError: an argument is of no use; the message says how to mend it.
        SolverError: the solution is not finite.

    Source: Kidger, Foster, Li & Lyons 2021, arXiv:2105.13493, algorithm 1 without noise.

    >>> rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> y0, t = torch.ones(1, dtype=torch.float64), torch.tensor([0.0, 2.0])
    >>> y = odeint_reversible(lambda t, y: rate * y, y0, t, adjoint_params=(rate,),
    ...                       options={"step_size": 0.01})
    >>> y[-1].sum().backward()  # near d exp(2 rate) / d rate = 2 e
    >>> round(rate.grad.item(), 3)
    5.436
    """
    params = find_parameters(func, adjoint_params, "odeint_reversible")
    # "heun" only lends the checks of its arguments: the steps are taken below
    problem = Problem(func, y0, 1.0, 1.0, "heun", options)
    if problem.options["step_size"] is None:
        raise ValueError(
            f"odeint_reversible needs its step: options={{'step_size': h}}. {see('one step')}"
        )
    errors.check_real(problem.y0, "odeint_reversible")
    times = errors.check_times(t, problem.field.time_dtype)
    stats = GradientStatistics(stored_states=len(times) + 1)
    setup = (problem, times, grids(times, problem.options), stats)
    ys = problem.unpack(Reversible.apply(setup, problem.y0, t, *params))
    return (ys, stats) if return_stats else ys


def grids(times: list[float], options: dict) -> list[list[float]]:
    """For each interval between output times the ends of its equal steps."""
    size = options["step_size"]
    counts = [max(1, ceil(abs(b - a) / size - 1e-9)) for a, b in pairwise(times)]
    errors.check_number_of_steps(sum(counts), size, times[0], times[-1], options["max_num_steps"])
    return [
        [*(a + (b - a) * k / n for k in range(n)), b]
        for (a, b), n in zip(pairwise(times), counts, strict=True)
    ]


class Reversible(torch.autograd.Function):
    """Forward: steps without a graph, nothing kept. Backward: each step undone, then its vjp."""

    @staticmethod
    def forward(ctx, setup, y0, t, *params):
        problem, times, intervals, stats = setup
        field, y, z = problem.field, y0, y0
        solution, f = [y0], None
        with ordinary_tensors():
            for grid in intervals:
                f = field(grid[0], z) if f is None else f
                for t0, t1 in pairwise(grid):
                    h = t1 - t0
                    z = torch.add(torch.add(y, f, alpha=h), y - z)
                    y = torch.add(y, f, alpha=h / 2)
                    f = field(t1, z)
                    y.add_(f, alpha=h / 2)
                    stats.accepted += 1
                if not errors.all_finite(y):
                    error = blown_up(grid[0], grid[-1], solution[-1])
                    problem.complete(error, times, solution)
                    raise error
                solution.append(y)
        ys = torch.stack(solution)
        stats.nfe = field.nfe
        ctx.setup = setup
        ctx.save_for_backward(ys, z, t, *params)
        return ys

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        problem, times, intervals, stats = ctx.setup
        ys, z, t, *params = ctx.saved_tensors
        check_cotangent(gradient)
        totals = [torch.zeros_like(param) for param in params]
        to_y, to_z, to_f = (torch.zeros_like(z) for _ in range(3))
        later, h_later = ys[-1], 0.0  # y of the step after, without its share of f at this z
        for interval, direct in reversed([*zip(intervals, gradient[1:], strict=True)]):
            to_y = to_y + direct
            for t0, t1 in reversed([*pairwise(interval)]):
                h = t1 - t0
                to_f = torch.add(to_f, to_y, alpha=h / 2)
                f, through_f = pull_back(problem.field, t1, z, params, to_f, totals)
                y = torch.add(later, f, alpha=-h_later / 2)
                z = torch.add(torch.add(y, f, alpha=-h), y - z)
                later, h_later = torch.add(y, f, alpha=-h / 2), h
                to_z = to_z + through_f
                to_f = torch.add(to_y * (h / 2), to_z, alpha=h)
                to_y, to_z = torch.add(to_y, to_z, alpha=2), -to_z
                stats.backward.accepted += 1
        _, through_f = pull_back(problem.field, times[0], ys[0], params, to_f, totals)
        costate, to_t = to_y + to_z + through_f, None
        if ctx.needs_input_grad[2]:
            to_t = time_gradients(problem.field, times, ys, gradient, costate, t)
        stats.backward.nfe = problem.field.nfe - stats.nfe
        return None, costate + gradient[0], to_t, *totals


def pull_back(field, t: float, z, params, cotangent, totals):
    """func(t, z) and cotangentᵀ ∂f/∂z; adds cotangentᵀ ∂f/∂θ to the totals."""
    slope, to_z, parts = vjp(lambda _, state: field(t, state), None, z, params, cotangent)
    for total, part in zip(totals, parts, strict=True):
        total.add_(part)
    return slope, to_z


def blown_up(t0: float, t1: float, y) -> SolverError:
    """The state is not finite any more."""
    return SolverError(
        f"the state became NaN or Inf between t = {t0:g} and t = {t1:g}: reversible Heun is stable "
        "only for small steps where the flow contracts. Take a smaller step_size, or another "
        "method with odeint_discrete_adjoint; and see that func is finite there. "
        + see("no way back"),
        t0,
        y,
    )
