"""Exercises of notebook 20, *CDEs, SDEs, PDEs*.

The notebook's later cells use `cdeint`, `sdeint`, `coarsen` and `reaction_diffusion` of
`course_lib.beyond`, which hold the same lines as the reference solutions (tests compare them).
"""

import numpy as np
import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 20.1 The rate of a controlled equation ------------------------------------------------------


def cde_rate(f, z, dX):
    """dz/ds = f(z) dX/ds for f(z) [batch, h, c] and dX/ds [batch, c]: [batch, h], (20.2)."""
    return (f(z) @ dX[..., None])[..., 0]


def _rate_einsum(f, z, dX):
    return torch.einsum("bhc,bc->bh", f(z), dX)


def _rate_sum(f, z, dX):
    return (f(z) * dX[:, None, :]).sum(-1)


def _rate_bmm(f, z, dX):
    return torch.bmm(f(z), dX.unsqueeze(-1)).squeeze(-1)


def _rate_kept_matrix(f, z, dX):
    return f(z) * dX[:, None, :]


def _rate_column(f, z, dX):
    return f(z) @ dX[..., None]


def _rate_step(f, z, dX):
    return z + cde_rate(f, z, dX)


def _rate_without_control(f, z, dX):
    return f(z).sum(-1)


def _rate_mean(f, z, dX):
    return (f(z) * dX[:, None, :]).mean(-1)


def _rate_shared(f, z, dX):
    return f(z) @ dX.mean(0)


def _rate_added(f, z, dX):
    return (f(z) + dX[:, None, :]).sum(-1)


def _rate_transposed(f, z, dX):
    return (f(z).transpose(1, 2) @ dX[..., None])[..., 0]


def _rate_of_control(f, z, dX):
    return f(cde_rate(f, z, dX)).sum(-1)


def _rate_speed(f, z, dX):
    return f(z).sum(-1) * dX.norm(dim=-1, keepdim=True)


def _plane(z):
    """f(z) = ((1, z₁), (z₂, 2)), [batch, 2, 2]"""
    one = torch.ones_like(z[:, 0])
    return torch.stack([torch.stack([one, z[:, 0]], -1), torch.stack([z[:, 1], 2 * one], -1)], 1)


def _three(z):
    """f(z) = sin(z) (1, 2, 3), [batch, h, 3]"""
    return torch.sin(z)[..., None] * torch.tensor([1.0, 2.0, 3.0], dtype=z.dtype)


def rate_cases(generator):
    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    one = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    return [
        (_plane, one, torch.tensor([[1.0, -2.0]], dtype=torch.float64)),
        (_three, draw(5, 2), draw(5, 3)),
        (_plane, draw(4, 2), draw(4, 2)),
    ]


RATE = Exercise(
    id="20.1",
    title="The rate of a controlled equation",
    difficulty=2,
    minutes=5,
    hints=[
        "For one row: a matrix with h rows and c columns times a vector of c entries.",
        "With a batch in front: `f(z) @ dX[..., None]` has shape [batch, h, 1]; drop the last "
        "axis. Or `torch.einsum`.",
    ],
    solution=cde_rate,
    alternatives=[_rate_einsum, _rate_sum, _rate_bmm],
    misconceptions=[
        Misconception(
            "a product left unsummed",
            _rate_kept_matrix,
            "You get {got}: each entry of f(z) times its channel, not yet added up. "
            "How many numbers has dz/ds?",
        ),
        Misconception(
            "a column left over",
            _rate_column,
            "Your result keeps an axis of length one at the end. The numbers are right; the state "
            "has shape [batch, h].",
        ),
        Misconception(
            "a step instead of a rate",
            _rate_step,
            "You get {got}, expected is {expected}. That is z plus something: a step. A rate is "
            "asked for; stepping is the solver's business.",
        ),
        Misconception(
            "the control is left out",
            _rate_without_control,
            "You get {got}, expected is {expected}, whatever the data do. This is an ordinary "
            "differential equation again: where does the path come in?",
        ),
        Misconception(
            "a mean over the channels",
            _rate_mean,
            "You get {got}, expected is {expected}: smaller by the number of channels. A matrix "
            "times a vector is a sum.",
        ),
        Misconception(
            "one control for the whole batch",
            _rate_shared,
            "You average dX/ds over the batch. Each row has its own data, and its own dX/ds.",
        ),
        Misconception(
            "added instead of multiplied",
            _rate_added,
            "You get {got}, expected is {expected}. Where the path stands still, dX/ds = 0, the "
            "state must stand still too. Yours does not.",
        ),
        Misconception(
            "rows and columns exchanged",
            _rate_transposed,
            "You get {got}, expected is {expected}. You add over the rows of f(z). A row belongs "
            "to an entry of z, a column to a channel: add over the channels.",
        ),
        Misconception(
            "f of the rate",
            _rate_of_control,
            "You hand f something else than the state. f(z) is a matrix that depends on where the "
            "state is; dX/ds only multiplies it.",
        ),
        Misconception(
            "only the speed of the path",
            _rate_speed,
            "You multiply by the length of dX/ds, so the state can't tell right from left. Which "
            "column of f(z) belongs to which channel?",
        ),
    ],
    means="where the data don't change, the state does not move; f decides how it answers change.",
    cases=rate_cases,
)

