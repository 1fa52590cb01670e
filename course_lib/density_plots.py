"""The figures of notebook 15: densities as maps, strips of equal mass, points carried by a flow."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from course_lib import plotting
from course_lib.densities import log_prob_on_grid

__all__ = ["carried", "density_map", "equal_mass", "kl_against_steps"]


def density_map(
    log_prob: Callable, ax, limit: float = 3.5, n: int = 121, peak: float | None = None
):
    """p as colours on [−limit, limit]², dark where there is none.

    Args:
        peak: the density that gets the brightest colour; the map's own largest if None.

    >>> from course_lib.flows import standard_log_prob
    >>> density_map(standard_log_prob, plt.subplots()[1]).images[0].get_array().shape
    (121, 121)
    """
    log_p = log_prob_on_grid(log_prob, limit, n)[1]
    values = log_p.exp().reshape(n, n).T.numpy()
    extent = (-limit, limit, -limit, limit)
    ax.imshow(values, origin="lower", extent=extent, cmap=plotting.SEQUENTIAL, vmin=0, vmax=peak)
    ax.set(xticks=[], yticks=[], aspect="equal")
    return ax


def equal_mass(g: Callable, quantiles: Sequence[float], ax_map, ax_x, ax_z):
    """Strips of equal mass under a Gaussian, and what the map x = g(z) makes of them.

    Args:
        g: increasing function of arrays.
        quantiles: standard normal quantiles that bound the strips, increasing.

    `ax_z` shows N(0, 1) over z, `ax_map` the graph of g, `ax_x` the density of x, turned by 90°.

    >>> axes = plt.subplots(1, 3)[1]
    >>> equal_mass(lambda z: 2 * z, [-1.0, 0.0, 1.0], *axes)
    >>> len(axes[2].collections), len(axes[1].collections)
    (2, 2)
    """
    z = np.linspace(-3, 3, 1201)
    normal = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    x, slope = g(z), np.gradient(g(z), z)
    ax_z.plot(z, normal, color=plotting.COLORS["truth"])
    ax_map.plot(z, x, color="k")
    ax_x.plot(normal / slope, x, color=plotting.COLORS["model"])
    for i, (low, high) in enumerate(pairwise(quantiles)):
        inside = (z >= low) & (z <= high)
        shade = {"alpha": (0.75, 0.3)[i % 2], "lw": 0}
        ax_z.fill_between(z[inside], normal[inside], color=plotting.COLORS["truth"], **shade)
        density = (normal / slope)[inside]
        ax_x.fill_betweenx(x[inside], density, color=plotting.COLORS["model"], **shade)
    for q in quantiles:
        ax_map.plot([q, q, 3.0], [x[0], g(q), g(q)], color="0.5", ls="-", lw=1, zorder=0)
    ax_z.set(xlabel="$z$", ylabel="$p(z)$", xlim=(-3, 3), ylim=0)
    ax_map.set(ylabel="$x = g(z)$", xlim=(-3, 3), ylim=(x[0], x[-1]))
    ax_x.set(xlabel="$p(x)$", ylim=(x[0], x[-1]), xlim=0)
    ax_x.tick_params(labelbottom=True)  # where columns share an axis, the one below is hidden


def carried(rows: Mapping[str, dict], limit: float = 3.5):
    """Points carried by a flow: one row of panels for each entry of `rows`.

    Args:
        rows: name → `times` [T], `states` [T, n, 2], and `log_prob(x, t)`, whose density is drawn
            behind the points; panel i shows the points at times[i] with their paths so far.

    >>> import torch
    >>> from course_lib.flows import standard_log_prob
    >>> row = {"times": [0.0, 1.0], "states": torch.zeros(2, 5, 2)}
    >>> row["log_prob"] = lambda x, t: standard_log_prob(x)
    >>> len(carried({"forward": row}).axes)
    2
    """
    columns = max(len(row["times"]) for row in rows.values())
    size = (2.9 * columns, 3.2 * len(rows))
    fig, axes = plt.subplots(len(rows), columns, figsize=size, squeeze=False)
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        states = row["states"].numpy()
        for i, (ax, t) in enumerate(zip(line, row["times"], strict=True)):
            density_map(lambda x, t=t, row=row: row["log_prob"](x, t), ax, limit, 81)
            if i:
                paths = np.moveaxis(states[: i + 1], 0, 1)[:40]
                edge = [withStroke(linewidth=1.8, foreground="black")]
                style = {"colors": "white", "linewidths": 0.9, "path_effects": edge}
                ax.add_collection(LineCollection(paths, **style))
            ax.plot(*states[i].T, "o", color="white", mec="black", ms=2.5, mew=0.4)
            ax.set(xlim=(-limit, limit), ylim=(-limit, limit), title=f"$t = {t:g}$")
        line[0].set_ylabel(name)
    return fig


def kl_against_steps(rows: Sequence[Mapping], ax):
    """KL against the number of steps of the solve, one curve a row, marked where it was trained.

    Args:
        rows: each with `N` (steps in training), `solved_with` and `kl`, lists of one length.

    >>> rows = [{"N": 2, "solved_with": [2, 4], "kl": [-0.5, 1.0]}]
    >>> kl_against_steps(rows, plt.subplots()[1]).lines[1].get_xydata().tolist()
    [[2.0, -0.5]]
    """
    for i, N in enumerate(sorted({row["N"] for row in rows})):
        style = {"color": plotting.CYCLE[i], "ls": plotting.LINESTYLES[i]}
        mark = {"color": plotting.CYCLE[i], "marker": plotting.MARKERS[i], "ms": 9, "ls": ""}
        for j, row in enumerate(row for row in rows if row["N"] == N):
            ax.plot(row["solved_with"], row["kl"], lw=1.5, **style)
            own = row["kl"][row["solved_with"].index(N)]
            ax.plot(N, own, label=None if j else f"trained with {N}", **mark)
    ax.axhline(0, color="0.5", lw=1)
    ax.set(xscale="log", xlabel="steps of RK4 in the solve", ylabel="KL")
    ax.set_xticks([1, 2, 3, 5, 10, 20], ["1", "2", "3", "5", "10", "20"])
    ax.xaxis.set_minor_locator(plt.NullLocator())
    ax.set_yscale("symlog", linthresh=0.1)
    ax.set_ylim(*(2 * end for end in ax.get_ylim()))  # room for the marks at either end
    return ax
