"""Exercises of notebook 21, *When a solve goes wrong*: diagnose, then mend.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb21 import tolerance_exponent`.
"""

import math

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 21.1 An underflow, diagnosed ----------------------------------------------------------------


UNDERFLOW = Exercise(
    id="21.1",
    title="One message, four suspects",
    difficulty=2,
    minutes=4,
    kind="choice",
    options={
        "A": "stiffness",
        "B": "a blow-up of the solution",
        "C": "f is not finite there",
        "D": "the tolerance is below float32's precision",
    },
    solution="C",
    hints=[
        "Write down what each cause would do to the steps *before* the failure, and to |y|.",
        "Which of the four fails at the same place in float64, with a fixed step, and while y is "
        "of ordinary size?",
    ],
    misconceptions=[
        Misconception(
            "stiffness",
            "A",
            "A stiff problem has short steps all along, and it crawls rather than stop. These "
            "steps were long, and none was rejected before t = 0.731.",
        ),
        Misconception(
            "blow-up",
            "B",
            "A solution on its way to infinity is large before it gets there. How large is this "
            "one at its last good state?",
        ),
        Misconception(
            "precision",
            "D",
            "Then a looser tolerance would have got through, or float64. Neither did.",
        ),
    ],
    means="the last good state is harmless and every method fails from there: look inside f, for "
    "a root, a logarithm or a division.",
    explanation="Stiffness shows in many short steps, a blow-up in a large |y|, a tolerance below "
    "the precision vanishes with float64. A fixed step, long steps before, an ordinary y and NaN "
    "in every method leave f itself.",
)


# --- 21.2 Checkpoints for the way back -----------------------------------------------------------


def intervals(lam, T, eps, wanted):
    """The least number of intervals Δt = T/n with ε exp(λ Δt) ≤ wanted, (21.2)."""
    return max(1, math.ceil(lam * T / math.log(wanted / eps)))


def _intervals_by_trying(lam, T, eps, wanted):
    n = 1
    while eps * math.exp(min(lam * T / n, 700.0)) > wanted:
        n += 1
    return n


def _intervals_fraction(lam, T, eps, wanted):
    return lam * T / math.log(wanted / eps)


def _intervals_floor(lam, T, eps, wanted):
    return max(1, math.floor(lam * T / math.log(wanted / eps)))


def _intervals_log10(lam, T, eps, wanted):
    return max(1, math.ceil(lam * T / math.log10(wanted / eps)))


def _intervals_times(lam, T, eps, wanted):
    return max(1, math.ceil(lam * T / math.log(wanted / eps))) + 1


def _intervals_linear(lam, T, eps, wanted):
    return max(1, math.ceil(lam * T * eps / wanted))


def _intervals_length(lam, T, eps, wanted):
    return math.log(wanted / eps) / lam


def _intervals_no_eps(lam, T, eps, wanted):
    return max(1, math.ceil(lam * T / -math.log(wanted)))


def _intervals_rounded(lam, T, eps, wanted):
    return max(1, round(lam * T / math.log(wanted / eps)))


def _intervals_of_one(lam, T, eps, wanted):
    return max(1, math.ceil(lam / math.log(wanted / eps)))


def _intervals_upside_down(lam, T, eps, wanted):
    return math.ceil(lam * T / math.log(eps / wanted))


def intervals_cases(generator):
    """(λ, T, ε, wanted): the notebook's problem, one interval that suffices, then random ones."""
    draws = []
    for _ in range(3):
        a, b = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        draws.append((20.0 + 60 * a, 2.0 + 3 * b, 1e-9, 1e-5))
    return [(25.0, 1.0, 1e-9, 1e-5), (5.0, 1.0, 1e-10, 1e-6), (100.0, 1.0, 1e-9, 1e-4), *draws]


