"""Answers as values: the same number however it is written, compared with a tolerance, and shown.

A learner may return a Python float, a list, a numpy array or a torch tensor, in float32 or
float64, with or without a graph attached. All of them become float64 (or complex) arrays here.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def as_array(value: Any) -> np.ndarray:
    """Number, (nested) list, numpy array or tensor → numpy array, float64 or complex128.

    Raises:
        TypeError: the value is none of these, or its parts differ in shape.

    >>> as_array([1, torch.tensor(2.0, requires_grad=True)])
    array([1., 2.])
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.to(torch.complex128 if value.is_complex() else torch.float64).numpy()
    elif isinstance(value, (list, tuple)) and value and set(map(type, value)) == {float}:
        value = np.array(value)  # at once, should it be very long
    elif isinstance(value, (list, tuple)):
        parts = [as_array(part) for part in value]
        if len({part.shape for part in parts}) > 1:
            raise TypeError("the parts of the list differ in shape")
        value = np.stack(parts) if parts else np.empty(0)
    if isinstance(value, int) and abs(value) < 10**300:  # numpy's own integers end at 2⁶⁴
        value = float(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{type(value).__name__} is not a number or an array of numbers")
    return array.astype(complex if array.dtype.kind == "c" else float)


def as_parts(value: Any) -> list | None:
    """The parts of a tuple-like answer along its first axis, or None if there are none."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim > 0:
        return list(value)
    return None


def close(got: Any, expected: Any, rtol: float, atol: float) -> bool:
    """Whether an answer is the expected one within tolerance; its structure is `expected`'s.

    An entry e may be off by atol + rtol (|e| + max|e| / 10): relative, but forgiving where a small
    entry is the difference of large ones. Shapes must agree, except that one number is one
    number, whether its shape is [] or [1].

    >>> close(torch.tensor([1.0, 2.0]), [1.0, 2.0 + 1e-7], rtol=1e-6, atol=0.0)
    True
    """
    if expected is None:
        return got is None
    if isinstance(expected, str):
        return isinstance(got, str) and got.strip().lower() == expected.strip().lower()
    if isinstance(expected, Mapping):
        return (
            isinstance(got, Mapping)
            and got.keys() == expected.keys()
            and all(close(got[key], expected[key], rtol, atol) for key in expected)
        )
    if isinstance(expected, tuple):
        parts = as_parts(got)
        return (
            parts is not None
            and len(parts) == len(expected)
            and all(close(g, e, rtol, atol) for g, e in zip(parts, expected, strict=True))
        )
    wanted = as_array(expected)
    try:
        array = as_array(got)
    except (TypeError, ValueError):
        return False
    if array.size == wanted.size == 1:
        array = array.reshape(wanted.shape)
    if array.shape != wanted.shape:
        return False
    finite = np.isfinite(wanted)
    if not np.array_equal(array[~finite], wanted[~finite], equal_nan=True):
        return False
    size = np.abs(wanted[finite])
    allowed = atol + rtol * (size + 0.1 * size.max(initial=0.0))
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(array[finite] - wanted[finite]) <= allowed))


def show(value: Any, digits: int = 4) -> str:
    """A value in few characters: numbers to `digits` significant digits, large arrays by shape.

    >>> show(torch.tensor([1.0, 2.0 / 3.0]))
    '[1, 0.6667]'
    """
    if isinstance(value, str):
        return repr(value if len(value) <= 400 else value[:400] + "…")
    if callable(value):
        return describe_callable(value)
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, tuple):
        rest = ["…"] if len(value) > 9 else []
        return "(" + ", ".join([*(show(part, digits) for part in value[:9]), *rest]) + ")"
    try:
        array = as_array(value)
    except (TypeError, ValueError):
        return "None" if value is None else a_kind(value)
    if array.ndim == 0:
        return _show_number(array.item(), digits)
    if array.size > 9:
        first = ", ".join(show(entry, digits) for entry in array.flat[:3])
        return f"an array of shape {shape_text(array.shape)} that starts {first}, …"
    return "[" + ", ".join(show(part, digits) for part in array) + "]"


def _show_number(number: float | complex, digits: int) -> str:
    if isinstance(number, complex):
        text = f"{number:.{digits}g}"
    elif number.is_integer() and abs(number) < 1e9:
        text = f"{number + 0.0:.0f}"  # adding zero makes −0 plain 0
    else:
        text = f"{number:.{digits}g}"
    return re.sub(r"e([+-])0*", r"e\1", text).replace("e+", "e").replace("-", "−")


def show_pair(got: Any, expected: Any) -> tuple[str, str]:
    """Two values that differ, with as many digits as it takes to tell them apart.

    Of large arrays the first entry that differs visibly is shown.

    >>> show_pair(1.00001, 1.0)
    ('1.00001', '1')
    """
    try:
        array, wanted = as_array(got), as_array(expected)
    except (TypeError, ValueError):
        array = wanted = np.empty(0)
    if array.shape == wanted.shape and array.size > 9:
        gap = np.abs(array - wanted)
        gap[np.isnan(gap)] = np.inf
        index = np.unravel_index(np.argmax(gap >= 0.1 * gap.max()), gap.shape)
        mine, other = show_pair(array[index], wanted[index])
        return f"{mine} at index {shape_text(index)}", other
    for digits in range(4, 13):
        mine, other = show(got, digits), show(expected, digits)
        if mine != other:
            break
    return mine, other


def a_kind(value: Any) -> str:
    """What sort of thing a value is: `"a dict"`, `"an int"`, `"a string"`."""
    name = {"str": "string", "builtin_function_or_method": "function"}
    name = name.get(type(value).__name__, type(value).__name__)
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def shape_text(shape: tuple) -> str:
    """A shape as the course writes it: `[3, 2]`; `[]` is a single number."""
    return "[" + ", ".join(str(int(length)) for length in shape) + "]"


def describe_callable(function: Any) -> str:
    """The first line of a function's docstring, else its name: how cases name their functions."""
    own_text = function.__doc__ if hasattr(function, "__code__") else None
    if own_text:
        return own_text.strip().splitlines()[0].rstrip(".")
    return getattr(function, "__name__", type(function).__name__)
