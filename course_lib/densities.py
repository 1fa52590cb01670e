"""Target densities in the plane whose log p is known exactly, so that a learned one can be judged.

Each has `sample(n, generator)`, `log_prob(x)` and `entropy`, the smallest negative log-likelihood
that any model can reach on average. Moons, pinwheel and checkerboard move the points of `datasets`
and shuffle them; every one, taken alone, has the density.
"""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from course_lib import datasets

__all__ = [
    "Checkerboard",
    "Density",
    "GaussianMixture",
    "Moons",
    "Pinwheel",
    "eight_gaussians",
    "kl_estimate",
    "log_prob_on_grid",
    "standard_normal",
]

CHUNK = 8192  # points at a time: the moons' quadrature needs 200 numbers for each


class Density:
    """What all have in common: a window that holds nearly all mass, and the entropy by a sum.

    Subclasses define `sample`, `log_prob` and set `limit` (half the window's side) and `scale_min`
    (the smallest width of any feature, which sets the spacing of the sum).

    >>> isinstance(standard_normal(), Density)
    True
    """

    name = "density"
    limit: float
    scale_min: float

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n points [n, 2] in torch's default dtype."""
        raise NotImplementedError

    def log_prob(self, x: Tensor) -> Tensor:
        """log p at points [..., 2], of shape [...]."""
        raise NotImplementedError

    @cached_property
    def entropy(self) -> float:
        """H = −∫ p log p, in nats.

        The trapezoidal rule on a square that holds all mass but about 1e-9: for smooth functions
        that vanish at the rim its error falls faster than any power of the spacing.
        """
        n = math.ceil(2 * self.limit / (self.scale_min / 2)) + 1
        _, log_p, area = log_prob_on_grid(self.log_prob, self.limit, n, torch.float64)
        return float(-(log_p.exp() * log_p).sum() * area)


class GaussianMixture(Density):
    """Σ_k w_k N(m_k, C_k).

    Args:
        means: [k, 2].
        std: one standard deviation for all components; or use `covariances` [k, 2, 2].
        weights: [k], positive; equal if None. They are divided by their sum.

    Raises:
        ValueError: shapes that do not fit, std ≤ 0, or not exactly one of `std` and `covariances`.

    >>> one = GaussianMixture([[0.0, 0.0]], std=1.0)
    >>> round(one.entropy, 6) == round(math.log(2 * math.pi * math.e), 6)
    True
    >>> round(one.log_prob(torch.zeros(2)).item(), 4)  # −log 2π
    -1.8379
    """

    name = "Gaussian mixture"

    def __init__(self, means, std: float | None = None, weights=None, *, covariances=None):
        self.means = torch.as_tensor(np.asarray(means), dtype=torch.float64)
        if self.means.ndim != 2 or self.means.shape[1] != 2:
            raise ValueError(f"means must be [k, 2], got {tuple(self.means.shape)}")
        if (std is None) == (covariances is None) or (std is not None and std <= 0):
            raise ValueError("give either std, one positive number, or covariances [k, 2, 2]")
        k = len(self.means)
        if covariances is None:
            covariances = std**2 * np.broadcast_to(np.eye(2), (k, 2, 2))
        self.covariances = torch.as_tensor(np.array(covariances), dtype=torch.float64)
        weights = torch.ones(k) if weights is None else torch.as_tensor(weights)
        if self.covariances.shape != (k, 2, 2) or weights.shape != (k,) or (weights <= 0).any():
            raise ValueError(f"{k} means need covariances [{k}, 2, 2] and {k} positive weights")
        self.weights = weights.double() / weights.sum()
        self.roots = torch.linalg.cholesky(self.covariances)
        spread = self.covariances.diagonal(dim1=1, dim2=2).max().sqrt()
        self.limit = float(self.means.abs().max() + 6.5 * spread)
        self.scale_min = float(torch.linalg.eigvalsh(self.covariances).min().sqrt())

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        _check_count(n)
        label = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, 2, generator=generator)
        return (
            self.means.to(noise)[label] + (self.roots.to(noise)[label] @ noise[..., None])[..., 0]
        )

    def log_prob(self, x: Tensor) -> Tensor:
        _check_points(x)
        offset = x[..., None, :] - self.means.to(x)
        inverse = torch.linalg.inv(self.roots).to(x)
        squares = (inverse @ offset[..., None])[..., 0].square().sum(-1)
        size = self.roots.diagonal(dim1=1, dim2=2).log().sum(1) - self.weights.log()
        return torch.logsumexp(-squares / 2 - size.to(x), dim=-1) - math.log(2 * math.pi)


