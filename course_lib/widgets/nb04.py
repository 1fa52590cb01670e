"""The explorer of notebook 04: a method's solutions beside the exact ones, and its stability limit.

Several starts are drawn at once, one of them boldly, so that the initial value needs no control of
its own: what happens to *neighbouring* solutions is the point. What is slow (exact solutions,
eigenvalues) is computed once for each problem.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from course_lib import plotting
from course_lib.solvers import SolverError, odeint, stability_function
from course_lib.systems import (
    System,
    exponential,
    harmonic,
    logistic,
    lotka_volterra,
    stiff_linear,
    van_der_pol,
)
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["largest_stable_step", "slope_field_explorer"]

METHODS = {
    "Euler": "euler",
    "midpoint": "midpoint",
    "Runge–Kutta 4": "rk4",
    "implicit Euler": "implicit_euler",
}


@dataclass(frozen=True)
class _Problem:
    system: System
    t_end: float
    starts: list
    rest: list | None  # where λ is taken if one state decides; None: λ changes along the way


PROBLEMS = {
    "bunnies": _Problem(exponential(0.5), 5.0, [[10.0], [2.0], [5.0], [20.0], [40.0]], [0.0]),
    "bunnies, little grass": _Problem(
        logistic(2.0, 100.0), 6.0, [[10.0], [2.0], [30.0], [120.0], [145.0]], [100.0]
    ),
    "stiff: λ = −50": _Problem(stiff_linear(-50.0), 1.5, [[0.0], [0.6], [1.9]], [0.0]),
    "oscillator": _Problem(harmonic(1.0), 9.0, [[0.8, 0.0], [0.4, 0.0], [1.2, 0.0]], [0.0, 0.0]),
    "Van der Pol": _Problem(van_der_pol(2.0), 9.0, [[0.3, 0.0], [-2.5, 3.0], [2.5, -4.0]], None),
    "bunnies and foxes": _Problem(
        lotka_volterra(), 9.0, [[10.0, 5.0], [20.0, 5.0], [15.0, 9.0]], None
    ),
}


@lru_cache
def _truth(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Times `[n]` and exact (or to the eye exact) solutions `[n, starts, d]`."""
    problem = PROBLEMS[name]
    y0 = torch.tensor(problem.starts, dtype=torch.double)
    t = torch.linspace(0, problem.t_end, 401, dtype=torch.double)
    if problem.system.exact is not None:
        return t, problem.system.exact(t, y0)
    return t, odeint(problem.system.func, y0, t, rtol=1e-5, atol=1e-5)


@lru_cache
def _eigenvalues(name: str) -> np.ndarray:
    """Eigenvalues λ of the Jacobian at the state of rest, or along the first solution."""
    problem = PROBLEMS[name]
    if problem.rest is not None:
        states = torch.tensor([problem.rest], dtype=torch.double)
    else:
        states = _truth(name)[1][::10, 0]
    t = torch.zeros((), dtype=torch.double)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda y: problem.system.func(t, y)))(states)
    return torch.linalg.eigvals(jacobian).numpy().ravel()


@lru_cache
def largest_stable_step(problem: str, method: str) -> float | None:
    """The largest h up to which every decaying or undamped mode stays bounded, |R(λh)| ≤ 1.

    Args:
        problem: a name in `PROBLEMS`.
        method: a value in `METHODS`.

    Returns:
        The step (0 if there is none, infinity if there is no limit up to h = 100); None if the
        problem's λ change along the way, or if all its modes grow, so that no step limits them.

    >>> round(largest_stable_step("stiff: λ = −50", "euler"), 4)
    0.04
    >>> largest_stable_step("oscillator", "euler")
    0.0
    """
    values = _eigenvalues(problem)
    values = values[(values.real <= 1e-12) & (np.abs(values) > 1e-12)]
    if PROBLEMS[problem].rest is None or not len(values):
        return None

    def stable(h: float) -> bool:
        return bool((np.abs(stability_function(method, values * h)) <= 1 + 1e-12).all())

    low, high = 0.0, None
    for h in np.geomspace(0.01, 100.0, 401):
        if not stable(h):
            high = float(h)
            break
        low = float(h)
    if high is None:
        return float("inf")
    if low == 0.0:
        return 0.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


