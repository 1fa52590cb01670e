"""The sampling explorer of notebook 06: what three models say at the samples, and between them.

Each combination of the controls has its own three networks, trained beforehand by
experiments/sampling_explorer.py on data sampled in the same way (0.2 MB in data/weights).
"""

from functools import cache, lru_cache

import torch
from torch.nn.utils import vector_to_parameters

from course_lib import plotting
from course_lib.metrics import rmse
from course_lib.nets import MLP
from course_lib.results import load_weights
from course_lib.sequences import flow, observe, pairs, rollout, sample_times, spread_starts
from course_lib.solvers import odeint_dense
from course_lib.systems import van_der_pol
from course_lib.widgets.base import Choice, Explorer, register

__all__ = ["sampling_explorer"]

GAPS = (0.1, 0.2, 0.4, 0.8)
IRREGULARITIES = {"none": 0.0, "some": 0.5, "wholly random": 1.0}
NOISES = (0.0, 0.05, 0.2)
MODELS = ("NN map", "ResNet map", "neural ODE")
RING = van_der_pol()
DTYPE = torch.float64
T_END = 8.0


def key(model: str, gap: float, irregularity: str, noise: float) -> str:
    """The name under which a network's weights are stored."""
    return f"{model}|{gap}|{irregularity}|{noise}"


def new_net() -> MLP:
    """An untrained network 2-16-16-2 in double precision, the same one each time."""
    return MLP([2, 16, 16, 2], generator=torch.Generator().manual_seed(1)).to(DTYPE)


def step_of(model: str, net):
    """`step(x, gap)` of a model with this network; the maps ignore the gap."""
    steps = {
        "NN map": lambda x, gap: net(x),
        "ResNet map": lambda x, gap: x + net(x),
        "neural ODE": lambda x, gap: flow(net, x, gap, steps=8),
    }
    return steps[model]


def training_pairs(gap: float, irregularity: str, noise: float):
    """Pairs of neighbouring samples from 36 trajectories, each about four units of time long."""
    generator = torch.Generator().manual_seed(0)
    starts = spread_starts(6, 3.0, generator).to(DTYPE)
    m = round(4 / gap)
    times = sample_times(36, m, gap, generator, IRREGULARITIES[irregularity]).to(DTYPE)
    return pairs(times, observe(RING, starts, times, noise, generator))


@lru_cache
def _truth() -> tuple[torch.Tensor, torch.Tensor]:
    """Times [401] and exact states [401, 2] of a trajectory that no model was trained on."""
    t = torch.linspace(0, T_END, 401, dtype=DTYPE)
    return t, _solution()(t)


@lru_cache
def _solution():
    """That trajectory as a function of time."""
    start = torch.tensor([1.0, 2.0], dtype=DTYPE)
    return odeint_dense(RING.func, start, 0.0, T_END, rtol=1e-9, atol=1e-9)


@cache
def _stored() -> dict[str, torch.Tensor]:
    return load_weights("sampling_explorer")


@lru_cache(maxsize=64)
def predictions(gap: float, irregularity: str, noise: float) -> dict:
    """Everything the picture shows of one setting.

    Returns:
        "times" [m], "samples" [m, 2] and "states" [m, 2] (without noise) of the held-out
        trajectory; each map's name: its states [m, 2] at the samples; "neural ODE": its curve
        [401, 2] at the times of `_truth`, and "neural ODE at samples" [m, 2].
    """
    generator = torch.Generator().manual_seed(7)
    t, exact = _truth()
    m = round(2 * T_END / gap)
    times = sample_times(1, m, gap, generator, IRREGULARITIES[irregularity]).to(DTYPE)
    times = times[0, times[0] <= T_END + 1e-9].clamp(max=T_END)
    states = _solution()(times)
    found = {"times": times, "states": states}
    found["samples"] = states + noise * torch.randn(states.shape, generator=generator)
    for model in MODELS:
        net = new_net()
        weights = _stored()[key(model, gap, irregularity, noise)].to(DTYPE)
        vector_to_parameters(weights, net.parameters())
        with torch.no_grad():
            if model == "neural ODE":
                curve = odeint_dense(
                    lambda s, z, f=net: f(z), exact[0], 0.0, T_END, rtol=1e-4, atol=1e-4
                )
                found[model], found[f"{model} at samples"] = curve(t), curve(times)
            else:
                step = step_of(model, net)
                found[model] = rollout(lambda x, step=step: step(x, None), exact[0], len(times) - 1)
    return found


def _draw(fig, gap: float, irregularity: str, noise: float) -> str:
    """Position over time: truth, samples, the maps' points and the neural ODE's curve."""
    found, ax = predictions(gap, irregularity, noise), fig.subplots()
    t, exact = _truth()
    times = found["times"]
    ax.plot(t, exact[:, 0], "-", color=plotting.COLORS["truth"], label="truth")
    ax.plot(t, found["neural ODE"][:, 0], "--", color=plotting.COLORS["model"], label="neural ODE")
    ax.plot(times, found["samples"][:, 0], "o", color="black", ms=6, mfc="none", label="samples")
    for model, marker, color, size in [("NN map", "v", 2, 12), ("ResNet map", "s", 3, 5)]:
        style = {"color": plotting.CYCLE[color], "ms": size, "zorder": 4}
        style |= {"mfc": "none"} if marker == "v" else {}
        ax.plot(times, found[model][:, 0], marker, label=model, **style)
    ax.set(xlabel="time $t$", ylabel="position $q$", xlim=(-0.15, T_END + 0.15), ylim=(-3.2, 3.2))
    plotting.legend(ax)
    names = {"NN map": "NN map", "ResNet map": "ResNet map", "neural ODE at samples": "neural ODE"}
    at = ", ".join(
        f"{name} {rmse(found[entry], found['states']):.3f}" for entry, name in names.items()
    )
    between = rmse(found["neural ODE"], exact)
    return f"Error at the samples: {at}. Between them: neural ODE {between:.3f}; maps say nothing."


sampling_explorer = register(
    Explorer(
        "sampling_explorer",
        _draw,
        controls={
            "gap": Choice("mean gap Δt", GAPS, 0.4),
            "irregularity": Choice("irregularity", list(IRREGULARITIES), "none"),
            "noise": Choice("noise", NOISES, 0.0),
        },
        presets={
            "Irregular": {"irregularity": "wholly random"},
            "Sparse": {"gap": 0.8},
            "Noisy and dense": {"gap": 0.1, "noise": 0.2},
            "Everything": {"gap": 0.8, "irregularity": "wholly random", "noise": 0.2},
        },
        ask="With equal gaps all three models do well. Who suffers when the gaps become random?",
        try_this="make the gaps random, then add noise. Which model's points leave the truth "
        "first? And which marks stand between two samples?",
        figsize=(10, 4.5),
    )
)
