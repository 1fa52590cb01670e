"""Right-hand sides with weights that are smooth in depth, and the network around them.

Each field is `f(t, x)` with depth t in [0, 1]; its weights are polynomials in t. That is what
makes "more layers, same network" a question with an answer: between two depths there are weights.
"""

import math

import torch
from torch import Tensor, nn

from course_lib.nets import initialise, log_cosh
from course_lib.schemes.scheme import Scheme, solve

__all__ = [
    "AntisymmetricField",
    "HamiltonianField",
    "PartitionedField",
    "SchemeNet",
    "SmoothField",
    "field_for",
]


class _InDepth(nn.Module):
    """A weight as a polynomial in depth: Σ_j t^j c_j; only c_0 starts different from zero."""

    def __init__(self, *shape: int, degree: int, bound: float, generator=None):
        super().__init__()
        start = torch.zeros(degree + 1, *shape)
        start[0].uniform_(-bound, bound, generator=generator)
        self.coefficients = nn.Parameter(start)

    def forward(self, t) -> Tensor:
        value = self.coefficients[-1]
        for coefficient in self.coefficients[:-1].flip(0):  # Horner
            value = coefficient + t * value
        return value


class SmoothField(nn.Module):
    """f(t, x) = V(t) tanh(W(t) x + b(t)).

    Args:
        width: features in and out; `n_out` if fewer come out.
        hidden: rows of W.
        degree: of the polynomials in t; 0 gives the same weights at every depth.

    Shapes: t a number or 0-d tensor, x [..., width] → [..., width].

    >>> SmoothField(2, hidden=8)(0.5, torch.zeros(3, 2)).shape
    torch.Size([3, 2])
    """

    def __init__(self, width: int, hidden: int, degree: int = 2, generator=None):
        super().__init__()
        options = {"degree": degree, "generator": generator}
        self.V = _InDepth(width, hidden, bound=hidden**-0.5, **options)
        self.W = _InDepth(hidden, width, bound=width**-0.5, **options)
        self.b = _InDepth(hidden, bound=width**-0.5, **options)

    def forward(self, t, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.W(t).T + self.b(t)) @ self.V(t).T


