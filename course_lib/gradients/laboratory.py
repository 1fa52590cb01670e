"""Every gradient through one door: `loss_gradient(loss, func, y0, t, gradient="...")`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from course_lib.gradients.common import GradientStatistics
from course_lib.gradients.continuous import odeint_adjoint
from course_lib.gradients.discrete import odeint_discrete_adjoint
from course_lib.gradients.forward import finite_differences, forward_sensitivities
from course_lib.gradients.interpolated import odeint_interpolated_adjoint
from course_lib.gradients.reversible import odeint_reversible
from course_lib.solvers.errors import see
from course_lib.solvers.integrate import odeint

__all__ = ["GRADIENTS", "LossGradient", "loss_gradient", "taylor_remainders"]

_BY_AUTOGRAD = {
    "backprop": odeint,
    "discrete adjoint": odeint_discrete_adjoint,
    "checkpointed adjoint": partial(odeint_discrete_adjoint, checkpoints="sqrt"),
    "reversible": odeint_reversible,
    "continuous adjoint": odeint_adjoint,
    "interpolated adjoint": odeint_interpolated_adjoint,
}

GRADIENTS = ("finite differences", "central differences", "forward sensitivities", *_BY_AUTOGRAD)


@dataclass
class LossGradient:
    """What `loss_gradient` returns.

    Attributes:
        loss: the value, a float.
        parts: the gradients, one tensor for each input (y0 first if it requires a gradient).
        stats: `GradientStatistics`; for differences the sum over all solves.
        solves: how many times the differential equation was solved forwards.
    """

    loss: float
    parts: list[torch.Tensor]
    stats: GradientStatistics
    solves: int

    @property
    def vector(self) -> torch.Tensor:
        """All parts as one vector."""
        return torch.cat([part.reshape(-1) for part in self.parts])


def loss_gradient(
    loss: Callable[[torch.Tensor], torch.Tensor],
    func,
    y0: torch.Tensor,
    t: torch.Tensor,
    *,
    params=None,
    gradient: str = "discrete adjoint",
    eps: float | None = None,
    **keywords,
) -> LossGradient:
    """The gradient of loss(y) with respect to y0 and parameters, y the solution at the times t.

    Args:
        loss: function of the solution [len(t), *y0.shape] with a 0-d result.
        func, y0, t: as for `odeint`; y0 counts as an input if it requires a gradient.
        params: the parameters of func (default: those of the module that require gradients).
        gradient: a name in `GRADIENTS`.
        eps: the change for the two kinds of differences.
        keywords: for the solve: rtol, atol, method, options, adjoint_….

    Returns:
        `LossGradient`; the `.grad` of the inputs is not touched.

    Raises:
        ValueError: an unknown name, or nothing to differentiate by; else as the method's own.

    >>> rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> y0, t = torch.ones(1, dtype=torch.float64), torch.tensor([0.0, 2.0])
    >>> for name in ("central differences", "continuous adjoint"):
    ...     found = loss_gradient(lambda y: y[-1].sum(), lambda t, y: rate * y, y0, t,
    ...                           params=[rate], gradient=name)
    ...     print(round(found.parts[0].item(), 6), found.solves)
    5.436564 2
    5.436564 1
    """
    if gradient not in GRADIENTS:
        raise ValueError(
            f"gradient {gradient!r} is not known: choose one of {list(GRADIENTS)}. {see('guide')}"
        )
    if params is None:
        params = func.parameters() if isinstance(func, torch.nn.Module) else ()
    params = tuple(param for param in params if param.requires_grad)
    inputs = (y0, *params) if y0.requires_grad else params
    if not inputs:
        raise ValueError(
            "nothing to differentiate by: make func a module with parameters, name them with "
            f"params=[...], or set y0.requires_grad_(). {see('arguments')}"
        )
    if gradient.endswith("differences"):
        return _by_differences(loss, func, y0, t, inputs, eps, gradient, keywords)
    if gradient == "forward sensitivities":
        return _by_sensitivities(loss, func, y0, t, inputs, params, keywords)
    solve = _BY_AUTOGRAD[gradient]
    if gradient != "backprop":
        keywords = keywords | {"adjoint_params": params}
    y, stats = solve(func, y0, t, return_stats=True, **keywords)
    value = loss(y)
    parts = torch.autograd.grad(value, inputs, allow_unused=True, materialize_grads=True)
    if gradient == "backprop":
        stats = GradientStatistics(stats.nfe, stats.accepted, stats.rejected)
    return LossGradient(value.item(), list(parts), stats, 1)


def _by_differences(loss, func, y0, t, inputs, eps, gradient, keywords) -> LossGradient:
    """Solve once more for every entry (or twice)."""
    total, solves = GradientStatistics(), 0

    def value() -> torch.Tensor:
        nonlocal solves
        y, stats = odeint(func, y0, t, return_stats=True, **keywords)
        solves += 1
        total.nfe += stats.nfe
        total.accepted += stats.accepted
        total.rejected += stats.rejected
        return loss(y)

    parts = finite_differences(value, inputs, eps=eps, central=gradient.startswith("central"))
    with torch.no_grad():
        here = loss(odeint(func, y0, t, **keywords)).item()  # not part of what is counted
    return LossGradient(here, parts, total, solves)


def _by_sensitivities(loss, func, y0, t, inputs, params, keywords) -> LossGradient:
    """Solve for y and S, and let the loss's own gradient meet S."""
    wrt_y0 = len(inputs) > len(params)
    y, sensitivity, stats = forward_sensitivities(func, y0, t, params, wrt_y0=wrt_y0, **keywords)
    y.requires_grad_()
    value = loss(y)
    (by_y,) = torch.autograd.grad(value, y)
    vector = torch.tensordot(by_y, sensitivity, dims=by_y.dim())
    sizes = [tensor.numel() for tensor in inputs]
    parts = [part.reshape(x.shape) for part, x in zip(vector.split(sizes), inputs, strict=True)]
    return LossGradient(value.item(), parts, stats, 1)


def taylor_remainders(
    loss: Callable[[torch.Tensor], float], theta, gradient, direction, sizes
) -> list[float]:
    """|loss(θ + εv) - loss(θ) - ε gᵀv| for each ε in `sizes`: falls like ε² if g is the gradient.

    With an error in g it falls like ε below some size: the sharpest test of a gradient there is,
    because it needs no other gradient to compare with.

    Args:
        loss: function of a vector, returns a number.
        theta, gradient, direction: vectors of one shape: θ, g and v.
        sizes: the ε.

    Source: Farrell, Ham, Funke & Rognes 2013, doi:10.1137/120873558 (dolfin-adjoint).

    >>> x, v = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    >>> [round(r, 12) for r in taylor_remainders(lambda x: (x**2).sum(), x, 2 * x, v, [0.1, 0.01])]
    [0.02, 0.0002]
    """
    here, slope = float(loss(theta)), float(gradient @ direction)
    return [abs(float(loss(theta + eps * direction)) - here - eps * slope) for eps in sizes]
