"""The two pictures of notebook 12: two runs and the loss over their horizon; a cloud of runs.

Everything is Lorenz's system itself, no network: what is seen is a property of the data. States are
standardised as in the notebook.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from matplotlib.ticker import MaxNLocator

from course_lib import plotting
from course_lib.metrics import valid_prediction_time
from course_lib.sequences import flow, rollout
from course_lib.systems import lorenz
from course_lib.widgets.base import Choice, Explorer, Slider, register
from course_lib.widgets.canvas import FlowExplorer, Scene, register_canvas

__all__ = ["chaos_explorer", "cloud_explorer"]

CENTRE = torch.tensor([0.0, 0.0, 23.5], dtype=torch.float64)
SIZE = torch.tensor([7.9, 9.0, 8.6], dtype=torch.float64)
DT, T_END = 0.04, 40.0
LAMBDA = 0.9056  # Sprott 2003, Chaos and Time-Series Analysis
PLACE = {"left": 0.07, "right": 0.98, "bottom": 0.16, "top": 0.9, "wspace": 0.22}
SCALE = 3**0.5  # root mean square of the length of a standardised state
RHOS = torch.linspace(26.0, 30.0, 401, dtype=torch.float64)
LARGEST_K = 13
LONGEST = 250  # samples in the longest horizon, ten units of time
START = torch.tensor([-0.9, -0.2, 0.93], dtype=torch.float64)


def lorenz_step(x: torch.Tensor, rho=28.0, dt: float = DT) -> torch.Tensor:
    """Standardised states [n, 3], `dt` later; `rho` is a number or one for each row, [n].

    >>> lorenz_step(torch.zeros(1, 3).double()).shape
    torch.Size([1, 3])
    """
    func, gap = lorenz(rho=rho).func, torch.full((len(x), 1), dt, dtype=x.dtype)
    return flow(lambda s: func(0.0, CENTRE + SIZE * s) / SIZE, x, gap, steps=2)


@lru_cache(maxsize=1)
def _runs() -> torch.Tensor:
    """A run and one for each k that starts 10^−k away, [1001, 1 + LARGEST_K, 3]."""
    gaps = torch.zeros(1 + LARGEST_K, 3, dtype=torch.float64)
    gaps[1:, 0] = 10.0 ** -torch.arange(1, 1 + LARGEST_K, dtype=torch.float64)
    return rollout(lorenz_step, START + gaps, round(T_END / DT))


def twins(k: int) -> torch.Tensor:
    """Two runs [1001, 2, 3] that start 10^−k apart.

    >>> bool(torch.isclose(twins(3)[0].diff(dim=0).norm(), torch.tensor(1e-3).double()))
    True
    """
    return _runs()[:, [0, k]]


@lru_cache(maxsize=1)
def losses() -> torch.Tensor:
    """Mean square error over horizons of 1 … 250 samples, for each ρ: [250, 401].

    The data are one run with ρ = 28; each candidate starts where the data start.
    """
    runs = rollout(lambda x: lorenz_step(x, RHOS), START.expand(len(RHOS), 3), LONGEST)
    truth = runs[:, (RHOS - 28).abs().argmin()]
    error = (runs - truth[:, None]).square().mean(-1)[1:]
    return error.cumsum(0) / torch.arange(1, LONGEST + 1, dtype=error.dtype)[:, None]


def valleys(loss: torch.Tensor) -> int:
    """How many local minima a loss [m] on a grid has, ends not counted.

    >>> valleys(torch.tensor([3.0, 1.0, 2.0, 0.0, 4.0]))
    2
    """
    return int(((loss[1:-1] < loss[:-2]) & (loss[1:-1] < loss[2:])).sum())


def _draw(fig, k: int, horizon: float) -> str:
    """Left, x₁ of both runs; right, the loss over the horizon as ρ varies."""
    fig.set_layout_engine("none")  # to fit the axes anew at each step costs a third of the time
    left, right = fig.subplots(1, 2, width_ratios=[3, 2], gridspec_kw=PLACE)
    runs, n = twins(k), round(horizon / DT)
    t = DT * np.arange(len(runs))
    left.axvspan(0, horizon, color="0.9", lw=0)
    for run, style, kind in ((0, "-", "truth"), (1, "--", "model")):
        left.plot(t, runs[:, run, 0], style, color=plotting.COLORS[kind], lw=1.8)
    left.set(xlabel="time $t$", ylabel="$x_1$", xlim=(0, T_END), title="two runs")
    left.set(xticks=range(0, 41, 10), yticks=(-2, 0, 2))
    right.plot(RHOS, losses()[n - 1], "-", color=plotting.CYCLE[2], lw=2)
    right.set(xlabel=r"parameter $\rho$", ylabel="loss", ylim=(0, None), title="loss over horizon")
    right.set(xticks=range(26, 31))
    right.yaxis.set_major_locator(MaxNLocator(4))
    right.plot(28, 0, "o", color="black", ms=7, clip_on=False)
    parted = valid_prediction_time(runs[:, 1], runs[:, 0], DT, scale=SCALE).item()
    foreseen = math.log(0.4 * SCALE * 10**k) / LAMBDA
    count = valleys(losses()[n - 1])
    when = f"part at t = {parted:.1f}" if parted < T_END - DT / 2 else "don't part before t = 40"
    return (
        f"The runs {when}; (12.4) says {foreseen:.1f}. Over the shaded horizon the loss has "
        f"{count} valley{'s' if count > 1 else ''}; the truth (dot) lies in one."
    )


chaos_explorer = register(
    Explorer(
        "chaos_explorer",
        _draw,
        controls={
            "k": Slider("initial gap 10^-k, k", 1, LARGEST_K, 1, 4),
            "horizon": Choice(
                "training horizon, units of time", (0.04, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0), 1.0
            ),
        },
        presets={
            "A hair": {"k": 8, "horizon": 2.0},
            "An atom": {"k": 12, "horizon": 4.0},
            "Much too far": {"k": 4, "horizon": 10.0},
        },
        ask="A gap of 10⁻⁴ lasts a while. How much longer does one of 10⁻⁸ last: twice as long, "
        "or ten thousand times?",
        try_this="raise k by one and watch by how much the parting moves. Then lengthen the "
        "horizon: when is the right-hand valley no longer the only one?",
        figsize=(10, 4.5),
    )
)


GAPS = (1, 2, 4, 6)


@lru_cache(maxsize=1)
def _clouds() -> tuple[torch.Tensor, torch.Tensor]:
    """One run [701, 3], and for each of GAPS three hundred, a frame every 0.2: [4, 101, 300, 3].

    All in one go: it takes hardly longer than a single cloud.
    """
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(300, 3, generator=generator, dtype=torch.float64)
    ball = spread / spread.norm(dim=1, keepdim=True).clamp(min=1.0)
    starts = [START[None]] + [START + 10.0**-k * ball for k in GAPS]
    runs = rollout(lorenz_step, torch.cat(starts), 700)
    return runs[:, 0], runs[:501:5, 1:].unflatten(1, (len(GAPS), 300)).movedim(1, 0)


def _cloud(k: int) -> Scene:
    """Three hundred runs that start within 10^−k of one another, and the attractor behind them."""
    behind, clouds = _clouds()
    runs = clouds[GAPS.index(k)]
    grid = behind[:, ::2].expand(len(runs), 1, -1, 2)
    times = 5 * DT * np.arange(len(runs))
    widths = (runs - runs.mean(1, keepdim=True)).square().sum(-1).mean(1).sqrt()
    texts = [
        f"time {t:.1f}: the cloud's width is {w:.2g}, that of the whole attractor {SCALE:.1f}"
        for t, w in zip(times, widths.tolist(), strict=True)
    ]
    return Scene(times, runs[..., ::2], [1] * 300, grid, texts=texts)


cloud_explorer = register_canvas(
    FlowExplorer(
        "cloud_explorer",
        _cloud,
        xlim=(-2.7, 2.7),
        ylim=(-2.8, 2.9),
        controls={"k": Choice("initial gap 10^-k, k", GAPS, 2)},
        presets={
            "Together": {"t": 1.0},
            "Torn": {"t": 6.0},
            "Everywhere": {"t": 20.0},
        },
        labels=("x₁", "x₃"),
        ask="Three hundred forecasts from almost one state. When have they all become useless, and "
        "what do they still show together?",
        try_this="Drag the time. Where is the cloud torn in two? Then begin a hundred times "
        "nearer.",
    )
)
