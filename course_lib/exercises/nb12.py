"""Exercises of notebook 12, *Chaos*.

12.2 to 12.5 write the measures that the notebook then takes from the library: the answer's
arithmetic is asked for, the windows and cells of `metrics.chaos` are not.
"""

import math

import numpy as np
import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 12.1 What a better start buys ---------------------------------------------------------------

BETTER_START = Exercise(
    id="12.1",
    title="What a better start buys",
    difficulty=2,
    minutes=4,
    kind="number",
    solution=math.log(1000),
    rtol=2e-2,  # "seven" is right, too
    hints=[
        "Write (12.4) twice, once with the gap d₀ and once with d₀/1000, and subtract.",
        "ln(a/b) is a difference of logarithms: 0.4 s cancels. What is left, times λ?",
    ],
    misconceptions=[
        Misconception(
            "a thousand times longer",
            1000.0,
            "{got}: in proportion, as if the error grew along a straight line. The gap grows "
            "exponentially; which function undoes that?",
        ),
        Misconception(
            "in units of time",
            math.log(1000) / 0.906,
            "{got} is the gain in units of time. How long is a Lyapunov time, 1/λ, in them?",
        ),
        Misconception(
            "multiplied by λ",
            math.log(1000) * 0.906,
            "{got} has λ on the wrong side: the larger λ, the *shorter* the forecast. And in "
            "Lyapunov times λ does not appear at all.",
        ),
        Misconception(
            "decimal logarithm",
            3.0,
            "{got} counts powers of ten. In a Lyapunov time a gap grows by the factor e, not 10.",
        ),
        Misconception(
            "doublings",
            math.log2(1000),
            "{got} counts doublings. In a Lyapunov time a gap grows by the factor e, not 2.",
        ),
        Misconception(
            "one power of ten",
            math.log(10),
            "{got} is what *one* power of ten buys. How many are there in a thousand?",
        ),
    ],
    means="accuracy buys time only through its logarithm: seven Lyapunov times for a thousandfold "
    "effort, whatever the system.",
    explanation="t* = ln(0.4 s/d₀)/λ, so a gap a thousand times smaller adds ln(1000)/λ = 6.9/λ: "
    "6.9 Lyapunov times of 1/λ each.",
)


# --- 12.2 Valid prediction time ------------------------------------------------------------------


def valid_time_cases(generator):
    """(prediction, truth, dt, scale) with states [m, 2]."""
    truth = torch.zeros(5, 2)
    late = torch.tensor([[0.0, 0], [0.3, 0], [0.3, 0.6], [0.5, 0.5], [3.0, 4.0]])
    back = torch.tensor([[0.0, 0], [0.5, 0.5], [1.9, 0.2], [0.1, 0.1], [0.4, 0.1]])
    walk = 0.2 * torch.randn(40, 2, generator=generator).cumsum(0)
    walk, other = walk - walk[0], torch.randn(40, 2, generator=generator)
    large = torch.tensor([[0.0, 0], [0.15, 0.15], [0.3, 0.32], [0.45, 0.45], [0.9, 0.9]])
    ramp = torch.arange(60.0)[:, None] * torch.tensor([0.016, 0.021])  # each fault fails elsewhere
    where = torch.randn(60, 2, generator=generator)
    return [
        (late, truth, 0.1, 1.0),
        (0.05 * late, truth, 0.1, 1.0),
        (back, truth, 0.5, 2.0),
        (large, truth, 0.1, 1.0),
        (where + ramp, where, 0.04, 1.5),
        (other + walk, other, 0.04, 1.5),
    ]


def valid_time(prediction, truth, dt, scale):
    """First time at which ‖x̂ − x‖ / scale is above 0.4; the last time if it never is."""
    error = torch.as_tensor(prediction - truth).norm(dim=-1) / scale
    bad = (error > 0.4).nonzero().flatten()
    return dt * (bad[0].item() if len(bad) else len(truth) - 1)


def _valid_time_loop(prediction, truth, dt, scale):
    for k in range(len(truth)):
        if np.linalg.norm(np.asarray(prediction[k] - truth[k])) > 0.4 * scale:
            return k * dt
    return (len(truth) - 1) * dt


def _error(prediction, truth, scale):
    return (prediction - truth).norm(dim=-1) / scale


def _first(error, dt, threshold=0.4, never=None):
    bad = (error > threshold).nonzero().flatten()
    return dt * (bad[0].item() if len(bad) else len(error) - 1 if never is None else never)


def _valid_time_argmax(prediction, truth, dt, scale):
    return _first(_error(prediction, truth, scale), dt, never=0)


def _valid_time_infinite(prediction, truth, dt, scale):
    return _first(_error(prediction, truth, scale), dt, never=math.inf)


def _valid_time_length(prediction, truth, dt, scale):
    return _first(_error(prediction, truth, scale), dt, never=len(truth))


def _valid_time_index(prediction, truth, dt, scale):
    return valid_time(prediction, truth, 1.0, scale)


def _valid_time_last_good(prediction, truth, dt, scale):
    good = (_error(prediction, truth, scale) <= 0.4).nonzero().flatten()
    return dt * good[-1].item()


