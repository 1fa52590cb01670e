"""The explorer of notebook 19: steps of Euler's method, on flows from two kinds of pairs.

The nets were trained by experiments/matching_explorer.py, which also stored the distances to the
moons; the points are carried live.
"""

from functools import lru_cache

import torch

from course_lib import matching_plots, results
from course_lib.flows import TanhField, euler_sample
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["euler_states", "load_field", "matching_explorer"]

COUPLINGS = ("independent", "OT")
FINE = 60  # steps of Euler's method that stand for the flow itself
POINTS = 500


@lru_cache
def load_field(coupling: str) -> TanhField:
    """The field that was learned from one kind of pairs.

    Raises `FileNotFoundError`, naming the script that makes the weights.

    >>> load_field("OT")(0.0, torch.zeros(1, 2, dtype=torch.float32)).shape
    torch.Size([1, 2])
    """
    field = TanhField(2, [64, 64]).float().requires_grad_(False)
    numbers = results.load_weights("matching", experiment="matching_explorer")[coupling]
    torch.nn.utils.vector_to_parameters(numbers, field.parameters())
    return field


@lru_cache(maxsize=64)
def euler_states(coupling: str, steps: int) -> torch.Tensor:
    """States [steps + 1, 500, 2] of Gaussian points on one field.

    >>> euler_states("OT", 4).shape
    torch.Size([5, 500, 2])
    """
    generator = torch.Generator().manual_seed(3)
    z = torch.randn(POINTS, 2, generator=generator, dtype=torch.float32)
    return euler_sample(load_field(coupling), z, steps)


def _draw(fig, steps: int, coupling: str) -> str:
    """Left, the flow's own paths; right, what so many steps make of it; returns a verdict."""
    fig.set_layout_engine("none")  # to fit the axes anew at each step costs a third of the time
    place = {"left": 0.02, "right": 0.98, "bottom": 0.03, "top": 0.9, "wspace": 0.05}
    axes = fig.subplots(1, 2, gridspec_kw=place)
    word = "1 step" if steps == 1 else f"{steps} steps"
    matching_plots.trails(euler_states(coupling, FINE)[::3], axes[0]).set_title("the flow")
    matching_plots.trails(euler_states(coupling, steps), axes[1]).set_title(word)
    table = results.load("matching_explorer")
    w2 = results.row(table, coupling=coupling, steps=steps)["w2"]
    best = min(row["w2"] for row in table["rows"] if row["coupling"] == coupling)
    return (
        f"{coupling} pairs, {word} of Euler's method: W₂ to the moons {w2:.2f}; the smallest with "
        f"up to 16 steps is {best:.2f}."
    )


matching_explorer = register(
    Explorer(
        "matching_explorer",
        _draw,
        controls={
            "steps": Slider("steps of Euler's method", 1, 16, 1, 4),
            "coupling": Choice("pairs", list(COUPLINGS), "independent"),
        },
        presets={
            "One step, independent": {"steps": 1, "coupling": "independent"},
            "One step, OT": {"steps": 1, "coupling": "OT"},
            "Sixteen, independent": {"steps": 16, "coupling": "independent"},
        },
        ask="With independent pairs and one step, where do all the points go, and why there?",
        try_this="Begin with one step and independent pairs, and add steps until you would take "
        "the picture for two moons. Then change the pairs at one step.",
        figsize=(10, 5.2),
    )
)
