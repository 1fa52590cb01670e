"""The widget of notebook 00: scrub the time of a trained flow, from a bunny to a Gaussian."""

import base64
import io
from functools import cache

import numpy as np
import torch
from IPython.display import HTML
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from course_lib.bunny import load_field, sample_bunny
from course_lib.plotting import TIME_CMAP
from course_lib.solvers import odeint
from course_lib.widgets.base import Explorer, Slider, Toggle, register

N_POINTS, N_TIMES, N_PATHS = 1500, 51, 40
LIMIT = 3.2  # of both axes


@cache
def bunny_paths() -> torch.Tensor:
    """Points of the bunny at times in [0, 1]: [N_TIMES, N_POINTS, 2]."""
    start = sample_bunny(N_POINTS, torch.Generator().manual_seed(0)).float()
    times = torch.linspace(0, 1, N_TIMES, dtype=torch.float32)
    return odeint(load_field(), start, times, rtol=1e-4, atol=1e-4)


@cache
def return_paths() -> torch.Tensor:
    """The same points, solved back from t = 1: [N_TIMES, N_POINTS, 2] over t."""
    return _solve_back(bunny_paths()[-1])


@cache
def noise_paths() -> torch.Tensor:
    """Fresh Gaussian points at t = 1, solved back: [N_TIMES, N_POINTS, 2] over t."""
    return _solve_back(torch.randn(N_POINTS, 2, generator=torch.Generator().manual_seed(1)))


def _solve_back(end: torch.Tensor) -> torch.Tensor:
    times = torch.linspace(1, 0, N_TIMES, dtype=torch.float32)
    return odeint(load_field(), end.float(), times, rtol=1e-4, atol=1e-4).flip(0)


def draw_bunny_at(ax, t: float, paths: bool = False, places=bunny_paths) -> None:
    """Draw the points at time t in [0, 1], and by choice the way that some of them have come.

    Args:
        places: `bunny_paths`, `return_paths` or `noise_paths`.
    """
    t = float(t)  # a colour map takes an integer for an index
    all_places = places()
    index = round(t * (N_TIMES - 1))
    if paths:
        ax.plot(*all_places[: index + 1, :N_PATHS].permute(2, 0, 1), "-", color="0.5", linewidth=1)
        ax.scatter(*all_places[0, :N_PATHS].T, s=12, color="0.5")
    ax.scatter(*all_places[index].T, s=5, color=TIME_CMAP(t), linewidths=0)
    ax.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), aspect="equal")
    ax.axis("off")
    ax.set_title(f"t = {t:.2f}")


def _draw(fig, t, paths):
    draw_bunny_at(fig.subplots(), t, paths)


bunny_flow_explorer = register(
    Explorer(
        "bunny_flow_explorer",
        _draw,
        controls={
            "t": Slider("time t", 0.0, 1.0, 0.02, 0.0, fmt=".2f"),
            "paths": Toggle("show the way that forty of the points have come", False),
        },
        presets={
            "The picture": {"t": 0.0},
            "Half way, with paths": {"t": 0.5, "paths": True},
            "The Gaussian": {"t": 1.0},
        },
        ask="At t = 1 the picture is gone. Is what it showed gone too?",
        try_this="drag the time to 1 and back again; which part of the bunny becomes the rim?",
        figsize=(6, 6),
    )
)


def animate_bunny(frames_each_way: int = 20) -> HTML:
    """The flow there and back as an animated GIF in an HTML image, the same at every execution.

    A GIF rather than a player with buttons: it also moves where no script runs, on GitHub and in
    an exported page; for buttons there is the widget.
    """
    there = [k / frames_each_way for k in range(frames_each_way + 1)]
    frames = [_frame(t, bunny_paths) for t in [0.0] * 8 + there + [1.0] * 6]
    first, *rest = frames + [_frame(t, return_paths) for t in there[::-1]]
    gif = io.BytesIO()
    first.save(gif, "GIF", save_all=True, append_images=rest, duration=90, loop=0)
    data = base64.b64encode(gif.getvalue()).decode()
    text = "Animation: points in the shape of a bunny spread into a cloud and gather again."
    return HTML(f'<img alt="{text}" width="420" src="data:image/gif;base64,{data}">')


def _frame(t: float, places) -> Image.Image:
    fig = Figure(figsize=(4.2, 4.4), dpi=72, layout="constrained")
    canvas = FigureCanvasAgg(fig)
    draw_bunny_at(fig.subplots(), t, places=places)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()).quantize(32)
