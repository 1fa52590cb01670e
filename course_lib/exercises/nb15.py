"""Exercises of notebook 15, *Normalizing flows, discrete and continuous*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb15 import cnf_rhs`.
"""

import math

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 15.1 The density of a transformed number ----------------------------------------------------


def log_density(x, inverse, slope, log_pz):
    """log p(x) of x = g(z), from z = inverse(x), g'(z) = slope(z) and log p(z)."""
    z = inverse(x)
    return log_pz(z) - torch.log(torch.abs(slope(z)))


def _log_density_of_product(x, inverse, slope, log_pz):
    z = inverse(x)
    return torch.log(torch.exp(log_pz(z)) / slope(z).abs())


def _log_density_squares(x, inverse, slope, log_pz):
    z = inverse(x)
    return log_pz(z) - 0.5 * torch.log(slope(z) ** 2)


def _log_density_plus(x, inverse, slope, log_pz):
    z = inverse(x)
    return log_pz(z) + torch.log(torch.abs(slope(z)))


def _log_density_no_slope(x, inverse, slope, log_pz):
    return log_pz(inverse(x))


def _log_density_at_x(x, inverse, slope, log_pz):
    return log_pz(x) - torch.log(torch.abs(slope(x)))


def _log_density_slope_at_x(x, inverse, slope, log_pz):
    return log_pz(inverse(x)) - torch.log(torch.abs(slope(x)))


def _log_density_log_pz_at_x(x, inverse, slope, log_pz):
    return log_pz(x) - torch.log(torch.abs(slope(inverse(x))))


def _log_density_logs_twice(x, inverse, slope, log_pz):
    z = inverse(x)
    return torch.log(log_pz(z)) - torch.log(torch.abs(slope(z)))


def _log_density_signed(x, inverse, slope, log_pz):
    z = inverse(x)
    return log_pz(z) - torch.log(slope(z))


def _log_density_no_log(x, inverse, slope, log_pz):
    z = inverse(x)
    return log_pz(z) - torch.abs(slope(z))


def _log_density_divides(x, inverse, slope, log_pz):
    z = inverse(x)
    return log_pz(z) / torch.abs(slope(z))


def _log_density_not_log(x, inverse, slope, log_pz):
    return torch.exp(log_density(x, inverse, slope, log_pz))


def _log_density_reversed(x, inverse, slope, log_pz):
    z = inverse(x)
    return torch.log(torch.abs(slope(z))) - log_pz(z)


def log_normal(z):
    """log p(z) = −z²/2 − log √(2π)"""
    return -0.5 * z**2 - 0.5 * math.log(2 * math.pi)


def log_logistic(z):
    """log p(z) = −z − 2 log(1 + e^(−z))"""
    return -z - 2 * torch.log1p(torch.exp(-z))


def third(x):
    """g⁻¹(x) = (x − 1)/3, for g(z) = 3z + 1"""
    return (x - 1) / 3


def three(z):
    """g'(z) = 3"""
    return torch.full_like(z, 3.0)


def arsinh(x):
    """g⁻¹(x) = arsinh x, for g(z) = sinh z"""
    return torch.asinh(x)


def cosh(z):
    """g'(z) = cosh z"""
    return torch.cosh(z)


def minus_log(x):
    """g⁻¹(x) = −log x, for g(z) = e^(−z), which falls"""
    return -torch.log(x)


def minus_exp(z):
    """g'(z) = −e^(−z)"""
    return -torch.exp(-z)


def density_cases(generator):
    """(x, inverse, slope, log_pz): a line, a curved map, and one that falls."""
    draw = torch.rand(4, generator=generator)
    return [
        (torch.tensor([0.5]), third, three, log_normal),
        (2 * draw + 0.4, arsinh, cosh, log_logistic),
        (draw + 0.3, minus_log, minus_exp, log_normal),
    ]


