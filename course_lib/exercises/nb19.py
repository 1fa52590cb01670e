"""Exercises of notebook 19, *Flow matching*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb19 import cfm_loss, pair_up`.
"""

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 19.1 A pair and its velocity ----------------------------------------------------------------


def pair_at(z, x, t):
    """(x_t, its velocity) of the straight path (19.1), [n, d] each; t [n, 1]."""
    return (1 - t) * z + t * x, x - z


def _pair_by_steps(z, x, t):
    velocity = x - z
    return z + t * velocity, velocity


def _pair_reversed_time(z, x, t):
    return t * z + (1 - t) * x, x - z


def _pair_diffusion_time(z, x, t):
    return t * z + (1 - t) * x, z - x


def _pair_backwards(z, x, t):
    return (1 - t) * z + t * x, z - x


def _pair_rest(z, x, t):
    """The velocity that would reach x in unit time from x_t."""
    place = (1 - t) * z + t * x
    return place, x - place


def _pair_times_t(z, x, t):
    return (1 - t) * z + t * x, t * (x - z)


def _pair_over_rest(z, x, t):
    return (1 - t) * z + t * x, (x - z) / (1 - t)


def _pair_divided_by_t(z, x, t):
    return (1 - t) * z + t * x, (x - z) / t


def _pair_sum(z, x, t):
    return z + t * x, x - z


def _pair_diffused(z, x, t):
    return (1 - t).sqrt() * z + t.sqrt() * x, x - z


def _pair_at_start(z, x, t):
    return z + 0 * t, x - z


def _pair_constant_time(z, x, t):
    return 0.5 * (z + x) + 0 * t, x - z


def _pair_swapped(z, x, t):
    return x - z, (1 - t) * z + t * x


def _pair_added(z, x, t):
    return (1 - t) * z + t * x, x + z


def _pair_direction(z, x, t):
    return (1 - t) * z + t * x, (x - z) / (x - z).norm(dim=1, keepdim=True)


