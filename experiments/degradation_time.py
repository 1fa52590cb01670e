"""Does a deep plain network merely train slowly? Two depths, six times the steps of depth.json.

Makes data/results/degradation_time.json for notebook 03 (about 60 CPU-seconds): plain tanh nets
with orthogonal weights, trained at the rate that serves 56 blocks best in depth.json. One row for
each depth and number of steps: the loss on all training data, as a list over the seeds.
"""

import torch
from torch.nn.functional import cross_entropy

from course_lib import results
from course_lib.datasets import digits
from course_lib.nets import PlainNet
from course_lib.training import train

DEPTHS = (2, 56)
RATE = 1e-3
STEPS, EVERY = 1500, 250
SEEDS = (0, 1, 2, 3, 4)


def loss(net, x, y):
    return cross_entropy(net(x), y)


def run(depth: int, seed: int, steps: int = STEPS) -> dict[int, float]:
    """Steps → training loss, every 250 steps; the first is the run of depth.json."""
    data, generator = digits(), torch.Generator().manual_seed(1000 * seed)
    net = PlainNet(32, depth, n_in=64, n_out=10, init="orthogonal", generator=generator)
    x, y = data.x_train, data.y_train
    history = train(
        net,
        loss,
        (x, y),
        steps=steps,
        lr=RATE,
        batch_size=128,
        generator=generator,
        monitor=lambda model: {"loss": loss(model, x, y).item()},
        every=EVERY,
        progress=False,
    )
    return dict(zip(history.monitored_at, history.monitored["loss"], strict=True))


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for depth in DEPTHS:
        runs = [run(depth, seed) for seed in SEEDS]
        for steps in runs[0]:
            losses = [float(f"{r[steps]:.5g}") for r in runs]
            rows.append({"depth": depth, "steps": steps, "train_loss": losses})
    results.save("degradation_time", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
