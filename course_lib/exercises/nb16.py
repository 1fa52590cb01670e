"""Exercises of notebook 16, *Scalable flows: FFJORD and regularisation*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb16 import hutchinson`.
"""

import math

import torch

from course_lib.exercises.engine import Exercise, Misconception
from course_lib.exercises.nb15 import bent_field, wide_field

# --- 16.1 A trace from one backward pass ---------------------------------------------------------


def hutchinson(f, x, noise):
    """εᵀ J ε at each row of x [n, d], ε the same row of noise: [n], by one backward pass."""
    with torch.enable_grad():  # also where the solve itself keeps no graph
        x = x.detach().requires_grad_()
        (row,) = torch.autograd.grad((f(x) * noise).sum(), x)
    return (row * noise).sum(1)


def _row(f, x, cotangent):
    """cotangentᵀ J at each row of x."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(f(x), x, cotangent)[0]


def _hutchinson_vjp(f, x, noise):
    _, row = torch.autograd.functional.vjp(f, x, noise)
    return torch.einsum("nd,nd->n", row, noise)


def _hutchinson_grad_of_sum(f, x, noise):
    x = x.clone().requires_grad_(True)
    torch.sum(f(x) * noise).backward()
    return (x.grad * noise).sum(-1)


def _hutchinson_batch(f, x, noise):
    return hutchinson(f, x, noise).sum()


def _hutchinson_one_side(f, x, noise):
    return _row(f, x, noise).sum(1)


def _hutchinson_ones(f, x, noise):
    return (_row(f, x, torch.ones_like(x)) * noise).sum(1)


def _hutchinson_norm(f, x, noise):
    return _row(f, x, noise).square().sum(1)


def _hutchinson_values(f, x, noise):
    return (f(x) * noise).sum(1)


def _hutchinson_at_noise(f, x, noise):
    return (_row(f, noise, noise) * noise).sum(1)


def _hutchinson_mean(f, x, noise):
    return hutchinson(f, x, noise) / x.shape[1]


def _hutchinson_entries(f, x, noise):
    return _row(f, x, noise) * noise


def _hutchinson_exact(f, x, noise):
    unit = torch.eye(x.shape[1], dtype=x.dtype)
    return sum(_row(f, x, e.expand_as(x))[:, i] for i, e in enumerate(unit))


def _hutchinson_row(f, x, noise):
    return _row(f, x, noise)


def _hutchinson_own(f, x, noise):
    return hutchinson(f, x, torch.randn_like(x))


def _draws_noise(answer, cases):
    """Whether the answer is another one the next time, on the same input."""
    first, again = (torch.as_tensor(answer(*cases[1])) for _ in range(2))
    return first.shape == again.shape and not torch.allclose(first, again)


def hutchinson_cases(generator):
    """(f, x, noise): Gaussian noise, for with signs alone several slips cannot be seen."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (bent_field, torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, -1.5]])),
        (bent_field, draw(5, 2), draw(5, 2)),
        (wide_field, draw(3, 4), draw(3, 4)),
    ]


