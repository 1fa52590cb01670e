"""The figures of notebook 19: pairs and paths, velocities at a place, rows of digits, marginals."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

from course_lib import plotting

__all__ = [
    "crossing",
    "digit_rows",
    "equal_quality",
    "medians",
    "over_time",
    "pair_lines",
    "time_to_quality",
    "trails",
]


def _frame(ax, limit: float):
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
    return ax


def pair_lines(z, x, ax, limit: float = 3.0):
    """Pairs (z, x), [n, 2] each, joined by straight lines: blue circles to black dots.

    >>> ax = pair_lines(np.zeros((3, 2)), np.ones((3, 2)), plt.subplots()[1])
    >>> len(ax.collections[0].get_segments())
    3
    """
    z, x = np.asarray(z), np.asarray(x)
    ax.add_collection(LineCollection(np.stack([z, x], 1), colors="0.55", linewidths=1))
    ax.plot(*z.T, "o", color=plotting.COLORS["truth"], ms=5)
    ax.plot(*x.T, ".", color=plotting.COLORS["data"], ms=6)
    return _frame(ax, limit)


def crossing(place, velocities, ax, limit: float = 2.0):
    """Arrows, a third as long as the velocities [n, 2] of pairs at a place [2], and their mean.

    >>> ax = crossing(np.zeros(2), np.eye(2), plt.subplots()[1])
    >>> [len(arrows.U) for arrows in ax.collections]
    [2, 1]
    """
    place, velocities = np.asarray(place), np.asarray(velocities)
    style = {"angles": "xy", "scale_units": "xy", "scale": 3}
    start = np.broadcast_to(place, velocities.shape)
    mean = velocities.mean(0)
    thin = {"color": "0.55", "width": 0.005, "label": "of one pair"}
    bold = {"color": plotting.COLORS["model"], "width": 0.014, "label": "their mean"}
    ax.quiver(*start.T, *velocities.T, **style, **thin)
    ax.quiver(*place, *mean, **style, **bold)
    return _frame(ax, limit)


def trails(states, ax, shown: int = 40, limit: float = 3.0):
    """Where points end, and the ways of the first `shown`; states [times, n, 2].

    >>> ax = trails(np.zeros((4, 9, 2)), plt.subplots()[1], shown=5)
    >>> len(ax.collections[0].get_segments()), len(ax.lines[0].get_xdata())
    (5, 9)
    """
    states = np.asarray(states)
    ax.plot(*states[-1].T, ".", color=plotting.COLORS["model"], ms=3)
    ways = np.moveaxis(states[:, :shown], 0, 1)
    ax.add_collection(LineCollection(ways, colors="0.3", linewidths=1))
    ax.plot(*states[0, :shown].T, "o", color=plotting.COLORS["truth"], ms=4)
    return _frame(ax, limit)


def digit_rows(rows: Mapping[str, object]):
    """Rows of 8 × 8 images, [n, 64] each, with their names on the left.

    >>> fig = digit_rows({"noise": np.zeros((5, 64)), "more": np.zeros((5, 64))})
    >>> [ax.get_ylabel() for ax in fig.axes]
    ['noise', 'more']
    """
    n = max(len(images) for images in rows.values())
    size = (0.72 * n + 1.8, 0.95 * len(rows))
    fig, axes = plt.subplots(len(rows), 1, figsize=size, squeeze=False)
    for ax, (name, images) in zip(axes[:, 0], rows.items(), strict=True):
        plotting.image_row(images, ax=ax)
        ax.images[0].set_clim(0, 16)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    return fig


def over_time(rows: Mapping[str, tuple], x, density, limit: float = 3.0):
    """One-dimensional paths over time, drawn on the density they should have.

    Args:
        rows: title → (times [m], states [m, n]); twelve of the paths are drawn.
        x, density: places [k] and the density there at m equally spaced times, [m, k].

    >>> row = (np.linspace(0, 1, 3), np.zeros((3, 20)))
    >>> fig = over_time({"a": row}, np.linspace(-3, 3, 5), np.ones((3, 5)))
    >>> len(fig.axes), len(fig.axes[0].lines)
    (2, 12)
    """
    widths = [*[3] * len(rows), 1]
    fig, axes = plt.subplots(1, len(rows) + 1, figsize=(13, 4.2), sharey=True, width_ratios=widths)
    density = np.asarray(density)
    for k, (ax, (title, (times, states))) in enumerate(zip(axes, rows.items(), strict=False)):
        extent = (0, 1, x[0], x[-1])
        image = density.T**0.5  # the root, so that the thin places show as well
        ax.imshow(image, origin="lower", extent=extent, aspect="auto", cmap="Blues", alpha=0.5)
        color = plotting.CYCLE[(1, 2)[k % 2]]
        ax.plot(times, np.asarray(states)[:, :12], color=color, ls="-", lw=1.2)
        ax.set(title=title, xlabel="time $t$", xlim=(0, 1), ylim=(-limit, limit))
        axes[-1].hist(
            np.asarray(states)[-1], bins=60, range=(-limit, limit), density=True, color=color,
            orientation="horizontal", histtype="step", lw=2, ls=("-", "--")[k % 2],
        )  # fmt: skip
    axes[-1].plot(density[-1], x, color="black", lw=1)
    axes[-1].set(title="at $t = 1$", xlabel="density")
    axes[0].set_ylabel("$x_1$")
    return fig


def medians(rows, method: str):
    """(CPU seconds, quality), medians over the seeds, in the order of the updates.

    Args:
        rows: dicts with `method`, `updates`, `cpu_seconds` and `quality`.

    >>> rows = [{"method": "a", "updates": 5, "cpu_seconds": 1.0, "quality": 0.5}]
    >>> medians(rows, "a")
    (array([1.]), array([0.5]))
    """
    own = [row for row in rows if row["method"] == method]
    groups = [
        [(row["cpu_seconds"], row["quality"]) for row in own if row["updates"] == updates]
        for updates in sorted({row["updates"] for row in own})
    ]
    middle = np.array([np.median(group, axis=0) for group in groups])
    return middle[:, 0], middle[:, 1]


def equal_quality(rows):
    """(the best quality that all methods reach, method → CPU seconds until it is reached).

    Read off on the lines through the medians, between runs on a logarithmic scale of seconds;
    quality has to fall from one number of updates to the next.

    Args:
        rows: as for `medians`.

    Raises:
        ValueError: a method whose median quality does not fall.

    >>> rows = [{"method": m, "updates": u, "cpu_seconds": s, "quality": q}
    ...         for m, u, s, q in [("a", 1, 1, 0.9), ("a", 2, 4, 0.1), ("b", 1, 9, 0.5)]]
    >>> level, seconds = equal_quality(rows)
    >>> level, {name: round(s, 6) for name, s in seconds.items()}
    (0.5, {'a': 2.0, 'b': 9.0})
    """
    curves = {method: medians(rows, method) for method in sorted({row["method"] for row in rows})}
    for method, (_, quality) in curves.items():
        if (np.diff(quality) >= 0).any():
            raise ValueError(f"more updates by {method} don't lower its quality: {quality}")
    level = max(quality[-1] for _, quality in curves.values()).item()
    return level, {
        method: np.exp(np.interp(-level, -quality, np.log(seconds))).item()
        for method, (seconds, quality) in curves.items()
    }


def time_to_quality(rows, ax, ylabel: str):
    """Quality against CPU seconds: a hollow mark for each run, lines through the medians.

    Args:
        rows: as for `medians`.

    >>> rows = [{"method": "a", "updates": 5, "cpu_seconds": 1.0, "quality": 0.5}]
    >>> time_to_quality(rows, plt.subplots()[1], "KL").get_xlabel()
    'CPU seconds of training'
    """
    for k, method in enumerate(sorted({row["method"] for row in rows})):
        style = {"color": plotting.CYCLE[k], "marker": plotting.MARKERS[k]}
        points = [(r["cpu_seconds"], r["quality"]) for r in rows if r["method"] == method]
        ax.plot(*np.transpose(points), ls="", ms=5, mfc="none", **style)
        ax.plot(*medians(rows, method), ls=plotting.LINESTYLES[k], label=f"by {method}", **style)
    ax.set(xscale="log", xlabel="CPU seconds of training", ylabel=ylabel)
    ticks = [0.5, 1, 2, 5, 10, 20]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.xaxis.set_minor_locator(plt.NullLocator())
    return ax