def standard_normal() -> GaussianMixture:
    """N(0, I), with entropy 1 + log 2π.

    >>> round(standard_normal().entropy, 4)
    2.8379
    """
    normal = GaussianMixture([[0.0, 0.0]], std=1.0)
    normal.name = "standard Gaussian"
    return normal


def eight_gaussians(radius: float = 2.0, std: float = 0.3) -> GaussianMixture:
    """A ring of eight equal bumps: `datasets.gaussians`, `radius` times as large.

    >>> ring = eight_gaussians()
    >>> points = ring.sample(500, torch.Generator().manual_seed(0))
    >>> points.shape, abs(-ring.log_prob(points).mean().item() - ring.entropy) < 0.1
    (torch.Size([500, 2]), True)
    """
    angle = 2 * np.pi * np.arange(8) / 8
    ring = GaussianMixture(radius * np.stack([np.cos(angle), np.sin(angle)], 1), std)
    ring.name = "8 Gaussians"
    return ring


class Moons(Density):
    """`datasets.moons`, moved to the centre and scaled: x = scale · (points − (½, ¼)).

    A point is a place on one of two half circles, plus Gaussian noise, so its density is the mean
    of a Gaussian over both arcs: an integral over an angle, by Gauss–Legendre quadrature.

    >>> density = Moons()
    >>> points = density.sample(500, torch.Generator().manual_seed(0))
    >>> abs(-density.log_prob(points).mean().item() - density.entropy) < 0.1
    True
    """

    name = "moons"
    centre = (0.5, 0.25)

    def __init__(self, noise: float = 0.1, scale: float = 1.5):
        if noise <= 0 or scale <= 0:
            raise ValueError(f"noise and scale must be positive, got {noise} and {scale}")
        self.noise, self.scale = noise, scale
        self.limit, self.scale_min = scale * (1.5 + 6.5 * noise), scale * noise
        nodes, weights = np.polynomial.legendre.leggauss(64 + math.ceil(4 / noise))
        angle = torch.as_tensor(np.pi / 2 * (nodes + 1))
        above = torch.stack([angle.cos(), angle.sin()], 1)
        self.arcs = torch.cat([above, torch.tensor([1.0, 0.5]) - above])
        self.log_weights = torch.as_tensor(np.log(np.tile(weights, 2) / 4))  # they add up to one

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        points = _shuffled(datasets.moons, n, 2, generator, noise=self.noise)
        return self.scale * (points - torch.tensor(self.centre))

    def log_prob(self, x: Tensor) -> Tensor:
        _check_points(x)
        points = x / self.scale + x.new_tensor(self.centre)
        squares = (points[..., None, :] - self.arcs.to(x)).square().sum(-1)
        exponent = self.log_weights.to(x) - squares / (2 * self.noise**2)
        constant = math.log(2 * math.pi * (self.noise * self.scale) ** 2)
        return torch.logsumexp(exponent, dim=-1) - constant


class Pinwheel(Density):
    """`datasets.pinwheel`, scaled: Gaussian blades, turned by an angle that grows with the radius.

    A turn by an angle that depends on the radius alone moves every circle into itself and changes
    no area, so log p is that of the unturned blades, at the point turned back; the entropy, too.

    >>> density = Pinwheel()
    >>> points = density.sample(500, torch.Generator().manual_seed(0))
    >>> abs(-density.log_prob(points).mean().item() - density.entropy) < 0.1
    True
    """

    name = "pinwheel"

    def __init__(self, arms: int = 5, swirl: float = 1.5, scale: float = 1.5):
        self.arms, self.swirl, self.scale = arms, swirl, scale
        angle = 2 * np.pi * np.arange(arms) / arms
        turns = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turns = np.moveaxis(turns, -1, 0)  # [arms, 2, 2]
        blade = scale**2 * np.diag([0.3**2, 0.05**2])
        covariances = turns @ blade @ turns.transpose(0, 2, 1)
        self.blades = GaussianMixture(scale * turns[:, :, 0], covariances=covariances)
        self.limit, self.scale_min = self.blades.limit, self.blades.scale_min

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        settings = {"arms": self.arms, "swirl": self.swirl}
        return self.scale * _shuffled(datasets.pinwheel, n, self.arms, generator, **settings)

    def log_prob(self, x: Tensor) -> Tensor:
        _check_points(x)
        back = -self.swirl / self.scale * x.norm(dim=-1)
        cos, sin = back.cos(), back.sin()
        unturned = torch.stack(
            [cos * x[..., 0] - sin * x[..., 1], sin * x[..., 0] + cos * x[..., 1]], dim=-1
        )
        return self.blades.log_prob(unturned)

    @cached_property
    def entropy(self) -> float:
        return self.blades.entropy