class PartitionedField(nn.Module):
    """a' = first(t, b), b' = second(t, a), x = (a, b): each half is moved by the other one only.

    Args:
        width: even; of x.
        hidden, degree: of each half's `SmoothField`.

    >>> f = PartitionedField(4, hidden=8)
    >>> f(0.0, torch.zeros(3, 4)).shape
    torch.Size([3, 4])
    """

    def __init__(self, width: int, hidden: int, degree: int = 2, generator=None):
        super().__init__()
        if width % 2:
            raise ValueError(f"a partitioned field needs an even width, got {width}")
        self.first = SmoothField(width // 2, hidden, degree, generator)
        self.second = SmoothField(width // 2, hidden, degree, generator)

    def forward(self, t, x: Tensor) -> Tensor:
        a, b = x.chunk(2, -1)
        return torch.cat([self.first(t, b), self.second(t, a)], -1)


class HamiltonianField(nn.Module):
    """a' = ∂H/∂b, b' = −∂H/∂a with H = Σ log cosh(K b + c) + Σ log cosh(M a + d).

    With degree 0 the flow conserves H. Source: Chang et al. 2018, arXiv:1709.03698, the
    two-layer Hamiltonian block.

    >>> f = HamiltonianField(4, hidden=8, degree=0)
    >>> f.energy(0.0, torch.zeros(3, 4)).shape
    torch.Size([3])
    """

    def __init__(self, width: int, hidden: int, degree: int = 2, generator=None):
        super().__init__()
        if width % 2:
            raise ValueError(f"a Hamiltonian field needs an even width, got {width}")
        half, options = width // 2, {"degree": degree, "generator": generator}
        self.K = _InDepth(hidden, half, bound=half**-0.5, **options)
        self.c = _InDepth(hidden, bound=half**-0.5, **options)
        self.M = _InDepth(hidden, half, bound=half**-0.5, **options)
        self.d = _InDepth(hidden, bound=half**-0.5, **options)

    def first(self, t, b: Tensor) -> Tensor:
        return torch.tanh(b @ self.K(t).T + self.c(t)) @ self.K(t)

    def second(self, t, a: Tensor) -> Tensor:
        return -torch.tanh(a @ self.M(t).T + self.d(t)) @ self.M(t)

    def forward(self, t, x: Tensor) -> Tensor:
        a, b = x.chunk(2, -1)
        return torch.cat([self.first(t, b), self.second(t, a)], -1)

    def energy(self, t, x: Tensor) -> Tensor:
        """H at depth t: [..., width] → [...]."""
        a, b = x.chunk(2, -1)
        of_b = log_cosh(b @ self.K(t).T + self.c(t)) - math.log(2)
        of_a = log_cosh(a @ self.M(t).T + self.d(t)) - math.log(2)
        return of_b.sum(-1) + of_a.sum(-1)


class AntisymmetricField(nn.Module):
    """f(t, x) = tanh((K − Kᵀ − γI) x + b).

    All eigenvalues of K − Kᵀ − γI have real part −γ. Source: Haber & Ruthotto 2018,
    arXiv:1705.03341.

    >>> K = AntisymmetricField(3, damping=0.1).matrix(0.0)
    >>> bool(torch.allclose(K + K.T, -0.2 * torch.eye(3)))
    True
    """

    def __init__(self, width: int, degree: int = 2, damping: float = 0.01, generator=None):
        super().__init__()
        options = {"degree": degree, "generator": generator}
        self.K = _InDepth(width, width, bound=width**-0.5, **options)
        self.b = _InDepth(width, bound=width**-0.5, **options)
        self.damping = damping

    def matrix(self, t) -> Tensor:
        """K(t) − K(t)ᵀ − γI."""
        K = self.K(t)
        return K - K.T - self.damping * torch.eye(len(K), dtype=K.dtype, device=K.device)

    def forward(self, t, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.matrix(t).T + self.b(t))


def field_for(scheme: Scheme, width: int, degree: int = 2, generator=None) -> nn.Module:
    """The kind of field that a scheme asks for, all with nearly the same number of parameters.

    >>> from course_lib.nets import count_parameters
    >>> from course_lib.schemes import ZOO
    >>> [count_parameters(field_for(ZOO[key], 32)) for key in ("resnet", "revnet", "leapfrog")]
    [3120, 3168, 3162]
    """
    if scheme.field == "antisymmetric":
        return AntisymmetricField(width, degree, generator=generator)
    if scheme.key == "leapfrog":
        return HamiltonianField(width, width - 1, degree, generator)
    if scheme.field == "partitioned":
        return PartitionedField(width, width // 2, degree, generator)
    return SmoothField(width, width // 2, degree, generator)


class SchemeNet(nn.Module):
    """Stem, `steps` steps of a scheme on a field, head.

    Args:
        scheme, field, steps: the layers between stem and head.
        n_in, width, n_out: of the affine stem and head; no stem where n_in is None.

    Shapes: [batch, n_in or width] → [batch, n_out].

    >>> from course_lib.schemes import ZOO
    >>> net = SchemeNet(ZOO["resnet"], SmoothField(2, 8), 4, n_in=None, width=2, n_out=3)
    >>> net(torch.zeros(5, 2)).shape
    torch.Size([5, 3])
    """

    def __init__(self, scheme, field, steps: int, *, n_in, width: int, n_out: int, generator=None):
        super().__init__()
        self.scheme, self.field, self.steps = scheme, field, steps
        self.stem = nn.Identity()
        if n_in is not None:
            self.stem = initialise(nn.Linear(n_in, width), "default", generator)
        self.head = initialise(nn.Linear(width, n_out), "default", generator)

    def states(self, x: Tensor, steps: int | None = None) -> Tensor:
        """The features of all layers [steps + 1, batch, width], with as many steps as asked for."""
        scheme = self.scheme if self.training else self.scheme.at_test or self.scheme
        return solve(scheme, self.field, self.stem(x), self.steps if steps is None else steps)

    def forward(self, x: Tensor, steps: int | None = None) -> Tensor:
        return self.head(self.states(x, steps)[-1])
