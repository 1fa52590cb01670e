"""Notebook 11: its equations, its stored tables, its answers and its explorer."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_lib import results
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises import grade, nb11
from course_lib.exercises.values import show_pair
from course_lib.metrics import rmse_interval, skill_score
from course_lib.sequences import (
    flow_through,
    jacobian_norm,
    kinetic_energy,
    lose,
    masked_mse,
    scheduled,
)
from course_lib.sequences.forecasting import Damped, Forecaster, Ridge
from course_lib.sequences.record import new_york
from course_lib.solvers import odeint
from course_lib.widgets import forecast_explorer
from course_lib.widgets import nb11 as widget

NOTEBOOK = NOTEBOOKS_DIR / "11_weather.ipynb"
pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def windows():
    record = new_york(torch.float64)
    return record.windows("train", lose(len(record.times), 0.3, seeded()), every=9)


# --- equations -----------------------------------------------------------------------------------


def test_anomalies_have_mean_zero_and_deviation_one_where_they_were_fitted():
    """(11.1): in the exercise, and in the record, from which the measured values come back."""
    y, train = 5 + 3 * torch.randn(40, 3, generator=seeded()), torch.arange(40) < 25
    x = nb11.standardise(y, train)
    torch.testing.assert_close(x[train].mean(0), torch.zeros(3), atol=1e-12, rtol=0)
    torch.testing.assert_close(x[train].std(0), torch.ones(3))
    y[train, 0] = 4.0  # never varies: a change of one unit stays a change of one unit
    x = nb11.standardise(y, train)
    torch.testing.assert_close(x[:, 0], y[:, 0] - 4)
    record = new_york(torch.float64)
    measured = record.climate + record.scale * record.anomaly
    temperature = measured[record.mask[:, 0], 0]
    assert -20 < temperature.min() < 0 < 30 < temperature.max() < 45


def test_masked_loss():
    """(11.2): exercise and library agree with the sum written out, whatever stands in the holes."""
    prediction, target = torch.randn(2, 6, 4, generator=seeded())
    mask = torch.rand(6, 4, generator=seeded(1)) < 0.5
    pairs = [(i, j) for i in range(6) for j in range(4) if mask[i, j]]
    expected = sum((prediction[p] - target[p]) ** 2 for p in pairs) / len(pairs)
    for hole in (float("nan"), 1e9):
        holed = torch.where(mask, target, hole)
        for loss in (nb11.masked_loss, masked_mse):
            torch.testing.assert_close(loss(prediction, holed, mask), expected)


def test_rescaled_time_gives_every_row_its_own_gap():
    """(11.3): rows solved together end where each ends alone; order 4 in the gap."""
    field = lambda t, z: torch.sin(t) * z - z**3  # noqa: E731
    t, gap = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[0.5], [1.0], [0.2]])
    z = torch.tensor([[1.0], [-0.5], [0.3]])
    alone = torch.stack(
        [
            odeint(field, z[i], torch.cat([t[i], t[i] + gap[i]]), rtol=1e-11, atol=1e-11)[-1]
            for i in range(3)
        ]
    )
    times = torch.cat([t, t + gap], 1)
    miss = [(flow_through(field, z, times, steps=n)[:, 1] - alone).abs().max() for n in (4, 8)]
    assert 11 < miss[0] / miss[1] < 24
    unscaled = flow_through(lambda s, z: field(s / gap, z), z, times, steps=8)[:, 1]
    assert (unscaled - alone).abs().max() > 0.05


def test_damped_anomaly(windows):
    """(11.4): the factor is the quotient of sums, and no other number does better."""
    damped, seen = Damped.fit(windows), windows.mask[:, 11, 0]
    x, y = windows.last[seen, 0], windows.target[seen, 11, 0]
    a = damped.factor[11, 0]
    torch.testing.assert_close(a, (x * y).sum() / (x * x).sum())
    error = lambda factor: (factor * x - y).square().sum()  # noqa: E731
    assert error(a) < min(error(a + 0.01), error(a - 0.01))
    assert 0 < damped.factor[23].mean() < damped.factor[0].mean() < 1


def test_ridge(windows):
    """(11.5): no step in any direction makes the penalised sum smaller."""
    penalty = 0.1
    w = Ridge.fit(windows, penalty).weights[:, 3, 1]
    seen = windows.mask[:, 3, 1]
    phi = torch.cat([windows.features, torch.ones(len(windows), 1)], 1)[seen]

    def objective(w):
        misfit = (phi @ w - windows.target[seen, 3, 1]).square().sum()
        return misfit + penalty * len(windows) * w[:-1].square().sum()

    for k in range(20):
        step = 1e-3 * torch.randn(len(w), generator=seeded(k))
        assert objective(w + step) > objective(w)


def test_flow_and_map_have_the_same_field(windows):
    """(11.6), (11.7): start and velocity written out; the map's paths are Euler's for the flow."""
    few, record = windows.rows(slice(0, 6)), new_york(torch.float64)
    flow = Forecaster(record, few.features.shape[1], generator=seeded())
    step = Forecaster(record, few.features.shape[1], "map", generator=seeded())
    last = torch.cat([few.last, torch.zeros(6, 5)], 1)
    torch.testing.assert_close(
        flow.start(few), last + few.features @ flow.encode.weight.T + flow.encode.bias
    )
    z, net = torch.randn(6, 20, generator=seeded(2)), flow.field
    clock = record.clock(few.issue + 12.0)
    velocity = z @ net.linear.T + net.net(torch.cat([z, clock], 1))
    torch.testing.assert_close(flow.speed(few)(0.5, z), velocity)
    path = step.path(few, torch.arange(25.0))
    torch.testing.assert_close(path[4], path[3] + step.speed(few)(3 / 24, path[3]) / 24)
    euler = odeint(
        flow.speed(few),
        flow.start(few),
        torch.tensor([0.0, 1.0]),
        method="euler",
        options={"step_size": 1 / 24},
    )
    torch.testing.assert_close(path[-1], euler[-1])
    exact = odeint(flow.speed(few), flow.start(few), torch.tensor([0.0, 1.0]), rtol=1e-8, atol=1e-8)
    miss = (flow.path(few, torch.arange(25.0))[-1] - exact[-1]).abs().max()
    assert miss < 1e-3 < (path[-1] - exact[-1]).abs().max()


def test_skill():
    """(11.8): from mean squares, and from roots in the exercise; 1, 0 and negative."""
    assert [skill_score(m, 2.0) for m in (0.0, 2.0, 4.0)] == [1.0, 0.0, -1.0]
    assert nb11.skill(0.6, 0.9) == pytest.approx(skill_score(0.36, 0.81))


def test_kinetic_energy_of_a_rotation():
    """(11.9): a turn by one radian a day at radius r costs r²/2 a day, and straight is cheapest."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    times = torch.linspace(0, 2, 33)
    field = lambda t, z: z @ turn.T  # noqa: E731
    path = odeint(field, torch.tensor([[3.0, 0.0]]), times, rtol=1e-9, atol=1e-9)
    assert kinetic_energy(field, times, path).item() == pytest.approx(2 * 9 / 2, rel=1e-6)
    chord = path[-1] - path[0]
    straight = path[0] + times[:, None, None] / 2 * chord
    lazy = kinetic_energy(lambda t, z: chord / 2 + 0 * z, times, straight)
    assert lazy < kinetic_energy(field, times, path)


