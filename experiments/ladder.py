"""One data set up the whole ladder of flows: two moons, the same measures for every method.

Makes data/results/ladder.json for notebooks 16, 17 and 19 (about three CPU-minutes a seed): one row
for each method, its measures as lists over the seeds. A method is a function of a seed that trains
and returns a `Model`; to add a rung, write one and put it into METHODS.

All measures but `seconds` and `inverse_error` are taken with a finer solver than training used, so
that they belong to the flow and not to its solver. NFE is what Dormand-Prince 5(4) needs at
tolerance 1e-5 to sample.
"""

import re
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from course_lib import results, transport
from course_lib.densities import Moons, kl_estimate
from course_lib.flows import (
    ContinuousFlow,
    HutchinsonTrace,
    PlanarFlow,
    TanhField,
    couple,
    matching_loss,
    standard_log_prob,
)
from course_lib.solvers import odeint
from course_lib.training import cosine, train

SEEDS = (0, 1, 2, 3, 4)
TARGET = Moons()
FINE = 20  # steps of RK4 for the measures
POINTS, PAIRS = 10_000, 1500  # test points for KL; samples for the exact plan


class Model(NamedTuple):
    """A trained method: `log_prob` (x → [n]), `forward` (z → x), `backward` (x → z) as trained,
    and `field`, None where there is no velocity."""

    log_prob: Callable
    forward: Callable
    backward: Callable
    field: object = None


def generator(seed: int, offset: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * seed + offset)


def fit(net, loss, seed, *, steps, batch, lr):
    """Adam with warm-up and cosine, a fresh batch at every step; the same for all methods."""
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, betas=(0.9, 0.99), fused=True)
    train(
        net, loss, lambda g: (TARGET.sample(batch, g),), steps=steps, optimizer=optimizer,
        schedule=cosine(0.04), clip=10.0, generator=generator(seed, 1), progress=False,
    )  # fmt: skip
    return net


def continuous(field, N: int) -> Model:
    """A flow that was trained with N steps of RK4; `field` as `transport.carry` wants it."""
    return Model(
        lambda x: transport.log_prob(field, x, FINE),
        lambda z: transport.carry(field, z, steps=N).x,
        lambda x: transport.carry(field, x, (1.0, 0.0), N).x,
        field,
    )


# --- the rungs -----------------------------------------------------------------------------------


def planar(seed: int) -> Model:
    """32 planar layers."""
    net = PlanarFlow(32, generator=generator(seed))
    fit(net, lambda net, x: -net.log_prob(x).mean(), seed, steps=1500, batch=256, lr=1e-2)
    return Model(net.log_prob, net, lambda x: net.inverse(x)[0])


def cnf(seed: int, trace=None, penalty: float = 0.0) -> Model:
    """A tanh field by maximum likelihood; penalty: λ of both of RNODE's terms."""
    field = TanhField(2, (64, 64), first=1.5, last=0.1, generator=generator(seed))
    flow = ContinuousFlow(field, steps=5, trace=trace)
    terms = ("kinetic", "jacobian") if penalty else ()

    def loss(flow, x):
        back = flow.integrate(x, 1.0, 0.0, terms)
        extra = penalty * (back.kinetic + back.jacobian) if penalty else 0.0
        return (extra - standard_log_prob(back.x) - back.log_det).mean()

    fit(flow, loss, seed, steps=500, batch=256, lr=1e-2)
    return continuous(transport.VelocityField(field), 5)


def ffjord(seed: int) -> Model:
    """The same with Hutchinson's estimate of the trace."""
    return cnf(seed, trace=HutchinsonTrace(generator=generator(seed, 2)))


def rnode(seed: int) -> Model:
    """The same, exact trace, with RNODE's penalties on ‖v‖² and ‖J‖²."""
    return cnf(seed, penalty=0.05)


def ot_flow(seed: int, weights: tuple = (1.0, 50.0, 20.0)) -> Model:
    """A potential, with transport cost and HJB penalty; the run of notebook 17."""
    potential = transport.Potential(2, 32, generator(seed))

    def loss(potential, x):
        return transport.ot_flow_loss(potential, x, weights=weights, steps=4)

    fit(potential, loss, seed, steps=600, batch=256, lr=2e-2)
    return continuous(potential, 4)


