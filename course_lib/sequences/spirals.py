"""Spirals in both directions, observed at irregular times with noise: the data of notebook 13.

train = draw_spirals(1000, g)                       # one turn of time, four turns of the spiral
test = draw_spirals(400, g, until=2 * TURN)         # stays among the same radii for two turns
times, x = thin(test.t, test.x, 30, g)              # 30 of each curve's 100 observations
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

TURN = 2 * math.pi  # time is measured in radians, so that one turn takes 2π
R0, GROWTH = 0.25, 0.08  # radius at u = 0, and its growth a radian


@dataclass(frozen=True)
class Spirals:
    """n curves and what was observed of them.

    Attributes:
        start, direction, rotation: [n], see `positions`.
        t: observation times [n, m] in radians, increasing along each row.
        x: noisy observations [n, m, 2].
    """

    start: Tensor
    direction: Tensor
    rotation: Tensor
    t: Tensor
    x: Tensor

    def positions(self, t: Tensor) -> Tensor:
        """Noise-free positions [n, k, 2] at times [k], the same for all, or [n, k].

        With u = start + direction·t the radius is 0.25 + 0.08 u and the angle u + rotation.
        """
        u = self.start[:, None] + self.direction[:, None] * t
        angle = u + self.rotation[:, None]
        return radius(u)[..., None] * torch.stack([angle.cos(), angle.sin()], dim=-1)

    def where(self, chosen: Tensor) -> "Spirals":
        """The curves of a mask or of indices."""
        columns = self.start, self.direction, self.rotation, self.t, self.x
        return Spirals(*(column[chosen] for column in columns))


def radius(u):
    """Distance from the centre at the angle u along the spiral.

    >>> radius(0.0)
    0.25
    """
    return R0 + GROWTH * u


def draw_spirals(
    n: int,
    generator: torch.Generator,
    *,
    m: int = 100,
    noise: float = 0.08,
    turns: tuple[float, float] = (0.0, 4.0),
    since: float = 0.0,
    until: float = TURN,
) -> Spirals:
    """Half of n spirals run counter-clockwise and outward, half clockwise and inward.

    Args:
        m: observations of each, at independent uniform times in [0, 2π], in order.
        noise: standard deviation of the Gaussian noise on each coordinate.
        turns: between which turns of the spiral every curve stays while since ≤ t ≤ until; its
            start is uniform over what that allows, and every curve is rotated at random.

    An inward curve is an outward one run backwards in time, so the two kinds visit the same places.

    Source: after Chen et al. 2018, arXiv:1806.07366, section 5.1.

    >>> s = draw_spirals(4, torch.Generator().manual_seed(0), m=7)
    >>> s.x.shape, s.direction.tolist()
    (torch.Size([4, 7, 2]), [1.0, -1.0, 1.0, -1.0])
    """
    low, high = (TURN * turn for turn in turns)
    if n < 1 or m < 1 or not since <= 0 < until:
        raise ValueError(f"need n, m ≥ 1 and since ≤ 0 < until; got {n}, {m}, {since}, {until}")
    if low < 0 or high - low < until - since:
        raise ValueError(
            f"a curve that runs from {since:.3g} to {until:.3g} does not fit between the turns "
            f"{turns}: begin at 0 or later, and leave at least {(until - since) / TURN:.3g} turns"
        )
    direction = 1.0 - 2.0 * (torch.arange(n) % 2)
    direction = direction.to(torch.get_default_dtype())
    room = high - low - (until - since)
    first = low - since + room * torch.rand(n, generator=generator)  # of an outward curve
    start = torch.where(direction > 0, first, low + until + (first - low + since))
    rotation = TURN * torch.rand(n, generator=generator)
    t = (TURN * torch.rand(n, m, generator=generator)).sort(dim=1).values
    curves = Spirals(start, direction, rotation, t, torch.empty(0))
    exact = curves.positions(t)
    x = exact + noise * torch.randn(exact.shape, generator=generator)
    return Spirals(start, direction, rotation, t, x)


def thin(t: Tensor, x: Tensor, m: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """m of each row's observations, chosen at random and left in order: [n, m] and [n, m, d].

    >>> t = torch.arange(5.0)[None]
    >>> thin(t, t[..., None], 5, torch.Generator())[0].tolist()
    [[0.0, 1.0, 2.0, 3.0, 4.0]]
    """
    if not 1 <= m <= t.shape[1]:
        raise ValueError(f"cannot choose {m} of {t.shape[1]} observations")
    chosen = torch.rand(t.shape, generator=generator).argsort(dim=1)[:, :m].sort(dim=1).values
    return t.gather(1, chosen), x.gather(1, chosen[..., None].expand(-1, -1, x.shape[-1]))


def thinned_batch(
    t: Tensor, x: Tensor, sizes: Sequence[int], generator: torch.Generator, rows: int = 128
) -> tuple[Tensor, Tensor, Tensor]:
    """Random rows of the data, each thinned to one size: indices [rows], and what `thin` returns.

    Args:
        sizes: how many observations to keep; one of them is drawn for the whole batch.

    >>> t = torch.arange(5.0)[None]
    >>> index, times, states = thinned_batch(t, t[..., None], [3], torch.Generator(), rows=7)
    >>> index.tolist(), times.shape, states.shape
    ([0, 0, 0, 0, 0, 0, 0], torch.Size([7, 3]), torch.Size([7, 3, 1]))
    """
    index = torch.randint(len(t), (rows,), generator=generator)
    m = sizes[int(torch.randint(len(sizes), (1,), generator=generator))]
    return index, *thin(t[index], x[index], m, generator)