def test_jacobian_norm_is_that_of_autograd():
    """(11.10): against torch's Jacobians, along a path, by the trapezoidal rule."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    times, path = torch.tensor([0.0, 0.5, 2.0]), torch.randn(3, 5, 3, generator=seeded())
    field = lambda t, z: net(z) * (1 + t)  # noqa: E731
    values = [
        torch.stack([torch.func.jacrev(lambda z, t=t: field(t, z))(z).square().sum() for z in row])
        for t, row in zip(times.tolist(), path, strict=True)
    ]
    expected = torch.trapezoid(torch.stack(values).mean(1) / 3, times)
    torch.testing.assert_close(jacobian_norm(field, times, path), expected)


def test_one_random_vector_is_right_on_average():
    """(11.11): the mean of the estimates is the exact norm; one estimate is not."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    times, path = torch.tensor([0.0, 1.0]), torch.randn(2, 1, 3, generator=seeded())
    field = lambda t, z: net(z)  # noqa: E731
    exact, g = jacobian_norm(field, times, path).item(), seeded(1)
    runs = [jacobian_norm(field, times, path, g).item() for _ in range(400)]
    assert np.mean(runs) == pytest.approx(exact, rel=0.1)
    assert np.std(runs) > 0.02 * exact


# --- what the notebook says ----------------------------------------------------------------------


