"""A canvas for motion: frames are computed once, and the browser draws whichever is asked for.

Where dragging through time is the lesson, a picture from the kernel for every position comes too
slowly. A `FlowExplorer` sends all frames of a `Scene` at once, as numbers; the time slider, the
play button and the drawing are JavaScript (canvas.js) and never ask the kernel. Further controls,
if there are any, ask it for a new scene.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anywidget
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import traitlets
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from course_lib import plotting
from course_lib.widgets.base import MAX_CONTROLS, Choice, Controlled, Slider, Toggle, row

__all__ = ["CANVASES", "FlowExplorer", "Scene", "register_canvas"]

_HERE = Path(__file__).parent
_SHAPES = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}
_GRID, _FRAME = "#949494", "#4D4D4D"


@dataclass(frozen=True)
class Scene:
    """Points and lines at the same moments.

    Args:
        times: `[T]`, increasing or decreasing.
        points: `[T, n, 2]`.
        groups: `[n]` integers: group g has the g-th colour of the cycle and the g-th marker.
        grid: `[T, m, k, 2]`, m lines through k points each, moving with the points; or None.
        lines: `[s, 2, 2]`, straight pieces that stay where they are (a hyperplane); or None.
        texts: T sentences, each what is to be seen at its moment; or none.

    Raises:
        ValueError: an array's shape does not fit to the others, or a number is not finite.

    >>> Scene([0, 1], np.zeros((2, 5, 2)), groups=[0, 0, 1, 1, 1]).points.shape
    (2, 5, 2)
    """

    times: np.ndarray
    points: np.ndarray
    groups: Sequence[int]
    grid: np.ndarray | None = None
    lines: np.ndarray | None = None
    texts: Sequence[str] = ()

    def __post_init__(self):
        def put(name, value):
            object.__setattr__(self, name, np.asarray(value, dtype=np.float32))

        put("times", self.times)
        put("points", self.points)
        put("grid", np.zeros((len(self.times), 0, 2, 2)) if self.grid is None else self.grid)
        put("lines", np.zeros((0, 2, 2)) if self.lines is None else self.lines)
        object.__setattr__(self, "groups", np.asarray(self.groups, dtype=int))
        frames, n = len(self.times), self.points.shape[1] if self.points.ndim == 3 else -1
        fits = {
            "times [T], T ≥ 2": self.times.ndim == 1 and frames >= 2,
            "points [T, n, 2]": self.points.shape == (frames, n, 2),
            "groups [n]": self.groups.shape == (n,),
            "grid [T, m, k, 2]": self.grid.ndim == 4
            and (self.grid.shape[0], self.grid.shape[3]) == (frames, 2),
            "lines [s, 2, 2]": self.lines.ndim == 3 and self.lines.shape[1:] == (2, 2),
            "texts: one for each time, or none": len(self.texts) in (0, frames),
            "groups from 0 to 3": not n or 0 <= self.groups.min() <= self.groups.max() < 4,
            "finite numbers": all(
                np.isfinite(a).all() for a in (self.times, self.points, self.grid, self.lines)
            ),
        }
        for wanted, fit in fits.items():
            if not fit:
                raise ValueError(f"a Scene needs {wanted}; points are {self.points.shape}")

    def nearest(self, t: float) -> int:
        """The index of the moment nearest to t."""
        return int(np.abs(self.times - t).argmin())

    def packed(self) -> tuple[dict, bytes]:
        """Sizes and words as a dictionary, all coordinates as little-endian float32."""
        frames, n = self.points.shape[:2]
        sizes = {
            "times": self.times.tolist(),
            "n": n,
            "gridLines": self.grid.shape[1],
            "gridPoints": self.grid.shape[2],
            "groups": self.groups.tolist(),
            "lines": self.lines.tolist(),
            "texts": list(self.texts) or [""] * frames,
        }
        each = [self.points.reshape(frames, -1), self.grid.reshape(frames, -1)]
        return sizes, np.concatenate(each, axis=1).astype("<f4").tobytes()


class _Canvas(anywidget.AnyWidget):
    """The front end's half of a scene, see canvas.js."""

    _esm = _HERE / "canvas.js"
    _css = _HERE / "canvas.css"
    scene = traitlets.Dict().tag(sync=True)
    frames = traitlets.Bytes().tag(sync=True)
    look = traitlets.Dict().tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)


