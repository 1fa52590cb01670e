"""course_lib.sequences gaps, record, forecasting, regularisers; course_lib.metrics.forecasts."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from course_lib.metrics import block_bootstrap, rmse_interval, skill_score
from course_lib.sequences import (
    bridge,
    flow_through,
    jacobian_norm,
    kinetic_energy,
    lose,
    masked_mse,
    ragged,
    scheduled,
)
from course_lib.sequences.forecasting import (
    Damped,
    Forecaster,
    Ridge,
    block_errors,
    fit,
    forecast_error,
    persistence,
    stored_models,
)
from course_lib.sequences.record import HISTORY, LEADS, new_york

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def record():
    return new_york(torch.float64)


@pytest.fixture(scope="module")
def test_windows(record):
    return record.windows("test", lose(len(record.times), 0.5, seeded()), every=5)


# --- gaps ----------------------------------------------------------------------------------------


def test_the_first_sample_is_lost_as_often_as_any():
    generator = seeded(2)
    first = torch.cat([lose(1, 0.2, generator) for _ in range(1000)])
    assert first.double().mean().item() == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(("rate", "gap"), [(0.3, 0), (0.5, 6), (0.8, 10)])
def test_lost_samples_have_the_rate_and_the_length_asked_for(rate, gap):
    kept = lose(200_000, rate, seeded(1), gap)
    lost = (~kept).double()
    runs = ((lost[1:] == 1) & (lost[:-1] == 0)).sum()
    assert lost.mean().item() == pytest.approx(rate, abs=0.015)
    assert (lost.sum() / runs).item() == pytest.approx(max(gap, 1 / (1 - rate)), rel=0.05)


def test_a_rate_of_one_is_refused():
    with pytest.raises(ValueError, match="nothing is left"):
        lose(9, 1.0, seeded())


def test_the_masked_loss_has_a_finite_gradient_beside_nan():
    x = torch.ones(3, requires_grad=True)
    target, mask = torch.tensor([2.0, float("nan"), 0.0]), torch.tensor([True, False, True])
    masked_mse(x, target, mask).backward()
    assert x.grad.tolist() == [-1.0, 0.0, 1.0]
    with pytest.raises(ValueError, match="nothing"):
        masked_mse(x, target, torch.zeros(3, dtype=torch.bool))


def test_bridge_is_exact_on_lines_and_keeps_the_ends():
    t = torch.rand(30, generator=seeded()).sort().values
    line = torch.stack([2 * t, 1 - t], 1)
    mask = torch.rand(30, generator=seeded(1)) < 0.4
    mask[[0, -1]] = True
    torch.testing.assert_close(bridge(t, line * mask[:, None], mask), line)
    mask[[0, -1]] = False
    filled, first = bridge(t, line, mask), mask.nonzero()[0]
    torch.testing.assert_close(filled[0], line[first[0]])
    one = torch.arange(30) == 7
    torch.testing.assert_close(bridge(t, line, one), line[7].expand(30, 2))


def test_padding_neither_moves_nor_counts():
    series = [(torch.tensor([0.0, 0.5, 2.0]), torch.randn(3, 2)), (torch.ones(1), torch.ones(1, 2))]
    times, x, mask = ragged(series)
    path = flow_through(lambda t, z: z * t, x[:, 0], times, steps=8)
    torch.testing.assert_close(path[1], torch.ones(3, 2))
    assert mask.sum(1).tolist() == [3, 1]
    with pytest.raises(ValueError, match="increase"):
        ragged([(torch.tensor([1.0, 0.0]), torch.zeros(2, 1))])


def test_rows_flow_at_times_of_their_own():
    times = torch.tensor([[0.0, 0.3, 1.0], [2.0, 2.5, 2.6]])
    start = torch.tensor([[1.0], [2.0]])
    exact = start[:, None] * torch.exp((times**2 - times[:, :1] ** 2) / 2)[..., None]
    path = flow_through(lambda t, z: t * z, start, times, steps=16)
    torch.testing.assert_close(path, exact, rtol=1e-6, atol=0)
    ignores_time = flow_through(lambda t, z: z, start, times, steps=16)
    assert (ignores_time - exact).abs().max() > 0.1
    with pytest.raises(ValueError, match="a row for each state"):
        flow_through(lambda t, z: z, start, times[0], steps=1)


def test_horizons():
    shares = np.linspace(0, 0.999, 500)
    grown = [scheduled(24)(s) for s in shares]
    assert grown[0] == 1 and grown[-1] == 24 and sorted(grown) == grown
    assert {scheduled(24, 24)(s) for s in shares} == {24} and scheduled(1)(0.9) == 1
    with pytest.raises(ValueError, match="first ≤ longest"):
        scheduled(3, 4)


# --- the record ----------------------------------------------------------------------------------


def test_blocks_are_apart_and_climatology_sees_training_hours_only(record):
    where = {s: np.flatnonzero(record.split == s) for s in ("train", "validation", "test")}
    for one, two in (("train", "test"), ("validation", "test"), ("train", "validation")):
        assert np.abs(where[one][:, None] - where[two][None]).min() == 25  # a free day between
    training = torch.as_tensor(record.split == "train")
    for j in range(15):
        own = record.anomaly[training & record.mask[:, j], j]
        assert own.std().item() == pytest.approx(1, abs=1e-9)
        assert own.mean().abs().item() < 1e-9  # least squares with a constant
    other = torch.as_tensor(record.split == "test")
    own = record.anomaly[other & record.mask[:, 0], 0]
    assert abs(own.mean().item()) > 0.01  # not fitted to the test


def test_the_clock_has_a_day_and_a_year(record):
    """The record begins on 1 January at 06:00: six hours before it both hands stand at 0."""
    hours = torch.tensor([-6.0, 0.0, 6.0, 18.0, 8766.0 / 2 - 6])
    day, year = record.clock(hours).split(2, dim=-1)
    wanted = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [1.0, 0.0]])
    torch.testing.assert_close(day[:4], wanted, rtol=0, atol=1e-9)
    torch.testing.assert_close(year[[0, 4]], torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    quarter = record.clock(torch.tensor(8766.0 / 4 - 6))[2:]
    torch.testing.assert_close(quarter, torch.tensor([0.0, 1.0]), rtol=0, atol=1e-9)


def test_the_last_forecast_ends_with_the_record(record):
    kept = torch.ones(len(record.times), dtype=torch.bool)
    assert record.windows("train", kept).issue.max() == len(kept) - LEADS - 1


def test_memories_are_weighted_means_that_forget(record):
    """Σ w x / (Σ w + 1) over the hours seen, w = e^(−age/τ), τ = 6 and 24: little data says 0."""
    issue, d = torch.tensor([500, 2000]), len(record.names)
    kept = lose(len(record.times), 0.3, seeded(4))
    features = record.at(issue, kept).features
    for place, tau in ((1, 6.0), (2, 24.0)):
        for row, i in enumerate(issue.tolist()):
            total, weight = torch.zeros(d), torch.ones(d)
            for age in range(HISTORY):
                w = math.exp(-age / tau) * (record.mask[i - age] & kept[i - age])
                total, weight = total + w * record.anomaly[i - age], weight + w
            torch.testing.assert_close(features[row, place * d : (place + 1) * d], total / weight)


def test_windows_read_the_past_and_nothing_else(record):
    kept = torch.ones(len(record.times), dtype=torch.bool)
    issue = record.windows("test", kept, every=50).issue[:5]
    before = record.at(issue, kept)
    changed = record.anomaly.clone()
    for i in issue.tolist():
        changed[i + 1 : i + 1 + LEADS] += 100
    after = replace(record, anomaly=changed).at(issue, kept)
    torch.testing.assert_close(after.features, before.features)
    assert (after.target - before.target == 100).all()
    for i in issue.tolist():
        known = record.split[i - HISTORY + 1 : i + 1]
        assert set(known) <= {"test", ""} and set(record.split[i + 1 : i + 25]) == {"test"}


def test_lost_hours_are_not_read_and_are_targets_of_the_test_only(record):
    kept = lose(len(record.times), 0.5, seeded())
    poisoned = record.anomaly.clone()
    poisoned[~kept] = 1e6
    for split, at_most in (("train", 50), ("test", 1e7)):
        windows = replace(record, anomaly=poisoned).windows(split, kept, every=60)
        assert windows.features.abs().max() < 50
        assert windows.target[windows.mask].abs().max() < at_most
    assert windows.target[windows.mask].max() == 1e6


# --- forecasts -----------------------------------------------------------------------------------


def test_persistence_is_constant_in_the_channels_units(record, test_windows):
    forecast = persistence(record, test_windows)
    ahead = test_windows.issue[:, None] + torch.arange(1, LEADS + 1)
    known = (test_windows.age < LEADS).all(1)
    value = record.climate[ahead] + record.scale * forecast
    assert value[known].std(1).max() < 1e-9
    k = int(known.nonzero()[3])
    age = int(test_windows.age[k, 0])
    observed = int(test_windows.issue[k]) - age
    measured = record.climate[observed, 0] + record.scale[0] * record.anomaly[observed, 0]
    assert value[k, 0, 0].item() == pytest.approx(measured.item())


def test_damped_and_ridge_are_least_squares(test_windows):
    windows = test_windows
    damped = Damped.fit(windows)
    seen = windows.mask[:, 5, 2]
    x, y = windows.last[seen, 2], windows.target[seen, 5, 2]
    assert damped.factor[5, 2].item() == pytest.approx((x @ y / (x @ x)).item())
    ridge = Ridge.fit(windows, 0.1)
    phi = torch.cat([windows.features, torch.ones(len(windows), 1)], 1)[seen]
    w = ridge.weights[:, 5, 2]
    gradient = phi.T @ (phi @ w - y) + 0.1 * len(windows) * torch.cat([w[:-1], torch.zeros(1)])
    assert gradient.abs().max() < 1e-8
    shrunk = Ridge.fit(windows, 100.0).weights[:-1].norm()
    assert shrunk < 0.1 * ridge.weights[:-1].norm()


def test_block_errors_add_up_to_the_masked_mean(test_windows):
    forecast = torch.randn(test_windows.target.shape, generator=seeded())
    total = block_errors(forecast, test_windows).sum((0, 1))
    expected = masked_mse(forecast, test_windows.target, test_windows.mask)
    assert (total[0] / total[1]).item() == pytest.approx(expected.item())


def test_forecast_error_is_the_root_over_observed_targets(test_windows):
    forecast = torch.randn(test_windows.target.shape, generator=seeded())
    seen = test_windows.mask
    expected = (forecast[seen] - test_windows.target[seen]).square().mean().sqrt().item()
    assert forecast_error(forecast, test_windows) == pytest.approx(expected)
    damped = Damped.fit(test_windows)
    assert forecast_error(damped, test_windows) == pytest.approx(
        forecast_error(damped(test_windows), test_windows)
    )
    with pytest.raises(ValueError, match="but targets"):
        forecast_error(forecast[:, :3], test_windows)


@pytest.mark.parametrize("kind", ["ODE", "map"])
def test_an_untrained_forecaster_fades_from_the_last_anomaly(record, test_windows, kind):
    model = Forecaster(record, test_windows.features.shape[1], kind, width=0, generator=seeded())
    with torch.no_grad():
        model.encode.weight.zero_()
        forecast = model(test_windows)
    rate = np.exp(-1 / 24) if kind == "ODE" else 1 - 1 / 24
    torch.testing.assert_close(forecast[:, 0], rate * test_windows.last, rtol=1e-4, atol=1e-6)
    expected = rate**24 * test_windows.last
    torch.testing.assert_close(forecast[:, 23], expected, rtol=1e-4, atol=1e-6)


def test_a_field_is_told_the_hour_of_the_day_at_which_it_is_asked(record, test_windows):
    """Time is in days: half a day after the issue its clock stands twelve hours later."""
    model = Forecaster(record, test_windows.features.shape[1], width=0, generator=seeded())
    model.field.forward = lambda clock, z: clock
    found = model.speed(test_windows)(0.5, None)
    torch.testing.assert_close(found, record.clock(test_windows.issue.double() + 12))


def test_a_forecaster_learns_what_is_linear(record, test_windows):
    """Trained to forget nothing, A goes to zero; the error falls tenfold."""
    truth = test_windows.last[:, None].expand(-1, LEADS, -1)
    data = replace(test_windows, target=truth, mask=torch.ones_like(test_windows.mask))
    model = Forecaster(record, data.features.shape[1], width=0, extra=0, generator=seeded())
    error = lambda: masked_mse(model(data), data.target, data.mask).item()  # noqa: E731
    before = error()
    fit(model, data, steps=60, lr=3e-2, batch=64, generator=seeded(1))
    assert error() < before / 10


def test_a_kind_must_be_known(record):
    with pytest.raises(ValueError, match="'ODE' or 'map'"):
        Forecaster(record, 49, "RNN", generator=seeded())


def test_stored_models_forecast_better_than_climatology():
    record = new_york(torch.float32)
    windows = record.windows("test", lose(len(record.times), 0.5, seeded()), every=7)
    damped, ridge, flows = stored_models()
    score = lambda f: masked_mse(f, windows.target, windows.mask).sqrt().item()  # noqa: E731
    with torch.no_grad():
        nothing = score(torch.zeros_like(windows.target))
        errors = [score(model(windows)) for model in (damped, ridge, *flows)]
    assert max(errors) < 0.85 * nothing
    assert max(errors[1:]) < errors[0]


# --- measures ------------------------------------------------------------------------------------


def test_the_regularisers_reach_the_parameters():
    weight = torch.tensor([[1.0, 2.0], [0.5, -1.0]], requires_grad=True)
    times, path = torch.linspace(0, 1, 4), torch.randn(4, 9, 2, generator=seeded())
    field = lambda t, z: z @ weight.T  # noqa: E731
    exact = torch.autograd.grad(jacobian_norm(field, times, path), weight)[0]
    torch.testing.assert_close(exact, weight.detach())  # d/dW ‖W‖²/2
    estimates = [
        torch.autograd.grad(jacobian_norm(field, times, path, seeded(k)), weight)[0]
        for k in range(60)
    ]
    torch.testing.assert_close(torch.stack(estimates).mean(0), exact, atol=0.15, rtol=0)
    assert torch.autograd.grad(kinetic_energy(field, times, path), weight)[0].abs().min() > 0
    with pytest.raises(ValueError, match="m ≥ 2"):
        kinetic_energy(field, times, path[0])


def test_skill_score():
    assert skill_score(np.array([0.25, 2.0]), np.array([1.0, 1.0])).tolist() == [0.75, -1.0]
    with pytest.raises(ValueError, match="positive"):
        skill_score(1.0, 0.0)


def test_blocks_give_honest_intervals_where_single_hours_do_not():
    """Of a mean over correlated hours: coverage about 95 % by blocks, far less hour by hour."""
    random, hits = np.random.default_rng(0), {"blocks": 0, "hours": 0}
    for _ in range(100):
        blocks = random.normal(size=(20, 1)) + 0.3 * random.normal(size=(20, 48))
        for name, part in {"blocks": blocks, "hours": blocks.reshape(-1, 1)}.items():
            low, high = block_bootstrap(np.mean, part, draws=200)
            hits[name] += low < 0 < high
    assert hits["blocks"] >= 85 and hits["hours"] <= 50
    with pytest.raises(ValueError, match="two blocks"):
        block_bootstrap(np.mean, np.ones((1, 3)))


def test_an_interval_has_the_level_asked_for():
    """Of the mean of n numbers of deviation s: ± 1.96 s/√n at 95 %, ± 1.645 s/√n at 90 %."""
    blocks = np.random.default_rng(0).normal(size=(400, 1))
    for level, z in ((0.95, 1.960), (0.9, 1.645)):
        low, high = block_bootstrap(np.mean, blocks, draws=4000, level=level)
        assert (high - low) / 2 == pytest.approx(z * blocks.std() / 20, rel=0.05)


def test_errors_are_compared_on_the_same_blocks():
    """What is hard for both does not widen the interval; unpaired intervals would overlap."""
    random = np.random.default_rng(1)
    hard = random.uniform(1, 50, size=30)
    counts = random.integers(20, 40, size=30).astype(float)
    one, other = (np.stack([hard * counts * factor, counts], 1) for factor in (1.0, 1.1))
    value, low, high = rmse_interval(one)
    assert value == pytest.approx(np.sqrt((hard * counts).sum() / counts.sum()))
    assert low < value < high and high - low > 0.1 * value
    less, below, above = rmse_interval(one, other)
    assert below < less < above < 0
    assert less == pytest.approx(value * (1 - np.sqrt(1.1)))
    assert rmse_interval(one, other, np.divide) == pytest.approx([1.1**-0.5] * 3)
    with pytest.raises(ValueError, match="differ"):
        rmse_interval(one, other[:5])
