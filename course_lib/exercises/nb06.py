"""Exercises of notebook 06, *Learning dynamics from data*.

The last but one, 06.4, hands out code with six faults. Its answers are judged by what the field
they make does: `remaining_faults` goes round each fault that would hide the next, so that all that
remain can be named.
"""

import contextlib
import inspect
import itertools
import types
from unittest import mock

import numpy as np
import torch
from torch import nn

from course_lib.exercises.engine import Exercise, Misconception
from course_lib.sequences import flow, pairs

# --- 06.1 Roll a map out -------------------------------------------------------------------------


def halve(x):
    """step(x) = x/2"""
    return x / 2


def square(x):
    """step(x) = x² − 1"""
    return x**2 - 1


def spiral(x):
    """step((q, v)) = (0.9q + 0.4v, 0.9v − 0.4q)"""
    q, v = x[..., 0], x[..., 1]
    library = torch if isinstance(x, torch.Tensor) else np  # learners use either
    return library.stack([0.9 * q + 0.4 * v, 0.9 * v - 0.4 * q], -1)


def rollout_cases(generator):
    start = torch.rand(3, 2, generator=generator)
    return [
        (halve, torch.tensor([8.0]), 3),
        (square, torch.tensor([0.5]), 4),
        (spiral, start[0], 5),
        (spiral, start, 2),
    ]


def rollout(step, x0, n):
    """The states x₀, step(x₀), step(step(x₀)), …, n + 1 of them, stacked: [n + 1, *x0.shape]."""
    states = [x0]
    for _ in range(n):
        states.append(step(states[-1]))
    return torch.stack(states)


def _rollout_preallocated(step, x0, n):
    path = torch.empty(n + 1, *x0.shape, dtype=x0.dtype)
    path[0] = x0
    for k in range(n):
        path[k + 1] = step(path[k])
    return path


def _rollout_in_numpy(step, x0, n):
    states = [np.asarray(x0)]
    for _ in range(n):
        states.append(step(states[-1]))
    return np.stack(states)


def _rollout_without_start(step, x0, n):
    return rollout(step, x0, n)[1:]


def _rollout_one_short(step, x0, n):
    return rollout(step, x0, n - 1)


def _rollout_one_too_many(step, x0, n):
    return rollout(step, x0, n + 1)


def _rollout_never_moves_on(step, x0, n):
    return torch.stack([x0, *(step(x0) for _ in range(n))])


def _rollout_adds(step, x0, n):
    return rollout(lambda x: x + step(x), x0, n)


def _rollout_last_only(step, x0, n):
    return rollout(step, x0, n)[-1]


ROLLOUT = Exercise(
    id="06.1",
    title="Roll a map out",
    difficulty=1,
    minutes=4,
    hints=[
        "Keep a list of states. Which one does the next application of `step` start from?",
        "Begin the list with `x0`, append n times, and `torch.stack` it.",
    ],
    solution=rollout,
    alternatives=[_rollout_preallocated, _rollout_in_numpy],
    misconceptions=[
        Misconception(
            "the start is missing",
            _rollout_without_start,
            "You get {got}, expected is {expected}. A trajectory begins where the system was: n "
            "applications of a map make n + 1 states. Which one is missing?",
        ),
        Misconception(
            "one application short",
            _rollout_one_short,
            "You get {got}, expected is {expected}. Between n states there are n − 1 steps, and n "
            "are asked for.",
        ),
        Misconception(
            "one application too many",
            _rollout_one_too_many,
            "You get {got}, expected is {expected}. The start is among the n + 1 states; how "
            "often is `step` to be applied?",
        ),
        Misconception(
            "always steps from x0",
            _rollout_never_moves_on,
            "You get {got}, expected is {expected}: the state after the first never changes. What "
            "is your map applied to the second time?",
        ),
        Misconception(
            "adds the step to the state",
            _rollout_adds,
            "You get {got}, expected is {expected}. You treat `step(x)` as an increment, but a "
            "map gives the *next state*; the ResNet's addition is inside its step already.",
        ),
        Misconception(
            "returns the last state only",
            _rollout_last_only,
            "You get {got}, expected is {expected}: the end of the journey is right, but all "
            "states on the way are asked for.",
        ),
    ],
    means="a map feeds on its own output, so its errors become its inputs: one-step accuracy is "
    "not the accuracy of a rollout.",
    cases=rollout_cases,
)


