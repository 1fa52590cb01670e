"""How long two ways of training the same field take: by likelihood (15's CNF), by flow matching.

In the plane (the moons; KL over 4,000 points) and on the digits (64 pixels, uniform noise added;
bits per pixel of the test images). Every row is a run of its own, with its own learning-rate
schedule, so that a shorter row is not the beginning of a longer one; CPU seconds are those of
training alone. About six CPU-minutes; writes data/results/matching.json, after each seed what
there is.
"""

import math
import time

import torch

from course_lib import datasets, results
from course_lib.densities import Moons, kl_estimate
from course_lib.flows import ContinuousFlow, TanhField, matching_loss
from course_lib.training import cosine, train

#: (part, method) → numbers of updates
UPDATES = {
    ("moons", "likelihood"): (50, 100, 200),
    ("moons", "matching"): (500, 2000, 5000),
    ("digits", "likelihood"): (30, 100, 250),
    ("digits", "matching"): (200, 500, 2000),
}
SEEDS = (0, 1, 2, 3, 4)
DIM = {"moons": 2, "digits": 64}
#: for all: the best of four rates for matching and, on the digits, for likelihood (seed 5). On the
#: moons likelihood would be faster still at 0.04.
LR = 1e-2
HIDDEN = {"moons": [64, 64], "digits": [256, 256]}
BATCH = {"moons": 256, "digits": 128}
N = {"moons": 5, "digits": 4}  # steps of RK4 in a solve while training
FINE = 20  # steps of the solves that measure
SCALE = 6.0  # pixels from 0 to 17 are divided by this, after their mean is taken off


class Digits:
    """Noisy training images as points [n, 64], and the bits per pixel of the test images."""

    def __init__(self):
        data = datasets.digits()
        self.train, self.test = 16 * data.x_train, 16 * data.x_test
        self.mean = (self.train + 0.5).mean(0)

    def points(self, images: torch.Tensor, generator) -> torch.Tensor:
        noise = torch.rand(images.shape, generator=generator)
        return (images + noise - self.mean) / SCALE

    def sample(self, n: int, generator) -> torch.Tensor:
        rows = torch.randint(len(self.train), (n,), generator=generator)
        return self.points(self.train[rows], generator)

    def quality(self, flow) -> float:
        x = self.points(self.test, torch.Generator().manual_seed(77))
        with torch.no_grad():
            nats = -flow.log_prob(x).double().mean().item() + 64 * math.log(SCALE)
        return nats / (64 * math.log(2))


class Plane(Moons):
    """The moons, and the KL of a flow to them."""

    def quality(self, flow) -> float:
        return kl_estimate(
            self, flow.log_prob, self.sample(4000, torch.Generator().manual_seed(77))
        )


def row(part: str, method: str, updates: int, seed: int, target) -> dict:
    """Train one field."""
    generator = torch.Generator().manual_seed(1000 * seed)
    first = 1.5 if part == "moons" else 1.0
    field = TanhField(DIM[part], HIDDEN[part], first=first, generator=generator)
    flow = ContinuousFlow(field, DIM[part], steps=N[part])

    def batch(generator):
        x = target.sample(BATCH[part], generator)
        z = torch.randn(x.shape, generator=generator)
        return z, x, torch.rand(len(x), 1, generator=generator)

    def by_matching(flow, z, x, t):
        return matching_loss(flow.field, z, x, t)

    def by_likelihood(flow, z, x, t):
        return -flow.log_prob(x).mean()

    start = time.process_time()
    train(
        flow,
        by_matching if method == "matching" else by_likelihood,
        batch,
        steps=updates,
        optimizer=torch.optim.Adam(flow.parameters(), lr=LR, betas=(0.9, 0.99), fused=True),
        schedule=cosine(0.04),
        clip=100.0 if part == "digits" else 10.0,
        generator=torch.Generator().manual_seed(1000 * seed + 7),
        progress=False,
    )
    seconds = time.process_time() - start
    return {
        "part": part,
        "method": method,
        "updates": updates,
        "seed": seed,
        "evaluations_per_update": 1 if method == "matching" else flow.calls // updates,
        "quality": round(target.quality(flow.solved_by(steps=FINE)), 4),
        "cpu_seconds": round(seconds, 2),
    }


def main() -> None:
    torch.set_num_threads(1)
    targets, rows = {"moons": Plane(), "digits": Digits()}, []
    for part, method in UPDATES:  # what is slow the first time is not to count
        row(part, method, 5, 0, targets[part])
    for done, seed in enumerate(SEEDS, 1):
        for (part, method), numbers in UPDATES.items():
            for n in numbers:
                rows.append(row(part, method, n, seed, targets[part]))
                print(rows[-1], flush=True)
        results.save("matching", rows, seeds=SEEDS[:done], script=__file__)


if __name__ == "__main__":
    main()
