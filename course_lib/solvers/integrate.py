"""`odeint` and `odeint_dense`: from a question (func, y0, t) to the solution at the asked times."""

import math
from bisect import bisect_right
from collections.abc import Iterator

import torch

from course_lib.solvers import errors
from course_lib.solvers.adaptive import adaptive_steps
from course_lib.solvers.dense import (
    DenseOutput,
    Statistics,
    end_slopes,
    interpolate,
    not_between,
)
from course_lib.solvers.errors import SolverError
from course_lib.solvers.field import Field, Step, WatchedField, ordinary_tensors
from course_lib.solvers.steps import fixed_steps, time_grid

__all__ = ["Problem", "odeint", "odeint_dense"]


def odeint(
    func,
    y0,
    t: torch.Tensor,
    *,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    method: str | None = "dopri5",
    options: dict | None = None,
    return_stats: bool = False,
):
    """Solve y' = func(t, y), y(t[0]) = y0, and return the solution at every time in t.

    Args:
        func: callable (t, y) → dy/dt, with t a 0-d tensor of y's precision and dy/dt of y's shape;
            a function or an `nn.Module`.
        y0: tensor of any shape, or a tuple of tensors of one dtype; func then takes and returns
            such tuples.
        t: 1-D floating-point tensor, strictly increasing or strictly decreasing; t[0] belongs to
            y0. A single time returns `y0[None]`.
        rtol, atol: the local error of an adaptive method is kept below atol + rtol |y|, as a root
            mean square over the whole state.
        method: a name in `METHODS`: euler, midpoint, heun, rk4 (the classical rule), dopri5
            (adaptive), leapfrog (y = (q, p), or halves of the last axis; q' may depend on p and t
            only, p' on q and t), implicit_euler (with a dense Jacobian of all entries of y).
        options: `step_size` (fixed steps, the last one shortened to end at t[-1]; also for
            dopri5), `max_num_steps` (100,000); for dopri5 without step_size also `first_step`,
            `safety` (0.9), `min_factor` (0.2), `max_factor` (10).
        return_stats: return `(solution, Statistics)`.

    Returns:
        Tensor [len(t), *y0.shape], or a tuple of such.

    Raises:
        ValueError, TypeError: an argument is of no use; the message says how to mend it.
        SolverError: the solve had to stop; it carries the solution up to there.

    Times between steps come from dense output, a cubic (dopri5: quartic) through the ends of the
    step with error O(h⁴) (dopri5: O(h⁵)): no method loses order by it, no step is taken for it.
    Without a step size a fixed-step method takes one step per output time, and says so once.

    Gradients: y0 and parameters by backpropagation through the steps, whose sizes count as
    constants; t by the derivatives of the exact flow, dL/dt_i = g_i·f(t_i, y_i) and
    dL/dt_0 = -a(t_0)·f(t_0, y_0) (first derivatives only; one call of func per time).

    Differences from torchdiffeq, whose signature, shapes and defaults these are: func is never
    called outside [t[0], t[-1]]; rk4 is the classical rule, not the 3/8 rule; dense output is
    cubic, not linear, between fixed steps; tolerances are single numbers, and the error of a tuple
    is measured over all its entries; a stalled solve stops at `max_num_steps`; unknown options are
    refused. Not planned: events, multistep methods, methods of order 8.

    Source: Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I (1993), II.1-II.6.

    >>> t = torch.linspace(0, 1, 3, dtype=torch.float64)
    >>> y = odeint(lambda t, y: -y, torch.ones(1, dtype=torch.float64), t)
    >>> y.shape, bool((y[:, 0] - torch.exp(-t)).abs().max() < 1e-7)
    (torch.Size([3, 1]), True)
    >>> y, stats = odeint(lambda t, y: -y, torch.ones(1), torch.tensor([0.0, 1.0]), method="rk4",
    ...                   options={"step_size": 0.1}, return_stats=True)
    >>> stats.nfe
    40
    """
    problem = Problem(func, y0, rtol, atol, method, options)
    times = errors.check_times(t, problem.field.time_dtype)
    state, field, stats = problem.y0, problem.field, Statistics()
    time_gradient = t.requires_grad and torch.is_grad_enabled() and len(times) > 1
    if time_gradient:  # starting dt later from the same y0 is starting here from y0 - f dt
        state = state - _zero(t[0], state) * _slope(field, times[0], state)
    steps = problem.steps(state, times, torch.finfo(t.dtype).eps)
    ys = problem.follow(steps, times, stats)
    if time_gradient:
        slopes = [_slope(field, time, y) for time, y in zip(times[1:], ys[1:], strict=True)]
        shift = _zero(t[1:], state).reshape(-1, *[1] * state.dim())
        ys = torch.cat([ys[:1], ys[1:] + shift * torch.stack(slopes)])
    stats.nfe = field.nfe
    return (problem.unpack(ys), stats) if return_stats else problem.unpack(ys)