DENSITY = Exercise(
    id="15.1",
    title="The density of a transformed number",
    difficulty=2,
    minutes=6,
    hints=[
        "Which z was it that became this x? There its density is known.",
        "The little interval around z has become |g'(z)| times as wide, and holds the same mass.",
        "`log_pz(z)` less the logarithm of `slope(z).abs()`, with `z = inverse(x)`.",
    ],
    solution=log_density,
    alternatives=[_log_density_of_product, _log_density_squares],
    misconceptions=[
        Misconception(
            "reciprocal forgotten",
            _log_density_plus,
            "You get {got}, expected is {expected}: yours grows where the map stretches. The same "
            "mass on a wider strip: is it denser or thinner?",
        ),
        Misconception(
            "width forgotten",
            _log_density_no_slope,
            "You get {got}, expected is {expected}: that is the density of z. A strip around z has "
            "another width than its image; which factor have you not used?",
        ),
        Misconception(
            "everything at x",
            _log_density_at_x,
            "You get {got}, expected is {expected}. `log_pz` and `slope` are functions of z; you "
            "evaluate both at x. Who turns x into z?",
        ),
        Misconception(
            "slope at x",
            _log_density_slope_at_x,
            "You get {got}, expected is {expected}. g' belongs to the place from which the point "
            "comes; you evaluate it where the point arrives.",
        ),
        Misconception(
            "log_pz at x",
            _log_density_log_pz_at_x,
            "You get {got}, expected is {expected}. Your factor is taken at z, as it should be. "
            "`log_pz` is a function of z, too: what do you put into it?",
        ),
        Misconception(
            "logarithm of the logarithm",
            _log_density_logs_twice,
            "You get {got}, expected is {expected}. `log_pz` returns a logarithm already, and a "
            "negative number has none.",
        ),
        Misconception(
            "absolute value forgotten",
            _log_density_signed,
            "You get {got}, expected is {expected}, for a map that falls. A width is positive, "
            "whichever way the map runs.",
        ),
        Misconception(
            "logarithm forgotten",
            _log_density_no_log,
            "You get {got}, expected is {expected}. Dividing p by |g'| subtracts something from "
            "log p, but not |g'| itself.",
        ),
        Misconception(
            "divides the logarithm",
            _log_density_divides,
            "You get {got}, expected is {expected}. p is divided by |g'|; you divide log p. What "
            "does a division become under the logarithm?",
        ),
        Misconception(
            "density instead of its logarithm",
            _log_density_not_log,
            "You get {got}, expected is {expected}: that is p(x) itself. Asked is its logarithm.",
        ),
        Misconception(
            "everything negative",
            _log_density_reversed,
            "You get {got}, expected is {expected}, its negative. That is the loss of this point, "
            "not its log-density.",
        ),
    ],
    means="stretching thins out: that is all that a normalizing flow has to keep book of.",
    cases=density_cases,
)

# --- 15.2 The determinant of a planar layer ------------------------------------------------------


def planar_log_det(x, u, w, b):
    """log |det| of x ↦ x + u tanh(w·x + b) for points [n, d], (15.4)."""
    slope = 1 - torch.tanh(x @ w + b) ** 2
    return torch.log(torch.abs(1 + (u @ w) * slope))


def _planar_cosh(x, u, w, b):
    psi = w[None, :] / torch.cosh(x @ w + b)[:, None] ** 2
    return (1 + psi @ u).abs().log()


def _planar_slogdet(x, u, w, b):
    slope = 1 - torch.tanh(x @ w + b) ** 2
    J = torch.eye(x.shape[1], dtype=x.dtype) + slope[:, None, None] * torch.outer(u, w)
    return torch.linalg.slogdet(J)[1]


def _planar_with(one=1.0, slope=lambda a: 1 - torch.tanh(a) ** 2, pair=lambda u, w: u @ w):
    """The determinant with one thing done differently: the raw material of the misconceptions."""

    def log_det(x, u, w, b):
        return torch.log(torch.abs(one + pair(u, w) * slope(x @ w + b)))

    return log_det


def _planar_det(x, u, w, b):
    return torch.exp(planar_log_det(x, u, w, b))


def _planar_signed_det(x, u, w, b):
    return 1 + _planar_trace(x, u, w, b)


def _planar_no_bias(x, u, w, b):
    return planar_log_det(x, u, w, 0.0)


def _planar_u_inside(x, u, w, b):
    return torch.log(torch.abs(1 + (u @ w) * (1 - torch.tanh(x @ u + b) ** 2)))


