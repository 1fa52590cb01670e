"""Widget of notebook 05: one trained field, evaluated with more layers and smaller steps."""

from functools import lru_cache

import numpy as np
import torch

from course_lib import plotting, results
from course_lib.datasets import spirals
from course_lib.metrics import accuracy
from course_lib.schemes import ZOO, SchemeNet, SmoothField, spectral_radius
from course_lib.solvers import odeint
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["draw_paths", "draw_region", "layers_explorer", "trained_net"]

MOST = 64
SHOWN = 12  # paths of either class


@lru_cache
def trained_net(steps: int) -> SchemeNet:
    """The planar network that was trained with `steps` layers, 2 or 32 (data/results/layers.json).

    >>> trained_net(32).steps
    32
    """
    stored = results.row(results.load("layers"), steps=steps)["weights"]
    net = SchemeNet(ZOO["resnet"], SmoothField(2, 16), steps, n_in=None, width=2, n_out=2)
    net.load_state_dict({name: torch.tensor(value) for name, value in stored.items()})
    return net.double().requires_grad_(False)


@lru_cache
def _points() -> tuple[torch.Tensor, torch.Tensor]:
    x, y = spirals(300, torch.Generator().manual_seed(0), turns=0.75)
    return x.double(), y


@lru_cache
def _flow(steps: int) -> torch.Tensor:
    """Exact paths [times, points, 2] of the trained field."""
    t = torch.linspace(0, 1, 65, dtype=torch.float64)
    return odeint(trained_net(steps).field, _points()[0], t, rtol=1e-6, atol=1e-6)


@lru_cache(maxsize=256)
def _layers(steps: int, depth: int) -> torch.Tensor:
    """States [depth + 1, points, 2] of the same field in `depth` layers."""
    return trained_net(steps).states(_points()[0], depth)


@lru_cache
def _accuracies(steps: int) -> list[float]:
    """Accuracy with 1, …, 64 layers."""
    net, y = trained_net(steps), _points()[1]
    return [accuracy(net.head(_layers(steps, depth)[-1]), y) for depth in range(1, MOST + 1)]


def draw_paths(ax, states, flow, labels, shown: int = SHOWN):
    """Paths of some points through the layers, a dot a layer, over the exact flow in grey.

    Args:
        states: [layers + 1, n, 2]; flow: [times, n, 2]; labels: [n], 0 or 1.
        shown: points of either class.
    """
    for label, (color, line) in enumerate(zip(plotting.CYCLE, ("-", "--"), strict=False)):
        few = (labels == label).nonzero().flatten()[:shown]
        ax.plot(*flow[:, few].permute(2, 0, 1), "-", color=plotting.COLORS["muted"], lw=1, zorder=1)
        path = {"color": color, "ls": line, "lw": 1.5, "marker": "o", "ms": 3}
        ax.plot(*states[:, few].permute(2, 0, 1), **path, zorder=2)
        ax.plot(*states[-1, few].T, "os"[label], color=color, mec="white", ms=8, zorder=3)


def draw_region(ax, scheme):
    """Where no factor of a step is larger than one: an area, and a part of the imaginary axis."""
    x, y = np.linspace(-3.1, 1, 165), np.linspace(-3.1, 3.1, 249)
    size = spectral_radius(scheme, x + 1j * y[:, None])
    if (size[:, x < -0.1] <= 1).any():  # else the region is no more than a line
        ax.contourf(x, y, size, levels=[0, 1], colors=["#BFD9EA"])
        ax.contour(x, y, size, levels=[1], colors=plotting.CYCLE[0])
    on_axis = np.where(spectral_radius(scheme, 1j * y) <= 1 + 1e-9, 0.0, np.nan)
    ax.plot(on_axis, y, "-", color=plotting.CYCLE[1], lw=4)
    ax.axhline(0, color="0.6", lw=0.8, zorder=0)
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set(aspect="equal", xticks=[-2, 0], yticks=[-2, 0, 2])


def _draw(fig, depth: int, trained: int) -> str:
    left, right = fig.subplots(1, 2, width_ratios=[5, 4])
    states, flow = _layers(trained, depth), _flow(trained)
    draw_paths(left, states, flow, _points()[1])
    low, high = flow.amin((0, 1)), flow.amax((0, 1))
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    xlim, ylim = torch.stack([low, high], 1).tolist()
    left.set(xlim=xlim, ylim=ylim)
    left.set(xlabel="feature 1", ylabel="feature 2")
    known = _accuracies(trained)
    right.plot(range(1, MOST + 1), known, "-", color=plotting.COLORS["muted"])
    right.plot(trained, known[trained - 1], "D", color="white", mec="black", ms=10, zorder=3)
    right.plot(depth, known[depth - 1], "o", color="black", ms=9, zorder=4)
    right.set_xscale("log", base=2)
    ticks = [1, 2, 4, 8, 16, 32, 64]
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.set(ylim=(-0.03, 1.03), xlabel="layers $D$", ylabel="accuracy")
    miss = (states[-1] - flow[-1]).norm(dim=1).mean().item()
    return (
        f"Accuracy {known[depth - 1]:.2f}; the features end {miss:.2f} away from the exact flow's."
    )


layers_explorer = register(
    Explorer(
        "layers_explorer",
        _draw,
        controls={
            "depth": Slider("layers D", 1, MOST, 1, 4),
            "trained": Choice("trained with", {"32 layers": 32, "2 layers": 2}, 32),
        },
        presets={
            "As trained": {"depth": 32},
            "Polygons": {"depth": 2},
            "Curves": {"depth": 64},
            "Two layers, as trained": {"trained": 2, "depth": 2},
            "Two layers, more of them": {"trained": 2, "depth": 64},
        },
        ask="Nobody retrains anything. Do more layers make the network better, worse, or neither?",
        try_this="for either network, find how many layers it needs at least, and at most.",
        figsize=(10, 5),
    )
)
