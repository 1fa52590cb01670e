"""The explorer of notebook 10: what ρ does to the method of successive approximations.

The runs were made by experiments/msa.py and are read from data/results/msa_rho.json: thirty
iterations at every ρ of a logarithmic grid, and with ρ adapted.
"""

from functools import lru_cache

import numpy as np

from course_lib import plotting, results
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["nearest_rho", "rho_explorer"]


@lru_cache
def _table() -> tuple[dict, dict]:
    """The row of the target, and ρ (or "adaptive") → its run."""
    target, *runs = results.load("msa_rho")["rows"]
    return target, {run["rho"]: run for run in runs}


def nearest_rho(rho: float) -> float:
    """The ρ of the stored grid that is nearest on a logarithmic scale.

    >>> nearest_rho(1.02)
    1.0
    """
    grid = [value for value in _table()[1] if value != "adaptive"]
    return min(grid, key=lambda value: abs(np.log(value / rho)))


def _draw(fig, mode: str, rho: float, iteration: int) -> str:
    """Losses on the left, the net's output at one iteration on the right; returns a verdict."""
    target, runs = _table()
    run = runs["adaptive" if mode == "adaptive" else nearest_rho(rho)]
    loss = np.array(run["loss"])
    fig.set_layout_engine("none")  # to fit the axes anew at each step costs a third of the time
    place = {"left": 0.09, "right": 0.98, "bottom": 0.15, "top": 0.87, "wspace": 0.14}
    left, right = fig.subplots(1, 2, width_ratios=[3, 2], gridspec_kw=place)
    left.semilogy(runs["adaptive"]["loss"], ":", color="0.55", label=r"$\rho$ adapted")
    left.semilogy(loss, ".-", color=plotting.COLORS["model"], label="this run")
    left.plot(iteration, loss[iteration], "o", color="black", ms=9, zorder=5)
    left.set(xlabel="iteration", ylabel="loss", ylim=(1e-5, 2e3), xlim=(-1, 31))
    left.set_yticks([1e-4, 1e-2, 1, 1e2])  # few ticks: most of an update's time is drawing
    left.minorticks_off()
    plotting.legend(left, "above")
    right.plot(target["x"], target["output"], color=plotting.COLORS["truth"], label=r"$\sin$")
    output = np.clip(run["outputs"][iteration], -9, 9)
    right.plot(target["x"], output, "--", color=plotting.COLORS["model"], label="net")
    right.set(xlabel="$x$", ylim=(-3, 3), xticks=[-3, 0, 3], yticks=[-2, 0, 2])
    plotting.legend(right, "above")
    rises = int((np.diff(loss) > 1e-12).sum())
    return f"The loss rose {rises} times in 30 iterations and ended at {loss[-1]:.2g}."


rho_explorer = register(
    Explorer(
        "rho_explorer",
        _draw,
        controls={
            "rho": Slider("ρ", 0.01, 100.0, 0.25, 1.0, log=True, fmt=".3g"),
            "iteration": Slider("iteration", 0, 30, 1, 30),
            "mode": Choice("mode", ["fixed", "adaptive"], "fixed"),
        },
        presets={
            "Hardly held back": {"rho": 0.01},
            "Half-way": {"rho": 10**0.5},
            "Held tight": {"rho": 100.0},
            "Let it adapt": {"mode": "adaptive"},
        },
        ask="Holding the layers back makes each iteration more careful. Is more careful better?",
        try_this="Find the smallest ρ at which the loss never rises, and the ρ that ends lowest "
        "after thirty iterations. Are they the same?",
        figsize=(10, 4.5),
    )
)
