"""The figures of notebook 07, from arrays and callables: features of a flow, counts, intervals."""

import textwrap
from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch

from course_lib import plotting

__all__ = ["classes", "counts", "error_intervals", "features", "three_columns", "weights_in_time"]


def _style(k: int) -> dict:
    return {"color": plotting.CYCLE[k], "marker": plotting.MARKERS[k]}


def classes(x, y, ax):
    """Points [n, 2] or [n, 3], one colour and marker for each label [n].

    >>> ax = plt.subplots()[1]
    >>> len(classes(np.eye(2), np.array([0, 1]), ax).lines)
    2
    """
    for k in np.unique(y):
        ax.plot(*np.asarray(x)[np.asarray(y) == k].T, ls="", ms=4, alpha=0.8, **_style(int(k)))
    return ax


def features(x, y, w, b: float, ax):
    """States x [n, 2] or [n, 3] with the line, or plane, where w·x + b = 0.

    >>> ax = plt.subplots()[1]
    >>> line = features(np.eye(2), np.array([0, 1]), np.array([1.0, -1.0]), 0.0, ax).lines[-1]
    >>> bool(np.allclose(*line.get_data()))
    True
    """
    x, w = np.asarray(x), np.asarray(w)
    low, high = x.min(0), x.max(0)
    classes(x, y, ax)
    ax.set(xlabel="$x_1(T)$", ylabel="$x_2(T)$")
    if len(w) == 2:
        margin = 0.08 * (high - low)
        (x_low, y_low), (x_high, y_high) = low - margin, high + margin
        ax.set(xlim=(x_low, x_high), ylim=(y_low, y_high))
        foot, along = -b * w / (w @ w), np.array([-w[1], w[0]]) / np.linalg.norm(w)
        reach = 10 * np.linalg.norm(high - low)
        ends = np.stack([foot - reach * along, foot + reach * along])
        ax.plot(*ends.T, "k--", scalex=False, scaley=False)
        return ax
    steep = int(np.abs(w).argmax())  # the plane as a graph over the other two axes
    flat = [i for i in range(3) if i != steep]
    ends = [np.linspace(low[i], high[i], 2) for i in flat]
    grid = np.empty((3, 2, 2))
    grid[flat[0]], grid[flat[1]] = np.meshgrid(*ends)
    grid[steep] = -(w[flat[0]] * grid[flat[0]] + w[flat[1]] * grid[flat[1]] + b) / w[steep]
    ax.plot_surface(*grid, color="0.5", alpha=0.35)
    ax.set_zlabel("$x_3(T)$")
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.labelpad = 13
        axis.get_major_locator().set_params(nbins=4)
    ax.view_init(elev=14, azim=-60)
    ax.set_box_aspect(None, zoom=0.9)  # room for the third axis' label, which no layout counts
    return ax


def three_columns(rows: Mapping[str, dict], x, y, window: Sequence[float], empty: float):
    """Data, features at time T, predicted labels: one row of three panels for each model.

    Args:
        rows: name → `features` [n, d], `w` [d], `b`, `predict` (points → probability of class 1)
            and `wrong` [m, 2], points to be marked as errors.
        x, y: the data, [n, 2] and [n].
        window: limits of both axes of the plane.
        empty: the corner above this value in both directions is hatched: no data.

    >>> import torch
    >>> x, y = torch.randn(8, 2), torch.arange(8) % 2
    >>> net = {"features": x, "w": torch.ones(2), "b": 0.0, "wrong": x[:1]}
    >>> net["predict"] = lambda points: torch.sigmoid(points.sum(1))
    >>> len(three_columns({"net": net}, x, y, (-3, 3), 2.0).axes)
    3
    """
    fig = plt.figure(figsize=(13, 4.3 * len(rows)))
    panels = fig.add_gridspec(len(rows), 3, width_ratios=(1, 1.3, 1))
    for i, (name, row) in enumerate(rows.items()):
        left = classes(x, y, fig.add_subplot(panels[i, 0]))
        left.set(xlim=window, ylim=window, aspect="equal", xlabel="$x_1$")
        left.set_ylabel(f"{name}\n$x_2$")
        solid = {"projection": "3d"} if len(row["w"]) == 3 else {}
        middle = fig.add_subplot(panels[i, 1], **solid)
        features(row["features"], y, row["w"], row["b"], middle)
        right = fig.add_subplot(panels[i, 2])
        plotting.decision_map(row["predict"], window, window, right, bar=False)
        right.set_ylabel("")  # as on the left; the label of a third axis stands here
        if len(row["wrong"]):
            right.plot(*np.asarray(row["wrong"]).T, "x", color="k", ms=6, label="error")
            right.legend(loc="lower right", fontsize="small")
        for ax in (left, right):
            side = window[1] - empty
            ax.add_patch(plt.Rectangle((empty, empty), side, side, fill=False, hatch="//", lw=0))
        right.text(window[1], empty - 0.05, "no data ", ha="right", va="top", fontsize="small")
        if i == 0:
            left.set_title("data")
            middle.set_title("features at time $T$")
            right.set_title("predicted labels")
    return fig


