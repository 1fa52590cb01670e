"""Calls of f against error: our dopri5, torchdiffeq's and SciPy's RK45, one pair of formulas.

    python -m benchmarks.work_precision

Six problems in float64 at rtol = atol = 1e-3 … 1e-10. Each is solved to three end times; NFE is the
mean over them, the error the root mean square of |y − y*| / |y*| at the ends, where y* comes from
SciPy's DOP853 at 1e-13. NFE at equal error: log NFE is interpolated along log error, at twenty
errors that both solvers reach below 1 %, and the ratios to SciPy are averaged geometrically.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torchdiffeq
from matplotlib import pyplot as plt
from scipy.integrate import solve_ivp

from benchmarks.harness import MORE, QUICK_ROUNDS, footer, run
from course_lib import plotting, solvers
from course_lib.systems import kepler, lorenz, lotka_volterra, van_der_pol

TOLERANCES = [10.0**-n for n in range(3, 11)]
ENDS = (0.8, 0.9, 1.0)  # of the time span
CONTENDERS = ("torchdiffeq", "course_lib", "SciPy RK45")
COARSEST, TARGET, GAP = 1e-2, 1.05, 1e-2
MU = 0.012277471  # mass of the moon, of earth and moon together (Hairer, Nørsett & Wanner I, II.0)


def arenstorf(t, y):
    """The closed orbit of a satellite between earth and moon, in their rotating frame."""
    q, p = y[:2], y[2:]
    to_earth, to_moon = q + q.new_tensor([MU, 0.0]), q - q.new_tensor([1 - MU, 0.0])
    pull = (1 - MU) * to_earth / to_earth.norm() ** 3 + MU * to_moon / to_moon.norm() ** 3
    return torch.cat([p, q + 2 * torch.stack([p[1], -p[0]]) - pull])


def problems() -> dict[str, tuple[Callable, list[float], float]]:
    """Name → (f, y0, end time)."""
    systems = {
        "Lotka–Volterra": (lotka_volterra(), None),
        "Van der Pol, μ = 1": (van_der_pol(1.0), None),
        "Van der Pol, μ = 10": (van_der_pol(10.0), None),
        "Lorenz": (lorenz(), 5.0),  # later the errors say more about chaos than about solvers
        "Kepler, e = 0.5": (kepler(0.5), None),
    }
    found = {
        name: (system.func, system.y0.tolist(), end or system.t_span[1])
        for name, (system, end) in systems.items()
    }
    start = [0.994, 0.0, 0.0, -2.00158510637908252240537862224]
    return found | {"Arenstorf": (arenstorf, start, 17.0652165601579625588917206249)}


def scipy_solve(func, y0: torch.Tensor, end: float, method: str, tolerance: float) -> torch.Tensor:
    """y(end) by SciPy; `func` takes and returns tensors."""

    def on_vector(t, y):
        return func(t, torch.from_numpy(y)).numpy()

    found = solve_ivp(on_vector, (0, end), y0.numpy(), method, rtol=tolerance, atol=tolerance)
    return torch.from_numpy(found.y[:, -1])


def solve(name: str, func, y0: torch.Tensor, end: float, tolerance: float) -> torch.Tensor:
    """y(end) by one contender."""
    if name == "SciPy RK45":
        return scipy_solve(func, y0, end, "RK45", tolerance)
    odeint = solvers.odeint if name == "course_lib" else torchdiffeq.odeint
    t = torch.tensor([0.0, end], dtype=torch.float64)
    return odeint(func, y0, t, rtol=tolerance, atol=tolerance, method="dopri5")[-1]


def measure(func, y0: torch.Tensor, ends: list[float], exact: list[torch.Tensor], name: str,
            tolerance: float) -> tuple[float, float]:  # fmt: skip
    """(mean NFE, error) of one contender at one tolerance."""
    calls, errors = 0, []

    def counted(t, y):
        nonlocal calls
        calls += 1
        return func(t, y)

    for end, want in zip(ends, exact, strict=True):
        found = solve(name, counted, y0, end, tolerance)
        errors.append(float((found - want).norm() / want.norm()))
    return calls / len(ends), math.sqrt(sum(error**2 for error in errors) / len(errors))


def rows(rounds: int) -> list[dict]:
    """One row for each problem and contender: lists over the tolerances."""
    tolerances = TOLERANCES[:4] if rounds == QUICK_ROUNDS else TOLERANCES
    torch.set_grad_enabled(False)
    found = []
    for problem, (func, start, end) in problems().items():
        y0 = torch.tensor(start, dtype=torch.float64)
        ends = [end * part for part in ENDS]
        exact = [scipy_solve(func, y0, end, "DOP853", 1e-13) for end in ends]
        for name in CONTENDERS:
            pairs = [measure(func, y0, ends, exact, name, tol) for tol in tolerances]
            nfe, errors = zip(*pairs, strict=True)
            row = {"problem": problem, "contender": name, "tolerances": tolerances}
            row |= {
                "nfe": [round(n, 1) for n in nfe],
                "errors": [float(f"{e:.3g}") for e in errors],
            }
            found.append(row)
            print(f"{problem}, {name}: NFE {row['nfe']}, errors {row['errors']}", flush=True)
            assert min(errors) < GAP, f"{problem}: {name} never comes near the solution"
    return found


def ratio_at_equal_error(row: dict, other: dict) -> float:
    """NFE of `row` over NFE of `other`, the geometric mean over errors that both reach."""
    curves = []
    for one in (row, other):
        logs = np.log([one["errors"], one["nfe"]])
        curves.append(logs[:, np.argsort(logs[0])])
    low = max(errors[0] for errors, _ in curves)
    high = min(math.log(COARSEST), *(errors[-1] for errors, _ in curves))
    errors = np.linspace(low, high, 20)
    ours, theirs = (np.interp(errors, *curve) for curve in curves)
    return float(np.exp((ours - theirs).mean()))


def by_problem(record: dict) -> dict[str, dict[str, dict]]:
    """Problem → contender → row."""
    found: dict[str, dict[str, dict]] = {}
    for row in record["rows"]:
        found.setdefault(row["problem"], {})[row["contender"]] = row
    return found


def table(record: dict) -> str:
    """The measurements as a Markdown page."""
    lines = [
        "# Calls of f at equal error",
        "",
        "NFE that a solver needs for the same error as SciPy's RK45, as a multiple of SciPy's (the",
        f"geometric mean over errors below {COARSEST:.0%}; rtol = atol = 1e-3 … 1e-10, float64).",
        "Made by `python -m benchmarks.work_precision`.",
        "",
        f"| problem | course_lib (target ≤ {TARGET:g}) | torchdiffeq |",
        "|---|---|---|",
    ]
    for problem, found in by_problem(record).items():
        ours, peer = (
            ratio_at_equal_error(found[name], found["SciPy RK45"])
            for name in ("course_lib", "torchdiffeq")
        )
        met = "met" if ours <= TARGET else "missed"
        lines.append(f"| {problem} | {ours:.3f}, {met} | {peer:.3f} |")
    lines += ["", MORE, "", "![NFE and error](work_precision.png)"]
    for problem, found in by_problem(record).items():
        lines += ["", f"{problem}: NFE and error", "", "| tolerance | " + " | ".join(found) + " |"]
        lines.append("|---|" + "---|" * len(found))
        for i, tolerance in enumerate(found["course_lib"]["tolerances"]):
            cells = [f"{row['nfe'][i]:.0f}, {row['errors'][i]:.1e}" for row in found.values()]
            lines.append(f"| {tolerance:.0e} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", footer(record)]) + "\n"


def plot(record: dict) -> plt.Figure:
    """Error against NFE, one panel for each problem; SciPy's under ours, for they coincide."""
    fig, axes = plt.subplots(2, 3, figsize=(13, 8), sharey=True)
    for ax, (problem, found) in zip(axes.flat, by_problem(record).items(), strict=True):
        found = {name: found[name] for name in reversed(CONTENDERS)}
        nfe = {name: row["nfe"] for name, row in found.items()}
        errors = {name: row["errors"] for name, row in found.items()}
        first_column = ax in axes[:, 0]
        labels = "evaluations of $f$" if ax in axes[1] else "", "error" if first_column else ""
        plotting.work_precision(nfe, errors, ax, *labels)
        ax.set_title(problem)
        ax.get_legend().remove()
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


if __name__ == "__main__":
    run("work_precision", 1, rows, table, plot)