def potential_alone(seed: int) -> Model:
    """The same potential by likelihood alone, without cost or penalty."""
    return ot_flow(seed, weights=(0.0, 50.0, 0.0))


def flow_matching(seed: int, pair=None, batch: int = 256) -> Model:
    """CNF's field by regression on pairs, independent ones unless `pair` orders them; no solver
    has been trained with, so that the way there and back is taken with the steps of CNF."""
    field = TanhField(2, (64, 64), first=1.5, generator=generator(seed))
    noise = generator(seed, 2)

    def loss(field, x):
        z = torch.randn(x.shape, generator=noise)
        t = torch.rand(len(x), 1, generator=noise)
        return matching_loss(field, z, pair(z, x) if pair else x, t)

    fit(field, loss, seed, steps=6000, batch=batch, lr=1e-2)
    return continuous(transport.VelocityField(field), 5)


def matching_by_ot(seed: int) -> Model:
    """The same with minibatch-OT pairs, in batches of 128; even so most of the time goes into the
    plans."""
    return flow_matching(seed, couple, batch=128)


METHODS = {
    "planar flow": planar,
    "CNF": cnf,
    "FFJORD": ffjord,
    "RNODE": rnode,
    "potential": potential_alone,
    "OT-Flow": ot_flow,
    "matching": flow_matching,
    "matching, OT": matching_by_ot,
}


# --- the measures --------------------------------------------------------------------------------


def measure(model: Model, seed: int) -> dict:
    """What stands in a row; measures that a method does not have are left out."""
    x = TARGET.sample(POINTS, generator(seed, 3))
    z = torch.randn(PAIRS, 2, generator=generator(seed, 4))
    there = model.forward(z)
    row = {
        "kl": kl_estimate(TARGET, model.log_prob, x),
        "inverse_error": (model.backward(there) - z).norm(dim=1).max(),
    }
    if model.field is None:
        return row | {"ot_gap": transport.ot_gap(z, there)}
    end = transport.carry(model.field, z, steps=FINE)
    stats = odeint(
        lambda t, y: model.field.velocity(float(t), y), z, torch.tensor([0.0, 1.0]),
        rtol=1e-5, atol=1e-5, return_stats=True,
    )[1]  # fmt: skip
    row |= {
        "nfe": stats.nfe,
        "energy": 2 * end.kinetic.mean(),
        "chord": (end.x - z).square().sum(1).mean(),
        "straightness": transport.straightness(end.path),
        "ot_gap": transport.ot_gap(z, end.x),
    }
    potential = isinstance(model.field, transport.Potential)
    return row | ({"hjb": end.residual.mean()} if potential else {})


def run(method: str, seed: int) -> dict:
    """Train and measure one model."""
    begin = time.process_time()
    model = METHODS[method](seed)
    seconds = time.process_time() - begin
    with torch.no_grad():
        return measure(model, seed) | {"seconds": seconds}


def row(method: str, seeds=SEEDS) -> dict:
    """One row of the table: every measure as a list over the seeds, to five significant digits."""
    runs = [run(method, seed) for seed in seeds]
    return {"method": method} | {k: [float(f"{float(r[k]):.5g}") for r in runs] for k in runs[0]}


def main() -> None:
    """`python experiments/ladder.py` makes all rows, `… ladder.py OT-Flow 0-2` one, three seeds."""
    torch.set_num_threads(1)
    names = [name for name in METHODS if name in sys.argv[1:]] or list(METHODS)
    spans = re.findall(r"^(\d+)-(\d+)$", " ".join(sys.argv[-1:]))
    seeds = list(range(int(spans[0][0]), int(spans[0][1]) + 1)) if spans else list(SEEDS)
    try:
        rows = {old["method"]: old for old in results.load("ladder")["rows"]}
    except FileNotFoundError:
        rows = {}
    for name in names:  # stored at once: a run that is stopped has not been for nothing
        rows[name] = row(name, seeds) | {"seeds": seeds}
        ordered = [rows[name] for name in METHODS if name in rows]
        every = sorted({seed for one in ordered for seed in one["seeds"]})
        results.save("ladder", ordered, every, script=__file__)


if __name__ == "__main__":
    main()
