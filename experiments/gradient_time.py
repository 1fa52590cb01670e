"""CPU time of every gradient method against the number of parameters, beside a forward solve.

Makes data/results/gradient_time.json for notebook 09 (about three CPU-minutes): one row for each
method and width of the hidden layer, as a ratio to one forward solve without gradients, median
and quartiles over paired runs. The problem is the notebook's: ẏ = net(y), N = 2 states, RK4 with
40 steps, eight observations, float64.
"""

import random
import statistics
import time
from functools import partial

import torch

from course_lib import results
from course_lib.gradients import GRADIENTS, loss_gradient
from course_lib.nets import MLP, count_parameters
from course_lib.solvers import odeint
from course_lib.systems import van_der_pol

WIDTHS = (4, 16, 64, 256)
ROUNDS = {"differences": 3, "others": 15}
MOST_SOLVES = 400  # differences with more parameters are left out: they grow in proportion


class Field(torch.nn.Module):
    """The notebook's field: one hidden layer."""

    def __init__(self, width: int):
        super().__init__()
        self.net = MLP([2, width, 2], generator=torch.Generator().manual_seed(0))

    def forward(self, t, y):
        return self.net(y)


def seconds(run) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def rows_of(width: int) -> list[dict]:
    """All methods at one width, in shuffled rounds, each between two forward solves."""
    field, y0, t = Field(width), torch.tensor([2.0, 0.0]), torch.linspace(0, 4, 9)
    data = odeint(van_der_pol(1.0).func, y0, t)
    rk4 = {"method": "rk4", "options": {"step_size": 0.1}}
    P = count_parameters(field)

    @torch.no_grad()
    def forward():
        odeint(field, y0, t, **rk4)

    def run(name: str):
        keywords = {"options": {"step_size": 0.025}} if name == "reversible" else rk4
        loss_gradient(lambda y: (y - data).square().mean(), field, y0, t, gradient=name, **keywords)

    names = [name for name in GRADIENTS if "differences" not in name or P < MOST_SOLVES]
    ratios = {name: [] for name in names}
    for name in names:
        run(name)
    for i in range(ROUNDS["others"]):
        random.Random(i).shuffle(names)
        for name in names:
            if "differences" in name and i >= ROUNDS["differences"]:
                continue
            before, taken, after = seconds(forward), seconds(partial(run, name)), seconds(forward)
            ratios[name].append(2 * taken / (before + after))
    rows = []
    for name in GRADIENTS:
        if name in ratios:
            low, middle, high = (round(q, 2) for q in statistics.quantiles(ratios[name], n=4))
            row = {"gradient": name, "width": width, "parameters": P}
            rows.append(row | {"ratio": middle, "quartiles": [low, high]})
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    rows = [row for width in WIDTHS for row in rows_of(width)]
    results.save("gradient_time", rows, [0], script=__file__)


if __name__ == "__main__":
    main()
