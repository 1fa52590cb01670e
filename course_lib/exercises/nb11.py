"""Exercises of notebook 11, *Time series: real weather*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb11 import masked_loss`.
"""

from math import ceil

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 11.1 Scales from the training hours ---------------------------------------------------------


def standardise(y, train):
    """(y − mean)/std by the training rows alone; a channel that never varies is divided by 1."""
    mean, std = y[train].mean(0), y[train].std(0)
    return (y - mean) / torch.where(std > 0, std, 1.0)


def _standardise_loop(y, train):
    columns = []
    for column in y.T:
        known = column[train]
        scale = known.std() if float(known.std()) > 0 else 1.0
        columns.append((column - known.mean()) / scale)
    return torch.stack(columns, 1)


def _standardise_all(y, train):
    return standardise(y, torch.ones_like(train))


def _standardise_parts(y, train):
    parts = torch.empty_like(y)
    parts[train] = standardise(y[train], train[train])
    parts[~train] = standardise(y[~train], ~train[~train])
    return parts


def _standardise_test(y, train):
    return standardise(y, ~train)


def _standardise_zero(y, train):
    return (y - y[train].mean(0)) / y[train].std(0)


def _standardise_tiny(y, train):
    return (y - y[train].mean(0)) / (y[train].std(0) + 1e-8)


def _only_rain_is(low, high):
    """Whether, in the first case, rain alone is wrong: a number of such a size after a dry time.

    Found by its size: beside a number like 1e308 any two answers are close.
    """

    def detect(answer, cases):
        x, right = torch.as_tensor(answer(*cases[0])), standardise(*cases[0])
        others = torch.allclose(x[:, 0].double(), right[:, 0].double(), rtol=1e-3)
        return others and low < float(x[2, 1]) < high

    return detect


def _standardise_hidden(y, train):
    return torch.nan_to_num(_standardise_zero(y, train))


def _standardise_clamped(y, train):
    return (y - y[train].mean(0)) / y[train].std(0).clamp(min=1)


def _standardise_population(y, train):
    std = y[train].std(0, correction=0)
    return (y - y[train].mean(0)) / torch.where(std > 0, std, 1.0)


def _standardise_mean_all(y, train):
    x = standardise(y, train)
    return x - x.mean(0)


def _standardise_no_mean(y, train):
    std = y[train].std(0)
    return y / torch.where(std > 0, std, 1.0)


def _standardise_mean(y, train):
    return y - y[train].mean(0)


def _standardise_std_all(y, train):
    std = y.std(0)
    return (y - y[train].mean(0)) / torch.where(std > 0, std, 1.0)


def _standardise_variance(y, train):
    var = y[train].var(0)
    return (y - y[train].mean(0)) / torch.where(var > 0, var, 1.0)


def _standardise_one_scale(y, train):
    return (y - y[train].mean()) / y[train].std()


def _standardise_range(y, train):
    low, high = y[train].amin(0), y[train].amax(0)
    return (y - low) / torch.where(high > low, high - low, 1.0)


def _standardise_train_only(y, train):
    return standardise(y, train)[train]


