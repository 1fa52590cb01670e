"""Diffusivity and source of a reaction–diffusion equation, from one front or from two fields.

Notebook 20 holds the diffusivity at wrong values; here it is learned as well, from each of two
starting values, in five realisations of noise, second field and weights. About 110 CPU seconds.

    python experiments/identifiability.py
"""

import math

import torch

from course_lib import results
from course_lib.beyond import LearnedSource, bistable, front, periodic_grid, reaction_diffusion
from course_lib.sequences import fit_step
from course_lib.solvers import odeint
from course_lib.training import cosine, train

SEEDS, STARTS, NOISE = range(5), (0.6, 1.6), 0.001
RK4 = {"method": "rk4", "options": {"step_size": 0.15}}


def seeded(seed: int, k: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * seed + k)


def waves(place, generator):
    """A random sum of six waves on the ring, between 0 and 1."""
    k, shift = torch.arange(1, 7)[:, None], torch.rand(6, 1, generator=generator)
    size = torch.randn(6, 1, generator=generator)
    w = (size * torch.cos(2 * math.pi * (k * place / 40 + shift))).sum(0)
    return (w - w.min()) / (w.max() - w.min())


def run(seed: int, begun: float, fields: str) -> dict:
    """One fit: the diffusivity found (true 1), and the largest error of the front at t = 18."""
    place, delta = periodic_grid(64, 40.0)
    nature, times = reaction_diffusion(1.0, delta, bistable(0.25)), torch.linspace(0, 9, 31)
    one = front(place.abs(), 1.0, 0.25, at=8.0)[None]
    starts = one if fields == "front" else torch.cat([one, waves(place, seeded(seed, 18))[None]])
    u = odeint(nature, starts, times, **RK4)
    u = u + NOISE * torch.randn(u.shape, generator=seeded(seed, 16))
    before, after = u[:-1].flatten(0, 1), u[1:].flatten(0, 1)
    model = LearnedSource(delta, begun, generator=seeded(seed, 17))

    def shots(u, _=None):
        return odeint(model, u, times[:2], **RK4)[1:].movedim(0, 1)

    def loss(model, u, ahead):
        return (shots(u)[:, 0] - ahead).square().mean()

    train(model, loss, (before, after), steps=100, lr=1e-2, schedule=cosine(), progress=False)
    fit_step(model, shots, before, after[:, None], None, iterations=120)
    late = torch.tensor([0.0, 18.0])
    with torch.no_grad():
        ends = [odeint(f, one, late, **RK4)[-1] for f in (model, nature)]
    error = (ends[0] - ends[1]).abs().max().item()
    return {"seed": seed, "begun": begun, "fields": fields, "nu": model.nu.item(), "error": error}


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    rows = []
    for seed in SEEDS:
        for begun in STARTS:
            for fields in ("front", "front and waves"):
                rows.append(run(seed, begun, fields))
                print(rows[-1], flush=True)
    results.save("identifiability", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
