"""Crowd motion past an obstacle, learned with a potential: over seeds, weights and penalties.

Makes data/results/crowd.json for notebook 18: one row for each recipe, its measures as lists over
the seeds (35 CPU-seconds a run). Every recipe first learns optimal transport without an obstacle,
then ramps the obstacle's weight up.

    python experiments/crowd.py [RECIPE] [0-4]
"""

import copy
import re
import sys

import torch

from course_lib import results
from course_lib.training import cosine, train
from course_lib.transport import (
    Obstacle,
    Potential,
    best_paths,
    carry,
    crowd_loss,
    crowd_problem,
    map_jacobian,
    miss,
    ot_gap,
    straight_determinants,
    straightness,
)

START, GOAL = crowd_problem()
FINE, AGENTS = 60, 1500  # for the measures: steps of RK4, samples

#: name → weight of the obstacle, weights (α_C, α_R, α_T), seeds
RECIPES = {
    "crowd": (100.0, (20.0, 3.0, 0.3), (0, 1, 2, 3, 4)),
    "weight 10": (10.0, (20.0, 3.0, 0.3), (0,)),
    "weight 30": (30.0, (20.0, 3.0, 0.3), (0,)),
    "weight 300": (300.0, (20.0, 3.0, 0.3), (0,)),
    "no HJB penalty": (100.0, (20.0, 0.0, 0.3), (0,)),
    "no terminal penalty": (100.0, (20.0, 3.0, 0.0), (0,)),
}


def generator(seed: int, offset: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * seed + offset)


def learn(seed: int, weight: float, parts) -> tuple[Potential, Potential]:
    """(transport, crowd): the potential before the obstacle was raised, and after."""
    net = Potential(2, 64, generator(seed))
    with torch.no_grad():
        net.b[0] = -5.0  # the way from mean to mean
    fit(net, seed, None, parts, 3, 80)
    transport = copy.deepcopy(net)
    fit(net, seed, Obstacle(weight=weight), parts, 8, 320)
    return transport, net


def fit(net, seed, obstacle, parts, steps, iterations) -> None:
    """Adam on fresh agents; the obstacle grows over the first 30 % of the run."""
    grown = iter(range(1, iterations + 1))

    def loss(net, z):
        share = min(1.0, next(grown) / (0.3 * iterations))
        running = obstacle and Obstacle(weight=share * obstacle.weight)
        return crowd_loss(net, z, START, GOAL, running, parts, steps)

    optimizer = torch.optim.Adam(net.parameters(), lr=1.5e-2, betas=(0.9, 0.99), fused=True)
    train(
        net, loss, lambda g: (START.sample(192, g),), steps=iterations, optimizer=optimizer,
        schedule=cosine(0.1), clip=10.0, generator=generator(seed, 1), progress=False,
    )  # fmt: skip


def measure(net, seed: int, obstacle: Obstacle, parts, before=None) -> dict:
    """What stands in a row; `before`, the flow without obstacle, adds a comparison of both maps."""
    z, x = START.sample(AGENTS, generator(seed, 4)), GOAL.sample(4000, generator(seed, 3))
    with torch.no_grad():
        end = carry(net, z, steps=FINE, running=obstacle)
        back = carry(net, x, (1.0, 0.0), FINE)
        G = parts[0] * miss(end, z, START, GOAL)
        off = net(1.0, end.x) - G
    best = best_paths(z[:200], end.x[:200], obstacle)
    paid = (end.kinetic + end.running)[:200]
    model = START.log_prob(back.x) + back.log_det
    row = {
        "kl": (GOAL.log_prob(x) - model).mean(),
        "entered": obstacle.entered(end.path).float().mean(),
        "straightness": straightness(end.path),
        "oracle_straightness": straightness(best.path),
        "energy": 2 * end.kinetic.mean(),
        "running": end.running.mean(),
        "hjb": end.residual.mean(),
        "terminal": (off - off.median()).abs().mean(),
        "oracle_gap": (paid / best.cost - 1).median(),
        "ot_gap": ot_gap(z, end.x),
    }
    if before is not None:
        with torch.no_grad():
            goal = carry(before, z, steps=FINE).x
        J = map_jacobian(lambda z: carry(net, z, steps=FINE // 2).x, z[:500])
        row |= {
            "apart": (end.x - goal).square().sum(1).mean().sqrt(),
            "determinant": straight_determinants(J).min(),
        }
    return row


def run(recipe: str, seed: int) -> dict:
    """Train and measure once: the crowd's measures, and those of transport with `ot_` in front."""
    weight, parts, _ = RECIPES[recipe]
    before, net = learn(seed, weight, parts)
    obstacle = Obstacle(weight=weight)
    row = measure(net, seed, obstacle, parts, before)
    free = measure(before, seed, Obstacle(weight=0.0), parts)
    return row | {f"transport_{key}": value for key, value in free.items()}


def row(recipe: str, seeds=None) -> dict:
    """One row of the table: every measure as a list over the seeds, to five significant digits."""
    seeds = list(seeds or RECIPES[recipe][2])
    runs = [run(recipe, seed) for seed in seeds]
    weight, parts, _ = RECIPES[recipe]
    head = {"recipe": recipe, "weight": weight, "parts": list(parts), "seeds": seeds}
    return head | {k: [float(f"{float(r[k]):.5g}") for r in runs] for k in runs[0]}


def main() -> None:
    torch.set_num_threads(1)
    names = [name for name in RECIPES if name in sys.argv[1:]] or list(RECIPES)
    spans = re.findall(r"^(\d+)-(\d+)$", " ".join(sys.argv[-1:]))
    seeds = list(range(int(spans[0][0]), int(spans[0][1]) + 1)) if spans else None
    try:
        rows = {old["recipe"]: old for old in results.load("crowd")["rows"]}
    except FileNotFoundError:
        rows = {}
    for name in names:  # stored at once: a run that is stopped has not been for nothing
        rows[name] = row(name, seeds)
        ordered = [rows[name] for name in RECIPES if name in rows]
        every = sorted({seed for one in ordered for seed in one["seeds"]})
        results.save("crowd", ordered, every, script=__file__)


if __name__ == "__main__":
    main()
