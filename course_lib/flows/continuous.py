"""Continuous normalizing flows: the flow of a field, with log p integrated beside the state."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.flows.planar import standard_log_prob
from course_lib.flows.traces import exact_trace
from course_lib.solvers import odeint
from course_lib.solvers.errors import see

__all__ = ["ContinuousFlow", "Integrals"]

PENALTIES = ("kinetic", "jacobian")


class Integrals(NamedTuple):
    """Where points arrive, and what was summed up along their paths.

    `x` [n, d]; `log_det` [n], ∫ tr J dt from the start time to the end time (negative times the
    trace where time runs backwards); `kinetic` ∫ ‖f‖² |dt| and `jacobian` ∫ ‖J‖² |dt|, [n] each,
    if they were asked for.
    """

    x: Tensor
    log_det: Tensor
    kinetic: Tensor | None = None
    jacobian: Tensor | None = None


class Augmented(nn.Module):
    """The right-hand side of (x, ∫ tr J, ∫ ‖f‖², ∫ ‖J‖²), one row [d + 1 + …] for each point."""

    def __init__(self, field: Callable, trace, dim: int, penalties: Sequence[str], sign: float):
        super().__init__()
        self.field, self.trace, self.dim = field, trace, dim
        self.penalties, self.sign, self.nfe = tuple(penalties), sign, 0

    def forward(self, t, state: Tensor) -> Tensor:
        self.nfe += 1
        found = self.trace(self.field, t, state[..., : self.dim], "jacobian" in self.penalties)
        parts = [found.f, found.trace[..., None]]
        if "kinetic" in self.penalties:
            parts.append(self.sign * found.f.square().sum(-1, keepdim=True))
        if "jacobian" in self.penalties:
            parts.append(self.sign * found.jacobian[..., None])
        return torch.cat(parts, dim=-1)


class ContinuousFlow(nn.Module):
    """x' = f(t, x) from a standard Gaussian at t = 0 to the model's density at t = T.

    Args:
        field: callable (t, x) → dx/dt; if it is an `nn.Module`, its parameters are the flow's.
        dim: entries of a point.
        T: the end time.
        steps: solve by this many steps of RK4; None hands over to `options`.
        trace: `ClosedFormTrace()`, `AutogradTrace()` or `HutchinsonTrace()`; None takes the closed
            form if the field has one, else autograd.
        solve: `odeint`, or an adjoint with its signature.
        options: further arguments of `solve`, such as `rtol` and `atol`.

    Along a path d log p/dt = −tr ∂f/∂x, so log p(x) = log N(z) − ∫₀ᵀ tr ∂f/∂x dt, where z is the
    point of the Gaussian from which the path comes. `calls` counts evaluations of f, those of
    solves with and without trace.

    Raises:
        ValueError: T not positive or not finite, steps < 1, or steps together with options.

    Source: Chen et al. 2018, arXiv:1806.07366, theorem 1; Grathwohl et al. 2019, arXiv:1810.01367.

    >>> flow = ContinuousFlow(lambda t, x: x, rtol=1e-6, atol=1e-6)  # x(1) = e·z, a wider Gaussian
    >>> round(flow.log_prob(torch.zeros(1, 2)).item(), 3)  # −log 2π − 2
    -3.838
    >>> flow.sample(7, torch.Generator().manual_seed(0)).shape
    torch.Size([7, 2])
    """

    def __init__(
        self,
        field: Callable,
        dim: int = 2,
        T: float = 1.0,
        *,
        steps: int | None = None,
        trace=None,
        solve: Callable = odeint,
        **options,
    ):
        super().__init__()
        if not 0 < T < math.inf:
            raise ValueError(f"T must be positive and finite, got {T} {see('arguments')}")
        self.field, self.dim, self.T, self.solve = field, dim, T, solve
        self.trace = trace or exact_trace(field)
        self.calls = 0
        self._set_solver(steps, options)

    def _set_solver(self, steps: int | None, options: dict) -> None:
        if steps is not None:
            if steps < 1 or options:
                raise ValueError(
                    f"give steps ≥ 1 of RK4, or options for the solver, not both {see('guide')}"
                )
            options = {"method": "rk4", "options": {"step_size": self.T / steps}}
        self.options = options

    def solved_by(self, *, steps: int | None = None, trace=None, **options) -> "ContinuousFlow":
        """The same field under another solver, `solved_by(steps=40)` or `solved_by(rtol=1e-7)`;
        parameters are shared, evaluations counted anew."""
        other = copy.copy(self)
        other.calls = 0
        other.trace = trace or self.trace
        other._set_solver(steps, options)
        return other

    # --- the map ------------------------------------------------------------------------------

    def path(self, x: Tensor, times: Sequence[float]) -> Tensor:
        """The states at `times` (the first is x's own), [len(times), *x.shape]."""

        def counted(t, y):
            self.calls += 1
            return self.field(t, y)

        times = torch.as_tensor(times, dtype=x.dtype, device=x.device)
        extra = {} if self.solve is odeint else {"adjoint_params": tuple(self.parameters())}
        return self.solve(counted, x, times, **self.options, **extra)

    def forward(self, z: Tensor) -> Tensor:
        """z at time 0 ↦ x at time T."""
        return self.path(z, [0.0, self.T])[-1]

    def inverse(self, x: Tensor) -> Tensor:
        """x at time T ↦ z at time 0."""
        return self.path(x, [self.T, 0.0])[-1]

    def sample(self, n: int, generator=None) -> Tensor:
        """n points [n, dim] of the model, in the dtype of its parameters."""
        like = next(self.parameters(), torch.empty(()))
        z = torch.randn(n, self.dim, generator=generator, dtype=like.dtype, device=like.device)
        return self(z)

    # --- the density --------------------------------------------------------------------------

    def integrate(
        self, x: Tensor, start: float, end: float, penalties: Sequence[str] = ()
    ) -> Integrals:
        """Carry x [n, dim] from time `start` to `end`, and integrate along the paths.

        Args:
            penalties: any of "kinetic" and "jacobian", what RNODE keeps small (Finlay et al. 2020,
                arXiv:2002.02798).
        """
        unknown = set(penalties) - set(PENALTIES)
        if unknown or x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(
                f"need points [n, {self.dim}] and penalties among {PENALTIES}, got "
                f"{tuple(x.shape)} and {sorted(unknown) or list(penalties)} {see('arguments')}"
            )
        ordered = [name for name in PENALTIES if name in penalties]
        if start == end:
            zero = x.new_zeros(len(x))
            return Integrals(x, zero, **dict.fromkeys(ordered, zero))
        self.trace.start(x)
        sign = 1.0 if end > start else -1.0
        func = Augmented(self.field, self.trace, self.dim, ordered, sign)
        state = torch.cat([x, x.new_zeros(len(x), 1 + len(ordered))], dim=1)
        times = torch.tensor([start, end], dtype=x.dtype, device=x.device)
        state = self.solve(func, state, times, **self.options)[-1]
        self.calls += func.nfe
        x, log_det, *sums = state.split([self.dim, *[1] * (1 + len(ordered))], dim=1)
        named = dict(zip(ordered, (column[:, 0] for column in sums), strict=True))
        return Integrals(x, log_det[:, 0], **named)

    def log_prob(self, x: Tensor, t: float | None = None) -> Tensor:
        """log p of points [n, dim], [n]; the model's at T, or on the way at time t."""
        back = self.integrate(x, self.T if t is None else t, 0.0)
        return standard_log_prob(back.x) + back.log_det