def pair_cases(generator):
    """(z, x, t): one pair on a line, then batches."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    time = lambda n: 0.1 + 0.8 * torch.rand(n, 1, generator=generator)  # noqa: E731
    return [
        (torch.tensor([[1.0]]), torch.tensor([[5.0]]), torch.tensor([[0.25]])),
        (draw(4, 2), draw(4, 2) + 2, time(4)),
        (draw(6, 3), 2 * draw(6, 3), time(6)),
    ]


PAIR = Exercise(
    id="19.1",
    title="A pair and its velocity",
    difficulty=1,
    minutes=4,
    hints=[
        "At t = 0 the point is at z, at t = 1 at x, and in between on the straight line.",
        "Differentiate (1 − t)z + tx by t. Is there a t left?",
    ],
    solution=pair_at,
    alternatives=[_pair_by_steps],
    misconceptions=[
        Misconception(
            "data at t = 0, in both",
            _pair_diffusion_time,
            "You get {got}, expected is {expected}. Your path runs from the data to the noise, as "
            "in papers on diffusion. Here the Gaussian is at t = 0.",
        ),
        Misconception(
            "data at t = 0, place only",
            _pair_reversed_time,
            "Your velocity is right, but your point is at x when t = 0. Which end has t = 1?",
        ),
        Misconception(
            "velocity backwards",
            _pair_backwards,
            "Your point is right; your velocity leads back to z. Differentiate (1 − t)z + tx.",
        ),
        Misconception(
            "what is left of the way",
            _pair_rest,
            "Your point is right. Your velocity is x − x_t, which shrinks on the way; how much "
            "time is left to go that far?",
        ),
        Misconception(
            "velocity times t",
            _pair_times_t,
            "Your point is right. Your velocity is the way covered so far, x_t − z. What is its "
            "derivative?",
        ),
        Misconception(
            "divided by the time left",
            _pair_over_rest,
            "Your point is right. To divide by 1 − t would be right for x − x_t, the rest of the "
            "way; you divide all of it.",
        ),
        Misconception(
            "divided by the time gone",
            _pair_divided_by_t,
            "Your point is right. To divide by t would be right for x_t − z; you divide the whole "
            "way.",
        ),
        Misconception(
            "z never fades",
            _pair_sum,
            "At t = 1 your point is at z + x instead of x. What has to happen to z's weight?",
        ),
        Misconception(
            "weights of a diffusion",
            _pair_diffused,
            "You get {got}, expected is {expected}. Your weights' squares add up to one, as in a "
            "diffusion; on the straight line the weights themselves do.",
        ),
        Misconception(
            "stays at z",
            _pair_at_start,
            "Your velocity is right, but your point never leaves z: where is t?",
        ),
        Misconception(
            "half-way at all times",
            _pair_constant_time,
            "Your velocity is right, but your point is half-way at all times: where is t?",
        ),
        Misconception(
            "in the other order",
            _pair_swapped,
            "Both are right, in the other order: first the point x_t, then its velocity.",
        ),
        Misconception(
            "sum instead of difference",
            _pair_added,
            "Your point is right. Your velocity is x + z: what sign does the derivative of 1 − t "
            "have?",
        ),
        Misconception(
            "direction only",
            _pair_direction,
            "Your point is right. Your velocity has length 1, so that long lines would not be "
            "finished at t = 1.",
        ),
    ],
    means="every pair moves at constant speed: its velocity doesn't depend on the time.",
    cases=pair_cases,
)

# --- 19.2 The loss -------------------------------------------------------------------------------


def cfm_loss(field, z, x, t):
    """Mean over the batch of ‖f(t, x_t) − (x − z)‖²; t [n, 1]."""
    miss = field(t, (1 - t) * z + t * x) - (x - z)
    return miss.square().sum(1).mean()


def _loss_by_norm(field, z, x, t):
    place = torch.lerp(z, x, t.expand_as(x))
    return torch.linalg.vector_norm(field(t, place) - x + z, dim=1).pow(2).sum() / len(x)


def _loss_variant(place=None, goal=None, reduce=None, time=None):
    """The loss with one thing changed: the raw material of the misconceptions."""
    place = place or (lambda z, x, t: (1 - t) * z + t * x)
    goal = goal or (lambda z, x, t: x - z)
    reduce = reduce or (lambda miss: miss.square().sum(1).mean())
    time = time or (lambda t: t)

    def loss(field, z, x, t):
        return reduce(field(time(t), place(z, x, t)) - goal(z, x, t))

    return loss


def _loss_swapped_arguments(field, z, x, t):
    return (field((1 - t) * z + t * x, t) - (x - z)).square().sum(1).mean()


def turning(t, x):
    """f(t, x) = (1 + t) · (x with its coordinates in reverse order)"""
    return (1 + t) * x.flip(-1)


def pulling(t, x):
    """f(t, x) = cos 3t − t x"""
    return torch.cos(3 * t) - t * x


def loss_cases(generator):
    """(field, z, x, t): one pair, then batches."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    time = lambda n: 0.1 + 0.8 * torch.rand(n, 1, generator=generator)  # noqa: E731
    one = (torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, -1.0]]), torch.tensor([[0.25]]))
    return [
        (turning, *one),
        (turning, draw(5, 2), draw(5, 2) + 1, time(5)),
        (pulling, draw(6, 3), 2 * draw(6, 3), time(6)),
    ]


