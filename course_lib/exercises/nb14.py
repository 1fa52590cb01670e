"""Exercises of notebook 14, *Universal differential equations*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb14 import ude_rhs`.
"""

import itertools
import math

import numpy as np
import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 14.1 The right-hand side of a UDE -----------------------------------------------------------


def ude_rhs(net, alpha, delta, t, u):
    """du/dt = (αx, −δy) + net(u) at states u [..., 2], (14.2)."""
    rates = torch.tensor([alpha, -delta], dtype=u.dtype, device=u.device)
    return rates * u + net(u)


def _rhs_by_components(net, alpha, delta, t, u):
    unknown = net(u)
    first = alpha * u[..., 0] + unknown[..., 0]
    return torch.stack([first, unknown[..., 1] - delta * u[..., 1]], -1)


def _rhs_matrix(net, alpha, delta, t, u):
    return u @ torch.diag(torch.tensor([alpha, -delta], dtype=u.dtype)) + net(u)


def _rhs_both_grow(net, alpha, delta, t, u):
    return torch.tensor([alpha, delta], dtype=u.dtype) * u + net(u)


def _rhs_swapped(net, alpha, delta, t, u):
    return torch.tensor([delta, -alpha], dtype=u.dtype) * u + net(u)


def _rhs_net_only(net, alpha, delta, t, u):
    return net(u)


def _rhs_known_only(net, alpha, delta, t, u):
    return torch.tensor([alpha, -delta], dtype=u.dtype) * u


def _rhs_net_times_state(net, alpha, delta, t, u):
    return (torch.tensor([alpha, -delta], dtype=u.dtype) + net(u)) * u


def _rhs_net_times_known(net, alpha, delta, t, u):
    return torch.tensor([alpha, -delta], dtype=u.dtype) * u * net(u)


def _rhs_net_of_known(net, alpha, delta, t, u):
    known = torch.tensor([alpha, -delta], dtype=u.dtype) * u
    return known + net(known)


def _rhs_minus_net(net, alpha, delta, t, u):
    return torch.tensor([alpha, -delta], dtype=u.dtype) * u - net(u)


def _rhs_signs_by_hand(net, alpha, delta, t, u):
    known = torch.tensor([alpha, -delta], dtype=u.dtype) * u
    return known + net(u) * torch.tensor([-1.0, 1.0], dtype=u.dtype)


def _rhs_net_times_product(net, alpha, delta, t, u):
    return torch.tensor([alpha, -delta], dtype=u.dtype) * u + net(u) * u.prod(-1, keepdim=True)


def _rhs_rates_alone(net, alpha, delta, t, u):
    return torch.tensor([alpha, -delta], dtype=u.dtype) + net(u)


def _rhs_increment(net, alpha, delta, t, u):
    return u + torch.tensor([alpha, -delta], dtype=u.dtype) * u + net(u)


def product_net(u):
    """net(u) = (−0.5xy, 0.25xy)"""
    product = u[..., 0] * u[..., 1]
    return torch.stack([-0.5 * product, 0.25 * product], -1)


def curved_net(u):
    """net(u) = (tanh(x − y), y² + 1)"""
    x, y = u[..., 0], u[..., 1]
    return torch.stack([torch.tanh(x - y), y**2 + 1], -1)


def rhs_cases(generator):
    states = torch.rand(5, 2, generator=generator, dtype=torch.float64) + 0.5
    return [
        (product_net, 1.0, 3.0, 0.0, torch.tensor([2.0, 4.0], dtype=torch.float64)),
        (curved_net, 1.3, 1.8, 0.5, states[0]),
        (curved_net, 0.7, 2.0, 1.0, states),
    ]