# --- 06.2 The loss on irregular times ------------------------------------------------------------


def decay(x):
    """f(x) = −x"""
    return -x


def turning(x):
    """f((q, v)) = (v, −q)"""
    return torch.stack([x[..., 1], -x[..., 0]], -1)


def loss_cases(generator):
    """(f, times, x): trajectories [n, m, d] of different starts at different, uneven times."""
    gaps = 0.1 + torch.rand(4, 6, generator=generator)
    times = torch.cat([torch.zeros(4, 1), gaps.cumsum(1)], 1)
    x = torch.randn(4, 7, 2, generator=generator)
    first = torch.tensor([[0.0, 0.5, 2.0]]), torch.tensor([[[1.0], [0.5], [0.5]]])
    return [(decay, *first), (decay, times[:2, :4], x[:2, :4, :1]), (turning, times, x)]


def irregular_loss(f, times, x):
    """Mean squared error of following f from each sample to the next, (6.8).

    times [n, m], x [n, m, d]: n trajectories, each at its own m times.
    """
    before, after = x[:, :-1].flatten(0, 1), x[:, 1:].flatten(0, 1)
    gaps = times.diff(dim=1).reshape(-1, 1)
    return (flow(f, before, gaps) - after).square().mean()


def _loss_by_pairs(f, times, x):
    before, after, gaps = pairs(times, x)
    return torch.nn.functional.mse_loss(flow(f, before, gaps), after)


def _loss_by_rows(f, times, x):
    errors = [
        (flow(f, x[i, :-1], (times[i, 1:] - times[i, :-1])[:, None]) - x[i, 1:]) ** 2
        for i in range(len(x))
    ]
    return torch.cat(errors).mean()


def _loss_mean_gap(f, times, x):
    before, after, gaps = pairs(times, x)
    return (flow(f, before, gaps.mean().expand_as(gaps)) - after).square().mean()


def _loss_first_row(f, times, x):
    before, after, _ = pairs(times, x)
    gaps = times[:1].diff(dim=1).expand(len(x), -1).reshape(-1, 1)
    return (flow(f, before, gaps) - after).square().mean()


def _loss_times_as_gaps(f, times, x):
    before, after, _ = pairs(times, x)
    return (flow(f, before, times[:, 1:].reshape(-1, 1)) - after).square().mean()


def _loss_unit_gap(f, times, x):
    before, after, gaps = pairs(times, x)
    return (flow(f, before, torch.ones_like(gaps)) - after).square().mean()


def _loss_to_the_start(f, times, x):
    before, _, gaps = pairs(times, x)
    return (flow(f, before, gaps) - before).square().mean()


def _loss_euler(f, times, x):
    before, after, gaps = pairs(times, x)
    return (before + gaps * f(before) - after).square().mean()


def _loss_sum(f, times, x):
    return irregular_loss(f, times, x) * x[:, 1:].numel()


def _loss_rooted(f, times, x):
    return irregular_loss(f, times, x).sqrt()


def _loss_over_components(f, times, x):
    return irregular_loss(f, times, x) * x.shape[-1]


def _loss_over_two(f, times, x):
    return irregular_loss(f, times, x) * x.shape[-1] / 2


def _loss_from_the_first(f, times, x):
    starts, gaps = x[:, :1].expand_as(x[:, 1:]), times[:, 1:] - times[:, :1]
    moved = flow(f, starts.flatten(0, 1), gaps.reshape(-1, 1))
    return (moved - x[:, 1:].flatten(0, 1)).square().mean()


def _loss_as_a_number(f, times, x):
    return irregular_loss(f, times, x).item()