def _planar_brackets(x, u, w, b):
    return torch.log(torch.abs((1 + u @ w) * (1 - torch.tanh(x @ w + b) ** 2)))


def _planar_minus(x, u, w, b):
    return -planar_log_det(x, u, w, b)


def _planar_sum(x, u, w, b):
    return planar_log_det(x, u, w, b).sum()


def _planar_signed(x, u, w, b):
    return torch.log(1 + (u @ w) * (1 - torch.tanh(x @ w + b) ** 2))


def _planar_trace(x, u, w, b):
    return (u @ w) * (1 - torch.tanh(x @ w + b) ** 2)


def planar_cases(generator):
    """(x, u, w, b); one with u·w < −1, where the determinant changes its sign."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    u, w = draw(3), draw(3)
    return [
        (
            torch.tensor([[0.5, -1.0]]),
            torch.tensor([2.0, 1.0]),
            torch.tensor([1.0, 0.5]),
            0.25,
        ),
        (draw(4, 3), u * torch.sign(u @ w), w, -0.3),
        (0.2 * draw(4, 2), torch.tensor([-3.0, 1.0]), torch.tensor([1.0, 0.5]), 0.1),
    ]


PLANAR = Exercise(
    id="15.2",
    title="The determinant of a planar layer",
    difficulty=3,
    minutes=8,
    hints=[
        "The Jacobian of a layer is I + tanh'(w·x + b) u wᵀ.",
        "det(I + c u wᵀ) = 1 + c u·w, for any number c.",
        "`x @ w` is w·x for every row at once, and tanh' = 1 − tanh².",
    ],
    solution=planar_log_det,
    alternatives=[_planar_cosh, _planar_slogdet],
    misconceptions=[
        Misconception(
            "tanh instead of its derivative",
            _planar_with(slope=torch.tanh),
            "You get {got}, expected is {expected}. The Jacobian holds the *derivative* of tanh; "
            "where is it largest, and where is yours?",
        ),
        Misconception(
            "identity forgotten",
            _planar_with(one=0.0),
            "You get {got}, expected is {expected}. A layer keeps x and adds to it; which part of "
            "the Jacobian comes from keeping?",
        ),
        Misconception(
            "w with itself",
            _planar_with(pair=lambda u, w: w @ w),
            "You get {got}, expected is {expected}. Points move along u; your factor has w twice.",
        ),
        Misconception(
            "lengths instead of the inner product",
            _planar_with(pair=lambda u, w: u.norm() * w.norm()),
            "You get {got}, expected is {expected}. You multiply the lengths of u and w. If u is "
            "perpendicular to w, does the layer change any area?",
        ),
        Misconception(
            "sum of the entries of u",
            _planar_with(pair=lambda u, w: u.sum()),
            "You get {got}, expected is {expected}. Along which direction does the activation "
            "change? Your factor does not know w.",
        ),
        Misconception(
            "derivative 1 − tanh",
            _planar_with(slope=lambda a: 1 - torch.tanh(a)),
            "You get {got}, expected is {expected}. At zero your derivative of tanh is right; is "
            "it elsewhere? It should be the same at −a as at a.",
        ),
        Misconception(
            "logarithm forgotten",
            _planar_det,
            "You get {got}, expected is {expected}: that is the determinant. Layers are stacked, "
            "and logarithms add up.",
        ),
        Misconception(
            "logarithm and absolute value forgotten",
            _planar_signed_det,
            "You get {got}, expected is {expected}: that is the determinant, with its sign. Asked "
            "is the logarithm of its size.",
        ),
        Misconception(
            "bias forgotten",
            _planar_no_bias,
            "You get {got}, expected is {expected}. That would be right for b = 0. Where is tanh "
            "steepest, and where are you on it?",
        ),
        Misconception(
            "u inside the activation",
            _planar_u_inside,
            "You get {got}, expected is {expected}. You evaluate tanh' at u·x + b. Which of the "
            "two vectors decides how far a point moves, which one in what direction?",
        ),
        Misconception(
            "brackets",
            _planar_brackets,
            "You get {got}, expected is {expected}. Far from the line w·x + b = 0 a layer is "
            "flat and changes no area; your determinant tends to zero there. What multiplies what?",
        ),
        Misconception(
            "wrong sign",
            _planar_minus,
            "You get {got}, expected is {expected}. That is what is *added* to log p when the "
            "layer is passed; asked is the logarithm of the determinant itself.",
        ),
        Misconception(
            "one number for the batch",
            _planar_sum,
            "You get {got}, expected is {expected}. Every point has a determinant of its own: the "
            "answer has the shape [n].",
        ),
        Misconception(
            "absolute value forgotten",
            _planar_signed,
            "You get {got}, expected is {expected}. Here the layer turns the plane over, and the "
            "determinant is negative. An area is not.",
        ),
        Misconception(
            "trace instead of the determinant",
            _planar_trace,
            "You get {got}, expected is {expected}. That is the trace of what the layer adds: "
            "right for a tiny u, and this one is not tiny.",
        ),
    ],
    means="the determinant costs one inner product; what you pay is one direction a layer.",
    cases=planar_cases,
)

# --- 15.3 The trace of a Jacobian by autograd ----------------------------------------------------


def trace(f, x):
    """tr ∂f/∂x at each row of x [n, d], by d backward passes: [n]."""
    total = torch.zeros(len(x), dtype=x.dtype)
    with torch.enable_grad():  # also where the solve itself keeps no graph
        x = x.detach().requires_grad_()
        y = f(x)
        for i in range(x.shape[1]):
            (row,) = torch.autograd.grad(y[:, i].sum(), x, retain_graph=True)
            total += row[:, i]
    return total


def _trace_rows(f, x):
    jacobian = torch.autograd.functional.jacobian
    J = torch.stack([jacobian(lambda row: f(row[None])[0], row) for row in x])
    return J.diagonal(dim1=1, dim2=2).sum(1)


def _trace_func(f, x):
    J = torch.func.vmap(torch.func.jacrev(lambda row: f(row[None])[0]))(x)
    return torch.einsum("nii->n", J)


def _jacobian(f, x):
    return torch.stack(
        [torch.autograd.functional.jacobian(lambda row: f(row[None])[0], row) for row in x]
    )


def _trace_all_sums(f, x):
    return _jacobian(f, x).sum((1, 2))


def _trace_det(f, x):
    return torch.linalg.det(_jacobian(f, x))


def _trace_first(f, x):
    return _jacobian(f, x)[:, 0, 0]


def _trace_batch(f, x):
    return trace(f, x).sum()


def _trace_mean(f, x):
    return trace(f, x) / x.shape[1]


def _trace_batch_mean(f, x):
    return trace(f, x) / len(x)


def _trace_two_rows(f, x):
    return _jacobian(f, x).diagonal(dim1=1, dim2=2)[:, :2].sum(1)


def _trace_log_det(f, x):
    return torch.linalg.slogdet(_jacobian(f, x))[1]


def _trace_of_values(f, x):
    return f(x).sum(1)


def _trace_diagonal(f, x):
    return _jacobian(f, x).diagonal(dim1=1, dim2=2)


def _trace_norm(f, x):
    return _jacobian(f, x).square().sum((1, 2)).sqrt()


def _trace_anti(f, x):
    return _jacobian(f, x).flip(2).diagonal(dim1=1, dim2=2).sum(1)


def bent_field(x):
    """f(x) = (x₁² x₂, sin x₁ + 3x₂)"""
    return torch.stack([x[:, 0] ** 2 * x[:, 1], torch.sin(x[:, 0]) + 3 * x[:, 1]], 1)


def wide_field(x):
    """f(x)ᵢ = tanh(Σⱼ (i + 2j) xⱼ / 10) + xᵢ² + xᵢ³, i, j = 0 … d − 1"""
    i = torch.arange(x.shape[1], dtype=x.dtype)
    return torch.tanh(x @ ((i[:, None] * 2 + i[None, :]) / 10)) + x**2 + x**3


def trace_cases(generator):
    """(f, x): Jacobians that are not symmetric, in two and in four dimensions; f is not odd."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (bent_field, torch.tensor([[1.0, 2.0]])),
        (bent_field, draw(5, 2)),
        (wide_field, draw(3, 4)),
    ]


