"""Flow matching: learn a velocity by regression, without solving anything while training.

A pair (z, x), one point of the Gaussian and one of the data, is joined by a path x_t = a(t)·x +
s(t)·z with the velocity x_t' = a'(t)·x + s'(t)·z. The mean of these velocities over all pairs that
pass through a place is the velocity of a flow from the Gaussian to the data, and a least-squares
fit finds means. Which z is paired with which x is free: independent, or by optimal transport
within the batch.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "PATHS",
    "Path",
    "couple",
    "euler_sample",
    "matching_loss",
    "mixture_score",
    "mixture_velocity",
]


class Path(NamedTuple):
    """x_t = a(t)·x + s(t)·z: `weights(t)` gives (a, s), `rates(t)` their derivatives (a', s').

    a rises from 0 to 1 and s falls from 1 to 0, so that z stands at t = 0 and x at t = 1.
    """

    weights: Callable[[Tensor], tuple[Tensor, Tensor]]
    rates: Callable[[Tensor], tuple[Tensor, Tensor]]

    def point(self, z: Tensor, x: Tensor, t) -> Tensor:
        """Where the pair is at time t, a number or [n, 1]; z and x are [n, d]."""
        a, s = self.weights(torch.as_tensor(t, dtype=z.dtype, device=z.device))
        return a * x + s * z

    def velocity(self, z: Tensor, x: Tensor, t) -> Tensor:
        """How fast the pair's point moves at time t."""
        a, s = self.rates(torch.as_tensor(t, dtype=z.dtype, device=z.device))
        return a * x + s * z


def _quarter(t: Tensor) -> Tensor:
    return 0.5 * math.pi * t


#: "straight": x_t = t·x + (1 − t)·z (Liu et al. 2023, arXiv:2209.03003; Lipman et al. 2023,
#: arXiv:2210.02747, section 4.1, with their σ_min = 0). "trigonometric": a² + s² = 1, the path of a
#: variance-preserving diffusion (Albergo & Vanden-Eijnden 2023, arXiv:2209.15571).
PATHS = {
    "straight": Path(
        lambda t: (t, 1 - t),
        lambda t: (torch.ones_like(t), -torch.ones_like(t)),
    ),
    "trigonometric": Path(
        lambda t: (_quarter(t).sin(), _quarter(t).cos()),
        lambda t: (0.5 * math.pi * _quarter(t).cos(), -0.5 * math.pi * _quarter(t).sin()),
    ),
}


def matching_loss(field: Callable, z: Tensor, x: Tensor, t: Tensor, path: str = "straight"):
    """Mean over the batch of ‖f(t, x_t) − x_t'‖²: one evaluation of f, no solve.

    Args:
        field: callable (t, x) → velocity, which takes one time a row, `[n, 1]`.
        z, x: the pairs, [n, d] each.
        t: one time in [0, 1] for each pair, [n, 1].
        path: a key of `PATHS`.

    Raises:
        ValueError: shapes that do not fit, or an unknown path.

    Source: Lipman et al. 2023, arXiv:2210.02747, theorem 2; Tong et al. 2024, arXiv:2302.00482.

    >>> z, x, t = torch.zeros(4, 2), torch.ones(4, 2), torch.rand(4, 1)
    >>> matching_loss(lambda t, y: torch.ones_like(y), z, x, t).item()  # every pair moves by (1, 1)
    0.0
    """
    _check_pairs(z, x)
    if t.shape != (len(x), 1):
        raise ValueError(
            f"one time for each pair, [{len(x)}, 1], got {[*t.shape]}: draw torch.rand(len(x), 1)"
        )
    joined = _path(path)
    miss = field(t, joined.point(z, x, t)) - joined.velocity(z, x, t)
    return miss.square().sum(1).mean()


def couple(z: Tensor, x: Tensor) -> Tensor:
    """x in another order, so that the pairs (z_i, x_i) are the cheapest: minibatch OT coupling.

    The plan is exact for these points, by POT's network simplex; over many batches both marginals
    stay what they were, because within a batch every z and every x is used once.

    Raises:
        ValueError: not two samples [n, d] of equal shape.

    Source: Tong et al. 2024, arXiv:2302.00482; Pooladian et al. 2023, arXiv:2304.14772.

    >>> couple(torch.tensor([[0.0], [5.0]]), torch.tensor([[6.0], [1.0]])).tolist()
    [[1.0], [6.0]]
    """
    _check_pairs(z, x)
    import ot  # here, because importing it takes a second that most notebooks don't need

    weight = torch.full((len(x),), 1 / len(x), dtype=torch.float64).numpy()
    costs = torch.cdist(z.detach().double(), x.detach().double()).square()
    plan = ot.emd(weight, weight, costs.cpu().numpy(), numItermax=1_000_000)
    return x[torch.as_tensor(plan).argmax(1).to(x.device)]


