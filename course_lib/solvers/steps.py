"""One step of each method, and a grid of such steps.

Times and step sizes are Python floats: a tensor would cost a microsecond for every addition and
put the choice of the step into the graph of the gradient, where it does not belong.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch

from course_lib.solvers.errors import SolverError, all_finite, check_number_of_steps, see
from course_lib.solvers.field import Field, NotFinite, Step
from course_lib.solvers.methods import Method

__all__ = ["ceil", "combine", "fixed_steps", "jacobians", "runge_kutta", "time_grid"]

MAX_NEWTON = 25  # iterations; four or five do if the step size is reasonable


def combine(y: torch.Tensor, slopes: list, weights, h: float) -> torch.Tensor:
    """y + h (w_i k_i + w_j k_j + ...) as a chain of additions, the cheapest form in torch."""
    (i, weight), *others = weights
    total = torch.add(y, slopes[i], alpha=h * weight)
    for i, weight in others:
        total.add_(slopes[i], alpha=h * weight)
    return total


def runge_kutta(field: Field, method: Method, t0: float, t1: float, y0, known) -> Step:
    """One step of an explicit Runge-Kutta method; `known` is func(t0, y0), or None."""
    h = t1 - t0
    slopes = [field(t0, y0) if known is None else known]
    for c, weights in method.later_stages:
        y = combine(y0, slopes, weights, h)
        slopes.append(field(t1 if c == 1 else t0 + c * h, y))
    y1 = y if method.fsal else combine(y0, slopes, method.weights, h)
    return Step(t0, t1, y0, y1, slopes)


def leapfrog(field: Field, method: Method, t0: float, t1: float, y0, known) -> Step:
    """Kick, drift, kick for q' = v(p), p' = F(q); `known` is func at (q0, any p), or None.

    Half a step of p, a whole one of q, half a step of p: the last slope is the next step's first.
    """
    h = t1 - t0
    q, p = y0.chunk(2, dim=-1)
    first = field(t0, y0) if known is None else known
    p = torch.add(p, first.chunk(2, dim=-1)[1], alpha=h / 2)
    middle = field(t0 + h / 2, torch.cat([q, p], dim=-1))
    q = torch.add(q, middle.chunk(2, dim=-1)[0], alpha=h)
    last = field(t1, torch.cat([q, p], dim=-1))
    p = torch.add(p, last.chunk(2, dim=-1)[1], alpha=h / 2)
    return Step(t0, t1, y0, torch.cat([q, p], dim=-1), [first, last])


def implicit_euler(field: Field, method: Method, t0: float, t1: float, y0, known) -> Step:
    """Solve y1 = y0 + h func(t1, y1) by Newton's method with the Jacobian from autograd.

    The gradient does not pass through the iteration: one more Newton step from the solution, with
    matrix and starting point as constants, has the derivative of the implicit function.
    """
    h = t1 - t0
    size = y0.numel()
    identity = torch.eye(size, dtype=y0.dtype, device=y0.device)
    tolerance = torch.finfo(y0.dtype).eps ** (2 / 3)  # the error is squared once more after it
    y1 = y0.detach()
    for _ in range(MAX_NEWTON):
        slope, jacobian = slope_and_jacobian(field, t1, y1, identity)
        matrix = identity - h * jacobian
        if not torch.isfinite(slope).all():
            raise NotFinite(t1, y1)
        residual = (y1 - y0.detach() - h * slope).reshape(size, 1)
        change, singular = torch.linalg.solve_ex(matrix, residual)
        y1 = y1 - change.reshape(y0.shape)
        error = float(change.norm() / (1 + y1.norm()))
        if singular or not math.isfinite(error):
            raise newton_error(t0, y0, t1, "the matrix of its linear equations is singular")
        if error <= tolerance:
            break
    else:
        raise newton_error(
            t0, y0, t1, f"after {MAX_NEWTON} iterations it still moves by {error:.1e}"
        )
    if torch.is_grad_enabled():
        residual = (y1 - y0 - h * field(t1, y1)).reshape(size, 1)
        last = y1 - torch.linalg.solve(matrix, residual).reshape(y0.shape)
        if not all_finite(last):
            raise NotFinite(t1, y1)
        y1 = last
    return Step(t0, t1, y0, y1, [known, (y1 - y0) / h])


def slope_and_jacobian(field: Field, t: float, y: torch.Tensor, identity: torch.Tensor):
    """func(t, y) and its derivative [n, n] with respect to the n entries of y, both detached."""
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        slope = field(t, y)
        if not slope.requires_grad or not y.numel():  # func does not look at y
            return slope.detach(), torch.zeros_like(identity)
        (jacobian,) = jacobians(slope, (y,), identity)
    return slope.detach(), jacobian


def jacobians(slope: torch.Tensor, inputs, identity: torch.Tensor) -> list[torch.Tensor]:
    """The derivatives [n, x.numel()] of the n entries of slope by each x, all rows at once."""
    n = len(identity)
    rows = identity.reshape(n, *slope.shape)
    found = torch.autograd.grad(slope, inputs, rows, is_grads_batched=True, allow_unused=True)
    return [
        slope.new_zeros(n, x.numel()) if row is None else row.reshape(n, x.numel())
        for row, x in zip(found, inputs, strict=True)
    ]


def newton_error(t0: float, y0: torch.Tensor, t1: float, what: str) -> SolverError:
    """Implicit Euler could not solve its equation."""
    return SolverError(
        f"implicit Euler: Newton's method did not converge in the step from t = {t0:g} to "
        f"t = {t1:g}: {what}. Take a smaller step_size, and see that func is smooth there. "
        + see("underflow"),
        t0,
        y0,
    )


def fixed_steps(
    field: Field, method: Method, y0: torch.Tensor, grid: list[float]
) -> Iterator[Step]:
    """One step from each time of the grid to the next."""
    step_once = {"leapfrog": leapfrog, "implicit_euler": implicit_euler}.get(
        method.name, runge_kutta
    )
    known = None
    for t0, t1 in pairwise(grid):
        try:
            step = step_once(field, method, t0, t1, y0, known)
        except NotFinite as error:  # from a WatchedField, or from Newton's method
            raise error.at_step(t0, y0) from None
        yield step
        y0 = step.y1
        asked_for = len(step.slopes) > method.stages
        known = step.slopes[-1] if method.fsal or asked_for else None


def ceil(x: float) -> float:
    """The next whole number, infinity included."""
    return math.ceil(x) if math.isfinite(x) else x


def time_grid(
    t0: float, t1: float, step_size: float, max_num_steps: float, eps: float
) -> list[float]:
    """t0, t0 ± h, t0 ± 2h, ... and t1: the last step is the shorter one.

    A remainder that is only the rounding error of t is not worth a step.
    """
    # far from 0, where t itself is coarse, it may be more than that: at most a tenth of a step
    slack = min(4 * eps * max(abs(t0), abs(t1)), step_size / 10)
    n = max(1, ceil((abs(t1 - t0) - slack) / step_size))
    check_number_of_steps(n, step_size, t0, t1, max_num_steps)
    h = math.copysign(step_size, t1 - t0)
    return [t0 + i * h for i in range(n)] + [t1]
