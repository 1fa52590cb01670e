"""The measures of chaos: values known in closed form, bad input, and twins that must fail."""

import math

import pytest
import torch
from scipy.signal import welch

from course_lib.metrics import (
    density_kl,
    lyapunov_exponent,
    power_spectrum,
    spectrum_distance,
    valid_prediction_time,
)

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# --- valid prediction time -----------------------------------------------------------------------


def test_valid_prediction_time_is_the_first_crossing():
    truth = torch.randn(50, 4, 3, generator=seeded())
    scale = (truth - truth.mean((0, 1))).square().sum(-1).mean().sqrt()
    prediction = truth.clone()
    prediction[10, 0, 0] += 0.41 * scale  # one bad row
    prediction[20:, 1, 2] += 0.39 * scale  # never bad
    prediction[3, 2, 1] = math.nan
    valid = valid_prediction_time(prediction, truth, dt=0.5)
    assert valid.tolist() == [5.0, 24.5, 1.5, 24.5]
    one = valid_prediction_time(prediction[:, 0], truth[:, 0], dt=0.5, scale=scale.item())
    assert one.item() == 5.0


def test_valid_prediction_time_has_no_unit_of_length():
    truth = torch.randn(30, 5, 3, generator=seeded())
    prediction = truth + 0.05 * torch.randn(30, 5, 3, generator=seeded(1)).cumsum(0)
    metres = valid_prediction_time(prediction, truth, 1.0)
    feet = valid_prediction_time(3.28 * prediction + 7, 3.28 * truth + 7, 1.0)
    torch.testing.assert_close(metres, feet)


def test_valid_prediction_time_says_what_is_wrong():
    x = torch.zeros(4, 2)
    with pytest.raises(ValueError, match="one shape"):
        valid_prediction_time(x, x[:3], 0.1)
    with pytest.raises(ValueError, match="scale"):
        valid_prediction_time(x, x, 0.1)  # a truth that doesn't move has no size


# --- Lyapunov exponent ---------------------------------------------------------------------------


def test_exponent_of_a_linear_map_is_its_largest_eigenvalue():
    turn = torch.linalg.qr(torch.randn(3, 3, generator=seeded()))[0]
    matrix = turn @ torch.diag(torch.tensor([0.5, 0.9, 0.2])) @ turn.T
    found = lyapunov_exponent(lambda x: x @ matrix.T, torch.zeros(2, 3), 50, 0.1, settle=60)
    torch.testing.assert_close(found, torch.full((2,), math.log(0.9) / 0.1), rtol=1e-6, atol=0)


def test_exponent_of_the_logistic_map():
    """x → 4x(1 − x) is the doubling map in another coordinate: ln 2, for almost every start."""
    x = torch.rand(200, 1, generator=seeded())
    found = lyapunov_exponent(lambda x: 4 * x * (1 - x), x, 500, 1.0, settle=10)
    assert found.mean().item() == pytest.approx(math.log(2), abs=0.01)


def test_exponent_of_the_henon_map():
    """About 0.42 at a = 1.4, b = 0.3, in many published computations (0.419 to 0.420)."""

    def henon(x):
        return torch.stack([1 - 1.4 * x[:, 0] ** 2 + x[:, 1], 0.3 * x[:, 0]], -1)

    x = 0.1 * torch.rand(50, 2, generator=seeded())
    found = lyapunov_exponent(henon, x, 2000, 1.0, settle=100)
    assert found.mean().item() == pytest.approx(0.419, abs=0.01)


def test_exponent_in_single_precision():
    x = torch.rand(50, 1, generator=seeded()).float()
    found = lyapunov_exponent(lambda x: 4 * x * (1 - x), x, 300, 1.0)
    assert found.dtype == torch.float32
    assert found.mean().item() == pytest.approx(math.log(2), abs=0.04)


def test_a_gap_that_closes_is_not_passed_over():
    with pytest.raises(ValueError, match="merge or blow up"):
        lyapunov_exponent(torch.zeros_like, torch.ones(2, 3), 5, 0.1)
    with pytest.raises(ValueError, match="merge or blow up"):
        lyapunov_exponent(lambda x: x**9, 9 * torch.ones(1, 1), 40, 0.1)
    with pytest.raises(ValueError, match="k, d"):
        lyapunov_exponent(lambda x: x, torch.ones(3), 5, 0.1)


# --- densities -----------------------------------------------------------------------------------


def test_kl_of_two_gaussians():
    """KL(N(0, 1)‖N(m, 1)) = m²/2; the histogram comes near where cells are small and full."""
    x, y = torch.randn(2, 400_000, 1, generator=seeded())
    assert density_kl(x, y + 0.6, bins=60, half=4.0) == pytest.approx(0.18, abs=0.01)
    assert 0 < density_kl(x, y, bins=60, half=4.0) < 5e-4


