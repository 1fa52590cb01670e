"""The two flows of notebook 19's explorer: the moons, from independent and from OT pairs.

Makes data/weights/matching.npz and data/results/matching_explorer.json (about twenty CPU-seconds):
the nets, and for each number of Euler steps the distance W₂ of 500 samples to 500 points.
"""

import torch

from course_lib import results, transport
from course_lib.densities import Moons
from course_lib.flows import TanhField, couple, euler_sample, matching_loss
from course_lib.training import cosine, train

SEED, POINTS, MOST_STEPS = 0, 500, 16
#: coupling → (updates, pairs in a batch)
RUNS = {"independent": (2500, 256), "OT": (1500, 128)}
TARGET = Moons()


def learn(coupling: str) -> TanhField:
    """One field."""
    updates, n = RUNS[coupling]
    field = TanhField(2, [64, 64], first=1.5, generator=torch.Generator().manual_seed(SEED))

    def batch(generator):
        x, z = TARGET.sample(n, generator), torch.randn(n, 2, generator=generator)
        return z, couple(z, x) if coupling == "OT" else x, torch.rand(n, 1, generator=generator)

    train(
        field,
        matching_loss,
        batch,
        steps=updates,
        optimizer=torch.optim.Adam(field.parameters(), lr=1e-2, betas=(0.9, 0.99), fused=True),
        schedule=cosine(0.04),
        clip=10.0,
        generator=torch.Generator().manual_seed(SEED + 7),
        progress=False,
    )
    return field


def row(coupling: str, field: TanhField, steps: int) -> dict:
    """What is said about one number of steps."""
    z = torch.randn(POINTS, 2, generator=torch.Generator().manual_seed(3))
    x = TARGET.sample(POINTS, torch.Generator().manual_seed(4))
    with torch.no_grad():
        states = euler_sample(field, z, steps)
    distance = transport.exact_plan(states[-1], x)[1].sqrt().item()
    return {"coupling": coupling, "steps": steps, "w2": round(distance, 4)}


def main() -> None:
    torch.set_num_threads(1)
    rows, numbers = [], {}
    for coupling in RUNS:
        field = learn(coupling)
        rows += [row(coupling, field, steps) for steps in range(1, MOST_STEPS + 1)]
        parameters = torch.nn.utils.parameters_to_vector(field.parameters())
        numbers[coupling] = parameters.detach().numpy()
    results.save("matching_explorer", rows, [SEED], script=__file__)
    results.save_weights("matching", numbers)


if __name__ == "__main__":
    main()