# --- 20.2 What a path forgets --------------------------------------------------------------------

FORGETS = Exercise(
    id="20.2",
    title="What a controlled equation can't see",
    difficulty=2,
    minutes=4,
    kind="choice",
    options={
        "A": "whether the point turned left or right",
        "B": "where it was first, if z(0) is read from X(0)",
        "C": "in what order it visited three places",
        "D": "how long it waited on the way",
    },
    solution="D",
    hints=[
        "What does dz = f(z) dX do while X stands still?",
        "Run the film of the path at another speed, slower here and faster there. Three of the "
        "four things can still be seen in it.",
    ],
    misconceptions=[
        Misconception(
            "left and right",
            "A",
            "The swept area (20.3) is a solution of a controlled equation, and its sign is exactly "
            "that. Look for something that is not in the drawing of the path.",
        ),
        Misconception(
            "the beginning",
            "B",
            "dX alone knows only differences, but z(0) was made from X(0). Nothing is lost there.",
        ),
        Misconception(
            "the order",
            "C",
            "If f(z) were constant, z would depend on the two ends only. But f(z) changes as z "
            "moves, as in (20.3): the same moves in another order end elsewhere.",
        ),
    ],
    means="a controlled equation sees the places in their order, not the clock: give it the clock.",
    explanation="While X stands still dX = 0, and z stands still. By (20.4) the solution depends "
    "on the places and their order only, so waiting can't be seen; nor can a detour that is "
    "retraced. With time as a channel, X never stands still, and never comes back.",
)

# --- 20.3 Euler–Maruyama -------------------------------------------------------------------------


def euler_maruyama(f, g, x0, h, dB):
    """All states [n + 1, …] from x0 along increments dB [n, …], (20.6)."""
    states = [x0]
    for increment in dB:
        x = states[-1]
        states.append(x + f(x) * h + g(x) * increment)
    return torch.stack(states)


def _em_filled(f, g, x0, h, dB):
    states = torch.empty(len(dB) + 1, *x0.shape, dtype=x0.dtype)
    states[0] = x0
    for n in range(len(dB)):
        states[n + 1] = states[n] + h * f(states[n]) + dB[n] * g(states[n])
    return states


def _em(move):
    def method(f, g, x0, h, dB):
        states = [x0]
        for n in range(len(dB)):
            states.append(move(f, g, states[-1], h, dB[n], x0))
        return torch.stack(states)

    return method


_em_root_again = _em(lambda f, g, x, h, b, x0: x + f(x) * h + g(x) * h**0.5 * b)
_em_times_h = _em(lambda f, g, x, h, b, x0: x + (f(x) + g(x) * b) * h)
_em_no_noise = _em(lambda f, g, x, h, b, x0: x + f(x) * h)
_em_no_h = _em(lambda f, g, x, h, b, x0: x + f(x) + g(x) * b)
_em_new_place = _em(lambda f, g, x, h, b, x0: x + f(x) * h + g(x + f(x) * h) * b)
_em_frozen = _em(lambda f, g, x, h, b, x0: x + f(x) * h + g(x0) * b)
_em_heun = _em(
    lambda f, g, x, h, b, x0: x + f(x) * h + 0.5 * (g(x) + g(x + f(x) * h + g(x) * b)) * b
)
_em_divided = _em(lambda f, g, x, h, b, x0: x + f(x) * h + g(x) * b / h**0.5)


def _heun_step(f, g, x, h, b, x0):
    ahead = x + f(x) * h + g(x) * b
    return x + 0.5 * (f(x) + f(ahead)) * h + 0.5 * (g(x) + g(ahead)) * b


