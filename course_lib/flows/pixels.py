"""Densities of images: noise between the pixel values, whitening, bits per dimension.

A pixel has one of finitely many values 0 … K − 1. A density on such points could put an infinite
peak on each; so uniform noise from [0, 1) is added, and what is learned is a density on [0, K)^d.
"""

import math

import torch
from torch import Tensor

__all__ = ["Whitening", "bits_per_dim", "dequantise", "quantise"]


def dequantise(pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Whole-numbered pixel values plus noise from [0, 1), of the same shape.

    If p is a density of the result, E log p(pixels + noise) ≤ log P(pixels), where P gives each
    image the mass of p over its cube: what is measured with noise is never too good.

    Raises:
        ValueError: the values are not whole numbers (dequantised already, or scaled).

    Source: Theis, van den Oord & Bethge 2016, arXiv:1511.01844, section 3.1.

    >>> x = dequantise(torch.tensor([[0.0, 16.0]]), torch.Generator().manual_seed(0))
    >>> x.floor().tolist()
    [[0.0, 16.0]]
    """
    if not torch.equal(pixels, pixels.round()):
        raise ValueError(
            "pixel values must be whole numbers 0, 1, 2, …: multiply scaled images by their "
            "largest value and round, and add noise only once"
        )
    noise = torch.rand(pixels.shape, generator=generator, dtype=pixels.dtype, device=pixels.device)
    # In float32, 16 + 0.99999999 is 17: the next image's cube.
    return torch.minimum(pixels + noise, torch.nextafter(pixels + 1, pixels))


def quantise(x: Tensor, K: int) -> Tensor:
    """The image in whose cube a point lies; values outside [0, K) become the nearest pixel value.

    >>> quantise(torch.tensor([-0.3, 3.99, 17.2]), 17).tolist()
    [0.0, 3.0, 16.0]
    """
    return x.floor().clamp(0, K - 1)


def bits_per_dim(log_p: Tensor, d: int) -> float:
    """The mean of −log₂ p per coordinate, from log p [n] in nats.

    A coordinate that is uniform on [0, K) has log₂ K bits.

    >>> round(bits_per_dim(torch.full((5,), -3 * math.log(16)), d=3), 6)
    4.0
    """
    return -log_p.double().mean().item() / (d * math.log(2))


class Whitening:
    """The affine map x = mean + root · y that gives y zero mean and covariance I.

    Args:
        pixels: whole-numbered training images [n, d]; the noise's mean ½ and variance 1/12 are
            added exactly, so that the covariance is positive even where a pixel never changes.

    A standard Gaussian in y is then the Gaussian with the data's mean and covariance in x: a flow
    that moves nothing starts with the Gaussian's likelihood.

    Raises:
        ValueError: not at least two images, each a row.

    >>> pixels = torch.randint(0, 17, (50, 3), generator=torch.Generator().manual_seed(0)).float()
    >>> white = Whitening(pixels)
    >>> x = dequantise(pixels, torch.Generator().manual_seed(1))
    >>> bool(torch.allclose(white.to_pixels(white(x)), x, atol=1e-4))
    True
    """

    def __init__(self, pixels: Tensor):
        if pixels.ndim != 2 or len(pixels) < 2:
            raise ValueError(f"need images [n, d], n ≥ 2, got {tuple(pixels.shape)}")
        d = pixels.shape[1]
        self.mean = pixels.mean(0) + 0.5
        covariance = pixels.T.double().cov() + torch.eye(d, dtype=torch.double) / 12
        root = torch.linalg.cholesky(covariance)
        self.log_det = root.diagonal().log().sum().item()
        self.root = root.to(pixels)
        self.inverse = torch.linalg.inv(root).to(pixels)

    def __call__(self, x: Tensor) -> Tensor:
        """x [n, d] ↦ y."""
        return (x - self.mean) @ self.inverse.T

    def to_pixels(self, y: Tensor) -> Tensor:
        """y [n, d] ↦ x."""
        return self.mean + y @ self.root.T

    def log_prob(self, log_py: Tensor) -> Tensor:
        """log p(x), from log p(y) at y = white(x): less log |det root|."""
        return log_py - self.log_det
