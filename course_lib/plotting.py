"""The course's figures: from arrays and callables to axes, all in one style.

Every function draws into `ax` (a new figure if it is None), takes numpy arrays or torch tensors,
and returns the axes; none shows anything. Curves that share axes differ in colour *and* in
linestyle or marker. A right-hand side `func(t, y)` is called as `odeint` calls it: a scalar `t`,
and a batch of states with the state on the last axis.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, Normalize
from matplotlib.ticker import LogLocator, MaxNLocator

_HERE = Path(__file__).parent

CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#783018", "#7818D8", "#000000"]
"""Okabe & Ito's colours (2008); brown and violet stand for those too pale for a line on white."""
LINESTYLES = ["-", "--", "-.", ":", (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 3))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
COLORS = {"data": "#000000", "truth": CYCLE[0], "model": CYCLE[1], "muted": "#8C8C8C"}
SEQUENTIAL = plt.get_cmap("viridis")
DIVERGING = LinearSegmentedColormap.from_list("course_diverging", [CYCLE[0], "#F7F7F7", CYCLE[1]])
# Plasma, for viridis is taken by magnitudes; without its yellow end, too pale for a line on white.
TIME_CMAP = ListedColormap(plt.get_cmap("plasma")(np.linspace(0, 0.88, 256)), "course_time")

# Kind → linestyles, markers, zorder. The component of the state chooses within the family, so that
# truth is always solid or in long dashes and the model always in short ones.
_KINDS = {
    "data": (["none"], MARKERS, 4),
    "truth": (["-", (0, (5, 1.2)), (0, (5, 1.2, 2, 1.2))], [""], 2),
    "model": ([(0, (2.5, 1.2)), (0, (1, 1.1)), (0, (2.5, 1, 1, 1))], [""], 3),
}


def use_style(context: str = "notebook") -> None:
    """Give every later figure the course's style.

    Args:
        context: `"notebook"` (15 pt) or `"projector"` (18 pt and more).

    >>> use_style()
    >>> plt.rcParams["font.size"]
    15.0
    """
    sheets = {"notebook": ["course"], "projector": ["course", "projector"]}
    if context not in sheets:
        raise ValueError(f"context must be one of {sorted(sheets)}, got {context!r}")
    plt.style.use([_HERE / f"{name}.mplstyle" for name in sheets[context]])


def legend(ax, where: str = "right"):
    """A legend beside the data, never on it, its entries from the highest right-hand end down.

    Args:
        where: `"right"` of the axes, or `"above"` them in one row (few, short labels, no title).

    >>> ax = loss_curves({"plain": [3.0, 2.0], "residual": [3.0, 1.0]})
    >>> [text.get_text() for text in legend(ax).get_texts()]
    ['plain', 'residual']
    """
    handles, labels = ax.get_legend_handles_labels()

    def right_end(handle):
        y = np.asarray(handle.get_ydata() if hasattr(handle, "get_ydata") else [], float)
        y = y[np.isfinite(y)]
        return y[-1] if len(y) else -np.inf

    if where == "right":
        order = sorted(range(len(handles)), key=lambda i: -right_end(handles[i]))
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    elif where == "above":
        order = range(len(handles))
        place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": max(len(handles), 1)}
        place |= {"columnspacing": 1.2, "borderaxespad": 0.2}
    else:
        raise ValueError(f"where must be 'right' or 'above', got {where!r}")
    return ax.legend([handles[i] for i in order], [labels[i] for i in order], **place)