def odeint_dense(
    func,
    y0,
    t0: float,
    t1: float,
    *,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    method: str | None = "dopri5",
    options: dict | None = None,
) -> DenseOutput:
    """Solve y' = func(t, y) from t0 to t1 and return the solution as a function of time.

    Arguments and errors are those of `odeint`; a fixed-step method needs options["step_size"].
    The result has no gradient with respect to time.

    >>> growth = odeint_dense(lambda t, y: y, torch.ones(1, dtype=torch.float64), 0.0, 1.0)
    >>> bool(abs(growth(0.5).item() - math.exp(0.5)) < 1e-7)
    True
    """
    problem = Problem(func, y0, rtol, atol, method, options)
    if not problem.adaptive and problem.options["step_size"] is None:
        raise ValueError(
            f"odeint_dense has no output times to step to: give method {problem.method.name!r} "
            f"its step, options={{'step_size': h}}. {errors.see('one step')}"
        )
    ends = torch.tensor([errors.as_time("t0", t0), errors.as_time("t1", t1)], dtype=torch.float64)
    times = errors.check_times(ends, problem.field.time_dtype)
    stats, steps = Statistics(), []
    try:
        with ordinary_tensors():
            for step in problem.steps(problem.y0, times, torch.finfo(torch.float64).eps):
                if step is None:
                    stats.rejected += 1
                else:
                    end_slopes(problem.field, problem.method, step)
                    steps.append(step)
            problem.check_end(problem.y0, steps[-1])
    except SolverError as error:
        ends = [times[0], *(step.t1 for step in steps)]
        problem.complete(error, ends, [problem.y0, *(step.y1 for step in steps)])
        raise
    stats.accepted, stats.nfe = len(steps), problem.field.nfe
    return DenseOutput(problem, steps, stats)


