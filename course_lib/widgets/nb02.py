"""The explorer of notebook 02, and the pictures of its text: losses, a graph, walks in a valley."""

from functools import cache

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Circle

from course_lib import optimisers, plotting
from course_lib.datasets import iris
from course_lib.plotting import COLORS, CYCLE, LINESTYLES, MARKERS, SEQUENTIAL, legend
from course_lib.widgets.base import Choice, Explorer, Slider, register

STEPS = 60


def petals(unseen: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Petals of the 67 training flowers that are versicolor (0) or virginica (1), in cm.

    Args:
        unseen: the 33 flowers put aside instead.

    Returns:
        `(x, y)`: length and width [67, 2], label [67], both in torch's default dtype.

    >>> x, y = petals()
    >>> x.shape, int(y.sum())
    (torch.Size([67, 2]), 34)
    """
    data = iris(columns=(2, 3))
    x, y = (data.x_test, data.y_test) if unseen else (data.x_train, data.y_train)
    return x[y > 0], (y[y > 0] - 1).to(x.dtype)


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


def draw_losses(offset, losses: dict, here: float):
    """The loss while one weight is moved: a curve for each weight, and a dot where we are.

    Args:
        offset: changes of the weight [n].
        losses: name of the weight, such as `"w11"` → loss [n].
        here: the loss where nothing is changed.

    Returns:
        The axes.
    """
    ax = plt.subplots()[1]
    for i, (name, loss) in enumerate(losses.items()):
        label = f"${name[0]}_{{{name[1:]}}}$"
        ax.plot(offset, loss, color=CYCLE[i], ls=LINESTYLES[i], label=label)
    ax.plot(0, here, "o", ms=9, color=COLORS["data"], zorder=5)
    ax.set(xlabel="change of one weight", ylabel=r"loss $\mathcal{L}$")
    legend(ax)
    return ax


def draw_difference_errors(h, errors: dict):
    """Errors of finite differences against the step, with triangles for both slopes and −1.

    Args:
        h: steps [n].
        errors: name of the difference → error [n].

    Returns:
        The axes.
    """
    ax = plotting.convergence(h, errors, ylabel="error of the derivative")
    for x, y, slope in ((1e-4, 1e-6, 1), (3e-3, 1e-9, 2), (1e-12, 4e-4, -1)):
        plotting.slope_triangle(ax, x, y, slope=slope, width=10)
    plt.setp(ax.lines, markersize=4)
    return ax


def draw_training(predict, losses, by_hand: float):
    """The trained network beside the line of notebook 01, and its loss after every step.

    Args:
        predict: petals in cm [n, 2] → probability of virginica [n].
        losses: mean squared error of all flowers after each step [steps + 1].
        by_hand: that of the neuron set by hand, undecided on x₁ + 2 x₂ = 8.55.

    Returns:
        The figure.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4), width_ratios=[1.4, 1])
    x, y = petals()
    plotting.decision_map(predict, (2.8, 7.1), (0.9, 2.7), left, x, y.long(), bar=False)
    left.plot([8.55 - 2 * 2.7, 8.55 - 2 * 0.9], [2.7, 0.9], "--", color="0.25")
    left.set(xlabel="petal length (cm)", ylabel="petal width (cm)")
    right.plot(losses, lw=1.2, label="network")
    right.axhline(by_hand, ls="--", color="0.25", label="set by hand")
    right.set(xlabel="step", ylabel="MSE of all flowers", yscale="log")
    ticks = [0.04, 0.06, 0.1, 0.2]
    right.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    legend(right, "above")
    return fig