RHS = Exercise(
    id="14.1",
    title="The right-hand side of a UDE",
    difficulty=2,
    minutes=5,
    hints=[
        "What is known: bunnies alone grow at rate α, foxes alone die at rate δ. Two numbers, "
        "one for each component of u.",
        "`torch.tensor([alpha, -delta])` times `u`, and to that what the network says of u.",
    ],
    solution=ude_rhs,
    alternatives=[_rhs_by_components, _rhs_matrix],
    misconceptions=[
        Misconception(
            "foxes grow on their own",
            _rhs_both_grow,
            "You get {got}, expected is {expected}. Leave the foxes alone, without bunnies: which "
            "way does their number go?",
        ),
        Misconception(
            "rates exchanged",
            _rhs_swapped,
            "You get {got}, expected is {expected}. Which of the two rates belongs to the bunnies? "
            "Compare (14.2), not the order of some other text.",
        ),
        Misconception(
            "a black box",
            _rhs_net_only,
            "You get {got}, expected is {expected}. The network alone is the neural ODE of 07. "
            "Where is what you know?",
        ),
        Misconception(
            "the network is left out",
            _rhs_known_only,
            "You get {got}, expected is {expected}. That is what was known before there were any "
            "data. What is there to be learned in it?",
        ),
        Misconception(
            "the network as a rate",
            _rhs_net_times_state,
            "You get {got}, expected is {expected}. You let the network be a *rate*, multiplied by "
            "u. In (14.2) it is a whole term; multiplied by u it could not say anything at u = 0.",
        ),
        Misconception(
            "the network as a factor",
            _rhs_net_times_known,
            "You get {got}, expected is {expected}. The unknown is a term beside the known ones, "
            "not a factor of them.",
        ),
        Misconception(
            "the network sees the known terms",
            _rhs_net_of_known,
            "You get {got}, expected is {expected}. The network is a function of the *state*; you "
            "hand it the known slopes.",
        ),
        Misconception(
            "the network is subtracted",
            _rhs_minus_net,
            "You get {got}, expected is {expected}. It may learn any sign it needs; the formula "
            "adds it.",
        ),
        Misconception(
            "signs put in by hand",
            _rhs_signs_by_hand,
            "You get {got}, expected is {expected}. You subtract the first output and add the "
            "second, as in (14.1). In (14.2) both are added: the network finds its signs itself.",
        ),
        Misconception(
            "the answer put in by hand",
            _rhs_net_times_product,
            "You get {got}, expected is {expected}. You multiply the network by xy, which nobody "
            "has told us. In (14.2) it stands for the whole unknown term.",
        ),
        Misconception(
            "rates without the state",
            _rhs_rates_alone,
            "You get {got}, expected is {expected}. A rate is per head: twice the bunnies, twice "
            "the births.",
        ),
        Misconception(
            "next state instead of slope",
            _rhs_increment,
            "You get {got}, expected is {expected}. You return u plus something: that is a step. "
            "A right-hand side is the slope; stepping is the solver's business.",
        ),
    ],
    means="physics and network share one right-hand side, and one solver, one gradient.",
    cases=rhs_cases,
)

# --- 14.2 Sequentially thresholded least squares -------------------------------------------------


def threshold_fit(theta, values, threshold):
    """Coefficients [k] of values [n] ≈ theta [n, k] @ coefs, by STLSQ, (14.5)."""
    coefs = torch.linalg.lstsq(theta, values).solution
    for _ in range(theta.shape[1]):
        keep = coefs.abs() >= threshold
        coefs = torch.zeros_like(coefs)
        if keep.any():
            coefs[keep] = torch.linalg.lstsq(theta[:, keep], values).solution
    return coefs


def _fit_numpy(theta, values, threshold):
    theta, values = np.asarray(theta), np.asarray(values)
    keep = np.ones(theta.shape[1], dtype=bool)
    while True:
        coefs = np.zeros(theta.shape[1])
        if keep.any():
            coefs[keep] = np.linalg.lstsq(theta[:, keep], values, rcond=None)[0]
        smaller = keep & (np.abs(coefs) >= threshold)
        if (smaller == keep).all():
            return coefs
        keep = smaller


def _fit_plain(theta, values, threshold):
    return torch.linalg.lstsq(theta, values).solution


def _fit_without_refit(theta, values, threshold):
    coefs = _fit_plain(theta, values, threshold)
    return torch.where(coefs.abs() >= threshold, coefs, torch.zeros_like(coefs))


