"""Other dynamics with the same map: the paths of a flow straightened, or seen from a carousel."""

import math

import torch
from torch import Tensor

from course_lib.transport.potential import Rates


class Rotated:
    """A planar flow in a frame that turns about the origin, y(t) = P(t) x(t), P a rotation.

    By the product rule y' = P v(t, Pᵀy) + ω (−y₂, y₁), with ω = 2π · `turns`. After whole turns
    P(1) = I: every agent ends where the flow takes it.

    Args:
        field: has `start(x)` and `rates(t, x)`.
        turns: between t = 0 and 1.

    >>> from course_lib.transport import VelocityField, carry
    >>> still = Rotated(VelocityField(lambda t, x: 0 * x))
    >>> end = carry(still, torch.tensor([[1.0, 0.0]]), steps=40)
    >>> bool((end.x - torch.tensor([[1.0, 0.0]])).abs().max() < 1e-3)
    True
    """

    def __init__(self, field, turns: float = 1.0):
        self.field, self.omega = field, 2 * math.pi * turns

    def start(self, x: Tensor) -> None:
        """Begin a solve from x, as the field wants it."""
        self.field.start(x)

    def rates(self, t: float, x: Tensor) -> Rates:
        """Velocity and divergence in the turning frame; it has no potential."""
        angle = self.omega * t
        c, s = math.cos(angle), math.sin(angle)
        P = x.new_tensor([[c, -s], [s, c]])
        now = self.field.rates(t, x @ P)
        spin = self.omega * torch.stack([-x[:, 1], x[:, 0]], 1)
        return Rates(now.v @ P.T + spin, now.divergence, None)


def straight_paths(z: Tensor, end: Tensor, steps: int = 20) -> Tensor:
    """Straight lines at constant speed from z to `end`, [n, d] each: [steps + 1, n, d].

    >>> straight_paths(torch.zeros(1, 2), torch.ones(1, 2), 2)[:, 0, 0].tolist()
    [0.0, 0.5, 1.0]
    """
    t = torch.linspace(0, 1, steps + 1, dtype=z.dtype)[:, None, None]
    return (1 - t) * z + t * end


def map_jacobian(move, z: Tensor) -> Tensor:
    """∂T/∂z of a map T = `move` at points z [n, d], [n, d, d], by automatic differentiation.

    >>> map_jacobian(lambda z: 2 * z, torch.zeros(1, 2))[0].tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    z = z.detach().clone().requires_grad_()
    out = move(z)
    rows = [torch.autograd.grad(part.sum(), z, retain_graph=True)[0] for part in out.T]
    return torch.stack(rows, 1)


def straight_determinants(J: Tensor, times: int = 21) -> Tensor:
    """det((1 − t) I + t J) for the Jacobians J [n, d, d] of a map, at equal times, [times, n].

    Where all are positive, straight lines to the map's goals are a flow near these points; at a
    zero neighbouring lines meet.

    >>> straight_determinants(-torch.eye(2)[None], 3)[:, 0].tolist()  # half a turn: all meet
    [1.0, 0.0, 1.0]
    """
    t = torch.linspace(0, 1, times, dtype=J.dtype)[:, None, None, None]
    return torch.linalg.det((1 - t) * torch.eye(J.shape[-1], dtype=J.dtype) + t * J)