def standardise_cases(generator):
    """(y, train): pressure, and rain that comes after training; without rain; a calm channel."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    rain = torch.tensor([[1.0, 0.0], [5.0, 0.0], [8.0, 3.0], [4.0, 0.0]])
    small = torch.tensor([[1.0, 10.0], [3.0, 30.0], [5.0, 80.0], [7.0, 20.0], [9.0, 0.0]])
    return [
        (rain, torch.tensor([True, True, False, False])),
        (small, torch.tensor([True, True, True, False, False])),
        (torch.tensor([5.0, -0.5]) + torch.tensor([2.0, 0.2]) * draw(12, 2), torch.arange(12) < 9),
    ]


STANDARDISE = Exercise(
    id="11.1",
    title="Scales from the training hours",
    difficulty=2,
    minutes=6,
    hints=[
        "`y[train]` are the rows that you may look at. Which rows are to be scaled?",
        "A mean and a deviation for each channel: along which axis?",
        "It did not rain in the training hours: what is the deviation, and what do you divide by? "
        "`torch.where(std > 0, std, 1.0)`.",
    ],
    solution=standardise,
    alternatives=[_standardise_loop],
    misconceptions=[
        Misconception(
            "scales from all hours",
            _standardise_all,
            "You get {got}, expected is {expected}. Your mean and deviation have seen the test "
            "hours: a leak, and in use the future would not be there to be averaged.",
        ),
        Misconception(
            "each part by its own scale",
            _standardise_parts,
            "You get {got}, expected is {expected}. Each part is scaled by its own mean and "
            "deviation, so 1 means something else in the test, and that it is a warm week is lost.",
        ),
        Misconception(
            "scales from the other hours",
            _standardise_test,
            "You get {got}, expected is {expected}: scaled by the hours where `train` is false.",
        ),
        Misconception(
            "divides by a deviation of zero",
            _standardise_zero,
            "You get {got}, expected is {expected}. A channel that is constant in training has "
            "deviation 0; what should it be divided by?",
        ),
        Misconception(
            "divides by almost nothing",
            _standardise_tiny,
            "You get {got}, expected is {expected}. Next to a deviation of 0 your small number "
            "decides alone: the first shower of the test becomes a huge number.",
            detect=_only_rain_is(1e3, 1e30),
        ),
        Misconception(
            "hides the division by zero",
            _standardise_hidden,
            "You get {got}, expected is {expected}. `nan_to_num` makes 0/0 zero, but 3/0 the "
            "largest number there is. What should be divided by instead of 0?",
            detect=_only_rain_is(1e30, float("inf")),
        ),
        Misconception(
            "never divides by less than 1",
            _standardise_clamped,
            "You get {got}, expected is {expected}. A channel with a deviation of 0.2 is to be "
            "divided by 0.2; only a deviation of 0 is replaced.",
        ),
        Misconception(
            "deviation with n instead of n − 1",
            _standardise_population,
            "You get {got}, expected is {expected}. numpy's `std` divides by n, torch's by n − 1; "
            "asked for is torch's.",
        ),
        Misconception(
            "mean from all hours",
            _standardise_mean_all,
            "You get {got}, expected is {expected}. The deviation is the training rows', the mean "
            "has seen all rows.",
        ),
        Misconception(
            "does not subtract the mean",
            _standardise_no_mean,
            "You get {got}, expected is {expected}. It is scaled, but 990 hPa are still far from "
            "0: (11.1) has a numerator.",
        ),
        Misconception(
            "does not scale",
            _standardise_mean,
            "You get {got}, expected is {expected}. The means are 0 now; but 1 hPa and 1 W/m² "
            "still weigh alike.",
        ),
        Misconception(
            "deviation from all hours",
            _standardise_std_all,
            "You get {got}, expected is {expected}. The mean is the training rows', the deviation "
            "has seen all rows.",
        ),
        Misconception(
            "divides by the variance",
            _standardise_variance,
            "You get {got}, expected is {expected}. Which power of its unit has a variance?",
        ),
        Misconception(
            "one scale for all channels",
            _standardise_one_scale,
            "You get {got}, expected is {expected}. You take one mean of pressure and wind "
            "together; each channel needs its own.",
        ),
        Misconception(
            "scales the range to [0, 1]",
            _standardise_range,
            "You get {got}, expected is {expected}. You scale by minimum and maximum, which hang "
            "on two rows; asked for are mean and deviation.",
        ),
        Misconception(
            "returns the training rows only",
            _standardise_train_only,
            "You get {got}, expected is {expected}. The rows you learn the scale from are the "
            "training's; the rows to be scaled are all.",
        ),
    ],
    means="what is learned from data, be it only a mean, is learned from training data.",
    cases=standardise_cases,
)

# --- 11.2 The masked loss ------------------------------------------------------------------------


def masked_loss(prediction, target, mask):
    """The mean of the squared errors over what was observed, (11.2)."""
    return (prediction[mask] - target[mask]).square().mean()


def _masked_where(prediction, target, mask):
    error = torch.where(mask, prediction - target, 0.0)
    return error.square().sum() / mask.sum()


def _masked_filled(prediction, target, mask):
    return (mask * (prediction - torch.nan_to_num(target))).square().sum() / mask.sum()


def _masked_all(prediction, target, mask):
    return torch.where(mask, prediction - target, 0.0).square().mean()


def _masked_times(prediction, target, mask):
    return (mask * (prediction - target).square()).sum() / mask.sum()


def _masked_zero_fill(prediction, target, mask):
    return (prediction - torch.where(mask, target, 0.0)).square().mean()


def _masked_nan_fill(prediction, target, mask):
    return (prediction - torch.nan_to_num(target)).square().mean()


def _masked_not_nan(prediction, target, mask):
    return (prediction - target).square().nanmean()


def _masked_sum(prediction, target, mask):
    return (prediction[mask] - target[mask]).square().sum()


def _masked_inverted(prediction, target, mask):
    return (prediction[~mask] - torch.nan_to_num(target)[~mask]).square().mean()


def _masked_rows(prediction, target, mask):
    square = torch.where(mask, prediction - target, 0.0).square()
    return (square.sum(1) / mask.sum(1)).mean()


def _masked_root(prediction, target, mask):
    return masked_loss(prediction, target, mask).sqrt()


def _masked_absolute(prediction, target, mask):
    return (prediction[mask] - target[mask]).abs().mean()


def _masked_count_rows(prediction, target, mask):
    return masked_loss(prediction, target, mask) * mask.sum() / mask.any(1).sum()


def _masked_plain(prediction, target, mask):
    return (prediction - target).square().mean()


def masked_cases(generator):
    """(prediction, target, mask): NaN, or once any number, where nothing was observed."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    nan = float("nan")
    first = (
        torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        torch.tensor([[3.0, nan, nan], [1.0, 6.0, 2.0]]),
        torch.tensor([[True, False, False], [True, True, True]]),
    )
    mask = torch.rand(7, 5, generator=generator) < 0.6
    mask[:, 0] = True
    target = torch.where(mask, draw(7, 5), nan)
    return [first, (draw(7, 5), target, mask), (draw(7, 5), 3 * draw(7, 5), mask)]