HUTCHINSON = Exercise(
    id="16.1",
    title="A trace from one backward pass",
    difficulty=3,
    minutes=8,
    hints=[
        "`torch.autograd.grad(y, x, v)` is vᵀ ∂y/∂x, one row vector a point, from one backward "
        "pass. Which v, and what remains to be done with the row?",
        "`x = x.detach().requires_grad_()`, then `torch.autograd.grad(f(x), x, noise)`.",
        "εᵀJε is the inner product of the row εᵀJ with ε: multiply by `noise`, sum over dim 1.",
    ],
    solution=hutchinson,
    alternatives=[_hutchinson_vjp, _hutchinson_grad_of_sum],
    misconceptions=[
        Misconception(
            "one number for the batch",
            _hutchinson_batch,
            "You get {got}, expected is {expected}. Every point has a trace of its own; over which "
            "dimension did you sum?",
        ),
        Misconception(
            "noise on one side only",
            _hutchinson_one_side,
            "You get {got}, expected is {expected}: you have summed the row εᵀJ. Its expected "
            "value is zero; the noise is needed on both sides of J.",
        ),
        Misconception(
            "noise on the right only",
            _hutchinson_ones,
            "You get {got}, expected is {expected}: `grad(f(x).sum(), x)` is 1ᵀJ, a row of column "
            "sums. By what must the outputs be weighted before they are summed?",
        ),
        Misconception(
            "norm of the row",
            _hutchinson_norm,
            "You get {got}, expected is {expected}: that is ‖εᵀJ‖², which is never negative (and "
            "estimates ‖J‖²; you will need it in 16.5). A trace may be negative.",
        ),
        Misconception(
            "values instead of derivatives",
            _hutchinson_values,
            "You get {got}, expected is {expected}: that is ε·f. Nothing has been differentiated.",
        ),
        Misconception(
            "Jacobian at the noise",
            _hutchinson_at_noise,
            "You get {got}, expected is {expected}. You have the Jacobian at the point ε. It is "
            "wanted at x; ε is only what it is multiplied by.",
        ),
        Misconception(
            "divided by the dimension",
            _hutchinson_mean,
            "You get {got}, expected is {expected}, d times as much. The average is over draws of "
            "the noise, not over coordinates: with E[εᵢ²] = 1 each of them counts in full.",
        ),
        Misconception(
            "not summed",
            _hutchinson_entries,
            "You get {got}, expected is {expected}. You have the products of εᵀJ and ε, entry by "
            "entry; one sum is missing.",
        ),
        Misconception(
            "the row",
            _hutchinson_row,
            "You get {got}, expected is {expected}. You have the row εᵀJ; it has still to be "
            "multiplied by something to become one number.",
        ),
        Misconception(
            "the exact trace",
            _hutchinson_exact,
            "You get {got}, expected is {expected}. That is the exact trace, by d backward passes. "
            "Asked is the estimate that belongs to the given noise, by one.",
        ),
        Misconception(
            "own noise",
            _hutchinson_own,
            "You draw noise of your own: on the same input your next answer is another one. Here "
            "the noise is handed in, for a reason that 16.3 tells.",
            detect=_draws_noise,
        ),
    ],
    means="one backward pass, whatever d is: the price is that it is right only on average.",
    cases=hutchinson_cases,
)

# --- 16.2 How far off an estimate is -------------------------------------------------------------


def trace_variance(J, noise):
    """Var(εᵀ J ε) of one matrix [d, d]; noise is "gaussian" or "rademacher", (16.3), (16.4)."""
    S = (J + J.T) / 2
    total = S.square().sum()
    if noise == "rademacher":
        total = total - S.diagonal().square().sum()
    return 2 * total


def _variance_loops(J, noise):
    d, total = len(J), 0.0
    for i in range(d):
        for j in range(d):
            if i != j or noise == "gaussian":
                total = total + 0.5 * (J[i, j] + J[j, i]) ** 2
    return total


def _variance_pairs(J, noise):
    off = torch.triu(J + J.T, diagonal=1).square().sum()
    return off + (2 * J.diagonal().square().sum() if noise == "gaussian" else 0)


def _variance_raw(J, noise):
    own = J.diagonal().square().sum() if noise == "rademacher" else 0.0
    return 2 * (J.square().sum() - own)


def _variance_half(J, noise):
    return trace_variance(J, noise) / 2


def _variance_double(J, noise):
    return 4 * trace_variance(J, noise)


def _variance_root(J, noise):
    return trace_variance(J, noise).sqrt()


def _variance_gaussian(J, noise):
    return trace_variance(J, "gaussian")


def _variance_rademacher(J, noise):
    return trace_variance(J, "rademacher")


def _variance_swapped(J, noise):
    return trace_variance(J, "gaussian" if noise == "rademacher" else "rademacher")


def _variance_second_moment(J, noise):
    return trace_variance(J, noise) + J.trace() ** 2


def _variance_trace_taken(J, noise):
    S = (J + J.T) / 2
    return 2 * (S.square().sum() - (J.trace() ** 2 if noise == "rademacher" else 0))


def _variance_antisymmetric(J, noise):
    return 2 * ((J - J.T) / 2).square().sum() + 0 * J.trace()


def _variance_pairs_once(J, noise):
    S = (J + J.T) / 2
    return 2 * (S.square().sum() if noise == "gaussian" else torch.triu(S, 1).square().sum())


