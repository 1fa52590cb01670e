"""The parts of the evidence lower bound for Gaussians: a sample, a divergence, a likelihood.

With q = N(mean, diag exp(log_var)) on latent states and noise of deviation sigma on the data,

    z0 = reparametrise(mean, log_var, g)
    bound = log_likelihood(x, decode(z0), sigma) - kl_to_standard(mean, log_var)

is an unbiased estimate of the bound from one sample.

Source: Kingma & Welling 2013, arXiv:1312.6114.
"""

import math

import torch
from torch import Tensor


def reparametrise(
    mean: Tensor, log_var: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """A sample of N(mean, diag exp(log_var)) that gradients can pass: mean + exp(log_var/2)·ε.

    Shapes: all [..., d]. Source: Kingma & Welling 2013, arXiv:1312.6114, section 2.4.

    >>> reparametrise(torch.ones(2), torch.full((2,), -200.0))
    tensor([1., 1.])
    """
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
    return mean + (0.5 * log_var).exp() * noise


def kl_to_standard(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_var)) ‖ N(0, I)) in nats, over the last axis: [..., d] → [...].

    Source: Kingma & Welling 2013, arXiv:1312.6114, appendix B.

    >>> kl_to_standard(torch.zeros(3), torch.zeros(3)).item()
    0.0
    """
    return 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum(-1)


def log_likelihood(x: Tensor, x_hat: Tensor, sigma: float | Tensor) -> Tensor:
    """log of the Gaussian density of observations [..., m, d] around x_hat: [...].

    Args:
        sigma: standard deviation of each number; broadcast against x.

    >>> value = log_likelihood(torch.zeros(1, 1), torch.zeros(1, 1), 1.0).item()
    >>> abs(value + 0.5 * math.log(2 * math.pi)) < 1e-6
    True
    """
    sigma = torch.as_tensor(sigma, dtype=x.dtype)
    terms = ((x - x_hat) / sigma).square() + 2 * sigma.log() + math.log(2 * math.pi)
    return -0.5 * terms.sum((-2, -1))
