"""One step, and then many: how a state moves from t0 to t1.

Times and step sizes are Python floats: a tensor would cost a microsecond for every addition and
put the choice of the step into the graph of the gradient, where it does not belong.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch

from course_lib.solvers.errors import SolverError, call, wrong_result
from course_lib.solvers.methods import Method

__all__ = ["Field", "Step", "adaptive_steps", "fixed_steps", "time_grid"]


class Field:
    """func(t, y), called with a float time, counted, and its result looked at."""

    def __init__(self, func, y0: torch.Tensor):
        self.func = func
        self.nfe = 0
        self.shape, self.dtype, self.device = y0.shape, y0.dtype, y0.device
        self.time_dtype = y0.real.dtype if y0.is_complex() else y0.dtype

    def __call__(self, t: float, y: torch.Tensor) -> torch.Tensor:
        self.nfe += 1
        time = torch.full((), t, dtype=self.time_dtype, device=self.device)
        k = call(self.func, time, y)
        if (
            not isinstance(k, torch.Tensor)
            or k.shape != self.shape
            or k.dtype is not self.dtype
            or k.device != self.device
        ):
            raise wrong_result(k, self.shape, self.dtype, self.device, t)
        return k


class WatchedField(Field):
    """A field that looks at every result and stops at the first one that is not finite."""

    def __init__(self, field: Field):
        vars(self).update(vars(field))

    def __call__(self, t: float, y: torch.Tensor) -> torch.Tensor:
        k = super().__call__(t, y)
        if not torch.isfinite(k).all():
            raise FloatingPointError(
                f"{t:.9g}, where the largest |y| is {float(y.abs().max()):.2g}"
            )
        return k


class Step:
    """An accepted step from (t0, y0) to (t1, y1), which also knows the states in between.

    `slopes` are the stages of a Runge-Kutta method; `k0` and `k1` func at the two ends, or None
    as long as nobody needed them; `force` is what leapfrog hands to its next step.
    """

    __slots__ = ("field", "force", "k0", "k1", "method", "slopes", "t0", "t1", "y0", "y1")

    def __init__(self, field, method, t0, t1, y0, y1, k0=None, k1=None, slopes=(), force=None):
        self.field, self.method = field, method
        self.t0, self.t1, self.y0, self.y1 = t0, t1, y0, y1
        self.k0, self.k1, self.slopes, self.force = k0, k1, slopes, force

    def find_end_slopes(self) -> None:
        """Evaluate func at both ends, where the method itself had no need to."""
        if self.k0 is None:
            self.k0 = self.field(self.t0, self.y0)
        if self.k1 is None:
            self.k1 = self.field(self.t1, self.y1)

    def at(self, times: list[float]) -> torch.Tensor:
        """The states [len(times), *y0.shape] at times inside the step, all with one matmul.

        A cubic through both states and both slopes (Hermite), whose error is O(h⁴); Dormand and
        Prince add a quartic, zero with its slope at both ends, and reach O(h⁵) (HNW I, II.6).
        """
        if times[-1] == self.t1:
            end = self.y1.unsqueeze(0)
            return torch.cat([self.at(times[:-1]), end]) if len(times) > 1 else end
        self.find_end_slopes()
        h = self.t1 - self.t0
        s = (torch.tensor(times, dtype=torch.float64) - self.t0) / h
        r = 1 - s
        weights = [s * s * (3 - 2 * s), h * s * r * r, -h * s * s * r]
        vectors = [self.y1 - self.y0, self.k0, self.k1]
        if self.method.bump:
            weights.append(h * (s * r) ** 2)
            vectors.append(combine(None, self.slopes, self.method.bump, 1.0))
        states = torch.addmm(
            self.y0.reshape(1, -1),
            torch.stack(weights, dim=1).to(self.y0),
            torch.stack(vectors).flatten(1),
        )
        return states.reshape(len(times), *self.y0.shape)


def combine(y, slopes, weights, h: float) -> torch.Tensor:
    """y + h (w_1 k_1 + w_2 k_2 + ...) as a chain of additions, the cheapest form in torch."""
    total = y
    for k, weight in zip(slopes, weights, strict=False):
        if weight:
            if total is None:
                total = k * (h * weight)
            elif total is y:
                total = torch.add(y, k, alpha=h * weight)
            else:
                total.add_(k, alpha=h * weight)
    return total


def runge_kutta(field: Field, method: Method, t0, t1, y0, k0) -> Step:
    """One step of an explicit Runge-Kutta method; k0 = func(t0, y0) if it is known already."""
    h = t1 - t0
    if k0 is None:
        k0 = field(t0, y0)
    slopes = [k0]
    y = y0
    for a, c in zip(method.a[1:], method.c[1:], strict=True):
        y = combine(y0, slopes, a, h)
        slopes.append(field(t1 if c == 1 else t0 + c * h, y))
    if method.fsal:
        return Step(field, method, t0, t1, y0, y, k0, slopes[-1], slopes)
    return Step(field, method, t0, t1, y0, combine(y0, slopes, method.b, h), k0, slopes=slopes)


def leapfrog(field: Field, method: Method, t0, t1, y0, force) -> Step:
    """Kick, drift, kick for q' = v(p), p' = F(q): half a step of p, one of q, half a one of p."""
    h = t1 - t0
    if force is None:
        force = field(t0, y0)
    q, p = y0.chunk(2, dim=-1)
    p = torch.add(p, force.chunk(2, dim=-1)[1], alpha=h / 2)
    velocity = field(t0 + h / 2, torch.cat([q, p], dim=-1)).chunk(2, dim=-1)[0]
    q = torch.add(q, velocity, alpha=h)
    force = field(t1, torch.cat([q, p], dim=-1))
    p = torch.add(p, force.chunk(2, dim=-1)[1], alpha=h / 2)
    return Step(field, method, t0, t1, y0, torch.cat([q, p], dim=-1), force=force)


def implicit_euler(field: Field, method: Method, t0, t1, y0, k0) -> Step:
    """Solve y1 = y0 + h func(t1, y1) by Newton's method with the Jacobian from autograd.

    The gradient does not pass through the iteration: at the solution, one more Newton step whose
    matrix and starting point are constants has exactly the derivative of the implicit function.
    """
    h = t1 - t0
    size = y0.numel()
    tolerance = torch.finfo(y0.dtype).eps ** (2 / 3)  # Newton squares it with the step it takes
    y1 = y0.detach()
    for _ in range(MAX_NEWTON):
        slope, jacobian = slope_and_jacobian(field, t1, y1)
        matrix = torch.eye(size, dtype=y0.dtype, device=y0.device) - h * jacobian
        residual = (y1 - y0.detach() - h * slope).reshape(size, 1)
        change, singular = torch.linalg.solve_ex(matrix, residual)
        y1 = y1 - change.reshape(y0.shape)
        error = float(change.abs().max() / (1 + y1.abs().max()))
        if error <= tolerance and not singular:
            break
        if singular or not math.isfinite(error):
            raise newton_error(t0, y0, t1, "the iteration met NaN, Inf or a singular matrix")
    else:
        raise newton_error(t0, y0, t1, f"{MAX_NEWTON} iterations left an error of {error:.1e}")
    if torch.is_grad_enabled():
        residual = (y1 - y0 - h * field(t1, y1)).reshape(size, 1)
        y1 = y1 - torch.linalg.solve(matrix, residual).reshape(y0.shape)
    return Step(field, method, t0, t1, y0, y1, k0, (y1 - y0) / h)


MAX_NEWTON = 25


def slope_and_jacobian(field: Field, t: float, y: torch.Tensor):
    """func(t, y) and its derivative [n, n] with respect to the n entries of y, both detached."""
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        slope = field(t, y)
        if not slope.requires_grad:  # func does not look at y
            return slope, torch.zeros(y.numel(), y.numel(), dtype=y.dtype, device=y.device)
        rows = torch.eye(y.numel(), dtype=y.dtype, device=y.device).reshape(-1, *y.shape)
        (jacobian,) = torch.autograd.grad(
            slope, y, rows, is_grads_batched=True, allow_unused=True, materialize_grads=True
        )
    return slope.detach(), jacobian.reshape(y.numel(), y.numel())


def newton_error(t0: float, y0: torch.Tensor, t1: float, what: str) -> SolverError:
    """Implicit Euler could not solve its equation."""
    return SolverError(
        f"implicit Euler: Newton's method did not converge in the step from t = {t0:g} to "
        f"t = {t1:g}: {what}. Take a smaller step_size, and see that func is smooth there.",
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
        except FloatingPointError as where:  # from a WatchedField
            raise SolverError(
                f"func returned NaN or Inf at t = {where}. Look at func there (a division, a root, "
                "a logarithm?); if |y| is huge, the steps are too large for the method to be "
                "stable: take a smaller step_size, or method='implicit_euler'.",
                t0,
                y0,
            ) from None
        yield step
        y0 = step.y1
        known = step.k1 if step.k1 is not None else step.force


def time_grid(
    t0: float, t1: float, step_size: float, max_num_steps: float, eps: float
) -> list[float]:
    """t0, t0 ± h, t0 ± 2h, ... and t1: the last step is the shorter one.

    A remainder that is only the rounding error of t is not worth a step.
    """
    slack = 4 * eps * max(abs(t0), abs(t1))
    n = max(1, math.ceil((abs(t1 - t0) - slack) / step_size))
    if n > max_num_steps:
        raise ValueError(
            f"step_size {step_size:g} needs {n} steps from t = {t0:g} to t = {t1:g}, more than "
            f"max_num_steps = {max_num_steps:g}: take a larger step_size or raise max_num_steps."
        )
    h = math.copysign(step_size, t1 - t0)
    return [t0 + i * h for i in range(n)] + [t1]


def adaptive_steps(
    field: Field, method: Method, y0: torch.Tensor, t0: float, t_end: float, rtol, atol, options
) -> Iterator[Step | None]:
    """Steps as long as the error estimate allows; yields None for every rejected one."""
    sign = 1.0 if t_end > t0 else -1.0
    power = -1 / method.order
    k0 = field(t0, y0)
    size = options["first_step"] or initial_step(field, method, t0, t_end, y0, k0, rtol, atol)
    may_grow = True
    tried = 0
    while t0 != t_end:
        tried += 1
        if tried > options["max_num_steps"]:
            raise SolverError(
                f"{tried - 1} steps did not reach t = {t_end:g}, the solve stands at t = {t0:g} "
                f"with steps of {size:.1e}. Loosen rtol and atol; if the problem is stiff, use "
                "method='implicit_euler' with a step_size; or raise options['max_num_steps'].",
                t0,
                y0,
            )
        t1 = t0 + sign * size
        if (t1 - t_end) * sign >= 0:
            t1 = t_end
        step = runge_kutta(field, method, t0, t1, y0, k0)
        error = error_norm(step, rtol, atol)
        if error < 1:
            factor = options["safety"] * error**power if error > 0 else math.inf
            factor = min(factor, options["max_factor"] if may_grow else 1.0)
            size = abs(t1 - t0) * max(factor, options["min_factor"])
            may_grow = True
            yield step
            t0, y0, k0 = t1, step.y1, step.k1
        else:
            yield None
            shrink = options["safety"] * error**power if math.isfinite(error) else 0.0
            size = abs(t1 - t0) * max(shrink, options["min_factor"])
            may_grow = False
            if size < 10 * math.ulp(t0) or not torch.isfinite(k0).all():
                raise underflow(step, error)


def error_norm(step: Step, rtol: float, atol: float) -> float:
    """Root mean square of the error estimate over atol + rtol max(|y0|, |y1|) (HNW I, II.4.11)."""
    with torch.no_grad():
        error = combine(None, step.slopes, step.method.error, step.t1 - step.t0)
        scale = torch.maximum(step.y0.abs(), step.y1.abs()).mul_(rtol).add_(atol)
        return rms(error / scale)


def rms(x: torch.Tensor) -> float:
    """Root mean square; the one place in a step where the device is waited for."""
    return float(torch.linalg.vector_norm(x)) / math.sqrt(max(1, x.numel()))


@torch.no_grad()
def initial_step(field, method, t0, t_end, y0, k0, rtol, atol) -> float:
    """A first step from the sizes of y, y' and a guess of y'' (HNW I, II.4, "starting step")."""
    span = abs(t_end - t0)
    scale = y0.abs() * rtol + atol
    d0, d1 = rms(y0 / scale), rms(k0 / scale)
    h0 = min(span, 0.01 * d0 / d1 if d0 >= 1e-5 and d1 >= 1e-5 else 1e-6)
    signed = math.copysign(h0, t_end - t0)
    t1 = t_end if h0 == span else t0 + signed
    d2 = rms((field(t1, torch.add(y0, k0, alpha=signed)) - k0) / scale) / h0
    steepest = max(d1, d2)
    if not math.isfinite(steepest):
        return h0
    h1 = (0.01 / steepest) ** (1 / method.order) if steepest > 1e-15 else max(1e-6, h0 * 1e-3)
    return min(100 * h0, h1, span)


def underflow(step: Step, error: float) -> SolverError:
    """No step is small enough, because func is not finite or the solution not smooth."""
    h = step.t1 - step.t0
    for c, k in zip(step.method.c, step.slopes, strict=True):
        if not torch.isfinite(k).all():
            t = step.t0 + c * h
            return SolverError(
                f"func returned NaN or Inf at t = {t:.9g}, however small the step. Look at func "
                "there (a division, a root, a logarithm?); if the solution itself blows up, stop "
                "before that time.",
                step.t0,
                step.y0,
            )
    return SolverError(
        f"the step size fell to {abs(h):.1e} at t = {step.t0:.9g} and the error estimate is still "
        f"{error:.1e} times what rtol and atol allow. The solution blows up or jumps there (stop "
        "before, or split the interval), or the problem is stiff (method='implicit_euler' with a "
        "step_size), or the tolerance is below the precision of the dtype (use float64).",
        step.t0,
        step.y0,
    )
