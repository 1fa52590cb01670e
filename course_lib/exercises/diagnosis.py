"""Diagnoses that fit any function exercise: what went wrong, in the learner's terms.

An exercise's own misconceptions come first; these speak when none of them fits. Each returns
`(name, message)` or None.
"""

import ast
import dis
import functools
import inspect
import linecache
import sysconfig
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_lib.exercises.exercise import Exercise
from course_lib.exercises.sandbox import Trial
from course_lib.exercises.values import as_array, shape_text, show

LIBRARY = (str(Path(__file__).parents[1]), *sysconfig.get_paths().values(), "<frozen")

# (exception's class, part of its message, what it means); the first that fits is used.
PLAIN_WORDS = [
    (RecursionError, "", "the function calls itself without end."),
    (ZeroDivisionError, "", "something is divided by zero."),
    (NameError, "", "a name is used that has no value: a typing slip, or a cell not run yet?"),
    (IndexError, "", "an index lies outside of the list or array."),
    (KeyError, "", "a dictionary has no entry of that name."),
    (ModuleNotFoundError, "", "that package is not installed; the exercise needs no other."),
    (SystemExit, "", "the code asks Python to stop; leave `exit` out."),
    (AssertionError, "", "one of your own assertions does not hold for this input."),
    (AttributeError, "'float' object", "an input is a plain number here, not a tensor."),
    (TypeError, "'function'", "a function is used as if it were a number: is it called?"),
    (TypeError, "'float' object is not callable", "a number is called as if it were a function."),
    (TypeError, "positional argument", "a function is called with too many or too few inputs."),
    (TypeError, "'NoneType'", "a value is None: does one of your functions lack its `return`?"),
    (RuntimeError, "dtype", "numbers of different precision meet; make yours with dtype=y.dtype."),
    (RuntimeError, "scalar type", "numbers of different precision meet; use dtype=y.dtype."),
    (RuntimeError, "requires grad", "a tensor with a gradient attached needs .detach() first."),
    (RuntimeError, "shapes cannot be multiplied", "the two matrices' shapes do not fit."),
    (RuntimeError, "must match", "two tensors' shapes do not fit together."),
    (ValueError, "broadcast", "two arrays' shapes do not fit together."),
]


def underlying(answer: Any) -> Any:
    """The Python function behind a partial, method, decorated function or callable object."""
    while isinstance(answer, functools.partial):
        answer = answer.func
    if not inspect.isroutine(answer) and not inspect.isclass(answer):
        is_module = isinstance(answer, torch.nn.Module)
        answer = answer.forward if is_module else type(answer).__call__
    return getattr(inspect.unwrap(answer), "__func__", inspect.unwrap(answer))


def is_stub(answer: Any) -> bool:
    """Whether a function does nothing: its body is `...`, `pass` or a docstring.

    >>> is_stub(lambda y: ...), is_stub(lambda y: y[..., 0])
    (True, False)
    """
    code = getattr(underlying(answer), "__code__", None)
    if code is None:
        return False
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("RESUME", "NOP")]
    idle = all(step.opname in ("LOAD_CONST", "RETURN_CONST", "RETURN_VALUE") for step in steps)
    return idle and all(step.argval in (None, ...) for step in steps)


def has_gap(answer: Any) -> bool:
    """Whether a `...` still stands where code should be (`x[..., 0]` is not meant)."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(underlying(answer))))
    except (OSError, TypeError, SyntaxError):
        return False
    return any(
        isinstance(node, (ast.Expr, ast.Assign, ast.Return))
        and isinstance(node.value, ast.Constant)
        and node.value.value is ...
        for node in ast.walk(tree)
    )


def not_a_function(exercise: Exercise, answer: Any) -> tuple[str, str] | None:
    """Something else was handed in: a string, a number, a module, a class."""
    name = exercise.solution.__name__
    if inspect.isclass(answer) and not inspect.isclass(exercise.solution):
        return "not a function", (
            f"You handed in the class `{answer.__name__}` itself. Make an object of it first, "
            f"`{answer.__name__}(…)`, or hand in a function."
        )
    if callable(answer):
        return None
    kind = "module" if inspect.ismodule(answer) else type(answer).__name__
    extra = ""
    if isinstance(answer, str):
        extra = " Leave the quotation marks out."
    elif not inspect.ismodule(answer):
        extra = " If you called it, leave the parentheses out."
    return "not a function", (
        f"A function is asked for, and this is a {kind}. Hand in the function itself: "
        f'`check("{exercise.id}", {name})`.{extra}'
    )


def wrong_signature(exercise: Exercise, answer: Callable, case: tuple) -> tuple[str, str] | None:
    """The function cannot be called with as many arguments as the exercise gives it."""
    if exercise.run is not None:
        return None
    try:
        signature = inspect.signature(answer)
    except (ValueError, TypeError):  # some built-in functions tell nothing about themselves
        return None
    try:
        signature.bind(*case)
    except TypeError:
        return "wrong signature", (
            f"Your function cannot be called with {len(case)} "
            f"{'argument' if len(case) == 1 else 'arguments'}. Expected: "
            f"`{exercise.signature}`; yours takes `{signature}`."
        )
    return None


def argument_order(exercise: Exercise, answer: Callable) -> str:
    """A remark if the parameters have the expected names in another order, else nothing."""
    try:
        mine, wanted = (list(inspect.signature(f).parameters) for f in (answer, exercise.solution))
    except (ValueError, TypeError):
        return ""
    if mine == wanted or sorted(mine) != sorted(wanted):
        return ""
    return (
        f" Your parameters stand in the order ({', '.join(mine)}); it calls with "
        f"({', '.join(wanted)})."
    )


def explain_error(error: BaseException) -> str:
    """An exception in the learner's code: the line, its text, and the message in plain words."""
    where = "Your code"
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith(LIBRARY) or "ipykernel_" in frame.filename:
            where = f"Line {frame.lineno} of your code"
            line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
            if line:
                where += f", `{line}`,"
    said = str(error).strip().splitlines()
    text = f"{where} stops with {type(error).__name__}"
    text += f": {said[0].rstrip('.')}." if said else "."
    for kind, part, words in PLAIN_WORDS:
        if isinstance(error, kind) and part in str(error):
            return f"{text} In plain words: {words}"
    return text


