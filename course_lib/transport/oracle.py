"""An independent check of learned flows: the cheapest path of one agent, found directly.

No net and no potential: both ends are given, the path between them is a list of points, and
L-BFGS moves these until the cost ∫ ½‖x'‖² + Q dt falls no further. Agents are treated one by one,
so neighbours may take different sides of an obstacle, which a flow can't.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.transport.dynamics import RunningCost


class Paths(NamedTuple):
    """`path` [knots + 1, n, 2] and what each agent pays, `cost` [n]."""

    path: Tensor
    cost: Tensor


def best_paths(
    start: Tensor,
    end: Tensor,
    running: RunningCost,
    knots: int = 64,
    bows: tuple[float, ...] = (0.8, -0.8),
    iterations: int = 25,
) -> Paths:
    """The cheapest paths from `start` to `end`, [n, 2] each, in a time of 1; in float64.

    Args:
        running: Q(t, x) [n]; called with a tensor t [n], one time for each point.
        knots: equal pieces of time in which a path is straight.
        bows: a path has a cheapest neighbour on either side of an obstacle. The search starts from
            half waves of these heights beside the straight line, and keeps the best.
        iterations: of L-BFGS, for every bow.

    The kinetic part is quadratic in the inner points, ½ xᵀKx. With K = CCᵀ and unknowns w = Cᵀx it
    is ½‖w‖², as well conditioned as can be; beyond 25 iterations nothing changes.

    Raises `ValueError` for shapes that don't fit.

    >>> free = lambda t, x: 0 * x[:, 0]
    >>> best = best_paths(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), free)
    >>> round(best.cost.item(), 6)  # ½ · 5²
    12.5
    """
    if start.ndim != 2 or start.shape[1] != 2 or start.shape != end.shape:
        raise ValueError(f"starts and ends must be [n, 2], got {start.shape} and {end.shape}")
    if knots < 2 or not bows:
        raise ValueError(f"need knots ≥ 2 and at least one bow, got {knots} and {bows}")
    start, end = start.detach().double(), end.detach().double()
    problem = _Problem(start, end, running, knots)
    found = [problem.solve(bow, iterations) for bow in bows]
    path, cost = found[0]
    for other, price in found[1:]:
        better = price < cost
        path = torch.where(better[:, None], other, path)
        cost = torch.where(better, price, cost)
    return Paths(path, cost)


class _Problem:
    """All agents at once, in the unknowns w [knots − 1, n, 2]."""

    def __init__(self, start: Tensor, end: Tensor, running, knots: int):
        self.start, self.end, self.running, self.knots = start, end, running, knots
        one = torch.ones(knots - 2, dtype=start.dtype)
        K = 2 * torch.eye(knots - 1, dtype=start.dtype) - torch.diag(one, 1) - torch.diag(one, -1)
        self.root = torch.linalg.cholesky(knots * K)
        self.back = torch.linalg.inv(self.root).T
        self.times = torch.linspace(0, 1, knots + 1, dtype=start.dtype)
        self.line = start + self.times[1:-1, None, None] * (end - start)

    def path(self, w: Tensor) -> Tensor:
        inner = self.line + torch.einsum("kj,jnd->knd", self.back, w)
        return torch.cat([self.start[None], inner, self.end[None]])

    def cost(self, w: Tensor) -> Tensor:
        """[n]: the kinetic part exactly, Q by the trapezoidal rule."""
        path = self.path(w)
        q = self.running(self.times.repeat_interleave(path.shape[1]), path.flatten(0, 1))
        q = q.reshape(path.shape[:2])
        straight = 0.5 * (self.end - self.start).square().sum(1)
        return straight + 0.5 * w.square().sum((0, 2)) + torch.trapezoid(q, self.times, dim=0)

    def solve(self, bow: float, iterations: int) -> tuple[Tensor, Tensor]:
        chord = self.end - self.start
        normal = torch.stack([-chord[:, 1], chord[:, 0]], 1)
        normal = normal / chord.norm(dim=1, keepdim=True).clamp(min=1e-12)
        wave = bow * torch.sin(math.pi * self.times[1:-1])
        w = torch.einsum("jk,jnd->knd", self.root, wave[:, None, None] * normal)
        w = w.requires_grad_()
        optimizer = torch.optim.LBFGS(
            [w], max_iter=iterations, history_size=20, line_search_fn="strong_wolfe"
        )

        def closure():
            optimizer.zero_grad()
            total = self.cost(w).sum()
            total.backward()
            return total

        with torch.enable_grad():
            optimizer.step(closure)
        with torch.no_grad():
            return self.path(w), self.cost(w)
