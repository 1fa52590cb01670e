"""The explorer of notebook 11: forecasts from a history with holes, beside their baselines.

Eighteen forecasts are made at each setting, one for each test block; the left panel shows one of
them, the right one the errors over all. The models are those that experiments/weather.py stored.
"""

from functools import lru_cache

import numpy as np
import torch

from course_lib import plotting
from course_lib.sequences.forecasting import persistence, stored_models
from course_lib.sequences.gaps import lose
from course_lib.sequences.record import HISTORY, LEADS, new_york
from course_lib.widgets.base import Explorer, Slider, register

__all__ = ["forecast_explorer"]

SHOWN, CHANNEL = 15, "temperature JFK"  # a block in November: a front, and a cold night after it
LONGEST = 60  # hours; a test block has 72
PLACES = {"left": 0.075, "right": 0.985, "bottom": 0.165, "top": 0.85, "wspace": 0.45}


@lru_cache
def _record():
    return new_york(torch.float32)


@lru_cache
def _issues() -> torch.Tensor:
    """The hour before each test block."""
    test = torch.as_tensor(_record().split == "test")
    starts = (test[1:] & ~test[:-1]).nonzero().flatten()
    return starts[starts + LONGEST < len(test) - 1]


_models = lru_cache(stored_models)


@lru_cache(maxsize=64)
def forecasts(lost: float, gap: float, horizon: int):
    """What was kept [hours], the truth and its mask, and name → forecasts [blocks, horizon, 15].

    Only the neural ODE (a list of five) reaches beyond 24 hours; the others end there.
    """
    record, issue = _record(), _issues()
    kept = torch.ones(len(record.times), dtype=torch.bool)
    for k, i in enumerate(issue.tolist()):
        generator = torch.Generator().manual_seed(2800 + k)
        kept[i - HISTORY + 1 : i + 1] = lose(HISTORY, lost, generator, gap)
    windows = record.at(issue, kept)
    damped, ridge, flows = _models()
    with torch.no_grad():
        made = {
            "persistence": persistence(record, windows)[:, :horizon],
            "damped anomaly": damped(windows)[:, :horizon],
            "ridge": ridge(windows)[:, :horizon],
        }
        hours = torch.arange(horizon + 1.0)
        # half as many steps as in training: it changes errors by less than 0.001
        paths = [flow.path(windows, hours, step=6.0)[1:, :, : flow.dim] for flow in flows]
        made["neural ODE"] = torch.stack(paths).movedim(2, 1)
    ahead = issue[:, None] + torch.arange(1, horizon + 1)
    return kept, record.anomaly[ahead], record.mask[ahead], made


def block_sums(lost: float, gap: float, horizon: int) -> dict[str, np.ndarray]:
    """For each method, block and lead the sum of squared errors, and of how many [18, leads, 2].

    Of the neural ODE it is the mean over its five forecasts.
    """
    _, truth, mask, made = forecasts(lost, gap, horizon)
    found = {}
    for name, forecast in {"climatology": torch.zeros_like(truth), **made}.items():
        leads = forecast.shape[-2]
        square = ((forecast - truth[:, :leads]).square() * mask[:, :leads]).sum(-1)
        total = square.mean(0) if square.dim() == 3 else square
        found[name] = torch.stack([total, mask[:, :leads].sum(-1)], -1).numpy()
    return found


def errors(lost: float, gap: float, horizon: int) -> dict[str, float]:
    """Root mean square error of each method over the leads that all of them reach."""
    sums = block_sums(lost, gap, horizon)
    totals = {name: part[:, :LEADS].sum((0, 1)) for name, part in sums.items()}
    return {name: float((total / count) ** 0.5) for name, (total, count) in totals.items()}


