"""The latent explorer of notebook 13: sparsity and noise against what a posterior makes of them.

The explorer's model is trained by experiments/latent_explorer.py; see there what it has met.
"""

from functools import cache

import torch

from course_lib import plotting
from course_lib.metrics import rmse
from course_lib.results import load_weights
from course_lib.sequences.bound import reparametrise
from course_lib.sequences.latent import LatentODE
from course_lib.sequences.spirals import TURN, Spirals, draw_spirals
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["latent_explorer"]

SIZES = tuple(range(5, 101, 5))
NOISE = (0.05, 0.3)
SAMPLES = 16


@cache
def load_model() -> LatentODE:
    """The explorer's model."""
    model = LatentODE().float()
    model.load_state_dict(load_weights("latent_explorer"))
    return model.requires_grad_(False)


@cache
def _scene(kind: str) -> tuple[Spirals, torch.Tensor, torch.Tensor]:
    """One curve [1, …] that no training has seen, standard noise for it, an order of its points."""
    g = torch.Generator().manual_seed(11)
    curves = draw_spirals(2, g, noise=0.0, turns=(0.6, 2.8), until=2 * TURN)
    noise, order = torch.randn(curves.x.shape, generator=g), torch.randperm(100, generator=g)
    index = [0 if kind == "outward" else 1]
    return curves.where(index), noise[index].float(), order


def observed(kind: str, m: int, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The m observations, times [1, m] and positions [1, m, 2]; fewer are a part of more."""
    curve, standard, order = _scene(kind)
    chosen = order[:m].sort().values
    return curve.t[:, chosen].float(), (curve.x.float() + noise * standard)[:, chosen]


def _draw(fig, m: int, noise: float, kind: str) -> str:
    """Left the plane, right one coordinate over time: truth, observations, posterior samples."""
    model, (curve, _, _) = load_model(), _scene(kind)
    t, x = observed(kind, m, noise)
    times = torch.linspace(0, 2 * TURN, 73)
    mean, log_var = model.encode(t, x)
    g = torch.Generator().manual_seed(3)
    z0 = reparametrise(mean.expand(SAMPLES, -1), log_var.expand(SAMPLES, -1), g)
    paths = model.decode(torch.cat([mean, z0]), times)
    best, paths = paths[0], paths[1:]
    truth = curve.positions(times)[0].float()
    # Axes at fixed places, few ticks, all samples as one line: half the time of an update.
    fig.set_layout_engine("none")
    left, right = fig.add_axes((0.07, 0.17, 0.36, 0.71)), fig.add_axes((0.53, 0.17, 0.45, 0.71))
    gap = torch.full((SAMPLES, 1, 2), torch.nan)
    x1, x2 = torch.cat([paths, gap], dim=1).reshape(-1, 2).T
    at = torch.cat([times, times[:1]]).repeat(SAMPLES)
    model_line = {"color": plotting.COLORS["model"], "lw": 0.8, "alpha": 0.5}
    truth_line = {"color": plotting.COLORS["truth"], "ls": "--", "lw": 2}
    left.plot(x1, x2, **model_line)
    right.plot(at, x1, label="samples", **model_line)
    left.plot(*truth.T, **truth_line)
    right.plot(times, truth[:, 0], label="truth", **truth_line)
    left.plot(*x[0].T, "o", color="black", ms=5, mfc="none")
    right.plot(t[0], x[0, :, 0], "o", color="black", ms=5, mfc="none", label="observed")
    right.axvline(TURN, color=plotting.COLORS["muted"], lw=1.5, ls=":")
    left.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    right.set(xlim=(0, 2 * TURN), ylim=(-2.2, 2.2), xlabel="time $t$", ylabel="$x_1$")
    left.set(xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    right.set(yticks=[-2, 0, 2])
    right.set_xticks([0, TURN, 2 * TURN], ["0", "one turn", "two"])
    close = {"borderaxespad": 0.2, "columnspacing": 1.0, "handlelength": 1.2, "handletextpad": 0.5}
    right.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, **close)
    after = times > TURN
    spread = paths.std(0).square().mean(-1).sqrt()
    return (
        f"Error of the mean path: {rmse(best[~after], truth[~after]):.2f} while observed, "
        f"{rmse(best[after], truth[after]):.2f} after. Spread of the samples: "
        f"{spread[~after].mean():.2f} and {spread[after].mean():.2f}."
    )


latent_explorer = register(
    Explorer(
        "latent_explorer",
        _draw,
        controls={
            "m": Slider("observations", SIZES[0], SIZES[-1], 5, 30),
            "noise": Slider("noise", *NOISE, 0.01, 0.08, fmt=".2f"),
            "kind": Choice("spiral", ["outward", "inward"], "outward"),
        },
        presets={
            "Plenty": {"m": 100, "noise": 0.05},
            "Five glimpses": {"m": 5},
            "Loud": {"noise": 0.3},
            "Five, loud": {"m": 5, "noise": 0.3},
        },
        ask="Five noisy points on one turn. Would you dare to draw the next turn?",
        try_this="take observations away, then make them noisy. Which of the two fans the samples "
        "out, and which only shifts all of them alike? Do they still enclose the truth?",
        figsize=(10, 4),
    )
)
