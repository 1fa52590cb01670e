"""The linear–quadratic problem, where the exact answer is known: a feedback law.

ẋ = Ax + Bu at the cost ½∫(xᵀQx + uᵀNu) dt + ½ x(T)ᵀG x(T). The least cost from (t, x) is
½xᵀP(t)x, the best control u = −K(t)x with K = N⁻¹BᵀP, the costate p = −Px.

Source: R. E. Kalman, Contributions to the theory of optimal control, 1960.
"""

from dataclasses import dataclass

import numpy as np
import scipy.integrate
import scipy.linalg
import torch
from torch import Tensor


@dataclass(frozen=True)
class LQ:
    """A linear–quadratic problem: ẋ = Ax + Bu, cost by Q (states), N (controls) and G (the end).

    Args:
        A: `[d, d]`.
        B: `[d, m]`.
        Q, G: `[d, d]`, symmetric and positive semidefinite.
        N: `[m, m]`, symmetric and positive definite.
        T: the horizon.

    Raises `ValueError` for shapes that do not fit, a Q, N or G that is not symmetric, or an N that
    is not positive definite.

    >>> I = torch.eye(1)
    >>> LQ(A=0 * I, B=I, Q=I, N=I, G=0 * I, T=2.0).T
    2.0
    """

    A: Tensor
    B: Tensor
    Q: Tensor
    N: Tensor
    G: Tensor
    T: float

    def __post_init__(self):
        if self.B.ndim != 2:
            raise ValueError(f"B must be a matrix [d, m], got shape {list(self.B.shape)}")
        d, m = self.B.shape
        wanted = {"A": (d, d), "Q": (d, d), "G": (d, d), "N": (m, m)}
        for name, shape in wanted.items():
            if tuple(getattr(self, name).shape) != shape:
                raise ValueError(
                    f"B is {d} × {m}, so {name} must be {shape[0]} × {shape[1]}, "
                    f"got {list(getattr(self, name).shape)}"
                )
        for name in ("Q", "N", "G"):
            weight = getattr(self, name)
            if not torch.allclose(weight, weight.T):
                raise ValueError(
                    f"{name} must be symmetric; ½({name} + {name}ᵀ) gives the same cost"
                )
        if not bool((torch.linalg.eigvalsh(self.N) > 0).all()):
            raise ValueError(
                "N must be positive definite: a control that costs nothing is infinite"
            )


def riccati(problem: LQ, t: Tensor) -> tuple[Tensor, Tensor]:
    """P(t) `[n, d, d]` and the gains K(t) `[n, m, d]`, by solving Riccati's equation backwards.

    −Ṗ = AᵀP + PA − PBN⁻¹BᵀP + Q, P(T) = G.

    Args:
        t: times `[n]` in [0, T], increasing.

    Raises `ValueError` for times outside [0, T].

    >>> one = torch.eye(1, dtype=torch.double)
    >>> P, K = riccati(LQ(0 * one, one, one, one, 0 * one, T=2.0), torch.tensor([0.0, 2.0]))
    >>> round(P[0].item(), 4), round(float(np.tanh(2.0)), 4)  # Ṗ = P² − 1
    (0.964, 0.964)
    """
    if float(t.min()) < 0 or float(t.max()) > problem.T + 1e-12:
        raise ValueError(f"times must lie in [0, {problem.T}], got {t.min():g} … {t.max():g}")
    A, B, Q, N, G = (m.double().numpy() for m in _matrices(problem))
    d = len(A)

    def backwards(s, flat):
        P = flat.reshape(d, d)
        return (A.T @ P + P @ A - P @ B @ np.linalg.solve(N, B.T @ P) + Q).ravel()

    to_go = (problem.T - t.double().numpy())[::-1].clip(0)
    run = scipy.integrate.solve_ivp(
        backwards, (0, max(to_go[-1], 1e-12)), G.ravel(), t_eval=to_go, rtol=1e-10, atol=1e-12
    )
    P = run.y.T[::-1].reshape(-1, d, d)
    K = np.linalg.solve(N, B.T @ P)
    return torch.tensor(P.copy()).to(problem.A), torch.tensor(K).to(problem.A)


