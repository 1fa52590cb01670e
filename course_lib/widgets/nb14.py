"""The recovery explorer of notebook 14: noise, number of samples, threshold → recovered equations.

The networks were trained beforehand by experiments/ude.py; stored are the noisy samples and what
the networks say there (12 kB in data/weights). Least squares and the solve are done anew.
"""

from functools import cache

import numpy as np
import torch

from course_lib import plotting
from course_lib.results import load_weights
from course_lib.solvers import odeint
from course_lib.sparse import equation, monomial_names, monomials, stlsq
from course_lib.systems import lotka_volterra
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["recovery_explorer"]

NOISES = ("0%", "1%", "2%", "5%", "10%")
SAMPLES = (61, 31, 16)
SYSTEM = lotka_volterra(alpha=1.3, beta=0.9, gamma=1.8, delta=0.8)
KNOWN = torch.tensor([1.3, -1.8], dtype=torch.float64)
START = torch.tensor([0.44249296, 4.6280594], dtype=torch.float64)
T_END, SEEN = 12.0, 6.0
FAR = 1e3  # states beyond are not followed
PLACES = {"left": 0.1, "right": 0.98, "bottom": 0.17, "top": 0.97, "wspace": 0.2}


@cache
def stored(noise: str, samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The noisy samples [samples, 2], and the trained network's values there."""
    found = load_weights("recovery_explorer", experiment="ude")
    data, values = found[f"{float(noise.rstrip('%')) / 100}|{samples}"].double()
    return data, values


@cache
def truth() -> tuple[torch.Tensor, torch.Tensor]:
    """Times [121] and exact states [121, 2]."""
    t = torch.linspace(0, T_END, 121, dtype=torch.float64)
    return t, odeint(SYSTEM.func, START, t, rtol=1e-9, atol=1e-9)


def recovered(noise: str, samples: int, threshold: float) -> torch.Tensor:
    """Coefficients [6, 2] by thresholded least squares on the network's values."""
    data, values = stored(noise, samples)
    return stlsq(monomials(data, 2), values, threshold)


def follow(coefs: torch.Tensor) -> np.ndarray:
    """States [≤ 121, 2] of the recovered equations; fewer, if they leave all bounds.

    RK4 in plain floats: with two numbers a state, tensors would cost a third of an update.

    >>> exact = torch.zeros(6, 2)
    >>> exact[4] = torch.tensor([-0.9, 0.8])
    >>> follow(exact).shape
    (121, 2)
    """
    (a, b), step = coefs.T.tolist(), T_END / 120
    alpha, minus_delta = KNOWN.tolist()

    def slope(x, y):
        terms = (1.0, x, y, x * x, x * y, y * y)
        unknown = [sum(c * term for c, term in zip(row, terms, strict=True)) for row in (a, b)]
        return alpha * x + unknown[0], minus_delta * y + unknown[1]

    x, y = START.tolist()
    states = [(x, y)]
    while len(states) < 121:
        k1, l1 = slope(x, y)
        k2, l2 = slope(x + step / 2 * k1, y + step / 2 * l1)
        k3, l3 = slope(x + step / 2 * k2, y + step / 2 * l2)
        k4, l4 = slope(x + step * k3, y + step * l3)
        x += step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        y += step / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
        if not (abs(x) < FAR and abs(y) < FAR):
            break
        states.append((x, y))
    return np.array(states)


def _draw(fig, noise: str, samples: int, threshold: float) -> str:
    """Sizes of the coefficients on the threshold's scale; bunnies, measured and predicted."""
    fig.set_layout_engine("none")  # to fit the axes anew at each step costs a third of the time
    left, right = fig.subplots(1, 2, width_ratios=(3, 4), gridspec_kw=PLACES)
    data, values = stored(noise, samples)
    before = torch.linalg.lstsq(monomials(data, 2), values).solution
    coefs, names, place = recovered(noise, samples, threshold), monomial_names(2), np.arange(6)
    for j, (marker, color) in enumerate([("o", 0), ("s", 1)]):
        style = {"marker": marker, "ls": "", "color": plotting.CYCLE[color], "ms": 8}
        at = place + 0.2 * j - 0.1
        left.plot(at, before[:, j].abs().clamp(min=1e-3).log10(), mfc="none", **style)
        kept = coefs[:, j] != 0
        label = ("bunnies", "foxes")[j]
        left.plot(at[kept], coefs[kept, j].abs().log10(), label=label, **style)
    left.axhline(np.log10(threshold), color=plotting.COLORS["muted"], ls="--", lw=1.5)
    # Decades on a linear axis: matplotlib's logarithmic one takes a third of the drawing time.
    left.legend(loc="lower center", ncols=2, fontsize="small", handletextpad=0.1)
    left.set(ylim=(-3.9, 0.4), xlabel="term", ylabel="size of coefficient")
    left.set_xticks(place, names)
    left.set_yticks([-3, -2, -1, 0], ["0.001", "0.01", "0.1", "1"])
    t, exact = truth()
    path = follow(coefs)
    right.axvspan(0, SEEN, color="0.93", zorder=0)
    right.plot(t, exact[:, 0], color=plotting.COLORS["truth"], label="truth")
    right.plot(t[: len(path)], path[:, 0], "--", color=plotting.COLORS["model"], label="recovered")
    right.plot(np.linspace(0, SEEN, samples), data[:, 0], "ko", ms=4, mfc="none", label="samples")
    right.set(xlabel="time $t$", ylabel="bunnies $x$", xlim=(0, T_END), ylim=(-1, 13))
    right.set_xticks([0, 6, 12])
    right.set_yticks([0, 5, 10])
    close = {"columnspacing": 0.8, "handlelength": 1.2, "handletextpad": 0.4}
    right.legend(loc="upper right", fontsize="small", ncols=3, **close)
    first, second = (equation(coefs[:, j], names) for j in range(2))
    right_terms = bool(((coefs != 0) == (place == 4)[:, None]).all())
    verdict = "the right terms" if right_terms else "not the right terms"
    return f"Bunnies: {first}. Foxes: {second}. These are {verdict}."


recovery_explorer = register(
    Explorer(
        "recovery_explorer",
        _draw,
        controls={
            "noise": Choice("noise", NOISES, "1%"),
            "samples": Choice("samples", SAMPLES, 61),
            "threshold": Slider("threshold λ", 0.01, 1.0, 0.1, 0.1, log=True, fmt=".2f"),
        },
        presets={
            "More noise, lower bar": {"noise": "10%", "threshold": 10**-1.5},
            "Fewer samples": {"noise": "5%", "samples": 31},
            "Fewer samples, higher bar": {"noise": "5%", "samples": 31, "threshold": 10**-0.4},
            "Bar too high": {"threshold": 1.0},
        },
        ask="The true coefficients are 0.9 and 0.8. Which thresholds can possibly be right?",
        try_this="lower and raise the threshold: between which values are exactly the right two "
        "terms left? How do noise, and fewer samples, change that window?",
        figsize=(10, 4),
    )
)
