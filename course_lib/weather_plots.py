"""The figures of notebook 11, from arrays: channels with holes, gaps, errors with intervals."""

import matplotlib.pyplot as plt
import numpy as np

from course_lib import plotting

__all__ = ["channels", "coverage", "differences", "errors_by_lead", "fans", "gap_map", "study"]

GREY = plotting.COLORS["muted"]
SPLITS = {"train": GREY, "validation": plotting.CYCLE[4], "test": plotting.CYCLE[0]}


def channels(times, y, kept, labels, fills=None, columns=4):
    """One panel for each channel of y [n, d]: kept samples filled, lost ones hollow.

    Args:
        fills: name → values [n, d] drawn as lines.

    >>> fig = channels(range(3), np.zeros((3, 2)), np.array([True, False, True]), ["a", "b"])
    >>> len(fig.axes)
    2
    """
    times, y, kept = (np.asarray(part) for part in (times, y, kept))
    rows = -(-y.shape[1] // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(3.4 * columns, 2.7 * rows), sharex=True, squeeze=False
    )
    for j, ax in enumerate(axes.flat[: y.shape[1]]):
        for i, (name, values) in enumerate((fills or {}).items()):
            color, style = ((GREY, "--"), (plotting.COLORS["model"], "-"))[i % 2]
            ax.plot(times, np.asarray(values)[:, j], style, color=color, lw=2, label=name)
        ax.plot(times[kept], y[kept, j], "o", color="black", ms=3.5, label="kept")
        ax.plot(
            times[~kept], y[~kept, j], "o", mfc="white", mec=plotting.CYCLE[0], ms=4.5, label="lost"
        )
        ax.set_title(labels[j], fontsize="small")
        ax.set_xticks(range(0, int(times[-1]) + 24, 24))
        ax.tick_params(labelsize="small")
    for ax in axes.flat[y.shape[1] :]:
        ax.remove()
    for ax in axes.flat[max(0, y.shape[1] - columns) : y.shape[1]]:  # the lowest of each column
        ax.tick_params(labelbottom=True)
    for ax in axes[-1]:
        ax.set_xlabel("hours", fontsize="small")
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper center", ncols=4, fontsize="small")
    return fig


def gap_map(missing, split, labels, day=24):
    """Share of missing hours for each day and channel, under the parts of the year, a row each.

    Args:
        missing: boolean [hours, d].
        split: the part that each hour belongs to [hours].

    >>> fig = gap_map(np.zeros((48, 2), bool), np.array(["train"] * 48), ["a", "b"])
    >>> [text.get_text() for text in fig.axes[0].get_yticklabels()]
    ['train', 'validation', 'test']
    """
    n = len(missing) // day
    share = np.asarray(missing[: n * day], float).reshape(n, day, -1).mean(1).T
    fig, (strip, ax) = plt.subplots(2, 1, figsize=(11, 4.6), height_ratios=(1, 5), sharex=True)
    for row, (name, color) in enumerate(SPLITS.items()):
        days = np.flatnonzero(np.asarray(split[: n * day : day]) == name)
        strip.bar(days, 0.8, width=1.0, bottom=row - 0.4, color=color)
    strip.set_yticks(range(len(SPLITS)), SPLITS, fontsize="x-small")
    strip.invert_yaxis()
    image = ax.imshow(
        share, aspect="auto", cmap="viridis_r", vmin=0, vmax=1, interpolation="nearest"
    )
    ax.set_yticks(range(len(labels)), labels, fontsize="x-small")
    ax.set_xlabel("day of 2013")
    fig.colorbar(image, ax=[strip, ax], label="share missing", shrink=0.8)
    return fig


def coverage(axes, clouds, labels):
    """In each panel a grey cloud of dots and crosses on it: pairs of arrays [n, 2].

    >>> clouds, labels = [(np.eye(2), np.eye(2))], [("a", "b", "all", "few")]
    >>> axes = coverage(plt.subplots(1, 1)[1:], clouds, labels)
    >>> axes[0].get_xlabel()
    'a'
    """
    for ax, (many, few), (x, y, name, other) in zip(axes, clouds, labels, strict=True):
        ax.plot(*np.asarray(many).T, ".", color=GREY, ms=1.5, rasterized=True, label=name)
        ax.plot(*np.asarray(few).T, "x", color=plotting.CYCLE[0], ms=4, mew=0.9, label=other)
        ax.set(xlabel=x, ylabel=y)
        ax.legend(
            loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=2, fontsize="small", markerscale=2
        )
    return axes