_em_heun_both = _em(_heun_step)
_em_frozen_both = _em(lambda f, g, x, h, b, x0: x + f(x0) * h + g(x0) * b)


def _em_short(f, g, x0, h, dB):
    return euler_maruyama(f, g, x0, h, dB)[1:]


def _em_end(f, g, x0, h, dB):
    return euler_maruyama(f, g, x0, h, dB)[-1]


def _em_same_increment(f, g, x0, h, dB):
    return euler_maruyama(f, g, x0, h, dB[:1].expand(dB.shape))


def _decay(x):
    """f(x) = −x"""
    return -x


def _double(x):
    """g(x) = 2x"""
    return 2 * x


def _bend(x):
    """f(x) = x − x³"""
    return x - x**3


def _wave(x):
    """g(x) = 1 + ½ sin x"""
    return 1 + 0.5 * torch.sin(x)


def em_cases(generator):
    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    one = torch.tensor(1.0, dtype=torch.float64)
    return [
        (_decay, _double, one, 0.25, torch.tensor([0.5, -0.25], dtype=torch.float64)),
        (_bend, _wave, draw(3), 0.1, 0.1**0.5 * draw(6, 3)),
    ]


EM = Exercise(
    id="20.3",
    title="Euler–Maruyama",
    difficulty=2,
    minutes=6,
    hints=[
        "It is Euler's method with one more term. Drift and diffusion are both taken where the "
        "step begins.",
        "A list of states that begins with `x0`; for every row `b` of `dB` append "
        "`x + f(x) * h + g(x) * b`; `torch.stack` at the end.",
    ],
    solution=euler_maruyama,
    alternatives=[_em_filled],
    misconceptions=[
        Misconception(
            "the root of h once more",
            _em_root_again,
            "You get {got}, expected is {expected}. `dB` already has variance h: the root of h is "
            "in it. You put it in twice.",
        ),
        Misconception(
            "noise times h",
            _em_times_h,
            "You get {got}, expected is {expected}. Noise times h would vanish as h → 0: 1/h steps "
            "of variance h³ each. Only the drift is multiplied by h.",
        ),
        Misconception(
            "an increment scaled back",
            _em_divided,
            "You get {got}, expected is {expected}. You divide the increment by the root of h; "
            "then every step is as loud as the whole unit of time.",
        ),
        Misconception(
            "no noise",
            _em_no_noise,
            "You get {got}, expected is {expected}: Euler's method (04), without the path dB.",
        ),
        Misconception(
            "drift without h",
            _em_no_h,
            "You get {got}, expected is {expected}. The drift is a speed: in a step of length h it "
            "moves the state by f(x) h.",
        ),
        Misconception(
            "diffusion at the new place",
            _em_new_place,
            "You get {got}, expected is {expected}. You take g after the drift has acted. In "
            "(20.6) both are taken where the step begins.",
        ),
        Misconception(
            "Heun's noise",
            _em_heun,
            "You get {got}, expected is {expected}. You average g over both ends of the step. It "
            "looks better, and converges to the solution of another equation: see 20.5.",
        ),
        Misconception(
            "Heun's method",
            _em_heun_both,
            "You get {got}, expected is {expected}. You average both ends of the step, in drift "
            "and noise. For an ODE that is better; here it solves another equation: see 20.5.",
        ),
        Misconception(
            "everything frozen at the start",
            _em_frozen_both,
            "You get {got}, expected is {expected}. You evaluate f and g at x0 in every step.",
        ),
        Misconception(
            "diffusion frozen at the start",
            _em_frozen,
            "You get {got}, expected is {expected}. You evaluate g at x0 in every step.",
        ),
        Misconception(
            "one increment for all steps",
            _em_same_increment,
            "You get {got}, expected is {expected}. Each step has its own row of `dB`.",
        ),
        Misconception(
            "the start is missing",
            _em_short,
            "Your states begin after the first step. n increments make n + 1 states.",
        ),
        Misconception(
            "only the end",
            _em_end,
            "You return the last state; all n + 1 are asked for.",
        ),
    ],
    means="Euler's method and a sum of noise, each at the place where its step begins.",
    cases=em_cases,
)

# --- 20.4 The same path in larger steps ----------------------------------------------------------


