"""Steps as long as a tolerance allows, and what to say when no step is short enough."""

import math
from collections.abc import Iterator

import torch

from course_lib.solvers.errors import SolverError, all_finite, see
from course_lib.solvers.field import Field, Step
from course_lib.solvers.methods import Method
from course_lib.solvers.steps import combine, runge_kutta

__all__ = ["adaptive_steps"]


def adaptive_steps(
    field: Field, method: Method, y0: torch.Tensor, t0: float, t_end: float, rtol, atol, options
) -> Iterator[Step | None]:
    """Steps as long as the error estimate allows; yields None for every rejected one."""
    sign = 1.0 if t_end > t0 else -1.0
    atol = torch.tensor(atol, dtype=field.time_dtype, device=field.device)
    k0 = field(t0, y0)
    size = options["first_step"] or initial_step(field, method, t0, t_end, y0, k0, rtol, atol)
    tried, may_grow = 0, True
    while t0 != t_end:
        tried += 1
        if tried > options["max_num_steps"]:
            raise too_many_steps(tried - 1, t0, y0, t_end, size)
        smallest = 10 * math.ulp(t0)  # less would hardly change t
        t1 = t0 + sign * max(size, smallest)
        if (t1 - t_end) * sign >= 0:
            t1 = t_end
        step = runge_kutta(field, method, t0, t1, y0, k0)
        error = error_norm(method, step, rtol, atol)
        size = abs(t1 - t0) * size_factor(error, method.order, options, may_grow)
        may_grow = error < 1
        if error < 1:
            yield step
            t0, y0, k0 = t1, step.y1, step.slopes[-1]
        else:
            yield None
            if abs(t1 - t0) <= smallest or not (math.isfinite(error) or all_finite(k0)):
                raise underflow(method, step, error, float(atol))


def size_factor(error: float, order: int, options: dict, may_grow: bool) -> float:
    """By how much to change the step size: the error of a step is like h to the order (HNW
    I, II.4.13).

    Right after a rejected step the size must not grow.
    """
    factor = options["safety"] * max(error, 1e-300) ** (-1 / order)
    return min(max(factor, options["min_factor"]), options["max_factor"] if may_grow else 1.0)


def error_norm(method: Method, step: Step, rtol: float, atol: torch.Tensor) -> float:
    """Root mean square of the error estimate over atol + rtol max(|y0|, |y1|) (HNW I, II.4.11).

    Infinite if anything in the step was NaN or Inf: such a step is tried again, shorter.
    """
    with torch.no_grad():
        error = combine(step.slopes[0], step.slopes, method.relative_error, 1.0)
        largest = torch.maximum(step.y0.abs(), step.y1.abs())
        scaled = rms(error / torch.add(atol, largest, alpha=rtol))
    norm = abs((step.t1 - step.t0) * method.error[0]) * scaled
    return norm if math.isfinite(norm) else math.inf


def rms(x: torch.Tensor) -> float:
    """Root mean square; the one place in a step where the device is waited for."""
    return float(torch.linalg.vector_norm(x)) / math.sqrt(max(1, x.numel()))


@torch.no_grad()
def initial_step(field, method, t0, t_end, y0, k0, rtol, atol) -> float:
    """A first step from the sizes of y, y' and a guess of y'' (HNW I, II.4, "starting step")."""
    span = abs(t_end - t0)
    scale = y0.abs() * rtol + atol
    d0, d1 = rms(y0 / scale), rms(k0 / scale)
    if not math.isfinite(d1):
        return span  # the first step will find out why
    h0 = min(span, 0.01 * d0 / d1 if d0 >= 1e-5 and d1 >= 1e-5 else 1e-6)
    signed = math.copysign(h0, t_end - t0)
    t1 = t_end if h0 == span else t0 + signed
    d2 = rms((field(t1, torch.add(y0, k0, alpha=signed)) - k0) / scale) / h0
    steepest = max(d1, d2)
    if not math.isfinite(steepest):
        return h0
    h1 = (0.01 / steepest) ** (1 / method.order) if steepest > 1e-15 else max(1e-6, h0 * 1e-3)
    return min(100 * h0, h1, span)


def too_many_steps(tried: int, t0: float, y0, t_end: float, size: float) -> SolverError:
    """The solve would take longer than the user may be willing to wait."""
    return SolverError(
        f"{tried} steps did not reach t = {t_end:g}, the solve stands at t = {t0:g} with steps of "
        f"{size:.1e}. Loosen rtol and atol, or use float64 if they are below the precision of the "
        "dtype; if the problem is stiff, use method='implicit_euler' with a step_size; or raise "
        f"options['max_num_steps']. {see('evaluations', 'noise', 'digits')}",
        t0,
        y0,
    )


def underflow(method: Method, step: Step, error: float, atol: float) -> SolverError:
    """No step is small enough, because func is not finite or the solution not smooth."""
    h = step.t1 - step.t0
    for c, k in zip(method.c, step.slopes, strict=True):
        if not torch.isfinite(k).all():
            t = step.t0 + c * h
            return SolverError(
                f"func returned NaN or Inf at t = {t:.9g}, however small the step. Look at func "
                "there (a division, a root, a logarithm?); if the solution itself blows up, stop "
                f"before that time. {see('underflow', 'beyond the end')}",
                step.t0,
                step.y0,
            )
    if atol == 0 and not (step.y0 * step.y1).all():
        return SolverError(
            f"atol = 0 asks for an entry of y that is 0 near t = {step.t0:.9g} without any error, "
            f"which no step is short enough for: give an atol > 0. {see('digits')}",
            step.t0,
            step.y0,
        )
    return SolverError(
        f"the step size fell to {abs(h):.1e} at t = {step.t0:.9g} and the error estimate is still "
        f"{error:.1e} times what rtol and atol allow. The solution blows up or jumps there (stop "
        "before, or split the interval), or the problem is stiff (method='implicit_euler' with a "
        "step_size), or the tolerance is below the precision of the dtype (use float64). "
        + see("underflow", "digits"),
        step.t0,
        step.y0,
    )