def _fit_one_round(theta, values, threshold):
    keep = _fit_plain(theta, values, threshold).abs() >= threshold
    coefs = torch.zeros(theta.shape[1], dtype=theta.dtype)
    if keep.any():
        coefs[keep] = torch.linalg.lstsq(theta[:, keep], values).solution
    return coefs


def _fit_without_absolute(theta, values, threshold):
    coefs = _fit_plain(theta, values, threshold)
    for _ in range(theta.shape[1]):
        keep = coefs >= threshold
        coefs = torch.zeros_like(coefs)
        if keep.any():
            coefs[keep] = torch.linalg.lstsq(theta[:, keep], values).solution
    return coefs


def _fit_keeps_the_small(theta, values, threshold):
    coefs = _fit_plain(theta, values, threshold)
    for _ in range(theta.shape[1]):
        keep = (coefs.abs() < threshold) & (coefs != 0)
        coefs = torch.zeros_like(coefs)
        if keep.any():
            coefs[keep] = torch.linalg.lstsq(theta[:, keep], values).solution
    return coefs


def _fit_soft(theta, values, threshold):
    coefs = _fit_plain(theta, values, threshold)
    return coefs.sign() * (coefs.abs() - threshold).clamp(min=0)


def _fit_relative(theta, values, threshold):
    coefs = _fit_plain(theta, values, threshold)
    for _ in range(theta.shape[1]):
        keep = coefs.abs() >= threshold * coefs.abs().max()
        coefs = torch.zeros_like(coefs)
        coefs[keep] = torch.linalg.lstsq(theta[:, keep], values).solution
    return coefs


def _fit_cut_last(theta, values, threshold):
    coefs = _fit_one_round(theta, values, threshold)
    return torch.where(coefs.abs() >= threshold, coefs, torch.zeros_like(coefs))


def _fit_one_at_a_time(theta, values, threshold):
    """Drops the smallest only, in each round."""
    keep = torch.ones(theta.shape[1], dtype=torch.bool)
    while True:
        coefs = torch.zeros(theta.shape[1], dtype=theta.dtype)
        if keep.any():
            coefs[keep] = torch.linalg.lstsq(theta[:, keep], values).solution
        small = keep & (coefs.abs() < threshold)
        if not small.any():
            return coefs
        keep[torch.where(keep, coefs.abs(), torch.inf).argmin()] = False


def _fit_residual(theta, values, threshold):
    """Fits what the kept part of the old solution leaves over."""
    coefs = _fit_without_refit(theta, values, threshold)
    keep = coefs != 0
    if keep.any():
        rest = values - theta @ coefs
        coefs[keep] = torch.linalg.lstsq(theta[:, keep], rest).solution
    return coefs


def fit_cases(generator):
    """(Θ, values, λ): two where a second round matters, one where dropping term by term differs.

    The first two are drawn until all other wrong answers differ from the right one and from each
    other.
    """
    wrong = [m.wrong for m in STLSQ.misconceptions if m.wrong is not _fit_one_at_a_time]
    by_term, apart = [], []
    for _ in range(2000):
        theta = torch.randn(12, 5, generator=generator, dtype=torch.float64)
        theta[:, 1] = theta[:, 0] + 0.3 * theta[:, 1]  # collinear: refitting moves the others
        exact = torch.tensor([0.9, 0.15, -1.2, 0.0, 0.1], dtype=torch.float64)
        noise = 0.4 * torch.randn(12, generator=generator, dtype=torch.float64)
        case = (theta, theta @ exact + noise, 0.3)
        right = threshold_fit(*case)
        if not by_term and (_fit_one_at_a_time(*case) - right).abs().max() > 1e-3:
            by_term.append(case)
        elif len(apart) < 2 and _all_differ([right, *(answer(*case) for answer in wrong)]):
            apart.append(case)
        if len(by_term + apart) == 3:
            return apart + by_term
    raise RuntimeError("no case tells all wrong answers apart")


def _all_differ(answers) -> bool:
    pairs = itertools.combinations(answers, 2)
    return all((a - b).abs().max() > 1e-3 for a, b in pairs)