def _draw(fig, lost: float, gap: float, horizon: int) -> str:
    # Places by hand: looking for them (constrained layout) would take a third of the time.
    fig.set_layout_engine("none")
    left, right = fig.subplots(1, 2, width_ratios=[5, 2], gridspec_kw=PLACES)
    record, issue = _record(), int(_issues()[SHOWN])
    kept, _, _, made = forecasts(lost, gap, horizon)
    j = record.names.index(CHANNEL)
    unit = lambda hours, x: record.climate[hours, j] + record.scale[j] * x  # noqa: E731

    past, future = torch.arange(issue - HISTORY + 1, issue + 1), torch.arange(1, horizon + 1)
    seen = kept[past] & record.mask[past, j]
    known = unit(past, record.anomaly[past, j])
    left.plot(past[seen] - issue, known[seen], "o", color=plotting.COLORS["data"], ms=5)
    left.plot(past[~seen] - issue, known[~seen], "o", mfc="none", color="0.7", ms=5)
    left.plot(
        future,
        unit(issue + future, record.anomaly[issue + future, j]),
        "-",
        color=plotting.COLORS["truth"],
        lw=2.5,
        label="observed later",
    )
    left.plot(
        future, record.climate[issue + future, j], ":", color="0.5", lw=1.5, label="climatology"
    )
    for i, name in enumerate(("damped anomaly", "ridge")):
        line = made[name][SHOWN, :, j]
        hours = future[: len(line)]
        left.plot(
            hours,
            unit(issue + hours, line),
            ("-.", "--")[i],
            lw=1.8,
            color=plotting.CYCLE[3 + i],
            label=name,
        )
    runs = unit(issue + future, made["neural ODE"][:, SHOWN, :, j])
    left.fill_between(
        future, runs.amin(0), runs.amax(0), color=plotting.COLORS["model"], alpha=0.35, lw=0
    )
    model = {"color": plotting.COLORS["model"], "marker": "o", "markevery": 3, "ms": 5}
    left.plot(future, runs.mean(0), lw=2, label="neural ODE", **model)
    left.axvline(0, color="0.8", lw=1)
    left.set(
        xlabel="hours after the issue",
        xlim=(-24, max(LEADS, horizon)),
    )
    left.set_ylabel("temperature, JFK (°C)", fontsize="small")
    close = {"columnspacing": 0.8, "handlelength": 1.4, "handletextpad": 0.4}
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize="x-small", ncols=3, **close)

    score = errors(lost, gap, horizon)
    right.barh(list(score), list(score.values()), color=["0.75"] * 4 + [plotting.COLORS["model"]])
    for i, value in enumerate(score.values()):
        right.text(value + 0.02, i, f"{value:.2f}", va="center", fontsize="small")
    right.invert_yaxis()
    right.set(xlim=(0, 1.35))
    right.set_xlabel(f"error, first {min(horizon, LEADS)} h (sd)", fontsize="small", loc="right")
    right.tick_params(axis="y", labelsize="small")
    gain = score["ridge"] - score["neural ODE"]
    return (
        f"{len(past) - int(seen.sum())} of the 24 hours are missing. Over 18 test blocks, ridge − "
        f"neural ODE: {gain:+.3f} standard deviations."
    )


forecast_explorer = register(
    Explorer(
        "forecast_explorer",
        _draw,
        controls={
            "lost": Slider("share of hours lost", 0.0, 0.9, 0.1, 0.3, fmt=".1f"),
            "gap": Slider("mean length of a gap (h)", 1, 12, 1, 2),
            "horizon": Slider("horizon (h)", 3, LONGEST, 3, 24),
        },
        presets={
            "All hours": {"lost": 0.0, "gap": 1},
            "Half lost, one by one": {"lost": 0.5, "gap": 1},
            "Half lost, in long gaps": {"lost": 0.5, "gap": 12},
            "One hour in ten left": {"lost": 0.9, "gap": 10},
            "Beyond the training": {"lost": 0.3, "horizon": LONGEST},
        },
        ask="Which hurts a forecast more: many short gaps, or a few long ones of the same total?",
        try_this="Is there a setting at which ridge and the neural ODE differ by more than 0.05? "
        "Then move the horizon beyond 24 hours.",
        figsize=(10, 4.2),
    )
)