def _gives_no_gradient(answer, cases):
    """Whether the answer's value does not lead back to the field's parameters."""
    _, times, x = cases[0]
    rate = torch.ones((), dtype=x.dtype, requires_grad=True)
    value = answer(lambda z: -rate * z, times, x)
    if isinstance(value, torch.Tensor):
        lost, number = not value.requires_grad, value.detach().item()
    else:  # arrays are let pass: who answers in numpy has been told that any type will do
        lost, number = type(value) is float, float(value)
    return lost and abs(number - irregular_loss(decay, times, x).item()) < 1e-3


def _loss_across(f, times, x):
    flat, t = x.flatten(0, 1), times.flatten()
    return (flow(f, flat[:-1], t.diff()[:, None]) - flat[1:]).square().mean()


LOSS = Exercise(
    id="06.2",
    title="The loss on irregular times",
    difficulty=3,
    minutes=8,
    hints=[
        "Each sample but the last of its row is a start, each but the first a target.",
        "`times.diff(dim=1)` has the gaps, [n, m − 1]. `flow` wants states [N, d], gaps [N, 1].",
        "Flatten starts, targets and gaps in the same order, call `flow` once, take the mean.",
    ],
    solution=irregular_loss,
    alternatives=[_loss_by_pairs, _loss_by_rows],
    misconceptions=[
        Misconception(
            "the mean gap for all",
            _loss_mean_gap,
            "You get {got}, expected is {expected}. You follow the field equally long from every "
            "sample, for the *mean* gap. The samples came at different times.",
        ),
        Misconception(
            "the first trajectory's gaps for all",
            _loss_first_row,
            "You get {got}, expected is {expected}. Every trajectory has its own row of times; "
            "you use the first row for all.",
        ),
        Misconception(
            "times taken for gaps",
            _loss_times_as_gaps,
            "You get {got}, expected is {expected}. You follow the field for the time on the "
            "clock; how long is it since the sample *before*?",
        ),
        Misconception(
            "unit gaps",
            _loss_unit_gap,
            "You get {got}, expected is {expected}. Each of your steps is one unit of time long. "
            "What are the times for?",
        ),
        Misconception(
            "compared with its own start",
            _loss_to_the_start,
            "You get {got}, expected is {expected}. You compare the prediction with the state it "
            "started from: a field that never moves would have no loss.",
        ),
        Misconception(
            "one Euler step a gap",
            _loss_euler,
            "You get {got}, expected is {expected}. A single Euler step bridges each gap. It errs "
            "by O(Δt²), and the net would learn to make up for that; call `flow`.",
        ),
        Misconception(
            "sum instead of mean",
            _loss_sum,
            "You get {got}, expected is {expected}: the sum over all numbers. Losses of data sets "
            "of different size can't be compared then.",
        ),
        Misconception(
            "the root of the mean",
            _loss_rooted,
            "You get {got}, expected is {expected}. That is the *root* of the mean square, an "
            "error to read. What does (6.5) have instead?",
        ),
        Misconception(
            "sum over the components",
            _loss_over_components,
            "You get {got}, expected is {expected}: you average over the pairs and add up the "
            "components of the state. What stands before the sum of (6.5), and why?",
        ),
        Misconception(
            "divided by 2N whatever the dimension",
            _loss_over_two,
            "You get {got}, expected is {expected}. The 2 of (6.5) is the number of components of "
            "*its* states. How many has a state here?",
        ),
        Misconception(
            "all from the first sample",
            _loss_from_the_first,
            "You get {got}, expected is {expected}. You follow the field from each trajectory's "
            "*first* sample to all the others. A one-step error starts where?",
        ),
        Misconception(
            "steps from one trajectory to the next",
            _loss_across,
            "You get {got}, expected is {expected}. Flattened, the last sample of one trajectory "
            "is followed by the first of the next; nobody travelled between these two.",
        ),
        Misconception(
            "no gradient",
            _loss_as_a_number,
            "The number is right, but it has lost its way back to the parameters of f: nothing "
            "can be trained with it. Where do you leave torch (`.item()`, `float`, numpy, "
            "`detach`)?",
            detect=_gives_no_gradient,
        ),
    ],
    means="the gaps are inputs of the solver, not of the network: f never sees a clock.",
    cases=loss_cases,
    rtol=1e-3,  # RK4 with another number of steps is as right
)


