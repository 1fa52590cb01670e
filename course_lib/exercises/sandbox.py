"""Run an answer without letting it do harm: the one place where a learner's code is called.

Whatever the answer does to the state around it or to its own arguments ends here, and so does an
answer that runs for ever.
"""

import copy
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from course_lib.exercises.containment import TimeLimit, contained, limited


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
            follow, end in `TimeLimit`.

    Returns:
        One `Trial` a case, and whether anything was printed. `KeyboardInterrupt` passes through.

    >>> [trial.value for trial in attempt(abs, [(-1.0,), (2.0,)])[0]]
    [1.0, 2.0]
    """
    trials: list[Trial] = []
    end = time.monotonic() + seconds
    with contained() as sink:
        for case in cases:
            if trials and isinstance(trials[-1].error, TimeLimit):
                trials.append(trials[-1])
                continue
            arguments = fresh(case)
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            torch.manual_seed(0)
            value = error = None
            try:
                call = partial(run, function, *arguments) if run else partial(function, *arguments)
                value = limited(call, max(end - time.monotonic(), 0.0))
            except (Exception, SystemExit, TimeLimit) as raised:
                value, error = None, raised
            trials.append(Trial(value, error, first_changed(case, arguments)))
    return trials, sink.used


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
    if isinstance(old, torch.Tensor):
        return old.shape == new.shape and bool(
            torch.equal(old.detach().nan_to_num(), new.detach().nan_to_num())
        )
    if isinstance(old, np.ndarray):
        return old.shape == new.shape and bool(np.all((old == new) | (old != old)))
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(_unchanged(old[key], new[key]) for key in old)
    if isinstance(old, (list, tuple)):
        return len(old) == len(new) and all(map(_unchanged, old, new))
    return True  # numbers and strings cannot change; objects may keep count of their calls
