"""What all adjoints share: the statistics they return, the parameters they look for, one vjp."""

from dataclasses import dataclass, field

import torch

from course_lib.solvers.dense import Statistics
from course_lib.solvers.errors import check_time_slope, see, wrong_result

__all__ = [
    "GradientStatistics",
    "check_cotangent",
    "find_parameters",
    "pull",
    "time_gradients",
    "vjp",
]


@dataclass
class GradientStatistics(Statistics):
    """What a gradient cost: the counts of the forward solve, and beside them those of the backward.

    `nfe`, `accepted`, `rejected` count the forward solve, as in `Statistics`. `backward` fills when
    `loss.backward()` runs: its `nfe` are calls of func there, each followed by a product with its
    Jacobian. `stored_states` counts tensors of the size of y0 kept from forward to backward
    (besides the inputs), `recomputed` the most that the backward pass keeps beside them.

    >>> stats = GradientStatistics(nfe=40, accepted=10)
    >>> stats.backward.nfe, stats.stored_states
    (0, 0)
    """

    backward: Statistics = field(default_factory=Statistics)
    stored_states: int = 0
    recomputed: int = 0


def find_parameters(func, adjoint_params, name: str) -> tuple[torch.Tensor, ...]:
    """The parameters to differentiate by: those of the module func, or the ones given.

    Only those that require a gradient are kept. Raises ValueError if func is no module and none
    were given: a plain function hides its parameters, and their gradients would silently be None.
    """
    if adjoint_params is None:
        if not isinstance(func, torch.nn.Module):
            raise ValueError(
                f"{name} cannot see which parameters func uses, because it is not an nn.Module: "
                "make it one, or name them, adjoint_params=(theta,); without any parameters write "
                f"adjoint_params=(). {see('arguments')}"
            )
        adjoint_params = func.parameters()
    params = (adjoint_params,) if isinstance(adjoint_params, torch.Tensor) else adjoint_params
    params = tuple(params)
    for i, param in enumerate(params):
        if not isinstance(param, torch.Tensor):
            raise TypeError(
                f"adjoint_params[{i}] must be a tensor, got {type(param).__name__}. "
                + see("arguments")
            )
    # one that is named twice would get its gradient twice
    return tuple(param for param in dict.fromkeys(params) if param.requires_grad)


def vjp(func, t: torch.Tensor, y: torch.Tensor, params, cotangent: torch.Tensor):
    """func(t, y), cotangentᵀ ∂f/∂y, and the list of cotangentᵀ ∂f/∂θ, all without a graph."""
    with torch.enable_grad():
        y = y.detach().requires_grad_()
        slope = func(t, y)
    if not torch.is_tensor(slope) or slope.shape != y.shape or slope.dtype is not y.dtype:
        raise wrong_result(slope, y.shape, y.dtype, y.device, float(t))
    if not slope.requires_grad:  # func is a constant
        return slope, torch.zeros_like(y), [torch.zeros_like(param) for param in params]
    to_y, *to_params = pull(slope, (y, *params), cotangent)
    return slope.detach(), to_y, to_params


def pull(results, inputs, cotangents):
    """The gradients of `inputs` from those of `results`; zero where nothing depends on one."""
    try:
        return torch.autograd.grad(
            results, inputs, cotangents, allow_unused=True, materialize_grads=True
        )
    except RuntimeError as error:
        if "graph a second time" not in str(error):
            raise
        raise ValueError(
            "func uses a tensor that was computed from a parameter before the solve, and its graph "
            "can be followed only once: compute it inside func, or name that tensor itself in "
            f"adjoint_params. {see('another gradient')}"
        ) from error


def check_cotangent(gradient: torch.Tensor) -> None:
    """Refuse a gradient of the loss that would make everything after it NaN."""
    if not torch.isfinite(gradient).all():
        raise ValueError(
            "the gradient of the loss with respect to the solution contains NaN or Inf: look at "
            "the loss (a logarithm or root of zero, a division?); nothing was solved backwards. "
            + see("underflow")
        )


def time_gradients(field, times: list[float], ys, gradient, costate, t: torch.Tensor):
    """dL/dt: g_i·f(t_i, y_i) for the later times, -a(t_0)·f(t_0, y_0) for the first.

    `costate` is a(t_0) without the direct part g_0, because y(t_0) = y0 whenever it starts.
    """
    factors = torch.cat([-costate[None], gradient[1:]])
    slopes = torch.stack([field(time, y) for time, y in zip(times, ys, strict=True)])
    for time, slope in zip(times, slopes, strict=True):
        check_time_slope(slope, time)
    products = (factors * slopes).reshape(len(times), -1).sum(dim=1)
    return products.to(dtype=t.dtype, device=t.device)