def _variance_diagonal_once(J, noise):
    own = J.diagonal().square().sum() if noise == "rademacher" else 0.0
    return trace_variance(J, "gaussian") - own


def _variance_norm(J, noise):
    return (2 * trace_variance(J, noise)).sqrt()


def _variance_product(J, noise):
    own = J.diagonal().square().sum() if noise == "rademacher" else 0.0
    return 2 * ((J @ J).trace() - own)


def variance_cases(generator):
    """(J, noise): not symmetric, with a diagonal."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    J = torch.tensor([[1.0, 4.0], [2.0, -3.0]])
    large = draw(4, 4)
    return [(J, "gaussian"), (J, "rademacher"), (large, "rademacher"), (large, "gaussian")]


VARIANCE = Exercise(
    id="16.2",
    title="How far off an estimate is",
    difficulty=2,
    minutes=6,
    hints=[
        "First S = (J + Jᵀ)/2, whose quadratic form is the same.",
        "`S.square().sum()` is ‖S‖²; signs lose nothing on the diagonal, `S.diagonal()`.",
        "2‖S‖² for Gaussian noise, and for signs 2(‖S‖² − Σ Sᵢᵢ²).",
    ],
    solution=trace_variance,
    alternatives=[_variance_loops, _variance_pairs],
    misconceptions=[
        Misconception(
            "not symmetrised",
            _variance_raw,
            "You get {got}, expected is {expected}. You use the entries of J. In εᵀJε, J₁₂ and J₂₁ "
            "stand before the same ε₁ε₂: only their sum matters.",
        ),
        Misconception(
            "factor two forgotten",
            _variance_half,
            "You get {got}, expected is {expected}, twice as much. The product ε₁ε₂ occurs twice, "
            "as (1, 2) and as (2, 1), and what occurs twice counts four times in a variance.",
        ),
        Misconception(
            "half forgotten",
            _variance_double,
            "You get {got}, expected is {expected}, a quarter of it. Is your S the *mean* of J and "
            "Jᵀ, or their sum?",
        ),
        Misconception(
            "standard deviation",
            _variance_root,
            "You get {got}, expected is {expected}: that is the standard deviation. Asked is its "
            "square.",
        ),
        Misconception(
            "always Gaussian",
            _variance_gaussian,
            "You get {got}, expected is {expected}, for signs. What is ε₁² if ε₁ = ±1, and how "
            "much does it vary?",
        ),
        Misconception(
            "always signs",
            _variance_rademacher,
            "You get {got}, expected is {expected}, for Gaussian noise. There ε₁² varies, too, so "
            "the diagonal adds to the error.",
        ),
        Misconception(
            "the two kinds exchanged",
            _variance_swapped,
            "You get {got}, expected is {expected}. For which of the two kinds is ε₁² always 1?",
        ),
        Misconception(
            "second moment",
            _variance_second_moment,
            "You get {got}, expected is {expected}. That is the mean of the square. The square of "
            "the mean, (tr J)², has not been subtracted.",
        ),
        Misconception(
            "square of the sum",
            _variance_trace_taken,
            "You get {got}, expected is {expected}. You subtract (tr J)², the square of a sum; "
            "wanted is the sum of the squares of the diagonal.",
        ),
        Misconception(
            "every pair once",
            _variance_pairs_once,
            "You get {got}, expected is {expected}, twice as much. The sum in (16.3) runs over "
            "all i ≠ j, both above and below the diagonal.",
        ),
        Misconception(
            "diagonal without its factor",
            _variance_diagonal_once,
            "You get {got}, expected is {expected}. What (16.3) lacks beside (16.4) is "
            "2 Σ Sᵢᵢ². Have you doubled both sums?",
        ),
        Misconception(
            "norm not squared",
            _variance_norm,
            "You get {got}, expected is {expected}. Is your ‖S‖ the sum of the squares, or its "
            "root?",
        ),
        Misconception(
            "matrix product",
            _variance_product,
            "You get {got}, expected is {expected}. tr(J J) multiplies Jᵢⱼ by Jⱼᵢ. What has to be "
            "squared is the entries, and of which matrix?",
        ),
        Misconception(
            "antisymmetric part",
            _variance_antisymmetric,
            "You get {got}, expected is {expected}. J − Jᵀ has the quadratic form zero: it is the "
            "part that an estimate never sees.",
        ),
    ],
    means="a rotation (antisymmetric J) costs nothing, and signs forgive a whole diagonal.",
    cases=variance_cases,
)

# --- 16.3 Noise in every stage -------------------------------------------------------------------

FRESH = Exercise(
    id="16.3",
    title="Fresh noise, fixed steps",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "it fails as well: the solve needs ever more steps, or does not end",
        "B": "it becomes biased: different noise in different stages does not average out",
        "C": "the spread grows: more random numbers, more noise",
        "D": "on average it stays right, and its spread even shrinks with more steps",
    },
    solution="D",
    hints=[
        "Nothing looks at an error estimate here. The result is a weighted sum of 4N traces.",
        "The path x(t) does not depend on the noise, so each of them is right on average. And what "
        "is the spread of a mean of many independent numbers?",
    ],
    misconceptions=[
        Misconception(
            "a fixed step cannot be refused",
            "A",
            "Who would ask for more steps? With a fixed step nobody looks at an error: the number "
            "of evaluations is known before the solve begins.",
        ),
        Misconception(
            "different noise is biased",
            "B",
            "The path does not depend on the noise, and at each place of it the estimate is right "
            "on average. What is the expected value of a weighted sum?",
        ),
        Misconception(
            "more noise",
            "C",
            "With one ε its error is made in every stage, always in about the same direction; with "
            "many, what becomes of their mean?",
        ),
    ],
    means="the noise is kept fixed for the sake of the solver, not for the sake of the mean.",
    explanation="The path does not depend on the noise, so the result is a weighted sum of "
    "estimates that are right on average, and independent ones partly cancel. What is lost is the "
    "order of the method: with more steps the error falls like 1/√N, not like 1/N⁴.",
)

# --- 16.4 Energy as one more state ---------------------------------------------------------------


def with_energy(f, t, state):
    """d/dt of (x, E), one row [d + 1] a point: (f, ‖f‖²)."""
    v = f(t, state[:, :-1])
    return torch.cat([v, v.square().sum(1, keepdim=True)], dim=1)


def _energy_stack(f, t, state):
    out = torch.zeros_like(state)
    out[:, :-1] = f(t, state[:, :-1])
    out[:, -1] = torch.linalg.vector_norm(out[:, :-1], dim=1) ** 2
    return out


def _energy_with(rate):
    """The right-hand side with another last column: the raw material of the misconceptions."""

    def rhs(f, t, state):
        x, E = state[:, :-1], state[:, -1]
        v = f(t, x)
        return torch.cat([v, rate(x, v, E)[:, None]], 1)

    return rhs


def _energy_beside_state(f, t, state):
    x = state[:, :-1]
    return torch.cat([x, f(t, x).square().sum(1, keepdim=True)], 1)


def _energy_whole_state(f, t, state):
    v = f(t, state)
    return torch.cat([v[:, :-1], v.square().sum(1, keepdim=True)], 1)


def _energy_front(f, t, state):
    return with_energy(f, t, state).roll(1, dims=1)


def _energy_at_zero(f, t, state):
    return with_energy(f, 0.0, state)


def swirl(t, x):
    """f(t, x)ᵢ = t xᵢ − xᵢ₊₁ + 1"""
    return t * x - x.roll(-1, dims=1) + 1


def cubes(t, x):
    """f(t, x)ᵢ = (1 + t) xᵢ³ / 3"""
    return (1 + t) * x**3 / 3


def energy_cases(generator):
    """(f, t, state): the last column is the energy so far, which must not enter f."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (swirl, 0.5, torch.tensor([[1.0, 2.0, 3.0]])),
        (swirl, 2.0, draw(5, 3)),
        (cubes, 0.7, draw(4, 4)),
    ]


