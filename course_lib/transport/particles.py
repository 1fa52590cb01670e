"""Bayes' rule as a flow: particles of the prior move until they are particles of the posterior.

Between the two stand the densities p_t ∝ p_0 · likelihoodᵗ. Where the prior is Gaussian and the
observation linear, all of them are Gaussian, and a velocity that makes them is known exactly.
"""

import torch
from torch import Tensor

from course_lib.transport.potential import Rates


class BayesFlow:
    """The flow from a Gaussian prior to the posterior after y = H x + noise.

    p_t = N(m(t), S(t)) with S⁻¹ = S₀⁻¹ + t·W, W = Hᵀ R⁻¹ H, and

        v = S Hᵀ R⁻¹(y − H m) + (K S⁻¹ − ½ S W)(x − m).

    K is antisymmetric, and free: it turns particles along the level lines of p_t, and changes no
    density. K = 0 is Daum and Huang's exact flow.

    Args:
        m0, S0: mean [d] and covariance [d, d] of the prior.
        H: [k, d].
        y: the observation, [k].
        R: covariance [k, k] of its noise.
        K: antisymmetric [d, d]; zero if None.

    Raises `ValueError` for shapes that don't fit, or a K that is not antisymmetric.

    Source: Daum & Huang's flow as in Törő & Bécsi 2022, arXiv:2209.00089. Chen, Dai & Song 2019,
    arXiv:1902.00640, learn such a field for priors that are not Gaussian.

    >>> one = torch.eye(1)
    >>> flow = BayesFlow(torch.zeros(1), one, one, torch.tensor([2.0]), one)
    >>> flow.moments(1.0)[0].item(), flow.moments(1.0)[1].item()  # halfway, with half the variance
    (1.0, 0.5)
    """

    def __init__(self, m0: Tensor, S0: Tensor, H: Tensor, y: Tensor, R: Tensor, K=None):
        d, k = len(m0), len(y)
        if S0.shape != (d, d) or H.shape != (k, d) or R.shape != (k, k):
            raise ValueError(
                f"prior of {d}, observation of {k} entries: S0 must be [{d}, {d}], H [{k}, {d}], "
                f"R [{k}, {k}], got {tuple(S0.shape)}, {tuple(H.shape)}, {tuple(R.shape)}"
            )
        self.K = torch.zeros_like(S0) if K is None else K
        if self.K.shape != S0.shape or not torch.allclose(self.K, -self.K.T):
            raise ValueError(f"K must be antisymmetric, [{d}, {d}]")
        self.m0, self.H, self.y = m0, H, y
        self.precision = torch.linalg.inv(S0)
        self.weight = H.T @ torch.linalg.inv(R)  # [d, k]

    def moments(self, t: float) -> tuple[Tensor, Tensor]:
        """m(t), S(t); at t = 1 those of the posterior."""
        S = torch.linalg.inv(self.precision + t * self.weight @ self.H)
        return S @ (self.precision @ self.m0 + t * self.weight @ self.y), S

    def start(self, x: Tensor) -> None:
        """Nothing is random here."""

    def rates(self, t: float, x: Tensor) -> Rates:
        """v and its divergence at (t, x [n, d]), for `carry`."""
        m, S = self.moments(t)
        shrink = -0.5 * S @ self.weight @ self.H
        turn = self.K @ torch.linalg.inv(S)  # its trace is zero
        v = S @ self.weight @ (self.y - self.H @ m) + (x - m) @ (shrink + turn).T
        return Rates(v, shrink.trace().expand(len(x)), None)
