"""Depth against training on the handwritten digits: seven nets, four depths, three learning rates.

Makes data/results/depth.json for notebook 03 (about six CPU-minutes): one row for each net, depth
and learning rate, its measures as lists over the seeds. All nets have width 32, tanh, and equal
numbers of parameters at equal depth (batch normalisation adds 64 a layer); all are trained by 250
steps of Adam on batches of 128.
"""

import torch
from torch.nn.functional import cross_entropy

from course_lib import results
from course_lib.datasets import digits
from course_lib.metrics import error_rate, gradient_norms
from course_lib.nets import PlainNet, ResidualNet
from course_lib.training import train

NETS = {
    "plain": (PlainNet, {}),
    "plain, Xavier": (PlainNet, {"init": "xavier"}),
    "plain, orthogonal": (PlainNet, {"init": "orthogonal"}),
    "plain, batch norm": (PlainNet, {"init": "xavier", "normalise": True}),
    "residual, s = 1": (ResidualNet, {"scale": 1.0}),
    "residual, s = 1/√D": (ResidualNet, {"scale": "1/sqrt(depth)"}),
    "residual, s = 1/D": (ResidualNet, {"scale": "1/depth"}),
}
DEPTHS = (2, 8, 20, 56)
RATES = (1e-3, 2e-3, 5e-3)
SEEDS = (0, 1, 2, 3, 4)


def loss(net, x, y):
    return cross_entropy(net(x), y)


def run(net: str, depth: int, lr: float, seed: int) -> dict[str, float]:
    """Train one net; the generator is the notebook's `generator()` under `COURSE_SEED=seed`."""
    data, generator = digits(), torch.Generator().manual_seed(1000 * seed)
    kind, options = NETS[net]
    model = kind(32, depth, n_in=64, n_out=10, generator=generator, **options)
    norms = gradient_norms(model, loss(model, data.x_train, data.y_train))
    batches = {"batch_size": 128, "generator": generator, "progress": False}
    train(model, loss, (data.x_train, data.y_train), steps=250, lr=lr, **batches)
    model.eval()
    with torch.no_grad():
        scores, test_scores = model(data.x_train), model(data.x_test)
    return {
        "gradient_ratio": (norms[0] / norms[-1]).item(),
        "train_loss": cross_entropy(scores, data.y_train).item(),
        "train_error": error_rate(scores, data.y_train),
        "test_error": error_rate(test_scores, data.y_test),
    }


def row(net: str, depth: int, lr: float, seeds=SEEDS) -> dict:
    """One row of the table: every measure as a list over the seeds, to five significant digits."""
    runs = [run(net, depth, lr, seed) for seed in seeds]
    measures = {name: [float(f"{r[name]:.5g}") for r in runs] for name in runs[0]}
    return {"net": net, "depth": depth, "lr": lr} | measures


def main() -> None:
    torch.set_num_threads(1)
    rows = [row(net, depth, lr) for net in NETS for depth in DEPTHS for lr in RATES]
    results.save("depth", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