ENERGY = Exercise(
    id="16.4",
    title="Energy as one more state",
    difficulty=2,
    minutes=6,
    hints=[
        "As in 15.4: the first d columns are x, the last one is what is summed up on the way.",
        "The derivative of ∫₀ᵗ ‖f‖² dt with respect to t is ‖f‖².",
        "`v = f(t, state[:, :-1])`, and beside it `v.square().sum(1, keepdim=True)`.",
    ],
    solution=with_energy,
    alternatives=[_energy_stack],
    misconceptions=[
        Misconception(
            "speed instead of its square",
            _energy_with(lambda x, v, E: v.norm(dim=1)),
            "You get {got}, expected is {expected}. You sum up the speed: that is the length of "
            "the path, which does not mind a sprint. (16.7) has a square.",
        ),
        Misconception(
            "half",
            _energy_with(lambda x, v, E: 0.5 * v.square().sum(1)),
            "You get {got}, expected is {expected}. Mechanics has a half there (17 will have it); "
            "(16.7) has none.",
        ),
        Misconception(
            "mean over the coordinates",
            _energy_with(lambda x, v, E: v.square().mean(1)),
            "You get {got}, expected is {expected}, d times as much. A squared length is a sum of "
            "squares.",
        ),
        Misconception(
            "state instead of velocity",
            _energy_with(lambda x, v, E: x.square().sum(1)),
            "You get {got}, expected is {expected}. You punish being far out, ‖x‖². What is to be "
            "punished is being fast.",
        ),
        Misconception(
            "adds the energy so far",
            _energy_with(lambda x, v, E: E + v.square().sum(1)),
            "You get {got}, expected is {expected}: the energy so far is in your answer. A "
            "right-hand side is a rate; the solver adds.",
        ),
        Misconception(
            "one number for the batch",
            _energy_with(lambda x, v, E: v.square().sum().expand(len(x))),
            "You get {got}, expected is {expected}. Every point has an energy of its own; you have "
            "summed over the batch.",
        ),
        Misconception(
            "mean over the batch",
            _energy_with(lambda x, v, E: v.square().sum(1).mean().expand(len(x))),
            "You get {got}, expected is {expected}. Every point has an energy of its own; the mean "
            "over the batch is taken in the loss, after the solve.",
        ),
        Misconception(
            "square of the sum",
            _energy_with(lambda x, v, E: v.sum(1) ** 2),
            "You get {got}, expected is {expected}. You square after summing. A squared length is "
            "a sum of squares.",
        ),
        Misconception(
            "the state, not its rate",
            _energy_beside_state,
            "You get {got}, expected is {expected}. The first columns hold x itself. What is "
            "dx/dt?",
        ),
        Misconception(
            "sum without squares",
            _energy_with(lambda x, v, E: v.sum(1)),
            "You get {got}, expected is {expected}. Yours can be negative, and then going back "
            "and forth would be free.",
        ),
        Misconception(
            "work instead of energy",
            _energy_with(lambda x, v, E: (x * v).sum(1)),
            "You get {got}, expected is {expected}. You have x·f, by which ½‖x‖² grows. Which "
            "vector's length is meant?",
        ),
        Misconception(
            "negative",
            _energy_with(lambda x, v, E: -v.square().sum(1)),
            "You get {got}, expected is {expected}. You may be thinking of a solve backwards in "
            "time. Its sign is the caller's business; this is the rate in forward time.",
        ),
        Misconception(
            "energy in the field",
            _energy_whole_state,
            "You get {got}, expected is {expected}. You hand the whole state to f, with the energy "
            "as if it were a coordinate.",
        ),
        Misconception(
            "energy in front",
            _energy_front,
            "You get {got}, expected is {expected}. The columns of the answer belong to those of "
            "the state: the energy is the last.",
        ),
        Misconception(
            "always at time zero",
            _energy_at_zero,
            "You get {got}, expected is {expected}. That is the field at t = 0; f depends on t.",
        ),
    ],
    means="whatever can be written as a rate along the path costs one more state, and no new code.",
    cases=energy_cases,
)

