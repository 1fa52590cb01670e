"""Right-hand sides of neural ODEs, x' = f(t, x; θ), and the flow that makes a layer of one.

Read in this order: `TimeField` (time as one more input), `Basis` and `VaryingField` (weights that
are functions of time), `Counted` (how often f was called), then `Flow` (the solution at T as an
`nn.Module`) and `NeuralODE` (zeros in front of it, a linear layer behind).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.nets import MLP, initialise
from course_lib.solvers import odeint


def append_time(t, x: Tensor) -> Tensor:
    """x with the time t as one more entry of its last axis: [..., d] → [..., d + 1].

    >>> append_time(0.5, torch.zeros(2, 3))[0].tolist()
    [0.0, 0.0, 0.0, 0.5]
    """
    t = torch.as_tensor(t, dtype=x.dtype, device=x.device)
    return torch.cat([x, t.expand(*x.shape[:-1], 1)], dim=-1)


def augment(x: Tensor, extra: int = 1) -> Tensor:
    """x padded with zeros: [..., d] → [..., d + extra].

    Source: Dupont, Doucet & Teh 2019, arXiv:1904.01681.

    >>> augment(torch.ones(2), extra=2).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    return torch.cat([x, x.new_zeros(*x.shape[:-1], extra)], dim=-1)


class TimeField(nn.Module):
    """f(t, x) = MLP(x, t): constant weights, time as one more input.

    Args:
        dim: entries of the state.
        hidden: widths of the hidden layers, which are tanh's; the output is unbounded.
        generator: source of randomness; torch's global one if None.

    Shapes: t a number or 0-d tensor, x [..., dim] → [..., dim].

    >>> TimeField(2, [16])(0.5, torch.zeros(7, 2)).shape
    torch.Size([7, 2])
    """

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int] = (32, 32),
        *,
        generator=None,
    ):
        super().__init__()
        self.net = MLP([dim + 1, *hidden, dim], generator=generator)

    def forward(self, t, x: Tensor) -> Tensor:
        return self.net(append_time(t, x))


# --- weights that are functions of time ----------------------------------------------------------


@dataclass(frozen=True)
class Basis:
    """K functions of time on [0, T], in which θ(t) = Σ_k c_k φ_k(t).

    Args:
        at: t → [φ_1(t), …, φ_K(t)], a tensor [K].
        one: the coefficients [K] of the constant function 1.
    """

    at: Callable[[float], Tensor]
    one: Tensor


