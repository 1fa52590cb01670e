"""Neural CDE against a GRU on spirals with missing points: notebook 20's comparison, ten times.

Both are trained on 20 points of each curve and tested on 3 to 50. About 90 CPU seconds.

    python experiments/driven.py
"""

import torch
from torch import nn

from course_lib import results
from course_lib.beyond import GapGRU, NeuralCDE, with_time
from course_lib.sequences.spirals import draw_spirals, thin
from course_lib.training import cosine, train

SEEDS, SIZES, UPDATES = range(10), (3, 5, 10, 20, 50), {"neural CDE": 200, "GRU": 600}


def seeded(seed: int, k: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * seed + k)


def run(seed: int, name: str) -> dict:
    """Train one model on 20 points of each curve; its accuracy by number of points seen."""
    curves, test = (draw_spirals(1000, seeded(seed, k)) for k in (0, 1))
    outward, wanted = (c.direction > 0 for c in (curves, test))
    knots = with_time(*thin(curves.t, curves.x, 20, seeded(seed, 3)))
    model = {"neural CDE": NeuralCDE, "GRU": GapGRU}[name](3, generator=seeded(seed, 5))

    def loss(model, knots, label):
        return nn.functional.binary_cross_entropy_with_logits(model(knots)[:, 0], label)

    train(
        model, loss, (knots, outward.double()), steps=UPDATES[name], batch_size=64, lr=1e-2,
        schedule=cosine(), generator=seeded(seed, 6), progress=False,
    )  # fmt: skip
    found = []
    with torch.no_grad():
        for m in SIZES:
            seen = with_time(*thin(test.t, test.x, m, seeded(seed, 4)))
            found.append(((model(seen)[:, 0] > 0) == wanted).double().mean().item())
    return {"seed": seed, "model": name, "sizes": list(SIZES), "accuracy": found}


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    rows = []
    for seed in SEEDS:
        for name in UPDATES:
            rows.append(run(seed, name))
            print(rows[-1], flush=True)
    results.save("driven", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
