"""`autodiff.Value` gives torch's derivatives: each operator, random graphs, deep chains."""

import math
import random

import pytest
import torch

from course_lib.autodiff import Value, as_value, gap_to_torch, topological_order

UNARY = {
    "exp": (lambda x: x.exp(), [-2.0, 0.0, 1.3]),
    "log": (lambda x: x.log(), [0.2, 1.0, 7.0]),
    "tanh": (lambda x: x.tanh(), [-3.0, 0.0, 0.4]),
    "relu": (lambda x: x.relu(), [-1.0, 0.5, 0.0]),
    "sigmoid": (lambda x: x.sigmoid(), [-40.0, 0.0, 2.0]),
    "negative": (lambda x: -x, [1.5]),
    "square": (lambda x: x**2, [-1.5, 0.0]),
    "cube root": (lambda x: x ** (1 / 3), [0.7]),
    "reciprocal": (lambda x: 1 / x, [-0.5, 3.0]),
    "power zero": (lambda x: x**0, [0.0, 2.0]),
    "number on the left": (lambda x: 2 - 3 * x, [0.3]),
    "number on the right": (lambda x: (x + 1) / 4 - 2, [0.3]),
}
BINARY = {
    "sum": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "product": lambda a, b: a * b,
    "quotient": lambda a, b: a / b,
}


def both(function, *numbers):
    """(value, derivatives) of a function by `Value` and by torch."""
    ours = [Value(number) for number in numbers]
    theirs = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in numbers]
    result, expected = function(*ours), function(*theirs)
    result.backward()
    gradients = torch.autograd.grad(expected, theirs, allow_unused=True)
    return (
        (result.data, [value.grad for value in ours]),
        (expected.item(), [0.0 if g is None else g.item() for g in gradients]),
    )


@pytest.mark.parametrize(
    ("name", "at"), [(name, at) for name, (_, points) in UNARY.items() for at in points]
)
def test_functions_of_one_value(name, at):
    (data, grads), (value, expected) = both(UNARY[name][0], at)
    assert data == pytest.approx(value, rel=1e-14, abs=1e-15)
    assert grads == pytest.approx(expected, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("numbers", [(2.0, -3.0), (-0.1, 0.7)])
def test_functions_of_two_values(name, numbers):
    (data, grads), (value, expected) = both(BINARY[name], *numbers)
    assert data == pytest.approx(value, rel=1e-14)
    assert grads == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", BINARY)
def test_a_value_may_meet_itself(name):
    (_, grads), (_, expected) = both(lambda a: BINARY[name](a, a) * a, 1.7)
    assert grads == pytest.approx(expected, rel=1e-14)


OPERATIONS = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a.tanh() * b,
    lambda a, b: (a * b).sigmoid(),
    lambda a, b: a / (b**2 + 1),
    lambda a, b: a.tanh().exp() - b.relu(),
    lambda a, b: (b**2 + 0.5).log() + a,
    lambda a, b: 2 - a.sigmoid() * 0.3,
]


def random_program(leaves, rng):
    """Sixty operations on values drawn at random, so that many are used again and again."""
    values = list(leaves)
    for _ in range(60):
        values.append(rng.choice(OPERATIONS)(rng.choice(values), rng.choice(values)))
    return sum(values[1:], values[0])


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs_with_reused_nodes(seed):
    numbers = [random.Random(seed).gauss(0, 1) for _ in range(4)]
    (data, grads), (value, expected) = both(
        lambda *leaves: random_program(leaves, random.Random(100 + seed)), *numbers
    )
    assert data == pytest.approx(value, rel=1e-10)
    assert grads == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_the_comparison_would_notice_overwriting(monkeypatch):
    def overwriting(self):
        self.grad = 1.0
        for value in reversed(topological_order(self)):
            for parent, local in zip(value.parents, value.local_gradients, strict=True):
                parent.grad = local * value.grad

    monkeypatch.setattr(Value, "backward", overwriting)
    with pytest.raises(AssertionError):
        test_random_graphs_with_reused_nodes(0)


def test_gap_to_torch_finds_a_wrong_derivative():
    class OwnFactor(Value):
        def __mul__(self, other):
            return OwnFactor(self.data * other.data, (self, other), (self.data, other.data))

        def __add__(self, other):
            return OwnFactor(self.data + other.data, (self, other), (1.0, 1.0))

        def sigmoid(self):
            plain = super().sigmoid()
            return OwnFactor(plain.data, plain.parents, plain.local_gradients)

    def largest(value_class):
        generator = torch.Generator().manual_seed(3)
        return max(gap_to_torch(value_class, generator) for _ in range(20))

    assert largest(Value) < 1e-10
    assert largest(OwnFactor) > 1e-3


def test_a_deep_chain_meets_no_recursion_limit():
    x = value = Value(1.0)
    for _ in range(10_000):
        value = value * 0.9999 + 0.0001
    value.backward()
    assert x.grad == pytest.approx(0.9999**10_000, rel=1e-9)


def test_doublings_cost_one_visit_each():
    value = x = Value(1.0)
    for _ in range(200):
        value = value + value
    value.backward()
    assert x.grad == 2.0**200
    assert len(topological_order(value)) == 201


def test_order_puts_parents_first_and_each_value_once():
    a, b = Value(1.0), Value(2.0)
    result = (a * b + a) * (a * b)
    order = topological_order(result)
    place = {id(value): i for i, value in enumerate(order)}
    assert len(place) == len(order) and order[-1] is result
    assert all(place[id(p)] < place[id(v)] for v in order for p in v.parents)


def test_backward_starts_afresh():
    x = Value(3.0)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad == 6.0
    (x + 1).backward()
    assert x.grad == 1.0


def test_numbers_become_values_and_values_stay():
    x = Value(1.0)
    assert as_value(x) is x
    assert as_value(torch.tensor(2.5)).data == 2.5


def test_sigmoid_does_not_overflow():
    assert Value(-1000.0).sigmoid().data == 0.0
    assert Value(1000.0).sigmoid().data == 1.0


def test_errors_name_their_cause():
    with pytest.raises(TypeError, match="plain number, got Value"):
        Value(2.0) ** Value(3.0)
    with pytest.raises(ZeroDivisionError):
        Value(1.0) / Value(0.0)
    with pytest.raises(ValueError, match=r"math domain|positive"):
        Value(-1.0).log()


def test_repr_shows_both_numbers():
    assert repr(Value(math.pi)) == "Value(3.142, grad=0)"