def _valid_time_one_before(prediction, truth, dt, scale):
    error = _error(prediction, truth, scale)
    return valid_time(prediction, truth, dt, scale) - dt * bool((error > 0.4).any())


def _valid_time_all_good(prediction, truth, dt, scale):
    return dt * (_error(prediction, truth, scale) <= 0.4).sum().item()


def _valid_time_squared(prediction, truth, dt, scale):
    return _first(_error(prediction, truth, scale) ** 2, dt)


def _valid_time_squared_before(prediction, truth, dt, scale):
    return _first((prediction - truth).square().sum(-1) / scale, dt)


def _valid_time_one_after(prediction, truth, dt, scale):
    error = _error(prediction, truth, scale)
    return valid_time(prediction, truth, dt, scale) + dt * bool((error > 0.4).any())


def _valid_time_first_good(prediction, truth, dt, scale):
    return _first(-_error(prediction, truth, scale), dt, threshold=-0.4)


def _valid_time_sum(prediction, truth, dt, scale):
    return _first((prediction - truth).abs().sum(-1) / scale, dt)


def _valid_time_relative(prediction, truth, dt, scale):
    return _first((prediction - truth).norm(dim=-1) / truth.norm(dim=-1), dt)


def _valid_time_no_scale(prediction, truth, dt, scale):
    return valid_time(prediction, truth, dt, 1.0)


def _valid_time_rms(prediction, truth, dt, scale):
    return _first(_error(prediction, truth, scale) / truth.shape[-1] ** 0.5, dt)


def _valid_time_largest(prediction, truth, dt, scale):
    return _first((prediction - truth).abs().amax(-1) / scale, dt)


def _valid_time_first_component(prediction, truth, dt, scale):
    return _first((prediction - truth)[:, 0].abs() / scale, dt)


def _valid_time_running_mean(prediction, truth, dt, scale):
    error = _error(prediction, truth, scale)
    return _first(error.cumsum(0) / torch.arange(1, len(error) + 1), dt)


VALID = Exercise(
    id="12.2",
    title="Valid prediction time",
    difficulty=2,
    minutes=6,
    hints=[
        "First one number for each row: the length of the difference over `scale`.",
        "`(error > 0.4).nonzero()` lists the bad rows. Which of them is asked for?",
        "What should come out if there is no bad row at all?",
    ],
    solution=valid_time,
    alternatives=[_valid_time_loop],
    misconceptions=[
        Misconception(
            "zero when it never fails",
            _valid_time_argmax,
            "You get {got}, expected is {expected}. The best forecast, which never fails, gets the "
            "worst mark from you. (`argmax` of a row of False is 0.)",
        ),
        Misconception(
            "infinite when it never fails",
            _valid_time_infinite,
            "You get {got}, expected is {expected}. The forecast was good until the data ended, "
            "and nothing is known of later. Which time is that?",
        ),
        Misconception(
            "one row past the end",
            _valid_time_length,
            "You get {got}, expected is {expected}. m rows are m − 1 gaps apart: when was the "
            "last one taken?",
        ),
        Misconception(
            "an index, not a time",
            _valid_time_index,
            "You get {got}, expected is {expected}. That is the number of the row. When is it?",
        ),
        Misconception(
            "the last good row",
            _valid_time_last_good,
            "You get {got}, expected is {expected}. The forecast came near the truth once more "
            "after it had failed, as a stopped clock does. When did it fail *first*?",
        ),
        Misconception(
            "the row before",
            _valid_time_one_before,
            "You get {got}, expected is {expected}. That is the last time before it failed; the "
            "definition takes the first time at which it *has* failed.",
        ),
        Misconception(
            "the row after",
            _valid_time_one_after,
            "You get {got}, expected is {expected}. That is one row after the first failure. The "
            "first row is at time 0: when is row k?",
        ),
        Misconception(
            "the first good row",
            _valid_time_first_good,
            "You get {got}, expected is {expected}. You look for the first row that is *good*, "
            "and row 0 always is.",
        ),
        Misconception(
            "all good rows together",
            _valid_time_all_good,
            "You get {got}, expected is {expected}. You count good rows wherever they are, also "
            "those after the first failure.",
        ),
        Misconception(
            "squared error",
            _valid_time_squared,
            "You get {got}, expected is {expected}. You compare the *square* of the error with "
            "0.4.",
        ),
        Misconception(
            "squared length over the scale",
            _valid_time_squared_before,
            "You get {got}, expected is {expected}. You divide the *square* of a length by "
            "`scale`, which is a length.",
        ),
        Misconception(
            "sum over the components",
            _valid_time_sum,
            "You get {got}, expected is {expected}. You add up the components' absolute values; "
            "(12.5) has the length of the difference.",
        ),
        Misconception(
            "relative to the state of the moment",
            _valid_time_relative,
            "You get {got}, expected is {expected}. You divide by the length of the truth at that "
            "moment, which may be near zero; (12.5) divides by `scale`, the attractor's size.",
        ),
        Misconception(
            "scale forgotten",
            _valid_time_no_scale,
            "You get {got}, expected is {expected}. The error is to be measured in units of "
            "`scale`; in yours, metres and feet get different times.",
        ),
        Misconception(
            "mean over the components",
            _valid_time_rms,
            "You get {got}, expected is {expected}. You average over the components; (12.5) has "
            "the length of the difference, and `scale` is a length, too.",
        ),
        Misconception(
            "the largest component",
            _valid_time_largest,
            "You get {got}, expected is {expected}. You take the largest component of the "
            "difference; (12.5) has its length.",
        ),
        Misconception(
            "one component only",
            _valid_time_first_component,
            "You get {got}, expected is {expected}. The state has more than one component.",
        ),
        Misconception(
            "mean error so far",
            _valid_time_running_mean,
            "You get {got}, expected is {expected}. You average the error from the start on, so "
            "the good beginning hides the failure for a while.",
        ),
    ],
    means="one failure ends a forecast; how near it comes later is luck.",
    cases=valid_time_cases,
)