TRACE = Exercise(
    id="15.3",
    title="The trace of a Jacobian by autograd",
    difficulty=3,
    minutes=8,
    hints=[
        "The trace adds ∂f₁/∂x₁, ∂f₂/∂x₂, …: one entry of each row of the Jacobian.",
        "`x = x.detach().requires_grad_()` first. `torch.autograd.grad(y[:, i].sum(), x)` is row i "
        "of every point's Jacobian at once: a point's output depends on that point alone.",
        "Of row i take column i and add up; `retain_graph=True` keeps the graph for the next i.",
    ],
    solution=trace,
    alternatives=[_trace_rows, _trace_func],
    misconceptions=[
        Misconception(
            "sum of all entries",
            _trace_all_sums,
            "You get {got}, expected is {expected}: you have summed *all* entries of the Jacobian, "
            "as `grad(f(x).sum(), x)` does. Which of them belong to the trace?",
        ),
        Misconception(
            "determinant",
            _trace_det,
            "You get {got}, expected is {expected}: that is the determinant. What happens to "
            "det(I + hJ) when h is small?",
        ),
        Misconception(
            "first entry only",
            _trace_first,
            "You get {got}, expected is {expected}: you have ∂f₁/∂x₁ alone. How many rows has the "
            "Jacobian?",
        ),
        Misconception(
            "one number for the batch",
            _trace_batch,
            "You get {got}, expected is {expected}. Every point has its own trace; where did you "
            "sum over the batch?",
        ),
        Misconception(
            "mean of the diagonal",
            _trace_mean,
            "You get {got}, expected is {expected}, d times as much. The trace is a sum.",
        ),
        Misconception(
            "mean over the batch",
            _trace_batch_mean,
            "You get {got}, expected is {expected}, n times as much. A mean over the rows divides "
            "every point's derivative by their number.",
        ),
        Misconception(
            "two dimensions only",
            _trace_two_rows,
            "You get {got}, expected is {expected}. Right in the plane; here x has four columns.",
        ),
        Misconception(
            "log-determinant",
            _trace_log_det,
            "You get {got}, expected is {expected}: that is log |det ∂f/∂x|. By (15.6), which "
            "number of the Jacobian is left in an instant?",
        ),
        Misconception(
            "values instead of derivatives",
            _trace_of_values,
            "You get {got}, expected is {expected}: that is f₁ + f₂ + …. Nothing has been "
            "differentiated.",
        ),
        Misconception(
            "diagonal not summed",
            _trace_diagonal,
            "You get {got}, expected is {expected}. You have the diagonal; one sum is missing.",
        ),
        Misconception(
            "norm of the Jacobian",
            _trace_norm,
            "You get {got}, expected is {expected}. A norm is never negative; a trace may be.",
        ),
        Misconception(
            "wrong diagonal",
            _trace_anti,
            "You get {got}, expected is {expected}. You derive f₁ by the last entry of x. Output i "
            "belongs to input i.",
        ),
    ],
    means="exact, by d backward passes: fine in the plane, dear in a thousand dimensions (16).",
    cases=trace_cases,
)

