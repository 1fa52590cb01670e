"""The explorer of notebook 17: what the weight of the transport cost does to a flow's paths.

The nets were trained by experiments/transport_weights.py; their paths are computed live, by as many
steps of Euler's method as the slider says.
"""

from functools import lru_cache

import torch
from matplotlib.collections import LineCollection

from course_lib import plotting, results
from course_lib.flows import TanhField
from course_lib.solvers import odeint
from course_lib.transport import straightness
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["euler_paths", "load_field", "transport_explorer"]

ALPHAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
FINE = 100  # steps of Euler's method that stand for the flow itself
SHOWN = 40  # paths that are drawn


@lru_cache
def load_field(alpha: float) -> TanhField:
    """The field that was trained with this weight.

    Raises `FileNotFoundError`, naming the script that makes the weights.

    >>> load_field(1.0)(0.0, torch.zeros(1, 2, dtype=torch.float32)).shape
    torch.Size([1, 2])
    """
    numbers = results.load_weights("transport", experiment="transport_weights")[str(alpha)]
    field = TanhField(2, (64, 64)).float().requires_grad_(False)
    torch.nn.utils.vector_to_parameters(numbers, field.parameters())
    return field


@lru_cache
def _start() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(500, 2, generator=generator, dtype=torch.float32)


@lru_cache(maxsize=64)
def euler_paths(alpha: float, steps: int) -> torch.Tensor:
    """States [steps + 1, 500, 2] of Gaussian points on the field of one weight.

    >>> euler_paths(1.0, 4).shape
    torch.Size([5, 500, 2])
    """
    times = torch.linspace(0, 1, steps + 1, dtype=torch.float32)
    options = {"step_size": 1 / steps}
    return odeint(load_field(alpha), _start(), times, method="euler", options=options)


def _draw(fig, alpha: float, steps: int) -> str:
    """Left, the flow's own paths; right, what so many steps make of it; returns a verdict."""
    exact, coarse = euler_paths(alpha, FINE), euler_paths(alpha, steps)
    fig.set_layout_engine("none")  # to fit the axes anew at each step costs a third of the time
    place = {"left": 0.08, "right": 0.985, "bottom": 0.15, "top": 0.9, "wspace": 0.14}
    axes = fig.subplots(1, 2, gridspec_kw=place)
    steps_word = "1 step" if steps == 1 else f"{steps} steps"
    for ax, paths, title in zip(axes, (exact, coarse), ("the flow", steps_word), strict=True):
        ax.plot(*exact[-1].T, ".", ms=3, color=plotting.COLORS["muted"])
        if paths is coarse:
            ax.plot(*coarse[-1].T, "x", ms=3, mew=1, color=plotting.COLORS["model"])
        lines = paths[:: max(1, len(paths) // 25), :SHOWN].permute(1, 0, 2)
        ax.add_collection(LineCollection(lines.numpy(), colors="black", linewidths=1))
        ax.plot(*_start()[:SHOWN].T, "o", ms=4, color=plotting.COLORS["truth"])
        ax.set(xlim=(-3.2, 3.2), ylim=(-2.9, 2.9), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        ax.set(title=title, xlabel="$x_1$", aspect="equal")
    axes[0].set_ylabel("$x_2$")
    ratio = straightness(exact)
    error = (coarse[-1] - exact[-1]).square().sum(1).mean().sqrt()
    kl = results.row(results.load("transport_weights"), alpha=alpha)["kl"]
    return (
        f"The flow's paths are {ratio:.2f} times as long as straight ones, its KL to the moons is "
        f"{kl:.2f}; with {steps_word} of Euler's method the points are off by {error:.2f}."
    )


transport_explorer = register(
    Explorer(
        "transport_explorer",
        _draw,
        controls={
            "alpha": Choice("weight α of the transport cost", list(ALPHAS), 0.0),
            "steps": Slider("steps of Euler's method", 1, 16, 1, 4),
        },
        presets={
            "No weight": {"alpha": 0.0, "steps": 4},
            "A little": {"alpha": 0.3, "steps": 4},
            "Straight": {"alpha": 3.0, "steps": 4},
            "One step": {"alpha": 3.0, "steps": 1},
        },
        ask="Which of the six flows can be run in one step, and is it still worth running?",
        try_this="Raise the weight at four steps, and watch both panels; then find, for each "
        "weight, how many steps it takes until the points are off by less than 0.1 (without any, "
        "16 are not enough). What happens to the KL on the way?",
        figsize=(9, 4.8),
    )
)