# --- 12.3 Divergence of histograms ---------------------------------------------------------------


def kl_cases(generator):
    """(counts of the truth, counts of the model, alpha): cells that both left empty among them."""
    tens = torch.randint(0, 30, (12,), generator=generator).double()
    other = torch.randint(0, 30, (12,), generator=generator).double()
    tens[3], other[3], other[5], tens[7] = 0, 0, 0, 0
    tens[5] = 9
    return [
        (torch.tensor([3.0, 1.0]), torch.tensor([1.0, 3.0]), 1.0),
        (torch.tensor([3.0, 1.0, 0.0]), torch.tensor([4.0, 0.0, 0.0]), 0.5),
        (torch.tensor([6.0, 2.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 2.0, 0.0]), 0.5),
        (tens, 3 * other, 0.5),
    ]


def histogram_kl(n_truth, n_model, alpha):
    """KL(truth‖model) in nats, alpha added to each cell that at least one of the two visited."""
    visited = (n_truth + n_model) > 0
    p, q = n_truth[visited] + alpha, n_model[visited] + alpha
    p, q = p / p.sum(), q / q.sum()
    return (p * (p / q).log()).sum()


def _kl_by_loop(n_truth, n_model, alpha):
    cells = [(float(a), float(b)) for a, b in zip(n_truth, n_model, strict=True) if a + b > 0]
    total_p = sum(a + alpha for a, _ in cells)
    total_q = sum(b + alpha for _, b in cells)
    return sum(
        (a + alpha) / total_p * math.log((a + alpha) * total_q / ((b + alpha) * total_p))
        for a, b in cells
    )


def _kl(p, q):
    return (p * (p / q).log()).sum()


def _visited(n_truth, n_model):
    keep = (n_truth + n_model) > 0
    return n_truth[keep], n_model[keep]


def _kl_no_alpha(n_truth, n_model, alpha):
    p, q = n_truth / n_truth.sum(), n_model / n_model.sum()
    return torch.where(p > 0, p * (p / q).log(), 0.0).sum()


def _kl_nan(n_truth, n_model, alpha):
    return _kl(n_truth / n_truth.sum(), n_model / n_model.sum())


def _kl_common_cells(n_truth, n_model, alpha):
    both = (n_truth > 0) & (n_model > 0)
    return _kl(n_truth[both] / n_truth.sum(), n_model[both] / n_model.sum())


def _kl_common_cells_alpha(n_truth, n_model, alpha):
    both = (n_truth > 0) & (n_model > 0)
    p, q = n_truth[both] + alpha, n_model[both] + alpha
    return _kl(p / p.sum(), q / q.sum())


def _kl_models_cells(n_truth, n_model, alpha):
    keep = n_model > 0
    p, q = n_truth[keep] + alpha, n_model[keep] + alpha
    return _kl(p / p.sum(), q / q.sum())


def _kl_epsilon(n_truth, n_model, alpha):
    p, q = n_truth / n_truth.sum(), n_model / n_model.sum()
    return _kl(p + 1e-9, q + 1e-9)


def _without_alpha(answer, cases):
    """Whether alpha changes nothing where no cell is empty."""
    n_truth, n_model, _ = cases[0]
    one, other = (float(answer(n_truth.clone(), n_model.clone(), a)) for a in (0.5, 2.0))
    return abs(one - other) < 1e-9


def _kl_truths_cells(n_truth, n_model, alpha):
    keep = n_truth > 0
    p, q = n_truth[keep] + alpha, n_model[keep] + alpha
    return _kl(p / p.sum(), q / q.sum())


def _kl_all_cells(n_truth, n_model, alpha):
    p, q = n_truth + alpha, n_model + alpha
    return _kl(p / p.sum(), q / q.sum())


def _kl_swapped(n_truth, n_model, alpha):
    return histogram_kl(n_model, n_truth, alpha)


def _kl_model_only(n_truth, n_model, alpha):
    a, b = _visited(n_truth, n_model)
    p, q = a / a.sum(), b + alpha
    return torch.where(p > 0, p * (p / (q / q.sum())).log(), 0.0).sum()


def _kl_alpha_late(n_truth, n_model, alpha):
    a, b = _visited(n_truth, n_model)
    return _kl(a / a.sum() + alpha, b / b.sum() + alpha)


