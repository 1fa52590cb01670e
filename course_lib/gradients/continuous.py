"""The continuous adjoint: a second differential equation, solved backwards, gives the gradient.

    a(t) = ∂L/∂y(t),    a' = -(∂f/∂y)ᵀ a,    dL/dθ = ∫ aᵀ ∂f/∂θ dt

y is not stored: it is solved for once more, backwards, together with a (Chen et al. 2018).
`odeint_adjoint` has the arguments of torchdiffeq's.
"""

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
from course_lib.solvers.integrate import Problem

__all__ = ["adjoint_settings", "odeint_adjoint", "solve_with_adjoint"]

NORMS = ("seminorm", "full")


def odeint_adjoint(
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
    """Solve y' = func(t, y) like `odeint`, with gradients by the continuous adjoint.

    Memory does not grow with the number of steps: only the states at the times in t are kept.
    The gradient has an error of its own, that of the backward solve. Where the flow contracts,
    y cannot be found again backwards and the gradient is wrong: put more times into t (each is a
    checkpoint from which the backward solve starts afresh) or take `odeint_discrete_adjoint`.

    Args:
        func, y0, t, rtol, atol, method, options: as for `odeint`; func an `nn.Module`, or any
            callable if `adjoint_params` are given.
        adjoint_rtol, adjoint_atol, adjoint_method, adjoint_options: the same for the backward
            solve; by default those of the forward one. The method must be an explicit Runge-Kutta
            one. `atol` also measures a, whose size is that of the loss's gradient.
        adjoint_options["norm"]: "seminorm" (default: the step size watches y and a only; dL/dθ is
            an integral that nothing depends on) or "full" (it watches dL/dθ as well).
        adjoint_params: the tensors to differentiate by, besides y0 and t; by default
            `func.parameters()`. Those that require no gradient are left out.
        return_stats: return `(solution, GradientStatistics)`; `.backward` fills in `backward()`.

    Returns:
        Tensor [len(t), *y0.shape], or a tuple of such, differentiable (once) with respect to y0,
        `adjoint_params` and all of t: dL/dt_i = g_i·f(t_i, y_i), dL/dt_0 = -a(t_0)·f(t_0, y_0).

    Raises:
        ValueError, TypeError, SolverError: as `odeint`; ValueError if func is not an `nn.Module`
            and has no `adjoint_params`; SolverError in `backward()` if the way back fails.

    Differences from torchdiffeq: the default norm (theirs is "full", as the larger of the parts);
    dL/dt is exact instead of integrated; norms given as functions and events are not supported.

    Source: Pontryagin et al. 1962; Chen et al. 2018, arXiv:1806.07366, algorithm 2; seminorm:
    Kidger, Chen & Lyons 2021, arXiv:2009.09457.

    >>> rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> y0, t = torch.ones(1, dtype=torch.float64), torch.tensor([0.0, 2.0])
    >>> y = odeint_adjoint(lambda t, y: rate * y, y0, t, adjoint_params=(rate,))
    >>> y[-1].sum().backward()  # d exp(2 rate) / d rate = 2 e
    >>> round(rate.grad.item(), 6)
    5.436564
    """
    settings = adjoint_settings(
        rtol, atol, method, options, adjoint_rtol, adjoint_atol, adjoint_method, adjoint_options
    )
    params = find_parameters(func, adjoint_params, "odeint_adjoint")
    problem = Problem(func, y0, rtol, atol, method, options)
    ys, stats = solve_with_adjoint(problem, t, params, settings)
    return (ys, stats) if return_stats else ys


def solve_with_adjoint(problem: Problem, t: torch.Tensor, params, settings, path=None):
    """(solution, statistics); `path` is an object that records steps and then knows y(t)."""
    times = errors.check_times(t, problem.field.time_dtype)
    errors.check_real(problem.y0, "the adjoint equation")
    stats = GradientStatistics(stored_states=len(times))
    steps = problem.steps(problem.y0, times, torch.finfo(t.dtype).eps)
    setup = (problem, steps, times, settings, stats, path)
    return problem.unpack(ContinuousAdjoint.apply(setup, problem.y0, t, *params)), stats


class ContinuousAdjoint(torch.autograd.Function):
    """Forward: a solve without a graph. Backward: the adjoint equation, from output to output."""

    @staticmethod
    def forward(ctx, setup, y0, t, *params):
        problem, steps, times, _, stats, path = setup
        watch = None if path is None else path.record
        ys = problem.follow(steps, times, stats, watch)
        stats.nfe = problem.field.nfe
        stats.stored_states += 0 if path is None else path.stored_states()
        ctx.setup = setup
        ctx.save_for_backward(ys, t, *params)
        return ys

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        problem, _, times, settings, stats, path = ctx.setup
        ys, t, *params = ctx.saved_tensors
        check_cotangent(gradient)
        eps = torch.finfo(t.dtype).eps
        solve = BackwardSolve(problem.field.func, ys[0], params, settings, eps, stats, path)
        costate = torch.zeros_like(ys[0])
        for i in range(len(times) - 1, 0, -1):
            costate = costate + gradient[i]  # the loss looks at y(t_i): a jumps
            costate = solve.run(times[i], times[i - 1], ys[i], costate)
        to_t = None
        if ctx.needs_input_grad[2]:
            to_t = time_gradients(solve.func_at, times, ys, gradient, costate, t)
        return None, costate + gradient[0], to_t, *solve.to_params


def adjoint_settings(rtol, atol, method, options, a_rtol, a_atol, a_method, a_options) -> tuple:
    """(norm, arguments of the backward `Problem`), each that was not given as in the forward solve.

    Refuses, before anything is solved, what the backward solve could not do.
    """
    forward, backward = errors.check_method(method), errors.check_method(a_method or method)
    if a_options is None and options and backward is not forward:
        raise ValueError(
            f"options were given for method {forward.name!r}, but the backward solve uses "
            f"{backward.name!r}: say its options too, adjoint_options={{...}}. {see('arguments')}"
        )
    chosen = errors.dict_of(options if a_options is None else a_options)
    norm = chosen.pop("norm", "seminorm")
    if norm not in NORMS:
        raise ValueError(
            f"adjoint_options['norm'] must be one of {list(NORMS)}, got {norm!r}. {see('guide')}"
        )
    if not backward.explicit_rk:
        raise ValueError(
            f"the adjoint equation cannot be solved by {backward.name!r} here: choose an explicit "
            "Runge-Kutta method, for example adjoint_method='dopri5', adjoint_options={}; or "
            f"backpropagate through odeint. {see('guide')}"
        )
    errors.check_options(backward, chosen)
    rtol = rtol if a_rtol is None else a_rtol
    atol = atol if a_atol is None else a_atol
    errors.check_tolerances(rtol, atol)
    return norm, (rtol, atol, backward.name, chosen)


class BackwardSolve:
    """The adjoint equation from one time to an earlier one, interval by interval.

    The unknowns are y and a; or only a, if y is known from elsewhere (`path`, a function of t).
    The gradient of the parameters is not an unknown but an integral along the way: it is summed
    with the weights of the method from the stages of the steps that were kept.
    """

    def __init__(self, func, y0, params, settings, eps, stats, path=None):
        self.func, self.params, self.path, self.eps = func, params, path, eps
        self.stats = stats.backward
        self.full, arguments = settings[0] == "full", settings[1]
        self.shape, self.size = y0.shape, y0.numel()
        self.to_params = [torch.zeros_like(param) for param in params]
        self.vjps: list = []  # aᵀ ∂f/∂θ at the stages of the step that is being tried
        start = self.pack(y0, torch.zeros_like(y0))
        self.problem = Problem(self.slope, start, *arguments)
        self.choose_first = self.problem.adaptive and not self.problem.options["first_step"]

    def pack(self, y, costate) -> torch.Tensor:
        """The unknowns as one vector."""
        parts = [costate] if self.path else [y, costate]
        return torch.cat([part.reshape(-1) for part in (parts + self.to_params * self.full)])

    def slope(self, t, unknowns):
        """d/dt of the unknowns: f, -(∂f/∂y)ᵀ a (and -aᵀ ∂f/∂θ)."""
        if self.path:
            y, rest = self.path(t), unknowns
        else:
            y, rest = unknowns[: self.size].reshape(self.shape), unknowns[self.size :]
        costate = rest[: self.size].reshape(self.shape)
        f, to_y, to_params = vjp(self.func, t, y, self.params, -costate)
        self.stats.nfe += 1
        slopes = [to_y] if self.path else [f, to_y]
        if self.full:
            slopes += to_params
        else:
            self.vjps.append(to_params)
        return torch.cat([part.reshape(-1) for part in slopes])

    def run(self, t1: float, t0: float, y, costate) -> torch.Tensor:
        """a(t0) from y(t1) and a(t1); adds the interval's share to `to_params`."""
        start, longest = self.pack(y, costate), 0.0
        self.vjps.clear()
        try:
            for step in self.problem.steps(start, [t1, t0], self.eps):
                if step is not None:
                    longest = max(longest, abs(step.t1 - step.t0))
                    last = step
                self.keep(step)
            self.problem.check_end(start, last)
        except SolverError as error:
            raise backward_failure(error, t1, t0) from error
        if self.choose_first:  # the next interval need not start from a guess
            self.problem.options["first_step"] = longest
        end = last.y1 if self.path else last.y1[self.size :]
        if self.full:
            sums = end[self.size :].split([param.numel() for param in self.params])
            pairs = zip(sums, self.params, strict=True)
            self.to_params = [part.reshape(param.shape) for part, param in pairs]
        return end[: self.size].reshape(self.shape)

    def keep(self, step) -> None:
        """Count a step; add the integral of -aᵀ ∂f/∂θ over it, if it was accepted."""
        self.stats.accepted += step is not None
        self.stats.rejected += step is None
        if self.full:
            return
        method = self.problem.method
        stages = self.vjps[-method.stages :]
        if method.fsal:  # the first slope was the last one of the step before
            stages = [self.vjps[0], *stages]
        if step is not None:
            for i, weight in method.weights:
                for total, part in zip(self.to_params, stages[i], strict=True):
                    total.add_(part, alpha=(step.t1 - step.t0) * weight)
        self.vjps = [stages[-1 if step is not None else 0]] if method.fsal else []

    def func_at(self, t: float, y) -> torch.Tensor:
        """func at a time given as a float, counted."""
        self.stats.nfe += 1
        with torch.no_grad():
            return self.func(torch.full((), t, dtype=y.dtype, device=y.device), y)


def backward_failure(error: SolverError, t1: float, t0: float) -> SolverError:
    """The error of a backward solve, with what to do about it."""
    return SolverError(
        f"in the backward solve of the adjoint from t = {t1:g} to t = {t0:g}: {error} If the "
        "forward solve had no such trouble, its way back is unstable: put more times into t as "
        f"checkpoints, or take odeint_discrete_adjoint. {see('no way back')}",
        error.t,
        error.solution[None],  # the unknowns of the backward solve, at this one time
    )