def wrong_kind(got: Any, expected: Any) -> tuple[str, str] | None:
    """None, a generator, a dictionary, … where numbers are expected."""
    if got is None and expected is not None:
        return "returns nothing", "Your function returns None: is a `return` missing?"
    if isinstance(expected, tuple):
        count = len(got) if isinstance(got, (tuple, list)) else None
        if count != len(expected):
            mine = f"a tuple of {count}" if count is not None else f"a {type(got).__name__}"
            return "wrong kind", f"Expected are {len(expected)} values, a tuple; yours is {mine}."
        pairs = zip(got, expected, strict=True)
        return next((found for g, e in pairs if (found := wrong_kind(g, e))), None)
    try:
        as_array(expected)
    except TypeError:
        return None
    try:
        as_array(got)
    except (TypeError, ValueError) as reason:
        kind = type(got).__name__
        why = f": {reason}" if isinstance(got, (list, tuple)) else ""
        return "wrong kind", f"A number or an array is expected; yours returns a {kind}{why}."
    return None


def wrong_shape(got: Any, expected: Any) -> tuple[str, str] | None:
    """Another shape than expected; the [n, n] that broadcasting makes is named."""
    if isinstance(expected, tuple):
        pairs = zip(got, expected, strict=True)
        return next((found for g, e in pairs if (found := wrong_shape(g, e))), None)
    try:
        mine, wanted = as_array(got).shape, as_array(expected).shape
    except (TypeError, ValueError):
        return None
    if mine == wanted or np.prod(mine) == np.prod(wanted) == 1:
        return None
    message = f"The shape is {shape_text(mine)} and should be {shape_text(wanted)}."
    squeezed = tuple(length for length in wanted if length != 1)
    if len(squeezed) == 1 and mine == squeezed * 2:
        n = squeezed[0]
        message += (
            f" An array of shape [{n}] met one of shape [{n}, 1]: broadcasting pairs every entry"
            f" of the one with every entry of the other, which makes [{n}, {n}]."
        )
    elif squeezed == tuple(length for length in mine if length != 1):
        message += " The numbers may be right, but an axis of length 1 is too many or missing."
    elif mine == wanted[::-1]:
        message += " It looks transposed."
    return "wrong shape", message


def not_finite(got: Any, expected: Any) -> tuple[str, str] | None:
    """NaN or infinity where a finite number is expected."""
    try:
        array, wanted = _numbers(got), _numbers(expected)
    except (TypeError, ValueError):
        return None
    spoiled = ~np.isfinite(array) & np.isfinite(wanted)
    if not spoiled.any():
        return None
    what = "NaN (not a number)" if np.isnan(array[spoiled][0]) else "an infinite value"
    return "not finite", (
        f"Your function returns {what}. Look for a division by zero, the logarithm or root of a"
        " negative number, or an exponential of something large."
    )


def common_factor(trials: list[Trial], references: list[Trial]) -> tuple[str, str] | None:
    """The same wrong factor (or sign) everywhere, or right to only a few digits."""
    try:
        got = np.concatenate([_numbers(trial.value) for trial in trials])
        wanted = np.concatenate([_numbers(trial.value) for trial in references])
    except (TypeError, ValueError):
        return None
    size = np.abs(wanted)
    tiny = 1e-6 * size.max(initial=0.0)
    telling = size > tiny
    if got.shape != wanted.shape or telling.sum() < 2 or np.any(np.abs(got[~telling]) > tiny):
        return None
    ratios = got[telling] / wanted[telling]
    factor, spread = ratios.mean(), np.abs(ratios - ratios.mean()).max()
    if np.abs(ratios - 1).max() < 1e-3:
        digits = int(-np.log10(np.abs(ratios - 1).max()))
        return "low precision", (
            f"Yours agrees with the expected value to about {digits} digits, and more are asked"
            " for. Is something rounded, or computed in half precision, or a term left out?"
        )
    if not spread <= 1e-4 * abs(factor):
        return None
    if abs(factor + 1) < 1e-4:
        return "wrong sign", "Yours has the right size in every case and the opposite sign."
    return "constant factor", f"Yours is {show(factor)} times the expected value in every case."


def _numbers(value: Any) -> np.ndarray:
    """All numbers of a value in one row."""
    if isinstance(value, tuple):
        return np.concatenate([_numbers(part) for part in value])
    return as_array(value).ravel()
