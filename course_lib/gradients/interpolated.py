"""The interpolated adjoint: a is solved backwards along the stored path of the forward solve.

Nothing is reconstructed, so nothing can go wrong in reconstructing it; the price is memory for the
dense output, and an error of the size of the interpolation's.
"""

from copy import copy

import torch

from course_lib.gradients.common import find_parameters
from course_lib.gradients.continuous import adjoint_settings, solve_with_adjoint
from course_lib.solvers.dense import DenseOutput, Statistics, end_slopes
from course_lib.solvers.field import Step
from course_lib.solvers.integrate import Problem

__all__ = ["odeint_interpolated_adjoint"]


def odeint_interpolated_adjoint(
    func,
    y0,
    t: torch.Tensor,
    *,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    method: str | None = "dopri5",
    options: dict | None = None,
    adjoint_rtol: float | None = None,
    adjoint_atol: float | None = None,
    adjoint_method: str | None = None,
    adjoint_options: dict | None = None,
    adjoint_params=None,
    return_stats: bool = False,
):
    """Solve y' = func(t, y) like `odeint`, with gradients by the interpolated adjoint.

    Arguments, result and errors are those of `odeint_adjoint`. In the backward solve y(t) comes
    from the dense output of the forward one: stable wherever the forward solve was, for the memory
    of the states and slopes of all its steps.

    Source: CVODES stores Hermite interpolants: Hindmarsh et al. 2005, doi:10.1145/1089014.1089020;
    for neural ODEs, at Chebyshev nodes: Daulbaev et al. 2020, arXiv:2003.05271.

    >>> rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> y0, t = torch.ones(1, dtype=torch.float64), torch.tensor([0.0, 2.0])
    >>> y = odeint_interpolated_adjoint(lambda t, y: rate * y, y0, t, adjoint_params=(rate,))
    >>> y[-1].sum().backward()  # d exp(2 rate) / d rate = 2 e
    >>> round(rate.grad.item(), 6)
    5.436564
    """
    settings = adjoint_settings(
        rtol, atol, method, options, adjoint_rtol, adjoint_atol, adjoint_method, adjoint_options
    )
    params = find_parameters(func, adjoint_params, "odeint_interpolated_adjoint")
    problem = Problem(func, y0, rtol, atol, method, options)
    ys, stats = solve_with_adjoint(problem, t, params, settings, StoredPath(problem))
    return (ys, stats) if return_stats else ys


class StoredPath:
    """The steps of a solve, and from them the state at any time between its ends."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.steps: list[Step] = []
        self.dense = None

    def record(self, step: Step) -> None:
        """Keep a step, with func at both its ends."""
        end_slopes(self.problem.field, self.problem.method, step)
        self.steps.append(step)

    def stored_states(self) -> int:
        """How many tensors of the size of y0 that are; neighbouring steps share some."""
        return len({x.data_ptr() for step in self.steps for x in (step.y0, *step.slopes)})

    def __call__(self, t: torch.Tensor) -> torch.Tensor:
        """y(t); a t that rounding has put just outside is taken as the end."""
        if self.dense is None:
            flat = copy(self.problem)
            flat.shapes = None  # a tuple stays the one vector that the adjoint works on
            self.dense = DenseOutput(flat, self.steps, Statistics())
        ends = self.dense.ts[0].item(), self.dense.ts[-1].item()
        with torch.no_grad():
            return self.dense(min(max(t.item(), min(ends)), max(ends)))
