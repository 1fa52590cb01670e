"""The explorer of notebook 18: drag an obstacle through a crowd.

The velocity nets, one for each weight, were trained by experiments/crowd_explorer.py for all places
of the obstacle; the paths of 200 agents are computed live.
"""

from functools import lru_cache

import torch

from course_lib import crowd_plots, results, transport
from course_lib.flows import TanhField
from course_lib.solvers import odeint
from course_lib.transport.steering import steered_field, steered_states
from course_lib.widgets.base import Choice, Explorer, Slider, register

__all__ = ["crowd_explorer", "load_field", "paths_past"]

AGENTS, STEPS = 200, 20
WEIGHTS = (0.0, 100.0)
LIMITS = (3.9, 2.2)


@lru_cache
def load_field(weight: float) -> TanhField:
    """The velocity net for one weight of the obstacle.

    Raises `FileNotFoundError`, naming the script that makes the weights.

    >>> load_field(100.0)(0.0, torch.zeros(1, 4, dtype=torch.float32)).shape
    torch.Size([1, 4])
    """
    field = steered_field().float().requires_grad_(False)
    numbers = results.load_weights("crowd_explorer")[str(weight)]
    torch.nn.utils.vector_to_parameters(numbers, field.parameters())
    return field


#: once, so that their level lines are computed once
START, GOAL = transport.crowd_problem()


@lru_cache
def _agents() -> torch.Tensor:
    return START.sample(AGENTS, torch.Generator().manual_seed(3)).float()


@lru_cache(maxsize=256)
def paths_past(x: float, y: float, weight: float) -> torch.Tensor:
    """Places [21, 200, 2] of agents who know of an obstacle at (x, y); steps of RK4.

    >>> paths_past(0.0, 0.0, 100.0).shape
    torch.Size([21, 200, 2])
    """
    states, options = steered_states(_agents(), (x, y)), {"step_size": 1 / STEPS}
    times = torch.linspace(0, 1, STEPS + 1, dtype=torch.float32)
    return odeint(load_field(weight), states, times, method="rk4", options=options)[..., :2]


def _draw(fig, x: float, y: float, weight: float) -> str:
    """The crowd's ways past the obstacle; returns a verdict."""
    fig.set_layout_engine("none")  # to fit the axes anew at each step costs a third of the time
    ax = fig.add_axes((0.08, 0.14, 0.9, 0.84))
    path, obstacle = paths_past(x, y, weight), transport.Obstacle((x, y), weight=weight)
    inside = obstacle.entered(path)
    side = (transport.turning(path, (x, y)) > 0).long()
    side[inside] = 2
    crowd_plots.scene(ax, START, GOAL, obstacle, limits=LIMITS)
    crowd_plots.ways(ax, path, side, lw=0.7)
    ax.set(xticks=[-3, 0, 3])  # every tick takes a millisecond
    straight = obstacle.entered(transport.straight_paths(path[0], path[-1], STEPS)).sum()
    above = int((side == 0).sum())
    return (
        f"{int(inside.sum())} of {AGENTS} agents enter the disc, on straight lines to the same "
        f"ends {int(straight)} would; {above} pass above. Path length ÷ displacement: "
        f"{transport.straightness(path):.3f}."
    )


crowd_explorer = register(
    Explorer(
        "crowd_explorer",
        _draw,
        controls={
            "x": Slider("obstacle x₁", -1.0, 1.0, 0.1, 0.0),
            "y": Slider("obstacle x₂", -1.2, 1.2, 0.1, 0.4),
            "weight": Choice("weight q", list(WEIGHTS), 100.0),
        },
        presets={
            "In the middle": {"x": 0.0, "y": 0.0, "weight": 100.0},
            "No price": {"x": 0.0, "y": 0.0, "weight": 0.0},
            "In one stream": {"x": 0.5, "y": 0.7, "weight": 100.0},
            "At the rim": {"x": 0.0, "y": 1.2, "weight": 100.0},
        },
        ask="The obstacle moves up from the middle to the rim. Is the disc ever empty?",
        try_this="Begin in the middle, without a price, then with one; move the obstacle up until "
        "nearly all agents pass below it, and watch how many are inside.",
        figsize=(7.5, 4.4),
    )
)
