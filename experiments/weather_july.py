"""Three July days with 30 % of the hours lost: a neural ODE and straight lines, ten draws.

Makes data/results/weather_july.json for notebook 11 (about 80 CPU-seconds), as the notebook does
it for one seed, which draws the lost hours and the first weights. One row: errors over the lost
hours, in standard deviations, of all channels but rain, as lists over the seeds.
"""

import numpy as np
import torch

from course_lib import results
from course_lib.exercises.nb11 import standardise
from course_lib.nets import MLP
from course_lib.sequences import bridge, flow_through, lose, masked_mse, pieces, ragged
from course_lib.training import cosine, train
from course_lib.weather import tmy3

SEEDS = tuple(range(10))
HOURS = torch.arange(72.0)
RAIN = 3


def run(seed: int) -> dict[str, float]:
    seeded = lambda k: torch.Generator().manual_seed(1000 * seed + k)  # noqa: E731
    data = tmy3()
    first, end = np.datetime64("1981-07-27T00"), np.datetime64("1981-07-30T00")
    measured = data.values[(data.times > first) & (data.times <= end), :7]
    kept = lose(72, rate=0.3, generator=seeded(0))
    kept[[0, -1]] = True
    x = standardise(measured, kept)

    net = MLP([9 + 2, 32, 32, 9], generator=seeded(1))

    def field(t, z):
        angle = 2 * torch.pi * t / 24
        return net(torch.cat([z, angle.cos(), angle.sin()], 1)) / 3

    def filled(z, times):
        start = torch.cat([z, torch.zeros(len(z), 2)], 1)
        return flow_through(field, start, times)[:, :, :7]

    def loss(net, times, states, mask):
        wide = mask[:, 1:, None].expand(-1, -1, 7)
        return masked_mse(filled(states[:, 0], times)[:, 1:], states[:, 1:], wide)

    batch = ragged(pieces(HOURS, x, kept, length=12, every=6))
    settings = {"steps": 300, "lr": 1e-2, "schedule": cosine(0.02), "clip": 1.0}
    train(net, loss, batch, progress=False, **settings)
    fill = torch.empty_like(x)
    with torch.no_grad():
        for start in range(0, 72, 12):
            begin = int(HOURS[kept & (start >= HOURS)].max())
            path = filled(x[begin : begin + 1], HOURS[None, begin : start + 12])
            fill[start : start + 12] = path[0, start - begin :]
    channels = [j for j in range(7) if j != RAIN]
    error = lambda y: (y - x)[~kept][:, channels].square().mean().sqrt().item()  # noqa: E731
    return {"neural ODE": error(fill), "linear": error(bridge(HOURS, x, kept))}


def main() -> None:
    torch.set_num_threads(1)
    runs = [run(seed) for seed in SEEDS]
    rows = [{name: [float(f"{r[name]:.4f}") for r in runs] for name in runs[0]}]
    print(rows)
    results.save("weather_july", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