def trajectories(t, y, ax=None, labels=None, kind: str = "model", **line):
    """Plot solutions against time, in the colour of what they are.

    Args:
        t: times `[n]`.
        y: states `[n]` or `[n, d]`; each column is one curve.
        labels: one text, or one for each column; by default `kind`.
        kind: `"data"` (points), `"truth"` or `"model"`.
        line: handed on to `Axes.plot`, such as `marker="o"` to show the steps.

    >>> ax = trajectories([0.0, 1.0], [1.0, 2.0], kind="truth")
    >>> ax.get_xlabel(), ax.lines[0].get_label()
    ('time $t$', 'truth')
    """
    ax = _axes(ax)
    t, y = _array(t), _array(y)
    columns = y.reshape(len(t), -1).T
    if labels is None and len(columns) > 1:
        labels = [f"{kind} $y_{i + 1}$" for i in range(len(columns))]
    labels = [labels or kind] if labels is None or isinstance(labels, str) else list(labels)
    if len(labels) != len(columns):
        raise ValueError(f"{len(columns)} curves need as many labels, got {labels}")
    for i, (column, label) in enumerate(zip(columns, labels, strict=True)):
        ax.plot(t, column, label=label, **_kind(kind, i) | line)
    ax.set_xlabel("time $t$")
    if len(ax.get_legend_handles_labels()[0]) <= 3:
        legend(ax, "above")
    else:
        legend(ax)
    return ax


def slope_field(func, tlim, ylim, ax=None, density: int = 21):
    """Draw the slope dy/dt = f(t, y) of a scalar equation as short segments, t to the right.

    Args:
        func: right-hand side, called with a scalar `t` and states `[rows, 1]`.
        tlim, ylim: the window.
        density: segments along the longer side of the axes.

    >>> slope_field(lambda t, y: -y, (0, 2), (0, 1)).get_xlabel()
    'time $t$'
    """
    ax = _axes(ax)
    t, y = _grid(ax, tlim, ylim, density)
    column = torch.tensor(y[:, :1], dtype=torch.get_default_dtype())
    slopes = np.hstack([_evaluate(func, time, column) for time in t[0]])
    _unit_arrows(ax, t, y, np.ones_like(t), slopes, headless=True)
    ax.set(xlim=tlim, ylim=ylim, xlabel="time $t$", ylabel="$y$")
    return ax


def vector_field(func, xlim, ylim, ax=None, density: int = 21, t: float = 0.0, speed: bool = False):
    """Draw the directions of a planar field f(t, y) at one time as arrows of equal length.

    Args:
        func: right-hand side, called with a scalar `t` and states `[n, 2]`.
        xlim, ylim: the window.
        density: arrows along the longer side of the axes.
        t: the time at which the field is drawn.
        speed: colour the arrows by ‖f‖, with a colour bar.

    >>> vector_field(lambda t, y: -y, (-1, 1), (-1, 1)).get_xlabel()
    '$y_1$'
    """
    ax = _axes(ax)
    ax.set(xlim=xlim, ylim=ylim, xlabel="$y_1$", ylabel="$y_2$")
    x, y = _grid(ax, xlim, ylim, density)
    states = np.stack([x.ravel(), y.ravel()], axis=1)
    field = _evaluate(func, t, torch.tensor(states, dtype=torch.get_default_dtype()))
    u, v = field.T.reshape(2, *x.shape)
    arrows = _unit_arrows(ax, x, y, u, v, magnitude=np.hypot(u, v) if speed else None)
    if speed:
        ax.figure.colorbar(arrows, ax=ax, label="speed")
    return ax


def phase_portrait(
    func, xlim, ylim, ax=None, trajectories=(), density=21, t: float = 0.0, equal: bool = True
):
    """Draw a planar field with solutions on top, coloured by time from start (circle) to end.

    Args:
        func: right-hand side, called with a scalar `t` and states `[n, 2]`.
        xlim, ylim: the window.
        trajectories: solutions, each `[n, 2]`.
        density: arrows along the longer side of the axes.
        t: the time at which the field is drawn.
        equal: one unit is as long on either axis.

    >>> circle = torch.linspace(0, 6, 50)
    >>> circle = torch.stack([torch.cos(circle), -torch.sin(circle)], dim=1)
    >>> turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> ax = phase_portrait(lambda t, y: y @ turn, (-2, 2), (-2, 2), trajectories=[circle])
    >>> ax.get_aspect()
    1.0
    """
    ax = _axes(ax)
    if equal:
        ax.set(xlim=xlim, ylim=ylim)  # the number of rows of arrows follows from the shape
        _equal_aspect(ax)
    vector_field(func, xlim, ylim, ax, density, t)
    for y in trajectories:
        phase_path(y, ax)
    ax.set(xlim=xlim, ylim=ylim)
    return ax


