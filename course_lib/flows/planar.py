"""Planar flows: a stack of maps, each of which moves points along one direction only."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

__all__ = ["PlanarFlow", "PlanarLayer", "standard_log_prob"]


def standard_log_prob(z: Tensor) -> Tensor:
    """log N(z; 0, I) of points [..., d], of shape [...].

    >>> round(standard_log_prob(torch.zeros(3, 2))[0].item(), 4)  # −log 2π
    -1.8379
    """
    return -0.5 * (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi))


class PlanarLayer(nn.Module):
    """x ↦ x + u tanh(w·x + b), with log |det| = log |1 + u·w (1 − tanh²)|.

    The map is one-to-one exactly if u·w ≥ −1. So that training cannot leave this region the
    stored vector `free` may be anything, and u is `free` with its component along w replaced by
    −1 + log(1 + exp(free·w)).

    Args:
        dim: entries of a point.
        generator: source of randomness; torch's global one if None.

    Source: Rezende & Mohamed 2015, arXiv:1505.05770, eq. 10-12 and appendix A.1.

    >>> layer = PlanarLayer(2, generator=torch.Generator().manual_seed(0))
    >>> y, log_det = layer(torch.zeros(5, 2))
    >>> y.shape, log_det.shape
    (torch.Size([5, 2]), torch.Size([5]))
    """

    def __init__(self, dim: int, *, generator=None):
        super().__init__()
        bound = 1 / math.sqrt(dim)
        draw = lambda *shape: bound * (2 * torch.rand(*shape, generator=generator) - 1)  # noqa: E731
        self.w, self.free = nn.Parameter(draw(dim)), nn.Parameter(0.1 * draw(dim))
        self.b = nn.Parameter(draw(()))

    def u(self) -> Tensor:
        """The direction of movement, [dim], with u·w > −1."""
        along = self.free @ self.w
        wanted = softplus(along) - 1
        return self.free + (wanted - along) * self.w / self.w.square().sum()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        u = self.u()
        level = torch.tanh(x @ self.w + self.b)
        log_det = torch.log1p((u @ self.w) * (1 - level.square()))
        return x + level[..., None] * u, log_det

    @torch.no_grad()
    def inverse(self, y: Tensor) -> Tensor:
        """The x that is mapped to y, without gradients.

        There is no formula, but y − x has the direction of u, so that only s = w·x is unknown:
        s + (u·w) tanh(s + b) = w·y, whose left side rises. Bisection, until rounding stops it.
        """
        u = self.u()
        gain, level = u @ self.w, y @ self.w
        low, high = level - gain.abs() - 1e-6, level + gain.abs() + 1e-6
        for _ in range(math.ceil(-math.log2(torch.finfo(y.dtype).eps)) + 4):
            middle = (low + high) / 2
            above = middle + gain * torch.tanh(middle + self.b) > level
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return y - torch.tanh((low + high) / 2 + self.b)[..., None] * u


class PlanarFlow(nn.Module):
    """K planar layers from data to Gaussian: log p(x) = log N(z) + Σ log |det|.

    Args:
        K: layers.
        dim: entries of a point.
        generator: source of randomness; torch's global one if None.

    The layers run from x to z, so that `log_prob` is cheap and has gradients, as maximum likelihood
    needs it; `sample` inverts them one by one.

    Raises:
        ValueError: K < 1.

    >>> flow = PlanarFlow(4, generator=torch.Generator().manual_seed(0))
    >>> x = flow.sample(5, torch.Generator().manual_seed(1))
    >>> flow.log_prob(x).shape
    torch.Size([5])
    """

    def __init__(self, K: int, dim: int = 2, *, generator=None):
        super().__init__()
        if K < 1:
            raise ValueError(f"a planar flow needs at least one layer, got K={K}")
        self.dim = dim
        self.layers = nn.ModuleList(PlanarLayer(dim, generator=generator) for _ in range(K))

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x ↦ (z, Σ log |det ∂z/∂x|)."""
        total = x.new_zeros(x.shape[:-1])
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return x, total

    def forward(self, z: Tensor) -> Tensor:
        """z ↦ x, layer by layer backwards, without gradients."""
        for layer in reversed(self.layers):
            z = layer.inverse(z)
        return z

    def log_prob(self, x: Tensor) -> Tensor:
        """log p of points [n, dim], [n]."""
        z, log_det = self.inverse(x)
        return standard_log_prob(z) + log_det

    def sample(self, n: int, generator=None) -> Tensor:
        """n points [n, dim], without gradients."""
        first = self.layers[0].w
        z = torch.randn(n, self.dim, generator=generator, dtype=first.dtype, device=first.device)
        return self(z)