def _kl_alpha_late_normalised(n_truth, n_model, alpha):
    a, b = _visited(n_truth, n_model)
    p, q = a / a.sum() + alpha, b / b.sum() + alpha
    return _kl(p / p.sum(), q / q.sum())


def _kl_not_normalised(n_truth, n_model, alpha):
    a, b = _visited(n_truth, n_model)
    return _kl(a + alpha, b + alpha)


def _kl_old_total(n_truth, n_model, alpha):
    a, b = _visited(n_truth, n_model)
    return _kl((a + alpha) / a.sum(), (b + alpha) / b.sum())


def _kl_bits(n_truth, n_model, alpha):
    return histogram_kl(n_truth, n_model, alpha) / math.log(2)


def _kl_mean(n_truth, n_model, alpha):
    return histogram_kl(n_truth, n_model, alpha) / len(_visited(n_truth, n_model)[0])


def _kl_both_ways(n_truth, n_model, alpha):
    there, back = histogram_kl(n_truth, n_model, alpha), _kl_swapped(n_truth, n_model, alpha)
    return (there + back) / 2


KL = Exercise(
    id="12.3",
    title="Divergence of histograms",
    difficulty=3,
    minutes=8,
    hints=[
        "Keep the cells with `n_truth + n_model > 0`; a mask as index does it.",
        "Add alpha to both counts first, then divide each by its *new* sum.",
        "Weigh ln(p/q) with p, the truth's share, and add up.",
    ],
    solution=histogram_kl,
    alternatives=[_kl_by_loop],
    misconceptions=[
        Misconception(
            "infinite at an empty cell",
            _kl_no_alpha,
            "You get {got}, expected is {expected}. One cell that the model happened not to visit "
            "decides everything. What is alpha for?",
        ),
        Misconception(
            "not a number at an empty cell",
            _kl_nan,
            "You get {got}, expected is {expected}. 0 · ln 0 is not a number for a computer. What "
            "is alpha for?",
        ),
        Misconception(
            "only cells that both visited",
            _kl_common_cells,
            "You get {got}, expected is {expected}. You leave out the cells that the model missed, "
            "its worst mistakes; what remains can even be negative.",
        ),
        Misconception(
            "only cells that both visited, with alpha",
            _kl_common_cells_alpha,
            "You get {got}, expected is {expected}. You leave out the cells that the model missed, "
            "its worst mistakes. Which cells have one of the two in them?",
        ),
        Misconception(
            "only cells that the model visited",
            _kl_models_cells,
            "You get {got}, expected is {expected}. You leave out the cells that the model missed, "
            "its worst mistakes: ask for cells where *either* of the two was.",
        ),
        Misconception(
            "only cells that the truth visited",
            _kl_truths_cells,
            "You get {got}, expected is {expected}. A model that also goes where the truth never "
            "was gets that for nothing here: which cells have one of the two in them?",
        ),
        Misconception(
            "cells that nobody visited",
            _kl_all_cells,
            "You get {got}, expected is {expected}. You add alpha to cells that are empty in both, "
            "too. Then the value depends on how large a box one draws around the attractor.",
        ),
        Misconception(
            "the other way round",
            _kl_swapped,
            "You get {got}, expected is {expected}: KL(model‖truth). The shares before the "
            "logarithm are those of the first argument.",
        ),
        Misconception(
            "alpha for the model only",
            _kl_model_only,
            "You get {got}, expected is {expected}. Treat both counts alike, or two equal "
            "histograms have a distance.",
        ),
        Misconception(
            "alpha added to shares",
            _kl_alpha_late,
            "You get {got}, expected is {expected}. You add alpha to shares, which are numbers "
            "like 0.01; it is meant as alpha *samples*.",
        ),
        Misconception(
            "alpha added to shares, then normalised",
            _kl_alpha_late_normalised,
            "You get {got}, expected is {expected}. You add alpha to shares, which are numbers "
            "like 0.01; it is meant as alpha *samples*, before the division.",
        ),
        Misconception(
            "counts instead of shares",
            _kl_not_normalised,
            "You get {got}, expected is {expected}. Those are counts: a longer run would get "
            "another value. Divide each histogram by its sum.",
        ),
        Misconception(
            "divided by the sum before alpha",
            _kl_old_total,
            "You get {got}, expected is {expected}. Your shares add up to more than 1, since the "
            "sums were taken before alpha was added.",
        ),
        Misconception(
            "bits",
            _kl_bits,
            "You get {got}, expected is {expected}: that is in bits. (12.7) has the natural "
            "logarithm.",
        ),
        Misconception(
            "mean over cells",
            _kl_mean,
            "You get {got}, expected is {expected}. The shares p are the weights already; no "
            "further division by the number of cells.",
        ),
        Misconception(
            "both directions",
            _kl_both_ways,
            "You get {got}, expected is {expected}: the mean of both directions. That is a "
            "divergence, too, but not (12.7).",
        ),
        Misconception(
            "alpha not used, or for empty cells only",
            _kl_epsilon,
            "Where no cell is empty, your value is the same for every alpha. (12.7) adds the given "
            "alpha to *every* count of a visited cell, also to those above zero.",
            detect=_without_alpha,
        ),
    ],
    means="an empty cell costs a finite amount that depends on alpha and on how many samples there "
    "are: compare only values that were made alike.",
    cases=kl_cases,
)


