"""Train the field that carries the bunny to a Gaussian (notebooks 00 and 19); about 2 CPU-minutes.

Flow matching with minibatch optimal-transport pairs (Tong et al. 2024, arXiv:2302.00482): regress
v(t, x_t) on x_1 − x_0 along straight lines x_t = (1 − t) x_0 + t x_1 from a bunny point x_0 to a
Gaussian one x_1. Writes data/weights/bunny_flow.npz, and what it reaches to data/results/.
"""

import torch
from scipy.optimize import linear_sum_assignment

from course_lib import results
from course_lib.bunny import BunnyField, is_inside, sample_bunny
from course_lib.solvers import odeint

SEED, STEPS, BATCH, PAIRED = 0, 9000, 1024, 128


def nearest_pairs(x0: torch.Tensor, x1: torch.Tensor) -> torch.Tensor:
    """`x1` reordered so that pairs are matched at least total squared distance, group by group."""
    groups = []
    for a, b in zip(x0.split(PAIRED), x1.split(PAIRED), strict=True):
        cost = torch.cdist(a, b) ** 2
        groups.append(b[linear_sum_assignment(cost.numpy())[1]])
    return torch.cat(groups)


def train(generator: torch.Generator) -> BunnyField:
    field = BunnyField()
    optimizer = torch.optim.Adam(field.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=STEPS)
    pool = sample_bunny(50_000, generator)
    for step in range(STEPS):
        x0 = pool[torch.randint(len(pool), (BATCH,), generator=generator)]
        x1 = nearest_pairs(x0, torch.randn(BATCH, 2, generator=generator))
        t = torch.rand(BATCH, generator=generator)
        x = x0 + t[:, None] * (x1 - x0)
        loss = (field(t, x) - (x1 - x0)).square().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 1000 == 0:
            print(f"step {step:5d}  loss {loss.item():.3f}", flush=True)
    return field.requires_grad_(False)


def measure(field: BunnyField, generator: torch.Generator) -> dict:
    """How well the field works in both directions, on fresh points."""
    noise = torch.randn(5000, 2, generator=generator)
    drawn = odeint(field, noise, torch.tensor([1.0, 0.0]), rtol=1e-5, atol=1e-5)[-1]
    bunny = sample_bunny(5000, generator)
    there = odeint(field, bunny, torch.tensor([0.0, 1.0]), rtol=1e-5, atol=1e-5)[-1]
    back = odeint(field, there, torch.tensor([1.0, 0.0]), rtol=1e-5, atol=1e-5)[-1]
    return {
        "share of drawn points inside the bunny": is_inside(drawn).float().mean(),
        "mean of the carried bunny": there.mean(0),
        "covariance of the carried bunny": there.T.cov(),
        "largest error there and back": (back - bunny).abs().max(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    field = train(generator)
    results.save_weights("bunny_flow", field.state_dict())
    row = measure(field, generator)
    print(row)
    results.save("bunny_flow", [row], seeds=[SEED], script=__file__)