def counts(runs: Mapping[str, tuple], ax_time, ax_both):
    """Evaluations while training, and backward against forward ones.

    Args:
        runs: name → (training steps, forward counts, backward counts).

    >>> axes = plt.subplots(1, 2)[1]
    >>> counts({"a": ([0, 1], [14, 20], [14, 20])}, *axes)
    >>> axes[0].get_xlabel()
    'training step'
    """
    for k, (name, (steps, forward, backward)) in enumerate(runs.items()):
        ax_time.plot(steps, forward, ls=plotting.LINESTYLES[k], ms=5, label=name, **_style(k))
        ax_both.plot(forward, backward, ls="", label=name, **_style(k))
    end = 1.05 * max(max(forward) for _, forward, _ in runs.values())
    for factor, word, line in ((1.0, "equal", "-"), (0.5, "half", ":")):
        ax_both.plot([0, end], [0, factor * end], line, color="0.5", lw=1.5)
        ax_both.text(end, factor * end, " " + word, color="0.4", va="center", fontsize="small")
    ax_time.set(xlabel="training step", ylabel="forward NFE", ylim=0)
    ax_both.set(xlabel="forward NFE", ylabel="backward NFE", xlim=0, ylim=0)
    plotting.legend(ax_both)


def weights_in_time(thetas: Mapping[str, Callable], T: float):
    """Each weight of θ(t), [n, m], over [0, T]: a panel for each entry of `thetas`.

    >>> axes = weights_in_time({"constant": lambda t: torch.ones(2, 2)}, 1.0)
    >>> axes[0].get_title(), len(axes[0].lines)
    ('constant', 4)
    """
    width = 4 * len(thetas)
    axes = plt.subplots(1, len(thetas), figsize=(width, 4), sharey=True, squeeze=False)[1][0]
    t = np.linspace(0, T, 401)
    for ax, (title, theta) in zip(axes, thetas.items(), strict=True):
        with torch.no_grad():
            values = np.stack([np.asarray(theta(s)) for s in t])
        for i, (row, column) in enumerate(np.ndindex(values.shape[1:])):
            label = f"$W_{{{row + 1}{column + 1}}}$"
            ax.plot(t, values[:, row, column], ls=plotting.LINESTYLES[i], label=label)
        ax.set(title=title, xlabel="time $t$")
    plotting.legend(axes[-1])
    return axes


def error_intervals(rates: Mapping[str, float], intervals: Mapping[str, Sequence[float]], ax):
    """Error rates in per cent with their intervals, side by side.

    >>> ax = error_intervals({"a": 0.03}, {"a": (0.02, 0.04)}, plt.subplots()[1])
    >>> ax.get_ylabel()
    'test error in %'
    """
    for i, (name, rate) in enumerate(rates.items()):
        ends = 100 * np.abs(np.array(intervals[name]) - rate)
        ax.errorbar(i, 100 * rate, ends[:, None], capsize=5, ms=9, ls="", **_style(i))
    names = [textwrap.fill(name, 12) for name in rates]
    ax.set_xticks(range(len(names)), names, fontsize="x-small")
    ax.set(ylabel="test error in %", ylim=0)
    return ax