def stationary_gain(problem: LQ) -> Tensor:
    """The gain `[m, d]` for an endless horizon, from the algebraic Riccati equation.

    >>> one = torch.eye(1)
    >>> stationary_gain(LQ(0 * one, one, one, one, one, T=1.0))
    tensor([[1.]])
    """
    A, B, Q, N, _ = (m.double().numpy() for m in _matrices(problem))
    P = scipy.linalg.solve_continuous_are(A, B, Q, N)
    return torch.tensor(np.linalg.solve(N, B.T @ P)).to(problem.A)


def lq_control(problem: LQ, t: Tensor, x0: Tensor) -> tuple[Tensor, Tensor]:
    """The optimal states `[n, d]` and controls `[n, m]` at times t, from x(0) = x0.

    State and costate obey one linear equation, solved by a matrix exponential from step to step.

    Args:
        t: times `[n]`, increasing from 0 to T.
        x0: `[d]`.

    >>> one = torch.eye(1, dtype=torch.double)
    >>> problem = LQ(0 * one, one, one, one, 0 * one, T=2.0)
    >>> t = torch.linspace(0, 2, 5, dtype=torch.double)
    >>> x, u = lq_control(problem, t, one[0])
    >>> bool(torch.allclose(x[:, 0], torch.cosh(2 - t) / np.cosh(2.0)))
    True
    """
    P, K = riccati(problem, t)
    x = [x0]
    for i in range(len(t) - 1):
        # p = −Px at t_i starts the pair (x, p), which then runs freely to the next time.
        pair = torch.cat([x[-1], -P[i] @ x[-1]])
        pair = torch.linalg.matrix_exp(hamilton_matrix(problem) * (t[i + 1] - t[i])) @ pair
        x.append(pair[: len(x0)])
    x = torch.stack(x)
    return x, -(K @ x[..., None])[..., 0]


def lq_cost(problem: LQ, controls: Tensor, x0: Tensor) -> Tensor:
    """The exact cost of piecewise constant controls `[n, m]` on n equal intervals; differentiable.

    Each interval is integrated in closed form: one matrix exponential serves them all.

    >>> one = torch.eye(1, dtype=torch.double)
    >>> problem = LQ(0 * one, one, one, one, one, T=2.0)
    >>> lq_cost(problem, torch.zeros(4, 1, dtype=torch.double), one[0]).item()
    1.5
    """
    A, B, Q, N, G = _matrices(problem)
    d, m = B.shape
    h = problem.T / len(controls)
    # z = (x, u) obeys ż = Mz on an interval; Van Loan (IEEE Trans. Automat. Control 23,
    # 395–404, 1978) has ∫ e^{Mᵀs} C e^{Ms} ds from the exponential of one block matrix.
    M = torch.zeros(d + m, d + m).to(A)
    M[:d, :d], M[:d, d:] = A, B
    C = torch.block_diag(Q, N)
    block = torch.zeros(2 * (d + m), 2 * (d + m)).to(A)
    block[: d + m, : d + m], block[: d + m, d + m :], block[d + m :, d + m :] = -M.T, C, M
    E = torch.linalg.matrix_exp(block * h)
    move = E[d + m :, d + m :]
    weight = move.T @ E[: d + m, d + m :]
    x, total = x0, 0.0
    for u in controls:
        z = torch.cat([x, u])
        total = total + 0.5 * z @ weight @ z
        x = (move @ z)[:d]
    return total + 0.5 * x @ G @ x


def _matrices(problem: LQ) -> tuple[Tensor, ...]:
    return problem.A, problem.B, problem.Q, problem.N, problem.G


def hamilton_matrix(problem: LQ) -> Tensor:
    """The matrix of Hamilton's equations ẋ = Ax + BN⁻¹Bᵀp, ṗ = Qx − Aᵀp, `[2d, 2d]`.

    >>> one = torch.eye(1)
    >>> hamilton_matrix(LQ(0 * one, one, one, one, one, T=1.0))
    tensor([[0., 1.],
            [1., -0.]])
    """
    A, B, Q, N, _ = _matrices(problem)
    return torch.cat([torch.cat([A, B @ torch.linalg.solve(N, B.T)], 1), torch.cat([Q, -A.T], 1)])
