"""The walls around a learner's code: what it changes is put back, and it may not run for ever.

Beyond these walls are a class's attributes outside the course's own modules, files, processes, and
a single call into C that never returns: they need another process, and exercises need none of them.
"""

import builtins
import contextlib
import ctypes
import io
import math
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from threading import Lock
from types import FrameType
from typing import Any

import numpy as np
import torch

REPEAT = 1.0  # seconds until the alarm rings again, should an `except:` have caught it
MISSING = object()


class TimeLimit(BaseException):
    """The code ran longer than it may; no `except Exception` of its own can catch this."""


class Sink(io.TextIOBase):
    """Takes any amount of printed text and keeps only whether there was some."""

    used = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.used = self.used or bool(text.strip())
        return len(text)


@contextlib.contextmanager
def contained() -> Iterator[Sink]:
    """Swallow output, and put back what may have been changed inside.

    Put back are random states, default dtype, gradient mode, NumPy's error mode, matplotlib's
    settings, and every name of the course's modules, of torch, NumPy, math and the built-ins that
    was given another value; figures opened inside are closed. Inside, the default dtype is
    float64, like the cases' tensors: a learner's `torch.zeros(2)` then fits them.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    dtype, gradients, floats = torch.get_default_dtype(), torch.is_grad_enabled(), np.geterr()
    sink = Sink()
    try:
        with (
            _names_kept(),
            _pictures_kept(),
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


def limited(call: Callable[[], Any], seconds: float) -> Any:
    """`call()`, or `TimeLimit` from within it at the next Python instruction after `seconds`.

    A watching thread raises it, on every system alike (signals would need the main thread and
    Unix). It rings only while this very call is on the thread's stack: an alarm may interrupt any
    instruction, the clean-up below too, and must never go off in code that comes afterwards.

    >>> def loop():
    ...     while True:
    ...         pass
    >>> try:
    ...     limited(loop, seconds=0.05)
    ... except TimeLimit:
    ...     print("stopped")
    stopped
    """
    thread, frame, over, lock = threading.get_ident(), sys._getframe(), threading.Event(), Lock()

    def watch():
        wait = min(seconds, threading.TIMEOUT_MAX)
        while not over.wait(wait):
            with lock:
                if over.is_set() or not _on_stack(thread, frame):
                    return
                _raise_in(thread, TimeLimit)
            wait = REPEAT

    threading.Thread(target=watch, daemon=True).start()
    try:
        return call()
    finally:
        with lock:
            over.set()
            _raise_in(thread, None)  # an alarm that has not been heard yet is taken back


def _on_stack(thread: int, frame: FrameType) -> bool:
    """Whether a function's call is still going on in a thread."""
    now = sys._current_frames().get(thread)
    while now is not None and now is not frame:
        now = now.f_back
    return now is not None


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    kind = None if exception is None else ctypes.py_object(exception)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), kind)


@contextlib.contextmanager
def _names_kept() -> Iterator[None]:
    """Give the modules a learner might meddle with their own names back."""
    course = [m for name, m in sys.modules.items() if name.split(".")[0] == "course_lib"]
    outside = [builtins, math, np, torch, torch.nn, torch.nn.functional]
    kept = [(vars(module), dict(vars(module))) for module in (*course, *outside)]
    try:
        yield
    finally:
        for now, before in kept:
            for name, value in before.items():
                if now.get(name, MISSING) is not value:
                    now[name] = value


@contextlib.contextmanager
def _pictures_kept() -> Iterator[None]:
    """Keep matplotlib's settings, and close the figures opened inside, if it is in use at all."""
    if "matplotlib.pyplot" not in sys.modules:
        yield
        return
    from matplotlib import pyplot as plt

    before = set(plt.get_fignums())
    try:
        with plt.rc_context():
            yield
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