# --- 16.5 Bits per dimension ---------------------------------------------------------------------


def bits_per_dim(log_py, s, d):
    """−log₂ p(x) per coordinate, on average, where y = (x − μ)/s and log p(y) [n] is in nats."""
    log_px = log_py - d * math.log(s)
    return -log_px.mean() / (d * math.log(2))


def _bits_split(log_py, s, d):
    return math.log2(s) - log_py.mean() / d / math.log(2)


def _bits_log2(log_py, s, d):
    return (-(log_py - d * math.log(s)) * math.log2(math.e)).mean() / d


def _bits_no_scale(log_py, s, d):
    return -log_py.mean() / (d * math.log(2))


def _bits_other_sign(log_py, s, d):
    return -(log_py + d * math.log(s)).mean() / (d * math.log(2))


def _bits_scale_once(log_py, s, d):
    return -(log_py - math.log(s)).mean() / (d * math.log(2))


def _bits_nats(log_py, s, d):
    return -(log_py - d * math.log(s)).mean() / d


def _bits_not_per_dim(log_py, s, d):
    return -(log_py - d * math.log(s)).mean() / math.log(2)


def _bits_wrong_way(log_py, s, d):
    return -(log_py - d * math.log(s)).mean() * math.log(2) / d


def _bits_sign(log_py, s, d):
    return -bits_per_dim(log_py, s, d)


