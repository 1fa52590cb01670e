"""Exercises of notebook 02, *Backpropagation and gradient descent*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb02 import gradient_step`.
"""

from collections import Counter

import torch

from course_lib.autodiff import Value
from course_lib.exercises.engine import Exercise, Misconception

# --- 02.1 A derivative by hand -------------------------------------------------------------------


def loss_slope(x, w, b, y):
    """dL/dw for one neuron σ(w x + b) and the mean squared error over n samples, as in (2.2)."""
    o = torch.sigmoid(w * x + b)
    return (2 * (o - y) * o * (1 - o) * x).mean()


def _slope_from_z(x, w, b, y):
    z = w * x + b
    change = torch.exp(-z) / (1 + torch.exp(-z)) ** 2
    return 2 / len(x) * torch.sum((torch.sigmoid(z) - y) * change * x)


def _slope_by_autograd(x, w, b, y):
    w = torch.tensor(w, requires_grad=True)
    return torch.autograd.grad(((torch.sigmoid(w * x + b) - y) ** 2).mean(), w)[0]


def _slope_half(x, w, b, y):
    return loss_slope(x, w, b, y) / 2


def _slope_sum(x, w, b, y):
    return loss_slope(x, w, b, y) * len(x)


def _slope_late(x, w, b, y):
    o = torch.sigmoid(w * x + b)
    return (2 * (o - y) * torch.sigmoid(o) * (1 - torch.sigmoid(o)) * x).mean()


def _slope_early(x, w, b, y):
    o = torch.sigmoid(w * x + b)
    return (2 * (o - y) * torch.sigmoid(x) * (1 - torch.sigmoid(x)) * x).mean()


def _slope_formula_of_z(x, w, b, y):
    z = w * x + b
    return (2 * (torch.sigmoid(z) - y) * z * (1 - z) * x).mean()


def _slope_times_weight(x, w, b, y):
    o = torch.sigmoid(w * x + b)
    return (2 * (o - y) * o * (1 - o) * w).mean()


def _slope_without_activation(x, w, b, y):
    return (2 * (torch.sigmoid(w * x + b) - y) * x).mean()


def _slope_without_input(x, w, b, y):
    o = torch.sigmoid(w * x + b)
    return (2 * (o - y) * o * (1 - o)).mean()


def _slope_of_averages(x, w, b, y):
    o = torch.sigmoid(w * x + b)
    return 2 * (o - y).mean() * (o * (1 - o)).mean() * x.mean()


def _slope_per_sample(x, w, b, y):
    o = torch.sigmoid(w * x + b)
    return 2 * (o - y) * o * (1 - o) * x


def _slope_without_bias(x, w, b, y):
    return loss_slope(x, w, 0.0, y)


def _slope_square_kept(x, w, b, y):
    o = torch.sigmoid(w * x + b)
    return (2 * (o - y) ** 2 * o * (1 - o) * x).mean()


def _slope_half_of_sigma(x, w, b, y):
    o = torch.sigmoid(w * x + b)
    return (2 * (o - y) * o * x).mean()


def _slope_the_loss(x, w, b, y):
    return ((torch.sigmoid(w * x + b) - y) ** 2).mean()


def _slope_target_first(x, w, b, y):
    return -loss_slope(x, w, b, y)


def slope_cases(generator):
    """(x, w, b, y): one sample with round numbers, then several samples."""
    many = torch.randn(2, 5, generator=generator)
    return [
        (torch.tensor([3.0]), 0.5, -1.0, torch.tensor([1.0])),
        (torch.tensor([2.0, -1.0]), -1.0, 0.5, torch.tensor([0.0, 1.0])),
        (many[0], 0.8, 0.3, (many[1] > 0).to(many.dtype)),
    ]