def test_the_table_says_what_exercise_4_says():
    rows = results.load("weather")["rows"]
    sums = {(r["rate"], r["method"]): np.reshape(r["sums"], (18, 5, 2)) for r in rows}

    def interval(rate, name):
        one, other = (sums[rate, method][:, -1] for method in (name, "neural ODE"))
        return rmse_interval(one, other)[1:]

    for rate in (0.0, 0.3, 0.5, 0.8):
        low, high = interval(rate, "ridge")
        assert low < 0 < high, rate
        assert interval(rate, "damped anomaly")[0] > 0, rate
        twin = np.array(interval(rate, "ResNet map"))
        assert np.abs(twin).max() < 0.002, rate


def test_stored_tables_are_complete():
    rows = results.load("weather")["rows"]
    assert len(rows) == 4 * 7 and all(len(r["rmse"]) == 5 for r in rows)
    for r in rows:
        total, count = np.reshape(r["sums"], (18, 5, 2))[:, -1].sum(0)
        pooled = np.sqrt(np.mean(np.square(r["rmse"])))
        assert np.sqrt(total / count) == pytest.approx(pooled, rel=2e-4)
        assert len(r["leads"]) == 24 and r["leads"][0] <= r["leads"][-1] + 0.02
    study = results.load("weather_study")["rows"]
    same = next(r for r in study if r.get("horizon") == "1 → 24 h")
    assert same["test"] == pytest.approx(
        results.row({"rows": rows}, rate=0.5, method="neural ODE")["rmse"], abs=2e-4
    )


def test_settings_are_near_what_validation_would_choose():
    """No neighbour is better by more than a hundredth; a loss on one hour is much worse."""
    rows = results.load("weather_choices")["rows"]
    errors = {(r["setting"], r["value"]): np.mean(r["validation"]) for r in rows}
    ours = errors["chosen", None]
    assert ours - 0.01 < min(errors.values()) and ours < errors["ridge", None]
    assert errors["horizon", 1] > ours + 0.05
    assert min(errors, key=errors.get) in [("steps", 400), ("lr", 0.008)]


def test_pressure_is_missing_in_rain():
    record = new_york(torch.float64)
    assert 0.09 < 1 - record.mask[:, 2].double().mean() < 0.12


# --- answers -------------------------------------------------------------------------------------


def _scaled(y, train, mend=lambda std: std):
    return (y - y[train].mean(0)) / mend(y[train].std(0))