LOSS = Exercise(
    id="19.2",
    title="The loss of flow matching",
    difficulty=2,
    minutes=6,
    hints=[
        "Where is the pair at its time? Ask the field there, and compare with the pair's velocity.",
        "Squares are summed over coordinates (`dim=1`), then averaged over the batch.",
    ],
    solution=cfm_loss,
    alternatives=[_loss_by_norm, _loss_variant()],
    misconceptions=[
        Misconception(
            "field asked at z",
            _loss_variant(place=lambda z, x, t: z),
            "You get {got}, expected is {expected}. You ask the field at z, where the pair was at "
            "t = 0. Where is it at time t?",
        ),
        Misconception(
            "field asked at x",
            _loss_variant(place=lambda z, x, t: x),
            "You get {got}, expected is {expected}. You ask the field at x, where the pair is only "
            "at t = 1. Where is it at time t?",
        ),
        Misconception(
            "path reversed",
            _loss_variant(place=lambda z, x, t: t * z + (1 - t) * x),
            "You get {got}, expected is {expected}. Your pair starts at the data. Which end has "
            "t = 0?",
        ),
        Misconception(
            "velocity reversed",
            _loss_variant(goal=lambda z, x, t: z - x),
            "You get {got}, expected is {expected}. Your field learns to run from the data to the "
            "noise: which way does (19.1) move?",
        ),
        Misconception(
            "predicts the data",
            _loss_variant(goal=lambda z, x, t: x),
            "You get {got}, expected is {expected}. You compare the field with the data point; its "
            "value is to be a *velocity*.",
        ),
        Misconception(
            "predicts the noise",
            _loss_variant(goal=lambda z, x, t: z),
            "You get {got}, expected is {expected}. You compare the field with the noise, as many "
            "diffusion models do; its value is to be a *velocity*.",
        ),
        Misconception(
            "remaining way",
            _loss_variant(goal=lambda z, x, t: (1 - t) * (x - z)),
            "You get {got}, expected is {expected}. You compare with x − x_t, the way that is "
            "left. How fast does the pair move?",
        ),
        Misconception(
            "mean over coordinates as well",
            _loss_variant(reduce=lambda miss: miss.square().mean()),
            "You get {got}, expected is {expected}: divided by d. (19.5) has the squared norm, a "
            "*sum* over coordinates; only the batch is averaged.",
        ),
        Misconception(
            "sum over the batch",
            _loss_variant(reduce=lambda miss: miss.square().sum()),
            "You get {got}, expected is {expected}: n times too much. 𝔼 is a mean over the batch.",
        ),
        Misconception(
            "norm not squared",
            _loss_variant(reduce=lambda miss: miss.norm(dim=1).mean()),
            "You get {got}, expected is {expected}. You average distances, and what minimises them "
            "is a kind of median. Why is it the *mean* that we want?",
        ),
        Misconception(
            "difference of means",
            _loss_variant(reduce=lambda miss: miss.mean(0).square().sum()),
            "You get {got}, expected is {expected}. You average before you square, so misses in "
            "opposite directions cancel.",
        ),
        Misconception(
            "loss per pair",
            _loss_variant(reduce=lambda miss: miss.square().sum(1)),
            "You return one number for each pair. Training needs one for the batch: their mean.",
        ),
        Misconception(
            "time from the other end",
            _loss_variant(time=lambda t: 1 - t),
            "You get {got}, expected is {expected}. The place is right, but the field is told "
            "1 − t.",
        ),
        Misconception(
            "time forgotten",
            _loss_variant(time=lambda t: torch.zeros_like(t)),
            "You get {got}, expected is {expected}. You ask the field at time 0 for all pairs.",
        ),
        Misconception(
            "compares with the place",
            _loss_variant(goal=lambda z, x, t: (1 - t) * z + t * x),
            "You get {got}, expected is {expected}. You compare the field with x_t, the *place*; "
            "its value is to be the velocity there.",
        ),
        Misconception(
            "part of the way",
            _loss_variant(goal=lambda z, x, t: t * (x - z)),
            "You get {got}, expected is {expected}. You compare with x_t − z, the way that has "
            "been covered. How fast does the pair move?",
        ),
        Misconception(
            "root of the mean",
            _loss_variant(reduce=lambda miss: miss.square().sum(1).mean().sqrt()),
            "You get {got}, expected is {expected}: its square root. (19.5) has no root.",
        ),
        Misconception(
            "absolute values",
            _loss_variant(reduce=lambda miss: miss.abs().sum(1).mean()),
            "You get {got}, expected is {expected}. You add up absolute values, and what minimises "
            "them are medians. (19.5) has squares, because we want means.",
        ),
        Misconception(
            "arguments exchanged",
            _loss_swapped_arguments,
            "You get {got}, expected is {expected}. You call field(x, t); the time comes first.",
        ),
    ],
    means="one evaluation of f for each pair, and the minimiser is the velocity of a flow.",
    cases=loss_cases,
)

# --- 19.3 Why does the loss not vanish? ----------------------------------------------------------

