"""The potential Φ(t, x) of OT-Flow, a small net plus a quadratic, with its derivatives by hand.

Agents move down its slope, v = −∇Φ, so that one scalar net gives a velocity, the trace of its
Jacobian (−ΔΦ) and what the Hamilton–Jacobi–Bellman equation asks for. All three come out of one
pass, without automatic differentiation: a training step then differentiates once, not twice.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.nets import log_cosh


class Rates(NamedTuple):
    """What flows along a path at one time, for samples [n, d].

    `v` [n, d] velocity; `divergence` [n], tr ∂v/∂x; `hamilton_jacobi` [n], −∂ₜΦ + ½‖∇Φ‖², or None
    where v has no potential.
    """

    v: Tensor
    divergence: Tensor
    hamilton_jacobi: Tensor | None


class Potential(nn.Module):
    """Φ(t, x) = wᵀN(s) + ½ sᵀAs + bᵀs with s = (x, t) and a residual net N of two layers.

    N(s) = u + σ(K₁u + b₁), u = σ(K₀s + b₀), σ(a) = log(eᵃ + e⁻ᵃ), whose derivative is tanh.
    Source: Onken, Wu Fung, Li & Ruthotto 2021, arXiv:2006.00104; there A is a product BᵀB,
    which can only draw samples together; here it is any matrix, of which the symmetric part counts.

    Args:
        dim: d, how many coordinates x has.
        width: of both layers.
        generator: source of randomness; torch's global one if None.

    Shapes: `t` a number, `x` [n, dim] → Φ [n].

    >>> phi = Potential(2, generator=torch.Generator().manual_seed(0))
    >>> phi(0.5, torch.zeros(7, 2)).shape, phi.velocity(0.5, torch.zeros(7, 2)).shape
    (torch.Size([7]), torch.Size([7, 2]))
    """

    def __init__(self, dim: int, width: int = 32, generator: torch.Generator | None = None):
        super().__init__()
        if dim < 1 or width < 1:
            raise ValueError(f"dim and width must be at least 1, got {dim} and {width}")
        self.dim = dim

        def draw(*shape, scale):
            return nn.Parameter(scale * torch.randn(*shape, generator=generator))

        self.K0 = draw(width, dim + 1, scale=1 / math.sqrt(dim + 1))
        self.b0 = draw(width, scale=0.5)
        self.K1 = draw(width, width, scale=1 / math.sqrt(width))
        self.b1 = draw(width, scale=0.1)
        self.w = draw(width, scale=0.1 / math.sqrt(width))
        self.A = nn.Parameter(torch.zeros(dim + 1, dim + 1))
        self.b = nn.Parameter(torch.zeros(dim + 1))

    def forward(self, t: float, x: Tensor) -> Tensor:
        """Φ(t, x), [n]."""
        self._check(x)
        s = torch.cat([x, torch.full_like(x[:, :1], t)], 1)
        u = log_cosh(s @ self.K0.T + self.b0)
        net = (u + log_cosh(u @ self.K1.T + self.b1)) @ self.w
        return net + 0.5 * ((s @ self.A) * s).sum(1) + s @ self.b

    def start(self, x: Tensor) -> None:
        """Nothing is random here: the trace is exact."""

    def velocity(self, t: float, x: Tensor) -> Tensor:
        """v = −∇Φ, [n, d]; its signature is what `odeint` calls."""
        self._check(x)
        return -self._gradient(float(t), x)[0][:, :-1]

    def rates(self, t: float, x: Tensor) -> Rates:
        """v = −∇Φ, its divergence −ΔΦ, and −∂ₜΦ + ½‖∇Φ‖², all at (t, x)."""
        self._check(x)
        gradient, slope0, slope1, z = self._gradient(float(t), x)
        v = -gradient[:, :-1]
        K = self.K0[:, :-1]
        # ΔΦ: each layer's second derivative, 1 − tanh², times its squared derivative along every
        # coordinate. `spread` [n, d, width] is K₁ ∂u/∂x, and costs d products with K₁.
        first = ((1 - slope0 * slope0) * z) @ (K * K).sum(1)
        spread = (slope0[:, None, :] * K.T) @ self.K1.T
        second = ((spread * spread).sum(1) * (1 - slope1 * slope1)) @ self.w
        laplacian = first + second + self.A.diagonal()[:-1].sum()
        return Rates(v, -laplacian, 0.5 * (v * v).sum(1) - gradient[:, -1])

    def _gradient(self, t: float, x: Tensor):
        """∇Φ in (x, t), [n, d + 1], and what the Laplacian needs besides: tanh of both layers, and
        the derivative z of wᵀN by u."""
        symmetric = 0.5 * (self.A + self.A.T)
        inner = torch.addmm(self.b0 + t * self.K0[:, -1], x, self.K0[:, :-1].T)
        slope0 = torch.tanh(inner)
        slope1 = torch.tanh(torch.addmm(self.b1, log_cosh(inner), self.K1.T))
        z = self.w + (slope1 * self.w) @ self.K1
        quadratic = torch.addmm(self.b + t * symmetric[-1], x, symmetric[:-1])
        return torch.addmm(quadratic, slope0 * z, self.K0), slope0, slope1, z

    def _check(self, x: Tensor) -> None:
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"x must have shape [n, {self.dim}], got {tuple(x.shape)}")
