"""Two planar networks that differ in their number of layers alone: notebook 05 and its widget.

Makes data/results/layers.json (half a CPU-minute): networks with 2 and with 32 Euler layers on the
same field, trained on the same two spirals by the same 300 steps of Adam. Weights are of seed 0.
"""

import torch
from torch.nn.functional import cross_entropy

from course_lib import results
from course_lib.datasets import spirals
from course_lib.metrics import accuracy
from course_lib.schemes import ZOO, SchemeNet, SmoothField
from course_lib.solvers import odeint
from course_lib.training import train

SEEDS = (0, 1, 2, 3, 4)


def loss(net, x, y):
    return cross_entropy(net(x), y)


def run(steps: int, seed: int) -> SchemeNet:
    """Train one network; the generator is the notebook's `generator()` under `COURSE_SEED=seed`."""
    generator = torch.Generator().manual_seed(1000 * seed)
    data = spirals(300, generator, turns=0.75)
    field = SmoothField(2, 16, generator=generator)
    size = {"n_in": None, "width": 2, "n_out": 2}
    net = SchemeNet(ZOO["resnet"], field, steps, **size, generator=generator)
    train(net, loss, data, steps=300, lr=1e-2, progress=False)
    return net


def row(steps: int, seeds=SEEDS) -> dict:
    """One row: the number of layers, measures as lists over the seeds, the first seed's weights."""
    nets = [run(steps, seed) for seed in seeds]
    weights = {k: _rounded(v.tolist()) for k, v in nets[0].state_dict().items()}
    found = [measures(net, seed) for net, seed in zip(nets, seeds, strict=True)]
    lists = {name: [_rounded(m[name]) for m in found] for name in found[0]}
    return {"steps": steps} | lists | {"weights": weights}


def measures(net: SchemeNet, seed: int) -> dict[str, float]:
    """On the training points: as trained, and with an exact solver in place of the layers."""
    x, y = spirals(300, torch.Generator().manual_seed(1000 * seed), turns=0.75)
    with torch.no_grad():
        end = odeint(net.field, x, torch.tensor([0.0, 1.0]), rtol=1e-6, atol=1e-6)[-1]
        own, exact = net(x), net.head(end)
    return {
        "accuracy": accuracy(own, y),
        "exact_accuracy": accuracy(exact, y),
        "loss": cross_entropy(own, y).item(),
        "exact_loss": cross_entropy(exact, y).item(),
    }


def _rounded(value):
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return float(f"{value:.6g}")


def main() -> None:
    torch.set_num_threads(1)
    results.save("layers", [row(steps) for steps in (2, 32)], list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
