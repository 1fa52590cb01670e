"""How often are the Lotka–Volterra interactions recovered? Noise, samples, and ways to choose.

Makes data/results/ude.json for notebook 14 (about five CPU-minutes): for each noise and number of
samples ten realisations of the noise. A row counts, as lists over the realisations, whether the
support is exactly {xy} in both equations: by STLSQ at each threshold on the network's values, by
STLSQ on central differences of the data (no network), by the bootstrap, and by BIC after shooting.
The first row also compares forecasts: of the black box and of the UDE with its network, trained on
short windows, and for some seeds on the whole trajectory as well, and of the recovered equation.
`python experiments/ude.py widget` makes data/weights/recovery_explorer.npz instead: data and
network values for the widget, fifteen trainings.
"""

import sys

import torch
from torch import nn

from course_lib import results
from course_lib.metrics import rmse
from course_lib.nets import MLP
from course_lib.sequences import fit_step, windows
from course_lib.solvers import SolverError, odeint
from course_lib.sparse import bic, inclusion, monomials, path, shoot, stlsq
from course_lib.systems import lotka_volterra
from course_lib.training import cosine, train

SYSTEM = lotka_volterra(alpha=1.3, beta=0.9, gamma=1.8, delta=0.8)
START = (0.44249296, 4.6280594)
KNOWN = (1.3, -1.8)
END, LATE = 6.0, 50.0
THRESHOLDS = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
WINDOW = {61: 6, 31: 4, 16: 3}  # samples in a window: half a unit of time, and a little more
CASES = ((0.01, 61), (0.05, 61), (0.01, 16))
SEEDS = tuple(range(10))
POLISHED = (0, 5, 6, 7)  # only four: half a CPU-minute each
RK4 = {"method": "rk4", "options": {"step_size": 0.1}}


class Hybrid(nn.Module):
    """du/dt = rates · u + net(u/3); rates of zero make the black box."""

    def __init__(self, rates, generator):
        super().__init__()
        self.register_buffer("rates", torch.tensor(rates, dtype=torch.float64))
        self.net = MLP([2, 16, 16, 2], generator=generator).double()

    def unknown(self, u):
        return self.net(u / 3)

    def forward(self, t, u):
        return self.rates * u + self.unknown(u)


def exact(t):
    """The true solution at times t."""
    start = torch.tensor(START, dtype=torch.float64)
    return odeint(SYSTEM.func, start, t, rtol=1e-10, atol=1e-10)


def measured(noise: float, samples: int, seed: int):
    """Times and noisy states; the noise is `generator()` of the notebook under COURSE_SEED=seed."""
    t = torch.linspace(0, END, samples, dtype=torch.float64)
    u = exact(t)
    g = torch.Generator().manual_seed(1000 * seed)
    return t, u + noise * u.mean(0) * torch.randn(u.shape, generator=g, dtype=torch.float64)


def fit(rates, t, data, seed: int) -> Hybrid:
    """400 steps of Adam on short windows, then 50 of L-BFGS."""
    model = Hybrid(rates, torch.Generator().manual_seed(1000 * seed + 1))
    times, states = windows(t[None], data[None], WINDOW[len(t)])
    before, after, own = states[:, 0], states[:, 1:].movedim(1, 0), times[0] - times[0, 0]

    def step(start, _):
        return odeint(model, start, own, **RK4)[1:]

    def loss(_, start, later):
        return (step(start, None) - later.movedim(1, 0)).square().mean()

    batch = (before, after.movedim(0, 1))
    train(model, loss, batch, steps=400, lr=1e-2, schedule=cosine(), progress=False)
    fit_step(model, step, before, after, None, iterations=50)
    return model


def values_of(model, data):
    with torch.no_grad():
        return model.unknown(data)


def is_right(coefs) -> bool:
    """Whether xy, the fifth of the six candidates, survives in both equations, and nothing else."""
    wanted = torch.zeros_like(coefs, dtype=torch.bool)
    wanted[4] = True
    return bool(((coefs != 0) == wanted).all())


def differences(t, data):
    """What remains of the central differences when the known terms are taken away, and where."""
    slopes = (data[2:] - data[:-2]) / (t[2:] - t[:-2])[:, None]
    inner = data[1:-1]
    return inner, slopes - torch.tensor(KNOWN, dtype=torch.float64) * inner


