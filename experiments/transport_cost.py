"""What one training step and one density cost, from FFJORD's recipe to OT-Flow's, link by link.

Makes data/results/transport_cost.json for notebook 17 (about two CPU-minutes): one row a recipe,
each differs from the row before in one thing (the last in its solver loop too: `transport.carry`
is a little quicker than `odeint`). CPU time of one thread, medians over rounds in which the recipes
take turns, so that a busy machine slows all of them alike; two moons, batch 256.
"""

import statistics
import time

import torch
from ladder import TARGET, generator, ot_flow
from ladder import cnf as learn_cnf

from course_lib import results, transport
from course_lib.flows import ContinuousFlow, HutchinsonTrace
from course_lib.gradients import odeint_adjoint

ROUNDS, BATCH, N = 9, 256, 4
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def likelihood(flow):
    """One training step of a flow by maximum likelihood."""

    def step(x):
        flow.zero_grad()
        (-flow.log_prob(x).mean()).backward()

    return step


def recipes() -> dict:
    """name → (training step, evaluation of log p), the flows trained beforehand."""
    field = learn_cnf(0).field.field
    potential = ot_flow(0).field
    noise = HutchinsonTrace(generator=generator(0, 9))
    flows = {
        "adaptive, adjoint, estimated trace": ContinuousFlow(
            field, trace=noise, solve=odeint_adjoint, **TOLERANCE
        ),
        "backpropagation instead of the adjoint": ContinuousFlow(field, trace=noise, **TOLERANCE),
        "four RK4 steps instead of adaptive ones": ContinuousFlow(field, steps=N, trace=noise),
        "exact trace instead of an estimate": ContinuousFlow(field, steps=N),
    }

    def potential_step(x):
        potential.zero_grad()
        transport.ot_flow_loss(potential, x, (1.0, 50.0, 20.0), N).backward()

    table = {name: (likelihood(flow), flow.log_prob) for name, flow in flows.items()}
    table["a potential instead of a field: OT-Flow"] = (
        potential_step,
        lambda x: transport.log_prob(potential, x, N),
    )
    return table


def rows() -> list[dict]:
    """CPU milliseconds of every recipe, for a training step and for log p."""
    table, x = recipes(), TARGET.sample(BATCH, generator(0, 8))
    spent = {name: ([], []) for name in table}
    for _ in range(ROUNDS + 1):
        for name, pair in table.items():
            for what, (work, times) in enumerate(zip(pair, spent[name], strict=True)):
                with torch.set_grad_enabled(what == 0):
                    begin = time.process_time()
                    for _ in range(3):
                        work(x)
                    times.append((time.process_time() - begin) / 3)
    return [
        {
            "recipe": name,
            "step_ms": round(1000 * statistics.median(training[1:]), 2),  # the first warms up
            "log_prob_ms": round(1000 * statistics.median(testing[1:]), 2),
        }
        for name, (training, testing) in spent.items()
    ]


def main() -> None:
    torch.set_num_threads(1)
    results.save("transport_cost", rows(), [0], script=__file__)


if __name__ == "__main__":
    main()
