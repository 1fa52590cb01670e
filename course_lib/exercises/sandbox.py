"""Run an answer without letting it do harm: the one place where a learner's code is called.

Whatever the answer does to the state around it or to its own arguments ends here, and so does an
answer that runs for ever.
"""

import contextlib
import copy
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_lib.exercises.containment import contained, names_kept
from course_lib.exercises.limits import TimeLimit, limited


@dataclass(frozen=True)
class Trial:
    """What one call did: its value or its exception, and the position of an argument it changed."""

    value: Any = None
    error: BaseException | None = None
    changed: int | None = None


def attempt(
    function: Callable, cases: list[tuple], run: Callable | None = None, seconds: float = math.inf
) -> tuple[list[Trial], bool]:
    """Call a function on every case, each time with fresh copies and the same random seed.

    Args:
        function: the answer.
        cases: argument tuples; they are never changed.
        run: `run(function, *case)` instead of `function(*case)`.
        seconds: what all cases together may take; the one that is running then, and all that
            follow, end in `TimeLimit`. Without it the function is the course's own, and trusted.

    Returns:
        One `Trial` a case, and whether anything was printed. `KeyboardInterrupt` passes through.

    >>> [trial.value for trial in attempt(abs, [(-1.0,), (2.0,)])[0]]
    [1.0, 2.0]
    """
    trials: list[Trial] = []
    trusted = seconds == math.inf
    walls = contextlib.nullcontext if trusted else names_kept
    end = time.monotonic() + seconds
    with contained(trusted) as sink:
        for case in cases:
            if trials and isinstance(trials[-1].error, TimeLimit):
                trials.append(trials[-1])
                continue
            arguments = fresh(case)
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            torch.manual_seed(0)

            def call(inputs=arguments):
                with walls():
                    value = run(function, *inputs) if run else function(*inputs)
                return settled(value)

            value, error = outcome(call, max(end - time.monotonic(), 0.0))
            trials.append(Trial(value, error, first_changed(case, arguments)))
    return trials, sink.used


def outcome(call: Callable, seconds: float) -> tuple[Any, BaseException | None]:
    """What a call returns and what it raises; only `KeyboardInterrupt` passes through."""
    try:
        return limited(call, seconds), None
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        return None, _tellable(raised)


def _tellable(error: BaseException) -> BaseException:
    """An exception, or one of the same name if its own text cannot be read."""
    try:
        limited(lambda: str(error), 1.0)
    except BaseException:
        kind = type(type(error).__name__, (Exception,), {})
        return kind("its text cannot be read").with_traceback(error.__traceback__)
    return error


def settled(value: Any) -> Any:
    """A value without a learner's code in it: what that would do when it is read, it does now.

    Containers, tensors, arrays, numbers and strings of a learner's own class become plain ones;
    other objects become arrays or numbers, if they know how to, or else a stand-in that has only
    their class's name.

    >>> from fractions import Fraction
    >>> settled([Fraction(1, 2), range(2)])
    [0.5, array([0, 1])]
    """
    kind = type(value)
    if value is None or value is ... or kind in PLAIN or kind.__module__.startswith("course_lib."):
        return value
    if issubclass(kind, torch.Tensor):
        with torch._C.DisableTorchFunctionSubclass():
            return value.as_subclass(torch.Tensor)
    for base, plain in BASES.items():
        if issubclass(kind, base):
            return plain(value)
    try:
        array = np.array(value)
        return array[()] if array.dtype.kind in "biufc" else float(value)
    except Exception:
        return type(kind.__name__, (), {})()


# Kinds of values that are as they are, and what makes those of a class derived from others plain.
PLAIN = {bool, int, float, complex, str, np.ndarray, torch.Tensor}
BASES: dict[type, Callable] = {
    tuple: lambda value: tuple(settled(part) for part in tuple.__iter__(value)),
    list: lambda value: [settled(part) for part in list.__iter__(value)],
    dict: lambda value: {settled(key): settled(part) for key, part in dict.items(value)},
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
    str: str.__str__,
}


def fresh(value: Any) -> Any:
    """A deep copy; random generators, which cannot be copied so, are cloned with their state."""
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(fresh(part) for part in value)
    return value.clone_state() if isinstance(value, torch.Generator) else copy.deepcopy(value)


def first_changed(before: tuple, after: tuple) -> int | None:
    """The position of the first argument whose numbers are no longer what they were."""
    for position, (old, new) in enumerate(zip(before, after, strict=True)):
        if not _unchanged(old, new):
            return position
    return None


def _unchanged(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return False
    if isinstance(old, torch.Tensor):
        return (old.shape, old.dtype) == (new.shape, new.dtype) and bool(
            torch.equal(old.detach().nan_to_num(), new.detach().nan_to_num())
        )
    if isinstance(old, np.ndarray):
        return old.shape == new.shape and bool(np.all((old == new) | (old != old)))
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(_unchanged(old[key], new[key]) for key in old)
    if isinstance(old, (list, tuple)):
        return len(old) == len(new) and all(map(_unchanged, old, new))
    if isinstance(old, (float, int, str)):
        return old == new or old != old
    return True  # other objects may keep count of their calls