SLOPE = Exercise(
    id="02.1",
    title="A derivative by hand",
    difficulty=2,
    minutes=6,
    hints=[
        "Three links: how L changes with o, how o changes with z = w x + b, how z changes with w.",
        "The links are 2(o − y), σ′(z) and x. Which of them can you write with o alone?",
        "σ′(z) = o(1 − o). Multiply the links sample by sample; the mean comes last.",
    ],
    solution=loss_slope,
    alternatives=[_slope_from_z, _slope_by_autograd],
    misconceptions=[
        Misconception(
            "factor of the square lost",
            _slope_half,
            "You get {got}, expected is {expected}: half of it. What is the derivative of a "
            "square?",
        ),
        Misconception(
            "φ′ at the output",
            _slope_late,
            "You get {got}, expected is {expected}. You take σ′ at o, which has been through σ "
            "already. At which point of the curve σ did this neuron stand?",
        ),
        Misconception(
            "φ′ at the input",
            _slope_early,
            "You get {got}, expected is {expected}. You take σ′ at x, but σ never sees x itself. "
            "What goes into it?",
        ),
        Misconception(
            "z(1 − z) for the slope",
            _slope_formula_of_z,
            "You get {got}, expected is {expected}. σ′ = σ(1 − σ) means σ(z) times 1 − σ(z). Which "
            "of your variables is σ(z)?",
        ),
        Misconception(
            "φ′ forgotten",
            _slope_without_activation,
            "You get {got}, expected is {expected}. A link of the chain is missing: your output "
            "answers to z as if there were no activation in between.",
        ),
        Misconception(
            "w where x belongs",
            _slope_times_weight,
            "You get {got}, expected is {expected}: that is how L answers to the *input*. Hold x "
            "fixed and move w: by how much does w x + b move?",
        ),
        Misconception(
            "x forgotten",
            _slope_without_input,
            "You get {got}, expected is {expected}: that is the derivative with respect to b. If "
            "w grows a little, by how much does w x + b grow?",
        ),
        Misconception(
            "sum instead of mean",
            _slope_sum,
            "You get {got}, expected is {expected}. It is right for one sample and too large by "
            "the number of samples: which of the two is the *mean* squared error?",
        ),
        Misconception(
            "one slope a sample",
            _slope_per_sample,
            "You get {got}, expected is {expected}. These are the slopes of the single losses; L "
            "is one number, the mean of them, and so is its derivative.",
        ),
        Misconception(
            "bias forgotten",
            _slope_without_bias,
            "You get {got}, expected is {expected}: right for a neuron without bias. Does its "
            "answer o, and with it every link, depend on b?",
        ),
        Misconception(
            "square kept",
            _slope_square_kept,
            "You get {got}, expected is {expected}. The derivative of (o − y)² has one power of "
            "o − y less than the square itself.",
        ),
        Misconception(
            "half of σ′",
            _slope_half_of_sigma,
            "You get {got}, expected is {expected}. σ′ = σ(1 − σ) has two factors, and only one of "
            "them is there.",
        ),
        Misconception(
            "the loss itself",
            _slope_the_loss,
            "You get {got}, expected is {expected}: yours is L. Asked for is how fast L changes "
            "when w does.",
        ),
        Misconception(
            "averages too early",
            _slope_of_averages,
            "You get {got}, expected is {expected}. You multiply the averages of the links; each "
            "sample has a chain of its own, and the mean of a product is no product of means.",
        ),
        Misconception(
            "target minus output",
            _slope_target_first,
            "You get {got}, expected is {expected}: the sign is turned round. If o is too small, "
            "does L grow or fall when o grows? Then which difference belongs here?",
        ),
    ],
    means="every derivative in a network is such a product of local ones, each easy by itself.",
    cases=slope_cases,
)


# --- 02.2 Backward through a product -------------------------------------------------------------


def multiply_backward(a, b, out):
    """For out = a·b, hand out.grad on to a and b, adding to what they already hold, (2.3)."""
    a.grad += b.data * out.grad
    b.grad += a.data * out.grad


def _multiply_spelled_out(a, b, out):
    to_a, to_b = b.data * out.grad, a.data * out.grad
    a.grad = a.grad + to_a
    b.grad = b.grad + to_b


def _multiply_in_a_loop(a, b, out):
    for one, other in ((a, b), (b, a)):
        one.grad += out.grad * other.data


def _multiply_overwrites(a, b, out):
    a.grad = b.data * out.grad
    b.grad = a.data * out.grad


def _multiply_own_factor(a, b, out):
    a.grad += a.data * out.grad
    b.grad += b.data * out.grad


def _multiply_no_upstream(a, b, out):
    a.grad += b.data
    b.grad += a.data


def _multiply_like_a_sum(a, b, out):
    a.grad += out.grad
    b.grad += out.grad


