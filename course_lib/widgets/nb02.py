"""The explorer of notebook 02, and the two pictures that its text needs: a graph and a valley."""

from functools import cache

import torch
from matplotlib.patches import Circle

from course_lib import optimisers
from course_lib.datasets import iris
from course_lib.plotting import COLORS, CYCLE, LINESTYLES, MARKERS, SEQUENTIAL, legend
from course_lib.widgets.base import Choice, Explorer, Slider, register

STEPS = 60


def petals() -> tuple[torch.Tensor, torch.Tensor]:
    """Petals of the 67 training flowers that are versicolor (0) or virginica (1), in cm.

    Returns:
        `(x, y)`: length and width [67, 2], label [67], both in torch's default dtype.

    >>> x, y = petals()
    >>> x.shape, int(y.sum())
    (torch.Size([67, 2]), 33)
    """
    data = iris(columns=(2, 3))
    rows = data.y_train > 0
    return data.x_train[rows], (data.y_train[rows] - 1).to(data.x_train.dtype)


def petal_valley(inputs: str = "centred") -> optimisers.Quadratic:
    """The squared error of a neuron without φ and b that is to say ±1 for the two species.

    Args:
        inputs: `"raw"` petals in cm, `"centred"` to mean 0, or `"standardised"` to deviation 1 too.

    >>> [round(petal_valley(inputs).condition) for inputs in ("raw", "centred", "standardised")]
    [530, 19, 11]
    """
    return _valley(inputs, torch.get_default_dtype())


@cache
def _valley(inputs: str, dtype) -> optimisers.Quadratic:
    x, y = petals()
    if inputs not in ("raw", "centred", "standardised"):
        raise ValueError(f"inputs must be raw, centred or standardised, got {inputs!r}")
    if inputs != "raw":
        x = x - x.mean(0)
    if inputs == "standardised":
        x = x / x.std(0)
    return optimisers.least_squares(x, 2 * y - 1)


def draw_valley(valley: optimisers.Quadratic, xlim, ylim, ax) -> None:
    """Level lines of a loss of two weights, four times apart from each other, and its minimum."""
    w1, w2 = torch.meshgrid(torch.linspace(*xlim, 161), torch.linspace(*ylim, 121), indexing="xy")
    excess = valley.loss(torch.stack([w1, w2], -1)) - valley.floor
    levels = excess.max().item() * 4.0 ** torch.arange(-7, 1)
    ax.contour(w1, w2, excess, levels=levels.tolist(), colors="0.75", linewidths=1.2)
    ax.plot(*valley.minimum, marker="*", ms=14, ls="none", color=COLORS["data"], zorder=6)
    ax.set(xlim=xlim, ylim=ylim, xlabel="$w_1$", ylabel="$w_2$")


def draw_paths(valley: optimisers.Quadratic, paths: dict, xlim, ylim, ax) -> None:
    """Walks over a valley, each with a colour and a marker of its own.

    Args:
        paths: name → points [steps + 1, 2]; what leaves the window is not drawn.
    """
    draw_valley(valley, xlim, ylim, ax)
    for i, (name, path) in enumerate(paths.items()):
        style = {"color": CYCLE[i], "ls": LINESTYLES[i], "marker": MARKERS[i], "ms": 5, "lw": 1.8}
        ax.plot(*path.detach().T, label=name, **style)
    start = next(iter(paths.values()))[0]
    ax.plot(*start, "o", ms=10, color="white", mec=COLORS["data"], mew=2, zorder=7)


