"""Does the ResNet map beat the NN map? Six time gaps, two optimisers, short and long training.

Makes data/results/dynamics.json for notebook 06 (about three CPU-minutes). All runs of a seed
see the same 1,080 states of Van der Pol's oscillator; only the time to the state after each
differs. One row for each gap, optimiser, number of steps and model: the root mean square error on
held-out states, as a list over five seeds. All gaps are run with `STEPS_TAKEN`, one of them also
with shorter and longer training.
"""

import torch

from course_lib import results
from course_lib.metrics import rmse
from course_lib.nets import MLP
from course_lib.sequences import fit_step, flow, observe, pairs, sample_times, spread_starts
from course_lib.systems import van_der_pol
from course_lib.training import cosine, train

GAPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
STEPS_TAKEN = {"Adam": 400, "L-BFGS": 250}
LENGTHS = {"Adam": (100, 400, 1000, 4000), "L-BFGS": (20, 40, 80, 250)}
GAP_OF_LENGTHS = 0.02
SEEDS = (0, 1, 2, 3, 4)
STEPS = {"NN": lambda net: lambda x, gap: net(x), "ResNet": lambda net: lambda x, gap: x + net(x)}
RING = van_der_pol()


def states(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """States [1080, 2] to train on and [960, 2] to test on, as the notebook draws them."""
    generator = torch.Generator().manual_seed(1000 * seed)
    starts = spread_starts(6, 3.0, generator)
    times = sample_times(36, 30, 0.1, generator)
    train_on, _, _ = pairs(times, observe(RING, starts, times))
    starts = 5 * torch.rand(32, 2, generator=generator) - 2.5
    times = sample_times(32, 30, 0.1, generator)
    return train_on, pairs(times, observe(RING, starts, times))[0]


def run(gap: float, optimiser: str, steps: int, model: str, seed: int) -> float:
    """The error on held-out states of one map, trained for a number of steps."""
    examples = []
    for x in states(seed):
        gaps = torch.full((len(x), 1), gap)
        examples.append((x, flow(lambda z: RING.func(0.0, z), x, gaps, steps=8), gaps))
    fit, held_out = examples
    net = MLP([2, 32, 32, 2], generator=torch.Generator().manual_seed(1000 * seed + 1))
    step = STEPS[model](net)
    if optimiser == "L-BFGS":
        fit_step(net, step, *fit, iterations=steps)
    else:

        def loss(net, before, after, gaps):
            return (step(before, gaps) - after).square().mean()

        train(net, loss, fit, steps=steps, lr=1e-2, schedule=cosine(), progress=False)
    with torch.no_grad():
        return rmse(step(held_out[0], held_out[2]), held_out[1])


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    runs = [(gap, o, steps) for gap in GAPS for o, steps in STEPS_TAKEN.items()]
    runs += [(GAP_OF_LENGTHS, o, steps) for o in LENGTHS for steps in LENGTHS[o]]
    rows = []
    for gap, optimiser, steps in dict.fromkeys(runs):
        for model in STEPS:
            errors = [run(gap, optimiser, steps, model, seed) for seed in SEEDS]
            setting = {"gap": gap, "optimiser": optimiser, "steps": steps, "model": model}
            rows.append(setting | {"error": [float(f"{e:.5g}") for e in errors]})
    results.save("dynamics", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