def _multiply_returns(a, b, out):
    return a.grad + b.data * out.grad, b.grad + a.data * out.grad


def _multiply_by_gradients(a, b, out):
    a.grad += b.grad * out.grad
    b.grad += a.grad * out.grad


def _multiply_by_output(a, b, out):
    a.grad += b.data * out.data
    b.grad += a.data * out.data


def _multiply_one_side(a, b, out):
    a.grad += b.data * out.grad


def _multiply_descends(a, b, out):
    a.grad -= b.data * out.grad
    b.grad -= a.data * out.grad


def _multiply_into(a, b, out):
    a.grad *= b.data * out.grad
    b.grad *= a.data * out.grad


def _multiply_once_if_equal(a, b, out):
    a.grad += b.data * out.grad
    if b is not a:
        b.grad += a.data * out.grad


def run_multiply(answer, a, b, out):
    """Make values from (data, grad) pairs, where b = "a" means the same value once more."""

    def value(data, grad):
        made = Value(data)
        made.grad = grad
        return made

    first = value(*a)
    second = first if b == "a" else value(*b)
    answer(first, second, value(*out))
    return first.grad, second.grad


def multiply_cases(generator):
    """(a, b, out) as pairs (data, grad): fresh values, values used before, and a·a."""
    p, q, r, s = torch.randn(4, generator=generator).tolist()
    return [
        ((3.0, 0.0), (-2.0, 0.0), (-6.0, 1.0)),
        ((3.0, 0.0), (-2.0, 0.0), (-6.0, 0.5)),
        ((4.0, 0.0), "a", (16.0, 1.0)),
        ((2.0, 10.0), (5.0, 0.0), (10.0, 1.0)),
        ((p, q), (r, s), (p * r, 1.5)),
    ]


MULTIPLY = Exercise(
    id="02.2",
    title="Backward through a product",
    difficulty=2,
    minutes=6,
    hints=[
        "out = a·b. If a grows a little, out grows b times as much: that is the local derivative.",
        "What a receives is that local derivative times out.grad. What happens to what a has?",
        "Think of a·a: its one value has to receive two contributions. `=` or `+=`?",
    ],
    solution=multiply_backward,
    alternatives=[_multiply_spelled_out, _multiply_in_a_loop],
    misconceptions=[
        Misconception(
            "overwrites instead of accumulating",
            _multiply_overwrites,
            "For {case} (pairs (data, grad); b = 'a' is the same value once more) you leave {got}, "
            "expected is {expected}. A value that is used twice hears from two users, and the "
            "second one has wiped out the first. What does the sum in (2.3) say?",
        ),
        Misconception(
            "each takes its own factor",
            _multiply_own_factor,
            "For {case} (pairs (data, grad)) you leave {got}, expected is {expected}. If a grows "
            "by a little, how much does a·b grow: a times, or b times as much?",
        ),
        Misconception(
            "upstream derivative forgotten",
            _multiply_no_upstream,
            "For {case} (pairs (data, grad)) you leave {got}, expected is {expected}. You hand on "
            "∂out/∂a. The chain rule asks for ∂L/∂a; where does L come in?",
        ),
        Misconception(
            "treats the product as a sum",
            _multiply_like_a_sum,
            "For {case} (pairs (data, grad)) you leave {got}, expected is {expected}. Handing on "
            "out.grad unchanged is right for a + b; what is the local derivative of a·b?",
        ),
        Misconception(
            "returns instead of storing",
            _multiply_returns,
            "For {case} the derivatives are still {got}, expected is {expected}. Your function "
            "must change `a.grad` and `b.grad` themselves; what it returns, or stores elsewhere, "
            "is not looked at.",
        ),
        Misconception(
            "multiplies by the other's derivative",
            _multiply_by_gradients,
            "For {case} (pairs (data, grad)) you leave {got}, expected is {expected}. The factor "
            "is what b *is*, `b.data`, and not what b has heard so far, `b.grad`.",
        ),
        Misconception(
            "multiplies by the product itself",
            _multiply_by_output,
            "For {case} (pairs (data, grad)) you leave {got}, expected is {expected}. `out.data` "
            "was needed on the way forward; which of out's two numbers comes from the loss?",
        ),
        Misconception(
            "only one of the two",
            _multiply_one_side,
            "For {case} (pairs (data, grad)) you leave {got}, expected is {expected}. The second "
            "factor moves the product too; what does it hear?",
        ),
        Misconception(
            "takes away, as a step does",
            _multiply_descends,
            "For {case} (pairs (data, grad)) you leave {got}, expected is {expected}. You walk "
            "downhill already; here the derivative is only *collected*.",
        ),
        Misconception(
            "multiplies what is there",
            _multiply_into,
            "For {case} (pairs (data, grad)) you leave {got}, expected is {expected}. Along one "
            "path derivatives multiply; what do the contributions of several users do, by (2.3)?",
        ),
        Misconception(
            "a·a heard once",
            _multiply_once_if_equal,
            "For {case} (pairs (data, grad); b = 'a' is the same value once more) you leave {got}, "
            "expected is {expected}. a·a needs no rule of its own: its one value is used twice. "
            "What is the derivative of a²?",
        ),
    ],
    means="with one such rule an operation, a program can differentiate anything it can compute.",
    cases=multiply_cases,
    run=run_multiply,
)