def phase_path(y, ax=None, kind: str | None = None, label: str | None = None, **line):
    """Draw one solution in the plane of its states, its start marked by a circle.

    Args:
        y: states `[n, 2]`, at equal time steps if it is coloured by time.
        kind: `"truth"`, `"model"` or `"data"`; by default the course's time ramp.
        label: for the legend, if `kind` is given.
        line: handed on to `Axes.plot`, if `kind` is given.

    >>> phase_path([[0.0, 1.0], [1.0, 0.0]], kind="model").lines[0].get_color() == COLORS["model"]
    True
    """
    ax = _axes(ax)
    y = _array(y)
    if y.ndim != 2 or y.shape[1] != 2:
        raise ValueError(f"a path in the plane has shape [n, 2], got {list(y.shape)}")
    if kind is None:
        ramp = LineCollection(np.stack([y[:-1], y[1:]], axis=1), cmap=TIME_CMAP, capstyle="round")
        ramp.set_array(np.linspace(0, 1, len(y) - 1))
        ramp.set_linewidth(plt.rcParams["lines.linewidth"])
        ax.add_collection(ramp)
        ax.autoscale_view()
        start = TIME_CMAP(0.0)
    else:
        ax.plot(*y.T, label=label or kind, **_kind(kind, 0) | line)
        start = COLORS[kind]
    ax.plot(*y[0], marker="o", linestyle="none", color="white", mec=start, zorder=5, clip_on=False)
    return ax


def time_bar(ax, t0: float, t1: float):
    """Add the colour bar that says which colour of the time ramp is which time.

    >>> time_bar(phase_path([[0.0, 1.0], [1.0, 0.0]]), 0, 10).ax.get_ylabel()
    'time $t$'
    """
    ramp = plt.cm.ScalarMappable(Normalize(t0, t1), TIME_CMAP)
    return ax.figure.colorbar(ramp, ax=ax, label="time $t$")


def slope_triangle(ax, x: float, y: float, slope: float, width: float = 3.0):
    """Draw the triangle that a power law of this slope makes on log–log axes.

    Args:
        x, y: the left end of its hypotenuse.
        slope: the exponent; it is written beside the vertical leg.
        width: ratio of the right end to `x`.

    >>> _, ax = plt.subplots()
    >>> ax.loglog()
    []
    >>> slope_triangle(ax, 0.01, 1e-4, slope=2).get_xy()[2].round(6).tolist()
    [0.03, 0.0009]
    """
    if ax.get_xscale() != "log" or ax.get_yscale() != "log":
        raise ValueError("a slope triangle needs logarithmic axes: call ax.loglog() first")
    right, top = x * width, y * width**slope
    corners = [(x, y), (right, y), (right, top)]
    (triangle,) = ax.fill(*zip(*corners, strict=True), fc="0.92", ec="0.25", lw=1.2, ls="-")
    triangle.set_gid("slope-triangle")
    text = {"fontsize": "small", "color": "0.25", "textcoords": "offset points"}
    middle = np.sqrt(y * top)
    ax.annotate(f"{slope:g}", (right, middle), xytext=(4, 0), va="center", **text)
    below = -4 if slope > 0 else 4
    side = "top" if slope > 0 else "bottom"
    ax.annotate("1", (np.sqrt(x * right), y), xytext=(0, below), ha="center", va=side, **text)
    return triangle


