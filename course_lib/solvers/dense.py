"""The solution between the ends of steps: for the output times of a solve, or as a function."""

from dataclasses import dataclass

import torch

from course_lib.solvers.errors import SolverError, all_finite, see
from course_lib.solvers.field import Field, Step, ordinary_tensors
from course_lib.solvers.methods import Method
from course_lib.solvers.steps import combine

__all__ = ["DenseOutput", "Statistics", "end_slopes", "interpolate", "not_between"]


def end_slopes(field: Field, method: Method, step: Step) -> tuple[torch.Tensor, torch.Tensor]:
    """func at both ends of a step; what is evaluated for it, the next step need not evaluate."""
    if method.name == "leapfrog":  # its own slopes are taken while p is half a step away from q
        return field(step.t0, step.y0), field(step.t1, step.y1)
    if step.slopes[0] is None:
        step.slopes[0] = field(step.t0, step.y0)
    if not method.fsal and len(step.slopes) == method.stages:
        step.slopes.append(field(step.t1, step.y1))
    return step.slopes[0], step.slopes[-1]


def interpolate(field: Field, method: Method, step: Step, times: list[float]) -> list:
    """The states at times inside a step, a list of tensors of y0's shape, with one matmul.

    A cubic through both states and both slopes (Hermite), whose error is O(h⁴); for dopri5 a
    quartic is added, zero with its slope at both ends, and makes it O(h⁵) (HNW I, II.6).
    """
    if times[-1] == step.t1:
        before = interpolate(field, method, step, times[:-1]) if len(times) > 1 else []
        return [*before, step.y1]
    h = step.t1 - step.t0
    k0, k1 = end_slopes(field, method, step)
    s = (torch.tensor(times, dtype=torch.float64) - step.t0) / h
    r = 1 - s
    weights = [s * s * (3 - 2 * s), h * s * r * r, -h * s * s * r]
    vectors = [step.y1 - step.y0, k0, k1]
    if method.bump_weights:
        weights.append(h * (s * r) ** 2)
        vectors.append(combine(torch.zeros_like(k0), step.slopes, method.bump_weights, 1.0))
    states = torch.addmm(
        step.y0.reshape(1, -1),
        torch.stack(weights, dim=1).to(step.y0),
        torch.stack(vectors).reshape(len(vectors), step.y0.numel()),
    )
    return list(states.reshape(len(times), *step.y0.shape).unbind())


def not_between(t0: float, y0: torch.Tensor) -> SolverError:
    """The steps are fine, but func is not at one of their ends, from where one interpolates."""
    return SolverError(
        f"the state between the steps, after t = {t0:g}, is NaN or Inf although the steps are "
        "finite: func is not finite at the end of one of them, and dense output takes the slope "
        f"there. Ask only for times at the ends of steps, or stop earlier. {see('underflow')}",
        t0,
        y0,
    )


@dataclass
class Statistics:
    """What a solve cost: calls of func, steps accepted and steps rejected.

    >>> Statistics(nfe=80, accepted=20).rejected
    0
    """

    nfe: int = 0
    accepted: int = 0
    rejected: int = 0


def no_times(t, why) -> TypeError:
    """What a dense solution was asked for are no times."""
    return TypeError(
        f"t must be a number or a 1-D tensor of times, got {type(t).__name__} ({why}): "
        f"use 0.5 or torch.linspace(0, 1, 11). {see('arguments')}"
    )


def as_times(t) -> torch.Tensor:
    """A time, or several, as a float64 tensor of no or one dimension."""
    if isinstance(t, torch.Tensor) and t.is_complex():
        raise no_times(t, "its dtype is complex")
    try:
        t = torch.as_tensor(t, dtype=torch.float64, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise no_times(t, error) from error
    if t.dim() > 1 or t.numel() == 0:
        raise ValueError(
            f"t must be a number or a 1-D tensor, got shape {tuple(t.shape)}: use t.reshape(-1), "
            f"with at least one time. {see('arguments')}"
        )
    return t


class DenseOutput:
    """The solution of `odeint_dense`: call it with a time, or with a 1-D tensor of times.

    Attributes:
        ts: 1-D float64 tensor [n + 1], the ends of the n steps, in the direction of the solve.
        ys: tensor [n + 1, *y0.shape], the states there (a tuple of such for a tuple state).
        stats: the `Statistics` of the solve.

    >>> from course_lib.solvers import odeint_dense
    >>> line = odeint_dense(lambda t, y: torch.ones_like(y), torch.zeros(2), 1.0, 3.0)
    >>> round(line(2.0)[0].item(), 5), line(torch.tensor([1.0, 3.0])).shape
    (1.0, torch.Size([2, 2]))
    """

    def __init__(self, problem, steps: list[Step], stats: Statistics):
        self._problem, self._steps, self.stats = problem, steps, stats
        self.ts = torch.tensor([steps[0].t0, *(step.t1 for step in steps)], dtype=torch.float64)
        self.ys = problem.unpack(torch.stack([steps[0].y0, *(step.y1 for step in steps)]))

    def __call__(self, t):
        """The state at t: [*y0.shape] for a number, [len(t), *y0.shape] for a 1-D tensor.

        Raises:
            TypeError: t is neither a number nor a tensor of real numbers.
            ValueError: a time lies outside the solve, or t has more than one dimension.
        """
        t = as_times(t)
        low, high = sorted([self.ts[0].item(), self.ts[-1].item()])
        if not ((t >= low) & (t <= high)).all():
            raise ValueError(
                f"the solution is known from t = {low:g} to t = {high:g}, and t has other times: "
                "solve over a longer interval, extrapolation would be a guess. "
                + see("beyond the end")
            )
        problem, flat = self._problem, t.reshape(-1)
        sign = 1 if self.ts[-1] > self.ts[0] else -1
        owner = torch.searchsorted(sign * self.ts[1:], sign * flat)
        states = []
        with ordinary_tensors():
            for i in torch.unique(owner).tolist():
                times = flat[owner == i].tolist()
                states += interpolate(problem.field, problem.method, self._steps[i], times)
                if not all_finite(states[-1]):
                    raise not_between(self._steps[i].t0, self._steps[i].y0)
        # the states came out step by step; put them in the order in which they were asked for
        states = torch.stack(states)[torch.argsort(torch.argsort(owner, stable=True))]
        return problem.unpack(states if t.dim() else states[0])