def piecewise(K: int, T: float = 1.0) -> Basis:
    """K indicator functions of equal pieces of [0, T]: θ jumps, as from layer to layer.

    >>> piecewise(4).at(0.3).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    _check_basis(K, T)

    def at(t) -> Tensor:
        piece = min(max(int(float(t) / T * K), 0), K - 1)  # t = T belongs to the last piece
        return torch.eye(K)[piece]

    return Basis(at, torch.ones(K))


def legendre(K: int, T: float = 1.0) -> Basis:
    """The Legendre polynomials of degree 0 to K − 1 on [0, T]: θ is smooth (Galerkin).

    Source: Massaroli et al. 2020, arXiv:2002.08071 (their "GalNODE").

    >>> legendre(3).at(0.0).tolist(), legendre(3).at(1.0).tolist()
    ([1.0, -1.0, 1.0], [1.0, 1.0, 1.0])
    """
    _check_basis(K, T)

    def at(t) -> Tensor:
        s = 2 * float(t) / T - 1
        values = [1.0, s]
        for k in range(1, K - 1):  # Bonnet's recursion
            values.append(((2 * k + 1) * s * values[k] - k * values[k - 1]) / (k + 1))
        return torch.tensor(values[:K])

    return Basis(at, torch.eye(K)[0])


class VaryingField(nn.Module):
    """f(t, x) = tanh(W(t) x + b(t)): one layer whose weights are functions of time.

    Args:
        dim: entries of the state.
        basis: `piecewise(K)` or `legendre(K)`; `piecewise(1)` is a constant θ.
        scale: standard deviation of the first weights, which do not vary: every basis starts from
            the same field.
        start: the first weights themselves, [dim, dim + 1], such as `theta(0.0)` of another field.
        generator: source of randomness; torch's global one if None.

    Shapes: x [..., dim] → [..., dim]; `theta(t)` is [dim, dim + 1], W beside b.

    >>> field = VaryingField(2, legendre(4), generator=torch.Generator().manual_seed(0))
    >>> field(0.5, torch.zeros(7, 2)).shape, field.coefficients.shape
    (torch.Size([7, 2]), torch.Size([4, 2, 3]))
    >>> bool((field.theta(0.0) == field.theta(1.0)).all())
    True
    """

    def __init__(
        self,
        dim: int,
        basis: Basis,
        scale: float = 1.0,
        start: Tensor | None = None,
        generator=None,
    ):
        super().__init__()
        self.basis = basis
        if start is None:
            start = scale * torch.randn(dim, dim + 1, generator=generator)
        if start.shape != (dim, dim + 1):
            raise ValueError(f"start must have shape {(dim, dim + 1)}, got {tuple(start.shape)}")
        start = start.detach()
        self.coefficients = nn.Parameter(basis.one.to(start)[:, None, None] * start)

    def theta(self, t) -> Tensor:
        """W(t) beside b(t), [dim, dim + 1]."""
        return torch.tensordot(self.basis.at(t).to(self.coefficients), self.coefficients, dims=1)

    def forward(self, t, x: Tensor) -> Tensor:
        theta = self.theta(t)
        return torch.tanh(x @ theta[:, :-1].T + theta[:, -1])


# --- the flow as a layer -------------------------------------------------------------------------


class Counted(nn.Module):
    """A field that counts its evaluations in `nfe`; set `nfe = 0` to begin anew.

    >>> field = Counted(TimeField(2))
    >>> step = {"method": "rk4", "options": {"step_size": 0.5}}
    >>> _ = odeint(field, torch.zeros(5, 2), torch.tensor([0.0, 1.0]), **step)
    >>> field.nfe
    8
    """

    def __init__(self, field: Callable):
        super().__init__()
        self.field, self.nfe = field, 0

    def forward(self, t, x):
        self.nfe += 1
        return self.field(t, x)


class Flow(nn.Module):
    """x(0) ↦ x(T) for x' = field(t, x), as a layer: shapes are unchanged.

    Args:
        field: callable (t, x) → dx/dt; if it is an `nn.Module`, its parameters are the layer's.
        T: the end time.
        solve: `odeint`, or an adjoint with its signature.
        options: further arguments of `solve`, such as `rtol`, `method`.

    `calls` is the number of evaluations of f since it was last set to zero, backward ones of an
    adjoint included.

    >>> layer = Flow(lambda t, x: -x, T=1.0, rtol=1e-6, atol=1e-6)
    >>> round(layer(torch.ones(1)).item(), 4)
    0.3679
    """

    def __init__(self, field: Callable, T: float = 1.0, solve: Callable = odeint, **options):
        super().__init__()
        if T <= 0:
            raise ValueError(f"T must be positive, got {T}; to run backwards use `inverse`")
        self.counted, self.T = Counted(field), T
        self.solve, self.options = solve, options

    @property
    def calls(self) -> int:
        return self.counted.nfe

    @calls.setter
    def calls(self, value: int) -> None:
        self.counted.nfe = value

    def forward(self, x: Tensor) -> Tensor:
        return self.solve(self.counted, x, self._times(x, [0.0, self.T]), **self.options)[-1]

    def inverse(self, x: Tensor) -> Tensor:
        """x(T) ↦ x(0), by solving backwards."""
        return self.solve(self.counted, x, self._times(x, [self.T, 0.0]), **self.options)[-1]

    def path(self, x: Tensor, times: Sequence[float]) -> Tensor:
        """The states at `times` (the first is x's own), [len(times), *x.shape]."""
        return self.solve(self.counted, x, self._times(x, times), **self.options)

    def _times(self, x: Tensor, times) -> Tensor:
        return torch.as_tensor(times, dtype=x.dtype, device=x.device)


class NeuralODE(nn.Module):
    """A classifier: pad with zeros, flow from 0 to T, read linearly.

    Args:
        n_in, n_out: entries of an input, and scores.
        hidden: widths of the field's hidden layers.
        extra: zeros added to the input (Dupont et al. 2019, arXiv:1904.01681).
        T, solve, options: see `Flow`.
        generator: source of randomness; torch's global one if None.

    Shapes: [batch, n_in] → [batch, n_out].

    >>> net = NeuralODE(2, 1, extra=1, rtol=1e-3, atol=1e-3)
    >>> net(torch.zeros(5, 2)).shape, net.features(torch.zeros(5, 2), [0.0, 0.5, 1.0]).shape
    (torch.Size([5, 1]), torch.Size([3, 5, 3]))
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        hidden: Sequence[int] = (24, 24),
        *,
        extra: int = 0,
        T: float = 1.0,
        solve: Callable = odeint,
        generator=None,
        **options,
    ):
        super().__init__()
        self.extra = extra
        field = TimeField(n_in + extra, hidden, generator=generator)
        self.flow = Flow(field, T, solve, **options)
        self.head = initialise(nn.Linear(n_in + extra, n_out), generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.flow(augment(x, self.extra)))

    def features(self, x: Tensor, times: Sequence[float]) -> Tensor:
        """The states at `times`, beginning with 0: [len(times), batch, n_in + extra]."""
        return self.flow.path(augment(x, self.extra), times)


def _check_basis(K: int, T: float) -> None:
    if K < 1 or T <= 0:
        raise ValueError(f"a basis needs K ≥ 1 functions and T > 0, got K={K}, T={T}")