# --- 15.4 The right-hand side of a continuous flow -----------------------------------------------


def cnf_rhs(f, t, state):
    """d/dt of (x, log p), one row [d + 1] a point: (f, −tr ∂f/∂x)."""
    x = state[:, :-1]
    return torch.cat([f(t, x), -trace(lambda x: f(t, x), x)[:, None]], dim=1)


def _rhs_stack(f, t, state):
    out = torch.zeros_like(state)
    out[:, :-1] = f(t, state[:, :-1])
    out[:, -1] = -_trace_rows(lambda x: f(t, x), state[:, :-1])
    return out


def _rhs_plus(f, t, state):
    out = cnf_rhs(f, t, state)
    return torch.cat([out[:, :-1], -out[:, -1:]], 1)


def _rhs_log_det(f, t, state):
    x = state[:, :-1]
    J = _jacobian(lambda x: f(t, x), x)
    return torch.cat([f(t, x), -torch.linalg.slogdet(J)[1][:, None]], 1)


def _rhs_swapped(f, t, state):
    return cnf_rhs(f, t, state).roll(1, dims=1)


def _rhs_times_density(f, t, state):
    out = cnf_rhs(f, t, state)
    return torch.cat([out[:, :-1], out[:, -1:] * state[:, -1:]], 1)


