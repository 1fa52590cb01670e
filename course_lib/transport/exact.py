"""Exact optimal transport, to measure learned maps by: sorting, Gaussians, and whole plans.

All costs are mean squared distances (W₂², without a half).
"""

import torch
from torch import Tensor


def sorted_cost(x: Tensor, y: Tensor) -> Tensor:
    """W₂² between two samples of numbers, [n] each: the smallest goes to the smallest.

    Source: Peyré & Cuturi 2019, arXiv:1803.00567, chapter 2.

    >>> sorted_cost(torch.tensor([0.0, 1.0]), torch.tensor([3.0, 2.0])).item()
    4.0
    """
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"two samples of equal length [n], got {x.shape} and {y.shape}")
    return ((x.sort().values - y.sort().values) ** 2).mean()


def matrix_root(S: Tensor) -> Tensor:
    """The symmetric square root of a symmetric positive semi-definite matrix [d, d].

    >>> matrix_root(torch.diag(torch.tensor([4.0, 9.0]))).diagonal().tolist()
    [2.0, 3.0]
    """
    values, vectors = torch.linalg.eigh(S)
    if values[0] < -1e-5 * values[-1].abs():
        raise ValueError(f"a covariance has no negative eigenvalue, got {values[0].item():.3g}")
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def bures(m0: Tensor, S0: Tensor, m1: Tensor, S1: Tensor) -> Tensor:
    """W₂² between N(m0, S0) and N(m1, S1): ‖m0 − m1‖² + tr(S0 + S1 − 2(S0^½ S1 S0^½)^½).

    Source: Dowson & Landau 1982, doi:10.1016/0047-259X(82)90077-X.

    >>> bures(torch.zeros(2), torch.eye(2), torch.ones(2), 4 * torch.eye(2)).item()
    4.0
    """
    root = matrix_root(S0)
    return ((m0 - m1) ** 2).sum() + (S0 + S1 - 2 * matrix_root(root @ S1 @ root)).trace()


def gaussian_map(m0: Tensor, S0: Tensor, m1: Tensor, S1: Tensor) -> tuple[Tensor, Tensor]:
    """(M, b) of the optimal map z ↦ Mz + b of N(m0, S0) to N(m1, S1); M is symmetric.

    >>> M, b = gaussian_map(torch.zeros(1), torch.eye(1), torch.ones(1), 9 * torch.eye(1))
    >>> M.item(), b.item()
    (3.0, 1.0)
    """
    root = matrix_root(S0)
    inverse = torch.linalg.inv(root)
    M = inverse @ matrix_root(root @ S1 @ root) @ inverse
    return M, m1 - M @ m0


def exact_plan(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The cheapest pairing of two samples [n, d], by POT's network simplex: (partner, W₂²).

    `y[partner]` are x's partners. Source: Bonneel et al. 2011, doi:10.1145/2070781.2024192;
    Flamary et al. 2021, JMLR 22(78).

    >>> x = torch.tensor([[0.0], [1.0], [5.0]])
    >>> partner, cost = exact_plan(x, x.flip(0))
    >>> partner.tolist(), cost.item()
    ([2, 1, 0], 0.0)
    """
    if x.ndim != 2 or x.shape != y.shape:
        raise ValueError(f"two samples of equal shape [n, d], got {x.shape} and {y.shape}")
    import ot  # here, because importing it takes a second that most notebooks don't need

    weight = torch.full((len(x),), 1 / len(x), dtype=torch.float64).numpy()
    costs = torch.cdist(x.detach().double(), y.detach().double()) ** 2
    plan = ot.emd(weight, weight, costs.numpy(), numItermax=5_000_000)
    partner = torch.as_tensor(plan).argmax(1)
    return partner, costs.gather(1, partner[:, None]).mean().to(x.dtype)


def ot_gap(z: Tensor, moved: Tensor) -> float:
    """The share of a map's cost that is wasted: 1 − W₂²(z, T(z)) / mean ‖T(z) − z‖², same points.

    0 for every gradient of a convex function. On few points, or in many dimensions, it is 0 for
    other maps too: the cheapest pairing of a small sample is often the one that one has.

    >>> x = torch.tensor([[0.0], [1.0]])
    >>> ot_gap(x, x + 1), ot_gap(x, x.flip(0))
    (0.0, 1.0)
    """
    own = ((moved - z) ** 2).sum(1).mean()
    return max(0.0, 1 - (exact_plan(z, moved)[1] / own).item())


def straightness(path: Tensor) -> float:
    """Mean length of paths [times, n, d] over their mean displacement; 1 for straight ones.

    >>> corner = torch.tensor([[[0.0, 0.0]], [[3.0, 0.0]], [[3.0, 4.0]]])
    >>> round(straightness(corner), 4)
    1.4
    """
    if path.ndim != 3 or len(path) < 2:
        raise ValueError(f"path must be [times ≥ 2, n, d], got {tuple(path.shape)}")
    length = (path[1:] - path[:-1]).norm(dim=2).sum(0).mean()
    return (length / (path[-1] - path[0]).norm(dim=1).mean()).item()
