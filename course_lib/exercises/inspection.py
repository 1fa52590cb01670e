"""What can be said of an answer without looking at its values.

Whether it was attempted at all, is a function, takes the right arguments; and where and why it
raised. Diagnoses are `(name, message)`, or None.
"""

import ast
import dis
import functools
import inspect
import sysconfig
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from course_lib.exercises.exercise import Exercise
from course_lib.exercises.limits import MemoryLimit, TimeLimit
from course_lib.exercises.values import a_kind

# Where code lives that is not the learner's.
LIBRARY = (
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    "<frozen",
)

# Bytecode that every function may start with.
NO_WORK = {"RESUME", "NOP", "CACHE", "COPY_FREE_VARS", "MAKE_CELL"}

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
    steps = [step for step in dis.get_instructions(code) if step.opname not in NO_WORK]
    idle = all(step.opname.startswith(("LOAD_CONST", "RETURN_")) for step in steps)
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
    extra = ""
    if isinstance(answer, str):
        extra = " Leave the quotation marks out."
    elif not inspect.ismodule(answer):
        extra = " If you called it, leave the parentheses out."
    return "not a function", (
        f"A function is asked for, and this is {a_kind(answer)}. Hand in the function itself: "
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
        f" Your parameters stand in the order ({', '.join(mine)}); it is called with "
        f"({', '.join(wanted)})."
    )


def explain_error(error: BaseException) -> str:
    """An exception in the learner's code: the line, its text, and the message in plain words."""
    where = "Your code"
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith(LIBRARY):
            where = f"Line {frame.lineno} of your code"
            where += f", `{frame.line}`," if frame.line else ""
    if isinstance(error, MemoryLimit):
        return f"{where} took more and more memory and was stopped. Is there a loop without an end?"
    if isinstance(error, TimeLimit):
        return f"{where} was still running when the time was up. Is there a loop without an end?"
    said = str(error)[:500].strip().splitlines()
    text = f"{where} stops with {type(error).__name__}"
    text += f": {said[0].rstrip('.')}." if said else "."
    for kind, part, words in PLAIN_WORDS:
        if isinstance(error, kind) and part in str(error):
            return f"{text} In plain words: {words}"
    return text