def _rhs_adds(f, t, state):
    return state + cnf_rhs(f, t, state)


def _rhs_adds_log_p(f, t, state):
    out = cnf_rhs(f, t, state)
    return torch.cat([out[:, :-1], state[:, -1:] + out[:, -1:]], 1)


def _rhs_place(f, t, state):
    return torch.cat([state[:, :-1], cnf_rhs(f, t, state)[:, -1:]], 1)


def _rhs_log_trace(f, t, state):
    out = cnf_rhs(f, t, state)
    return torch.cat([out[:, :-1], -torch.log(torch.abs(out[:, -1:]))], 1)


def _rhs_no_trace(f, t, state):
    x = state[:, :-1]
    return torch.cat([f(t, x), torch.zeros_like(x[:, :1])], 1)


def _rhs_norm(f, t, state):
    x = state[:, :-1]
    return torch.cat([f(t, x), -f(t, x).sum(1, keepdim=True)], 1)


def _rhs_at_zero(f, t, state):
    return cnf_rhs(f, 0.0, state)


def _rhs_backwards(f, t, state):
    return -cnf_rhs(f, t, state)


def swirl(t, x):
    """f(t, x) = (t x₁ − x₂, x₁ + sin x₂)"""
    return torch.stack([t * x[:, 0] - x[:, 1], x[:, 0] + torch.sin(x[:, 1])], 1)


def cubes(t, x):
    """f(t, x)ᵢ = (1 + t) xᵢ³ / 3 + xᵢ₊₁"""
    return (1 + t) * x**3 / 3 + x.roll(-1, dims=1)