FLOOR = Exercise(
    id="19.3",
    title="A loss that stays",
    difficulty=2,
    minutes=4,
    kind="choice",
    options={
        "A": "the network is too small",
        "B": "the learning rate is too large",
        "C": "pairs that meet at one place have different velocities, and no function of place "
        "and time can have them all",
        "D": "it has overfitted",
    },
    solution="C",
    hints=[
        "What loss would the *exact* v of (19.2) have? Look at (19.5) with f = v.",
        "In Figure 19.1, how far are the grey arrows from the orange one?",
    ],
    misconceptions=[
        Misconception(
            "more capacity",
            "A",
            "Suppose the network were large enough to equal v everywhere. Which term of (19.5) "
            "would be left?",
        ),
        Misconception(
            "optimisation",
            "B",
            "The rate falls to zero along its cosine, and the loss has been level for long. "
            "Which term of (19.5) doesn't depend on f at all?",
        ),
        Misconception(
            "overfitting",
            "D",
            "Every update drew fresh pairs, so there is nothing to learn by heart; and overfitting "
            "makes a training loss small. Which term of (19.5) stays?",
        ),
    ],
    means="the loss has a floor that is unknown: it ranks models, but doesn't say how good one is.",
    explanation="With f = v the first term on the right of (19.5) is zero, and the loss equals the "
    "second: the spread of the velocities of pairs that meet. It is zero only if no two pairs "
    "with different velocities are at one place at one time.",
)

# --- 19.4 Pairs by optimal transport -------------------------------------------------------------


def pair_up(z, x):
    """x in the order of z's partners in the cheapest plan, [n, d]."""
    import ot  # here, because importing it takes a second

    n = len(x)
    costs = torch.cdist(z.double(), x.double()).square().numpy()
    mass = torch.full((n,), 1 / n, dtype=torch.float64).numpy()
    plan = torch.from_numpy(ot.emd(mass, mass, costs))
    return x[plan.argmax(1)]


def _pair_up_by_product(z, x):
    """The plan times n is a permutation matrix."""
    import ot

    costs = ot.dist(z.double().numpy(), x.double().numpy())  # squared distances
    plan = torch.from_numpy(ot.emd([], [], costs)) * len(x)
    return plan.round().to(x.dtype) @ x


def _pair_up_by_assignment(z, x):
    from scipy.optimize import linear_sum_assignment

    return x[linear_sum_assignment(torch.cdist(z.double(), x.double()).square())[1]]


def _plan(z, x, power=2):
    import ot

    costs = torch.cdist(z.double(), x.double()).pow(power).numpy()
    return torch.from_numpy(ot.emd([], [], costs))


def _pair_up_unchanged(z, x):
    return x.clone()


def _pair_up_columns(z, x):
    return x[_plan(z, x).argmax(0)]


def _pair_up_of_z(z, x):
    return z[_plan(z, x).argmax(0)]


def _pair_up_nearest(z, x):
    return x[torch.cdist(z, x).argmin(1)]


def _pair_up_dearest(z, x):
    import ot

    costs = -torch.cdist(z.double(), x.double()).square().numpy()
    return x[torch.from_numpy(ot.emd([], [], costs)).argmax(1)]


def _pair_up_unsquared(z, x):
    return x[_plan(z, x, power=1).argmax(1)]


def _pair_up_weights(z, x):
    return _plan(z, x).to(x.dtype) @ x


def _pair_up_index(z, x):
    return _plan(z, x).argmax(1)


def _pair_up_sorted(z, x):
    return x[x[:, 0].argsort()[z[:, 0].argsort().argsort()]]


def _pair_up_greedy(z, x):
    """Each z in turn takes the nearest x that is left."""
    costs, order = torch.cdist(z, x), []
    for row in costs:
        row[order] = torch.inf
        order.append(row.argmin().item())
    return x[order]


