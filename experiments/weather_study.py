"""What the training horizon and two penalties do to a neural ODE of the weather.

Makes data/results/weather_study.json for notebook 11 (about five CPU-minutes). Half of the hours
are lost. One row for each setting, lists over seeds 0–4: validation and test error of all leads
and test errors of leads 1, 6 and 24, in standard deviations; along the test paths the kinetic
energy and the squared norm of the Jacobian; evaluations of f in an accurate solve of one day.
"""

import torch
from weather import RECORD, SEEDS, learned, mse, seeded

from course_lib import results
from course_lib.fields import Counted
from course_lib.sequences import jacobian_norm, kinetic_energy, lose, scheduled
from course_lib.sequences.forecasting import DAY, block_errors
from course_lib.solvers import odeint

RATE = 0.5
GRID = torch.arange(0, 25, 3.0)  # hours at which a path is looked at
HORIZONS = {
    "1 h": scheduled(1),
    "6 h": scheduled(6, 6),
    "24 h": scheduled(24, 24),
    "1 → 24 h": scheduled(24),
}
WEIGHTS = {"kinetic": (0.02, 0.2), "jacobian": (0.01, 0.1)}


def effort(model, windows) -> tuple[torch.Tensor, ...]:
    return model.speed(windows), GRID / DAY, model.path(windows, GRID)


def penalty_of(kind: str, weight: float, seed: int):
    """The term that is added to the loss."""
    signs = seeded(seed, 3)

    def penalty(model, windows):
        if kind == "kinetic":
            return weight * kinetic_energy(*effort(model, windows))
        return weight * jacobian_norm(*effort(model, windows), generator=signs)

    return penalty


def measures(seed: int, **options) -> dict[str, float]:
    kept = lose(len(RECORD.times), RATE, seeded(seed, 0))
    train, validation, test = (RECORD.windows(s, kept) for s in ("train", "validation", "test"))
    model = learned("neural ODE", train, seed, **options)
    with torch.no_grad():
        sums = block_errors(model(test), test).sum(0)
        leads = (sums[:, 0] / sums[:, 1]).sqrt()
        few = test.rows(slice(None, None, 10))
        field = Counted(model.speed(few))
        odeint(field, model.start(few), torch.tensor([0.0, 1.0]), rtol=1e-5, atol=1e-5)
        path = effort(model, few)
        found = {"validation": mse(model(validation), validation) ** 0.5}
        found |= {"test": (sums.sum(0)[0] / sums.sum(0)[1]).sqrt().item()}
        found |= {f"lead {k}": leads[k - 1].item() for k in (1, 6, 24)}
        found |= {"kinetic": kinetic_energy(*path).item(), "calls": field.nfe}
    return found | {"jacobian": jacobian_norm(*path).item()}


def main() -> None:
    torch.set_num_threads(1)
    settings = [
        ({"part": "horizon", "horizon": name}, {"horizon": horizon}, None)
        for name, horizon in HORIZONS.items()
    ]
    settings += [
        ({"part": "penalty", "penalty": kind, "weight": weight}, {}, (kind, weight))
        for kind, weights in WEIGHTS.items()
        for weight in weights
    ]
    rows = []
    for where, options, term in settings:
        runs = []
        for seed in SEEDS:
            extra = {"penalty": penalty_of(*term, seed)} if term else {}
            runs.append(measures(seed, **options, **extra))
        lists = {key: [float(f"{run[key]:.5g}") for run in runs] for key in runs[0]}
        rows.append(where | lists)
        print(rows[-1], flush=True)
    results.save("weather_study", rows, list(SEEDS), script=__file__)


if __name__ == "__main__":
    main()
