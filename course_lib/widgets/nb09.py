"""The explorer of notebook 09: scrub time backwards, watch the reconstruction part from the truth.

ẏ = −λ(y − 1) from y(0) = 2, with a loss that looks early, L = y(0.05). The way back starts from
y(1), correct to rounding, and is solved with a tolerance for state, adjoint and collected gradient.
"""

from functools import lru_cache

import numpy as np
import torch

from course_lib import plotting
from course_lib.solvers import odeint
from course_lib.widgets.base import Explorer, Slider, register

__all__ = ["EARLY", "backward_run", "backward_scrub_explorer", "exact"]

EARLY = 0.05  # the time at which the loss looks
_TIMES = np.concatenate([np.linspace(1.0, EARLY, 77), np.linspace(EARLY, 0.0, 21)])


def exact(t, lam: float) -> np.ndarray:
    """y, a = ∂L/∂y and Q, the gradient dL/dλ as far as it is collected at t: rows of [3, n].

    >>> exact([0.0], 10.0)[0].item()
    2.0
    """
    t = np.asarray(t, dtype=float)
    before = t <= EARLY
    costate = np.where(before, np.exp(-lam * np.maximum(EARLY - t, 0)), 0.0)
    collected = np.where(before, -(EARLY - t) * np.exp(-lam * EARLY), 0.0)
    return np.stack([1 + np.exp(-lam * t), costate, collected])


@lru_cache(maxsize=64)
def backward_run(lam: float, tolerance: float) -> np.ndarray:
    """The same three, solved backwards from t = 1 at the times of `_TIMES`: [3, n].

    Nothing is reset at the observation: that is what a checkpoint would do.

    >>> bool(abs(backward_run(5.0, 1e-9)[0, -1] - 2) < 1e-5)
    True
    """

    def slopes(t, state):
        x, a, _ = state
        return torch.stack([-lam * (x - 1), lam * a, a * (x - 1)])

    state = torch.tensor([1 + np.exp(-lam), 0.0, 0.0], dtype=torch.double)
    times = torch.from_numpy(_TIMES)
    parts = []
    for part in (times[:77], times[77:]):
        ys = odeint(slopes, state, part, rtol=tolerance, atol=tolerance)
        parts.append(ys)
        state = ys[-1] + torch.tensor([0.0, 1.0, 0.0], dtype=torch.double)  # the jump
    return torch.cat(parts).T.numpy()


def relative_error(lam: float, tolerance: float) -> float:
    """Of dL/dλ, when t has arrived at 0."""
    truth = exact([0.0], lam)[2, 0]
    return abs(backward_run(lam, tolerance)[2, -1] / truth - 1)


def _draw(fig, t: float, lam: float, tolerance: float) -> str:
    """State, adjoint, collected gradient: truth, and what the way back has found down to t."""
    axes = fig.subplots(1, 3)
    shown = t - 1e-9 <= _TIMES
    times, found = _TIMES[shown], backward_run(lam, tolerance)[:, shown]
    grid = np.concatenate([np.linspace(0, EARLY, 60), np.linspace(EARLY + 1e-9, 1, 100)])
    truth = exact(grid, lam)
    titles = ("state $y$", "adjoint $a$", r"collected $dL/d\lambda$")
    for ax, true, path, title in zip(axes, truth, found, titles, strict=True):
        low, high = min(true.min(), 0.0), max(true.max(), 0.0)
        room = 0.35 * (high - low)
        limits = low - room, high + room
        ax.plot(grid, true, color=plotting.COLORS["truth"], label="exact")
        visible = np.where((path >= limits[0]) & (path <= limits[1]), path, np.nan)
        ax.plot(times, visible, "--", color=plotting.COLORS["model"], label="solved backwards")
        ax.axvline(t, color="0.6", lw=1)
        ax.set(xlim=(-0.03, 1.03), ylim=limits, title=title, xlabel="time $t$")
        ax.locator_params(nbins=4)
    axes[0].legend(loc="lower right", fontsize="x-small")
    off = abs(found[0, -1] - exact([t], lam)[0, 0])
    text = f"At t = {t:.2f} the state found is off by {off:.1e}."
    if t <= 1e-9:
        text += f" dL/dλ is off by {100 * relative_error(lam, tolerance):.2g} per cent."
    return text


backward_scrub_explorer = register(
    Explorer(
        "backward_scrub_explorer",
        _draw,
        controls={
            "t": Slider("scrub back to t", 0.0, 1.0, 0.05, 0.0, fmt=".2f"),
            "lam": Slider("λ", 2.0, 40.0, 1.0, 30.0, fmt=".0f"),
            "tolerance": Slider("tolerance", 1e-12, 1e-3, 0.5, 1e-9, log=True, fmt=".1e"),
        },
        presets={
            "Before the way back": {"t": 1.0},
            "Halfway": {"t": 0.5},
            "A gentle flow": {"lam": 5.0},
            "As tight as it gets": {"lam": 32.0, "tolerance": 1e-12},
        },
        ask="The forward solve forgets its start at rate λ. What does the way back do with the "
        "last digit of y(1)?",
        try_this="For tolerances of 1e-6 and 1e-9, find the λ at which dL/dλ is off by one per "
        "cent. How much does a thousand times the accuracy buy?",
        figsize=(10, 3.8),
    )
)
