"""Control written down instead of learned: flows of one neuron, and N points moved to N targets.

A neural ODE of one neuron, x' = w (a·x + b)₊, whose weights are constant over each unit of time,
has a flow in closed form. Pieces with w ⟂ a are shears: they move the half-space in front of a
hyperplane, the further from it the more, and leave the one behind it alone. `steer` puts 2N of
them one after the other so that every point arrives; read `neuron_flow`, `sweep`, `steer`.

Source: Ruiz-Balet & Zuazua 2023, arXiv:2104.05278, whose proofs move points one by one in this
way. Two sweeps whose hinges sit at the points themselves are our simplest form of it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Control", "neuron_flow", "steer", "sweep"]


def neuron_flow(x: Tensor, w: Tensor, a: Tensor, b, t) -> Tensor:
    """Where x' = w (a·x + b)₊ takes points in a time t, in closed form.

    Along a solution z = a·x + b obeys z' = κ z₊ with κ = a·w, so that z = z₀ e^{κt} in front of
    the hyperplane z = 0; behind it nothing moves. Integrated, x = x₀ + w z₀ (e^{κt} − 1)/κ, and
    x₀ + w z₀ t if w ⟂ a.

    Args:
        x: points [..., d].
        w, a: [d], the neuron's outer and inner weights; b, t: numbers, t < 0 for the way back.

    >>> x = torch.tensor([[2.0, 0.0], [-2.0, 0.0]])
    >>> up, right = torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])
    >>> neuron_flow(x, up, right, 0.0, 1.5).tolist()
    [[2.0, 3.0], [-2.0, 0.0]]
    """
    z = (x @ a + b).clamp(min=0)[..., None]
    rate = float(a @ w)
    reach = t if rate == 0.0 else torch.expm1(torch.as_tensor(rate * t, dtype=x.dtype)) / rate
    return x + reach * z * w


def sweep(c: Tensor, v: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Hinges and weights of N shears that bring every value v to its target, left to right.

    Piece k adds w_k (c − hinge_k)₊ to all values. Its hinge is the coordinate of the point before
    it, so that points already in place stay; the first hinge is one unit left of all points. What
    is added in the end is the piecewise linear function through all displacements, and w_k is how
    much its slope changes at hinge_k.

    Args:
        c: [N], the coordinate that decides, all different; not sorted.
        v, target: [N] or [N, m], the values to be moved, and where to.

    Returns:
        `(hinges [N], weights [N] or [N, m])`, in the order of the pieces.

    Errors: ValueError where two coordinates are equal.

    >>> sweep(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0]), torch.tensor([5.0, 2.0]))
    (tensor([-1.,  0.]), tensor([2., 1.]))
    """
    order = c.argsort()
    c, displacement = c[order], (target - v)[order]
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    if not (c > hinges).all():
        raise ValueError("two points are at the same place c, where no shear tells them apart")
    gaps = (c - hinges).reshape(-1, *[1] * (v.ndim - 1))
    slopes = torch.diff(displacement, dim=0, prepend=torch.zeros_like(displacement[:1])) / gaps
    return hinges, torch.diff(slopes, dim=0, prepend=torch.zeros_like(slopes[:1]))


@dataclass(frozen=True)
class Control:
    """A piecewise constant control of one neuron; piece k rules from time k to k + 1.

    `w`, `a`: [pieces, d]; `b`: [pieces].

    >>> control = steer(torch.tensor([[0.0, 0.0], [1.0, 0.0]]),
    ...                 torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    >>> len(control), control(torch.tensor([0.0, 0.0])).tolist()
    (4, [1.0, 0.0])
    """

    w: Tensor
    a: Tensor
    b: Tensor

    def __len__(self) -> int:
        return len(self.b)

    def __call__(self, x: Tensor, t: float | None = None) -> Tensor:
        """Points [..., d] at time t (by default the end), where they were x at time 0."""
        t = len(self) if t is None else t
        if not 0 <= t <= len(self):
            raise ValueError(f"this control is defined from t = 0 to {len(self)}, got t = {t}")
        for k, (w, a, b) in enumerate(zip(self.w, self.a, self.b, strict=True)):
            if t > k:
                x = neuron_flow(x, w, a, b, min(t - k, 1.0))
        return x

    @property
    def sizes(self) -> Tensor:
        """‖w‖‖a‖ of each piece [pieces]: the Lipschitz constant of its right-hand side."""
        return self.w.norm(dim=1) * self.a.norm(dim=1)


def steer(x: Tensor, y: Tensor) -> Control:
    """A control of 2N pieces that takes N points x exactly to N targets y.

    Pieces 1 … N, with a = e₁, shear all coordinates but the first into place; pieces N+1 … 2N,
    with a = e₂, then do so with the first.

    Args:
        x: [N, d], d ≥ 2, first coordinates all different.
        y: [N, d], second coordinates all different.

    Errors: ValueError where shapes differ or two points share a coordinate that must tell them
    apart.

    >>> generator = torch.Generator().manual_seed(0)
    >>> x, y = torch.rand(2, 50, 2, generator=generator, dtype=torch.float64)
    >>> bool((steer(x, y)(x) - y).abs().max() < 1e-10)
    True
    """
    if x.shape != y.shape or x.ndim != 2 or x.shape[1] < 2 or not len(x):
        raise ValueError(
            f"need N points and N targets of one shape [N, d] with d ≥ 2, got {list(x.shape)} and "
            f"{list(y.shape)}; in one dimension points cannot pass each other: augment them"
        )
    for points, j, what in (
        (x, 0, "points share their first"),
        (y, 1, "targets share their second"),
    ):
        if len(points[:, j].unique()) < len(points):
            raise ValueError(
                f"two {what} coordinate, by which the shears would have to tell them apart: rotate "
                "all points a little first, and back at the end"
            )
    n, d = x.shape
    w, a, b = x.new_zeros(2 * n, d), x.new_zeros(2 * n, d), x.new_zeros(2 * n)
    a[:n, 0], a[n:, 1] = 1.0, 1.0
    hinges, w[:n, 1:] = sweep(x[:, 0], x[:, 1:], y[:, 1:])
    b[:n] = -hinges
    arrived = Control(w[:n], a[:n], b[:n])(x)  # up to rounding: y, but for the first coordinates
    hinges, w[n:, 0] = sweep(arrived[:, 1], x[:, 0], y[:, 0])
    b[n:] = -hinges
    return Control(w, a, b)