@pytest.mark.parametrize(
    ("id", "given", "name"),
    [
        ("11.1", lambda y, train: (y - y.mean(0)) / y.std(0), "scales from all hours"),
        (
            "11.2",
            lambda p, t, m: ((p - t) ** 2)[m].sum() / m.numel(),
            "mean over all instead of observed",
        ),
        (
            "11.2",
            lambda p, t, m: torch.nn.functional.mse_loss(p * m, torch.nan_to_num(t) * m),
            "mean over all instead of observed",
        ),
        (
            "11.1",
            lambda y, train: _scaled(y, train, lambda s: s.clamp(min=1e-6)),
            "divides by almost nothing",
        ),
        (
            "11.1",
            lambda y, train: _scaled(y, train, lambda s: s.clamp(min=1)),
            "never divides by less than 1",
        ),
        ("11.1", lambda y, train: _scaled(y, train).nan_to_num(), "hides the division by zero"),
        ("11.1", lambda y, train: _scaled(y, train, lambda s: s + (s == 0)).float(), "right"),
        (
            "11.2",
            lambda p, t, m: ((p - t) ** 2)[~t.isnan()].mean(),
            "looks for NaN instead of the mask",
        ),
        ("11.5", lambda rmse, reference: max(0, 1 - (rmse / reference) ** 2), "never below zero"),
        ("11.5", lambda rmse, reference: (reference - rmse) / reference, "ratio of the roots"),
        (
            "11.6",
            lambda share, longest, until: (
                int(1 + share * (longest - 1)) if share < until else longest
            ),
            None,
        ),
        (
            "11.6",
            lambda share, longest, until: round(min(longest, 1 + longest * share / until)),
            "one step too many",
        ),
        (
            "11.6",
            lambda share, longest, until: 1 + round((longest - 1) * min(share / until, 1)),
            "right",
        ),
    ],
)
def test_more_answers(id, given, name):
    result = grade(id, given)
    if name == "right":
        assert result.outcome == "correct", result
    elif name is None:
        assert result.outcome in ("wrong", "misconception"), result
    else:
        assert (result.outcome, result.name) == ("misconception", name), result


def test_a_message_shows_the_number_that_is_wrong():
    """Of a large array NaN is shown, not an entry that is right."""
    mine, expected = show_pair(torch.tensor([1.0] * 11 + [float("nan")]), torch.ones(12))
    assert (mine, expected) == ("nan at index [11]", "1")
    message = grade("11.1", _scaled).message
    assert "nan" in message and "inf" in message


def test_the_exercise_is_the_librarys_schedule():
    for share in np.linspace(0.003, 0.99, 40):
        assert nb11.horizon(share, 24, 0.6) == scheduled(24)(share)


# --- the explorer --------------------------------------------------------------------------------


def test_explorer_errors_grow_with_loss_and_with_the_length_of_gaps():
    errors = {key: widget.errors(*key, 24) for key in ((0.0, 1), (0.5, 1), (0.5, 12))}
    for name in ("damped anomaly", "ridge", "neural ODE"):
        none, short, long = (e[name] for e in errors.values())
        assert none < short < long
        assert none < errors[0.0, 1]["climatology"]


def test_explorer_goes_beyond_a_day_only_with_the_flow():
    _, truth, _, made = widget.forecasts(0.3, 2, 60)
    assert made["neural ODE"].shape == (5, *truth.shape) and truth.shape[1:] == (60, 15)
    assert made["ridge"].shape[1] == 24
    mask = widget.forecasts(0.3, 2, 60)[2]
    for hours, worse in ((slice(24), False), (slice(48, 60), True)):
        wrong = (made["neural ODE"] - truth)[:, :, hours][:, mask[:, hours]].square().mean()
        assert (wrong > truth[:, hours][mask[:, hours]].square().mean()) == worse


def test_explorer_sums_are_those_of_its_forecasts():
    _, truth, mask, made = widget.forecasts(0.5, 2, 36)
    sums = widget.block_sums(0.5, 2, 36)
    wrong = (made["neural ODE"] - truth)[..., mask].square().sum() / 5
    assert sums["neural ODE"][..., 0].sum() == pytest.approx(wrong.item(), rel=1e-4)
    assert sums["ridge"].shape == (18, 24, 2) and sums["climatology"].shape == (18, 36, 2)
    assert sums["ridge"][..., 1].sum() == mask[:, :24].sum()


def test_explorer_draws_what_it_computes():
    fig = forecast_explorer.figure(lost=0.9, gap=12, horizon=60)
    left, right = fig.axes[:2]
    labels = left.get_legend_handles_labels()[1]
    assert {"observed later", "ridge", "neural ODE"} <= set(labels)
    widths = [bar.get_width() for bar in right.patches]
    assert widths == pytest.approx(list(widget.errors(0.9, 12, 60).values()))
    plt.close("all")