# --- 02.3 In which order? ------------------------------------------------------------------------


def topological_order(result, parents):
    """All names that `result` was computed from, and itself, each after all of its parents."""
    order, seen = [], set()

    def visit(name):
        if name not in seen:
            seen.add(name)
            for parent in parents(name):
                visit(parent)
            order.append(name)

    visit(result)
    return order


def _order_by_stack(result, parents):
    order, seen, stack = [], set(), [(result, False)]
    while stack:
        name, done = stack.pop()
        if done:
            order.append(name)
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack.extend((parent, False) for parent in parents(name))
    return order


def _order_by_depth(result, parents):
    def depth(name):
        return 1 + max((depth(parent) for parent in parents(name)), default=-1)

    found, new = {result}, [result]
    while new:
        new = [parent for name in new for parent in parents(name) if parent not in found]
        found.update(new)
    return sorted(found, key=depth)


def _order_with_repeats(result, parents):
    before = [name for parent in parents(result) for name in _order_with_repeats(parent, parents)]
    return [*before, result]


def _order_result_first(result, parents):
    return topological_order(result, parents)[::-1]


def _order_by_distance(result, parents):
    order, new = [result], [result]
    while new:
        new = [p for p in dict.fromkeys(p for n in new for p in parents(n)) if p not in order]
        order += new
    return order[::-1]


def _order_on_the_way_down(result, parents):
    order = []

    def visit(name):
        if name not in order:
            order.append(name)
            for parent in parents(name):
                visit(parent)

    visit(result)
    return order[::-1]


def _order_first_parent_only(result, parents):
    first = parents(result)[:1]
    return [*(_order_first_parent_only(first[0], parents) if first else []), result]


def _order_without_result(result, parents):
    return topological_order(result, parents)[:-1]


def _order_by_stack_at_once(result, parents):
    order, stack = [], [result]
    while stack:
        name = stack.pop()
        if name not in order:
            order.append(name)
            stack.extend(parents(name))
    return order[::-1]


def _order_parents_only(result, parents):
    return [*parents(result), result]


def _order_nested(result, parents):
    return [_order_nested(parent, parents) for parent in parents(result)] + [result]


def _order_as_set(result, parents):
    return set(topological_order(result, parents))


def _order_remembers(result, parents, order=[]):  # noqa: B006  (the mistake to be recognised)
    for parent in parents(result):
        _order_remembers(parent, parents)
    if result not in order:
        order.append(result)
    return order


def _has_names_of_another_graph(answer, cases):
    """Whether the list for the first graph has names that only later ones can have brought in."""
    try:
        return not set(answer(*cases[0])) <= set(topological_order(*cases[0]))
    except Exception:  # an answer that fails is somebody else's finding
        return False


class Verdict(str):
    """What is the matter with an order; two verdicts of the same kind are the same mistake."""

    kind = "right"


