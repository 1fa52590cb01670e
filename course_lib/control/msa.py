"""The method of successive approximations, plain and extended: training by maximising H.

Source: the extended method (E-MSA) and its augmented Hamiltonian are Li, Chen, Tai & E's (2018,
arXiv:1710.09513). The rule that adapts ρ, and treating all layers as one separable maximisation,
are the course's own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from course_lib.control.pontryagin import (
    ControlProblem,
    costates,
    hamiltonian,
    states,
    tanh_layer,
)


@dataclass
class Trace:
    """What a run recorded, entry 0 before the first iteration.

    `loss`: of the controls held; `tried`: of those the maximisation proposed (the two differ where
    a proposal was rejected); `rho`: with which it was tried; `evaluations`: of H so far.
    """

    loss: list[float] = field(default_factory=list)
    tried: list[float] = field(default_factory=list)
    rho: list[float] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)

    def record(self, loss: float, tried: float, rho: float, evaluations: int) -> None:
        """Append one iteration."""
        self.loss.append(loss)
        self.tried.append(tried)
        self.rho.append(rho)
        self.evaluations.append(evaluations)


def maximise(
    problem: ControlProblem, theta: Tensor, xs: Tensor, ps: Tensor, rho: float, inner: int = 20
) -> tuple[Tensor, int]:
    """Maximise the augmented Hamiltonian of all layers, states and costates held fixed.

    H̃ = H − ρ/2 ‖f(x, θ) − f(x, θᵏ)‖² − ρ/2 ‖∇ₓH(x, p, θ) − ∇ₓH(x, p, θᵏ)‖², averaged over samples
    (Li et al. 2018). Layers do not share controls, so the sum over layers is one problem
    that falls apart into D; L-BFGS gets `inner` iterations for all of them together.

    Args:
        theta: the controls so far, θᵏ `[D, k]`.
        xs, ps: states and costates under them, `[D + 1, n, d]`.
        rho: ρ ≥ 0; 0 is the plain method.
        inner: iterations of L-BFGS.

    Returns: new controls `[D, k]`, and how often H̃ was evaluated.
    Raises `ValueError` for a negative ρ.

    >>> steer = ControlProblem(
    ...     lambda x, u: u[..., None, :].expand_as(x), lambda x: 0 * x[:, 0], 1.0,
    ...     running=lambda x, u: 0.5 * (u**2).sum(-1)[..., None].expand(x.shape[:-1]),
    ... )
    >>> x, p = torch.zeros(2, 1, 1), torch.full((2, 1, 1), 3.0)
    >>> round(maximise(steer, torch.zeros(1, 1), x, p, rho=2.0)[0].item(), 4)
    1.0
    """
    if rho < 0:
        raise ValueError(f"rho weighs a penalty and must be at least 0, got {rho}")
    x, p = xs[:-1].detach().requires_grad_(), ps[1:].detach()
    n = x.shape[1]
    f_old = problem.f(x, theta).detach()
    slope_old = _slope(hamiltonian(problem, x, p, theta), x).detach()
    new = theta.detach().clone().requires_grad_()
    calls = 0

    def objective() -> Tensor:
        nonlocal calls
        calls += 1
        new.grad = None
        H = hamiltonian(problem, x, p, new)
        value = -H.sum() / n
        if rho > 0:
            slope = _slope(H, x, create_graph=True)
            off = ((problem.f(x, new) - f_old) ** 2).sum() + ((slope - slope_old) ** 2).sum()
            value = value + rho / 2 * off / n
        value.backward(inputs=[new])
        return value

    torch.optim.LBFGS(
        [new],
        max_iter=inner,
        max_eval=20 * inner,
        history_size=10,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-12,
        tolerance_change=1e-14,
    ).step(objective)
    return new.detach(), calls


def extended_msa(
    problem: ControlProblem,
    theta: Tensor,
    x0: Tensor,
    *,
    iterations: int = 30,
    rho: float | str = "adaptive",
    inner: int = 20,
    callback: Callable[[Tensor], None] | None = None,
) -> tuple[Tensor, Trace]:
    """Train by forward, backward, maximise; plain MSA for rho=0.

    Args:
        theta: first controls `[D, k]`.
        x0: first states `[n, d]`.
        rho: a fixed number, every proposal accepted; or `"adaptive"`: start at 2, reject a proposal
            that raises the loss and triple ρ, otherwise accept and take 0.7 ρ.
        inner: iterations of L-BFGS in each maximisation.
        callback: called with the controls held after each iteration.

    Raises `ValueError` for a rho that is neither; `FloatingPointError` if the states overflow.

    >>> task = sine_task(layers=4, samples=10)
    >>> theta, trace = extended_msa(task.problem, task.theta, task.x0, iterations=2, inner=2)
    >>> trace.loss[2] <= trace.loss[0]
    True
    """
    adaptive = rho == "adaptive"
    if not adaptive and not isinstance(rho, (int, float)):
        raise ValueError(f"rho is a number or 'adaptive', got {rho!r}")
    weight, calls, trace = 2.0 if adaptive else float(rho), 0, Trace()
    with torch.no_grad():
        xs, loss = states(problem, theta, x0), problem.cost(theta, x0).item()
    trace.record(loss, loss, weight, 0)
    for _ in range(iterations):
        ps = costates(problem, theta, xs)
        proposal, used = maximise(problem, theta, xs, ps, weight, inner)
        calls += used
        with torch.no_grad():
            tried = problem.cost(proposal, x0).item()
        if not math.isfinite(tried):
            raise FloatingPointError(
                f"the loss is {tried} with rho = {weight:g}: the controls have grown too large; "
                "use a larger rho, or rho='adaptive'"
            )
        used_weight = weight
        if not adaptive or tried < loss:
            theta, loss = proposal, tried
            with torch.no_grad():
                xs = states(problem, theta, x0)
            weight *= 0.7 if adaptive else 1.0
        else:
            weight *= 3.0
        trace.record(loss, tried, used_weight, calls)
        if callback is not None:
            callback(theta)
    return theta, trace


@dataclass(frozen=True)
class SineTask:
    """A residual net that should turn its input into sin: `problem`, first controls, samples."""

    problem: ControlProblem
    theta: Tensor
    x0: Tensor
    target: Tensor

    def output(self, theta: Tensor) -> Tensor:
        """What the net says, `[n]`: the sum of its last features."""
        with torch.no_grad():
            return states(self.problem, theta, self.x0)[-1].sum(-1)


def sine_task(generator=None, *, layers: int = 20, width: int = 5, samples: int = 200) -> SineTask:
    """Learn sin on [−π, π] with residual layers x + h tanh(W x + b), horizon T = 5.

    The input is copied to all features, their sum is the output, Φ is its squared error. Weights
    start normal with deviation 0.1, biases at zero.

    Source: after Li et al. 2018 (arXiv:1710.09513), their first experiment.

    >>> sine_task().theta.shape, sine_task().x0.shape
    (torch.Size([20, 30]), torch.Size([200, 5]))
    """
    inputs = torch.linspace(-math.pi, math.pi, samples)
    target = torch.sin(inputs)
    theta = 0.1 * torch.randn(layers, width * width + width, generator=generator)
    theta[:, width * width :] = 0.0
    problem = ControlProblem(tanh_layer, lambda x: (x.sum(-1) - target) ** 2, h=5.0 / layers)
    return SineTask(problem, theta, inputs[:, None].repeat(1, width), target)


def _slope(H: Tensor, x: Tensor, create_graph: bool = False) -> Tensor:
    """∇ₓH, zero where H does not depend on x; with a graph that leads back to the controls."""
    if not H.requires_grad:
        return torch.zeros_like(x)
    return torch.autograd.grad(
        H.sum(), x, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )[0]