INTERVALS = Exercise(
    id="21.2",
    title="Checkpoints for the way back",
    difficulty=2,
    minutes=5,
    hints=[
        "Set (21.2) equal to `wanted` and solve for the length Δt of one interval.",
        "Δt = ln(wanted / eps) / λ. How many of that length fill T?",
        "The number is whole: round up, and one is the least.",
    ],
    solution=intervals,
    alternatives=[_intervals_by_trying],
    misconceptions=[
        Misconception(
            "not a whole number",
            _intervals_fraction,
            "You get {got}, expected is {expected}. How many whole intervals are at least that?",
        ),
        Misconception(
            "rounded down",
            _intervals_floor,
            "You get {got}, expected is {expected}. With so few each is longer than it may be. "
            "Which way to round?",
        ),
        Misconception(
            "common logarithm",
            _intervals_log10,
            "You get {got}, expected is {expected}. (21.2) has e to a power; which logarithm "
            "undoes it?",
        ),
        Misconception(
            "times instead of intervals",
            _intervals_times,
            "You get {got}, expected is {expected}. That is the number of output *times*: a fence "
            "has one post more than gaps.",
        ),
        Misconception(
            "linear growth",
            _intervals_linear,
            "You get {got}, expected is {expected}. The error doesn't grow in proportion to the "
            "time, but exponentially.",
        ),
        Misconception(
            "length of an interval",
            _intervals_length,
            "You get {got}, expected is {expected}. That is how long an interval may be. How many "
            "are there in T?",
        ),
        Misconception(
            "starts from an error of one",
            _intervals_no_eps,
            "You get {got}, expected is {expected}. How far may the error grow, from `eps` to "
            "`wanted`? Yours does not use `eps`.",
        ),
        Misconception(
            "rounded to the nearest",
            _intervals_rounded,
            "You get {got}, expected is {expected}. Rounded to the nearest whole number, the "
            "intervals are sometimes too long.",
        ),
        Misconception(
            "T forgotten",
            _intervals_of_one,
            "You get {got}, expected is {expected}. That cuts an interval of length 1. How long "
            "is the whole way?",
        ),
        Misconception(
            "a negative number",
            _intervals_upside_down,
            "You get {got}, expected is {expected}. `wanted` is larger than `eps`: which of their "
            "two quotients has a positive logarithm?",
        ),
    ],
    means="a few checkpoints buy what no tolerance can: the growth starts again from each.",
    cases=intervals_cases,
)


# --- 21.3 Which of three causes? -----------------------------------------------------------------


def tolerance_exponent(nfe_loose, nfe_tight, tol_loose, tol_tight):
    """m in NFE ∝ tol^(−m), (21.3)."""
    return math.log(nfe_tight / nfe_loose) / math.log(tol_loose / tol_tight)


def _exponent_log10(nfe_loose, nfe_tight, tol_loose, tol_tight):
    decades = math.log10(tol_loose) - math.log10(tol_tight)
    return (math.log10(nfe_tight) - math.log10(nfe_loose)) / decades


