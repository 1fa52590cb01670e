"""The pictures of notebook 13, from arrays: paths with observations, a bound, errors over time.

Times on axes are counted in turns; observations are circles, the truth is dashed.
"""

import matplotlib.pyplot as plt
import numpy as np

from course_lib import plotting

TURN = 2 * np.pi
TRUTH = {"color": plotting.COLORS["truth"], "ls": "--"}
MODEL = {"color": plotting.COLORS["model"]}


def panels(truth, observed, directions, samples=None, rival=None):
    """A panel a curve: truth [n, k, 2] with its start, observations, paths and crosses of a rival.

    Args:
        observed: [n, m, 2].
        directions: [n], negative for inward.
        samples: paths [samples, n, k, 2] of a model.
        rival: predictions [n, l, 2] of another.

    >>> truth, observed = np.zeros((4, 9, 2)), np.zeros((4, 5, 2))
    >>> [ax.get_title() for ax in panels(truth, observed, [1, 1, -1, -1]).axes]
    ['outward', 'outward', 'inward', 'inward']
    """
    n = len(truth)
    fig, axes = plt.subplots(1, n, figsize=(13, 4.2), sharex=True, sharey=True)
    for i, ax in enumerate(axes):
        if samples is not None:
            ax.plot(samples[:, i, :, 0].T, samples[:, i, :, 1].T, "-", lw=0.7, **MODEL)
            ax.plot([], [], "-", label="latent ODE, samples", **MODEL)
        ax.plot(*truth[i].T, lw=1.5, label="truth", **TRUTH)
        ax.plot(*truth[i, 0], "s", color=TRUTH["color"], ms=6, label="start")
        ax.plot(*observed[i].T, "o", color="black", ms=4, mfc="none", label="observed")
        if rival is not None:
            ax.plot(*rival[i].T, "x", color=plotting.CYCLE[2], ms=6, label="velocity GRU")
        ax.set(aspect="equal", title="inward" if directions[i] < 0 else "outward")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig


def bound(widths, fit, price, shifted, evidence):
    """Left the two terms of the bound against the width of q, right their sum and the evidence.

    Args:
        fit, price: mean log-likelihood and KL, one a width; the bound is their difference.
        shifted: the bound for a mean that is off.

    >>> fig = bound([0.5, 1, 2], [-3, -3, -4], [2, 1, 2], [-6, -5, -7], evidence=-4)
    >>> fig.axes[1].lines[0].get_ydata().tolist()  # fit − price
    [-5, -4, -6]
    """
    fit, price = np.asarray(fit), np.asarray(price)
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5))
    left.plot(widths, fit, "-", color=plotting.CYCLE[2], label="mean log-likelihood")
    left.plot(widths, -price, "--", color=plotting.CYCLE[3], label="−KL to the prior")
    right.plot(widths, fit - price, "-", label="ELBO", **MODEL)
    right.plot(widths, shifted, ":", label="ELBO, mean off by one $s$", **MODEL)
    right.axhline(evidence, label=r"$\log p(x)$", **TRUTH)
    right.set_ylim(evidence - 6, evidence + 1)
    for ax in (left, right):
        ax.set(xscale="log", xlabel="width of $q$, in posterior deviations", ylabel="nats")
        ax.legend(fontsize="small")
    return fig


def training(history, best: float):
    """What was monitored as `score`, `KL` and `error`; `best` is the score of the true path.

    >>> from course_lib.training import History
    >>> seen = {"score": [-2.0, -1.0], "KL": [1.0, 9.0], "error": [0.5, 0.1]}
    >>> fig = training(History(monitored_at=[1, 100], monitored=seen), best=-0.5)
    >>> [ax.get_title() for ax in fig.axes]
    ['log-likelihood per number', 'KL, nats per curve', 'RMSE after']
    """
    fig, axes = plt.subplots(1, 3, figsize=(13, 4))
    titles = ("log-likelihood per number", "KL, nats per curve", "RMSE after")
    for ax, name, title in zip(axes, ("score", "KL", "error"), titles, strict=True):
        ax.plot(history.monitored_at, history.monitored[name], "o-", **MODEL)
        ax.set(xlabel="step", title=title)
    axes[0].set_ylim(best - 5, best + 0.4)
    axes[0].axhline(best, label="true path", **TRUTH)
    axes[0].legend(loc="lower right")
    axes[2].set(yscale="log")
    return fig


