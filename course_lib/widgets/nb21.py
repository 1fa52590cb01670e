"""The explorer of notebook 21: four solvers on one relaxing problem, and what is wrong with each.

ẏ = −λ(y − cos t), y(0) = 2, for t from 0 to 2. The fixed-step methods get the step that their
order would need for the tolerance, h = tol^(1/order); how well that works is part of the lesson.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch

from course_lib import plotting
from course_lib.solvers import METHODS, SolverError, odeint
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["Run", "diagnose", "exact", "solve_doctor", "solved"]

T, START, SHORTEST = 2.0, 2.0, 0.002
SETTLED = 0.25  # errors count from here, when the start is forgotten
TIMES = np.linspace(0.0, T, 201)
SOLVERS = {
    "dopri5": "dopri5",
    "Runge–Kutta 4": "rk4",
    "Euler": "euler",
    "implicit Euler": "implicit_euler",
}


@dataclass(frozen=True)
class Run:
    """One solve: states at `TIMES` up to where it failed, evaluations, largest error, step.

    The error is taken from t = 0.25 on.
    """

    y: np.ndarray
    nfe: int
    error: float
    h: float | None


def exact(t, lam: float):
    """The solution, by variation of constants.

    >>> round(float(exact(0.0, 10.0)), 12)
    2.0
    """
    forced = lambda t: (lam**2 * np.cos(t) + lam * np.sin(t)) / (1 + lam**2)  # noqa: E731
    return forced(t) + (START - forced(0.0)) * np.exp(-lam * t)


@lru_cache(maxsize=512)
def solved(method: str, tol: float, lam: float) -> Run:
    """The problem solved by a method of `SOLVERS.values()`, with an infinite error if it failed.

    Implicit Euler's equation is linear here and solved by hand: its count is that of Newton's
    method in `odeint`, three calls of f a step.

    >>> solved("euler", 0.1, 5.0).error < solved("euler", 0.1, 15.0).error
    True
    """
    h = None if method == "dopri5" else max(tol ** (1 / METHODS[method].order), SHORTEST)
    if method == "implicit_euler":
        return _implicit(h, lam)
    count = 0

    def func(t, y):
        nonlocal count
        count += 1
        return -lam * (y - math.cos(t))

    y0, times = torch.tensor([START], dtype=torch.float64), torch.from_numpy(TIMES)
    settings = {"method": method, "options": h and {"step_size": h}, "rtol": tol, "atol": tol}
    try:
        y = odeint(func, y0, times, **settings)[:, 0].numpy()
    except SolverError as error:
        return Run(error.solution[:-1, 0].numpy(), count, math.inf, h)
    return Run(y, count, _largest(y, TIMES, lam), h)


def _implicit(h: float, lam: float) -> Run:
    """Implicit Euler, and a straight line between its steps (which are much shorter than T)."""
    ends = np.append(np.arange(0.0, T - 1e-9, h), T)
    states = [START]
    for t0, t1 in pairwise(ends):
        step = lam * (t1 - t0)
        states.append((states[-1] + step * math.cos(t1)) / (1 + step))
    error = _largest(np.array(states), ends, lam)
    return Run(np.interp(TIMES, ends, states), 3 * (len(ends) - 1), error, h)


def _largest(y, times, lam: float) -> float:
    return float(np.abs(y - exact(times, lam))[times >= SETTLED].max())


def diagnose(method: str, tol: float, lam: float) -> str:
    """What is to be said about a solve, with the section of notebook 21 that says it at length."""
    run = solved(method, tol, lam)
    if run.error > 10:
        return f"blows up: hλ = {run.h * lam:.3g} is outside its region of stability. Halve h (§6)."
    if method == "dopri5":
        least = 6 * lam * T / 3.3  # (21.4)
        if run.nfe < 1.6 * least:
            return f"stability alone asks for {least:.0f}: a looser tolerance is no help (§6)."
        return f"stability would ask for {least:.0f}: the rest is what the tolerance costs (§6)."
    if run.error > 10 * tol:
        return "coarser than asked: an order promises a power of h, not its factor (§2)."
    return "stable, and as accurate as asked."


def _draw(fig, solver: str, tol: float, lam: float) -> str:
    """Left the path, right error against evaluations of all four; returns the verdict."""
    left, right = fig.subplots(1, 2)
    chosen, run = SOLVERS[solver], solved(SOLVERS[solver], tol, lam)
    left.plot(TIMES, exact(TIMES, lam), color=plotting.COLORS["truth"], label="exact")
    shown = np.where(np.abs(run.y) < 10, run.y, np.nan)
    left.plot(
        TIMES[: len(run.y)], shown, "--", color=plotting.COLORS["model"], label=f"by {solver}"
    )
    left.set(xlabel="time $t$", ylabel="$y$", xlim=(0, T), ylim=(-1.2, 2.4))
    left.legend(loc="upper right", fontsize="x-small")
    for i, (name, method) in enumerate(SOLVERS.items()):
        other = solved(method, tol, lam)
        failed = other.error > 10
        right.loglog(
            other.nfe,
            10.0 if failed else other.error,
            plotting.MARKERS[i],
            color=plotting.CYCLE[i + 2],
            ms=15 if method == chosen else 8,
            mfc="none" if failed else None,
            label=name + (" (blown up)" if failed else ""),
        )
    right.axhline(tol, color=plotting.COLORS["muted"], ls=":")
    right.set(xlabel="evaluations of $f$", ylabel="largest error")
    right.set(xlim=(8, 6e3), ylim=(1e-13, 30))
    right.set_yticks([1e-8, 1e-6, 1e-4, 1e-2, 1])
    right.minorticks_off()
    right.legend(loc="lower left", fontsize="x-small")
    cost = f"{run.nfe} evaluations, error {run.error:.1e}"
    return f"{solver}: {cost}; {diagnose(chosen, tol, lam)}"


solve_doctor = register(
    Explorer(
        "solve_doctor",
        _draw,
        controls={
            "solver": Choice("solver", list(SOLVERS), "dopri5"),
            "tol": Slider("tolerance", 1e-7, 1e-1, 0.5, 1e-4, log=True, fmt=".0e"),
            "lam": Slider("λ", 1.0, 300.0, 0.25, 100.0, log=True, fmt=".3g"),
        },
        presets={
            "Not stiff": {"lam": 1.0, "tol": 1e-6},
            "RK4 blows up": {"solver": "Runge–Kutta 4", "lam": 100.0, "tol": 1e-4},
            "Stiff and loose": {"solver": "dopri5", "lam": 300.0, "tol": 1e-2},
            "Implicit": {"solver": "implicit Euler", "lam": 300.0, "tol": 1e-2},
        },
        ask="The tolerance becomes a hundred times looser. Which of the four gets cheaper, at "
        "λ = 1, and at λ = 300?",
        try_this="Find the λ from which a tolerance of 1e-2 instead of 1e-4 saves dopri5 less than "
        "a tenth of its evaluations. What does its verdict say there?",
        figsize=(10, 4.2),
    )
)