def _exponent_sign(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return math.log(nfe_tight / nfe_loose) / math.log(tol_tight / tol_loose)


def _exponent_inverse(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return math.log(tol_loose / tol_tight) / math.log(nfe_tight / nfe_loose)


def _exponent_ratio(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return (nfe_tight / nfe_loose) / (tol_loose / tol_tight)


def _exponent_counts_only(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return math.log(nfe_tight / nfe_loose)


def _exponent_difference(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return (nfe_tight - nfe_loose) / (tol_loose - tol_tight)


def _exponent_mixed_logs(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return math.log(nfe_tight / nfe_loose) / math.log10(tol_loose / tol_tight)


def _exponent_absolute(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return abs(math.log(nfe_tight / nfe_loose) / math.log(tol_loose / tol_tight))


def _exponent_clamped(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return max(0.0, math.log(nfe_tight / nfe_loose) / math.log(tol_loose / tol_tight))


def _exponent_hundred(nfe_loose, nfe_tight, tol_loose, tol_tight):
    return math.log(nfe_tight / nfe_loose) / math.log(100)


def exponent_cases(generator):
    """(NFE loose, NFE tight, tol loose, tol tight): 10³ to 1 in tolerance, m = 1/3, then others.

    In the last, as in a stiff problem, the tighter tolerance takes fewer evaluations: m < 0.
    """
    a, b = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
    return [
        (100.0, 1000.0, 1e-3, 1e-6),
        (50.0, 400.0 + 100 * a, 1e-2, 1e-4),
        (300.0, 330.0 + 20 * b, 1e-3, 1e-7),
        (1250.0, 1150.0, 1e-3, 1e-4),
    ]


EXPONENT = Exercise(
    id="21.3",
    title="The exponent of the tolerance",
    difficulty=2,
    minutes=4,
    hints=[
        "Write (21.3) twice, once for each tolerance, and divide: the constant is gone.",
        "NFE_tight / NFE_loose = (tol_loose / tol_tight)^m. Take logarithms.",
    ],
    solution=tolerance_exponent,
    alternatives=[_exponent_log10],
    misconceptions=[
        Misconception(
            "sign",
            _exponent_sign,
            "You get {got}, expected is {expected}. More evaluations for a *smaller* tolerance: "
            "(21.3) has a minus in the exponent, so that m is positive.",
        ),
        Misconception(
            "upside down",
            _exponent_inverse,
            "You get {got}, expected is {expected}. Yours would be the order p. Which of the two "
            "is raised to the power m, the count or the tolerance?",
        ),
        Misconception(
            "a ratio of ratios",
            _exponent_ratio,
            "You get {got}, expected is {expected}. m is an exponent: it comes down from there "
            "by a logarithm.",
        ),
        Misconception(
            "tolerances forgotten",
            _exponent_counts_only,
            "You get {got}, expected is {expected}. The same growth of the count means little "
            "after a millionth of the tolerance, much after a half. Divide by what?",
        ),
        Misconception(
            "differences",
            _exponent_difference,
            "You get {got}, expected is {expected}. That is a slope on ordinary axes; a power law "
            "is straight on logarithmic ones.",
        ),
        Misconception(
            "two kinds of logarithm",
            _exponent_mixed_logs,
            "You get {got}, expected is {expected}. Take the same logarithm above and below.",
        ),
        Misconception(
            "absolute value",
            _exponent_absolute,
            "You get {got}, expected is {expected}. A stiff problem may take *fewer* evaluations "
            "for a tighter tolerance; m is then below zero.",
        ),
        Misconception(
            "cut off at zero",
            _exponent_clamped,
            "You get {got}, expected is {expected}. A stiff problem may take *fewer* evaluations "
            "for a tighter tolerance; let m be below zero then.",
        ),
        Misconception(
            "always a hundredth",
            _exponent_hundred,
            "You get {got}, expected is {expected}. The tolerances needn't be a factor of 100 "
            "apart.",
        ),
    ],
    means="two solves say whether accuracy (0.2 for dopri5), stability (0) or noise (1) sets the "
    "steps.",
    cases=exponent_cases,
)


# --- 21.4 Noise once a solve ---------------------------------------------------------------------


def fixed_noise(noisy, draw):
    """func(t, y) for one solve: its noise is drawn at the first call, in the shape of y."""
    noise = None

    def func(t, y):
        nonlocal noise
        if noise is None:
            noise = draw(y)
        return noisy(t, y, noise)

    return func


def _noise_in_a_list(noisy, draw):
    kept = []

    def func(t, y):
        kept.append(kept[0] if kept else draw(y))
        return noisy(t, y, kept[0])

    return func


def _noise_every_call(noisy, draw):
    return lambda t, y: noisy(t, y, draw(y))


def _noise_each_time(noisy, draw):
    kept = {}

    def func(t, y):
        if float(t) not in kept:
            kept[float(t)] = draw(y)
        return noisy(t, y, kept[float(t)])

    return func


def _noise_none(noisy, draw):
    return lambda t, y: noisy(t, y, torch.zeros_like(y))


def _noise_only_first(noisy, draw):
    kept = []

    def func(t, y):
        if kept:
            return noisy(t, y, torch.zeros_like(y))
        kept.append(draw(y))
        return noisy(t, y, kept[0])

    return func


def _noise_state_kept(noisy, draw):
    kept = []

    def func(t, y):
        if not kept:
            kept.append(noisy(t, y, draw(y)))
        return kept[0]

    return func


_KEPT: list = []


def _noise_shared(noisy, draw):
    def func(t, y):
        if not _KEPT:
            _KEPT.append(draw(y))
        return noisy(t, y, _KEPT[0])

    return func


def _noise_at_zero(noisy, draw):
    noise = None

    def func(t, y):
        nonlocal noise
        if t == 0 or noise is None:
            noise = draw(y)
        return noisy(t, y, noise)

    return func


def _noise_one_number(noisy, draw):
    kept = []

    def func(t, y):
        if not kept:
            kept.append(draw(y).mean())
        return noisy(t, y, kept[0])

    return func


def run_noise(answer, noisy, y0, solves):
    """What four calls return in each solve.

    The samples drawn are 1, 2, 3, … in the first entry and a tenth more in each following one.
    Two calls share a time, as stages do, and the last comes back to t = 0, as an adjoint does.
    """
    count = 0

    def draw(y):
        nonlocal count
        count += 1
        return count + 0.1 * torch.arange(y.numel(), dtype=y.dtype).reshape(y.shape)

    values = []
    for _ in range(solves):
        func = answer(noisy, draw)
        for t, k in ((0.0, 1.0), (0.5, 2.0), (0.5, 3.0), (0.0, 4.0)):
            value = func(t, k * y0)
            if value is None:
                raise TypeError("func(t, y) gives None: is a return missing?")
            values.append(value)
    return torch.stack(values)


def shaken(t, y, noise):
    """noisy(t, y, noise) = −y + t + 0.1 noise"""
    return -y + t + 0.1 * noise


def stretched(t, y, noise):
    """noisy(t, y, noise) = noise · sin y − t"""
    return noise * torch.sin(y) - t


def noise_cases(generator):
    """(noisy, y0, how many solves): a state of one entry, then batches."""
    y0 = torch.randn(2, 2, 3, generator=generator, dtype=torch.float64)
    return [
        (shaken, torch.ones(1, dtype=torch.float64), 2),
        (shaken, y0[0], 2),
        (stretched, y0[1], 2),
    ]


NOISE = Exercise(
    id="21.4",
    title="Noise once a solve",
    difficulty=3,
    minutes=5,
    hints=[
        "The inner function must remember something from its first call to the next ones.",
        "Before the first call you don't know y's shape; so draw inside, but only once. "
        "`nonlocal`, a list or an object can hold the sample.",
        "noise = None outside; inside: nonlocal noise; if noise is None: noise = draw(y).",
    ],
    solution=fixed_noise,
    alternatives=[_noise_in_a_list],
    misconceptions=[
        Misconception(
            "drawn at every call",
            _noise_every_call,
            "Every call draws anew: that is the trap. All calls of one solve must see the same "
            "sample.",
        ),
        Misconception(
            "one sample for each time",
            _noise_each_time,
            "You draw once for each *time*. Then the field jumps between neighbouring times, and "
            "no step is short enough. How many samples does a solve need?",
        ),
        Misconception(
            "no noise at all",
            _noise_none,
            "Quiet, but biased: with zeros the estimate is no longer one. `draw(y)` must be "
            "called, once.",
        ),
        Misconception(
            "noise at the first call only",
            _noise_only_first,
            "The first call sees the sample, the later ones don't. *Every* call must see the same.",
        ),
        Misconception(
            "slope kept instead of noise",
            _noise_state_kept,
            "You keep the first *slope*, so that f no longer depends on t and y. Keep the noise "
            "and evaluate `noisy` anew.",
        ),
        Misconception(
            "the same noise for ever",
            _noise_shared,
            "A second solve sees the sample of the first. Over many solves the noise must average "
            "out: each call of `fixed_noise` starts afresh.",
        ),
        Misconception(
            "drawn at t = 0",
            _noise_at_zero,
            "You draw whenever t = 0. An adjoint comes back to 0, and a solve may start "
            "elsewhere: ask whether it is the first *call*.",
        ),
        Misconception(
            "one number for all entries",
            _noise_one_number,
            "Every entry of y sees the same number. `draw(y)` has the shape of y: hand it on "
            "as it is.",
        ),
    ],
    means="within a solve f is smooth and the solver's order is back; over many solves the noise "
    "still averages out.",
    cases=noise_cases,
    run=run_noise,
)


# --- 21.5 The error of the worst sample ----------------------------------------------------------


def worst_sample(error, y0, y1, rtol, atol):
    """The largest root mean square over samples [n, d], of errors measured in the tolerance."""
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs())
    return (error / scale).square().mean(dim=1).sqrt().max()


def _worst_by_norm(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.stack([y0.abs(), y1.abs()]).amax(0)
    return torch.linalg.vector_norm(error / scale, dim=-1).max() / error.shape[-1] ** 0.5


def _worst_whole_batch(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs())
    return (error / scale).square().mean().sqrt()


def _worst_entry(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs())
    return (error / scale).abs().max()


def _worst_mean_of_samples(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs())
    return (error / scale).square().mean(dim=1).sqrt().mean()


def _worst_feature(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs())
    return (error / scale).square().mean(dim=0).sqrt().max()


def _worst_unscaled(error, y0, y1, rtol, atol):
    return error.square().mean(dim=1).sqrt().max()


def _worst_sum(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs())
    return (error / scale).norm(dim=1).max()


def _worst_signed(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0, y1)
    return (error / scale).square().mean(dim=1).sqrt().max()


def _worst_no_root(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs())
    return (error / scale).square().mean(dim=1).max()


def _worst_one_scale(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs()).max()
    return (error / scale).square().mean(dim=1).sqrt().max()


def _worst_start_only(error, y0, y1, rtol, atol):
    return (error / (atol + rtol * y0.abs())).square().mean(dim=1).sqrt().max()


def _worst_end_only(error, y0, y1, rtol, atol):
    return (error / (atol + rtol * y1.abs())).square().mean(dim=1).sqrt().max()


def _worst_swapped(error, y0, y1, rtol, atol):
    return worst_sample(error, y0, y1, atol, rtol)


def _worst_larger_tolerance(error, y0, y1, rtol, atol):
    scale = (rtol * torch.maximum(y0.abs(), y1.abs())).clamp(min=atol)
    return (error / scale).square().mean(dim=1).sqrt().max()


def _worst_mean_size(error, y0, y1, rtol, atol):
    scale = atol + rtol * torch.maximum(y0.abs(), y1.abs())
    return (error / scale).abs().mean(dim=1).max()


def worst_cases(generator):
    """(error, y0, y1, rtol, atol): three samples of two entries, then random batches [n, d]."""
    error = torch.tensor([[3.0, 4.0], [1.0, 1.0], [0.0, 6.0]], dtype=torch.float64) * 1e-3
    y0 = torch.tensor([[1.0, 2.0], [1.0, -1.0], [-4.0, 0.5]], dtype=torch.float64)
    y1 = torch.tensor([[2.0, 1.0], [-3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    draws = []
    for n, d in ((5, 3), (4, 4)):
        batch = torch.randn(3, n, d, generator=generator, dtype=torch.float64)
        draws.append((1e-3 * batch[0], batch[1], batch[2], 4e-3, 1e-3))
    return [(error, y0, y1, 1e-3, 1e-3), *draws, (error, -4 * y1, y1, 1e-3, 1e-3)]


WORST = Exercise(
    id="21.5",
    title="The error of the worst sample",
    difficulty=3,
    minutes=5,
    hints=[
        "First measure every entry in its own tolerance: a tensor [n, d].",
        "Mean of squares over which axis? A sample is a row.",
        "Root, then the largest over the rows.",
    ],
    solution=worst_sample,
    alternatives=[_worst_by_norm],
    misconceptions=[
        Misconception(
            "mean over the whole batch",
            _worst_whole_batch,
            "You get {got}, expected is {expected}. That is the libraries' norm: easy samples "
            "dilute the hard one. Average within a sample only.",
        ),
        Misconception(
            "largest entry",
            _worst_entry,
            "You get {got}, expected is {expected}. The largest *entry* is stricter than asked "
            "for: within a sample take the root mean square.",
        ),
        Misconception(
            "mean over samples",
            _worst_mean_of_samples,
            "You get {got}, expected is {expected}. The mean over the samples dilutes again. "
            "Which sample counts?",
        ),
        Misconception(
            "the wrong axis",
            _worst_feature,
            "You get {got}, expected is {expected}. You averaged over the samples and took the "
            "largest feature: dim 0 counts samples.",
        ),
        Misconception(
            "not measured in the tolerance",
            _worst_unscaled,
            "You get {got}, expected is {expected}. An error is large or small beside atol + rtol "
            "max(|y0|, |y1|), entry by entry.",
        ),
        Misconception(
            "sum instead of mean",
            _worst_sum,
            "You get {got}, expected is {expected}. A norm *sums* the squares; with more features "
            "the same tolerance would become stricter.",
        ),
        Misconception(
            "signs kept",
            _worst_signed,
            "You get {got}, expected is {expected}. The tolerance takes |y0| and |y1|: a large "
            "negative state may err as much as a large positive one.",
        ),
        Misconception(
            "no root",
            _worst_no_root,
            "You get {got}, expected is {expected}. The mean of squares, without its root.",
        ),
        Misconception(
            "one scale for all",
            _worst_one_scale,
            "You get {got}, expected is {expected}. Each entry has its own tolerance: yours "
            "measures small states by the largest.",
        ),
        Misconception(
            "y0 only",
            _worst_start_only,
            "You get {got}, expected is {expected}. The tolerance takes the larger of |y0| and "
            "|y1|; yours doesn't use y1.",
        ),
        Misconception(
            "y1 only",
            _worst_end_only,
            "You get {got}, expected is {expected}. The tolerance takes the larger of |y0| and "
            "|y1|; yours doesn't use y0.",
        ),
        Misconception(
            "rtol and atol exchanged",
            _worst_swapped,
            "You get {got}, expected is {expected}. Which of rtol and atol goes with the size of "
            "the state?",
        ),
        Misconception(
            "the larger tolerance",
            _worst_larger_tolerance,
            "You get {got}, expected is {expected}. The two tolerances are *added*; yours takes "
            "the larger.",
        ),
        Misconception(
            "mean size",
            _worst_mean_size,
            "You get {got}, expected is {expected}. A root mean square: square before the mean.",
        ),
    ],
    means="with this norm the number of easy neighbours no longer matters; in torchdiffeq it is "
    "an option.",
    cases=worst_cases,
)


# --- 21.6 A gradient, diagnosed ------------------------------------------------------------------


GRADIENT = Exercise(
    id="21.6",
    title="Which gradient is wrong, and why?",
    difficulty=2,
    minutes=4,
    kind="choice",
    options={
        "A": "the coarse steps of section 4",
        "B": "the way back of section 5",
        "C": "the noise of section 7",
        "D": "the sign of section 12",
    },
    solution="B",
    hints=[
        "What would half the step do to each of the four?",
        "Output times are checkpoints. For which of the four do checkpoints help?",
    ],
    misconceptions=[
        Misconception(
            "coarse steps",
            "A",
            "Then RK4 with half the step would divide the gap by about sixteen. It didn't move.",
        ),
        Misconception(
            "noise",
            "C",
            "Noise would change backpropagation and the differences as well, from one call to the "
            "next. They agree.",
        ),
        Misconception(
            "sign",
            "D",
            "A wrong sign is an error of 200 per cent, not of 20; and both libraries have the "
            "gradients of times right.",
        ),
    ],
    means="the backward solve cannot find y again; each output time gives it back.",
    explanation="Backpropagation and differences agree, so the forward solve and its gradient are "
    "sound. A gap that half the step leaves alone and that checkpoints close is an error that "
    "grows on the way back.",
)


EXERCISES = [UNDERFLOW, INTERVALS, EXPONENT, NOISE, WORST, GRADIENT]