@dataclass(frozen=True, repr=False, eq=False)
class FlowExplorer(Controlled):
    """A moving picture with a time slider; calling it shows it, `figure` draws three moments.

    Args:
        name: the name under which `course_lib.widgets` hands it on.
        scene: `scene(**params) -> Scene`, from the parameters of `controls` alone.
        xlim, ylim: the part of the plane that is shown.
        controls: at most two further controls, parameter → `Slider`, `Choice` or `Toggle`.
        presets: text of a button → parameters; `"t"` among them moves the time slider.
        time_label: what the slider says.
        labels: names of the two axes.
        ask, try_this: see `Explorer`.

    >>> def scene():
    ...     t = np.linspace(0, 1, 11)
    ...     return Scene(t, np.stack([t, t**2], -1)[:, None], groups=[0])
    >>> FlowExplorer("parabola", scene, (0, 1), (0, 1)).panel().canvas.index
    0
    """

    name: str
    scene: Callable[..., Scene]
    xlim: tuple[float, float]
    ylim: tuple[float, float]
    controls: Mapping[str, Slider | Choice | Toggle] = field(default_factory=dict)
    presets: Mapping[str, Mapping] = field(default_factory=dict)
    time_label: str = "time t"
    labels: tuple[str, str] = ("x₁", "x₂")
    ask: str = ""
    try_this: str = ""

    def __post_init__(self):
        if len(self.controls) > MAX_CONTROLS - 1 or "t" in self.controls:
            raise ValueError(f"{self.name}: at most {MAX_CONTROLS - 1} controls beside the time t")
        for params in self.presets.values():
            self.complete({key: value for key, value in params.items() if key != "t"})

    def panel(self) -> "FlowPanel":
        """The controls and the canvas with names, for tests."""
        return FlowPanel(self)

    def figure(self, **params) -> Figure:
        """A pyplot figure of the first, the middle and the last moment."""
        scene = self.scene(**self.complete(params))
        fig, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained", sharey=True)
        for ax, index in zip(axes, (0, len(scene.times) // 2, -1), strict=True):
            ax.add_collection(LineCollection(scene.grid[index], colors=_GRID, linewidths=0.8))
            ax.add_collection(LineCollection(scene.lines, colors=_FRAME, linestyles="--"))
            for group, marker in zip(range(4), _SHAPES.values(), strict=True):
                x, y = scene.points[index][scene.groups == group].T
                ax.plot(x, y, marker, color=plotting.CYCLE[group], ms=5, mew=0)
            ax.set(xlim=self.xlim, ylim=self.ylim, xlabel=self.labels[0], aspect="equal")
            ax.set_title(f"{self.time_label} = {scene.times[index]:.2g}")
        axes[0].set_ylabel(self.labels[1])
        return fig


class FlowPanel:
    """One display of a `FlowExplorer`: its `controls`, `presets`, `canvas` and `message`."""

    def __init__(self, explorer: FlowExplorer):
        self.explorer = explorer
        self._held = False
        self.controls = {name: control.widget() for name, control in explorer.controls.items()}
        look = {
            "xlim": list(explorer.xlim),
            "ylim": list(explorer.ylim),
            "labels": list(explorer.labels),
            "timeLabel": explorer.time_label,
            "colors": plotting.CYCLE[:4],
            "shapes": list(_SHAPES),
            "font": float(plt.rcParams["font.size"]),
            "grid": _GRID,
            "frame": _FRAME,
        }
        self.canvas = _Canvas(look=look)
        self.message = ipywidgets.HTML().add_class("course-widget-message")
        self.presets = {
            label: self._preset(label, params)
            for label, params in {**explorer.presets, "Reset": {}}.items()
        }
        for control in self.controls.values():
            control.add_class("course-widget-control")
            control.observe(lambda change: self.update(), names="value")
        self.box = explorer.box(
            *self.controls.values(), row(self.presets), self.canvas, self.message
        )
        self.update()

    def set(self, t: float | None = None, **params) -> None:
        """Move controls, and the time to t (the first moment if None); ask for one scene."""
        params = self.explorer.complete(params)
        self._held = True
        for name, value in params.items():
            self.controls[name].value = value
        self._held = False
        self.update()
        self.canvas.index = 0 if t is None else self.shown.nearest(t)

    def update(self) -> None:
        """Send the scene that the controls ask for; an error is shown as text."""
        if self._held:
            return
        params = {name: control.value for name, control in self.controls.items()}
        try:
            self.shown = self.explorer.scene(**params)
        except Exception as error:  # a traceback in a callback would be seen by nobody
            reason = html.escape(f"{type(error).__name__}: {error}")
            self.message.value = f"This scene could not be computed. {reason}"
            return
        self.message.value = ""
        with self.canvas.hold_sync():  # sizes and numbers must arrive together
            self.canvas.scene, self.canvas.frames = self.shown.packed()
            self.canvas.index = min(self.canvas.index, len(self.shown.times) - 1)

    def _preset(self, label: str, params: Mapping) -> ipywidgets.Button:
        button = ipywidgets.Button(description=label, layout=ipywidgets.Layout(width="auto"))
        button.on_click(lambda _: self.set(**params))
        return button.add_class("course-preset")


CANVASES: dict[str, FlowExplorer] = {}


def register_canvas(explorer: FlowExplorer) -> FlowExplorer:
    """Make a canvas known to `course_lib.widgets` and to the tests, and hand it back."""
    CANVASES[explorer.name] = explorer
    return explorer