def rhs_cases(generator):
    """(f, t, state): the last column is log p, which must not enter f."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (swirl, 0.5, torch.tensor([[1.0, 2.0, -3.0]])),
        (swirl, 2.0, draw(5, 3)),
        (cubes, 0.7, draw(4, 4)),
    ]


RHS = Exercise(
    id="15.4",
    title="The right-hand side of a continuous flow",
    difficulty=3,
    minutes=7,
    hints=[
        "Two equations in one state: the first d columns are x, the last one is log p.",
        "dx/dt = f(t, x). What is d log p/dt by (15.7)?",
        "`trace(lambda x: f(t, x), x)` has the shape [n]; `[:, None]` makes a column of it.",
    ],
    solution=cnf_rhs,
    alternatives=[_rhs_stack],
    misconceptions=[
        Misconception(
            "the lost minus",
            _rhs_plus,
            "You get {got}, expected is {expected}. Yours makes points denser where the field "
            "drives them apart. (So does equation 10 of Chen et al., as printed.)",
        ),
        Misconception(
            "log-determinant of J",
            _rhs_log_det,
            "You get {got}, expected is {expected}. The determinant belongs to a whole step; of an "
            "instant, what is left of log det(I + hJ), divided by h?",
        ),
        Misconception(
            "log p in front",
            _rhs_swapped,
            "You get {got}, expected is {expected}. The columns of the answer belong to those of "
            "the state: where does log p stand there?",
        ),
        Misconception(
            "multiplies by the state's last entry",
            _rhs_times_density,
            "You get {got}, expected is {expected}. That would be right for the density p itself; "
            "the last column is its logarithm.",
        ),
        Misconception(
            "adds the state",
            _rhs_adds,
            "You get {got}, expected is {expected}: the state is in your answer. A right-hand side "
            "is a velocity; the solver adds it.",
        ),
        Misconception(
            "adds log p",
            _rhs_adds_log_p,
            "You get {got}, expected is {expected}: the last column has the present log p in it. "
            "Asked is how fast it changes; the solver adds it up.",
        ),
        Misconception(
            "place instead of velocity",
            _rhs_place,
            "You get {got}, expected is {expected}: the first columns are x itself. How fast does "
            "x move?",
        ),
        Misconception(
            "logarithm of the trace",
            _rhs_log_trace,
            "You get {got}, expected is {expected}. A determinant came with a logarithm; did it "
            "survive the step from (15.6) to (15.7)?",
        ),
        Misconception(
            "log p does not change",
            _rhs_no_trace,
            "You get {got}, expected is {expected}. Your points carry their first density with "
            "them; is that true where the field spreads them?",
        ),
        Misconception(
            "sum of f instead of its divergence",
            _rhs_norm,
            "You get {got}, expected is {expected}. A fast field need not thin anything out: "
            "f = (5, 5) moves all points alike. Which *derivative* of f counts?",
        ),
        Misconception(
            "always at time zero",
            _rhs_at_zero,
            "You get {got}, expected is {expected}. That is the field at t = 0; f depends on t.",
        ),
        Misconception(
            "time reversed",
            _rhs_backwards,
            "You get {got}, expected is {expected}, the negative. Whether time runs backwards is "
            "the solver's business, by the times that it is given.",
        ),
    ],
    means="one solve carries points and their log-density together.",
    cases=rhs_cases,
)

# --- 15.5 Sampling and evaluating ----------------------------------------------------------------

DIRECTION = Exercise(
    id="15.5",
    title="Sampling and evaluating",
    difficulty=2,
    minutes=4,
    kind="choice",
    options={
        "A": "both solves run from t = 0 to T",
        "B": "one solve from 0 to T for the 1,000 samples, none for log p of the photograph",
        "C": "sampling runs from 0 to T; log p from T to 0, with the trace beside the state",
        "D": "sampling runs from T to 0; log p from 0 to T, with the trace beside the state",
    },
    solution="C",
    hints=[
        "At which time does one know a point of the Gaussian, at which a point of the data?",
        "For log p of a given x, one needs the z from which it comes. Who knows it?",
    ],
    misconceptions=[
        Misconception(
            "everything forwards",
            "A",
            "A solve begins with the point that is known. For a sample that is z, at t = 0; what "
            "is known of the photograph, and at which time?",
        ),
        Misconception(
            "the density is a formula",
            "B",
            "log p(x) is log N(z) less an integral along the path. Without a solve, who knows z, "
            "and the path?",
        ),
        Misconception(
            "the other way round",
            "D",
            "In this notebook the Gaussian is at t = 0 and the data at T (in some papers it is the "
            "other way). Where does a sample begin?",
        ),
    ],
    means="the same field serves both, and training only ever runs the second.",
    explanation="A sample begins as z at t = 0 and is carried to T. A given x is known at T: it is "
    "carried back to 0, where the Gaussian is known, and the trace is integrated on the way.",
)

# --- 15.6 Better than the truth ------------------------------------------------------------------

BELOW = Exercise(
    id="15.6",
    title="Better than the truth",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "the network has learned the target better than its own formula knows it",
        "B": "it has overfitted: on fresh points the value would be positive",
        "C": "with so many points it is chance: a KL fluctuates around zero",
        "D": "what is averaged is not the logarithm of a density: its mass exceeds one",
    },
    solution="D",
    hints=[
        "For two *densities*, E_p[log p − log q] ≥ 0. Which of the two might not be one?",
        "The points were fresh in every update of training, and fresh in the test.",
    ],
    misconceptions=[
        Misconception(
            "a model can beat the truth",
            "A",
            "The KL of two densities is never negative: nothing describes points better, on "
            "average, than the density they come from. So which assumption fails?",
        ),
        Misconception(
            "overfitting",
            "B",
            "Every update drew fresh points of the target, and so did the test. There is no "
            "training set that it could have learned by heart.",
        ),
        Misconception(
            "chance",
            "C",
            "On 10,000 points from which the truth is subtracted, the standard error is a few "
            "hundredths. The value is more than ten times as far from zero, on every seed.",
        ),
    ],
    means="likelihoods from a solver are only as good as the solver.",
    explanation="One step of RK4 neither follows the flow nor integrates its trace exactly, and "
    "training finds the weights that gain by the error: a function that integrates to more than "
    "one. With more steps the gain vanishes, and what is left is worse than honest training.",
)

EXERCISES = [DENSITY, PLANAR, TRACE, RHS, DIRECTION, BELOW]
