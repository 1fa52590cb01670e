"""The figures of notebook 14: learned terms, coefficients against thresholds, counts, forecasts."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

from course_lib import plotting

NAMES = ("bunnies", "foxes")


def learned_terms(product: Tensor, learned: Tensor, slopes: Sequence[float]):
    """Two panels: the network's two outputs [n, 2] against xy [n], with the true lines.

    >>> fig = learned_terms(torch.ones(3), torch.ones(3, 2), (-0.9, 0.8))
    >>> len(fig.axes)
    2
    """
    fig, axes = plt.subplots(1, 2, figsize=(11, 4.2))
    for j, ax in enumerate(axes):
        ax.plot(product, slopes[j] * product, color=plotting.COLORS["truth"], label="truth")
        style = {"ms": 5, "mfc": "none", "color": plotting.COLORS["model"]}
        ax.plot(product, learned[:, j], "s", label="network", **style)
        ax.set(xlabel="$xy$", ylabel=f"unknown term, {NAMES[j]}")
        ax.legend()
    return fig


def coefficient_paths(thresholds, paths: Mapping[str, Tensor], special: int, chosen: float):
    """A panel for each title: all coefficients [thresholds, k, 2] against the threshold.

    Args:
        special: the index of the term that is drawn in colour.
        chosen: where a vertical line stands.

    >>> fig = coefficient_paths([0.1, 0.2], {"a": torch.ones(2, 6, 2)}, special=4, chosen=0.1)
    >>> len(fig.axes[0].lines)
    13
    """
    fig, axes = plt.subplots(1, len(paths), figsize=(12, 4.2), sharey=True, squeeze=False)
    for ax, (title, coefs) in zip(axes[0], paths.items(), strict=True):
        ax.axvline(chosen, color="black", lw=1)
        for k in range(coefs.shape[1]):
            for j in range(2):
                style = {"color": plotting.COLORS["muted"], "ls": plotting.LINESTYLES[j], "lw": 1.2}
                if k == special:
                    style |= {"color": plotting.CYCLE[j], "lw": 2.5, "label": f"$xy$, {NAMES[j]}"}
                ax.plot(thresholds, coefs[:, k, j], **style)
        _threshold_axis(ax, title, [0.02, 0.05, 0.2, 1])
    axes[0, 0].set_ylabel("coefficient")
    plotting.legend(axes[0, -1])
    return fig


def recovery_counts(rows: Sequence[dict]):
    """How often exactly the right terms were found, from the network and from differences.

    >>> row = {"noise": 0.01, "samples": 61, "thresholds": [0.1], "network": [[True]]}
    >>> len(recovery_counts([row | {"differences": [[False]]}]).axes)
    2
    """
    fig, axes = plt.subplots(1, 2, figsize=(12, 4.2), sharey=True)
    for ax, way in zip(axes, ("network", "differences"), strict=True):
        for k, row in enumerate(rows):
            style = {"color": plotting.CYCLE[k], "marker": plotting.MARKERS[k], "ms": 6}
            style |= {"ls": plotting.LINESTYLES[k]}
            label = f"{100 * row['noise']:.0f}%, {row['samples']} samples"
            ax.plot(row["thresholds"], np.sum(row[way], 0), label=label, **style)
        _threshold_axis(ax, way, [0.02, 0.05, 0.15, 0.5])
    runs = len(rows[0]["network"])
    axes[0].set(ylabel=f"right, of {runs}", yticks=[0, runs / 2, runs], ylim=(-0.5, runs + 0.5))
    plotting.legend(axes[1])
    return fig


def forecasts(t: Tensor, truth: Tensor, models: Mapping[str, Tensor], seen: float):
    """A panel for each model: the first component, true and foretold; grey up to `seen`.

    >>> t = torch.linspace(0, 1, 5)
    >>> len(forecasts(t, torch.ones(5, 2), {"a": torch.ones(5, 2)}, seen=0.5).axes)
    1
    """
    size = (11, 0.8 + 1.9 * len(models))
    fig, axes = plt.subplots(len(models), figsize=size, sharex=True, sharey=True, squeeze=False)
    for ax, (name, u) in zip(axes[:, 0], models.items(), strict=True):
        ax.axvspan(0, seen, color="0.92")
        ax.plot(t, truth[:, 0], color=plotting.COLORS["truth"], label="truth")
        ax.plot(t, u[:, 0], "--", color=plotting.COLORS["model"], label=name)
        plotting.legend(ax)
    axes[len(models) // 2, 0].set_ylabel("bunnies $x$")
    axes[-1, 0].set(xlabel="time $t$", xlim=(0, float(t[-1])))
    return fig


def orbits_and_spectra(orbit: Tensor, other: Tensor, thetas: Mapping[str, Tensor]):
    """Two orbits [n, 2] in the plane; beside them singular values of scaled candidate matrices.

    >>> fig = orbits_and_spectra(torch.rand(9, 2), torch.rand(9, 2), {"one": torch.rand(9, 5)})
    >>> len(fig.axes)
    2
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4), width_ratios=(2, 3))
    left.plot(orbit[:, 0], orbit[:, 1], color=plotting.COLORS["truth"])
    turned = np.unwrap(np.arctan2(*(other - other.mean(0)).T.numpy()))
    other = other[np.abs(turned - turned[0]) <= 2 * np.pi]  # a second round would fill the dashes
    left.plot(other[:, 0], other[:, 1], "--", color=plotting.CYCLE[2])
    left.set(xlabel="bunnies $x$", ylabel="foxes $y$")
    for k, (name, theta) in enumerate(thetas.items()):
        values = torch.linalg.svdvals(theta / theta.norm(dim=0))
        style = {"color": plotting.CYCLE[2 * k], "marker": plotting.MARKERS[k]}
        place = range(1, len(values) + 1)
        right.semilogy(place, values, ls=plotting.LINESTYLES[k], label=name, **style)
    right.set(xlabel="number, from the largest", ylabel="singular value", xticks=place)
    plotting.legend(right)
    return fig


def _threshold_axis(ax, title: str, ticks: Sequence[float]) -> None:
    ax.set(xscale="log", xlabel=r"threshold $\lambda$", title=title)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
