"""Reverse-mode differentiation of scalars: the machine that notebook 02 builds, in one piece.

A `Value` remembers what it was computed from and how to hand a derivative back to it. `backward`
walks that graph once, from the result to the leaves, and *adds up* what arrives: a value used twice
collects two contributions (the multivariate chain rule).
"""

import math
from numbers import Real

import torch


class Value:
    """A number that remembers how it was made.

    Source: reverse accumulation; Griewank & Walther 2008, chapter 3, doi:10.1137/1.9780898717761.

    Attributes:
        data: the number itself.
        grad: derivative of the value that `backward` was called on, with respect to this one.
        parents: the values that it was computed from; none for a leaf.
        local_gradients: d self / d parent, one a parent.

    Errors: Python's own where an operation has no value (`ZeroDivisionError`, `ValueError` for the
    logarithm of a negative number); `TypeError` for an exponent that is not a plain number.

    >>> x, w = Value(2.0), Value(-3.0)
    >>> y = (x * w + x).tanh()
    >>> y.backward()
    >>> round(w.grad, 6) == round((1 - math.tanh(-4.0) ** 2) * 2.0, 6)
    True
    """

    def __init__(self, data, parents=(), local_gradients=()):
        self.data = float(data)
        self.grad = 0.0
        self.parents = parents
        self.local_gradients = local_gradients

    def __repr__(self):
        return f"Value({self.data:.4g}, grad={self.grad:.4g})"

    def __add__(self, other):
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent):
        if not isinstance(exponent, Real):
            raise TypeError(f"the exponent must be a plain number, got {type(exponent).__name__}")
        slope = exponent * self.data ** (exponent - 1) if exponent else 0.0
        return Value(self.data**exponent, (self,), (slope,))

    def exp(self):
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self):
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def tanh(self):
        result = math.tanh(self.data)
        return Value(result, (self,), (1 - result**2,))

    def relu(self):
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))

    def sigmoid(self):
        result = 0.5 * (1 + math.tanh(self.data / 2))  # cannot overflow, unlike 1 / (1 + exp(-x))
        return Value(result, (self,), (result * (1 - result),))

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + (-as_value(other))

    def __truediv__(self, other):
        return self * as_value(other) ** -1

    def __rsub__(self, other):
        return as_value(other) - self

    def __rtruediv__(self, other):
        return as_value(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self):
        """Fill `grad` of every value that this one was computed from; old contents are dropped."""
        order = topological_order(self)
        for value in order:
            value.grad = 0.0
        self.grad = 1.0
        for value in reversed(order):  # every user of a value comes before the value itself
            for parent, local in zip(value.parents, value.local_gradients, strict=True):
                parent.grad += local * value.grad


def topological_order(result: Value) -> list[Value]:
    """All values below `result`, each after everything that it was computed from.

    An explicit stack rather than recursion: a long chain must not meet Python's recursion limit.

    >>> a = Value(1.0)
    >>> b = a + 1
    >>> topological_order(b)[-1] is b
    True
    """
    order, seen, stack = [], set(), [(result, False)]
    while stack:
        value, parents_done = stack.pop()
        if parents_done:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            stack.append((value, True))
            stack.extend((parent, False) for parent in value.parents)
    return order


def as_value(x) -> Value:
    """A plain number becomes a `Value` without parents; a `Value` stays what it is.

    >>> as_value(2).data
    2.0
    """
    return x if isinstance(x, Value) else Value(x)


def gap_to_torch(value_class: type, generator: torch.Generator, operations: int = 40) -> float:
    """How far derivatives by a `Value` are from torch's, on a random program of +, · and σ.

    Every operation takes any two earlier values, so many are used several times.

    Args:
        value_class: the class to try, for example one that a learner wrote.
        generator: draws the three inputs and the program.
        operations: how many values the program makes.

    Returns:
        The largest difference, divided by the derivative where that is above one.

    >>> gap_to_torch(Value, torch.Generator().manual_seed(0)) < 1e-10
    True
    """
    numbers = torch.randn(3, generator=generator, dtype=torch.float64)
    draws = torch.randint(6000, (operations, 3), generator=generator).tolist()

    def program(leaves):
        values = list(leaves)
        for i, j, operation in draws:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append([a + b, a.sigmoid() * b, (a * b).sigmoid()][operation % 3])
        return sum(values[1:], values[0])

    ours, theirs = [value_class(x) for x in numbers], numbers.clone().requires_grad_()
    program(ours).backward()
    program(theirs).backward()
    mine = torch.tensor([value.grad for value in ours], dtype=torch.float64)
    return ((mine - theirs.grad).abs() / theirs.grad.abs().clamp(min=1)).max().item()