def draw_graph(places: dict, edges: dict, values: dict, gradients: dict, ax) -> None:
    """A computation as a graph: in each circle a name, above it its value, below its derivative.

    Args:
        places: name → (x, y), the centre of its circle; names are set as mathematics.
        edges: (from, to) → text of the local derivative, written on the edge.
        values: name → number, in blue; forward.
        gradients: name → number, in orange; backward. A name may be missing in either.
    """
    radius = 0.24
    for (start, end), text in edges.items():
        a, b = (torch.tensor(places[name]) for name in (start, end))
        away = (b - a) / (b - a).norm() * radius
        ax.annotate(
            "", b - away, a + away, arrowprops={"arrowstyle": "-|>", "color": "0.45", "lw": 1.6}
        )
        x, y = (a + 0.5 * (b - a)).tolist()
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        ax.text(x, y, text, ha="center", va="center", fontsize=12, color="0.25", bbox=box)
    for name, (x, y) in places.items():
        ax.add_patch(Circle((x, y), radius, facecolor="white", edgecolor="0.2", lw=1.8, zorder=3))
        ax.text(x, y, f"${name}$", ha="center", va="center", zorder=4)
        small = {"ha": "center", "fontsize": 13, "fontweight": "bold", "zorder": 4}
        if name in values:
            number = f"{values[name]:.3f}"
            ax.text(x, y + 1.2 * radius, number, va="bottom", color=CYCLE[0], **small)
        if name in gradients:
            number = f"{gradients[name]:+.3f}".replace("-", "−")
            ax.text(x, y - 1.3 * radius, number, va="top", color=CYCLE[1], **small)
    xs, ys = zip(*places.values(), strict=True)
    ax.set(xlim=(min(xs) - 0.5, max(xs) + 0.5), ylim=(min(ys) - 0.65, max(ys) + 0.6))
    ax.set_aspect("equal")
    ax.axis("off")


def _draw(fig, rate: float, beta: float, inputs: str) -> str:
    valley = petal_valley(inputs)
    start = valley.minimum + torch.tensor(_STARTS[inputs]).to(valley.minimum)
    path = optimisers.heavy_ball(valley.gradient, start, rate, STEPS, beta)
    excess = valley.loss(path) - valley.floor
    steepest = valley.curvatures[-1].item()
    limit = optimisers.stability_limit(steepest, beta)

    left, right = fig.subplots(1, 2, width_ratios=[1.25, 1])
    wide, high = _WINDOWS[inputs]
    (x, y) = valley.minimum.tolist()
    shown = path[: max(int((excess < 100 * excess[0]).cumprod(0).sum()), 2)]
    draw_paths(valley, {"": shown}, (x - wide, x + wide), (y - high, y + high), left)
    left.set_title(f"{STEPS} steps, petals {inputs}", fontsize="small")

    betas = torch.linspace(0, 0.99, 100)
    limits = 2 * (1 + betas) / steepest
    right.fill_between(betas, RATES[0], limits, color=SEQUENTIAL(0.75), alpha=0.3, lw=0)
    right.plot(betas, limits, color=CYCLE[2], label=r"limit $2(1+\beta)/\lambda_{max}$")
    stable = rate < limit
    right.plot(
        beta, rate, "o" if stable else "X", ms=12, ls="none", color=COLORS["model"], zorder=5
    )
    right.set(xlim=(-0.06, 1), ylim=RATES, yscale="log", xlabel=r"momentum $\beta$")
    right.minorticks_off()
    right.set_ylabel(r"learning rate $\eta$")
    for text, factor in (("diverges", 1.8), ("converges", 0.5)):
        place = {"ha": "right", "va": "center", "color": "0.25", "fontsize": "small"}
        right.text(0.95, limits[-1].item() * factor, text, **place)
    legend(right, "above")
    verdict = "converges" if stable else "diverges"
    return (
        f"The limit is {limit:.3g}: it {verdict}. After {STEPS} steps the loss above the minimum "
        f"is {excess[-1] / excess[0]:.2g} times what it was."
    )


RATES = (0.003, 5.0)
_STARTS = {"raw": (0.25, -0.9), "centred": (-1.4, 1.1), "standardised": (-1.6, 0.9)}
_WINDOWS = {"raw": (0.6, 1.3), "centred": (2.2, 2.2), "standardised": (2.2, 2.2)}

learning_rate_explorer = register(
    Explorer(
        "learning_rate_explorer",
        _draw,
        {
            "rate": Slider("learning rate η", *RATES, 0.02, 1.0, log=True),
            "beta": Slider("momentum β", 0.0, 0.98, 0.02, 0.0, fmt=".2f"),
            "inputs": Choice("petals", ["raw", "centred", "standardised"], "centred"),
        },
        presets={
            "Creeps": {"rate": 0.05},
            "Swings": {"rate": 1.05},
            "Diverges": {"rate": 1.2},
            "Momentum": {"rate": 0.4, "beta": 0.6},
            "Raw petals": {"rate": 0.03, "beta": 0.9, "inputs": "raw"},
        },
        ask="More momentum: does it make a large learning rate safer, or more dangerous?",
        try_this="find the η at which the path begins to grow, and compare it with the line; then "
        "raise β at the same η; then the fewest swings on raw petals.",
        figsize=(10, 4.5),
    )
)
