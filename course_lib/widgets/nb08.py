"""The explorer of notebook 08: a control that is written down moves N points to N targets.

Left, the points on their way, with the half-plane that the present neuron moves; right, the
weights of all 2N pieces. Points may be flung far away and fetched back, so that both axes are
logarithmic beyond ±2.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba

from course_lib import plotting
from course_lib.rings import on_circle
from course_lib.shears import Control, steer
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["control_explorer"]

LINEAR = 2.0  # up to here the axes are linear
RING = 1.25
CIRCLE = on_circle(RING, torch.linspace(0, 2 * math.pi, 400, dtype=torch.double))
PLACES = {"left": 0.08, "right": 0.985, "bottom": 0.15, "top": 0.9, "wspace": 0.2}


def _spread(n: int, low: float, high: float) -> torch.Tensor:
    """n numbers, equally far apart, strictly between low and high."""
    return low + (high - low) * (torch.arange(n, dtype=torch.double) + 0.5) / n


def _circle(n: int, shift: float = 0.3) -> torch.Tensor:
    """n points on the unit circle, turned a little so that no two share a coordinate."""
    return on_circle(1.0, 2 * math.pi * (torch.arange(n, dtype=torch.double) + shift) / n)


def disc_from_ring(n: int):
    """Half the points in a disc, half on the ring around it; to the right goes the ring."""
    inside, outside = n // 2, n - n // 2
    c, turn = _spread(inside, -0.45, 0.45), torch.arange(inside, dtype=torch.double)
    disc = torch.stack([c, 0.3 * torch.sin(5 * turn)], 1)
    c = _spread(outside, -1.2, 1.2) + 0.01
    up = 1 - 2 * (torch.arange(outside) % 2)
    ring = torch.stack([c, up * (RING**2 - c**2).sqrt()], 1)
    x = torch.cat([disc, ring])
    label = (torch.arange(n) >= inside).long()
    y = torch.stack([2.0 * label - 1, torch.empty(n, dtype=torch.double)], 1)
    y[x[:, 1].argsort(), 1] = _spread(n, -1.2, 1.2)  # heights keep their order
    return x, y, label


def half_turn(n: int):
    """Points of a circle change places with those opposite."""
    x = _circle(n)
    return x, -x, (x[:, 0] > 0).long()


def shuffle(n: int):
    """Points of a circle change places at random."""
    x = _circle(n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1))
    return x, x[order], (x[:, 0] > 0).long()


def line_to_circle(n: int):
    """Points of a line are bent to a circle."""
    c = _spread(n, -1.5, 1.5)
    return torch.stack([c, 0 * c], 1), _circle(n), (c > 0).long()


TASKS = {
    "the disc out of its ring": disc_from_ring,
    "half a turn": half_turn,
    "shuffle a circle": shuffle,
    "bend a line to a circle": line_to_circle,
}


@lru_cache(maxsize=32)
def solved(task: str, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Control, float]:
    """Points, targets and labels, the control, and the largest coordinate of a point on its way."""
    x, y, label = TASKS[task](n)
    control = steer(x, y)
    far = max(control(x, k).abs().max().item() for k in range(2 * n + 1))
    return x, y, label, control, far


def positions(task: str, n: int, share: float) -> tuple[torch.Tensor, int]:
    """Where a share of the time takes the points and, after them, the circle of radius 1.25, which
    is carried along; and the piece (from 0) that moves them then.
    """
    x, _, _, control, _ = solved(task, n)
    t = share * len(control)
    return control(torch.cat([x, CIRCLE]), t), min(int(t), len(control) - 1)


def _draw(fig, task: str, n: int, share: float) -> str:
    _, y, label, control, far = solved(task, n)
    now, k = positions(task, n, share)
    fig.set_layout_engine("none")  # to fit the axes anew at each step costs a third of the time
    left, right = fig.subplots(1, 2, gridspec_kw=PLACES)
    _draw_points(left, now, y, label, control, k, far)
    _draw_weights(right, control, n, k)
    if share == 1.0:
        error = (now[:n] - y).abs().max().item()
        return f"All {2 * n} pieces are done; the farthest point is {error:.0e} from its target."
    size, axis = control.w[k][1 - k // n].item(), k // n
    words = (("up", "down"), ("to the right", "to the left"))[axis][size < 0]
    side = ("right of x₁", "above x₂")[axis]
    return f"Piece {k + 1} of {2 * n} moves all that is {side} = {-control.b[k]:.2f} {words}."


def squeezed(x) -> np.ndarray:
    """Numbers as the axes show them: as they are up to ±2, from there on logarithmic.

    Matplotlib's own scale of this kind costs more at each step than everything else on the axes.

    >>> squeezed([-1.0, 2.0, 20.0]).tolist()
    [-1.0, 2.0, 3.0]
    """
    x = np.asarray(x, dtype=float)
    beyond = np.log10(np.maximum(np.abs(x) / LINEAR, 1))
    return np.clip(x, -LINEAR, LINEAR) + np.sign(x) * beyond


def _draw_points(ax, now, y, label, control, k, far):
    n = len(y)
    lim = max(1.3 * far, 3.0)
    end = squeezed(lim)
    ax.set(xlim=(-end, end), ylim=(-end, end), xlabel="$x_1$", ylabel="$x_2$")
    hinge = squeezed(-control.b[k].item())
    span, line = (ax.axvspan, ax.axvline) if k < n else (ax.axhspan, ax.axhline)
    span(hinge, end, color="0.93", zorder=0)
    line(hinge, color="0.4", lw=1.5, ls="--")
    now, y = squeezed(now), squeezed(y)
    ax.plot(*now[n:].T, color="0.6", lw=1.2, zorder=1)
    for i, (marker, name) in enumerate((("o", "first"), ("s", "second"))):
        mine = (label == i).numpy()
        color = plotting.CYCLE[i]
        ax.plot(*y[mine].T, "x", color=color, ms=8, mew=1.5, alpha=0.7)
        ax.plot(*now[:n][mine].T, marker, color=color, ms=7, mec="white", mew=0.7, label=name)
    ticks = [v for v in (-100, -10, -1, 0, 1, 10, 100) if abs(v) < lim]
    places = squeezed(ticks)
    ax.set(xticks=places, yticks=places, xticklabels=ticks, yticklabels=ticks, box_aspect=1)


def _draw_weights(ax, control, n, k):
    sizes = torch.cat([control.w[:n, 1], control.w[n:, 0]]).numpy()
    pieces = np.arange(1, 2 * n + 1)
    colors = [plotting.CYCLE[2]] * n + [plotting.CYCLE[3]] * n
    shades = [to_rgba(color, 1.0 if i <= k else 0.3) for i, color in enumerate(colors)]
    corners = [
        [(i - 0.375, 0), (i + 0.375, 0), (i + 0.375, v), (i - 0.375, v)]
        for i, v in zip(pieces, sizes, strict=True)
    ]
    edges = ["black" if i == k else "none" for i in range(2 * n)]
    ax.add_collection(
        PolyCollection(corners, facecolors=shades, edgecolors=edges, linewidths=2), autolim=False
    )
    ax.axhline(0, color="0.3", lw=1)
    ax.axvline(n + 0.5, color="0.5", lw=1, ls=":")
    ax.set(xlabel="piece", title="weight of each piece", xlim=(0.3, 2 * n + 0.7))
    ax.title.set_fontsize("medium")
    top = 1.15 * np.abs(sizes).max()
    ax.set_ylim(-top, top)
    ax.set_xticks(range(n // 2, 2 * n + 1, n // 2))
    for text, place in (("moves $x_2$", (n + 1) / 2), ("moves $x_1$", (3 * n + 1) / 2)):
        ax.text(place, 0.99 * top, text, ha="center", va="top", fontsize="small")


control_explorer = register(
    Explorer(
        "control_explorer",
        _draw,
        controls={
            "task": Choice("targets", list(TASKS), "the disc out of its ring"),
            "n": Slider("points N", 4, 16, 2, 8),
            "share": Slider("share of the time", 0.0, 1.0, 0.01, 0.2),
        },
        presets={
            "Start": {"share": 0.0},
            "Heights done": {"share": 0.5},
            "Arrived": {"share": 1.0},
            "Twice as many": {"n": 16, "share": 0.3},
            "Shuffle": {"task": "shuffle a circle", "n": 12, "share": 0.5},
        },
        ask="No flow of the plane takes a disc out of its ring. Can this one take out the points?",
        try_this="Move the time slowly through the first half and watch who moves; then follow the "
        "grey circle to the end. What happens to the largest weight when N is doubled?",
        figsize=(10, 4.8),
    )
)
