"""A disc and the ring around it: neural ODEs in the plane and with added dimensions, five seeds.

Makes data/results/topology.json for notebook 08 (about three CPU-minutes): one row for each number
of added dimensions and of training points, its measures as lists over the seeds. What is tested is
the theorem, on 20,000 points of the circle of radius 1.25 and its centre, with tight tolerances;
accuracy on the training points says nothing about it.
"""

import math

import torch

from course_lib import results
from course_lib.rings import FlowClassifier, disc_and_ring, loss, on_circle
from course_lib.training import train

CASES = ((0, 480), (1, 480), (2, 480), (1, 240))  # added dimensions, training points
SEEDS = (0, 1, 2, 3, 4)
TIGHT = 1e-7  # tolerance of the test; training has 1e-3


def run(p: int, n: int, seed: int) -> dict:
    """Train one classifier; the generator is the notebook's `generator()` with this seed."""
    generator = torch.Generator().manual_seed(1000 * seed)
    x, y = disc_and_ring(n, generator)
    net = FlowClassifier(p, generator)
    before = net.features(x, return_stats=True)[1].nfe
    train(net, loss, (x, y), steps=400, lr=1e-2, progress=False)
    ring = on_circle(1.25, torch.arange(20_000) * (math.pi / 10_000))
    with torch.no_grad():
        end = net.features(ring, TIGHT)
        moved = (end - end.roll(1, 0)).norm(dim=1) / (ring - ring.roll(1, 0)).norm(dim=1)
        return {
            "loss": loss(net, x, y).item(),
            "accuracy": ((net(x) > 0) == (y == 1)).double().mean().item(),
            "loss_on_ring": loss(net.head, end, torch.ones(len(ring))).item(),
            "wrong_on_ring": int((net.head(end)[:, 0] <= 0).sum()),
            "wrong_at_centre": int((net(torch.zeros(1, 2), TIGHT) > 0).sum()),
            "nfe_untrained": before,
            "nfe": net.features(x, return_stats=True)[1].nfe,
            "nfe_tight": net.features(x, TIGHT, return_stats=True)[1].nfe,
            "stretch": moved.max().item(),
        }


def row(p: int, n: int, seeds=SEEDS) -> dict:
    """One row of the table: every measure as a list over the seeds, to five significant digits."""
    runs = [run(p, n, seed) for seed in seeds]
    return {"added": p, "points": n} | {k: [float(f"{r[k]:.5g}") for r in runs] for k in runs[0]}


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    results.save("topology", [row(*case) for case in CASES], list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
