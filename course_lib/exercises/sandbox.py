"""Run an answer without letting it do harm: the one place where a learner's code is called.

Whatever the answer does to the random generators, the default dtype, printed output or its own
arguments ends here. (A limit on its time belongs into `attempt`, and nowhere else.)
"""

import contextlib
import copy
import io
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Trial:
    """What one call did: its value or its exception, and the position of an argument it changed."""

    value: Any = None
    error: BaseException | None = None
    changed: int | None = None


class _Sink(io.TextIOBase):
    """Takes any amount of printed text and keeps only whether there was some."""

    used = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.used = self.used or bool(text.strip())
        return len(text)


@contextlib.contextmanager
def contained() -> Iterator[_Sink]:
    """Swallow output, and put back random states, default dtype and gradient mode afterwards.

    Inside, the default dtype is float64, like the cases' tensors: a learner's `torch.zeros(2)`
    then fits them.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    dtype, gradients, floats = torch.get_default_dtype(), torch.is_grad_enabled(), np.geterr()
    sink = _Sink()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(sink),
            contextlib.redirect_stderr(sink),
            torch.random.fork_rng(),
        ):
            torch.set_default_dtype(torch.float64)
            torch.set_grad_enabled(True)
            yield sink
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        np.seterr(**floats)


def attempt(
    function: Callable, cases: list[tuple], run: Callable | None = None
) -> tuple[list[Trial], bool]:
    """Call a function on every case, each time with fresh copies and the same random seed.

    Args:
        function: the answer.
        cases: argument tuples; they are never changed.
        run: `run(function, *case)` instead of `function(*case)`.

    Returns:
        One `Trial` a case, and whether anything was printed. `KeyboardInterrupt` passes through.

    >>> [trial.value for trial in attempt(abs, [(-1.0,), (2.0,)])[0]]
    [1.0, 2.0]
    """
    trials = []
    with contained() as sink:
        for case in cases:
            arguments = fresh(case)
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            torch.manual_seed(0)
            value = error = None
            try:
                value = run(function, *arguments) if run else function(*arguments)
            except (Exception, SystemExit) as raised:
                error = raised
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