def coarser(dB, k):
    """Increments [n, …] of a path → those of the same path over k steps at a time [n / k, …]."""
    return dB.reshape(-1, k, *dB.shape[1:]).sum(1)


def _coarser_by_path(dB, k):
    path = torch.cat([torch.zeros_like(dB[:1]), dB.cumsum(0)])
    return path[::k].diff(dim=0)


def _coarser_numpy(dB, k):
    return np.add.reduceat(np.asarray(dB), np.arange(0, len(dB), k), axis=0)


def _coarser_every_kth(dB, k):
    return dB[::k]


def _coarser_every_last(dB, k):
    return dB[k - 1 :: k]


def _coarser_k_times(dB, k):
    return k * dB[::k]


def _coarser_flat(dB, k):
    return dB.reshape(-1, k).sum(1)


def _coarser_no_start(dB, k):
    return dB.cumsum(0)[k - 1 :: k].diff(dim=0)


def _coarser_scaled(dB, k):
    return dB[::k] * k**0.5


def _coarser_mean(dB, k):
    return coarser(dB, k) / k


def _coarser_root(dB, k):
    return coarser(dB, k) / k**0.5


def _coarser_other_rows(dB, k):
    return dB.reshape(k, -1, *dB.shape[1:]).sum(0)


def _coarser_path(dB, k):
    return dB.cumsum(0)[k - 1 :: k]


def _coarser_moving(dB, k):
    return dB.unfold(0, k, 1).sum(-1)


def _coarser_squares(dB, k):
    return dB.reshape(-1, k, *dB.shape[1:]).square().sum(1).sqrt()


def coarser_cases(generator):
    simple = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], dtype=torch.float64)
    return [
        (simple, 2),
        (simple, 3),
        (torch.randn(12, 3, generator=generator, dtype=torch.float64), 4),
    ]


COARSER = Exercise(
    id="20.4",
    title="The same path in larger steps",
    difficulty=2,
    minutes=4,
    hints=[
        "An increment is a difference, B(t + h) − B(t). What is B(t + 2h) − B(t) in terms of two "
        "increments?",
        "Reshape the first axis into [n / k, k] and add over the second.",
    ],
    solution=coarser,
    alternatives=[_coarser_by_path, _coarser_numpy],
    misconceptions=[
        Misconception(
            "every k-th increment",
            _coarser_every_kth,
            "You get {got}, expected is {expected}. You leave increments out, and with them most "
            "of the way. Every k-th *place* is what is kept.",
        ),
        Misconception(
            "the last of every k increments",
            _coarser_every_last,
            "You get {got}, expected is {expected}. You keep one increment of every k. A large "
            "step goes the way of all k.",
        ),
        Misconception(
            "one increment k times",
            _coarser_k_times,
            "You get {got}, expected is {expected}. You take one increment k times, as if the "
            "others equalled it: too large a variance, and another path.",
        ),
        Misconception(
            "paths and steps mixed",
            _coarser_flat,
            "Your reshape runs through the paths as well, and adds increments of different ones. "
            "Keep the axes after the first: `[n / k, k, ...]`.",
        ),
        Misconception(
            "the first step is lost",
            _coarser_no_start,
            "One step is missing: differences of n places are n − 1. The path begins at B = 0, "
            "and that place counts.",
        ),
        Misconception(
            "the right variance, another path",
            _coarser_scaled,
            "You get {got}, expected is {expected}. Stretched to the right variance, but it is "
            "another path: its end is not that of the fine one. Strong errors compare one path.",
        ),
        Misconception(
            "a mean",
            _coarser_mean,
            "You get {got}, expected is {expected}: means. The way of k steps is their sum.",
        ),
        Misconception(
            "a sum scaled to the old variance",
            _coarser_root,
            "You get {got}, expected is {expected}. Your increments have the variance of the small "
            "step; over a step k times as long it is k times as large.",
        ),
        Misconception(
            "rows that are not neighbours",
            _coarser_other_rows,
            "You get {got}, expected is {expected}. You add increments that are far apart. Which "
            "axis of the reshaped tensor holds neighbours?",
        ),
        Misconception(
            "the path itself",
            _coarser_path,
            "You get {got}, expected is {expected}: places of the path, not its increments.",
        ),
        Misconception(
            "steps that overlap",
            _coarser_moving,
            "Your windows overlap, so each increment is used several times. One step begins where "
            "the one before ends.",
        ),
        Misconception(
            "a root of squares",
            _coarser_squares,
            "You get {got}, expected is {expected}. Variances add, but a path is not a variance: "
            "its increments add, with their signs.",
        ),
    ],
    means="both runs follow one and the same path; only then is their distance an error.",
    cases=coarser_cases,
)