STLSQ = Exercise(
    id="14.2",
    title="Sequentially thresholded least squares",
    difficulty=3,
    minutes=10,
    hints=[
        "Three lines in a loop: which coefficients are large enough; a vector of zeros; least "
        "squares on the columns that were kept.",
        "`keep = coefs.abs() >= threshold`, then `torch.linalg.lstsq(theta[:, keep], "
        "values).solution` goes into `coefs[keep]`. Before the loop: least squares on everything.",
        "`lstsq` wants independent columns: leave a dropped column out; with a column of zeros in "
        "its place the answer is not to be relied on.",
        "Each round can only remove terms, so as many rounds as there are columns are enough.",
    ],
    solution=threshold_fit,
    alternatives=[_fit_numpy],
    misconceptions=[
        Misconception(
            "nothing is cut",
            _fit_plain,
            "You get {got}, expected is {expected}. That is plain least squares: every term is "
            "kept, however small. Where does the threshold come in?",
        ),
        Misconception(
            "cut, but not refitted",
            _fit_without_refit,
            "You get {got}, expected is {expected}. The terms that remain still carry values that "
            "were found together with those you threw out. What would they be without them? "
            "Threshold *before* the last fit.",
        ),
        Misconception(
            "one round",
            _fit_one_round,
            "You get {got}, expected is {expected}. After the refit one of yours is below the "
            "threshold again. The first letter of the name says what to do.",
        ),
        Misconception(
            "the last step is a cut",
            _fit_cut_last,
            "You get {got}, expected is {expected}. You cut, refit and cut once more: what remains "
            "was fitted together with what the last cut took. Refit after every cut.",
        ),
        Misconception(
            "one term at a time",
            _fit_one_at_a_time,
            "You get {got}, expected is {expected}. You drop only the smallest in each round. That "
            "is a method of its own; (14.5) drops *all* that are below λ, then refits.",
        ),
        Misconception(
            "negative coefficients are cut",
            _fit_without_absolute,
            "You get {got}, expected is {expected}. Small means small in size; is −1.2 small?",
        ),
        Misconception(
            "keeps the small ones",
            _fit_keeps_the_small,
            "You get {got}, expected is {expected}. You throw out what is large. Which side of the "
            "threshold do you believe?",
        ),
        Misconception(
            "soft threshold",
            _fit_soft,
            "You get {got}, expected is {expected}. You pull every coefficient towards zero by "
            "λ. That is another method (the lasso's); here the kept ones are fitted without bias.",
        ),
        Misconception(
            "threshold relative to the largest",
            _fit_relative,
            "You get {got}, expected is {expected}. Your bar moves with the largest coefficient; "
            "λ itself is the bar.",
        ),
        Misconception(
            "refits the residual",
            _fit_residual,
            "You get {got}, expected is {expected}. You fit what the kept terms leave over, and "
            "return only that correction. Fit the values themselves.",
        ),
    ],
    means="a term survives only if it stays large when it has to explain the data without those "
    "already gone.",
    cases=fit_cases,
)

# --- 14.3 Choose a model from the path -----------------------------------------------------------


def choose(rss, parameters, n):
    """Index of the model with the lowest BIC = n ln(RSS/n) + k ln n, (14.7)."""
    scores = [n * math.log(r / n) + k * math.log(n) for r, k in zip(rss, parameters, strict=True)]
    return scores.index(min(scores))


def _choose_numpy(rss, parameters, n):
    scores = n * np.log(np.asarray(rss) / n) + np.asarray(parameters) * np.log(n)
    return int(np.argmin(scores))


def _choose_by(score):
    """A wrong answer: the index of the smallest score."""

    def answer(rss, parameters, n):
        scores = [score(r, k, n) for r, k in zip(rss, parameters, strict=True)]
        return scores.index(min(scores))

    return answer


_choose_best_fit = _choose_by(lambda r, k, n: r)
_choose_smallest = _choose_by(lambda r, k, n: k)
_choose_highest = _choose_by(lambda r, k, n: -n * math.log(r / n) - k * math.log(n))
_choose_aic = _choose_by(lambda r, k, n: n * math.log(r / n) + 2 * k)
_choose_no_n = _choose_by(lambda r, k, n: math.log(r / n) + k * math.log(n))
_choose_no_log = _choose_by(lambda r, k, n: r + k * math.log(n))
_choose_bonus = _choose_by(lambda r, k, n: n * math.log(r / n) - k * math.log(n))