class Problem:
    """The arguments of a solve, looked at once, with a tuple state laid out as one vector."""

    def __init__(self, func, y0, rtol, atol, method, options):
        self.method = errors.check_method(method)
        self.options = errors.check_options(self.method, options)
        self.adaptive = self.method.adaptive and self.options["step_size"] is None
        self.rtol, self.atol = errors.check_tolerances(rtol, atol)
        errors.check_func(func)
        self.shapes = None
        if isinstance(y0, tuple):
            errors.check_tuple(y0)
            self.shapes = [part.shape for part in y0]
            func = self._packed(func)
            y0 = torch.cat([part.reshape(-1) for part in y0])
        else:
            errors.check_state(y0)
        if self.method.name == "leapfrog":
            errors.check_pair(y0, self.shapes)
        if self.method.name == "implicit_euler":
            errors.check_linear_algebra(y0)
        if self.adaptive:
            errors.check_precision(y0, self.rtol)
        if y0.is_inference():  # autograd would refuse it
            with ordinary_tensors():
                y0 = y0.clone()
        self.y0 = y0
        self.field = Field(func, y0)

    def _packed(self, func):
        """func on tuples as a function of one vector."""

        def on_vector(t, y):
            try:
                parts = func(t, self.unpack(y))
            except TypeError as error:
                errors.explain_call(error, func)
                raise
            errors.check_parts(parts, self.shapes, float(t))
            return torch.cat([part.reshape(-1) for part in parts])

        return on_vector

    def unpack(self, y):
        """A vector [..., n] as the tuple of tensors [..., *shape] that the user knows."""
        if self.shapes is None:
            return y
        parts = y.split([math.prod(shape) for shape in self.shapes], dim=-1)
        lead = y.shape[:-1]
        return tuple(
            part.reshape((*lead, *shape)) for part, shape in zip(parts, self.shapes, strict=True)
        )

    def steps(self, y0, times: list[float], eps: float) -> Iterator[Step | None]:
        """The steps from times[0] to times[-1]; None stands for a rejected one."""
        if len(times) == 1:
            return iter(())
        if self.adaptive:
            tolerances = self.rtol, self.atol
            return adaptive_steps(
                self.field, self.method, y0, times[0], times[-1], *tolerances, self.options
            )
        size = self.options["step_size"]
        if size is None:
            errors.warn_output_grid(self.method)
            self.grid = times
        else:
            self.grid = time_grid(times[0], times[-1], size, self.options["max_num_steps"], eps)
        return fixed_steps(self.field, self.method, y0, self.grid)

    def follow(self, steps, times: list[float], stats: Statistics, watch=None) -> torch.Tensor:
        """The states at all times, from the steps as they come; `watch(step)` sees each one kept.

        Counts the steps in `stats`. A `SolverError` leaves with the solution up to there.
        """
        solution = [self.y0]
        sign = 1 if times[-1] > times[0] else -1
        try:
            with ordinary_tensors():
                for step in steps:
                    if step is None:
                        stats.rejected += 1
                        continue
                    stats.accepted += 1
                    done = len(solution)  # output times reached
                    if step.t1 == times[done]:
                        solution.append(step.y1)
                    elif (step.t1 - times[done]) * sign > 0:
                        stop = bisect_right(times, sign * step.t1, done, key=lambda t: sign * t)
                        solution += interpolate(self.field, self.method, step, times[done:stop])
                    if watch is not None:
                        watch(step)
                ys = torch.stack(solution)
                if not errors.all_finite(ys):
                    done = [errors.all_finite(y) for y in solution].index(False) - 1
                    if self.adaptive:
                        raise overflow(times[done + 1], times[done], solution[done])
                    self.check_end(self.y0, step)
                    raise not_between(times[done], solution[done])
        except SolverError as error:
            self.complete(error, times, solution)
            raise
        return ys

    def check_end(self, y0, last: Step) -> None:
        """Raise if the last state is not finite.

        NaN and Inf never leave a state again, so this one look is enough. Only if it fails are
        fixed steps repeated, with a look at every call, to name the time.
        """
        if errors.all_finite(last.y1):
            return
        if self.adaptive:
            raise overflow(last.t1, last.t0, last.y0)
        with torch.no_grad():
            for step in fixed_steps(WatchedField(self.field), self.method, y0, self.grid):
                if not errors.all_finite(step.y1):
                    raise overflow(step.t1, step.t0, step.y0)
        raise SolverError(
            "NaN or Inf came up in the solve, but not when it was repeated to find out where: func "
            "must return the same for the same arguments (does it draw noise, or count calls?). "
            + errors.see("underflow", "noise"),
            self.grid[0],
            y0,
        )

    def complete(self, error: SolverError, times: list[float], ys: list) -> None:
        """Put the states at the output times before error.t in front of the last good state."""
        last = error.t
        sign = 1 if times[-1] > times[0] else -1
        reached = [i for i, time in enumerate(times[: len(ys)]) if (last - time) * sign > 0]
        kept = [i for i in reached if errors.all_finite(ys[i])]
        error.times = torch.tensor([*(times[i] for i in kept), last], dtype=torch.float64)
        states = torch.stack([*(ys[i] for i in kept), error.solution])
        error.solution = self.unpack(states.detach())


def overflow(t1: float, t0: float, y0: torch.Tensor) -> SolverError:
    """The state left the range of its dtype."""
    return SolverError(
        f"the state became NaN or Inf in the step to t = {t1:g}, although func was "
        "finite: it grew beyond the range of its dtype. Take a smaller step_size, or stop "
        f"earlier. {errors.see('underflow')}",
        t0,
        y0,
    )


def _zero(t: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    """Zero, with derivative one with respect to t: what carries an exact gradient."""
    return (t - t.detach()).to(device=state.device, dtype=state.dtype)


@torch.no_grad()
def _slope(field: Field, t: float, y: torch.Tensor) -> torch.Tensor:
    """func at an output time, as a constant."""
    slope = field(t, y)
    errors.check_time_slope(slope, t)
    return slope