# --- 06.3 Equal parameter counts -----------------------------------------------------------------


def widest(n_in, n_out, budget):
    """Largest h for which a perceptron n_in-h-h-n_out has at most `budget` parameters."""
    h = 0
    while (n_in + 1) * (h + 1) + (h + 2) * (h + 1) + (h + 2) * n_out <= budget:
        h += 1
    return h


def _widest_formula(n_in, n_out, budget):
    # h² + (n_in + n_out + 2) h + n_out ≤ budget, solved for h
    p = n_in + n_out + 2
    return int(-p / 2 + (p**2 / 4 + budget - n_out) ** 0.5 + 1e-9)


def _widest_counting(n_in, n_out, budget):
    from course_lib.nets import MLP, count_parameters

    fits = [h for h in range(1, 60) if count_parameters(MLP([n_in, h, h, n_out])) <= budget]
    return max(fits)


def _widest_by(count, over=False):
    def answer(n_in, n_out, budget):
        h = 0
        while count(n_in, h + 1, n_out) <= budget:
            h += 1
        return h + over

    return answer


def _all(i, h, o):
    return (i + 1) * h + (h + 1) * h + (h + 1) * o


def _widest_root(n_in, n_out, budget):
    p = n_in + n_out + 2
    return -p / 2 + (p**2 / 4 + budget - n_out) ** 0.5


def _widest_rounded(n_in, n_out, budget):
    return round(_widest_root(n_in, n_out, budget))


def _widest_below(n_in, n_out, budget):
    return widest(n_in, n_out, budget - 1)


EQUAL = Exercise(
    id="06.3",
    title="Equal parameter counts",
    difficulty=2,
    minutes=6,
    hints=[
        "A layer from a numbers to b numbers has a·b weights. What else does it have?",
        "Three layers: n_in → h, h → h, h → n_out, each with a bias for every output.",
        "Count up from h = 1 until the budget is exceeded, or solve a quadratic equation.",
    ],
    solution=widest,
    alternatives=[_widest_formula, _widest_counting],
    misconceptions=[
        Misconception(
            "biases forgotten",
            _widest_by(lambda i, h, o: i * h + h * h + h * o),
            "You get {got}, expected is {expected}. You count the weights; each of the three "
            "layers adds one more number for every output. Which?",
        ),
        Misconception(
            "one hidden layer",
            _widest_by(lambda i, h, o: (i + 1) * h + (h + 1) * o),
            "You get {got}, expected is {expected}. There are *two* hidden layers: the layer "
            "between them has most of the parameters.",
        ),
        Misconception(
            "over the budget",
            _widest_by(_all, over=True),
            "You get {got}, expected is {expected}: the network you describe is the first that "
            "does *not* fit. Count its parameters.",
        ),
        Misconception(
            "not a whole number",
            _widest_root,
            "You get {got}, expected is {expected}. The quadratic equation is right, but a layer "
            "has a whole number of units.",
        ),
        Misconception(
            "rounded to the nearest",
            _widest_rounded,
            "You get {got}, expected is {expected}. Rounded up, the network is over the budget: "
            "to which side may you round?",
        ),
        Misconception(
            "budget not used up",
            _widest_below,
            "You get {got}, expected is {expected}. *At most* the budget is asked for: a network "
            "that meets it exactly is allowed.",
        ),
        Misconception(
            "three hidden layers",
            _widest_by(lambda i, h, o: _all(i, h, o) + (h + 1) * h),
            "You get {got}, expected is {expected}. n_in-h-h-n_out has how many arrows between "
            "its layers? You count one too many.",
        ),
        Misconception(
            "bias of the last layer forgotten",
            _widest_by(lambda i, h, o: (i + 1) * h + (h + 1) * h + h * o),
            "You get {got}, expected is {expected}. Nearly: the last layer, too, has a bias for "
            "each of its outputs.",
        ),
        Misconception(
            "n_in and n_out both taken as the state",
            _widest_by(lambda i, h, o: _all(o, h, o)),
            "You get {got}, expected is {expected}. You count n_out columns in the first layer. "
            "How many numbers come *in* when the gap is an input as well?",
        ),
    ],
    means="only at equal counts does a comparison of models say something about the models.",
    cases=lambda generator: [
        (2, 2, 354),
        (3, 2, 1218),
        (2, 2, 353),
        (4, 3, 100),
        (10, 1, 1000),
        (2, 2, 1217),
    ],
)