_choose_few = _choose_by(lambda r, k, n: math.log(r / n) * n + k * n)


def _choose_from_one(rss, parameters, n):
    return choose(rss, parameters, n) + 1


def _choose_count(rss, parameters, n):
    return parameters[choose(rss, parameters, n)]


def _choose_score(rss, parameters, n):
    best = choose(rss, parameters, n)
    return n * math.log(rss[best] / n) + parameters[best] * math.log(n)


def _choose_n_models(rss, parameters, n):
    return choose(rss, parameters, len(rss))


def choose_cases(generator):
    """(RSS, numbers of parameters, n): lists on which the known wrong scores choose otherwise."""
    return [
        ([90.0, 40.0, 37.0, 36.0, 35.5], [2, 3, 4, 6, 14], 100),
        ([0.060, 0.0302, 0.0300, 0.0285, 0.0284], [3, 4, 5, 7, 12], 60),
        ([0.5, 0.2, 0.11, 0.1075, 0.106], [1, 2, 4, 5, 9], 122),
        ([7.0, 2.0, 1.9, 1.2, 1.19, 1.15], [2, 3, 4, 6, 7, 9], 200),
        ([1.0, 3.0, 0.40, 0.39, 0.395, 2.0], [2, 3, 4, 5, 9, 6], 50),
        ([1e9, 1.0, 0.5, 0.49], [2, 3, 4, 9], 10),
        ([60.0, 56.8, 52.8], [2, 3, 5], 100),  # with one logarithm to base 2 another one wins
    ]


CHOOSE = Exercise(
    id="14.3",
    title="Choose a model from the path",
    difficulty=2,
    minutes=6,
    hints=[
        "Compute one score for each model, then ask where the smallest is.",
        "`zip(rss, parameters)` goes through the models; `math.log` is the natural logarithm; "
        "`scores.index(min(scores))` is a place in a list.",
    ],
    solution=choose,
    alternatives=[_choose_numpy],
    misconceptions=[
        Misconception(
            "the best fit",
            _choose_best_fit,
            "You choose model {got}, expected is {expected}. The largest model on a path fits the "
            "measured points best, noise and all. What does each further term have to earn?",
        ),
        Misconception(
            "the smallest model",
            _choose_smallest,
            "You choose model {got}, expected is {expected}. Fewest terms, and a sum of squares "
            "several times that of the next: sparse is not yet right.",
        ),
        Misconception(
            "AIC",
            _choose_aic,
            "You choose model {got}, expected is {expected}. With 2 for each parameter this is "
            "Akaike's criterion; Schwarz asks ln n of each, which is more as soon as n > 7.",
        ),
        Misconception(
            "the fit counts once",
            _choose_no_n,
            "You choose model {got}, expected is {expected}. The logarithm of the fit is "
            "multiplied by n: every measured number votes.",
        ),
        Misconception(
            "no logarithm of the fit",
            _choose_no_log,
            "You choose model {got}, expected is {expected}. Without the logarithm the choice "
            "would depend on the unit in which the errors are measured.",
        ),
        Misconception(
            "parameters are rewarded",
            _choose_bonus,
            "You choose model {got}, expected is {expected}. Each parameter of yours improves "
            "the score even if it explains nothing. Which sign has a price?",
        ),
        Misconception(
            "counted from one",
            _choose_from_one,
            "You answer {got}, expected is {expected}. You count the models from one; an index "
            "begins at 0.",
        ),
        Misconception(
            "the number of parameters",
            _choose_count,
            "You answer {got}, expected is {expected}. That is how many parameters the chosen "
            "model has; asked is its place in the list.",
        ),
        Misconception(
            "the score",
            _choose_score,
            "You answer {got}, expected is {expected}. That is the lowest score; asked is the "
            "place of the model that has it.",
        ),
        Misconception(
            "n counts models",
            _choose_n_models,
            "You choose model {got}, expected is {expected}. n is how many *numbers were "
            "measured*, not how many models there are.",
        ),
        Misconception(
            "a price of n",
            _choose_few,
            "You choose model {got}, expected is {expected}. You ask n for each parameter. The "
            "price in (14.7) is its logarithm.",
        ),
        Misconception(
            "the highest score",
            _choose_highest,
            "You choose model {got}, expected is {expected}. Is a large sum of squares good?",
        ),
    ],
    means="a further term has to lower n ln(RSS/n) by ln n, or it is not believed.",
    cases=choose_cases,
)