# --- 20.5 What more samples tell -----------------------------------------------------------------

SAMPLES = Exercise(
    id="20.5",
    title="Ten times as many samples",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "drift and diffusion, both by a factor of √10",
        "B": "the drift; the diffusion is noise and can't be known",
        "C": "the diffusion; the drift hardly at all",
        "D": "neither: the path is the same",
    },
    solution="C",
    hints=[
        "Take f and g constant. Of all n increments, the estimate of f uses only their sum: which "
        "is what, and depends on how many?",
        "The sum of the increments is x(T) − x(0), whatever n. The estimate of g² is a mean of n "
        "squares.",
    ],
    misconceptions=[
        Misconception(
            "more data, more of everything",
            "A",
            "For constant drift the best estimate is (x(T) − x(0))/T. Which of the new samples "
            "does it use?",
        ),
        Misconception(
            "noise is not knowable",
            "B",
            "The noise of a step can't be foretold; its *size* is a mean of squares, and every "
            "sample adds one. And the drift: see what its best estimate uses.",
        ),
        Misconception(
            "nothing new on the same path",
            "D",
            "The squares of the increments are new numbers: n of them, each with mean g²h.",
        ),
    ],
    means="diffusion is learned from many samples, drift only from a long time.",
    explanation="For constant f and g the estimate of f is (x(T) − x(0))/T, with standard "
    "deviation g/√T: only the two ends count. The estimate of g² is a mean of n squares, with a "
    "relative error of √(2/n). To learn a drift ten times better takes a hundred times the time.",
)

# --- 20.6 The method of lines --------------------------------------------------------------------


def heat_rate(u, nu, delta):
    """du/dt [..., n] of the heat equation on a periodic grid, (20.14) without a source."""
    return nu * (u.roll(-1, -1) - 2 * u + u.roll(1, -1)) / delta**2


def _heat_index(u, nu, delta):
    n = u.shape[-1]
    right, left = (torch.arange(n) + 1) % n, (torch.arange(n) - 1) % n
    return nu / delta**2 * (u[..., right] + u[..., left] - 2 * u)


def _heat_padded(u, nu, delta):
    wide = torch.cat([u[..., -1:], u, u[..., :1]], -1)
    return nu * wide.diff(dim=-1).diff(dim=-1) / delta**2


def _heat_cold_ends(u, nu, delta):
    zero = torch.zeros_like(u[..., :1])
    return nu * torch.cat([zero, u, zero], -1).diff(dim=-1).diff(dim=-1) / delta**2


def _heat_interior(u, nu, delta):
    return nu * u.diff(dim=-1).diff(dim=-1) / delta**2


def _heat_fixed_ends(u, nu, delta):
    inside = _heat_interior(u, nu, delta)
    zero = torch.zeros_like(u[..., :1])
    return torch.cat([zero, inside, zero], -1)


def _heat_delta(u, nu, delta):
    return heat_rate(u, nu, delta) * delta


def _heat_no_delta(u, nu, delta):
    return heat_rate(u, nu, delta) * delta**2


def _heat_minus(u, nu, delta):
    return -heat_rate(u, nu, delta)


def _heat_one_u(u, nu, delta):
    return nu * (u.roll(-1, -1) - u + u.roll(1, -1)) / delta**2


def _heat_half(u, nu, delta):
    return 0.5 * heat_rate(u, nu, delta)


def _heat_first(u, nu, delta):
    return nu * (u.roll(-1, -1) - u.roll(1, -1)) / (2 * delta)


def _heat_wide(u, nu, delta):
    return nu * (u.roll(-2, -1) - 2 * u + u.roll(2, -1)) / (2 * delta) ** 2


def _heat_step(u, nu, delta):
    return u + heat_rate(u, nu, delta)


def _heat_batch(u, nu, delta):
    return nu * (u.roll(-1, 0) - 2 * u + u.roll(1, 0)) / delta**2


def _heat_no_nu(u, nu, delta):
    return heat_rate(u, 1.0, delta)


def _heat_flat(u, nu, delta):
    return nu * (u.roll(-1) - 2 * u + u.roll(1)) / delta**2