def convergence(
    steps, errors: dict, ax=None, slopes=None, xlabel="step size $h$", ylabel="error at the end"
):
    """Plot errors against step sizes on log–log axes, with triangles of the expected slopes.

    Args:
        steps: step sizes `[n]`.
        errors: name → errors `[n]`; errors that are not positive and finite are left out.
        slopes: name → slope for one triangle beside each named curve; or one slope for them all.

    >>> ax = convergence([0.1, 0.05], {"Euler": [1e-2, 5e-3]}, slopes={"Euler": 1})
    >>> ax.get_xscale(), ax.lines[0].get_label()
    ('log', 'Euler')
    """
    ax = _axes(ax)
    steps = _array(steps)
    curves = {}
    for name, values in errors.items():
        values = _array(values)
        keep = np.isfinite(values) & (values > 0)
        order = np.argsort(steps[keep])
        curves[name] = steps[keep][order], values[keep][order]
    _log_curves(ax, curves, xlabel, ylabel)
    if slopes is not None and not isinstance(slopes, dict):
        lowest = min(curves, key=lambda name: curves[name][1].min(initial=np.inf))
        slopes = {lowest: slopes}
    for name, slope in (slopes or {}).items():
        if name not in curves:
            raise ValueError(f"slopes names {name!r}, but the curves are {list(curves)}")
        _triangle_beside(ax, *curves[name], slope)
    if slopes:
        low, high = ax.get_ylim()
        room = (high / low) ** 0.06  # for what is written under, or over, a triangle
        falls = min(slopes.values()) < 0
        ax.set_ylim(low if falls else low / room, high * room if falls else high)
    return ax


def work_precision(work: dict, errors: dict, ax=None, xlabel="evaluations of $f$", ylabel="error"):
    """Plot error against work of several methods on log–log axes: down and left is better.

    Args:
        work: name → cost `[n]`.
        errors: the same names → errors `[n]`.

    >>> work_precision({"rk4": [40, 80]}, {"rk4": [1e-4, 6e-6]}).get_xlabel()
    'evaluations of $f$'
    """
    if work.keys() != errors.keys():
        raise ValueError(f"work is of {sorted(work)}, errors are of {sorted(errors)}")
    ax = _axes(ax)
    curves = {name: (_array(work[name]), _array(errors[name])) for name in work}
    _log_curves(ax, curves, xlabel, ylabel)
    return ax


def gradient_per_layer(norms: dict, ax=None, ylabel="gradient norm"):
    """Plot one number for each layer, on a logarithmic scale, for several networks.

    Args:
        norms: name → values `[layers]`, the first layer first; exact zeros, which have no
            logarithm, are left out.

    >>> gradient_per_layer({"plain": [1e-6, 1e-3, 1.0]}).lines[0].get_xdata().tolist()
    [1, 2, 3]
    """
    ax = _axes(ax)
    for i, (name, values) in enumerate(norms.items()):
        values = _array(values).astype(float)
        values[values <= 0] = np.nan
        marker = MARKERS[i % len(MARKERS)] if len(values) <= 25 else ""
        ax.plot(np.arange(1, len(values) + 1), values, label=name, marker=marker, **_curve(i))
    ax.set(xlabel="layer", ylabel=ylabel)
    _log_scale(ax.yaxis)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    legend(ax)
    return ax


def loss_curves(losses: dict, ax=None, xlabel="step", ylabel="loss", log: bool = True):
    """Plot training curves.

    Args:
        losses: name → values `[n]` at steps 1…n, or `(steps, values)`.
        log: logarithmic losses.

    >>> loss_curves({"plain": [3.0, 2.5, 2.4]}).get_ylabel()
    'loss'
    """
    ax = _axes(ax)
    for i, (name, values) in enumerate(losses.items()):
        if isinstance(values, tuple):
            x, y = map(_array, values)
        else:
            y = _array(values)
            x = np.arange(1, len(y) + 1)
        ax.plot(x, y, label=name, **_curve(i))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if log:
        _log_scale(ax.yaxis)
    legend(ax)
    return ax


