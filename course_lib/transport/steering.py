"""A crowd that is told where the obstacle stands: one velocity net for all places of its centre.

An agent's state is (x₁, x₂, c₁, c₂): its place, and the centre of its obstacle. The centre doesn't
move, so `carry` needs to know nothing of it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.flows import TanhField
from course_lib.transport.crowd import Obstacle


def steered_field(hidden: int = 64, generator: torch.Generator | None = None) -> TanhField:
    """A tanh field on states [n, 4] whose last two entries stand still, also while it learns.

    It starts out as the drift (5, 0) plus a small random field. Half of the first layer sees the
    way from centre to agent, x − c, at the scale of the obstacle's width; without that head start
    the net learned to swerve far too slowly. The rows of the last layer that would move the centre
    are zero, and their gradients are kept so.

    >>> field = steered_field(generator=torch.Generator().manual_seed(0))
    >>> field(0.5, torch.ones(1, 4))[0, 2:].tolist()
    [0.0, 0.0]
    """
    field = TanhField(4, (hidden, hidden), last=0.1, generator=generator)
    last = field.layers[-1]
    with torch.no_grad():
        near = field.layers[0].weight[: hidden // 2]
        near[:, :2] /= Obstacle.width
        near[:, 2:] = -near[:, :2]
        last.weight[2:] = 0
        last.bias[2:] = 0
        last.bias[0] += 5.0
    for weight in (last.weight, last.bias):
        moves = torch.zeros_like(weight)
        moves[:2] = 1
        weight.register_hook(moves.mul)
    return field


def steered_cost(weight: float) -> Callable[[float, Tensor], Tensor]:
    """Q of states [n, 4]: each agent's own `Obstacle`, of the usual width.

    >>> steered_cost(50.0)(0.0, torch.tensor([[1.0, 2.0, 1.0, 2.0]])).item()
    50.0
    """
    obstacle = Obstacle(weight=weight)
    return lambda t, y: obstacle(t, y[:, :2] - y[:, 2:])


def steered_states(x: Tensor, centre: tuple[float, float]) -> Tensor:
    """Places [n, 2] with one obstacle beside each: states [n, 4].

    >>> steered_states(torch.zeros(1, 2), (1.0, 2.0))[0].tolist()
    [0.0, 0.0, 1.0, 2.0]
    """
    return torch.cat([x, x.new_tensor(centre).expand(len(x), 2)], 1)