def _heat_insulated(u, nu, delta):
    wide = torch.cat([u[..., :1], u, u[..., -1:]], -1)
    return nu * wide.diff(dim=-1).diff(dim=-1) / delta**2


def _heat_one_sided(u, nu, delta):
    return nu * (u.roll(-2, -1) - 2 * u.roll(-1, -1) + u) / delta**2


def heat_cases(generator):
    first = torch.tensor([0.0, 1.0, 3.0, 0.0, 0.5], dtype=torch.float64)
    return [
        (first, 2.0, 0.5),
        (torch.randn(3, 8, generator=generator, dtype=torch.float64), 0.3, 0.25),
    ]


HEAT = Exercise(
    id="20.6",
    title="The heat equation on a ring",
    difficulty=2,
    minutes=5,
    hints=[
        "Each place is drawn towards the mean of its two neighbours.",
        "`u.roll(-1, -1)` holds, at place i, the value of place i + 1; `u.roll(1, -1)` that of "
        "place i − 1. Both go round the ring.",
    ],
    solution=heat_rate,
    alternatives=[_heat_index, _heat_padded],
    misconceptions=[
        Misconception(
            "cold ends",
            _heat_cold_ends,
            "You get {got}, expected is {expected}: they differ at the ends. You put zeros beyond "
            "them; on a ring the first place is the neighbour of the last.",
        ),
        Misconception(
            "ends that are held",
            _heat_fixed_ends,
            "You get {got}, expected is {expected}: your ends never change. On a ring there are no "
            "ends.",
        ),
        Misconception(
            "the ends are missing",
            _heat_interior,
            "Your result is two places too short: a difference loses one each time. On a ring "
            "every place has two neighbours.",
        ),
        Misconception(
            "δ instead of δ²",
            _heat_delta,
            "You get {got}, expected is {expected}. A second derivative has place squared in its "
            "denominator.",
        ),
        Misconception(
            "no δ at all",
            _heat_no_delta,
            "You get {got}, expected is {expected}. On a finer grid neighbours differ less; what "
            "must divide their differences?",
        ),
        Misconception(
            "heat flows uphill",
            _heat_minus,
            "You get {got}, expected is {expected}: the sign. A peak must sink. (Yours grows "
            "without end: the heat equation run backwards.)",
        ),
        Misconception(
            "u is subtracted once",
            _heat_one_u,
            "You get {got}, expected is {expected}. If all places are equally warm nothing may "
            "change. Try it with a constant u.",
        ),
        Misconception(
            "ν is left out",
            _heat_no_nu,
            "You get {got}, expected is {expected}. How well the ring conducts plays no part in "
            "yours.",
        ),
        Misconception(
            "a roll without an axis",
            _heat_flat,
            "You get {got}, expected is {expected}. For a batch, `roll` without an axis carries "
            "the end of one field to the start of the next. Give it the last axis.",
        ),
        Misconception(
            "insulated ends",
            _heat_insulated,
            "You get {got}, expected is {expected}: they differ at the ends. You repeat the end "
            "beyond itself, as if a wall stood there; on a ring first and last are neighbours.",
        ),
        Misconception(
            "both neighbours on one side",
            _heat_one_sided,
            "You get {got}, expected is {expected}. Your numbers are right, one place too far "
            "along the ring: you take u at i, i + 1 and i + 2.",
        ),
        Misconception(
            "a mean of the neighbours",
            _heat_half,
            "You get {got}, expected is {expected}: half. The *sum* of the neighbours less 2u "
            "gives the second derivative; check with u = x².",
        ),
        Misconception(
            "a first derivative",
            _heat_first,
            "You get {got}, expected is {expected}. That is ν u_x, the slope: it carries u along "
            "instead of spreading it.",
        ),
        Misconception(
            "neighbours of neighbours",
            _heat_wide,
            "You get {got}, expected is {expected}. You use the places two steps away (a central "
            "difference applied twice does that); even and odd places then never meet.",
        ),
        Misconception(
            "a step instead of a rate",
            _heat_step,
            "You get {got}, expected is {expected}. That is u plus something: a step. The solver "
            "asks for the rate.",
        ),
        Misconception(
            "neighbours in the batch",
            _heat_batch,
            "For a batch of fields you take neighbours along the first axis. The places are on the "
            "last.",
        ),
    ],
    means="a partial differential equation has become one ordinary equation for each place.",
    cases=heat_cases,
)

EXERCISES = [RATE, FORGETS, EM, COARSER, SAMPLES, HEAT]