def spread(x, runs: dict, ax=None, xlabel="", ylabel=""):
    """Plot the mean over repetitions as a line in a band from the smallest to the largest.

    Args:
        x: `[n]`.
        runs: name → values `[repetitions, n]`.

    >>> spread([1, 2], {"plain": [[1.0, 2.0], [3.0, 2.0]]}).lines[0].get_ydata().tolist()
    [2.0, 2.0]
    """
    ax = _axes(ax)
    x = _array(x)
    for i, (name, values) in enumerate(runs.items()):
        values = np.atleast_2d(_array(values))
        ax.fill_between(
            x, values.min(0), values.max(0), color=CYCLE[i % len(CYCLE)], alpha=0.2, linewidth=0
        )
        ax.plot(x, values.mean(0), label=name, marker=MARKERS[i % len(MARKERS)], **_curve(i))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    legend(ax)
    return ax


def decision_map(
    predict, xlim, ylim, ax=None, points=None, labels=None, density: int = 200, bar: bool = True
):
    """Colour the plane by what a classifier says there.

    Args:
        predict: `[n, 2]` → probability of class 1, `[n]` or `[n, 1]`; or scores `[n, k]`.
        xlim, ylim: the window.
        points: `[m, 2]`, drawn on top with one marker and colour for each of their `labels` `[m]`.
        density: pixels in a row and in a column.
        bar: a colour bar for probabilities.

    >>> half = decision_map(lambda x: torch.sigmoid(x[:, 0]), (-2, 2), (-1, 1), density=20)
    >>> half.get_xlim() == (-2, 2)
    True
    """
    ax = _axes(ax)
    x, y = np.meshgrid(_inside(xlim, density), _inside(ylim, density))
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    with torch.no_grad():
        values = _array(predict(torch.tensor(grid, dtype=torch.get_default_dtype())))
    values = values.reshape(len(grid), -1)
    # Paler than the points, which have the same colours.
    extent = {"extent": (*xlim, *ylim), "origin": "lower", "alpha": 0.55}
    if values.shape[1] == 1:
        if values.min() < 0 or values.max() > 1:
            raise ValueError("predict must return probabilities in [0, 1]: apply torch.sigmoid")
        values = values.reshape(x.shape)
        image = ax.imshow(values, cmap=DIVERGING, vmin=0, vmax=1, **extent)
        ax.contour(x, y, values, levels=[0.5], colors="0.25", linewidths=1.5)
        if bar:
            ax.figure.colorbar(image, ax=ax, label="probability of class 1")
    else:
        colors = ListedColormap(CYCLE[: values.shape[1]])
        winner = values.argmax(1).reshape(x.shape)
        ax.imshow(winner, cmap=colors, vmin=-0.5, vmax=values.shape[1] - 0.5, **extent)
    if points is not None:
        points = _array(points)
        labels = np.zeros(len(points), int) if labels is None else _array(labels).astype(int)
        for k in np.unique(labels):
            style = {"marker": MARKERS[k % len(MARKERS)], "color": CYCLE[k % len(CYCLE)]}
            style |= {"s": 40, "edgecolor": "white", "linewidth": 0.8, "label": f"class {k}"}
            ax.scatter(*points[labels == k].T, **style)
    _equal_aspect(ax)
    ax.set(xlim=xlim, ylim=ylim, xlabel="$x_1$", ylabel="$x_2$")
    return ax


def stability_region(R, ax=None, xlim=(-5, 3), ylim=(-4, 4), density: int = 401):
    """Draw where a method keeps decaying solutions bounded: the z = λh with |R(z)| ≤ 1.

    Args:
        R: stability function of complex arrays, or name → function for several outlines.
        xlim, ylim: the window of Re z and Im z.

    Source: Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.2.

    >>> stability_region(lambda z: 1 + z).get_xlabel()
    'Re $\\\\lambda h$'
    """
    ax = _axes(ax)
    x, y = np.meshgrid(np.linspace(*xlim, density), np.linspace(*ylim, density))
    regions = R if isinstance(R, dict) else {"": R}
    for i, (name, function) in enumerate(regions.items()):
        with np.errstate(divide="ignore", invalid="ignore"):  # a pole is outside the region
            size = np.nan_to_num(np.abs(_array(function(x + 1j * y))), nan=1e9, posinf=1e9)
        if len(regions) == 1:
            ax.contourf(x, y, size, levels=[0, 1], colors=[_pale(CYCLE[i])])
        style = _curve(i)
        ax.contour(x, y, size, levels=[1], colors=style["color"], linestyles=[style["linestyle"]])
        if name:
            ax.plot([], [], label=name, **style)
    ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    ax.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    _equal_aspect(ax)
    ax.set(xlim=xlim, ylim=ylim, xlabel=r"Re $\lambda h$", ylabel=r"Im $\lambda h$")
    if isinstance(R, dict):
        legend(ax)
    return ax