def _bits_mean_of_p(log_py, s, d):
    log_px = log_py - d * math.log(s)
    return -(torch.logsumexp(log_px, 0) - math.log(len(log_py))) / (d * math.log(2))


def _bits_each(log_py, s, d):
    return -(log_py - d * math.log(s)) / (d * math.log(2))


def _bits_scale_in_nats(log_py, s, d):
    return -log_py.mean() / (d * math.log(2)) + math.log(s)


def _bits_summed(log_py, s, d):
    return -(log_py - d * math.log(s)).sum() / (d * math.log(2))


def bits_cases(generator):
    """(log_py, s, d)"""
    draw = torch.randn(5, generator=generator)
    return [
        (torch.tensor([-8.0, -10.0]), 4.0, 2),
        (-90 + 6 * draw, 6.0, 64),
        (-3 + draw, 0.5, 3),
    ]


BITS = Exercise(
    id="16.5",
    title="Bits per dimension",
    difficulty=3,
    minutes=7,
    hints=[
        "Three changes: from y to x (15.2), from nats to bits, from the whole image to a pixel.",
        "x = μ + s y stretches each of the d coordinates by s, so log p falls by d log s.",
        "`-(log_py - d * math.log(s)).mean()`, divided by `d * math.log(2)`.",
    ],
    solution=bits_per_dim,
    alternatives=[_bits_split, _bits_log2],
    misconceptions=[
        Misconception(
            "scaling forgotten",
            _bits_no_scale,
            "You get {got}, expected is {expected}. That is the density of y. With a large s "
            "anybody could look good; where has the change of variables gone?",
        ),
        Misconception(
            "scaling with the wrong sign",
            _bits_other_sign,
            "You get {got}, expected is {expected}. From y to x space is stretched: is the density "
            "higher there, or lower?",
        ),
        Misconception(
            "scaling in one coordinate only",
            _bits_scale_once,
            "You get {got}, expected is {expected}. All d coordinates were divided by s. What is "
            "the determinant of s·I?",
        ),
        Misconception(
            "nats",
            _bits_nats,
            "You get {got}, expected is {expected}. Yours are nats. A bit is log 2 nats.",
        ),
        Misconception(
            "scaling in nats",
            _bits_scale_in_nats,
            "You get {got}, expected is {expected}. One of your two terms is in bits, the other "
            "one in nats.",
        ),
        Misconception(
            "summed over the images",
            _bits_summed,
            "You get {got}, expected is {expected}. Twice as many images must not mean twice as "
            "many bits.",
        ),
        Misconception(
            "for the whole image",
            _bits_not_per_dim,
            "You get {got}, expected is {expected}. These are the bits of the whole image; asked "
            "are those of a coordinate.",
        ),
        Misconception(
            "multiplied by log 2",
            _bits_wrong_way,
            "You get {got}, expected is {expected}. One nat is more than one bit, so the number in "
            "bits is the larger one.",
        ),
        Misconception(
            "sign",
            _bits_sign,
            "You get {got}, expected is {expected}. A code length is −log₂ p.",
        ),
        Misconception(
            "logarithm of the mean",
            _bits_mean_of_p,
            "You get {got}, expected is {expected}. You average p and take the logarithm, which "
            "one lucky image decides. A mean code length averages logarithms.",
        ),
        Misconception(
            "not averaged",
            _bits_each,
            "You get {got}, expected is {expected}: one number, the average over the images.",
        ),
    ],
    means="the unit in which densities of images are compared; mind the scaling.",
    cases=bits_cases,
)

EXERCISES = [HUTCHINSON, VARIANCE, FRESH, ENERGY, BITS]