def judge_order(answer, result, parents):
    """Whether what the answer returns is an order, and if not, the first thing amiss."""
    given = answer(result, parents)
    names = [name if isinstance(name, str) else "[…]" for name in given]
    needed = topological_order(result, parents)
    place = {name: index for index, name in enumerate(names)}

    def verdict(kind, text):
        said = Verdict(f"{', '.join(names)} ({text})")
        said.kind = kind
        return said

    if isinstance(given, (set, frozenset)):
        names.sort()
        return verdict("a set", "a set has no order")
    if "[…]" in names:
        return verdict("nested", "there are lists in the list")
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        return verdict("repeats", f"{repeated[0]} stands there more than once")
    if names == needed[:-1]:
        return verdict("no result", f"{result} itself is missing")
    if missing := [name for name in needed if name not in place]:
        return verdict("missing", f"{missing[0]} is missing")
    if extra := [name for name in names if name not in needed]:
        return verdict("extra", f"{extra[0]} has no part in {result}")
    for name in needed:
        for parent in parents(name):
            if place[parent] > place[name]:
                kind = "result first" if names[0] == result else "child first"
                return verdict(kind, f"{name} comes before its parent {parent}")
    return Verdict("each name once, after its parents")


def _graph(text):
    """A graph as a function `parents`, written "c = a b; d = c a"."""
    table = {}
    for line in text.split(";"):
        name, made_from = line.split("=")
        table[name.strip()] = tuple(made_from.split())

    def parents(name):
        return table.get(name, ())

    parents.__doc__ = ", ".join(f"{k} ← {' '.join(v)}" for k, v in table.items())
    return parents


def order_cases(generator):
    """(result, parents): a chain, a value used twice, a long and a short path, 12 doublings."""
    doubling = "; ".join(f"v{i + 1} = v{i} v{i}" for i in range(12))
    return [
        ("c", _graph("b = a; c = b")),
        ("L", _graph("c = a b; d = c c; L = d a")),
        ("L", _graph("b = a; c = b; d = c; L = a d")),
        ("L", _graph("h1 = x w1; h2 = x w2; o = h1 h2; e = o y; L = e e; unused = L x")),
        ("v12", _graph(doubling)),
    ]


ORDER = Exercise(
    id="02.3",
    title="Parents first",
    difficulty=3,
    minutes=10,
    hints=[
        "When may a name be put on the list? As soon as all of its parents are on it.",
        "So: to place a name, first place each of its parents (the same task, smaller), then it.",
        "Keep a set of the names already begun, and skip those: each must be placed once only.",
    ],
    solution=topological_order,
    alternatives=[_order_by_stack, _order_by_depth],
    misconceptions=[
        Misconception(
            "places a name once for every use",
            _order_with_repeats,
            "Your list is {got}; asked for is {expected}. "
            "Each name belongs there once, however many users it has, or it hands its derivative "
            "on several times. How will you remember a visit?",
        ),
        Misconception(
            "result first",
            _order_result_first,
            "Your list is {got}; asked for is {expected}. "
            "You begin with the result. That is the order for walking *back*; asked for is the one "
            "in which the numbers could be computed.",
        ),
        Misconception(
            "by distance from the result",
            _order_by_distance,
            "Your list is {got}; asked for is {expected}. "
            "A short path and a long one lead to the same value, and you place it where you first "
            "met it. Do all of its parents stand before it?",
        ),
        Misconception(
            "places a name on the way down",
            _order_on_the_way_down,
            "Your list is {got}; asked for is {expected}. You note a name when you first come to "
            "it, and turn the list round at the end. When are all parents of a name sure to be "
            "placed: on the way down, or on the way back up?",
        ),
        Misconception(
            "follows one parent only",
            _order_first_parent_only,
            "Your list is {got}; asked for is {expected}. "
            "A value may have two parents, and both of them have parents of their own.",
        ),
        Misconception(
            "a stack, names placed as they come off",
            _order_by_stack_at_once,
            "Your list is {got}; asked for is {expected}. You place a name as soon as it comes off "
            "the stack, and turn the list round at the end. Another user of it may come off later: "
            "put a name back under its parents, and place it when it comes off again.",
        ),
        Misconception(
            "parents of the result only",
            _order_parents_only,
            "Your list is {got}; asked for is {expected}. The parents have parents too: how far "
            "back must you go?",
        ),
        Misconception(
            "remembers the graph before",
            _order_remembers,
            "A second call still has the names of the first one's graph. A list made outside the "
            "function, or as a default argument, is made once only: make it anew in every call.",
            detect=_has_names_of_another_graph,
        ),
        Misconception(
            "lists in a list",
            _order_nested,
            "Your list is {got}; asked for is {expected}. The order of a parent is itself a list: "
            "`append` puts it in as one thing, `extend` or `+` puts in its names.",
        ),
        Misconception(
            "a set",
            _order_as_set,
            "You return {got}; asked for is {expected}, in a list. A set is the right thing for "
            "remembering what has been visited, and forgets in which order.",
        ),
        Misconception(
            "leaves the result out",
            _order_without_result,
            "Your list is {got}; asked for is {expected}. "
            "The backward walk starts from the result, so it must be there.",
        ),
    ],
    means="walked backwards, this order meets every value after all of its users have reported.",
    cases=order_cases,
    run=judge_order,
    compare=lambda got, expected: got.kind == expected.kind,
)


