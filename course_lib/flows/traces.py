"""A field together with the trace of its Jacobian: in closed form, by autograd, or estimated.

All three are called `trace(field, t, x)` and return a `Divergence`, so that a flow can change from
one to the other. What they cost is measured in benchmarks/traces.py: the closed form about two
evaluations of f in any dimension, autograd d backward passes, Hutchinson one.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from course_lib.nets import initialise
from course_lib.solvers.errors import see
from course_lib.solvers.field import ordinary_tensors

__all__ = [
    "AutogradTrace",
    "ClosedFormTrace",
    "Divergence",
    "HutchinsonTrace",
    "TanhField",
    "exact_trace",
]


class Divergence(NamedTuple):
    """What a trace returns: `f` [n, d], `trace` [n], and `jacobian`, ‖J‖² [n], if it was asked for.

    ‖J‖² is the sum of the squares of all entries of J = ∂f/∂x (Frobenius).
    """

    f: Tensor
    trace: Tensor
    jacobian: Tensor | None = None


class TanhField(nn.Module):
    """f(t, x): a tanh perceptron with one or two hidden layers, which knows the trace of ∂f/∂x.

    Time is one more input. With a_i the activations and d_i = 1 − a_i² the slopes,

        J = W₂ D₁ W₁,     tr J = Σ_j d₁ⱼ (W₁ W₂)ⱼⱼ              (one hidden layer)
        J = W₃ D₂ W₂ D₁ W₁,   tr J = d₂ᵀ (W₂ ⊙ (W₁ W₃)ᵀ) d₁     (two)

    Args:
        dim: entries of x.
        hidden: one or two widths.
        first, last: factors on the first and last layer's initial weights: how lively the field
            is at the start, and how fast.
        generator: source of randomness; torch's global one if None.

    Shapes: t a number or 0-d tensor, x [..., dim] → [..., dim].

    Raises:
        ValueError: not one or two hidden layers.

    >>> field = TanhField(2, [16, 16], generator=torch.Generator().manual_seed(0))
    >>> x = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))
    >>> exact, slow = field.divergence(0.5, x), AutogradTrace()(field, 0.5, x)
    >>> bool(torch.allclose(exact.trace, slow.trace, atol=1e-6))
    True
    """

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int] = (64, 64),
        *,
        first: float = 1.0,
        last: float = 1.0,
        generator=None,
    ):
        super().__init__()
        if len(hidden) not in (1, 2):
            raise ValueError(f"the trace is written for one or two hidden layers, got {hidden}")
        self.dim = dim
        widths = [dim, *hidden, dim]
        layers = [
            initialise(nn.Linear(n_in, n_out), generator=generator)
            for n_in, n_out in pairwise(widths)
        ]
        self.time = nn.Parameter(torch.empty(hidden[0]))  # the time's column of the first layer
        with torch.no_grad():
            bound = 1 / math.sqrt(dim + 1)
            self.time.uniform_(-bound, bound, generator=generator)
            layers[0].weight.mul_(first)
            layers[-1].weight.mul_(last)
            layers[-1].bias.mul_(last)
        self.layers = nn.ModuleList(layers)

    def activations(self, t, x: Tensor) -> list[Tensor]:
        """a₁, and a₂ if there are two hidden layers."""
        first, *others = self.layers[:-1]
        found = [linear(x, first.weight, first.bias + t * self.time).tanh_()]
        for layer in others:
            found.append(layer(found[-1]).tanh_())
        return found

    def forward(self, t, x: Tensor) -> Tensor:
        return self.layers[-1](self.activations(t, x)[-1])

    def divergence(self, t, x: Tensor, jacobian: bool = False) -> Divergence:
        """f, tr J and on request ‖J‖², from one forward pass and about one more."""
        activations = self.activations(t, x)
        f = self.layers[-1](activations[-1])
        one = x.new_ones(())
        slopes = [torch.addcmul(one, a, a, value=-1) for a in activations]  # 1 − a²
        if jacobian:
            J = self._jacobian(slopes)
            return Divergence(f, J.diagonal(dim1=-2, dim2=-1).sum(-1), J.square().sum((-2, -1)))
        first, *middle, last = (layer.weight for layer in self.layers)
        if middle:
            pairs = middle[0] * (first @ last).T
            return Divergence(f, torch.linalg.vecdot(linear(slopes[0], pairs), slopes[1]))
        return Divergence(f, slopes[0] @ (first * last.T).sum(1))

    def jacobian(self, t, x: Tensor) -> Tensor:
        """∂f/∂x, [..., dim, dim]; its row i is the gradient of f_i."""
        return self._jacobian([1 - a.square() for a in self.activations(t, x)])

    def _jacobian(self, slopes: list[Tensor]) -> Tensor:
        product = self.layers[0].weight
        for slope, layer in zip(slopes, self.layers[1:], strict=True):
            product = layer.weight @ (slope[..., None] * product)
        return product


class ClosedFormTrace:
    """The exact trace from `field.divergence`, as `TanhField` has it.

    >>> x, field = torch.zeros(3, 2), TanhField(2, [8])
    >>> ClosedFormTrace()(field, 0.0, x).trace.shape
    torch.Size([3])
    """

    def start(self, x: Tensor) -> None:
        """Nothing is random here."""

    def __call__(self, field, t, x: Tensor, jacobian: bool = False) -> Divergence:
        if not hasattr(field, "divergence"):
            raise TypeError(
                f"{type(field).__name__} has no method divergence(t, x): use a TanhField, or "
                "trace=AutogradTrace()"
            )
        return field.divergence(t, x, jacobian)


class _ByAutograd:
    """What the two traces of any field share: f at points that can be differentiated by."""

    def __call__(self, field, t, x: Tensor, jacobian: bool = False) -> Divergence:
        if torch.is_inference_mode_enabled():  # where all derivatives would be zero
            with ordinary_tensors():
                return self(field, float(t), x.clone(), jacobian)
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            point = x if keep and x.requires_grad else x.detach().requires_grad_()
            f = _value(field, t, point)
            trace, norm = self.of(f, point, keep, jacobian)
        return Divergence(f if keep else f.detach(), trace, norm)


class AutogradTrace(_ByAutograd):
    """The exact trace of any field: one backward pass for each of the d entries of f.

    >>> x = torch.tensor([[1.0, 2.0]])
    >>> found = AutogradTrace()(lambda t, x: x**2, 0.0, x, jacobian=True)
    >>> found.trace.item(), found.jacobian.item()  # 2 + 4, 2² + 4²
    (6.0, 20.0)
    """

    def start(self, x: Tensor) -> None:
        """Nothing is random here."""

    def of(self, f: Tensor, x: Tensor, keep: bool, jacobian: bool):
        """(trace, ‖J‖² or None) of f at x; `keep` its graph for gradients of these."""
        d = f.shape[-1]
        rows = [_pull(f[..., i].sum(), x, None, keep or i + 1 < d, keep) for i in range(d)]
        trace = sum(row[..., i] for i, row in enumerate(rows))
        return trace, sum(row.square().sum(-1) for row in rows) if jacobian else None


class HutchinsonTrace(_ByAutograd):
    """An unbiased estimate of the trace, εᵀJε with E[εεᵀ] = I, from one backward pass.

    Args:
        noise: `"rademacher"` (signs) or `"gaussian"`.
        generator: source of randomness; torch's global one if None.

    `start(x)` draws ε, one row for each of x; a flow calls it once at the beginning of a solve.
    It must not change within one: the solver would integrate another field in every stage. Fixed
    steps stay unbiased; an adaptive solver takes the noise for error, and ever shorter steps.
    ‖εᵀJ‖² is an unbiased estimate of ‖J‖², from the same backward pass.

    Source: Hutchinson 1990, doi:10.1080/03610919008812866; Grathwohl et al. 2019,
    arXiv:1810.01367; Finlay et al. 2020, arXiv:2002.02798 (‖εᵀJ‖²).

    >>> x = torch.zeros(20_000, 2)
    >>> trace = HutchinsonTrace("gaussian", torch.Generator().manual_seed(0))
    >>> trace.start(x)
    >>> matrix = torch.tensor([[1.0, 5.0], [0.0, 2.0]])
    >>> estimates = trace(lambda t, x: x @ matrix.T, 0.0, x).trace
    >>> abs(estimates.mean().item() - 3.0) < 0.2
    True
    """

    def __init__(self, noise: str = "rademacher", generator: torch.Generator | None = None):
        if noise not in ("rademacher", "gaussian"):
            raise ValueError(f"noise is 'rademacher' or 'gaussian', got {noise!r}")
        self.noise, self.generator, self.epsilon = noise, generator, None

    def start(self, x: Tensor) -> None:
        """Draw the noise of one solve."""
        shape = {"dtype": x.dtype, "device": x.device, "generator": self.generator}
        if self.noise == "gaussian":
            self.epsilon = torch.randn(x.shape, **shape)
        else:
            self.epsilon = torch.randint(0, 2, x.shape, **shape) * 2 - 1

    def __call__(self, field, t, x: Tensor, jacobian: bool = False) -> Divergence:
        if self.epsilon is None or self.epsilon.shape != x.shape:
            raise RuntimeError(
                f"no noise for points of shape {tuple(x.shape)}: call start(x) before the solve. "
                + see("noise")
            )
        return super().__call__(field, t, x, jacobian)

    def of(self, f: Tensor, x: Tensor, keep: bool, jacobian: bool):
        """The estimates, from one backward pass."""
        row = _pull(f, x, self.epsilon, keep, keep)
        return (row * self.epsilon).sum(-1), row.square().sum(-1) if jacobian else None


def exact_trace(field) -> ClosedFormTrace | AutogradTrace:
    """The closed form if the field has one (`divergence`), else automatic differentiation.

    >>> type(exact_trace(lambda t, x: -x)).__name__
    'AutogradTrace'
    """
    return ClosedFormTrace() if hasattr(field, "divergence") else AutogradTrace()


def _value(field: Callable, t, x: Tensor) -> Tensor:
    f = field(t, x)
    if f.shape != x.shape:
        raise ValueError(f"the field returns {tuple(f.shape)} for points {tuple(x.shape)}")
    return f


def _pull(f: Tensor, x: Tensor, cotangent, retain: bool, create: bool) -> Tensor:
    """cotangentᵀ ∂f/∂x; zero where f does not depend on x."""
    if not f.requires_grad:
        return torch.zeros_like(x)
    (row,) = torch.autograd.grad(
        f,
        x,
        cotangent,
        retain_graph=retain,
        create_graph=create,
        materialize_grads=True,
        allow_unused=True,
    )
    return row