def errors_by_size(found: dict):
    """Error against the number of observations: `found[name][m]` is an array, one entry a seed.

    >>> fig = errors_by_size({"latent ODE": {30: [0.06, 0.08], 100: [0.04, 0.04]}})
    >>> fig.axes[0].lines[0].get_ydata().round(2).tolist()  # means over seeds
    [0.07, 0.04]
    """
    fig, ax = plt.subplots(figsize=(9, 4.5))
    for i, (name, by_size) in enumerate(found.items()):
        style = {"color": plotting.CYCLE[i + 1], "marker": plotting.MARKERS[i]}
        means = [float(np.mean(np.asarray(values))) for values in by_size.values()]
        ax.plot(list(by_size), means, ls=plotting.LINESTYLES[i], label=name, **style)
        for m, values in by_size.items():
            ax.plot([m] * len(values), values, ls="", mfc="none", ms=5, **style)
    ax.set(xlabel="observations in the first turn", ylabel="RMSE, second turn", yscale="log")
    ax.set_xticks(list(by_size))
    ax.set_yticks([0.05, 0.1, 0.2, 0.4], ["0.05", "0.1", "0.2", "0.4"])
    ax.minorticks_off()
    plotting.legend(ax)
    return fig


def errors_in_time(t, errors: dict, observed=(0.0, TURN), ax=None, legend="upper right"):
    """RMSE over time, name → [len(t)]; the grey band is what was observed.

    >>> ax = errors_in_time(TURN * np.array([0, 1, 2]), {"latent ODE": [0.1, 0.1, 0.2]})
    >>> ax.lines[0].get_xdata().tolist()  # in turns
    [0.0, 1.0, 2.0]
    """
    ax = ax or plt.subplots(figsize=(9, 4))[1]
    for i, (name, error) in enumerate(errors.items()):
        ax.plot(t / TURN, error, ls=plotting.LINESTYLES[i], label=name)
    ax.axvspan(*(end / TURN for end in observed), color="0.92", zorder=0)
    ax.set(xlabel="time in turns; grey: observed", ylabel="RMSE", ylim=0)
    ax.legend(loc=legend)
    return ax


def between(rows):
    """Paths [7, k, 2] in a row of panels each: from one curve to another.

    >>> len(between(np.zeros((2, 7, 5, 2))).axes)
    14
    """
    fig, axes = plt.subplots(len(rows), 7, figsize=(13, 4.2), sharex=True, sharey=True)
    for line, paths in zip(axes, rows, strict=True):
        for ax, s, path in zip(line, np.linspace(0, 1, 7), paths, strict=True):
            ax.plot(*path.T, lw=1.5, **MODEL)
            ax.plot(*path[0], "s", ms=5, **MODEL)
            ax.set(aspect="equal", title=f"$s = {s:.2f}$", xticks=[], yticks=[])
    return fig


def beyond(t, truth, path, errors: dict, edge: float):
    """Left one curve [k, 2] that leaves the disc of radius `edge`; right errors over time.

    >>> curve, t = np.zeros((3, 2)), np.array([0.0, 1.0, 2.0])
    >>> len(beyond(t, curve, curve, {"model": t}, edge=1.0).axes)
    2
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8))
    left.add_patch(plt.Circle((0, 0), edge, color="0.92", zorder=0))
    left.plot(*truth.T, label="truth", **TRUTH)
    left.plot(*path.T, label="model", **MODEL)
    left.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    left.legend(loc="center", fontsize="small")
    errors_in_time(t, errors, ax=right, legend="upper left")
    return fig
