"""Lorenz's system learned in eight ways, judged by four measures: five seeds each.

Makes data/results/chaos.json for notebook 12 (about seven CPU-minutes). Clean data: a neural ODE
trained on one step by L-BFGS; the same one stopped early; the same one with a clock that is a
twentieth fast. Noisy data (5 %): a smaller one, by a fixed number of Adam's updates, on windows of
1, 4 and 16 steps, on windows that grow from 1 to 16, and on single steps once more at the cost of
growing ones. One row for each, with lists over the seeds; and one for two runs of the true system,
the sampling floor.
"""

import torch
from torch import Tensor, nn

from course_lib import results
from course_lib.metrics import (
    density_kl,
    lyapunov_exponent,
    spectrum_distance,
    valid_prediction_time,
)
from course_lib.nets import MLP
from course_lib.sequences import fit_step, flow, rollout
from course_lib.systems import lorenz
from course_lib.training import cosine

DT, LAMBDA, SCALE = 0.04, 0.906, 3**0.5
# Single precision whatever the default: the last digits of these units decide which runs are drawn.
CENTRE = torch.tensor([0.0, 0.0, 23.5], dtype=torch.float32)
SIZE = torch.tensor([7.9, 9.0, 8.6], dtype=torch.float32)
NOISE, UPDATES, BATCH = 0.05, 1000, 64
LONG, EARLY, FAST = 500, 150, 1.05
NOISY = {  # windows, updates; growing costs (1 + 2 + 4 + 8 + 16)/5 = 6.2 times a single step
    "1": ((1,), UPDATES),
    "4": ((4,), UPDATES),
    "16": ((16,), UPDATES),
    "1 to 16": ((1, 2, 4, 8, 16), UPDATES),
    "1 ×6": ((1,), 6200),
}
SEEDS = (0, 1, 2, 3, 4)
MEASURES = ("vpt", "kl", "spectrum", "lyapunov")


def advance(f, x: Tensor, steps: int = 1, dt: float = DT) -> Tensor:
    """States [n, d] one gap later, by `steps` steps of RK4."""
    return flow(f, x, x.new_full((len(x), 1), dt), steps)


def true_field(x: Tensor) -> Tensor:
    """Lorenz's field for standardised states."""
    return lorenz().func(0.0, CENTRE.to(x) + SIZE.to(x) * x) / SIZE.to(x)


def true_step(x: Tensor) -> Tensor:
    return advance(true_field, x, 2)


def settled(n: int, generator: torch.Generator) -> Tensor:
    """Random states [n, 3], twenty units of time later: on the attractor."""
    return rollout(true_step, torch.randn(n, 3, generator=generator), 500)[-1]


def data(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Clean and noisy training states [201, 12, 3]; two long true runs [1801, 32, 3]."""
    g = torch.Generator().manual_seed(1000 * seed)
    clean = rollout(true_step, settled(12, g), 200)
    noisy = clean + NOISE * torch.randn(clean.shape, generator=g)
    return clean, noisy, *(rollout(true_step, settled(32, g), 1800) for _ in range(2))


def new_net(width: int, seed: int) -> nn.Module:
    return MLP([3, width, width, 3], generator=torch.Generator().manual_seed(1000 * seed + 1))


def fit_one_step(clean: Tensor, iterations: int, seed: int) -> nn.Module:
    """L-BFGS on all pairs of neighbours."""
    net = new_net(48, seed)
    before, after = clean[:-1].flatten(0, 1), clean[1:].flatten(0, 1)
    gaps = torch.full((len(before), 1), DT)
    fit_step(net, lambda x, gap: flow(net, x, gap, 1), before, after, gaps, iterations)
    return net


def fit_windows(noisy: Tensor, horizons: tuple, seed: int, updates: int = UPDATES) -> nn.Module:
    """Adam on windows of so many steps; several horizons share the updates, in their order."""
    net, g = new_net(32, seed), torch.Generator().manual_seed(1000 * seed + 2)
    optimizer, schedule = torch.optim.Adam(net.parameters(), fused=True), cosine()
    for k in range(updates):
        n = horizons[k * len(horizons) // updates]
        rows = torch.randint(len(noisy) - n, (BATCH,), generator=g)
        columns = torch.randint(noisy.shape[1], (BATCH,), generator=g)
        window = noisy[rows[:, None] + torch.arange(n + 1), columns[:, None]].movedim(1, 0)
        path = rollout(lambda x: advance(net, x), window[0], n)
        optimizer.param_groups[0]["lr"] = 1e-2 * schedule(k / updates)
        optimizer.zero_grad()
        (path[1:] - window[1:]).square().mean().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return net


def judge_run(path: Tensor, truth: Tensor) -> dict[str, float]:
    """Valid time, KL and spectrum distance of runs [1801, 32, 3]: see notebook 12."""
    vpt = valid_prediction_time(path[:301], truth[:301], DT * LAMBDA, scale=SCALE)
    found = {
        "vpt": vpt.mean().item(),
        "kl": density_kl(truth[300:], path[300:]),
        "spectrum": spectrum_distance(truth[300:], path[300:]),
    }
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def judge(step, truth: Tensor) -> dict[str, float]:
    """The same of a model, with its Lyapunov exponent."""
    with torch.no_grad():
        path = rollout(step, truth[0], len(truth) - 1)
    exponent = lyapunov_exponent(step, truth[0], 1000, DT, 125).mean().item()
    return judge_run(path, truth) | {"lyapunov": float(f"{exponent:.4g}")}


def run(seed: int) -> dict[str, dict[str, float]]:
    """All models of one seed: name → measures."""
    clean, noisy, truth, other = data(seed)
    found = {"another true run": judge_run(other, truth)}
    found["another true run"]["lyapunov"] = judge(true_step, truth)["lyapunov"]
    net = fit_one_step(clean, LONG, seed)
    found["one step"] = judge(lambda x: advance(net, x), truth)
    found["clock 5 % fast"] = judge(lambda x: advance(net, x, dt=DT * FAST), truth)
    early = fit_one_step(clean, EARLY, seed)
    found["stopped early"] = judge(lambda x: advance(early, x), truth)
    for name, (horizons, updates) in NOISY.items():
        net = fit_windows(noisy, horizons, seed, updates)
        found[name] = judge(lambda x, net=net: advance(net, x), truth)
        print(seed, name, found[name], flush=True)
    return found


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    runs = [run(seed) for seed in SEEDS]
    rows = [
        {"model": name, "data": "noisy" if name in NOISY else "clean"}
        | {measure: [r[name][measure] for r in runs] for measure in MEASURES}
        for name in runs[0]
    ]
    results.save("chaos", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
