"""The figures of notebook 18: two densities, the obstacle between them, and ways past it."""

from functools import lru_cache

import numpy as np
import torch
from contourpy import contour_generator
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle

from course_lib import plotting

__all__ = ["SIDES", "agents", "ellipse", "scene", "ways"]

#: above, below, through: colours of the agents by the side on which they pass
SIDES = (plotting.CYCLE[0], plotting.CYCLE[1], "black")


def scene(ax, start, goal, obstacle=None, limits=(4.0, 2.7)):
    """Level lines of both densities at 10, 40 and 70 % of their peaks, and the obstacle's disc.

    >>> import matplotlib.pyplot as plt
    >>> from course_lib.transport import Obstacle, crowd_problem
    >>> ax = scene(plt.subplots()[1], *crowd_problem(), Obstacle())
    >>> len(ax.patches), ax.get_xlim() == (-4.0, 4.0)
    (1, True)
    """
    lines = _level_lines(start, limits) + _level_lines(goal, limits)
    ax.add_collection(LineCollection(lines, colors="0.55", linewidths=1, zorder=1))
    if obstacle is not None:
        ax.add_patch(Circle(obstacle.centre, obstacle.width, fc="0.85", ec="0.4", zorder=0))
    ax.set(xlim=(-limits[0], limits[0]), ylim=(-limits[1], limits[1]), aspect="equal")
    ax.set(xlabel="$x_1$", ylabel="$x_2$", yticks=[-2, 0, 2])
    return ax


@lru_cache
def _level_lines(density, limits) -> list:
    """Level lines of a density as arrays [k, 2]; an explorer draws the same ones many times."""
    x, y = (torch.linspace(-limit, limit, 121) for limit in limits)
    p = density.log_prob(torch.cartesian_prod(x, y)).exp().reshape(121, 121).T
    lines = contour_generator(x.numpy(), y.numpy(), p.numpy())
    return [line for share in (0.1, 0.4, 0.7) for line in lines.lines(share * p.max().item())]


def ways(ax, path, side=None, lw: float = 1.0, **style):
    """Paths [times, n, 2] as lines, coloured by `side` [n] (0, 1, 2: see SIDES) or all black.

    >>> import matplotlib.pyplot as plt
    >>> ax = ways(plt.subplots()[1], np.zeros((5, 3, 2)), [0, 1, 2])
    >>> len(ax.collections[0].get_segments())
    3
    """
    lines = np.moveaxis(np.asarray(path), 0, 1)
    colors = "black" if side is None else [SIDES[k] for k in np.asarray(side)]
    ax.add_collection(LineCollection(lines, colors=colors, linewidths=lw, **style))
    return ax


def agents(ax, x, side, ms: float = 4.0):
    """Agents [n, 2] as dots: those that pass above, below, and on top those that pass through.

    >>> import matplotlib.pyplot as plt
    >>> ax = agents(plt.subplots()[1], np.zeros((3, 2)), [0, 1, 2])
    >>> [len(line.get_xdata()) for line in ax.lines]
    [1, 1, 1]
    """
    x, side = np.asarray(x), np.asarray(side)
    labels = ("above", "below", "through")
    for k, (label, marker) in enumerate(zip(labels, ("o", "s", "D"), strict=True)):
        size = ms if k < 2 else 1.3 * ms
        ax.plot(*x[side == k].T, marker, color=SIDES[k], ms=size, mew=0, label=label, zorder=2 + k)
    return ax


def ellipse(ax, m, S, radius: float = 2.0, **style):
    """The level line of N(m, S) at `radius` standard deviations.

    >>> import matplotlib.pyplot as plt
    >>> ax = ellipse(plt.subplots()[1], torch.zeros(2), torch.eye(2), radius=1.0)
    >>> round(ax.lines[0].get_xdata().max().item(), 6)
    1.0
    """
    angle = torch.linspace(0, 2 * np.pi, 101, dtype=S.dtype)
    circle = torch.stack([angle.cos(), angle.sin()])
    ax.plot(*(m[:, None] + radius * torch.linalg.cholesky(S) @ circle).numpy(), **style)
    return ax