def fans(axes, hours, truth, runs, others=None):
    """Forecasts with the spread over seeds: truth [n], runs [seeds, n] for each panel.

    Args:
        others: for each panel name → forecast [≤ n].

    >>> axes = fans([plt.subplots()[1]], [1, 2], [[0.0, 1.0]], [np.zeros((5, 2))])
    >>> len(axes[0].lines)
    2
    """
    hours = np.asarray(hours)
    for k, ax in enumerate(axes):
        ax.plot(hours, truth[k], "-", color=plotting.COLORS["truth"], label="observed later")
        for i, (name, line) in enumerate((others[k] if others else {}).items()):
            ax.plot(
                hours[: len(line)],
                line,
                ("--", ":")[i % 2],
                lw=1.8,
                color=plotting.CYCLE[2 + i],
                label=name,
            )
        run = np.asarray(runs[k])
        ax.fill_between(
            hours, run.min(0), run.max(0), color=plotting.COLORS["model"], alpha=0.35, lw=0
        )
        marked = {"marker": "o", "markevery": 3, "ms": 5}
        model = plotting.COLORS["model"]
        ax.plot(hours, run.mean(0), "-", color=model, lw=2, label="neural ODE", **marked)
        ax.set_xlabel("hours after the issue")
    return axes


def errors_by_lead(ax, curves):
    """Root mean square error against lead, 1, 2, … hours: name → values [leads].

    >>> errors_by_lead(plt.subplots()[1], {"ridge": [0.3, 0.5]}).get_xlabel()
    'lead (hours)'
    """
    for i, (name, values) in enumerate(curves.items()):
        style = plotting.LINESTYLES[i % len(plotting.LINESTYLES)]
        hours = range(1, len(values) + 1)
        ax.plot(hours, values, linestyle=style, color=plotting.CYCLE[i % 7], label=name)
    ax.set(xlabel="lead (hours)", ylabel="error (sd)", xticks=[1, 6, 12, 18, 24], ylim=(0, None))
    ax.legend(fontsize="small", ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax


def differences(ax, groups):
    """Differences with intervals, a row for each: group → {name: (value, low, high)}.

    >>> ax = differences(plt.subplots()[1], {"0%": {"ridge": (0.1, -0.1, 0.3)}})
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['0%']
    """
    names = list(next(iter(groups.values())))
    for i, rows in enumerate(groups.values()):
        for k, name in enumerate(names):
            value, low, high = rows[name]
            y = i + 0.17 * (k - (len(names) - 1) / 2)
            ax.errorbar(
                value,
                y,
                xerr=[[value - low], [high - value]],
                color=plotting.CYCLE[k],
                fmt=plotting.MARKERS[k],
                ms=6,
                lw=1.8,
                label=name if i == 0 else None,
            )
    ax.axvline(0, color=GREY, lw=1)
    ax.set_yticks(range(len(groups)), list(groups))
    ax.invert_yaxis()
    ax.legend(fontsize="small", ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax


def study(left, right, rows):
    """Errors by horizon of the loss, and against how calm a penalty (its weight) makes the flow.

    Args:
        rows: those of data/results/weather_study.json.

    >>> from course_lib import results
    >>> axes = study(*plt.subplots(1, 2)[1], results.load("weather_study")["rows"])
    >>> axes[1].get_ylabel()
    'error, all leads (sd)'
    """
    horizons = {r["horizon"]: r for r in rows if r["part"] == "horizon"}
    for i, lead in enumerate((1, 6, 24)):
        line = [np.mean(r[f"lead {lead}"]) for r in horizons.values()]
        left.plot(list(horizons), line, marker=plotting.MARKERS[i], label=f"{lead} h")
    left.axhline(1, color=GREY, ls=":")
    left.set(xlabel="horizon of the loss", ylabel="error (sd)", ylim=(0, None))
    left.legend(title="lead", fontsize="small", ncols=3, loc="lower center")
    free = horizons["1 → 24 h"]
    for i, (kind, name) in enumerate({"kinetic": "kinetic", "jacobian": "Jacobian"}.items()):
        runs = [free, *(r for r in rows if r.get("penalty") == kind)]
        calm = [np.mean(r[kind]) / np.mean(free[kind]) for r in runs]
        right.plot(calm, [np.mean(r["test"]) for r in runs], marker=plotting.MARKERS[i], label=name)
        for share, r in zip(calm[1:], runs[1:], strict=True):
            right.annotate(
                f"{r['weight']:g}",
                (share, np.mean(r["test"])),
                xytext=(7, 3) if r is runs[-1] else (7, -16),  # off the line
                textcoords="offset points",
                fontsize="small",
            )
    right.margins(y=0.15)
    right.set(xlabel="$E$ or $R$, share of the free flow's", ylabel="error, all leads (sd)")
    right.legend(title="penalty", fontsize="small")
    return left, right