# --- 12.4 Distance of spectra --------------------------------------------------------------------


def spectrum_cases(generator):
    """(x, y, segment): two series [m], m several times the segment but no multiple.

    Segments are odd: then one- and two-sided transforms have the same shares (no frequency stands
    alone at the end), and either is right.
    """
    t = torch.arange(48.0)
    slow, fast = torch.sin(2 * math.pi * t / 8), torch.sin(2 * math.pi * t / 4)
    noise = torch.randn(2, 50, generator=generator)
    walk = noise.cumsum(1)
    bent = slow + 0.5 * torch.sin(2 * math.pi * t / 4 + 0.4) + 0.1 * noise[0, :48]
    return [
        (slow + 0.2 * noise[0, :48], slow + fast + 0.3 * noise[1, :48] + 5, 15),
        (bent, 3 * walk[1, :48] + 7, 15),
        (walk[0], 4 * noise[1] + 2, 11),
        (
            torch.sin(0.4 * math.pi * t) + 0.05 * noise[0, :48],
            torch.sin(2 * math.pi * t / 3) + 0.05 * noise[1, :48],
            15,
        ),
    ]


def spectra_distance(x, y, segment):
    """Hellinger distance of the mean spectra of consecutive windows, each scaled to sum 1."""
    shares = []
    for series in (x, y):
        series = torch.as_tensor(series)
        windows = series.unfold(0, segment, segment)
        power = torch.fft.rfft(windows).abs().square().mean(0)[1:]
        shares.append(power / power.sum())
    return (1 - (shares[0] * shares[1]).sqrt().sum()).clamp(min=0).sqrt()


def _spectra_in_numpy(x, y, segment):
    shares = []
    for series in (np.asarray(x), np.asarray(y)):
        count = len(series) // segment
        windows = series[: count * segment].reshape(count, segment)
        windows = windows - windows.mean(1, keepdims=True)
        power = (np.abs(np.fft.rfft(windows, axis=1)) ** 2).mean(0)[1:]
        shares.append(power / power.sum())
    return math.sqrt(max(0.0, 1 - np.sqrt(shares[0] * shares[1]).sum()))


def _hellinger(p, q):
    return (1 - (p * q).sqrt().sum()).clamp(min=0).sqrt()


def _spectra_by(spectrum, distance=_hellinger):
    def answer(x, y, segment):
        return distance(spectrum(x, segment), spectrum(y, segment))

    return answer


def _windows(x, segment):
    return torch.fft.rfft(x.unfold(0, segment, segment))


def _shares(x, segment):
    power = _windows(x, segment).abs().square().mean(0)[1:]
    return power / power.sum()


def _with_zero(x, segment):
    power = _windows(x, segment).abs().square().mean(0)
    return power / power.sum()


def _amplitudes(x, segment):
    size = _windows(x, segment).abs().mean(0)[1:]
    return size / size.sum()


def _phases_cancel(x, segment):
    power = _windows(x, segment).mean(0).abs().square()[1:]
    return power / power.sum()


def _one_window(x, segment):
    power = torch.fft.rfft(x).abs().square()[1:]
    return power / power.sum()


def _first_window(x, segment):
    power = _windows(x, segment)[0].abs().square()[1:]
    return power / power.sum()


def _each_window(x, segment):
    power = _windows(x, segment).abs().square()[:, 1:]
    return (power / power.sum(1, keepdim=True)).mean(0)


def _largest(x, segment):
    power = _windows(x, segment).abs().square().mean(0)[1:]
    return power / power.max()


def _raw(x, segment):
    return _windows(x, segment).abs().square().mean(0)[1:]


def _zero_dropped_late(x, segment):
    return _with_zero(x, segment)[1:]


def _real_parts(x, segment):
    power = _windows(x, segment).real.square().mean(0)[1:]
    return power / power.sum()


def _padded(x, segment):
    power = torch.stack([torch.fft.rfft(w, n=segment) for w in x.split(segment)]).abs().square()
    return power.mean(0)[1:] / power.mean(0)[1:].sum()