def step_sizes(ts, ax=None, label: str | None = None):
    """Draw the steps that an adaptive solver took, each as wide as it was long.

    Args:
        ts: the times between the steps `[n + 1]`, such as `DenseOutput.ts`.

    >>> step_sizes([0.0, 0.1, 0.4]).get_ylabel()
    'step size $h$'
    """
    ax = _axes(ax)
    ts = _array(ts)
    ax.stairs(
        np.abs(np.diff(ts)),
        ts,
        baseline=None,
        label=label,
        linewidth=plt.rcParams["lines.linewidth"],
    )
    ax.set(xlabel="time $t$", ylabel="step size $h$")
    _log_scale(ax.yaxis)
    return ax


def image_row(images, titles=None, ax=None):
    """Show grey images side by side, dark where the value is large.

    Args:
        images: `[n, h, w]`, or `[n, h·h]` if they are square.
        titles: n texts, written under the images.

    >>> image_row(torch.rand(5, 64), titles="01234").get_xticklabels()[4].get_text()
    '4'
    """
    images = _array(images)
    if images.ndim == 2:
        side = round(images.shape[1] ** 0.5)
        images = images.reshape(len(images), side, side)
    n, height, width = images.shape
    if ax is None:
        inches = plt.rcParams["figure.figsize"][0]
        ax = plt.subplots(figsize=(inches, inches * height / (n * width) + 0.4))[1]
    gaps = np.pad(images.astype(float), ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
    ax.imshow(np.hstack(gaps)[:, :-1], cmap="gray_r")
    ax.set_xticks(np.arange(n) * (width + 1) + (width - 1) / 2, list(titles or [""] * n))
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _axes(ax):
    return plt.subplots()[1] if ax is None else ax


def _array(values) -> np.ndarray:
    """Numpy values of a tensor, wherever it lives, or of anything that numpy understands."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
    elif isinstance(values, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in values):
        values = [_array(v) for v in values]
    return np.asarray(values)


def _inside(limits, n: int) -> np.ndarray:
    """The middles of n cells, so that nothing is drawn on the frame."""
    low, high = limits
    return low + (np.arange(n) + 0.5) * (high - low) / n


def _grid(ax, xlim, ylim, density: int):
    """Points equally far apart on the page in both directions, `density` along the longer side."""
    ax.apply_aspect()
    box = ax.get_window_extent()
    columns, rows = (
        max(round(density * side / max(box.width, box.height)), 3)
        for side in (box.width, box.height)
    )
    return np.meshgrid(_inside(xlim, columns), _inside(ylim, rows))


def _equal_aspect(ax) -> None:
    ax.set_aspect("equal")
    fig = ax.get_figure(root=True)
    grids = {other.get_gridspec() for other in fig.axes if other.get_subplotspec()}
    # The constrained layout clips the labels of axes of fixed shape; the compressed one, for a
    # single grid, does not.
    if fig.get_layout_engine() is not None and len(grids) == 1:
        fig.set_layout_engine("compressed")


def _evaluate(func, t, states: torch.Tensor) -> np.ndarray:
    """f(t, states) as an array of the states' shape, over which a constant f is spread."""
    with torch.no_grad():
        values = _array(func(torch.tensor(t, dtype=states.dtype), states))
    if values.ndim and values.shape != tuple(states.shape):
        raise ValueError(
            f"func must return the shape of its state: got {list(values.shape)} for a batch of "
            f"states {list(states.shape)}; keep the state on the last axis, as in y[..., :1]"
        )
    return np.broadcast_to(values, states.shape).astype(float)


def _unit_arrows(ax, x, y, u, v, headless=False, magnitude=None):
    """Arrows of one length on the page whose direction is (u, v) in the data's own units."""
    size = np.hypot(u, v)
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = np.ma.masked_invalid(u / size), np.ma.masked_invalid(v / size)
    style = {"angles": "xy", "pivot": "mid", "scale_units": "width", "scale": 1.35 * x.shape[1]}
    style |= {"width": 0.0032, "zorder": 1}
    if headless:
        style |= {"headwidth": 0, "headlength": 0, "headaxislength": 0}
    if magnitude is None:
        return ax.quiver(x, y, u, v, color=COLORS["muted"], **style)
    return ax.quiver(x, y, u, v, magnitude, cmap=SEQUENTIAL, **style)


def _curve(i: int) -> dict:
    """Colour and linestyle of the i-th curve in a figure."""
    return {"color": CYCLE[i % len(CYCLE)], "linestyle": LINESTYLES[i % len(LINESTYLES)]}


def _kind(kind: str, i: int) -> dict:
    """Colour, linestyle and marker of the i-th component of data, truth or model."""
    if kind not in _KINDS:
        raise ValueError(f"kind must be one of {sorted(_KINDS)}, got {kind!r}")
    linestyles, markers, zorder = _KINDS[kind]
    style = {"linestyle": linestyles[i % len(linestyles)], "marker": markers[i % len(markers)]}
    return {"color": COLORS[kind], "zorder": zorder} | style


def _pale(color: str) -> np.ndarray:
    return 1 - 0.3 * (1 - np.array(plt.matplotlib.colors.to_rgb(color)))


def _log_scale(*axes) -> None:
    """Logarithmic axes; short ones are labelled 1, 2, 5, 10, …, long ones by powers of ten."""
    for axis in axes:

        def major(value, _, axis=axis):
            return f"{value:g}" if _is_short(axis) else f"$10^{{{round(np.log10(value))}}}$"

        def minor(value, _, axis=axis):
            return f"{value:g}" if _is_short(axis) else ""

        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_minor_locator(
            LogLocator(subs=(2, 5))
        )  # eight a decade would double the drawing time
        axis.set_major_formatter(major)
        axis.set_minor_formatter(minor)
        # Minor ticks are shorter: without the difference their labels would not stand in line.
        name = f"{axis.axis_name}tick"
        size, pad, short = (
            plt.rcParams[f"{name}.{k}"] for k in ("major.size", "major.pad", "minor.size")
        )
        axis.set_tick_params(which="minor", pad=size + pad - short)


def _is_short(axis) -> bool:
    low, high = axis.get_view_interval()
    return high < 100 * low


def _log_curves(ax, curves: dict, xlabel: str, ylabel: str) -> None:
    for i, (name, (x, y)) in enumerate(curves.items()):
        ax.plot(x, y, label=name, marker=MARKERS[i % len(MARKERS)], **_curve(i))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _log_scale(ax.xaxis, ax.yaxis)
    legend(ax)


def _triangle_beside(ax, x, y, slope) -> None:
    """A triangle by the part of a curve that comes nearest to the slope: under it, if it rises."""
    log_x, log_y = np.log(x), np.log(y)
    measured = np.diff(log_y) / np.diff(log_x)
    fits = np.flatnonzero(np.abs(measured - slope) < 0.2 * abs(slope))
    i = fits[0] if len(fits) else np.argmin(np.abs(measured - slope))
    width = np.exp((log_x[-1] - log_x[0]) / 5)
    low, high = ax.get_ylim()
    apart = (high / low) ** (-0.05 if slope > 0 else 0.05)
    slope_triangle(ax, x[i], y[i] * apart, slope, width)