# --- 02.4 One step downhill ----------------------------------------------------------------------


def bowl(theta):
    """∇L(θ) = 2θ"""
    return 2 * theta


def tilted(theta):
    """∇L(θ) = (θ₁ + θ₂, θ₁ + 4θ₂)"""
    return torch.stack([theta[0] + theta[1], theta[0] + 4 * theta[1]])


def quartic(theta):
    """∇L(θ) = θ³ − θ"""
    return theta**3 - theta


def gradient_step(gradient, theta, rate):
    """One step of gradient descent, θ − η ∇L(θ), (2.6)."""
    return theta - rate * gradient(theta)


def _step_add(gradient, theta, rate):
    return torch.add(theta, gradient(theta), alpha=-rate)


def _step_ascends(gradient, theta, rate):
    return theta + rate * gradient(theta)


def _step_without_rate(gradient, theta, rate):
    return theta - gradient(theta)


def _step_change_only(gradient, theta, rate):
    return -rate * gradient(theta)


def _step_divides(gradient, theta, rate):
    return theta - gradient(theta) / rate


def _step_normalised(gradient, theta, rate):
    g = gradient(theta)
    return theta - rate * g / g.norm()


def _step_in_place(gradient, theta, rate):
    theta -= rate * gradient(theta)
    return theta


def _step_scales_theta(gradient, theta, rate):
    return theta - rate * theta


def step_cases(generator):
    """(gradient, theta, rate): a bowl first, then coupled and nonlinear gradients."""
    start = torch.randn(2, 3, generator=generator)
    return [
        (bowl, torch.tensor([1.0]), 0.1),
        (tilted, torch.tensor([2.0, -1.0]), 0.25),
        (quartic, start[0], 0.3),
        (bowl, start[1], 0.7),
    ]


STEP = Exercise(
    id="02.4",
    title="One step downhill",
    difficulty=1,
    minutes=3,
    hints=[
        "The gradient points to where the loss grows fastest. Where do you want to go?",
        "The step is the gradient times the rate, taken away from where you stand.",
    ],
    solution=gradient_step,
    alternatives=[_step_add],
    misconceptions=[
        Misconception(
            "ascends",
            _step_ascends,
            "You get {got}, expected is {expected}: you climb. In which direction does the "
            "gradient point?",
        ),
        Misconception(
            "rate forgotten",
            _step_without_rate,
            "You get {got}, expected is {expected}. Your step has the length of the gradient, "
            "whatever `rate` says.",
        ),
        Misconception(
            "returns the change only",
            _step_change_only,
            "You get {got}, expected is {expected}: that is by how much θ changes. Where does the "
            "step arrive?",
        ),
        Misconception(
            "divides by the rate",
            _step_divides,
            "You get {got}, expected is {expected}. A smaller rate makes your step longer.",
        ),
        Misconception(
            "length made one",
            _step_normalised,
            "You get {got}, expected is {expected}. You use the gradient's direction only. Near "
            "the minimum the gradient gets short, and so should the step.",
        ),
        Misconception(
            "updates in place",
            _step_in_place,
            "The number is right, but the caller's own `theta` now holds {got} as well: `-=` on a "
            "tensor overwrites it. Every earlier point of a stored path would change too.",
        ),
        Misconception(
            "moves along θ",
            _step_scales_theta,
            "You get {got}, expected is {expected}. You shrink θ towards the origin; the loss, "
            "which `gradient` knows about, plays no part.",
        ),
    ],
    means="this line, repeated, is the whole of training; all the rest is where the gradient comes "
    "from and how long the step may be.",
    cases=step_cases,
)