MASKED = Exercise(
    id="11.2",
    title="The masked loss",
    difficulty=2,
    minutes=5,
    hints=[
        "Where the mask is false there is no error, not an error of zero: what do you divide by?",
        "`target` is NaN there, and 0 · NaN is NaN. Choose first, then subtract.",
        "`prediction[mask]` is the list of those entries where the mask is true.",
    ],
    solution=masked_loss,
    alternatives=[_masked_where, _masked_filled],
    misconceptions=[
        Misconception(
            "mean over all instead of observed",
            _masked_all,
            "You get {got}, expected is {expected}. You divide by all entries, observed or not: "
            "the more is missing, the better the model seems.",
        ),
        Misconception(
            "multiplies NaN by zero",
            _masked_times,
            "You get {got}, expected is {expected}. Zero times NaN is NaN: what is not to count "
            "must be left out before anything is computed with it.",
        ),
        Misconception(
            "no mask at all",
            _masked_plain,
            "You get {got}, expected is {expected}. One NaN in a mean makes the mean NaN. Which "
            "input says where they are?",
        ),
        Misconception(
            "missing means zero",
            _masked_zero_fill,
            "You get {got}, expected is {expected}. You put zeros where nothing was observed and "
            "hold the model to them.",
        ),
        Misconception(
            "NaN means zero",
            _masked_nan_fill,
            "You get {got}, expected is {expected}. You put zeros in place of NaN and hold the "
            "model to them; and `mask` is not used.",
        ),
        Misconception(
            "looks for NaN instead of the mask",
            _masked_not_nan,
            "You get {got}, expected is {expected}. Where nothing was observed there may be any "
            "number, not only NaN. Which input says what was observed?",
        ),
        Misconception(
            "sum instead of mean",
            _masked_sum,
            "You get {got}, expected is {expected}, which does not grow with the number of hours.",
        ),
        Misconception(
            "mask the wrong way round",
            _masked_inverted,
            "You get {got}, expected is {expected}. Your mean is over what was *not* observed.",
        ),
        Misconception(
            "mean of the rows' means",
            _masked_rows,
            "You get {got}, expected is {expected}. You average the rows' means, so the single "
            "hour of a sparse row weighs as much as all hours of a full one.",
        ),
        Misconception(
            "takes the root",
            _masked_root,
            "You get {got}, expected is {expected}: yours is its root. The root comes when errors "
            "are reported; the loss is the mean square.",
        ),
        Misconception(
            "absolute instead of squared",
            _masked_absolute,
            "You get {got}, expected is {expected}: (11.2) has squares.",
        ),
        Misconception(
            "divides by the number of rows",
            _masked_count_rows,
            "You get {got}, expected is {expected}. You divide by how many rows were seen, but "
            "the sum runs over single entries.",
        ),
    ],
    means="a missing hour has no error, neither large nor zero.",
    cases=masked_cases,
)

