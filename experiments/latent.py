"""Latent ODE and GRUs on the spirals of notebook 13; some fifteen CPU-minutes for five seeds.

Writes data/results/latent.json, rows of four parts:
    continuation   root mean square error against the noise-free curve over the turn that follows
                   the observations, by model and number of observations
    seen           the same within the turn that was observed (latent ODE only)
    steps          the continuation with finer steps than those of training
    edge           outward curves whose continuation stays among the radii seen, or leaves them
and data/weights/latent_gru.npz, the velocity GRU of seed 0, which the notebook draws.
"""

import sys
from functools import partial

import torch

from course_lib import results
from course_lib.metrics import rmse
from course_lib.sequences.autoregressive import AutoregressiveGRU, fit_autoregressive
from course_lib.sequences.latent import LatentODE, fit_latent
from course_lib.sequences.spirals import TURN, draw_spirals, thin

SEEDS = range(5)
SIZES = (30, 50, 100)


def main(seeds=SEEDS) -> None:
    torch.set_num_threads(1)
    rows = []
    for part, n_seeds in PARTS.values():
        for seed in seeds[:n_seeds]:
            found = [{"seed": seed} | row for row in part(seed)]
            print(*found, sep="\n", flush=True)
            rows += found
    results.save("latent", rows, seeds=list(seeds), script=__file__)


def sources(seed: int):
    """The generators of one seed, by purpose; the notebook's `generator(k)` are the same."""
    return lambda offset: torch.Generator().manual_seed(1000 * seed + offset)


def data(g):
    """Training and test curves."""
    return draw_spirals(1000, g(0)), draw_spirals(400, g(1), until=2 * TURN)


def latent_ode(seed: int) -> list[dict]:
    """The model that the notebook trains, in all four parts of the table."""
    model, test, g = trained(seed)
    return latent_rows(model, test, g)


def without_agreement(seed: int) -> list[dict]:
    """The bound alone, without the term that makes states mean the same at all times."""
    model, test, g = trained(seed, agreement=0.0)
    return continuation("bound alone", forecaster(model), test, g)


def trained(seed: int, **options):
    """A latent ODE, the test curves, and the seed's generators."""
    g = sources(seed)
    curves, test = data(g)
    model = LatentODE(generator=g(2))
    fit_latent(model, curves.t, curves.x, g(3), progress=False, **options)
    return model, test, g


def forecaster(model: LatentODE):
    """Positions at later times, from the mean of q."""
    return lambda t, x, later: model.decode(model.encode(t, x)[0], later)


def gru(kind: str, seed: int) -> list[dict]:
    """A rival, fitted to the same curves for about as long (in CPU-seconds)."""
    g = sources(seed)
    curves, test = data(g)
    model = AutoregressiveGRU(kind, generator=g(5))
    fit_autoregressive(model, curves.t, curves.x, g(6), progress=False)
    if kind == "velocity" and seed == 0:
        results.save_weights("latent_gru", model.state_dict())
    return continuation(f"{kind} GRU", model.forecast, test, g)


# What is trained, and on how many of the seeds.
PARTS = {
    "latent": (latent_ode, 5),
    "velocity": (partial(gru, "velocity"), 5),
    "alone": (without_agreement, 3),
    "plain": (partial(gru, "plain"), 5),
    "residual": (partial(gru, "residual"), 5),
}


def latent_rows(model: LatentODE, test, g) -> list[dict]:
    """What the notebook says of one trained latent ODE."""
    forecast = forecaster(model)
    rows = continuation("latent ODE", forecast, test, g)
    for m in SIZES:
        rows.append({"part": "seen", "m": m, "rmse": error(forecast, test, m, g(4), 0.0, TURN)})
    kept = model.step
    for steps in (8, 16, 32, 64):
        model.step = TURN / steps
        rows.append({"part": "steps", "steps": steps, "rmse": error(forecast, test, 50, g(4))})
    model.step = kept
    for m in SIZES:
        for place, turns in (("inside", (2.0, 4.0)), ("outside", (3.0, 5.0))):
            edge = draw_spirals(400, g(7), turns=turns, until=2 * TURN)
            edge = edge.where(edge.direction > 0)
            value = error(forecast, edge, m, g(4))
            rows.append({"part": "edge", "place": place, "m": m, "rmse": value})
    return rows


def continuation(name: str, forecast, test, g) -> list[dict]:
    """One row a number of observations, for all curves and for the two directions."""
    rows = []
    for m in SIZES:
        row = {"part": "continuation", "model": name, "m": m}
        row["rmse"] = error(forecast, test, m, g(4))
        for way, sign in (("outward", 1), ("inward", -1)):
            row[way] = error(forecast, test, m, g(4), keep=test.direction == sign)
        rows.append(row)
    return rows


def error(forecast, curves, m, generator, start=TURN, end=2 * TURN, keep=slice(None)) -> float:
    """RMSE against the noise-free curves at m equal steps from start to end."""
    t, x = thin(curves.t, curves.x, m, generator)
    later = torch.linspace(start, end, m + 1)[1:]
    with torch.no_grad():
        x_hat = forecast(t, x, later)
    return rmse(x_hat[keep], curves.positions(later)[keep])


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or SEEDS)