def draw_sharpness(losses: dict, sharpness: dict, steps: int = 150):
    """Loss and sharpness of bold gradient descent, each beside its own limit 2/η.

    Args:
        losses: learning rate → loss after each step [steps + 1].
        sharpness: the same learning rates → largest curvature at each step [steps + 1].
        steps: how many of them the loss is drawn for.

    Returns:
        The figure.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5))
    for i, (eta, loss) in enumerate(losses.items()):
        style = {"color": CYCLE[i], "ls": LINESTYLES[i], "lw": 1.8}
        left.plot(loss, label=f"$\\eta = {eta}$", **style)
        right.plot(sharpness[eta].clamp(min=1e-5), **style | {"lw": 1.0})
        right.axhline(2 / eta, color=CYCLE[i], lw=0.9)
        place = {"transform": right.get_yaxis_transform(), "va": "center", "fontsize": "small"}
        right.text(1.02, 2 / eta, f"$2/{eta}$", **place)
    left.set(xlabel="step", ylabel="MSE of all flowers", xlim=(0, steps), ylim=(0.035, 0.06))
    right.set(xlabel="step", ylabel="sharpness", yscale="log", ylim=(5e-3, 0.4))
    legend(left, "above")
    return fig


def draw_paths(valley: optimisers.Quadratic, paths: dict, xlim, ylim, ax) -> None:
    """Walks over the level lines of a loss of two weights, from a circle towards a star.

    Args:
        valley: the loss; its level lines are four times apart from each other.
        paths: name → points [steps + 1, 2], all from the same start; long ones have no markers.
        xlim, ylim: the window.
    """
    w1, w2 = torch.meshgrid(torch.linspace(*xlim, 161), torch.linspace(*ylim, 121), indexing="xy")
    excess = valley.loss(torch.stack([w1, w2], -1)) - valley.floor
    levels = excess.max().item() * 4.0 ** torch.arange(-7, 1)
    ax.contour(w1, w2, excess, levels=levels.tolist(), colors=COLORS["muted"], linewidths=0.9)
    for i, (name, path) in enumerate(paths.items()):
        ax.plot(*path.T, label=name, **_walk(i, path))
    ax.plot(*valley.minimum, marker="*", ms=14, ls="none", color=COLORS["data"], zorder=6)
    start = next(iter(paths.values()))[0]
    ax.plot(*start, "o", ms=10, color="white", mec=COLORS["data"], mew=2, zorder=7)
    ax.set(xlim=xlim, ylim=ylim, xlabel="$w_1$", ylabel="$w_2$")


def draw_descent(valley: optimisers.Quadratic, paths: dict, xlim, ylim, times=None):
    """Two panels: walks over a valley, and the loss above its minimum along each of them.

    Args:
        valley, paths, xlim, ylim: see `draw_paths`.
        times: name → times [steps + 1]; by default the number of the step.

    Returns:
        The figure.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8))
    draw_paths(valley, paths, xlim, ylim, left)
    for i, (name, path) in enumerate(paths.items()):
        excess = valley.loss(path) - valley.floor
        at = torch.arange(len(path)) if times is None else times[name]
        right.plot(at, excess, label=name, **_walk(i, path))
    right.set(yscale="log", ylabel="loss above the minimum")
    right.set_xlabel("step" if times is None else r"time $t = k\eta$")
    legend(right, "above")
    return fig


def _walk(i: int, path) -> dict:
    marker = MARKERS[i] if len(path) <= 100 else ""
    return {"color": CYCLE[i], "ls": LINESTYLES[i], "marker": marker, "ms": 5, "lw": 1.8}


def draw_network_graph(values: dict, gradients: dict, ax=None):
    """The 2-2-1 network as a graph: above each circle a value, below it a derivative of the loss.

    Args:
        values: name as mathematics, such as `"z_1"` → number, written in blue.
        gradients: the same names → number, in orange.

    Returns:
        The axes. Drawn are x₁, w₁₁ and all that is computed from them.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(11, 4.5))
    for (start, end), text in _EDGES.items():
        a, b = (torch.tensor(_PLACES[name]) for name in (start, end))
        away = (b - a) / (b - a).norm() * _RADIUS
        arrow = {"arrowstyle": "-|>", "color": "0.45", "lw": 1.6}
        ax.annotate("", b - away, a + away, arrowprops=arrow)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        middle = ((a + b) / 2).tolist()
        ax.text(*middle, text, ha="center", va="center", fontsize="small", color="0.25", bbox=box)
    for name, (x, y) in _PLACES.items():
        ax.add_patch(Circle((x, y), _RADIUS, facecolor="white", edgecolor="0.2", lw=1.8, zorder=3))
        ax.text(x, y, f"${_LETTERS.get(name, name)}$", ha="center", va="center", zorder=4)
        bold = {"ha": "center", "fontsize": "medium", "fontweight": "bold"}
        ax.text(x, y + 0.29, f"{values[name]:.3f}", va="bottom", color=CYCLE[0], **bold)
        derivative = f"{gradients[name]:+.3f}".replace("-", "−")
        ax.text(x, y - 0.31, derivative, va="top", color=CYCLE[1], **bold)
    ax.set(xlim=(-0.5, 7.1), ylim=(-1.15, 2.2), aspect="equal")
    ax.axis("off")
    return ax


_RADIUS = 0.24
_LETTERS = {"L": r"\mathcal{L}"}  # the loss, as the course writes it
_PLACES = {
    "w_{11}": (0.0, 1.6),
    "x_1": (0.0, 0.3),
    "z_1": (1.4, 1.1),
    "z_2": (1.4, -0.5),
    "h_1": (2.8, 1.1),
    "h_2": (2.8, -0.5),
    "z_3": (4.2, 0.3),
    "o": (5.4, 0.3),
    "L": (6.6, 0.3),
}
_EDGES = {
    ("w_{11}", "z_1"): "$x_1$",
    ("x_1", "z_1"): "$w_{11}$",
    ("x_1", "z_2"): "$w_{12}$",
    ("z_1", "h_1"): r"$\sigma'$",
    ("z_2", "h_2"): r"$\sigma'$",
    ("h_1", "z_3"): "$w_{h1}$",
    ("h_2", "z_3"): "$w_{h2}$",
    ("z_3", "o"): r"$\sigma'$",
    ("o", "L"): "$2(o-y)$",
}


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
