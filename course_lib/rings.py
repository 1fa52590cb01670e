"""A disc in its ring: the data, the classifier that flows, and what happens to a circle.

No flow of the plane takes a disc out of the ring around it, since the ring keeps winding round the
disc (Dupont, Doucet & Teh 2019, arXiv:1904.01681). Notebook 08 tests that on these functions, and
experiments/topology.py stores the tests of five seeds.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from course_lib.fields import augment
from course_lib.nets import MLP
from course_lib.solvers import odeint


def on_circle(radius: float | Tensor, angle: Tensor) -> Tensor:
    """Points [n, 2] at angles [n] and one radius, or radii [n].

    >>> on_circle(2.0, torch.zeros(1)).tolist()
    [[2.0, 0.0]]
    """
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


def disc_and_ring(n: int, generator) -> tuple[Tensor, Tensor]:
    """n points, in turn evenly from the disc r < 0.5 (label 0) and the ring 1 < r < 1.5 (label 1).

    >>> x, y = disc_and_ring(4, torch.Generator().manual_seed(0))
    >>> (x.norm(dim=1) > 1).tolist(), y.tolist()
    ([False, True, False, True], [0, 1, 0, 1])
    """
    share, turn = torch.rand(2, n, generator=generator)
    label = torch.arange(n) % 2
    radius = torch.where(label == 1, (1 + 1.25 * share).sqrt(), (0.25 * share).sqrt())
    return on_circle(radius, 2 * math.pi * turn), label


class FlowClassifier(nn.Module):
    """p zeros appended, the flow of a tanh network for unit time, one linear neuron.

    Two things are not as in `fields.NeuralODE`: the network isn't told the time, and the tolerance
    is chosen at each call, loose to train and tight to test what the flow does to single points.

    Args:
        p: added dimensions.
        generator: source of the initial weights.

    Shapes: [n, 2] → logits [n].

    >>> FlowClassifier(1, torch.Generator().manual_seed(0))(torch.zeros(5, 2)).shape
    torch.Size([5])
    """

    def __init__(self, p: int, generator=None):
        super().__init__()
        self.p, width = p, 2 + p
        self.field = MLP([width, 24, 24, width], generator=generator)
        self.head = MLP([width, 1], generator=generator)

    def features(self, x: Tensor, tol: float = 1e-3, return_stats: bool = False):
        """Where the flow takes the points, [n, 2 + p]; with `return_stats` its cost as well."""
        span = torch.tensor([0.0, 1.0], dtype=x.dtype)
        states, stats = odeint(
            lambda t, state: self.field(state),
            augment(x, self.p),
            span,
            rtol=tol,
            atol=tol,
            return_stats=True,
        )
        return (states[-1], stats) if return_stats else states[-1]

    def forward(self, x: Tensor, tol: float = 1e-3) -> Tensor:
        return self.head(self.features(x, tol))[:, 0]


def loss(net: Callable, x: Tensor, y: Tensor) -> Tensor:
    """Mean binary cross-entropy of logits net(x) [n] or [n, 1] against labels y [n].

    >>> round(loss(lambda x: x[:, 0], torch.zeros(3, 2), torch.tensor([0, 1, 1])).item(), 3)
    0.693
    """
    return binary_cross_entropy_with_logits(net(x).reshape(-1), y.to(x))


@torch.no_grad()
def image_of_circle(features: Callable, radius: float, n: int = 1001, rounds: int = 10) -> Tensor:
    """The image [n, k] of a circle under [n, 2] → [n, k], with more points where it is stretched.

    Each round moves the points so that half of them are spread by angle, half by the length of the
    image: a map that stretches an arc ten thousand times leaves no hole.

    >>> image = image_of_circle(lambda x: 3 * x, 1.0)
    >>> round(image.diff(dim=0).norm(dim=1).sum().item(), 3)
    18.85
    """
    angle = torch.linspace(0, 2 * math.pi, n)
    for _ in range(rounds):
        image = features(on_circle(radius, angle))
        length = torch.cat([angle[:1], image.diff(dim=0).norm(dim=1).cumsum(0)])
        share = (length / length[-1] + angle / angle[-1]) / 2
        moved = np.interp(np.linspace(0, 1, n), share.numpy(), angle.numpy())
        angle = torch.as_tensor(moved, dtype=angle.dtype)
    return image
