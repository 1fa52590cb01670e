"""Forecasts for three airports with 0, 30, 50 and 80 % of the hours lost; seven methods.

Makes data/results/weather.json and data/weights/weather.npz for notebook 11 (about five
CPU-minutes). One row for each rate of loss and method: test errors over seeds 0–4, in standard
deviations. `sums` holds, for each test block, the squared errors of leads 1, 6, 12, 24 and of all
leads, and their number (means over seeds), for intervals by blocks. The seed draws which hours
are lost, the first weights and the batches. The weights belong to five flows, and one ridge
regression, each fitted to windows of all four rates together, for the notebook's explorer.
"""

import torch

from course_lib import results
from course_lib.sequences import lose, scheduled
from course_lib.sequences.forecasting import (
    Damped,
    Forecaster,
    Ridge,
    block_errors,
    fit,
    persistence,
)
from course_lib.sequences.record import LEADS, Windows, new_york

RATES, SEEDS, STEPS = (0.0, 0.3, 0.5, 0.8), (0, 1, 2, 3, 4), 200
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
SHOWN = (1, 6, 12, 24)  # leads with sums of their own
LEARNED = {"linear flow": ("ODE", 0), "ResNet map": ("map", 32), "neural ODE": ("ODE", 32)}

RECORD = new_york()


def seeded(seed: int, offset: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * seed + offset)


def mse(forecast: torch.Tensor, windows: Windows) -> float:
    total = block_errors(forecast, windows).sum((0, 1))
    return (total[0] / total[1]).item()


def learned(name: str, windows: Windows, seed: int, **options) -> Forecaster:
    """One of the trained models, as the notebook trains it."""
    kind, width = LEARNED[name]
    size = windows.features.shape[1]
    model = Forecaster(RECORD, size, kind, width=width, generator=seeded(seed, 1))
    options = {"steps": STEPS, "horizon": scheduled(LEADS)} | options
    fit(model, windows, generator=seeded(seed, 2), **options)
    return model


def best_ridge(train: Windows, validation: Windows) -> Ridge:
    """The penalty is chosen on the validation blocks."""
    fitted = [Ridge.fit(train, penalty) for penalty in PENALTIES]
    return min(fitted, key=lambda model: mse(model(validation), validation))


def forecasts(rate: float, seed: int):
    """The test windows, and the forecast of every method for them."""
    kept = lose(len(RECORD.times), rate, seeded(seed, 0))
    train, validation, test = (RECORD.windows(s, kept) for s in ("train", "validation", "test"))
    made = {
        "climatology": torch.zeros_like(test.target),
        "persistence": persistence(RECORD, test),
        "damped anomaly": Damped.fit(train)(test),
        "ridge": best_ridge(train, validation)(test),
    }
    for name in LEARNED:
        model = learned(name, train, seed)
        with torch.no_grad():
            made[name] = model(test)
    return test, made


def rows_of(rate: float) -> list[dict]:
    sums: dict[str, list] = {}
    for seed in SEEDS:
        test, made = forecasts(rate, seed)
        for name, forecast in made.items():
            sums.setdefault(name, []).append(block_errors(forecast, test))
        print(rate, seed, {k: round(mse(f, test) ** 0.5, 4) for k, f in made.items()}, flush=True)
    rows = []
    for name, runs in sums.items():
        every = torch.stack(runs)  # [seeds, blocks, leads, 2]
        by_lead = every.sum(1).mean(0)
        over = every.sum((1, 2))
        mean = every.mean(0)
        shown = torch.cat([mean[:, [k - 1 for k in SHOWN]], mean.sum(1, keepdim=True)], 1)
        rows.append(
            {
                "rate": rate,
                "method": name,
                "rmse": [float(f"{v:.5f}") for v in (over[:, 0] / over[:, 1]).sqrt()],
                "leads": [float(f"{v:.4f}") for v in (by_lead[:, 0] / by_lead[:, 1]).sqrt()],
                "sums": [[float(f"{v:.5g}") for v in block] for block in shown.flatten(1).tolist()],
            }
        )
    return rows


def explorer_weights() -> None:
    parts = {s: [] for s in ("train", "validation")}
    for i, rate in enumerate(RATES):
        kept = lose(len(RECORD.times), rate, seeded(0, 10 + i))
        for split, found in parts.items():
            found.append(RECORD.windows(split, kept))
    train, validation = (
        Windows(
            *(torch.cat(column) for column in zip(*(vars(w).values() for w in found), strict=True))
        )
        for found in parts.values()
    )
    arrays = {"ridge": best_ridge(train, validation).weights.half()}
    arrays["damped"] = Damped.fit(train).factor
    for seed in SEEDS:
        model = learned("neural ODE", train, seed, steps=2 * STEPS)
        for key, value in model.state_dict().items():
            arrays[f"{seed}/{key}"] = value
    results.save_weights("weather", arrays)


def main() -> None:
    torch.set_num_threads(1)
    rows = [row for rate in RATES for row in rows_of(rate)]
    results.save("weather", rows, list(SEEDS), script=__file__)
    explorer_weights()


if __name__ == "__main__":
    main()
