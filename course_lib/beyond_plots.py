"""The pictures of notebook 20, from arrays: driven paths, orders of convergence, wells, fronts."""

import matplotlib.pyplot as plt
import numpy as np

from course_lib import plotting

TRUTH = {"color": plotting.COLORS["truth"]}
MODEL = {"color": plotting.COLORS["model"], "ls": "--"}
MUTED = {"color": plotting.COLORS["muted"]}


def control_and_area(truth, points, paths: dict, times, areas, outward):
    """Left a curve [k, 2], what was seen of it [m, 2] and paths through that; right swept areas.

    Args:
        paths: name → [k, 2].
        times, areas: [n, m] each, one row a curve; `outward` [n] is true or false.

    >>> line = np.zeros((4, 2))
    >>> fig = control_and_area(line, line, {"linear": line}, line.T, line.T, [True, False])
    >>> len(fig.axes)
    2
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8))
    left.plot(*np.asarray(truth).T, lw=1.5, ls="-", label="true curve", **TRUTH)
    for k, (name, path) in enumerate(paths.items()):
        color = plotting.CYCLE[k + 1]
        left.plot(*np.asarray(path).T, lw=1.8, color=color, ls=("--", "-.")[k % 2], label=name)
    left.plot(*np.asarray(points).T, "o", color="black", ms=5, mfc="none", label="seen")
    left.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    left.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    named = {True: "outward", False: "inward"}
    for t, area, kind in zip(times, areas, outward, strict=True):
        style = {"color": plotting.CYCLE[0 if kind else 1], "ls": "-" if kind else "--"}
        right.plot(t, area, lw=1.5, label=named.pop(bool(kind), None), **style)
    right.axhline(0, lw=1, **MUTED)
    right.set(xlabel="time $t$", ylabel="swept area")
    right.legend(loc="upper left")
    return fig


def accuracy_by_size(found: dict, special: int):
    """Accuracy against the number of points seen: name → {m: accuracy}; a line at the training's.

    >>> fig = accuracy_by_size({"CDE": {3: 0.7, 20: 1.0}}, special=20)
    >>> fig.axes[0].get_ylabel()
    'accuracy'
    """
    fig, ax = plt.subplots(figsize=(8.5, 4.2))
    for k, (name, by_size) in enumerate(found.items()):
        style = {"color": plotting.CYCLE[k], "ls": plotting.LINESTYLES[k]}
        ax.plot(
            *zip(*by_size.items(), strict=True), label=name, marker=plotting.MARKERS[k], **style
        )
    ax.axvline(special, lw=1.2, ls=":", color="0.3")
    ax.set(xscale="log", xlabel="points seen of each curve", ylabel="accuracy", ylim=(0.45, 1.03))
    sizes = list(next(iter(found.values())))
    ax.set_xticks(sizes, [str(m) for m in sizes])
    ax.minorticks_off()
    ax.legend(loc="lower right")
    return fig


def orders(steps, strong: dict, weak_steps, weak: dict, slopes: tuple[dict, dict]):
    """Two log–log panels, mean distances of paths and distances of means, against the step.

    >>> one = {"a": [0.1, 0.2]}
    >>> fig = orders([0.5, 1.0], one, [0.5, 1.0], one, ({"a": 1}, {"a": 1}))
    >>> [ax.get_ylabel() for ax in fig.axes]
    ['mean error of a path', 'error of the mean']
    """
    fig, axes = plt.subplots(1, 2, figsize=(13, 4.8))
    found = ((steps, strong), (weak_steps, weak))
    labels = ("mean error of a path", "error of the mean")
    for ax, (hs, errors), slope, label in zip(axes, found, slopes, labels, strict=True):
        plotting.convergence(hs, errors, ax, slopes=slope, ylabel=label)
        bottom, top = ax.get_ylim()
        ax.set_ylim(bottom, top * (top / bottom) ** 0.3)  # room for the legend
        ax.legend(loc="upper left", fontsize="small")
    return fig


def wells(t, path, x, drift, diffusion, density):
    """A path over time; drift and diffusion, true and learned; densities, true and simulated.

    Args:
        x: places [k]; drift, diffusion: (true [k], learned [k]); density: (true [k], samples).

    >>> x = np.linspace(-1, 1, 5)
    >>> fig = wells(x, x, x, (x, x), (x, x), (x, x))
    >>> len(fig.axes)
    3
    """
    t, path, x = (np.asarray(values) for values in (t, path, x))
    fig, axes = plt.subplots(1, 3, figsize=(14, 4.2), width_ratios=(1.3, 1, 1))
    axes[0].plot(t, path, lw=0.8, color="black")
    axes[0].set(xlabel="time $t$", ylabel="$x$", title="one of eight paths")
    for k, (pair, name) in enumerate(((drift, "$f$"), (diffusion, "$g$"))):
        axes[1].plot(x, pair[0], ls="-", label="true" if k == 0 else None, **TRUTH)
        axes[1].plot(x, pair[1], label="learned" if k == 0 else None, **MODEL)
        axes[1].text(x[-1] + 0.08, float(pair[0][-1]), name, va="center")
    axes[1].axhline(0, lw=1, **MUTED)
    axes[1].set(xlabel="$x$", title="drift and diffusion", xlim=(x[0] - 0.1, x[-1] + 0.4))
    axes[1].legend(loc="upper right", fontsize="small")
    axes[2].plot(x, density[0], ls="-", label="exact", **TRUTH)
    axes[2].hist(
        np.asarray(density[1]), bins=30, range=(x[0], x[-1]), density=True, histtype="step", lw=2,
        label="learned SDE", **MODEL,
    )  # fmt: skip
    axes[2].set(xlabel="$x$", title="after a long time", ylim=(0, 1.0))
    axes[2].legend(loc="upper center", fontsize="small")
    return fig


def stable_and_not(x, first, states: dict):
    """A panel for each step size: the field at the start and at the end, name → [n].

    >>> fig = stable_and_not(np.arange(3), np.zeros(3), {"small": np.ones(3)})
    >>> fig.axes[0].get_title()
    'small'
    """
    fig, axes = plt.subplots(1, len(states), figsize=(12, 3.8), sharey=True, squeeze=False)
    for ax, (name, u) in zip(axes[0], states.items(), strict=True):
        ax.plot(x, first, lw=1.5, ls=":", color="black", label="start")
        ax.plot(x, u, lw=2, label="end", **(TRUTH | {"ls": "-"}))
        ax.set(title=name, xlabel="place $x$", ylim=(-0.6, 1.4))
    axes[0, 0].set_ylabel("$u$")
    axes[0, 0].legend(loc="upper right")
    return fig


def fronts(x, front, drop, u, sources: dict):
    """What models say of a front and of a small drop, and the sources they have learned.

    Args:
        front, drop: name → field [n] at the last time; the first is drawn solid.
        u, sources: values [k], and name → r(u) [k].

    >>> fields = {"truth": np.zeros(3), "one front": np.ones(3)}
    >>> fig = fronts(np.arange(3), fields, fields, np.arange(3), fields)
    >>> [ax.get_title() for ax in fig.axes]
    ['a front', 'a small drop', 'source $r(u)$']
    """
    fig, axes = plt.subplots(1, 3, figsize=(14, 4.4))
    titles = ("a front", "a small drop", "source $r(u)$")
    for ax, title, curves in zip(axes, titles, (front, drop, sources), strict=True):
        places = x if ax is not axes[2] else u
        for k, (name, values) in enumerate(curves.items()):
            color, style = plotting.CYCLE[k], ("-", "--", ":", "-.")[k]
            ax.plot(places, values, color=color, ls=style, label=name)
        ax.set(title=title, xlabel="place $x$" if ax is not axes[2] else "$u$")
    fig.legend(*axes[2].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    axes[0].set_ylabel("$u$")
    return fig