def _overlapping(x, segment):
    power = torch.fft.rfft(x.unfold(0, segment, segment // 2)).abs().square().mean(0)[1:]
    return power / power.sum()


def _every_nth(x, segment):
    count = len(x) // segment
    windows = x[: count * segment].reshape(segment, count).T
    power = torch.fft.rfft(windows).abs().square().mean(0)[1:]
    return power / power.sum()


def _window_by_window(x, y, segment):
    shares = [_windows(z, segment).abs().square()[:, 1:] for z in (x, y)]
    p, q = (power / power.sum(1, keepdim=True) for power in shares)
    return (1 - (p * q).sqrt().sum(1)).clamp(min=0).sqrt().mean()


def _overlap(p, q):
    return (p * q).sqrt().sum()


def _no_inner_root(p, q):
    return (1 - (p * q).sum()).sqrt()


def _squared(p, q):
    return 1 - (p * q).sqrt().sum()


def _euclid(p, q):
    return (p - q).norm()


def _variation(p, q):
    return (p - q).abs().sum() / 2


def _half_missing(p, q):
    return (p.sqrt() - q.sqrt()).norm()


SPECTRA = Exercise(
    id="12.4",
    title="Distance of spectra",
    difficulty=3,
    minutes=10,
    hints=[
        "`x.unfold(0, segment, segment)` has windows as rows, `torch.fft.rfft` transforms each.",
        "Square the absolute values, *then* average over the windows, then drop entry 0.",
        "Divide by the sum, so that only the shape counts, and put both into (12.8).",
    ],
    solution=spectra_distance,
    alternatives=[_spectra_in_numpy],
    misconceptions=[
        Misconception(
            "frequency zero kept",
            _spectra_by(_with_zero),
            "You get {got}, expected is {expected}. Entry 0 is the mean of the window, not a "
            "swing; a series far from zero would have little else.",
        ),
        Misconception(
            "amplitude instead of power",
            _spectra_by(_amplitudes),
            "You get {got}, expected is {expected}. The power is the *square* of the absolute "
            "value: only squares of amplitudes add up to the variance.",
        ),
        Misconception(
            "averaged before squaring",
            _spectra_by(_phases_cancel),
            "You get {got}, expected is {expected}. You average complex numbers, and each window "
            "has another phase: they cancel.",
        ),
        Misconception(
            "one window",
            _spectra_by(_one_window),
            "You get {got}, expected is {expected}. The spectrum of one long window is as rough "
            "for a long run as for a short one: two true runs would look different. What is "
            "`segment` for?",
        ),
        Misconception(
            "the first window only",
            _spectra_by(_first_window),
            "You get {got}, expected is {expected}. That is the spectrum of the first window; the "
            "others have something to say, too.",
        ),
        Misconception(
            "each window normalised",
            _spectra_by(_each_window),
            "You get {got}, expected is {expected}. You scale each window to 1 before averaging, "
            "so that a quiet one weighs as much as a loud one.",
        ),
        Misconception(
            "scaled to the largest",
            _spectra_by(_largest, _hellinger),
            "You get {got}, expected is {expected}. Scaled to their peak the shares don't add up "
            "to 1, and (12.8) may be the root of a negative number.",
        ),
        Misconception(
            "not scaled",
            _spectra_by(_raw),
            "You get {got}, expected is {expected}. Those powers don't add up to 1, so under the "
            "root of (12.8) stands a negative number: divide each spectrum by its sum.",
        ),
        Misconception(
            "without the outer root",
            _spectra_by(_shares, _squared),
            "You get {got}, expected is {expected}: the square of the distance. (12.8) has one "
            "more root.",
        ),
        Misconception(
            "overlap instead of distance",
            _spectra_by(_shares, _overlap),
            "You get {got}, expected is {expected}. That is the sum in (12.8), which is 1 for "
            "equal spectra; a distance is 0 there.",
        ),
        Misconception(
            "without the inner root",
            _spectra_by(_shares, _no_inner_root),
            "You get {got}, expected is {expected}. The sum in (12.8) is over roots of products; "
            "with yours two equal spectra have a distance.",
        ),
        Misconception(
            "window by window",
            _window_by_window,
            "You get {got}, expected is {expected}. You compare window with window and average "
            "the distances. Average the powers first: single windows are rough.",
        ),
        Misconception(
            "scaled before entry 0 was dropped",
            _spectra_by(_zero_dropped_late),
            "You get {got}, expected is {expected}. You divide by a sum in which entry 0 still "
            "takes part, so the shares that remain don't add up to 1.",
        ),
        Misconception(
            "real part only",
            _spectra_by(_real_parts),
            "You get {got}, expected is {expected}. A swing's phase decides how much of it is in "
            "the real part; the power is the square of the absolute value.",
        ),
        Misconception(
            "incomplete window kept",
            _spectra_by(_padded),
            "You get {got}, expected is {expected}. The last, incomplete window takes part, filled "
            "up with zeros: it is to be dropped.",
        ),
        Misconception(
            "overlapping windows",
            _spectra_by(_overlapping),
            "You get {got}, expected is {expected}. Your windows overlap by half, as the library's "
            "do; here one shall begin where the last ended.",
        ),
        Misconception(
            "every n-th sample in a window",
            _spectra_by(_every_nth),
            "You get {got}, expected is {expected}. Your windows don't hold neighbouring samples. "
            "In which order does `reshape` fill the rows?",
        ),
        Misconception(
            "Euclid's distance",
            _spectra_by(_shares, _euclid),
            "You get {got}, expected is {expected}. You measure the difference of the shares "
            "themselves; (12.8) takes roots first, so that faint frequencies count, too.",
        ),
        Misconception(
            "total variation",
            _spectra_by(_shares, _variation),
            "You get {got}, expected is {expected}: half of the sum of the differences. That is a "
            "distance, too, but not (12.8).",
        ),
        Misconception(
            "factor of a half",
            _spectra_by(_shares, _half_missing),
            "You get {got}, expected is {expected}, which is smaller by √2: the sum of (√p − √q)² "
            "is 2 − 2Σ√(pq).",
        ),
    ],
    means="neither size nor phase is left, only how the swing is shared out over frequencies.",
    cases=spectrum_cases,
)


# --- 12.5 Gradients through time -----------------------------------------------------------------


def doubling(x):
    """step((a, b)) = (2a + b, b/2)"""
    return torch.stack([2 * x[..., 0] + x[..., 1], 0.5 * x[..., 1]], -1)


def henon(x):
    """step((a, b)) = (1 − 1.4a² + b, 0.3a)"""
    return torch.stack([1 - 1.4 * x[..., 0] ** 2 + x[..., 1], 0.3 * x[..., 0]], -1)


def bent(x):
    """step((a, b, c)) = (a + 0.3 sin b, b + 0.3 ac, 0.9c + 0.2a²)"""
    a, b, c = x[..., 0], x[..., 1], x[..., 2]
    return torch.stack([a + 0.3 * torch.sin(b), b + 0.3 * a * c, 0.9 * c + 0.2 * a**2], -1)


def gradient_cases(generator):
    return [
        (doubling, torch.tensor([1.0, 1.0]), 3),
        (henon, torch.tensor([0.3, 0.2]), 5),
        (bent, torch.randn(3, generator=generator), 6),
    ]


def jacobian(step, x):
    """∂step(x)/∂x, [d, d]."""
    return torch.autograd.functional.jacobian(step, x)


def gradient_growth(step, x0, n):
    """The Frobenius norms of ∂x_k/∂x₀ for k = 1 … n, where x_k = step(x_{k−1}): [n]."""
    x, product, norms = x0, torch.eye(len(x0), dtype=x0.dtype), []
    for _ in range(n):
        product = jacobian(step, x) @ product
        x = step(x)
        norms.append(product.norm())
    return torch.stack(norms)


def _gradient_by_autograd(step, x0, n):
    def run(x, k):
        for _ in range(k):
            x = step(x)
        return x

    return torch.stack(
        [jacobian(lambda x, k=k: run(x, k), x0).norm() for k in range(1, n + 1)]
    ).detach()


def _gradient_by_columns(step, x0, n):
    sensitivity, x, norms = list(torch.eye(len(x0), dtype=x0.dtype)), x0, []
    for _ in range(n):
        j = jacobian(step, x)
        sensitivity, x = [j @ v for v in sensitivity], step(x)
        norms.append(sum((v**2).sum() for v in sensitivity).item() ** 0.5)
    return np.array(norms)


def _jacobians(step, x0, n):
    x, found = x0, []
    for _ in range(n):
        found.append(jacobian(step, x))
        x = step(x)
    return found


def _gradient_wrong_order(step, x0, n):
    product, norms = torch.eye(len(x0), dtype=x0.dtype), []
    for j in _jacobians(step, x0, n):
        product = product @ j
        norms.append(product.norm())
    return torch.stack(norms)


def _gradient_of_norms(step, x0, n):
    return torch.stack([j.norm() for j in _jacobians(step, x0, n)]).cumprod(0)


def _gradient_single_steps(step, x0, n):
    return torch.stack([j.norm() for j in _jacobians(step, x0, n)])


def _gradient_sum(step, x0, n):
    return torch.stack(_jacobians(step, x0, n)).cumsum(0).flatten(1).norm(dim=1)


def _gradient_same_place(step, x0, n):
    j, product, norms = jacobian(step, x0), torch.eye(len(x0), dtype=x0.dtype), []
    for _ in range(n):
        product = j @ product
        norms.append(product.norm())
    return torch.stack(norms)


def _gradient_one_late(step, x0, n):
    return gradient_growth(step, step(x0), n)


def _gradient_with_start(step, x0, n):
    first = torch.eye(len(x0), dtype=x0.dtype).norm()[None]
    return torch.cat([first, gradient_growth(step, x0, n)])


def _gradient_one_early(step, x0, n):
    return _gradient_with_start(step, x0, n)[:-1]


def _gradient_of_sum(step, x0, n):
    ones, norms = torch.ones(len(x0), dtype=x0.dtype), []
    product = torch.eye(len(x0), dtype=x0.dtype)
    for j in _jacobians(step, x0, n):
        product = j @ product
        norms.append((ones @ product).norm())
    return torch.stack(norms)


def _gradient_entrywise(step, x0, n):
    return torch.stack(_jacobians(step, x0, n)).cumprod(0).flatten(1).norm(dim=1)


def _gradient_last_only(step, x0, n):
    return gradient_growth(step, x0, n)[-1]


def _gradient_logs(step, x0, n):
    return gradient_growth(step, x0, n).log()


def _gradient_largest(step, x0, n):
    product, norms = torch.eye(len(x0), dtype=x0.dtype), []
    for j in _jacobians(step, x0, n):
        product = j @ product
        norms.append(torch.linalg.matrix_norm(product, 2))
    return torch.stack(norms)


def _gradient_squared(step, x0, n):
    return gradient_growth(step, x0, n) ** 2


GRADIENTS = Exercise(
    id="12.5",
    title="Gradients through time",
    difficulty=3,
    minutes=8,
    hints=[
        "∂x₁/∂x₀ is the Jacobian of one step. By the chain rule, what is ∂x₂/∂x₀?",
        "Keep two things as you go: the state, and the product of the Jacobians so far.",
        "The newest Jacobian stands on the left, and is taken at the state *before* its step.",
    ],
    solution=gradient_growth,
    alternatives=[_gradient_by_autograd, _gradient_by_columns],
    misconceptions=[
        Misconception(
            "multiplied from the other side",
            _gradient_wrong_order,
            "You get {got}, expected is {expected}. A perturbation of x₀ passes through the first "
            "step first. Matrices don't commute: on which side does the newest stand?",
        ),
        Misconception(
            "product of norms",
            _gradient_of_norms,
            "You get {got}, expected is {expected}. You multiply norms: an upper bound, reached "
            "only if every step stretches the direction that the one before has stretched most.",
        ),
        Misconception(
            "each step by itself",
            _gradient_single_steps,
            "You get {got}, expected is {expected}. Those are ∂x_k/∂x_(k−1), one step each. How "
            "do they combine into ∂x_k/∂x₀?",
        ),
        Misconception(
            "sum of the Jacobians",
            _gradient_sum,
            "You get {got}, expected is {expected}. You add the Jacobians; what does the chain "
            "rule do with them?",
        ),
        Misconception(
            "always the Jacobian at the start",
            _gradient_same_place,
            "You get {got}, expected is {expected}. The state moves on, and the Jacobian with it.",
        ),
        Misconception(
            "one step late",
            _gradient_one_late,
            "You get {got}, expected is {expected}. Your first Jacobian is taken at x₁; the first "
            "step starts where?",
        ),
        Misconception(
            "the start included",
            _gradient_with_start,
            "You get {got}, expected is {expected}. Asked is k = 1 … n; you begin with k = 0, "
            "where nothing has moved.",
        ),
        Misconception(
            "one step early",
            _gradient_one_early,
            "You get {got}, expected is {expected}. Your first entry is for k = 0, where nothing "
            "has moved; asked is k = 1 … n.",
        ),
        Misconception(
            "gradient of the sum",
            _gradient_of_sum,
            "You get {got}, expected is {expected}. Yours is the gradient of the *sum* of the "
            "components of x_k, one vector: the column sums of the matrix in (12.9).",
        ),
        Misconception(
            "entry by entry",
            _gradient_entrywise,
            "You get {got}, expected is {expected}. You multiply entry by entry (`*`); the chain "
            "rule has the product of matrices.",
        ),
        Misconception(
            "the last only",
            _gradient_last_only,
            "You get {got}, expected is {expected}. The last entry is right; all horizons up to n "
            "are asked for.",
        ),
        Misconception(
            "logarithms",
            _gradient_logs,
            "You get {got}, expected is {expected}: logarithms. Asked are the norms themselves.",
        ),
        Misconception(
            "spectral norm",
            _gradient_largest,
            "You get {got}, expected is {expected}. That is the largest factor by which a "
            "direction grows; the Frobenius norm, the root of the sum of all squares, is asked "
            "for. At long horizons the two hardly differ.",
        ),
        Misconception(
            "squares",
            _gradient_squared,
            "You get {got}, expected is {expected}: the squares of the norms.",
        ),
    ],
    means="the gradient of a loss far ahead is this product times the error there, so it grows as "
    "fast as two neighbouring states part.",
    cases=gradient_cases,
)


# --- 12.6 Which model is it? ---------------------------------------------------------------------

WHICH = Exercise(
    id="12.6",
    title="Which model is it?",
    difficulty=3,
    minutes=5,
    kind="choice",
    options={
        "A": "1 the clock, 2 the other start, 3 the shuffled run",
        "B": "1 the shuffled run, 2 the clock, 3 the other start",
        "C": "1 the other start, 2 the shuffled run, 3 the clock",
        "D": "1 the other start, 2 the clock, 3 the shuffled run",
    },
    solution="D",
    hints=[
        "Which of the three can follow a given trajectory for a while at all?",
        "A histogram does not know the order of its samples. What has a spectrum without it?",
    ],
    misconceptions=[
        Misconception(
            "the clock loses the forecast at once",
            "A",
            "A clock that is a twentieth wrong follows the truth at first, so its valid time is "
            "short, not zero. And what is wrong with the swings of a run from another start?",
        ),
        Misconception(
            "shuffling keeps the spectrum",
            "B",
            "The first model has the spectrum of the truth. What becomes of slow swings when the "
            "times are shuffled?",
        ),
        Misconception(
            "clock and shuffling exchanged",
            "C",
            "Neither of these changes the histogram. Which of them still follows the truth for "
            "a while, and which has hardly anything left of its spectrum?",
        ),
    ],
    means="each measure is blind to something, and what it is blind to is known beforehand: order "
    "in time for the histogram, the start for both.",
    explanation="Model 1 has both climates right and no forecast: the true system, started "
    "elsewhere. Model 2 forecasts for a while, visits the right places and swings at slightly "
    "wrong frequencies: the wrong clock. Model 3 visits the right places in no order.",
)

EXERCISES = [BETTER_START, VALID, KL, SPECTRA, GRADIENTS, WHICH]
