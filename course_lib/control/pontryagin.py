"""A control problem in Euler steps, its Hamiltonian and its costate.

x_ℓ = x_{ℓ−1} + h f(x_{ℓ−1}, θ_ℓ) for ℓ = 1 … D, at the cost Φ(x_D) + h Σ r(x_{ℓ−1}, θ_ℓ). The
states of n samples are the rows of x `[n, d]`, the control of layer ℓ is θ_ℓ `[k]`, the same for
all samples; `f`, `terminal` and `running` must also accept layers in front, x `[D, n, d]` with
θ `[D, k]`, so that all layers can be maximised at once. The costate recursion below is that of
the *discrete* problem, and exact for it: first discretise, then optimise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ControlProblem:
    """Dynamics and cost of a control problem in Euler steps of length h.

    Args:
        f: f(x, θ), `[..., n, d]` and `[..., k]` → `[..., n, d]`.
        terminal: Φ(x), `[n, d]` → `[n]`.
        h: the step; the horizon is D·h.
        running: r(x, θ), `[..., n, d]` and `[..., k]` → `[..., n]`; None for no running cost.

    >>> walk = ControlProblem(lambda x, u: u[..., None, :].expand_as(x), lambda x: x[:, 0], h=0.5)
    >>> walk.cost(torch.ones(4, 1), torch.zeros(1, 1)).item()
    2.0
    """

    f: Callable[[Tensor, Tensor], Tensor]
    terminal: Callable[[Tensor], Tensor]
    h: float
    running: Callable[[Tensor, Tensor], Tensor] | None = None

    def cost(self, theta: Tensor, x0: Tensor) -> Tensor:
        """The mean over the samples of Φ(x_D) + h Σ r; what training minimises."""
        xs = states(self, theta, x0)
        total = self.terminal(xs[-1])
        if self.running is not None:
            total = total + self.h * self.running(xs[:-1], theta).sum(0)
        return total.mean()


def tanh_layer(x: Tensor, theta: Tensor) -> Tensor:
    """f(x, θ) = tanh(W x + b), the branch of a residual layer.

    Args:
        x: `[..., n, d]`.
        theta: W, row by row, then b: `[..., d² + d]`.

    Raises `ValueError` if θ has not d² + d entries.

    >>> tanh_layer(torch.zeros(3, 2), torch.zeros(6)).shape
    torch.Size([3, 2])
    """
    d = x.shape[-1]
    if theta.shape[-1] != d * d + d:
        raise ValueError(
            f"a layer on {d} features has {d * d + d} parameters, theta has {theta.shape[-1]}"
        )
    W, b = theta[..., : d * d].unflatten(-1, (d, d)), theta[..., d * d :]
    return torch.tanh(x @ W.mT + b[..., None, :])


def states(problem: ControlProblem, theta: Tensor, x0: Tensor) -> Tensor:
    """The states x_0, …, x_D `[D + 1, n, d]` under the controls θ `[D, k]`.

    >>> halve = ControlProblem(lambda x, u: -x, lambda x: x[:, 0], h=0.5)
    >>> states(halve, torch.zeros(2, 1), torch.ones(1, 1)).flatten()
    tensor([1.0000, 0.5000, 0.2500])
    """
    xs = [x0]
    for control in theta:
        xs.append(xs[-1] + problem.h * problem.f(xs[-1], control))
    return torch.stack(xs)


def hamiltonian(problem: ControlProblem, x: Tensor, p: Tensor, theta: Tensor) -> Tensor:
    """H = pᵀf(x, θ) − r(x, θ) for every sample, `[..., n]`; to be *maximised* over θ.

    Source: Pontryagin et al. 1962; with a running cost, Li et al. 2018 (arXiv:1710.09513).

    >>> walk = ControlProblem(lambda x, u: u[..., None, :].expand_as(x), lambda x: x[:, 0], h=0.5)
    >>> hamiltonian(walk, torch.ones(1, 1), torch.tensor([[-2.0]]), torch.tensor([3.0]))
    tensor([-6.])
    """
    H = (p * problem.f(x, theta)).sum(-1)
    return H if problem.running is None else H - problem.running(x, theta)


def costates(problem: ControlProblem, theta: Tensor, xs: Tensor) -> Tensor:
    """The costates p_0, …, p_D `[D + 1, n, d]`: minus the gradient of each sample's own cost.

    p_D = −∇Φ(x_D) and p_{ℓ−1} = p_ℓ + h ∇ₓH(x_{ℓ−1}, p_ℓ, θ_ℓ), backwards.

    Args:
        theta: controls `[D, k]`.
        xs: the states that `states` returned for them.

    Raises `ValueError` if there is not one state more than controls.

    >>> halve = ControlProblem(lambda x, u: -x, lambda x: x[:, 0], h=0.5)
    >>> costates(halve, torch.zeros(2, 1), torch.ones(3, 1, 1)).flatten()
    tensor([-0.2500, -0.5000, -1.0000])
    """
    if len(xs) != len(theta) + 1:
        raise ValueError(
            f"{len(theta)} controls lead through {len(theta) + 1} states, not {len(xs)}"
        )
    p = -_gradient(problem.terminal, xs[-1])
    ps = [p]
    for x, control in zip(reversed(xs[:-1].unbind()), reversed(theta.unbind()), strict=True):
        slope = _gradient(lambda y, p=p, u=control: hamiltonian(problem, y, p, u), x)
        p = p + problem.h * slope
        ps.append(p)
    return torch.stack(ps[::-1])


def _gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The gradient of the sum of function(x); each sample's value depends on its own row alone."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = function(x).sum()
        if not value.requires_grad:  # a Hamiltonian that does not depend on the state
            return torch.zeros_like(x)
        return torch.autograd.grad(value, x, allow_unused=True, materialize_grads=True)[0].detach()
