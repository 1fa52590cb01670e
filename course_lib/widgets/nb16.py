"""The explorer of notebook 16: one flow, trained with more and more regularisation.

The fields were trained by experiments/scalable.py, from the same starting weights and on the same
batches; paths and evaluations are computed here.
"""

from functools import lru_cache

import numpy as np
import torch
from matplotlib.collections import LineCollection

from course_lib import plotting, results
from course_lib.densities import Moons
from course_lib.flows import ContinuousFlow, TanhField
from course_lib.widgets.base import Choice, Explorer, register

__all__ = ["evaluations", "load_digits_flow", "load_flow", "paths", "regularisation_explorer"]

STRENGTHS = (0.0, 0.02, 0.05, 0.2)
TOLERANCES = (1e-3, 1e-5, 1e-7)
WIDTH, FRAMES, SHOWN, POINTS = 32, 24, 60, 400
DIGITS_HIDDEN = (128, 128)


def _stored(name: str, dim: int, hidden) -> TanhField:
    field = TanhField(dim, hidden).float().requires_grad_(False)
    numbers = results.load_weights("scalable")[name]
    torch.nn.utils.vector_to_parameters(numbers, field.parameters())
    return field


@lru_cache
def load_flow(weight: float) -> ContinuousFlow:
    """The flow that was trained with this weight of the two penalties.

    Raises `FileNotFoundError`, naming the script that makes the weights.

    >>> load_flow(0.05)(torch.zeros(1, 2, dtype=torch.float32)).shape
    torch.Size([1, 2])
    """
    return ContinuousFlow(_stored(str(weight), 2, [WIDTH, WIDTH]), steps=FRAMES)


@lru_cache
def load_digits_flow() -> ContinuousFlow:
    """The stored flow of the whitened digits, [n, 64] → [n, 64], solved by eight steps of RK4.

    >>> load_digits_flow()(torch.zeros(1, 64, dtype=torch.float32)).shape
    torch.Size([1, 64])
    """
    return ContinuousFlow(_stored("digits", 64, DIGITS_HIDDEN), dim=64, steps=8)


@lru_cache
def paths(weight: float) -> np.ndarray:
    """States [FRAMES + 1, POINTS, 2] of Gaussian points, the same for every weight.

    >>> paths(0.0).shape
    (25, 400, 2)
    """
    z = torch.randn(POINTS, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float32)
    return load_flow(weight).path(z, np.linspace(0, 1, FRAMES + 1).tolist()).numpy()


@lru_cache
def evaluations(weight: float, tol: float) -> int:
    """Calls of f in one adaptive solve of 400 points of the moons with their log p.

    >>> evaluations(0.05, 1e-3) <= evaluations(0.05, 1e-7)
    True
    """
    flow = load_flow(weight)
    field = TanhField(2, [WIDTH, WIDTH]).double().requires_grad_(False)
    field.load_state_dict(flow.field.state_dict())
    x = Moons().sample(POINTS, torch.Generator().manual_seed(78)).double()
    fine = ContinuousFlow(field, rtol=tol, atol=tol)
    fine.log_prob(x)
    return fine.calls


def _panel(ax, weight: float) -> None:
    states = paths(weight)
    ax.plot(*states[-1].T, ".", ms=3, color=plotting.COLORS["muted"])
    lines = np.moveaxis(states[:, :SHOWN], 0, 1)
    ax.add_collection(LineCollection(lines, colors="black", linewidths=0.9))
    ax.plot(*states[0, :SHOWN].T, "o", ms=4, color=plotting.COLORS["truth"])
    ax.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[-2, 0, 2], yticks=[-2, 0, 2], aspect="equal")
    ax.set(xlabel="$x_1$", title=f"λ = {weight:g}")


def _draw(fig, weight: float, tol: float) -> str:
    """Paths without and with penalties, and what both cost to solve; returns a verdict."""
    fig.set_layout_engine("none")  # places by hand: to look for them takes a third of the time
    place = {"left": 0.06, "right": 0.985, "bottom": 0.16, "top": 0.9, "wspace": 0.32}
    axes = fig.subplots(1, 3, gridspec_kw=place)
    _panel(axes[0], 0.0)
    axes[0].set_ylabel("$x_2$")
    _panel(axes[1], weight)
    counts = [evaluations(w, tol) for w in STRENGTHS]
    chosen, rest = plotting.COLORS["model"], plotting.COLORS["muted"]
    bars = {"color": [chosen if w == weight else rest for w in STRENGTHS], "ec": "white", "lw": 0}
    bars["hatch"] = ["//" if w == weight else "" for w in STRENGTHS]
    axes[2].bar(range(len(STRENGTHS)), counts, **bars)
    for i, count in enumerate(counts):
        axes[2].text(i, count, str(count), ha="center", va="bottom", fontsize="small")
    axes[2].set_xticks(range(len(STRENGTHS)), [f"{w:g}" for w in STRENGTHS])
    axes[2].set(xlabel="λ", ylabel="evaluations of $f$", ylim=(0, 1.12 * max(counts)))
    row = results.row(results.load("scalable"), part="flow", start="quiet", weight=weight, seed=0)
    return (
        f"λ = {weight:g}: KL to the moons {row['kl']:.2f}, kinetic energy {row['kinetic']:.2f}; a "
        f"solve to {tol:.0e} takes {counts[STRENGTHS.index(weight)]} evaluations, without "
        f"penalties {counts[0]}."
    )


regularisation_explorer = register(
    Explorer(
        "regularisation_explorer",
        _draw,
        controls={
            "weight": Choice("weight λ of the penalties", list(STRENGTHS), 0.05),
            "tol": Choice("tolerance", {f"{tol:.0e}": tol for tol in TOLERANCES}, 1e-7),
        },
        presets={
            "None": {"weight": 0.0},
            "A little": {"weight": 0.02},
            "Enough": {"weight": 0.05},
            "Too much": {"weight": 0.2},
        },
        ask="Which of these flows has the better density, and can you see it in the paths?",
        try_this="Raise λ and compare the middle panel with the left one, then the KL in the line "
        "below. At which tolerance does a simpler flow save most?",
        figsize=(12, 4.4),
    )
)