# --- 02.5 The largest stable learning rate -------------------------------------------------------

STABLE = Exercise(
    id="02.5",
    title="The largest stable learning rate",
    difficulty=3,
    minutes=6,
    kind="number",
    solution=1 / 6,
    hints=[
        "(2.11) speaks of the Hessian, the matrix of second derivatives of L. Write it down.",
        "H = [[10, 4], [4, 4]]. In the directions (2, 1) and (1, −2) it only stretches.",
        "The two stretching factors are 12 and 2. Which of them is λ_max in (2.12)?",
    ],
    misconceptions=[
        Misconception(
            "coefficients for second derivatives",
            1 / 3,
            "{got} comes from the coefficients, [[5, 2], [2, 2]]. Differentiate 5θ₁² twice: what "
            "do you get?",
        ),
        Misconception(
            "the diagonal",
            0.2,
            "{got} takes the largest diagonal entry for λ_max. The two parameters are coupled: "
            "along which directions does the Hessian act like one number?",
        ),
        Misconception(
            "the flat direction",
            1.0,
            "{got} is right for the flattest direction alone. What happens along the steepest?",
        ),
        Misconception(
            "no overshoot instead of no growth",
            1 / 12,
            "{got} is the largest rate without overshooting. A step may overshoot and still end "
            "nearer to the minimum: what does (2.11) allow?",
        ),
        Misconception(
            "the fastest rate",
            1 / 7,
            "{got} is 2/(λ_max + λ_min), at which the slower of the two directions is as fast as "
            "it can be. The question is how far one could go before it diverges.",
        ),
        Misconception(
            "mixed derivative counted twice",
            2 / (7 + 73**0.5),
            "{got} belongs to [[10, 8], [8, 4]]. Differentiate 4θ₁θ₂ once by θ₁ and once by θ₂: "
            "what is left?",
        ),
        Misconception(
            "diagonal of the coefficients",
            0.4,
            "{got} is two over the 5 of 5θ₁². The curvature is a *second derivative*, and the "
            "steepest direction need not be an axis.",
        ),
        Misconception(
            "λ_max itself",
            12.0,
            "{got} is λ_max, the steepest curvature; (2.12) makes a rate of it.",
        ),
        Misconception(
            "upside down",
            6.0,
            "{got} is λ_max over two: a steeper valley would allow a longer step. Solve (2.12) "
            "for η once more.",
        ),
    ],
    means="the steepest direction alone sets the limit, however flat all others are.",
    explanation=(
        "The Hessian is [[10, 4], [4, 4]], with H(2, 1) = 12·(2, 1) and H(1, −2) = 2·(1, −2). "
        "|1 − 12η| < 1 means η < 2/12 = 1/6 ≈ 0.167."
    ),
)


# --- 02.6 Change of units ------------------------------------------------------------------------

UNITS = Exercise(
    id="02.6",
    title="A change of units",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "it stays what it was: the flowers are the same",
        "B": "it becomes ten times smaller",
        "C": "it becomes a hundred times smaller",
        "D": "it becomes a hundred times larger",
    },
    solution="C",
    hints=[
        "The Hessian of this loss is (2/n) Σ x xᵀ. Every x becomes 10 x.",
        "How often does x stand in the Hessian, and which power of ten comes out?",
    ],
    misconceptions=[
        Misconception(
            "units do not matter",
            "A",
            "The flowers are the same, and so are the best predictions; but gradient descent "
            "works with w, and the same w now does something else. Put 10 x into the Hessian.",
        ),
        Misconception(
            "one power of ten",
            "B",
            "The *gradient* has one factor x from the chain rule and one inside the error. How "
            "many factors x are there in the second derivative?",
        ),
        Misconception(
            "upside down",
            "D",
            "The inputs grow, so the valley gets steeper. Does a steeper valley allow a longer "
            "step, or does it demand a shorter one?",
        ),
    ],
    means="the learning rate has units, which is why one standardises the inputs first.",
    explanation=(
        "H = (2/n) Σ x xᵀ grows by 10² = 100 when every x grows by 10, and with it λ_max; the "
        "limit 2/λ_max falls by 100."
    ),
)

EXERCISES = [SLOPE, MULTIPLY, ORDER, STEP, STABLE, UNITS]