# --- 06.4 Find the faults ------------------------------------------------------------------------

IMPORT = "`nn` was never imported"
SUPER = "`nn.Module` is not initialised"
CLASS = "the class instead of an object"
NO_TIME = "`forward` takes no time"
SWAPPED = "`forward` takes the state first"
HEAD = "bounded output"
WIDTHS = "`hidden_layers` is ignored"
SOME_WIDTHS = "wrong number of parameters"
HIDDEN_LIST = "layers that `nn.Module` does not know"
LINEAR = "no activation"
SKIP = "the state is added"
FAULTS = [
    *(IMPORT, SUPER, CLASS, NO_TIME, SWAPPED, HIDDEN_LIST, HEAD, LINEAR, SKIP, WIDTHS, SOME_WIDTHS)
]  # in the order in which they come to light


def make_field(hidden_layers):
    """A trainable field f(t, x) on the plane: an object, called as odeint calls it."""
    from itertools import pairwise

    from torch import nn

    class Field(nn.Module):
        def __init__(self, hidden_layers):
            super().__init__()
            widths = [2, *hidden_layers, 2]
            self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

        def forward(self, t, x):
            for layer in self.layers[:-1]:
                x = torch.tanh(layer(x))
            return self.layers[-1](x)

    return Field(hidden_layers)


def _field_of_modules(hidden_layers):
    net, width = nn.Sequential(), 2
    for k, h in enumerate(hidden_layers):
        net.add_module(f"affine{k}", nn.Linear(width, h))
        net.add_module(f"tanh{k}", nn.Tanh())
        width = h
    net.add_module("last", nn.Linear(width, 2))

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, t, x):
            return self.net(x)

    return Wrapped()


def _faulty(*faults):
    """The mended code with some of its faults put back."""

    def made(hidden_layers):
        if IMPORT in faults:
            raise NameError("name 'nn' is not defined", name="nn")
        widths = [2, 32, 2] if WIDTHS in faults else [2, *hidden_layers, 2]
        if SOME_WIDTHS in faults:
            widths = [2, hidden_layers[0], 2]
        layers = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]

        class Field(nn.Module):
            def __init__(self, hidden_layers):
                if SUPER not in faults:
                    super().__init__()
                self.layers = layers if HIDDEN_LIST in faults else nn.ModuleList(layers)

            def run(self, x):
                h = x
                for layer in self.layers[:-1]:
                    h = layer(h) if LINEAR in faults else torch.tanh(layer(h))
                start, x = x, self.layers[-1](h)
                x = torch.tanh(x) if HEAD in faults else x
                return start + x if SKIP in faults else x

            def forward(self, t, x):
                return self.run(x)

        if NO_TIME in faults:
            Field.forward = lambda self, x: self.run(x)
        if SWAPPED in faults:
            Field.forward = lambda self, x, t: self.run(x)
        return Field if CLASS in faults else Field(hidden_layers)

    return made


def _initialising(self, name, value, assign=nn.Module.__setattr__):
    """Sets an attribute of a module, after initialising it if its author forgot to."""
    if "_modules" not in vars(self):
        nn.Module.__init__(self)
    assign(self, name, value)


def _with_names(function):
    """A copy of a function to which `nn` and `torch` are known."""
    function = inspect.unwrap(function)
    if not hasattr(function, "__code__"):
        return function
    names = {**function.__globals__, "nn": nn, "torch": torch}
    return types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )


def _build(make, widths, found):
    """The field that an answer makes; whatever stands in the way is noted and got round."""
    named = IMPORT in found
    make = _with_names(make) if named else make
    for _ in range(4):
        helped = mock.patch.object(nn.Module, "__setattr__", _initialising)
        try:
            with helped if SUPER in found else contextlib.nullcontext():
                field = make(list(widths))
                if inspect.isclass(field):
                    found[CLASS] = None
                    field = field(list(widths)) if _takes_one(field) else field()
                return field
        except NameError as error:
            if error.name not in ("nn", "torch") or named:
                raise
            found[IMPORT], named = None, True
            make = _with_names(make)
        except AttributeError as error:
            if "before Module.__init__" not in str(error) or SUPER in found:
                raise
            found[SUPER] = None
    raise TypeError("make_field makes no field")


def _takes_one(made):
    with contextlib.suppress(ValueError):
        return len(inspect.signature(made).parameters) > 0
    return False


def _called(field, x, found):
    """How this field is to be called: as odeint does, without a time, or the wrong way round."""
    t = torch.tensor(0.3)
    ways = [
        (None, lambda x: field(t, x)),
        (NO_TIME, lambda x: field(x)),
        (SWAPPED, lambda x: field(x, t)),
    ]
    refused = None
    for fault, way in ways:
        try:
            way(x)
        except (TypeError, RuntimeError, AttributeError, IndexError) as error:
            refused = refused or error
            continue
        if fault:
            found[fault] = None
        return way
    raise refused


def remaining_faults(make, hidden_layers=(5,)) -> list[str]:
    """Names of the faults that a learner's `make_field` still has, in the order they would appear.

    Raises what the answer raises, where that is none of the known faults.

    >>> remaining_faults(make_field)
    []
    >>> remaining_faults(_faulty(HEAD, CLASS))
    ['the class instead of an object', 'bounded output']
    """
    found: dict[str, None] = {}
    try:
        field = _build(make, hidden_layers, found)
    except NameError:
        if not found:  # some other name is unknown
            raise
        return list(found)
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    run = _called(field, x, found)
    counts = []
    for widths in (hidden_layers, (7, 9)):
        made, wanted = _build(make, widths, found), [2, *widths, 2]
        full = sum((a + 1) * b for a, b in itertools.pairwise(wanted))
        own = made.parameters() if isinstance(made, nn.Module) else ()
        counts.append((sum(p.numel() for p in own), full))
    numbers, expected = zip(*counts, strict=True)
    if set(numbers) == {0}:
        found[HIDDEN_LIST] = None
        return sorted(found, key=FAULTS.index)
    a, b = run(x), run(2 * x)
    bend = (run(3 * x) - b - (b - a)).abs().max()
    largest = []
    with torch.no_grad():
        for factor in (50, 50, 0):  # after the first all tanh are at their ends
            for p in field.parameters():
                p.mul_(factor)
            largest.append(run(x).abs().max())
    if largest[1] < 2 * largest[0]:
        found[HEAD] = None
    elif bend < 1e-6 * a.abs().max():
        found[LINEAR] = None
    if largest[2] > 0:
        found[SKIP] = None
    if numbers != expected:
        found[WIDTHS if numbers[0] == numbers[1] else SOME_WIDTHS] = None
    return sorted(found, key=FAULTS.index)


def faults_report(answer, hidden_layers):
    """What a field's maker still does wrong, in words: what `check` compares."""
    faults = remaining_faults(answer, hidden_layers)
    return f"{len(faults)} left: {'; '.join(faults)}" if faults else "no fault"


def _has(fault):
    return lambda answer, cases: fault in remaining_faults(answer, *cases[0])


def _fault(name, message):
    return Misconception(name, _faulty(name), message, detect=_has(name))