# --- 11.3 Which of them leaks? -------------------------------------------------------------------

LEAK = Exercise(
    id="11.3",
    title="Which of them leaks?",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "the mean of each hour and season is taken from the training blocks alone",
        "B": "the test hours are a fifth of all hours, drawn at random",
        "C": "a test forecast reads the 24 hours before it, which lie in a free day",
        "D": "the ridge penalty is the one with the lowest error on the validation blocks",
    },
    solution="B",
    hints=[
        "Something leaks if, to forecast a test hour, a model has been *trained* on something "
        "that tells about it and that would not be there in use.",
        "How much does the weather differ between 14:00 and 15:00?",
    ],
    misconceptions=[
        Misconception(
            "training statistics are a leak",
            "A",
            "Those means have seen training hours only, like every weight of the model. What would "
            "make them leak?",
        ),
        Misconception(
            "inputs must not be recent",
            "C",
            "A forecast may read all that is known when it is issued. Those hours are neither "
            "targets of the test nor examples of the training.",
        ),
        Misconception(
            "all choices by error are leaks",
            "D",
            "A choice by error leaks what it was made on. These blocks are not the ones on which "
            "the result is reported.",
        ),
    ],
    means="neighbouring hours are almost copies, so whole blocks must be kept apart.",
    explanation="With random hours every test hour has training hours a step away: a model that "
    "remembers its neighbours scores well and forecasts nothing. Blocks with a free day between "
    "them are the cure; A, C and D use nothing of the test.",
)

# --- 11.4 What does the table say? ---------------------------------------------------------------

TABLE = Exercise(
    id="11.4",
    title="What does the table say?",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "the neural ODE is the best method with no hours lost: its error is the smallest",
        "B": "learning does not pay here: damped anomalies do as well as any learned model",
        "C": "over all leads ridge and neural ODE cannot be told apart at any rate of loss, and "
        "both beat the damped anomaly",
        "D": "intervals of all methods overlap, so nothing can be said at all",
    },
    solution="C",
    hints=[
        "Whether two methods differ is answered by the interval of their *difference* on the same "
        "blocks, not by two intervals side by side.",
        "Look for the differences whose interval does not contain 0, and for those that do.",
    ],
    misconceptions=[
        Misconception(
            "the smallest number wins",
            "A",
            "By how much is it smaller, and does the interval of that difference contain 0?",
        ),
        Misconception(
            "a tie at the top means nothing is learned",
            "B",
            "Look at the difference between the damped anomaly and the neural ODE: on which side "
            "of 0 does its whole interval lie?",
        ),
        Misconception(
            "overlap means equality",
            "D",
            "Hard weeks are hard for all methods, which widens every interval; the difference on "
            "the same weeks is known much better. What are its intervals?",
        ),
    ],
    means="a tie is a result: it says what the data have decided, and what they have not.",
    explanation="The interval of ridge minus neural ODE contains 0 at all four rates; that of "
    "damped anomaly minus neural ODE lies wholly above 0 at all four.",
)

