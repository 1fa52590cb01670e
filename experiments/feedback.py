"""Feedback laws that swing up a pendulum with a weak motor, trained through the solver.

Makes data/weights/swing_up.npz and data/results/feedback.json for notebook 10 (about three
CPU-minutes): a law for each seed, and the share of starts from which it brings the pole to stand.
The motor's limit is half of what holds the pole level, so that it has to be swung.
"""

import math

import torch

from course_lib import results
from course_lib.control.pole import (
    SWING_LIMIT,
    SWING_WIDTH,
    Feedback,
    Pole,
    basin,
    save_laws,
    swing_up_cost,
)
from course_lib.training import cosine, train

SEEDS = (0, 1, 2, 3, 4)
STEPS, BATCH = 400, 64


def train_law(seed: int, steps: int = STEPS) -> Feedback:
    """A law trained on fresh random starts, |q| ≤ π and |v| ≤ 2, with a horizon of 8."""
    generator = torch.Generator().manual_seed(1000 * seed + 3)
    pole, law = Pole(T=8.0, steps=64), Feedback(SWING_WIDTH, limit=SWING_LIMIT, generator=generator)
    with torch.no_grad():
        law.net.layers[-1].weight.mul_(0.1)  # starts as a motor that is almost off

    def loss(law, starts):
        return swing_up_cost(pole, law, starts).mean()

    def starts(generator):
        share = 2 * torch.rand(BATCH, 2, generator=generator) - 1
        return (share * torch.tensor([math.pi, 2.0]),)

    adam = torch.optim.Adam(law.parameters(), lr=1e-2)
    options = {"optimizer": adam, "schedule": cosine(), "clip": 1.0}
    train(law, loss, starts, steps=steps, generator=generator, **options)
    return law


def row(seed: int, law: Feedback) -> dict:
    """What a law achieves: the share of the starts, and whether it swings up from rest below."""
    works = basin(law)
    return {
        "seed": seed,
        "share": round(works.double().mean().item(), 4),
        "from_rest_below": bool(works[0, 15]),
    }


def main() -> None:
    torch.set_num_threads(1)
    laws = {seed: train_law(seed) for seed in SEEDS}
    save_laws(laws)
    results.save("feedback", [row(*item) for item in laws.items()], list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