@lru_cache(maxsize=64)
def _computed(name: str, method: str, h: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Times and states of the fixed-step run, up to where it fails, if it does."""
    problem = PROBLEMS[name]
    y0 = torch.tensor(problem.starts, dtype=torch.double)
    n = math.ceil(problem.t_end / h - 1e-9)  # the last step is shortened to end at t_end
    t = torch.tensor([i * h for i in range(n)] + [problem.t_end], dtype=torch.double)
    try:
        return t, odeint(problem.system.func, y0, t, method=method, options={"step_size": h})
    except SolverError as error:
        return error.times, error.solution


def _draw(fig, problem: str, method: str, h: float) -> str:
    """Solutions on the left, stability region with λh on the right; returns the verdict."""
    chosen, system = PROBLEMS[problem], PROBLEMS[problem].system
    # Places by hand: to look for them takes longer than to draw.
    place = {"left": 0.0825, "right": 0.996, "bottom": 0.1515, "top": 0.898, "wspace": 0.1905}
    left, right = fig.subplots(1, 2, width_ratios=[3, 2], gridspec_kw=place)
    times, exact = _truth(problem)
    t, y = _computed(problem, method, h)
    if system.dim == 1:
        plotting.slope_field(system.func, (0, chosen.t_end), system.ylim, ax=left)
        paths = [((times, exact[:, i, 0]), (t, y[:, i, 0])) for i in range(len(chosen.starts))]
        left.set(ylabel=system.labels[0])
    else:
        plotting.vector_field(system.func, system.xlim, system.ylim, ax=left, density=17)
        paths = [(exact[:, i].T, y[:, i].T) for i in range(len(chosen.starts))]
        left.set(xlabel=system.labels[0], ylabel=system.labels[1])
    for i, (true_path, path) in enumerate(paths):
        left.plot(*true_path, "-", color=plotting.COLORS["truth"], lw=1 if i else 2.5)
        strong = {"lw": 0.8, "ms": 4, "alpha": 0.6} if i else {"lw": 2, "ms": 8}
        left.plot(*path, ".--", color=plotting.COLORS["model"], **strong)
    left.plot([], [], "-", color=plotting.COLORS["truth"], label="exact")
    left.plot([], [], ".--", color=plotting.COLORS["model"], label="computed")
    plotting.legend(left, "above")

    plotting.stability_region(lambda z: stability_function(method, z), ax=right, density=201)
    points = _eigenvalues(problem) * h
    right.plot(
        points.real.clip(-5, 3), points.imag.clip(-4, 4), "o", color="black", ms=7, clip_on=False
    )
    right.set_title(r"$|R(\lambda h)| \leq 1$, and $\lambda h$", fontsize="medium")
    fig.set_layout_engine("none")
    return _verdict(problem, method, h)


def _verdict(problem: str, method: str, h: float) -> str:
    """On which side of the limit h is; not the limit itself, for the reader is to find it."""
    limit = largest_stable_step(problem, method)
    if limit is None:
        if PROBLEMS[problem].rest is None:
            return "λ changes along the way, so there is no single limit for h."
        return "This mode grows, as it should: no limit for h."
    if limit == float("inf"):
        return "Stable for every h."
    return f"This h is {'within' if h <= limit else 'beyond'} the limit of stability."


slope_field_explorer = register(
    Explorer(
        "slope_field_explorer",
        _draw,
        controls={
            "problem": Choice("problem", list(PROBLEMS), "stiff: λ = −50"),
            "method": Choice("method", METHODS, "euler"),
            "h": Slider("step size h", 0.03, 2.0, 0.02, 10**-1.42, log=True, fmt=".3g"),
        },
        presets={
            "Just too long": {"h": 10**-1.38},
            "Implicit, ten times the step": {"method": "implicit_euler", "h": 10**-0.38},
            "Too many bunnies": {"problem": "bunnies, little grass", "h": 1.2},
            "Round and out": {"problem": "oscillator", "h": 0.2},
            "Do the foxes survive?": {"problem": "bunnies and foxes", "h": 0.2},
        },
        ask="The exact solutions are smooth here. Where will Euler be after thirty steps?",
        try_this="For each method, find the largest h that keeps the computed points (orange) on "
        "the exact curves (blue), and watch where λh lies when you pass it.",
        figsize=(10, 4.5),
    )
)
