"""The velocity nets of notebook 18's explorer: they are told where the obstacle is.

Makes data/weights/crowd_explorer.npz (about a CPU-minute a net), one net for each weight of the
obstacle, and data/results/crowd_explorer.json, what they do at a few places. Every agent of a batch
has an obstacle of its own, with its centre in [−1, 1] × [−1.2, 1.2].
"""

import random

import torch

from course_lib import results, transport
from course_lib.training import cosine, train
from course_lib.transport.steering import steered_cost, steered_field, steered_states

START, GOAL = transport.crowd_problem()
WEIGHTS = (0.0, 100.0)
SEED, STEPS, BATCH = 0, 600, 256
PLACES = [(0.0, 0.0), (0.0, 0.8), (0.0, -0.8), (-0.8, 0.0), (0.8, 0.4)]


def draw(generator) -> tuple[torch.Tensor]:
    """Agents where they should arrive, each with an obstacle of its own."""
    centre = (2 * torch.rand(BATCH, 2, generator=generator) - 1) * torch.tensor([1.0, 1.2])
    return (torch.cat([GOAL.sample(BATCH, generator), centre], 1),)


def learn(weight: float):
    """∫ ½‖v‖² + Q dt − 20 log p of agents carried back to the start.

    The number of steps changes from batch to batch: with eight each time the net learned to exploit
    their error, as in notebook 15, and its density was wrong on any other grid.
    """
    generator = torch.Generator().manual_seed(1000 * SEED)
    random.seed(SEED)
    cost = steered_cost(weight)

    def loss(net, y):
        back = transport.carry(net, y, (1.0, 0.0), random.randint(6, 11), cost)
        log_p = START.log_prob(back.x[:, :2]) + back.log_det
        return (back.kinetic + back.running - 20 * log_p).mean()

    net = transport.VelocityField(steered_field(generator=generator))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.9, 0.99), fused=True)
    train(
        net, loss, draw, steps=STEPS, optimizer=optimizer, schedule=cosine(0.04), clip=10.0,
        generator=generator, progress=False,
    )  # fmt: skip
    return net.field


def row(field, weight: float, centre) -> dict:
    """How far the net's density is off, and who enters, for one obstacle."""
    net, obstacle = transport.VelocityField(field), transport.Obstacle(centre)
    z = START.sample(1000, torch.Generator().manual_seed(1))
    x = GOAL.sample(2000, torch.Generator().manual_seed(2))
    with torch.no_grad():
        path = transport.carry(net, steered_states(z, centre), steps=40).path[..., :2]
        back = transport.carry(net, steered_states(x, centre), (1.0, 0.0), 40)
    straight = transport.straight_paths(z, path[-1], 40)
    model = START.log_prob(back.x[:, :2]) + back.log_det
    return {
        "weight": weight,
        "centre": list(centre),
        "kl": (GOAL.log_prob(x) - model).mean(),
        "entered": obstacle.entered(path).float().mean(),
        "entered_straight": obstacle.entered(straight).float().mean(),
        "straightness": transport.straightness(path),
    }


def main() -> None:
    torch.set_num_threads(1)
    fields = {weight: learn(weight) for weight in WEIGHTS}
    rows = [row(fields[weight], weight, centre) for weight in WEIGHTS for centre in PLACES]
    results.save("crowd_explorer", rows, [SEED], script=__file__)
    vectors = {
        str(w): torch.nn.utils.parameters_to_vector(f.parameters()) for w, f in fields.items()
    }
    results.save_weights("crowd_explorer", vectors)


if __name__ == "__main__":
    main()
