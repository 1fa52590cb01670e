"""The explorer of notebook 15: a Gaussian that flows into data, scrubbed through time.

Two continuous flows were trained by experiments/normalizing_explorer.py, which also stored the
level lines of their densities, frame by frame; the points, and the cells that carry equal mass,
are carried by the flow here.
"""

import math
from functools import lru_cache

import numpy as np
import torch

from course_lib.flows import ContinuousFlow, TanhField
from course_lib.results import load_weights
from course_lib.widgets.base import Choice
from course_lib.widgets.canvas import FlowExplorer, Scene, register_canvas

__all__ = ["FRAMES", "LEVELS", "density_explorer", "equal_mass_cells", "load_density"]

FRAMES, LIMIT, POINTS = 31, 3.5, 300
LEVELS = (0.02, 0.04, 0.08, 0.16, 0.32)
#: text of the choice → name in the file
TARGETS = {"moons": "moons", "8 Gaussians": "ring"}
RINGS, RAYS = 8, 16


@lru_cache
def load_density(name: str) -> tuple[ContinuousFlow, np.ndarray, np.ndarray]:
    """A trained flow, its level lines [FRAMES, m, k, 2] and the peak of p in each frame [FRAMES].

    Raises `FileNotFoundError`, naming the script that makes the weights.

    >>> flow, lines, peaks = load_density("moons")
    >>> flow(torch.zeros(1, 2)).shape, len(lines), len(peaks)
    (torch.Size([1, 2]), 31, 31)
    """
    stored = load_weights("normalizing", experiment="normalizing_explorer")
    field = TanhField(2, [64, 64])
    field.load_state_dict({k: stored[f"{name}/{k}"] for k in field.state_dict()})
    lines, peaks = stored[f"{name}/lines"].float().numpy(), stored[f"{name}/peaks"].numpy()
    return ContinuousFlow(field.float().requires_grad_(False), steps=FRAMES - 1), lines, peaks


def equal_mass_cells(k: int = 65) -> torch.Tensor:
    """Circles and rays that cut N(0, I) into RINGS × RAYS cells of equal mass, [m, k, 2].

    A disc of radius r holds the mass 1 − exp(−r²/2), so circle j of RINGS has the radius
    √(−2 log(1 − j/RINGS)); the outermost cells reach to infinity.

    >>> equal_mass_cells().shape
    torch.Size([23, 65, 2])
    """
    share = torch.arange(1, RINGS) / RINGS
    radii = (-2 * torch.log1p(-share)).sqrt()
    turn = torch.linspace(0, 2 * math.pi, k)
    circle = torch.stack([turn.cos(), turn.sin()], -1)
    rays = 2 * math.pi * torch.arange(RAYS) / RAYS
    outwards = torch.stack([rays.cos(), rays.sin()], -1)
    along = torch.linspace(0, 3.5, k)
    return torch.cat([radii[:, None, None] * circle, along[None, :, None] * outwards[:, None, :]])


@lru_cache
def _scene(data: str, show: str) -> Scene:
    flow, lines, peaks = load_density(TARGETS[data])
    times = np.linspace(0, 1, FRAMES)
    z = torch.randn(POINTS, 2, generator=torch.Generator().manual_seed(1))
    cells = equal_mass_cells()
    states = flow.path(torch.cat([z, cells.flatten(0, 1)]), times.tolist())
    points, grid = states[:, :POINTS].numpy(), states[:, POINTS:].unflatten(1, cells.shape[:2])
    quadrant = 2 * (z[:, 0] > 0) + (z[:, 1] > 0)
    texts = [f"Highest density: {peak:.2f}" for peak in peaks]
    shown = lines if show == "density" else grid.numpy()
    return Scene(times, points, quadrant.int().numpy(), shown, texts=texts)


density_explorer = register_canvas(
    FlowExplorer(
        "density_explorer",
        _scene,
        xlim=(-LIMIT, LIMIT),
        ylim=(-LIMIT, LIMIT),
        controls={
            "data": Choice("data", list(TARGETS), "moons"),
            "show": Choice("show", {"density": "density", "equal mass": "cells"}, "density"),
        },
        presets={
            "Gaussian": {"t": 0.0},
            "Half-way": {"t": 0.5},
            "Data": {"t": 1.0},
            "Equal mass": {"show": "cells", "t": 1.0},
        },
        ask="Between two points that move apart, does the density rise or fall?",
        try_this="Follow one colour from the Gaussian to the data. Then show the cells of equal "
        "mass: where have they become small, and how dense are the points there?",
    )
)
