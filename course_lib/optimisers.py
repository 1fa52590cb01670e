"""Three ways downhill, as notebook 02 builds them: gradient descent, heavy ball, Adam.

Each takes the gradient as a function, walks, and returns the whole path, so that it can be drawn
and measured. For training networks there is `torch.optim`; these are for looking at.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Gradient = Callable[[Tensor], Tensor]


def gradient_descent(gradient: Gradient, start: Tensor, rate: float, steps: int) -> Tensor:
    """Walk θ ← θ − η ∇L(θ): Euler's method, with step η, on the gradient flow dθ/dt = −∇L(θ).

    Args:
        gradient: ∇L, [d] → [d].
        start: θ₀ [d]; it is not changed.
        rate: the learning rate η.
        steps: how many steps to take.

    Returns:
        The path [steps + 1, d]; not finite where the walk has diverged beyond all numbers.

    Errors: ValueError for a rate that is not positive or fewer than no steps.

    >>> gradient_descent(lambda theta: 2 * theta, torch.tensor([1.0]), rate=0.25, steps=2)
    tensor([[1.0000],
            [0.5000],
            [0.2500]])
    """
    _require(rate, steps)
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - rate * gradient(path[-1]))
    return torch.stack(path)


def heavy_ball(
    gradient: Gradient, start: Tensor, rate: float, steps: int, beta: float = 0.9
) -> Tensor:
    """Walk v ← β v − η ∇L(θ), θ ← θ + v: gradient descent for a ball that keeps some of its speed.

    Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5.

    Args:
        gradient, start, rate, steps: see `gradient_descent`.
        beta: the share β of the velocity that is kept, in [0, 1); 0 is gradient descent.

    Returns:
        The path [steps + 1, d].

    >>> path = heavy_ball(lambda theta: 2 * theta, torch.tensor([1.0]), 0.25, 2, beta=0.5)
    >>> path[:, 0].tolist()
    [1.0, 0.5, 0.0]
    """
    _require(rate, steps)
    if not 0 <= beta < 1:
        raise ValueError(f"the momentum beta must lie in [0, 1), got {beta}")
    path, velocity = [start], torch.zeros_like(start)
    for _ in range(steps):
        velocity = beta * velocity - rate * gradient(path[-1])
        path.append(path[-1] + velocity)
    return torch.stack(path)


def adam(
    gradient: Gradient,
    start: Tensor,
    rate: float,
    steps: int,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Tensor:
    """Walk along a running mean of the gradient, each coordinate divided by its own usual size.

    Source: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.

    Args:
        gradient, start, rate, steps: see `gradient_descent`.
        betas: how much of the running mean and of the running mean square is kept.
        eps: keeps a coordinate without any slope from being divided by zero.

    Returns:
        The path [steps + 1, d].

    >>> path = adam(lambda theta: torch.tensor([5.0, 0.1]), torch.zeros(2), rate=0.1, steps=1)
    >>> [round(x, 4) for x in path[1].tolist()]
    [-0.1, -0.1]
    """
    _require(rate, steps)
    path, mean, square = [start], torch.zeros_like(start), torch.zeros_like(start)
    for k in range(1, steps + 1):
        g = gradient(path[-1])
        mean = betas[0] * mean + (1 - betas[0]) * g
        square = betas[1] * square + (1 - betas[1]) * g**2
        m, s = mean / (1 - betas[0] ** k), square / (1 - betas[1] ** k)  # both began at zero
        path.append(path[-1] - rate * m / (s.sqrt() + eps))
    return torch.stack(path)


def stability_limit(curvature: float, beta: float = 0.0) -> float:
    """The rate 2(1 + β)/λ_max below which heavy ball (gradient descent: β = 0) converges.

    It holds on a convex quadratic, for 0 ≤ β < 1; source: Polyak 1964 (see `heavy_ball`).

    Args:
        curvature: λ_max, the largest eigenvalue of the Hessian.
        beta: the momentum.

    >>> stability_limit(8.0), round(stability_limit(8.0, beta=0.9), 3)
    (0.25, 0.475)
    """
    if curvature <= 0:
        raise ValueError(f"a valley curves upwards: curvature must be positive, got {curvature}")
    return 2 * (1 + beta) / curvature


class Quadratic(NamedTuple):
    """L(θ) = ½ (θ − θ*)ᵀ H (θ − θ*) + c, with everything about it that can be known exactly.

    Attributes:
        hessian: H [d, d], symmetric and positive definite.
        minimum: θ* [d].
        floor: c, the loss at the minimum.

    >>> valley = Quadratic(torch.diag(torch.tensor([1.0, 9.0])), torch.zeros(2))
    >>> valley.loss(torch.tensor([1.0, 1.0])).item(), valley.condition
    (5.0, 9.0)
    """

    hessian: Tensor
    minimum: Tensor
    floor: float = 0.0

    def loss(self, theta: Tensor) -> Tensor:
        """L at points [..., d]."""
        away = theta - self.minimum
        return 0.5 * ((away @ self.hessian) * away).sum(-1) + self.floor

    def gradient(self, theta: Tensor) -> Tensor:
        """∇L = H (θ − θ*) at points [..., d]."""
        return (theta - self.minimum) @ self.hessian

    def flow(self, start: Tensor, t: Tensor) -> Tensor:
        """The gradient flow θ* + exp(−tH)(θ₀ − θ*) at times [n], exactly: [n, d]."""
        rates, axes = torch.linalg.eigh(self.hessian)
        return (
            self.minimum
            + (torch.exp(-t[:, None] * rates) * ((start - self.minimum) @ axes)) @ axes.T
        )

    def steps_to(self, share: float, path: Tensor) -> int:
        """The first step of a path [n, d] that leaves less than `share` of L − c.

        Errors: ValueError if the path never gets there.

        >>> bowl = Quadratic(torch.eye(2), torch.zeros(2))
        >>> bowl.steps_to(0.1, gradient_descent(bowl.gradient, torch.ones(2), 0.5, 9))
        2
        """
        excess = self.loss(path) - self.floor
        reached = (excess < share * excess[0]).nonzero()
        if not len(reached):
            raise ValueError(f"{len(path) - 1} steps do not leave {share:g} of the loss: take more")
        return reached[0].item()

    @property
    def curvatures(self) -> Tensor:
        """The eigenvalues of H [d], smallest first: the curvatures along the valley's own axes."""
        return torch.linalg.eigvalsh(self.hessian)

    @property
    def condition(self) -> float:
        """κ = λ_max / λ_min: how much steeper the walls are than the floor."""
        return (self.curvatures[-1] / self.curvatures[0]).item()


