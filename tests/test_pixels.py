"""Densities of images: noise, whitening, bits."""

import math

import pytest
import torch

from course_lib.flows import Whitening, bits_per_dim, dequantise, quantise, standard_log_prob


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pixels():
    """Images with correlated pixels, of which the last never changes."""
    image = torch.randint(0, 17, (400, 6), generator=seeded()).float()
    image[:, 1] = (image[:, 0] + image[:, 1]).clamp(max=16)
    image[:, 5] = 0
    return image


def test_noise_stays_in_its_pixel(pixels):
    x = dequantise(pixels, seeded(1))
    assert torch.equal(quantise(x, 17), pixels)
    noise = x - pixels
    assert noise.mean().item() == pytest.approx(0.5, abs=0.02)
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.05)
    assert torch.equal(x, dequantise(pixels, seeded(1)))


def test_noise_never_rounds_up_to_the_next_pixel(monkeypatch):
    """In float32, 16 + (1 − 2⁻²⁴) is 17."""
    largest = torch.nextafter(torch.tensor(1.0), torch.tensor(0.0))
    monkeypatch.setattr(torch, "rand", lambda shape, **_: largest.expand(shape))
    assert torch.tensor(16.0) + largest == 17
    assert dequantise(torch.full((3,), 16.0)).max() < 17


@pytest.mark.parametrize("bad", [[0.5, 1.0], [0.0625, 0.5]])
def test_scaled_or_noisy_images_are_refused(bad):
    with pytest.raises(ValueError, match=r"whole numbers.*add noise only once"):
        dequantise(torch.tensor(bad))


def test_values_outside_become_the_nearest_pixel():
    assert quantise(torch.tensor([-3.0, 0.2, 16.9, 17.0]), 17).tolist() == [0, 0, 16, 16]


def test_whitened_data_have_unit_covariance(pixels):
    white = Whitening(pixels.double())
    x = dequantise(pixels.double().repeat(50, 1), seeded(2))
    y = white(x)
    assert y.mean(0).abs().max() < 0.02
    assert (y.T.cov() - torch.eye(6)).abs().max() < 0.03
    assert torch.allclose(white.to_pixels(y), x)


def test_a_flow_that_moves_nothing_is_the_gaussian(pixels):
    """log p(x) by the whitening is that of the Gaussian with the same moments."""
    white = Whitening(pixels.double())
    x = dequantise(pixels[:9].double(), seeded(3))
    covariance = white.root @ white.root.T
    gaussian = torch.distributions.MultivariateNormal(white.mean, covariance)
    found = white.log_prob(standard_log_prob(white(x)))
    assert torch.allclose(found, gaussian.log_prob(x))
    assert white.log_det == pytest.approx(torch.linalg.slogdet(white.root)[1].item())


def test_bits_of_known_densities():
    """Uniform on [0, 17): log₂ 17; a Gaussian: its entropy in bits."""
    assert bits_per_dim(torch.full((4,), -8 * math.log(17)), 8) == pytest.approx(math.log2(17))
    z = torch.randn(100_000, 2, generator=seeded())
    entropy = 0.5 * math.log2(2 * math.pi * math.e)
    assert bits_per_dim(standard_log_prob(z), 2) == pytest.approx(entropy, abs=0.01)


@pytest.mark.parametrize("bad", [torch.zeros(5), torch.zeros(1, 5)])
def test_whitening_needs_images(bad):
    with pytest.raises(ValueError, match="need images"):
        Whitening(bad)