def test_kl_knows_the_direction_and_no_units():
    narrow, wide = torch.randn(2, 20_000, 1, generator=seeded())
    wide = 3 * wide
    assert density_kl(wide, narrow) > 1.3 * density_kl(narrow, wide)
    there = density_kl(narrow, wide)
    assert density_kl(5 * narrow + 2, 5 * wide + 2) == pytest.approx(there, rel=1e-3)


def test_kl_of_an_empty_cell_is_finite_and_depends_on_the_pseudo_count():
    truth = torch.cat([torch.zeros(90, 1), torch.ones(10, 1)])
    model = torch.zeros(100, 1)
    values = [density_kl(truth, model, pseudo=a) for a in (1e-6, 0.1, 0.5)]
    assert values == sorted(values, reverse=True) and math.isfinite(values[0])
    p, q = torch.tensor([90.5, 10.5]) / 101, torch.tensor([100.5, 0.5]) / 101
    assert values[2] == pytest.approx((p * (p / q).log()).sum().item())


def test_states_outside_of_the_box_share_one_cell():
    truth = torch.randn(1000, 2, generator=seeded())
    far, lost, aside = truth.clone(), truth.clone(), truth.clone()
    far[:500] += 100
    lost[:500] = math.nan
    aside[:500, 0] += 100  # outside in one component is outside
    assert density_kl(truth, far) == density_kl(truth, lost) == density_kl(truth, aside) > 0.5


def test_kl_says_what_is_wrong():
    with pytest.raises(ValueError, match="components"):
        density_kl(torch.zeros(5, 2), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="empty cell"):
        density_kl(torch.zeros(5, 2), torch.zeros(5, 2), pseudo=0.0)
    with pytest.raises(ValueError, match="constant"):  # else all would be in one cell, and KL 0
        density_kl(torch.zeros(5, 2), torch.randn(5, 2))


# --- spectra -------------------------------------------------------------------------------------


def test_white_noise_has_a_flat_spectrum_and_a_sine_one_peak():
    noise = torch.randn(4000, 50, 1, generator=seeded())
    frequency, share = power_spectrum(noise, 0.1, segment=100)
    assert share.shape == (50, 1) and frequency[-1].item() == pytest.approx(5.0)
    inner = share[1:-1, 0] * 50
    assert (inner - 1).abs().max() < 0.1
    wave = torch.sin(2 * math.pi * 2.0 * 0.1 * torch.arange(4000.0))[:, None]
    frequency, share = power_spectrum(wave, 0.1, segment=100)
    assert frequency[share[:, 0].argmax()].item() == pytest.approx(2.0)
    assert share[18:21].sum() > 0.999  # Hann's window leaks to the two neighbours only


def test_spectrum_is_welchs():
    """SciPy's windows, overlap and taper; odd, so that its one-sided doubling cancels out."""
    x = torch.randn(1000, 1, generator=seeded()).cumsum(0)
    frequency, share = power_spectrum(x, 0.1, segment=101)
    f, power = welch(x[:, 0].numpy(), fs=10, window="hann", nperseg=101, noverlap=51)
    torch.testing.assert_close(frequency, torch.from_numpy(f[1:]))
    expected = torch.from_numpy(power[1:] / power[1:].sum())
    torch.testing.assert_close(share[:, 0], expected)


def test_averaging_over_windows_is_what_lowers_the_floor():
    """Two stretches of the same noise: four times the data halve the distance."""
    noise = torch.randn(2, 16_384, 1, generator=seeded())
    short = spectrum_distance(noise[0, :4096], noise[1, :4096], segment=256)
    assert spectrum_distance(noise[0], noise[1], segment=256) < 0.65 * short
    # a single window has the same roughness whatever its length
    assert spectrum_distance(noise[0], noise[1], segment=16_384) > 0.4


def test_spectra_ignore_scale_mean_and_direction_of_time():
    walk = torch.randn(4096, 3, 2, generator=seeded()).cumsum(0)
    assert spectrum_distance(walk, 7 * walk - 3) == pytest.approx(0, abs=1e-6)
    assert spectrum_distance(walk, walk.flip(0)) < 0.05
    shuffled = walk[torch.randperm(4096, generator=seeded(1))]
    assert spectrum_distance(walk, shuffled) > 0.5


def test_a_model_that_stands_still_or_is_lost_is_as_far_as_can_be():
    wave = torch.sin(0.3 * torch.arange(1000.0))[:, None]
    assert spectrum_distance(wave, torch.zeros_like(wave)) == 1.0
    assert spectrum_distance(wave, torch.full_like(wave, math.nan)) == 1.0


def test_spectra_say_what_is_wrong():
    with pytest.raises(ValueError, match="segment ≤ m"):
        power_spectrum(torch.zeros(100, 1), 0.1, segment=512)
    with pytest.raises(ValueError, match="components"):
        spectrum_distance(torch.zeros(600, 1), torch.zeros(600, 2))