def chosen(t, data, theta, values):
    """The model of the path with the lowest BIC, fitted by shooting, and how many there were."""
    known = torch.tensor(KNOWN, dtype=torch.float64)
    candidates = path(theta, values, THRESHOLDS)
    shots = [
        shoot(lambda u: known * u, lambda u: monomials(u, 2), coefs, t, data)
        for coefs in candidates
    ]
    shots = [shot for shot in shots if shot is not None]
    return min(shots, key=lambda s: bic(s.rss, data.numel(), s.parameters)), len(candidates)


def polish(model: Hybrid, data, iterations: int = 200) -> None:
    """Further L-BFGS on one solve through all 61 measurements; its start is fitted too."""
    start = nn.Parameter(data[0].clone())
    optimizer = torch.optim.LBFGS(
        [*model.parameters(), start],
        max_iter=iterations,
        history_size=20,
        tolerance_grad=1e-12,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )
    h = END / (len(data) - 1)

    def closure():
        optimizer.zero_grad()
        u = start[None]
        states = [u]
        for _ in range(len(data) - 1):  # RK4, without odeint's bounds: a wild trial is just bad
            k1 = model(0, u)
            k2 = model(0, u + h / 2 * k1)
            k3 = model(0, u + h / 2 * k2)
            k4 = model(0, u + h * k3)
            u = u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            states.append(u)
        loss = (torch.cat(states) - data).square().mean()
        if not torch.isfinite(loss):
            loss = 1e6 + 0 * start.sum()
        loss.backward()
        return loss

    optimizer.step(closure)


def late_error(func) -> float:
    """Root mean square error on (6, 50], from the true start; capped at 99 if the solve fails."""
    t = torch.linspace(0, LATE, 501, dtype=torch.float64)
    truth = exact(t)
    try:
        with torch.no_grad():
            u = odeint(func, truth[0], t, rtol=1e-6, atol=1e-6)
    except SolverError:
        return 99.0
    return min(99.0, rmse(u[t > END], truth[t > END]))


def run(noise: float, samples: int, seed: int) -> dict:
    """All measures of one realisation."""
    t, data = measured(noise, samples, seed)
    model = fit(KNOWN, t, data, seed)
    theta, values = monomials(data, 2), values_of(model, data)
    inner, slopes = differences(t, data)
    shot, candidates = chosen(t, data, theta, values)
    shares = inclusion(theta, values, 0.05, 100, torch.Generator().manual_seed(1000 * seed + 2))
    known = torch.tensor(KNOWN, dtype=torch.float64)
    found = {
        "network": [is_right(stlsq(theta, values, lam)) for lam in THRESHOLDS],
        "differences": [is_right(stlsq(monomials(inner, 2), slopes, lam)) for lam in THRESHOLDS],
        "terms": [int((stlsq(theta, values, lam) != 0).sum()) for lam in THRESHOLDS],
        "bootstrap": is_right((shares > 0.9).double()),
        "bic": is_right(shot.coefs),
        "candidates": candidates,
        "coefs": [float(f"{c:.6g}") for c in shot.coefs[4].tolist()],
    }
    if (noise, samples) == (0.01, 61):
        recovered = late_error(lambda s, u: known * u + monomials(u, 2) @ shot.coefs)
        found |= {"chosen_late": recovered} | forecasts(t, data, seed)
    return found


def forecasts(t, data, seed: int) -> dict:
    """Late errors of UDE and black box, trained on windows; for some seeds after `polish`, too."""
    found = {}
    for name, rates in (("ude", KNOWN), ("black_box", (0.0, 0.0))):
        model = fit(rates, t, data, seed)
        found[f"{name}_late"] = late_error(model)
        if seed in POLISHED:
            polish(model, data)
        found[f"{name}_polished"] = late_error(model) if seed in POLISHED else None
    return found


def row(noise: float, samples: int, seeds=SEEDS) -> dict:
    """One row: every measure as a list over the realisations."""
    runs = [run(noise, samples, seed) for seed in seeds]
    kept = {name: [r[name] for r in runs] for name in runs[0]}
    return {"noise": noise, "samples": samples, "thresholds": list(THRESHOLDS)} | kept


def widget() -> None:
    """Data and network values at every setting of the widget, one realisation each."""
    stored = {}
    for noise in (0.0, 0.01, 0.02, 0.05, 0.1):
        for samples in WINDOW:
            t, data = measured(noise, samples, 0)
            values = values_of(fit(KNOWN, t, data, 0), data)
            stored[f"{noise}|{samples}"] = torch.stack([data, values]).float()
    results.save_weights("recovery_explorer", stored)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    if "widget" in sys.argv:
        return widget()
    rows = [row(noise, samples) for noise, samples in CASES]
    results.save("ude", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