# --- 11.5 Skill ----------------------------------------------------------------------------------


def skill(rmse, reference):
    """1 − MSE/MSE_reference from two root mean square errors, (11.8)."""
    return 1 - (rmse / reference) ** 2


def _skill_difference(rmse, reference):
    return (reference**2 - rmse**2) / reference**2


def _is_clipped(answer, cases):
    """Right for the better forecast, 0 for the worse one; Python's `max` takes no arrays."""
    better, worse = (float(answer(*case)) for case in cases[:2])
    return abs(better - skill(*cases[0])) < 1e-6 and worse == 0


def skill_cases(generator):
    """(rmse, reference): better, worse than the reference; a row of leads."""
    draw = lambda n: 0.3 + torch.rand(n, generator=generator)  # noqa: E731
    return [(0.5, 1.0), (2.0, 1.6), (0.7, 0.9), (draw(6), draw(6))]


SKILL = Exercise(
    id="11.5",
    title="Skill",
    difficulty=2,
    minutes=4,
    hints=[
        "(11.8) compares mean squared errors. What is in the table?",
        "Square both before you divide. A perfect forecast has skill 1, the reference has 0.",
    ],
    solution=skill,
    alternatives=[_skill_difference],
    misconceptions=[
        Misconception(
            "ratio of the roots",
            lambda rmse, reference: 1 - rmse / reference,
            "You get {got}, expected is {expected}. Your inputs are *root* mean square errors; "
            "(11.8) is about the mean squares.",
        ),
        Misconception(
            "ratio only",
            lambda rmse, reference: (rmse / reference) ** 2,
            "You get {got}, expected is {expected}. Yours is 1 for a forecast no better than the "
            "reference, and 0 for a perfect one: which way round should skill be?",
        ),
        Misconception(
            "reference over forecast",
            lambda rmse, reference: 1 - (reference / rmse) ** 2,
            "You get {got}, expected is {expected}. You have the two the wrong way round: which "
            "error is the yardstick?",
        ),
        Misconception(
            "reference over forecast, of the roots",
            lambda rmse, reference: 1 - reference / rmse,
            "You get {got}, expected is {expected}. Two things: which error is the yardstick, and "
            "(11.8) is about mean squares, not their roots.",
        ),
        Misconception(
            "negated",
            lambda rmse, reference: (rmse / reference) ** 2 - 1,
            "You get {got}, expected is {expected}. The better the forecast, the more negative "
            "yours.",
        ),
        Misconception(
            "difference of errors",
            lambda rmse, reference: reference**2 - rmse**2,
            "You get {got}, expected is {expected}. Yours has the unit of a square and depends on "
            "whether you measure in °C or in °F; divide by the reference's error.",
        ),
        Misconception(
            "per cent",
            lambda rmse, reference: 100 * (1 - (rmse / reference) ** 2),
            "You get {got}, expected is {expected}: a hundred times as much. A perfect forecast "
            "has skill 1.",
        ),
        Misconception(
            "never below zero",
            lambda rmse, reference: torch.as_tensor(1 - (rmse / reference) ** 2).clamp(min=0),
            "You get {got}, expected is {expected}. A forecast can be worse than its reference; "
            "say so with a negative skill.",
            detect=_is_clipped,
        ),
    ],
    means="an error means little until it stands beside that of a forecast anyone could make.",
    cases=skill_cases,
)

# --- 11.6 A horizon that grows -------------------------------------------------------------------


def horizon(share, longest, until):
    """Leads in the loss: from 1 at the start evenly to `longest`, reached at share `until`."""
    return min(longest, round(1 + (longest - 1) * share / until))


def _horizon_clamped(share, longest, until):
    grown = min(share / until, 1.0)
    return int(1 + (longest - 1) * grown + 0.5)


