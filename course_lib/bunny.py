"""The emblem of the course: a bunny that a learned vector field turns into a Gaussian, and back.

The field was trained once, by experiments/bunny_flow.py, in the way of notebook 19 (flow matching);
its weights ship in data/weights/. Time runs from the picture (t = 0) to the Gaussian (t = 1).
"""

import math
from itertools import pairwise

import torch
from torch import nn

from course_lib.results import load_weights

# Ellipses: centre x, centre y, half axes, angle in degrees. First what is there, then the holes.
_HEAD_AND_EARS = [
    (0, -0.75, 1.45, 1.15, 0),
    (-0.75, 1.35, 0.36, 1.25, 10),
    (0.75, 1.35, 0.36, 1.25, -10),
]
_EYES_AND_MOUTH = [
    (-0.55, -0.5, 0.2, 0.27, 0),
    (0.55, -0.5, 0.2, 0.27, 0),
    (0, -1.1, 0.26, 0.15, 0),
]
_LOW, _HIGH = (-1.6, -2.0), (1.6, 2.7)  # a box around all of it


def is_inside(points: torch.Tensor) -> torch.Tensor:
    """Which points belong to the bunny: truth values of shape [n] for points [n, 2].

    >>> is_inside(torch.tensor([[0.0, -0.5], [0.55, -0.5], [3.0, 0.0]])).tolist()
    [True, False, False]
    """
    body = torch.stack([_in_ellipse(points, e) for e in _HEAD_AND_EARS]).any(0)
    holes = torch.stack([_in_ellipse(points, e) for e in _EYES_AND_MOUTH]).any(0)
    return body & ~holes


def sample_bunny(n: int, generator: torch.Generator) -> torch.Tensor:
    """Points spread evenly over the bunny, float32 [n, 2], by rejection from a box.

    >>> points = sample_bunny(100, torch.Generator().manual_seed(0))
    >>> points.shape, bool(is_inside(points).all())
    (torch.Size([100, 2]), True)
    """
    low, high = torch.tensor(_LOW), torch.tensor(_HIGH)
    kept = torch.empty(0, 2)
    while len(kept) < n:
        points = low + (high - low) * torch.rand(4 * n, 2, generator=generator)
        kept = torch.cat([kept, points[is_inside(points)]])
    return kept[:n]


class BunnyField(nn.Module):
    """A velocity v(t, x) for points x [n, 2]: three hidden layers on waves in x and t.

    >>> BunnyField(width=8)(0.5, torch.zeros(3, 2)).shape
    torch.Size([3, 2])
    """

    def __init__(self, width: int = 96):
        super().__init__()
        sizes = [17, width, width, width, 2]
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        self.layers = nn.ModuleList(layers)

    def forward(self, t, x: torch.Tensor) -> torch.Tensor:
        t = torch.as_tensor(t, dtype=x.dtype).expand(x.shape[0]).unsqueeze(-1)
        waves = [f(k * x) for k in (2, 4, 7) for f in (torch.sin, torch.cos)]
        z = torch.cat([x, *waves, t, torch.sin(3 * t), torch.cos(3 * t)], dim=-1)
        for layer in self.layers[:-1]:
            z = nn.functional.silu(layer(z))
        return self.layers[-1](z)


def load_field() -> BunnyField:
    """The trained field.

    Raises `FileNotFoundError`, naming the script that makes the weights.

    >>> load_field()(0.5, torch.zeros(3, 2)).shape
    torch.Size([3, 2])
    """
    field = BunnyField()
    field.load_state_dict(load_weights("bunny_flow"))
    return field.float().requires_grad_(False)


def _in_ellipse(points, ellipse):
    x, y, a, b, degrees = ellipse
    angle = math.radians(degrees)
    dx, dy = points[:, 0] - x, points[:, 1] - y
    along = dx * math.cos(angle) + dy * math.sin(angle)
    across = dy * math.cos(angle) - dx * math.sin(angle)
    return (along / a) ** 2 + (across / b) ** 2 < 1