def least_squares(x: Tensor, y: Tensor) -> Quadratic:
    """The mean squared error of a neuron without φ and b, (1/n) Σ (w·x − y)², as a function of w.

    Args:
        x: inputs [n, d].
        y: targets [n].

    >>> least_squares(torch.eye(2), torch.tensor([1.0, 3.0])).minimum
    tensor([1., 3.])
    """
    hessian = 2 / len(x) * x.T @ x
    minimum = torch.linalg.solve(hessian, 2 / len(x) * x.T @ y)
    return Quadratic(hessian, minimum, (x @ minimum - y).square().mean().item())


def threshold(
    walk: Callable, valley: Quadratic, start: Tensor, low: float = 0.1, high: float = 10.0
) -> float:
    """The learning rate at which a walk begins to diverge, by bisection to 0.05 %.

    Args:
        walk: a function (gradient, start, rate, steps) → path, such as `gradient_descent`.
        valley, start: the walk is stable if after 2,000 steps it is lower than at the start.
        low, high: a stable and an unstable rate.

    Errors: ValueError if the first of these is unstable or the second stable.

    >>> hill = Quadratic(torch.diag(torch.tensor([1.0, 2.0])), torch.zeros(2))
    >>> round(threshold(gradient_descent, hill, torch.tensor([1.0, 1.0])), 2)
    1.0
    """

    def stable(rate: float) -> bool:
        end = walk(valley.gradient, start, rate, 2000)[-1]
        return bool(valley.loss(end) < valley.loss(start))

    if not stable(low) or stable(high):
        raise ValueError(f"the threshold does not lie between {low} and {high}: widen them")
    while high / low > 1.0005:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def _require(rate: float, steps: int) -> None:
    if not rate > 0:
        raise ValueError(f"the learning rate must be positive, got {rate}: the step goes downhill")
    if steps < 0:
        raise ValueError(f"steps must be 0 or more, got {steps}")