class Checkerboard(Density):
    """`datasets.checkerboard`, scaled: uniform on eight of sixteen squares of side `scale`.

    log p is −log(8 scale²) there and −∞ elsewhere.

    >>> board = Checkerboard()
    >>> round(board.entropy, 4), board.log_prob(torch.tensor([[0.5, 0.5], [0.5, -0.5]])).exp()
    (3.4657, tensor([0.0312, 0.0000]))
    """

    name = "checkerboard"

    def __init__(self, scale: float = 2.0):
        if scale <= 0:
            raise ValueError(f"scale must be positive, got {scale}")
        self.scale, self.limit, self.scale_min = scale, 2.5 * scale, scale / 4

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return self.scale * _shuffled(datasets.checkerboard, n, 8, generator)

    def log_prob(self, x: Tensor) -> Tensor:
        _check_points(x)
        square = (x / self.scale).floor()
        dark = (square.sum(-1) % 2 == 0) & ((square >= -2) & (square < 2)).all(-1)
        outside = torch.full_like(x[..., 0], -math.inf)
        return torch.where(dark, outside.new_tensor(-self.entropy), outside)

    @cached_property
    def entropy(self) -> float:
        return math.log(8 * self.scale**2)


def kl_estimate(target: Density, log_prob, x: Tensor) -> float:
    """KL(target ‖ model) = E[log p_target − log p_model], over points x [n, 2] of the target.

    Args:
        log_prob: the model's, [n, 2] → [n].

    On the same points the fluctuations of the two terms largely cancel, so this is a much sharper
    number than the negative log-likelihood less the entropy.

    >>> target = standard_normal()
    >>> x = target.sample(9, torch.Generator().manual_seed(0))
    >>> kl_estimate(target, target.log_prob, x)
    0.0
    """
    with torch.no_grad():
        return (target.log_prob(x) - log_prob(x)).double().mean().item()


def log_prob_on_grid(log_prob: Callable, limit: float, n: int = 121, dtype=None):
    """log p on an n × n grid over [−limit, limit]², without gradients.

    Args:
        dtype: of the points; torch's default if None.

    Returns:
        `(points [n², 2], log p [n²], area)`, the area that each point stands for.

    >>> _, log_p, area = log_prob_on_grid(standard_normal().log_prob, 6.0)
    >>> round((log_p.exp().sum() * area).item(), 4)
    1.0
    """
    line = torch.linspace(-limit, limit, n, dtype=dtype)
    points = torch.cartesian_prod(line, line)
    with torch.no_grad():
        log_p = torch.cat([log_prob(part) for part in points.split(CHUNK)])
    return points, log_p, float(line[1] - line[0]) ** 2


def _shuffled(sampler, n: int, classes: int, generator, **settings) -> Tensor:
    """n points of one of `datasets`' samplers, whose rows go round the classes, in random order."""
    _check_count(n)
    generator = generator or torch.default_generator
    points, _ = sampler(classes * math.ceil(n / classes), generator, **settings)
    return points[torch.randperm(len(points), generator=generator)[:n]]


def _check_count(n: int) -> None:
    if n < 1:
        raise ValueError(f"need at least one point, got n={n}")


def _check_points(x: Tensor) -> None:
    if x.shape[-1:] != (2,):
        raise ValueError(f"these densities live in the plane: x must be [..., 2], got {[*x.shape]}")