# --- 14.4 Which terms are identifiable? ----------------------------------------------------------

IDENTIFIABLE = Exercise(
    id="14.4",
    title="Which terms are identifiable?",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "all six: a thousand exact samples are more than enough for six numbers",
        "B": "three: the constant, c_x + 2c_y, and c_xx + 2c_xy + 4c_yy",
        "C": "none: on a line in the plane nothing can be learned",
        "D": "two: STLSQ finds the sparsest solution, and that is the true one",
    },
    solution="B",
    hints=[
        "Put y = 2x into c₁ + c_x x + c_y y + c_xx x² + c_xy xy + c_yy y². What is left is a "
        "function of x alone.",
        "A polynomial of degree two in x has three coefficients. The data determine these, and "
        "nothing that leaves them as they are.",
    ],
    misconceptions=[
        Misconception(
            "counts samples",
            "A",
            "Replace c_x by c_x + 2 and c_y by c_y − 1. At which of the thousand samples does the "
            "sum change?",
        ),
        Misconception(
            "nothing at all",
            "C",
            "Along the line the sum is an ordinary polynomial in x, and x takes many values. What "
            "of it can be read off?",
        ),
        Misconception(
            "sparsity decides what data cannot",
            "D",
            "x², xy/2 and y²/4 are equal at every sample, and each alone is equally sparse. By "
            "what would any method know which of them is meant?",
        ),
    ],
    means="what the data determine is the function on the set where they lie, not its formula.",
    explanation="With y = 2x the sum is c₁ + (c_x + 2c_y) x + (c_xx + 2c_xy + 4c_yy) x². A "
    "quadratic in x has three coefficients; any change of the six that keeps these three cannot be "
    "seen. "
    "Θ has six columns and rank three, at a thousand samples or a million.",
)

# --- 14.5 UDE and PINN ---------------------------------------------------------------------------

PINN = Exercise(
    id="14.5",
    title="UDE or PINN?",
    difficulty=2,
    minutes=3,
    kind="choice",
    options={
        "A": "the network is the solution u(t), and the equation holds only up to a residual",
        "B": "the network is a term of the equation, and each step of training calls a solver",
        "C": "once trained, it can be solved from any starting state",
        "D": "it can estimate unknown coefficients of the equation",
    },
    solution="A",
    hints=[
        "What is the input of the network: a time, or a state?",
        "Two statements describe the UDE, and one is true of both.",
    ],
    misconceptions=[
        Misconception(
            "the two exchanged",
            "B",
            "That is (14.2): the network's input is a state, and only a solver can compare it with "
            "data. Where does a network with input t stand?",
        ),
        Misconception(
            "any starting state",
            "C",
            "What would you hand it? Its network takes a time, and the one curve that it has "
            "learned goes through one starting state.",
        ),
        Misconception(
            "estimating coefficients",
            "D",
            "Both can: in a UDE they are trained beside the weights, in a PINN too. Look for what "
            "only one of them does.",
        ),
    ],
    means="a UDE keeps the known physics exactly and learns a law; a PINN learns one solution.",
    explanation="A PINN is a network t ↦ u(t), trained so that measured values and the equation's "
    "residual are both small: no solver, one trajectory, and physics as a penalty. A UDE is a "
    "right-hand side: physics holds exactly at every step of the solver, and any start may be "
    "solved afterwards.",
)

EXERCISES = [RHS, STLSQ, CHOOSE, IDENTIFIABLE, PINN]