def plan_cases(generator):
    """(z, x): three points whose nearest partners clash, then samples."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (
            torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 1.0]]),
            torch.tensor([[4.0, 0.0], [0.9, 3.0], [1.2, -1.0]]),
        ),
        (draw(12, 2), draw(12, 2) + 1),
        (draw(20, 3), 2 * draw(20, 3)),
    ]


COUPLE = Exercise(
    id="19.4",
    title="Pairs by optimal transport",
    difficulty=3,
    minutes=7,
    hints=[
        "Masses 1/n each; costs are *squared* distances, `torch.cdist(z, x).square().numpy()`.",
        "Row i of the plan says where the mass of z[i] goes: to one column only. Which?",
        "`partner = torch.from_numpy(plan).argmax(1)`, and then the rows of x in this order.",
    ],
    solution=pair_up,
    alternatives=[_pair_up_by_product, _pair_up_by_assignment],
    misconceptions=[
        Misconception(
            "order unchanged",
            _pair_up_unchanged,
            "You return x as it came: independent pairs. Use the plan to reorder it.",
        ),
        Misconception(
            "partners of x instead of z",
            _pair_up_columns,
            "Your rows are the right ones in the wrong order: `argmax(0)` finds for each *x* its "
            "partner z. Which axis of the plan belongs to z?",
        ),
        Misconception(
            "returns z",
            _pair_up_of_z,
            "You reordered z. That would pair as well, but asked for are the partners of z[0], "
            "z[1], …, which are rows of x.",
        ),
        Misconception(
            "nearest point",
            _pair_up_nearest,
            "Each z gets the nearest x, so some x are used twice and others never: the data's "
            "distribution is lost. A plan uses each once.",
        ),
        Misconception(
            "dearest plan",
            _pair_up_dearest,
            "You get the *dearest* plan. `ot.emd` minimises: what is the sign of your costs?",
        ),
        Misconception(
            "distances not squared",
            _pair_up_unsquared,
            "Your plan is the cheapest for distances. (19.7) has their squares.",
        ),
        Misconception(
            "mass instead of points",
            _pair_up_weights,
            "You get {got}, expected is {expected}: n times too small. The entries of a plan are "
            "masses of 1/n.",
        ),
        Misconception(
            "returns indices",
            _pair_up_index,
            "You return the partners' numbers. Use them to index x.",
        ),
        Misconception(
            "sorted by one coordinate",
            _pair_up_sorted,
            "You sort by the first coordinate. On a line that is the cheapest plan (17.2); in the "
            "plane the other coordinates count too.",
        ),
        Misconception(
            "greedy",
            _pair_up_greedy,
            "Each z takes the nearest x that is left, in turn, and the last have to take what "
            "remains. The plan compares all permutations.",
        ),
    ],
    means="within the batch the plan is exact; as an estimate of the whole plan it is a sample.",
    cases=plan_cases,
)

# --- 19.5 Counting evaluations -------------------------------------------------------------------

COUNT = Exercise(
    id="19.5",
    title="Count evaluations for equal quality",
    difficulty=2,
    minutes=4,
    kind="number",
    solution=1.6,
    rtol=1e-3,
    hints=[
        "How many evaluations of f does one step of RK4 make?",
        "4 steps are 16 evaluations. Times 300; and matching: one evaluation times 3,000.",
    ],
    misconceptions=[
        Misconception(
            "per update",
            16.0,
            "{got} is the ratio for *one update*. How many updates has each made?",
        ),
        Misconception(
            "a step is one evaluation",
            0.4,
            "You get {got}. A step of RK4 evaluates f more than once.",
        ),
        Misconception(
            "upside down",
            0.625,
            "{got} is matching over likelihood. Asked for is likelihood over matching.",
        ),
        Misconception(
            "updates only",
            0.1,
            "{got} compares the updates. How many evaluations does each of them make?",
        ),
        Misconception(
            "both multiplied",
            160.0,
            "{got}: you multiplied by the ratio of updates, but it is matching that makes more of "
            "them.",
        ),
        Misconception(
            "difference",
            1800.0,
            "{got} is the difference, 4,800 − 3,000. Asked for is how many *times* as many.",
        ),
        Misconception(
            "updates, upside down",
            10.0,
            "{got} compares the updates, matching over likelihood. How many evaluations does each "
            "of them make?",
        ),
        Misconception(
            "the CNF alone",
            4800.0,
            "{got} is what the CNF makes. How many does matching make, and what is the ratio?",
        ),
    ],
    means="sixteen times as cheap an update, and hardly cheaper for the same result.",
    explanation="300 · 4 · 4 = 4,800 evaluations against 3,000: 1.6 times as many, although each "
    "update costs 16 times as many. (Trace and backward pass through the solve come on top.)",
)

EXERCISES = [PAIR, LOSS, FLOOR, COUPLE, COUNT]