def horizon_cases(generator):
    """(share, longest, until): no product lies half-way between two integers."""
    shares = (0.05 + 0.9 * torch.rand(6, generator=generator)).tolist()
    fixed = [(0.0, 24, 0.6), (0.3, 22, 0.7), (0.65, 24, 0.6), (0.52, 12, 1.0), (0.11, 24, 0.6)]
    drawn = [(round(s, 3) + 0.0001, 48, 0.8) for s in shares]
    return [*fixed, *drawn]


HORIZON = Exercise(
    id="11.6",
    title="A horizon that grows",
    difficulty=2,
    minutes=6,
    hints=[
        "Where on the way from 1 to `longest` are you at the share `until`? And at half of that?",
        "1 + (longest − 1) · share / until, rounded to the nearest integer.",
        "Beyond `until` it would go on growing: `min`.",
    ],
    solution=horizon,
    alternatives=[_horizon_clamped],
    misconceptions=[
        Misconception(
            "grows to the very end",
            lambda share, longest, until: round(1 + (longest - 1) * share),
            "Yours looks {got} h ahead, right is {expected}. Your horizon is longest only when "
            "training ends; which input says when it should be?",
        ),
        Misconception(
            "goes on growing",
            lambda share, longest, until: round(1 + (longest - 1) * share / until),
            "Yours looks {got} h ahead, right is {expected}. After the share `until` yours is "
            "longer than the longest.",
        ),
        Misconception(
            "starts with nothing",
            lambda share, longest, until: min(longest, round(longest * share / until)),
            "Yours looks {got} h ahead, right is {expected}. At the start there must be one lead: "
            "of none there is no loss.",
        ),
        Misconception(
            "at least one, but a straight line from zero",
            lambda share, longest, until: max(1, min(longest, round(longest * share / until))),
            "Yours looks {got} h ahead, right is {expected}. Your line starts at 0 and is lifted "
            "to 1; it should start at 1.",
        ),
        Misconception(
            "always rounds down",
            lambda share, longest, until: min(longest, int(1 + (longest - 1) * share / until)),
            "Yours looks {got} h ahead, right is {expected}: `int` cuts off, asked is the nearest.",
        ),
        Misconception(
            "always rounds up",
            lambda share, longest, until: min(longest, ceil(1 + (longest - 1) * share / until)),
            "Yours looks {got} h ahead, right is {expected}: you always round up, asked is the "
            "nearest.",
        ),
        Misconception(
            "times until",
            lambda share, longest, until: min(longest, round(1 + (longest - 1) * share * until)),
            "Yours looks {got} h ahead, right is {expected}. The smaller `until`, the sooner the "
            "longest horizon should come; yours comes later.",
        ),
        Misconception(
            "one step too many",
            lambda share, longest, until: min(longest, round(1 + longest * share / until)),
            "Yours looks {got} h ahead, right is {expected}. How many steps is it from 1 to "
            "`longest`?",
        ),
        Misconception(
            "slow, then a jump",
            lambda share, longest, until: (
                longest if share >= until else round(1 + (longest - 1) * share)
            ),
            "Yours looks {got} h ahead, right is {expected}. Your line would reach `longest` when "
            "training ends, so at `until` it has to jump.",
        ),
        Misconception(
            "long first",
            lambda share, longest, until: max(1, round(longest - (longest - 1) * share / until)),
            "Yours looks {got} h ahead, right is {expected}. Yours begins far ahead and comes "
            "closer; what can an untrained model say about tomorrow?",
        ),
        Misconception(
            "jumps",
            lambda share, longest, until: longest if share >= until else 1,
            "Yours looks {got} h ahead, right is {expected}. Yours is short, and then long "
            "at once.",
        ),
        Misconception(
            "not a whole number",
            lambda share, longest, until: min(longest, 1 + (longest - 1) * share / until),
            "Yours looks {got} h ahead, right is {expected}: a whole number of hours.",
        ),
    ],
    means="the loss first asks for what is easy, then for what is wanted.",
    cases=horizon_cases,
)

EXERCISES = [STANDARDISE, MASKED, LEAK, TABLE, SKILL, HORIZON]