def euler_sample(field: Callable, z: Tensor, steps: int) -> Tensor:
    """States [steps + 1, n, d] of the points z [n, d] on their way from t = 0 to 1, by Euler steps.

    >>> euler_sample(lambda t, x: torch.ones_like(x), torch.zeros(1, 1), 4)[:, 0, 0].tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if steps < 1:
        raise ValueError(f"need at least one step, got {steps}")
    states = [z]
    for k in range(steps):
        states.append(torch.add(states[-1], field(k / steps, states[-1]), alpha=1 / steps))
    return torch.stack(states)


def mixture_velocity(mixture, t: float, x: Tensor, path: str = "straight") -> Tensor:
    """The marginal velocity at x [n, d] in closed form, if the data are a Gaussian mixture.

    Given component k, (x_t, x_t') is Gaussian: with C_t = a²C + s²I,

        E[x_t' | x_t = x, k] = a'm + (a'a C + s's I) C_t⁻¹ (x − a m),

    and the components are weighted by how probable they are at x at time t.

    Args:
        mixture: has `means` [k, d], `covariances` [k, d, d] and `weights` [k], as
            `densities.GaussianMixture`.
        t: in [0, 1]; independent coupling is assumed.

    >>> from types import SimpleNamespace
    >>> dot = SimpleNamespace(means=torch.ones(1, 1), covariances=torch.ones(1, 1, 1),
    ...                       weights=torch.ones(1))
    >>> mixture_velocity(dot, 0.5, torch.full((1, 1), 2.0)).item()  # N(0, 1) → N(1, 1): + 1, at ½
    1.0
    """
    share, offset, spread, means, covariances = _components(mixture, t, x, path)
    (a, s), (da, ds) = _numbers(t, x, path)
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    slope = torch.linalg.solve(spread, da * a * covariances + ds * s * eye, left=False)
    each = da * means[:, None] + offset @ slope.transpose(1, 2)
    return (share[..., None] * each).sum(0)


def mixture_score(mixture, t: float, x: Tensor, path: str = "straight") -> Tensor:
    """∇ log p_t at x [n, d] in closed form, if the data are a Gaussian mixture.

    >>> from types import SimpleNamespace
    >>> dot = SimpleNamespace(means=torch.zeros(1, 1), covariances=torch.ones(1, 1, 1),
    ...                       weights=torch.ones(1))
    >>> mixture_score(dot, 1.0, torch.full((1, 1), 2.0)).item()
    -2.0
    """
    share, offset, spread, *_ = _components(mixture, t, x, path)
    each = -torch.linalg.solve(spread, offset.transpose(1, 2)).transpose(1, 2)
    return (share[..., None] * each).sum(0)


def _components(mixture, t: float, x: Tensor, path: str):
    """Shares [k, n] of the components at x, x less their centres [k, n, d], their covariances."""
    a, s = _numbers(t, x, path)[0]
    means, covariances = mixture.means.to(x), mixture.covariances.to(x)
    spread = a**2 * covariances + s**2 * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    offset = x[None] - a * means[:, None]
    root = torch.linalg.cholesky(spread)
    white = torch.linalg.solve_triangular(root, offset.transpose(1, 2), upper=False)
    size = root.diagonal(dim1=1, dim2=2).log().sum(1)
    log_p = mixture.weights.to(x).log()[:, None] - size[:, None] - white.square().sum(1) / 2
    return log_p.softmax(0), offset, spread, means, covariances


def _numbers(t: float, x: Tensor, path: str):
    time = torch.as_tensor(t, dtype=x.dtype, device=x.device)
    return _path(path).weights(time), _path(path).rates(time)


def _path(name: str) -> Path:
    if name not in PATHS:
        raise ValueError(f"unknown path {name!r}: choose from {sorted(PATHS)}")
    return PATHS[name]


def _check_pairs(z: Tensor, x: Tensor) -> None:
    if z.ndim != 2 or z.shape != x.shape:
        raise ValueError(f"z and x are pairs, [n, d] each, got {[*z.shape]} and {[*x.shape]}")
