"""Gradients without a backward pass: finite differences and forward sensitivities."""

from collections.abc import Callable, Sequence

import torch

from course_lib.gradients.common import GradientStatistics, find_parameters
from course_lib.solvers import errors
from course_lib.solvers.errors import see
from course_lib.solvers.field import Field
from course_lib.solvers.integrate import odeint
from course_lib.solvers.steps import jacobians

__all__ = ["finite_differences", "forward_sensitivities"]


@torch.no_grad()
def finite_differences(
    loss: Callable[[], torch.Tensor],
    inputs: Sequence[torch.Tensor],
    *,
    eps: float | None = None,
    central: bool = False,
) -> list[torch.Tensor]:
    """The gradient of loss() by changing each entry of `inputs` in turn, and solving again.

    One-sided: (loss(θ + ε) - loss(θ)) / ε, P + 1 calls for P entries, error O(ε) + O(u/ε).
    Central: (loss(θ + ε) - loss(θ - ε)) / 2ε, 2P calls, error O(ε²) + O(u/ε); u is the precision.

    Args:
        loss: a function without arguments that reads `inputs` and returns a 0-d tensor.
        inputs: tensors, changed in place and put back.
        eps: the change; default √u (one-sided) or ∛u (central), times the entry if |entry| > 1.

    Returns:
        One gradient for each input, of its shape.

    Source: Press et al., Numerical Recipes (2007), 5.7.

    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64)
    >>> [g] = finite_differences(lambda: (x**2).sum(), [x], central=True)
    >>> bool((g - 2 * x).abs().max() < 1e-8)
    True
    """
    if eps is not None and not eps > 0:
        raise ValueError(f"eps must be positive, got {eps!r}. {see('arguments')}")
    for i, tensor in enumerate(inputs):
        if not tensor.is_floating_point() or not tensor.is_contiguous():
            raise ValueError(
                f"inputs[{i}] must be a contiguous tensor of floating-point numbers, because its "
                "entries are changed one by one: use .contiguous() or .to(torch.float64). "
                + see("arguments")
            )
    base = None if central else loss()
    gradients = []
    for tensor in inputs:
        gradient = torch.zeros_like(tensor)
        precision = torch.finfo(tensor.dtype).eps
        relative = precision ** (1 / 3 if central else 1 / 2)
        # `view` and not `reshape`, which might hand out a copy: changes must reach the tensor
        entries = tensor.detach().view(-1)
        for i, value in enumerate(entries.tolist()):
            size = relative * max(1.0, abs(value)) if eps is None else eps
            try:
                entries[i] = value + size
                above, upper = loss(), entries[i].item()
                if central:
                    entries[i] = value - size
                    base = loss()
                lower = entries[i].item() if central else value
            finally:  # if loss() fails, the input is as it was
                entries[i] = value
            gradient.view(-1)[i] = (above - base) / (upper - lower)
        gradients.append(gradient)
    return gradients


def forward_sensitivities(
    func, y0: torch.Tensor, t: torch.Tensor, params=(), *, wrt_y0: bool = False, **keywords
):
    """Solve y' = f(t, y) together with S = ∂y/∂θ, which obeys S' = (∂f/∂y) S + ∂f/∂θ, S(t₀) = 0.

    The equation of S is linear, and it has N·P unknowns for N states and P parameters: the price
    is memory and time in proportion to both; the gain is that *every* function of y(t) then has
    its gradient, while the solve goes forward once.

    Args:
        func, y0, t: as for `odeint`, y0 one tensor.
        params: tensors that require gradients, P entries in all.
        wrt_y0: differentiate by y0 too: its N columns come first, with S(t₀) = 1.
        keywords: rtol, atol, method, options of `odeint`.

    Returns:
        (y [len(t), *y0.shape], S [len(t), *y0.shape, P], GradientStatistics).

    Source: Hairer, Nørsett & Wanner, Solving ODEs I (1993), I.14.

    >>> rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> y0, t = torch.ones(1, dtype=torch.float64), torch.tensor([0.0, 2.0])
    >>> y, S, _ = forward_sensitivities(lambda t, y: rate * y, y0, t, [rate])
    >>> round(S[-1].item(), 6)  # d exp(2 rate) / d rate = 2 e
    5.436564
    """
    if not isinstance(y0, torch.Tensor) or y0.is_complex():
        kind = y0.dtype if isinstance(y0, torch.Tensor) else type(y0).__name__
        raise TypeError(
            f"forward_sensitivities needs y0 as one tensor of real numbers, got {kind}. "
            + see("arguments")
        )
    given = [params] if isinstance(params, torch.Tensor) else list(params)
    params = find_parameters(func, given, "forward_sensitivities")
    if len(params) < len(given):
        raise ValueError(
            "every one of params must require a gradient, and be named once: "
            f"call requires_grad_() on it, or leave it out. {see('arguments')}"
        )
    errors.check_state(y0)
    errors.check_func(func)
    y0 = y0.detach()
    field = Field(func, y0)  # checks what func returns, which otherwise is not seen by odeint
    n, p = y0.numel(), sum(param.numel() for param in params)
    identity = torch.eye(n, dtype=y0.dtype, device=y0.device)
    start = [identity] if wrt_y0 else []
    start = torch.cat([*start, y0.new_zeros(n, p)], dim=1)
    stats = GradientStatistics(stored_states=start.shape[1])

    def coupled(time, state):
        y, sensitivity = state
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            slope = field(float(time), y)
        blocks = [y.new_zeros(n, n), y.new_zeros(n, p)]
        if slope.requires_grad and n:  # all rows of ∂f/∂y and ∂f/∂θ with one call
            blocks = jacobians(slope, (y, *params), identity)
        jacobian, *by_params = blocks
        change = jacobian @ sensitivity
        if p:
            change[:, -p:] += torch.cat(by_params, dim=1)
        return slope.detach(), change

    with torch.no_grad():
        (ys, sensitivity), solved = odeint(coupled, (y0, start), t, return_stats=True, **keywords)
    stats.nfe, stats.accepted, stats.rejected = solved.nfe, solved.accepted, solved.rejected
    return ys, sensitivity.reshape(len(t), *y0.shape, start.shape[1]), stats
