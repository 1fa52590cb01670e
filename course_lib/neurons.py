"""Neurons, layers and losses with weights set by hand: what notebook 01 builds, in one piece.

Inputs lie on the last axis. A layer's weights are `[out, in]`, one row for each neuron, as in
`torch.nn.Linear`. Nothing here is trained; notebook 02 does that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, radians, sin

import torch
from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """A scalar function φ, applied to every entry, with its derivative and its formula.

    Numbers and numpy arrays are taken as well as tensors; a tensor comes back.

    >>> ACTIVATIONS["relu"]([-1.0, 2.0])
    tensor([0., 2.])
    """

    function: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    formula: str

    def __call__(self, z) -> Tensor:
        return self.function(torch.as_tensor(z))

    def derivative(self, z) -> Tensor:
        """φ′(z); at a kink the value that torch's autograd uses, 0."""
        return self.slope(torch.as_tensor(z))


def _sigmoid_slope(z):
    return torch.sigmoid(z) * torch.sigmoid(-z)  # σ(−z) is 1 − σ(z) without its round-off


ACTIVATIONS = {
    "identity": Activation(lambda z: z, torch.ones_like, r"z"),
    "step": Activation(lambda z: (z > 0).to(z.dtype), torch.zeros_like, r"1 \text{ if } z > 0"),
    "sigmoid": Activation(torch.sigmoid, _sigmoid_slope, r"1/(1 + e^{-z})"),
    "tanh": Activation(torch.tanh, lambda z: 1 - torch.tanh(z) ** 2, r"\tanh z"),
    "relu": Activation(torch.relu, lambda z: (z > 0).to(z.dtype), r"\max(z, 0)"),
    "softplus": Activation(
        lambda z: torch.logaddexp(z, torch.zeros_like(z)), torch.sigmoid, r"\ln(1 + e^z)"
    ),
}
"""The gallery of notebook 01: name → `Activation`."""

relu, identity = ACTIVATIONS["relu"], ACTIVATIONS["identity"]


def neuron(x, w, b, phi):
    """One neuron, φ(w·x + b), for every row of a batch, (1.1).

    Shapes: x [n, d], w [d], b a number → [n]; a single x [d] gives a single number.

    >>> neuron(torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1.0, 1.0]), -3.0, torch.relu)
    tensor([0., 0.])
    """
    return phi(x @ w + b)


def layer(x, W, b, phi):
    """One layer, φ(W x + b), for every row of a batch, (1.6).

    Shapes: x [n, inputs], W [outputs, inputs], b [outputs] → [n, outputs].

    >>> W, b = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]), torch.tensor([0.0, 1.0, 0.0])
    >>> layer(torch.tensor([[1.0, -1.0]]), W, b, torch.relu)
    tensor([[1., 1., 0.]])
    """
    return phi(x @ W.T + b)


def feedforward(x, layers: Sequence[tuple]):
    """A network: the output of each layer is the input of the next.

    Args:
        x: [n, inputs].
        layers: `(W, b, phi)` of each layer, the first one first.

    Shapes: [n, inputs] → [n, outputs of the last layer].

    >>> double = (2 * torch.eye(2), torch.zeros(2), torch.relu)
    >>> feedforward(torch.tensor([[1.0, -1.0]]), [double, double])
    tensor([[4., 0.]])
    """
    for W, b, phi in layers:
        x = layer(x, W, b, phi)
    return x


def mse(prediction, target):
    """Mean squared error: the mean over every entry of the squared difference, (1.9).

    Shapes: both [n] or both [n, k] → a number.
    Errors: ValueError where the shapes differ; [n] beside [n, 1] would compare every pair.

    >>> mse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])).item()
    2.0
    """
    if prediction.shape != target.shape:
        raise ValueError(f"shapes differ: {list(prediction.shape)} and {list(target.shape)}")
    return ((prediction - target) ** 2).mean()


def cross_entropy(p, y):
    """Mean of −ln(probability given to what was true), for labels 0 or 1, (1.11).

    Args:
        p: probability of label 1, [n]; 0 or 1 beside the other label gives infinity.
        y: labels, [n].

    Errors: ValueError where the shapes differ or p is no probability.

    >>> cross_entropy(torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1.0])).item()  # ln 2
    0.6931471824645996
    """
    if p.shape != y.shape:
        raise ValueError(f"shapes differ: {list(p.shape)} and {list(y.shape)}")
    if not bool(((p >= 0) & (p <= 1)).all()):
        raise ValueError("p must lie in [0, 1]: apply the sigmoid first")
    # xlogy(0, 0) is 0: a probability of exactly 0 for what did not happen costs nothing.
    return -(torch.xlogy(y, p) + torch.xlogy(1 - y, 1 - p)).mean()


def fold(x, normal, offset=0.0):
    """Fold the plane like paper: mirror the side where n·x + c < 0 onto the other, (1.8).

    Args:
        x: points [n, 2].
        normal: unit vector n across the crease, [2].
        offset: c, the origin's signed distance from the crease.

    Shapes: [n, 2] → [n, 2].
    Source: folding as a picture of depth: Montúfar et al. 2014, arXiv:1402.1869.

    >>> fold(torch.tensor([[-3.0, 1.0], [2.0, 1.0]]), torch.tensor([1.0, 0.0]))
    tensor([[3., 1.],
            [2., 1.]])
    """
    return x + 2 * relu(-(x @ normal + offset))[:, None] * normal


def crease(degrees: float) -> Tensor:
    """Unit normal of the crease through the origin at this angle; its right-hand side is kept.

    The angle is counted from the x₁-axis, anticlockwise; right-hand as seen walking that way.

    >>> crease(90.0).round(decimals=6).tolist()
    [1.0, 0.0]
    """
    return torch.tensor([sin(radians(degrees)), -cos(radians(degrees))]).round(decimals=15) + 0.0


def paper_star(x):
    """Four folds through the origin and one straight cut: a star of 16 edges from five neurons.

    Shapes: points [n, 2] → n numbers: 1 inside the star, 0 outside.

    >>> paper_star(torch.tensor([[0.0, 0.0], [0.9, 0.0], [0.6, 0.3]])).tolist()
    [1.0, 1.0, 0.0]
    """
    for degrees in (90.0, 180.0, 45.0, 22.5):
        x = fold(x, crease(degrees).to(x))
    return neuron(x, torch.tensor([-1.0, -3.1]).to(x), 0.95, ACTIVATIONS["step"])


def relu_interpolant(f, knots) -> list[tuple]:
    """A network of one hidden layer that meets f at the knots, straight in between, (1.13).

    Args:
        f: function of a tensor.
        knots: n + 1 increasing points, [n + 1].

    Returns: layers for `feedforward`, which then takes x [m, 1] to [m, 1]; n ReLUs.
    Errors: ValueError where the knots do not increase.

    >>> net = relu_interpolant(torch.square, torch.tensor([0.0, 1.0, 3.0]))
    >>> feedforward(torch.tensor([[0.5], [3.0]]), net).tolist()
    [[0.5], [9.0]]
    """
    if len(knots) < 2 or not bool((knots.diff() > 0).all()):
        raise ValueError("the knots must increase, and there must be two or more of them")
    values = f(knots)
    slopes = values.diff() / knots.diff()
    kinks = torch.cat([slopes[:1], slopes.diff()])  # by how much the slope changes at each knot
    hidden = (torch.ones(len(kinks), 1, dtype=knots.dtype), -knots[:-1], relu)
    return [hidden, (kinks[None, :], values[:1], identity)]
