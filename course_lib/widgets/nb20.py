"""The explorer of notebook 20: step, noise and method, on geometric Brownian motion.

One step of each method multiplies the state, so that a path is a cumulative product; the tests
hold these factors to `course_lib.beyond.sdeint`.
"""

from functools import cache

import numpy as np
import torch

from course_lib import plotting
from course_lib.beyond import coarsen, geometric_brownian, path_of
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["noise_explorer"]

MU, FINE, PATHS = 1.0, 512, 400
COUNTS = (4, 8, 16, 32, 64, 128, 256)
METHODS = ("Euler–Maruyama", "Milstein", "Heun")
PLACES = {"left": 0.08, "right": 0.98, "bottom": 0.16, "top": 0.96, "wspace": 0.27}


@cache
def increments(steps: int) -> torch.Tensor:
    """The same 400 Brownian paths on [0, 1] in so many steps, [steps, 400].

    >>> bool(torch.allclose(increments(4).sum(0), increments(512).sum(0)))
    True
    """
    if steps == FINE:
        generator = torch.Generator().manual_seed(20)
        draws = torch.randn(FINE, PATHS, generator=generator, dtype=torch.float64)
        return draws / FINE**0.5  # of variance 1/512, the same whatever the default precision
    return coarsen(increments(FINE), FINE // steps)


def states(steps: int, c: float, method: str) -> torch.Tensor:
    """The method's states from x = 1, [steps + 1, 400].

    >>> states(8, 0.5, "Heun").shape
    torch.Size([9, 400])
    """
    h, dB = 1 / steps, increments(steps)
    move = MU * h + c * dB
    if method == "Milstein":
        move = move + 0.5 * c**2 * (dB**2 - h)
    elif method == "Heun":
        move = move + 0.5 * move**2
    return torch.cat([torch.ones(1, PATHS, dtype=dB.dtype), (1 + move).cumprod(0)])


def errors(c: float, method: str) -> np.ndarray:
    """Mean |error| at t = 1 over the 400 paths, against Itô's solution, one a number of steps."""
    end = geometric_brownian(1.0, MU, c, 1.0, increments(FINE).sum(0))
    return np.array([(states(n, c, method)[-1] - end).abs().mean().item() for n in COUNTS])


def _draw(fig, steps: int, c: float, method: str) -> str:
    """One path, exact and by the method; the mean error against the step."""
    fig.set_layout_engine("none")  # to fit the axes anew at each step costs a third of the time
    left, right = fig.subplots(1, 2, width_ratios=(4, 3), gridspec_kw=PLACES)
    t = torch.linspace(0, 1, FINE + 1, dtype=torch.float64)
    exact = geometric_brownian(1.0, MU, c, t, path_of(increments(FINE)[:, 0]))
    path = states(steps, c, method)[:, 0]
    left.plot(t, exact, color=plotting.COLORS["truth"], ls="-", lw=1.5, label="exact (Itô)")
    marked = {"marker": "o", "ms": 4} if steps <= 64 else {}
    color = plotting.COLORS["model"]
    left.plot(torch.linspace(0, 1, steps + 1), path, color=color, ls="--", label=method, **marked)
    left.legend(loc="upper left", fontsize="small")
    left.set(xlabel="time $t$", ylabel="$x$")
    found = errors(c, method)
    # Powers of two on a linear axis: matplotlib's logarithmic one takes a third of the time.
    right.plot(np.log2(COUNTS), np.log10(found), color=color, ls="--", marker="o", label=method)
    here = COUNTS.index(steps)
    right.plot(np.log2(steps), np.log10(found[here]), "o", ms=14, mfc="none", mec="black", mew=2)
    right.set(xlabel="steps", ylabel="mean error at $t = 1$", ylim=(-3.6, 1.2))
    right.set_xticks([2, 4, 6, 8], ["4", "16", "64", "256"])
    right.set_yticks([-3, -2, -1, 0, 1], ["0.001", "0.01", "0.1", "1", "10"])
    order = np.polyfit(np.log(1 / np.array(COUNTS)), np.log(found), 1)[0]
    return f"Mean error of 400 paths {found[here]:.3g}; slope of the right panel {order:.2f}."


noise_explorer = register(
    Explorer(
        "noise_explorer",
        _draw,
        controls={
            "steps": Choice("steps", COUNTS, 16),
            "c": Slider("strength of noise c", 0.0, 1.5, 0.1, 0.8, fmt=".1f"),
            "method": Choice("method", METHODS, "Euler–Maruyama"),
        },
        presets={
            "No noise": {"c": 0.0},
            "Much noise": {"c": 1.5, "steps": 64},
            "Milstein": {"method": "Milstein"},
            "Heun, many steps": {"method": "Heun", "steps": 256},
        },
        ask="With Heun's method and 256 steps the error is as large as with 16. Is it wrong?",
        try_this="go from no noise to much: when does the slope on the right fall from 1 to ½? "
        "Which method keeps it at 1, and which one does not converge at all?",
        figsize=(10, 4.2),
    )
)
