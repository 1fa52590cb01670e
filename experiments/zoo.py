"""Every scheme of the zoo on the handwritten digits: same data, same parameters, same budget.

Makes data/results/zoo.json for notebook 05 (about five CPU-minutes): one row a scheme, its
measures as lists over the seeds. Each network has a stem 64 → 32, twelve evaluations of a field
with weights quadratic in depth (3,120 to 3,168 parameters), a head 32 → 10, and 250 steps of Adam.
`test_error_finer` evaluates the trained network with eight times as many steps. The antisymmetric
field differs from the residual net's in more than its constraint (one matrix to 32 tanh units
instead of two and 16 units), so a last row, `unconstrained`, is the same field without it.
"""

import torch
from torch.nn.functional import cross_entropy

from course_lib import results
from course_lib.datasets import digits
from course_lib.metrics import error_rate
from course_lib.nets import count_parameters
from course_lib.schemes import (
    ZOO,
    AntisymmetricField,
    SchemeNet,
    field_for,
    stochastic_depth,
)
from course_lib.training import train

WIDTH, BUDGET = 32, 12
SEEDS = (0, 1, 2, 3, 4)


def loss(net, x, y):
    return cross_entropy(net(x), y)


class Unconstrained(AntisymmetricField):
    """tanh(K x + b): what is left without the constraint."""

    def matrix(self, t):
        return self.K(t)


def run(key: str, seed: int) -> dict[str, float]:
    """Train one network; the generator is the notebook's `generator()` under `COURSE_SEED=seed`."""
    data, generator = digits(), torch.Generator().manual_seed(1000 * seed)
    scheme = ZOO["resnet" if key == "unconstrained" else key]
    if key == "stochastic_depth":
        scheme = stochastic_depth(0.8, generator)
    if key == "unconstrained":
        field = Unconstrained(WIDTH, generator=generator)
    else:
        field = field_for(scheme, WIDTH, generator=generator)
    steps = scheme.steps_for(BUDGET)
    net = SchemeNet(scheme, field, steps, n_in=64, width=WIDTH, n_out=10, generator=generator)
    batches = {"batch_size": 128, "generator": generator, "progress": False}
    train(net, loss, (data.x_train, data.y_train), steps=250, lr=5e-3, **batches)
    net.eval()
    with torch.no_grad():
        scores = {n: net(data.x_test, steps=n) for n in (steps, 8 * steps)}
        train_loss = cross_entropy(net(data.x_train), data.y_train).item()
    return {
        "steps": steps,
        "parameters": count_parameters(field),
        "train_loss": train_loss,
        "test_error": error_rate(scores[steps], data.y_test),
        "test_error_finer": error_rate(scores[8 * steps], data.y_test),
    }


def row(key: str, seeds=SEEDS) -> dict:
    """One row of the table: every measure as a list over the seeds, to five significant digits."""
    runs = [run(key, seed) for seed in seeds]
    counts = {name: runs[0][name] for name in ("steps", "parameters")}
    measures = {
        name: [float(f"{r[name]:.5g}") for r in runs]
        for name in ("train_loss", "test_error", "test_error_finer")
    }
    return {"key": key} | counts | measures


def main() -> None:
    torch.set_num_threads(1)
    results.save("zoo", [row(key) for key in (*ZOO, "unconstrained")], list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
