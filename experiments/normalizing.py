"""The tables of notebook 15: planar against continuous flows, and flows trained with few steps.

Part "width": planar flows of K layers and continuous flows of width K, at the same number of
updates, and the longest planar one, on three seeds, at four times as many. Part "steps": continuous
flows trained on the moons with N steps of RK4, their KL measured with other numbers of steps. Every
KL is over the same 10,000 points of the target. About seven CPU-minutes; writes
data/results/normalizing.json, after each seed what there is.
"""

import time

import torch

from course_lib import results
from course_lib.densities import Moons, eight_gaussians, kl_estimate
from course_lib.flows import ContinuousFlow, PlanarFlow, TanhField
from course_lib.nets import count_parameters
from course_lib.training import cosine, train

SEEDS = [0, 1, 2, 3, 4]
TRAINED_WITH, SOLVED_WITH = (1, 2, 3, 5), (1, 2, 3, 4, 5, 6, 8, 12, 20)
LONG = {0, 1, 2}  # the seeds for which the longest planar flow is trained four times as long
#: (target, kind, K, updates)
WIDTHS = [
    *(("moons", kind, K, 500) for K in (2, 8, 32) for kind in ("planar", "continuous")),
    ("moons", "planar", 32, 2000),
    ("8 Gaussians", "planar", 8, 500),
    ("8 Gaussians", "continuous", 8, 500),
]
FINE = 40  # steps of an accurate solve
TARGETS = {"moons": Moons(), "8 Gaussians": eight_gaussians()}


def fit(flow, target, seed: int, *, steps: int, lr: float, batch: int, clip: float = 10.0) -> float:
    """Maximum likelihood with Adam on fresh points; returns CPU seconds."""
    generator = torch.Generator().manual_seed(1000 * seed + 7)
    start = time.process_time()
    train(
        flow,
        lambda flow, x: -flow.log_prob(x).mean(),
        lambda generator: (target.sample(batch, generator),),
        steps=steps,
        optimizer=torch.optim.Adam(flow.parameters(), lr=lr, betas=(0.9, 0.99), fused=True),
        schedule=cosine(0.04),
        clip=clip,
        generator=generator,
        progress=False,
    )
    return time.process_time() - start


def fresh_points(target) -> torch.Tensor:
    return target.sample(10_000, torch.Generator().manual_seed(77))


def width_row(seed: int, name: str, kind: str, K: int, updates: int) -> dict:
    """Train one model of K layers, or of width K."""
    generator, target = torch.Generator().manual_seed(1000 * seed), TARGETS[name]
    if kind == "planar":
        flow = fine = PlanarFlow(K, generator=generator)
    else:
        flow = ContinuousFlow(TanhField(2, [K], first=1.5, generator=generator), steps=6)
        fine = flow.solved_by(steps=FINE)
    seconds = fit(flow, target, seed, steps=updates, lr=3e-2, batch=256)
    return {
        "part": "width",
        "target": name,
        "kind": kind,
        "K": K,
        "updates": updates,
        "seed": seed,
        "parameters": count_parameters(flow),
        "kl": round(kl_estimate(target, fine.log_prob, fresh_points(target)), 4),
        "cpu_seconds": round(seconds, 1),
    }


def steps_row(seed: int, N: int) -> dict:
    """Train with N steps of RK4, solve with others."""
    generator, target = torch.Generator().manual_seed(1000 * seed), TARGETS["moons"]
    field = TanhField(2, [64, 64], first=1.5, last=0.1, generator=generator)
    flow = ContinuousFlow(field, steps=N)
    seconds = fit(flow, target, seed, steps=400, lr=1e-2, batch=256)
    x = fresh_points(target)
    kl = [kl_estimate(target, flow.solved_by(steps=n).log_prob, x) for n in SOLVED_WITH]
    return {
        "part": "steps",
        "N": N,
        "seed": seed,
        "solved_with": list(SOLVED_WITH),
        "kl": [round(value, 4) for value in kl],
        "cpu_seconds": round(seconds, 1),
    }


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for done, seed in enumerate(SEEDS):
        cases = [case for case in WIDTHS if case[-1] == 500 or seed in LONG]
        rows += [width_row(seed, *case) for case in cases]
        rows += [steps_row(seed, N) for N in TRAINED_WITH]
        results.save("normalizing", rows, seeds=SEEDS[: done + 1], script=__file__)
        print(*rows, sep="\n", flush=True)


if __name__ == "__main__":
    main()