MEND = Exercise(
    id="06.4",
    title="Find the six faults",
    difficulty=3,
    minutes=10,
    hints=[
        "Call `make_field([5])` yourself and read the last line of the error; then the next one.",
        "Then call what you got as `odeint` does, `field(t, x)`, and count its parameters for "
        "[5] and for [7, 9].",
        "Four faults end in an error, and each hides the next. Two never do: one limits every "
        "speed, and one ignores an input.",
    ],
    solution=make_field,
    alternatives=[_field_of_modules],
    misconceptions=[
        _fault(
            IMPORT,
            "Python does not know the name `nn`: which import is missing, above the class or in "
            "the function?",
        ),
        _fault(
            SUPER,
            "A layer can be stored in a module only when the module's own bookkeeping exists: "
            "what must the first line of an `__init__` in a subclass do?",
        ),
        _fault(
            CLASS,
            "You return the class, a plan of a field. `odeint` would call it, and make an object "
            "where it wants a slope. What makes an object of a class?",
        ),
        _fault(
            NO_TIME,
            "`odeint` calls a right-hand side with two arguments. This one takes only the state, "
            "although it needs no time: what must its signature say all the same?",
        ),
        _fault(
            SWAPPED,
            "Your `forward` takes a state and a time, in this order. In which order does `odeint` "
            "hand them over?",
        ),
        _fault(
            HIDDEN_LIST,
            "The field has no `parameters()` that an optimiser could find. A module knows "
            "layers that are its attributes or stand in a container of `nn`; a plain list, or a "
            "plain function around it, hides them.",
        ),
        _fault(
            HEAD,
            "However large its weights, the field is no faster than before: something squeezes "
            "the *last* layer's output. How fast does Van der Pol go?",
        ),
        _fault(
            LINEAR,
            "The field is affine now: you took all the bends out. Only one activation was too "
            "many. Which?",
        ),
        _fault(
            SKIP,
            "With all its parameters at zero your field still moves the state: x itself is added "
            "to the output. Which of the three readings of 6.2 adds x, and what does a field give?",
        ),
        _fault(
            WIDTHS,
            "Fields for `[5]` and for `[7, 9]` have equally many parameters: one input of "
            "`__init__` is never used.",
        ),
        _fault(
            SOME_WIDTHS,
            "For `[7, 9]` the number of parameters is not that of 2-7-9-2. Count the layers you "
            "make, and their inputs: this field does not depend on the time.",
        ),
    ],
    means="three faults of six raise no error until somebody uses the field, and two never do: "
    "they only make the model worse. Measure.",
    cases=lambda generator: [([5],), ([7, 9],), ([4, 4, 4],)],
    run=faults_report,
)


# --- 06.5 Takeaways ------------------------------------------------------------------------------

TAKEAWAYS = Exercise(
    id="06.5",
    title="Which model for which job?",
    difficulty=2,
    minutes=4,
    kind="choice",
    options={
        "A": "neural ODE; neural ODE; neural ODE",
        "B": "ResNet map; ResNet map that is told the gap; neural ODE",
        "C": "ResNet map; neural ODE; none of them",
        "D": "NN map; neural ODE; ResNet map",
    },
    solution="C",
    hints=[
        "For (1) compare errors *and* evaluations of the network; for (2) look at Table 6.4.",
        "For (3) look at Figure 6.6: which model knows the field where no sample was?",
    ],
    misconceptions=[
        Misconception(
            "neural ODE for everything",
            "A",
            "At the clock's own ticks the neural ODE was not better than a map, and took more "
            "evaluations of the network for each of them. And what did Figure 6.6 show far "
            "from the data?",
        ),
        Misconception(
            "the gap as an input suffices",
            "B",
            "For uneven gaps look again at the errors of the ResNets that were told the gap, and "
            "of the ODE. And what did Figure 6.6 show far from the data?",
        ),
        Misconception(
            "plain networks are as good anyhow",
            "D",
            "The NN map ties with the ResNet map only if an exact optimiser has the time. And "
            "does a skip connection know the field where no sample was?",
        ),
    ],
    means="the clock of the data decides between map and equation, and neither knows what it has "
    "not seen.",
    explanation=(
        "(1) With a fixed clock the three models err about equally at the ticks, and a map needs "
        "one evaluation of the network for each; of the maps the ResNet is learned faster. "
        "(2) On irregular times the ODE's error was less than half of the best map's, and only it "
        "has states between the samples. (3) The error of the learned field rises steeply where "
        "there are no data: no model of this notebook is to be trusted there."
    ),
)

EXERCISES = [ROLLOUT, LOSS, EQUAL, MEND, TAKEAWAYS]
