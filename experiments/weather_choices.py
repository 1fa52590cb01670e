"""Are the neural ODE's settings in notebook 11 those that the validation blocks would choose?

Makes data/results/weather_choices.json (about two CPU-minutes). Half of the hours are lost. One
setting at a time is changed from those of the notebook; a row holds it and the *validation* errors
over seeds 5–7, which no other forecast of the notebook uses, in standard deviations; the last row
is ridge regression's, its penalty chosen on the same blocks. The test blocks are not looked at.
"""

import torch
from weather import RECORD, best_ridge, mse, seeded

from course_lib import results
from course_lib.sequences import lose, scheduled
from course_lib.sequences.forecasting import Forecaster, fit
from course_lib.sequences.record import Windows

RATE, SEEDS = 0.5, (5, 6, 7)
CHOSEN = {"width": 32, "extra": 5, "steps": 200, "lr": 4e-3, "horizon": 24}
OTHERS = {
    "width": (16, 64),
    "extra": (0, 10),
    "steps": (100, 400),
    "lr": (2e-3, 8e-3),
    "horizon": (1, 12),
}


def windows(seed: int) -> list[Windows]:
    kept = lose(len(RECORD.times), RATE, seeded(seed, 0))
    return [RECORD.windows(split, kept) for split in ("train", "validation")]


def validation_error(seed: int, width, extra, steps, lr, horizon) -> float:
    train, validation = windows(seed)
    size, start = train.features.shape[1], seeded(seed, 1)
    model = Forecaster(RECORD, size, extra=extra, width=width, generator=start)
    options = {"steps": steps, "lr": lr, "horizon": scheduled(horizon)}
    fit(model, train, generator=seeded(seed, 2), **options)
    with torch.no_grad():
        return mse(model(validation), validation) ** 0.5


def ridge_error(seed: int) -> float:
    train, validation = windows(seed)
    return mse(best_ridge(train, validation)(validation), validation) ** 0.5


def main() -> None:
    torch.set_num_threads(1)
    settings = [("chosen", None)]
    settings += [(name, value) for name, values in OTHERS.items() for value in values]
    rows = []
    for name, value in settings:
        changed = CHOSEN if value is None else CHOSEN | {name: value}
        errors = [float(f"{validation_error(seed, **changed):.5f}") for seed in SEEDS]
        rows.append({"setting": name, "value": value, "validation": errors})
        print(rows[-1], flush=True)
    errors = [float(f"{ridge_error(seed):.5f}") for seed in SEEDS]
    rows.append({"setting": "ridge", "value": None, "validation": errors})
    results.save("weather_choices", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
