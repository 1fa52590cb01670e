"""The walls around a learner's code: what it changes is put back.

Put back are random states, modes and settings (`STATES`), signal handlers, figures, and every name
in the modules a learner might meddle with. Ways to end the process (`os._exit`, IPython's `exit`)
raise SystemExit instead. Loops without an end, and threads, are ended by `limits.py`.

Beyond these walls are files, other processes, attributes of other classes than `CLASSES`, and a
crash inside C. That would need another process, and exercises need none of it.
"""

import builtins
import contextlib
import copy
import decimal
import gc
import inspect
import io
import locale
import math
import operator
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from course_lib.exercises.limits import threads_ended

MISSING = object()


class Sink(io.TextIOBase):
    """Takes any amount of printed text and keeps only whether there was some."""

    used = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.used = self.used or bool(text.strip())
        return len(text)


def _put_environment(before: dict) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    for name, value in before.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _put_device(before: torch.device) -> None:
    if torch.get_default_device() != before:
        torch.set_default_device(None if before.type == "cpu" else before)


def _put_path(before: list) -> None:
    sys.path[:] = before


def _put_handlers(before: dict) -> None:
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _handlers() -> dict:
    """Who answers to which signal; nothing outside the main thread, where none can be set."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


# How a state is read, and how it is set again; the first five also after the course's own code.
STATES: list[tuple[Callable, Callable]] = [
    (random.getstate, random.setstate),
    (np.random.get_state, np.random.set_state),
    (np.geterr, lambda modes: np.seterr(**modes)),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (np.get_printoptions, lambda options: np.set_printoptions(**options)),
    (torch.get_default_device, _put_device),
    (torch.is_anomaly_enabled, torch.set_anomaly_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (lambda: dict(os.environ), _put_environment),
    (os.getcwd, os.chdir),
    (lambda: list(sys.path), _put_path),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    (lambda: decimal.getcontext().copy(), decimal.setcontext),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (_handlers, _put_handlers),
]
# Modules whose names are kept besides the course's own, and classes whose attributes are.
MODULES = [
    builtins, copy, inspect, math, os, random, signal, sys, threading, time, np, np.linalg,
    np.random, torch, torch.autograd, torch.fft, torch.linalg, torch.nn, torch.nn.functional,
    torch.nn.init, torch._tensor_str.PRINT_OPTS,
]  # fmt: skip
CLASSES = [torch.Tensor, torch.nn.Module, torch.nn.Linear]


@contextlib.contextmanager
def contained(trusted: bool = False) -> Iterator[Sink]:
    """Swallow output, and put back what may have been changed inside; see the module.

    Inside, the default dtype is float64, like the cases' tensors: a learner's `torch.zeros(2)` then
    fits them.

    Args:
        trusted: for the course's own code, which draws random numbers and no more; much quicker.
    """
    sink = Sink()
    with contextlib.ExitStack() as after:
        for get, put in STATES[: 5 if trusted else None]:
            after.callback(put, get())
        walls = (names_kept, _pictures_kept, _nothing_shown, warnings.catch_warnings)
        walls += (_alarm_clock_kept, threads_ended, _doors_shut)
        for wall in () if trusted else walls:
            after.enter_context(wall())
        after.enter_context(contextlib.redirect_stdout(sink))
        after.enter_context(contextlib.redirect_stderr(sink))
        after.enter_context(torch.random.fork_rng())
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(True)
        yield sink


@contextlib.contextmanager
def names_kept() -> Iterator[None]:
    """Give the modules a learner might meddle with their own names back."""
    course = [m for name, m in sys.modules.items() if name.split(".")[0] == "course_lib"]
    kept = [(vars(module), dict(vars(module))) for module in (*course, *MODULES)]
    classes = [(kind, dict(vars(kind))) for kind in CLASSES]
    # Local, because an answer may have given the built-ins other values by then.
    missing, put, take, attributes, has = MISSING, setattr, delattr, vars, hasattr
    every, each = all, map
    try:
        yield
    finally:
        for now, before in kept:
            if every(
                each(operator.is_, each(now.get, before), before.values())
            ):  # quick, and nearly always so
                continue
            for name, value in before.items():
                if now.get(name, missing) is not value:
                    now[name] = value
        for kind, before in classes:
            now = attributes(kind)
            for name in now.keys() - before.keys():
                if has(kind.__mro__[1], name):  # it hides the one that belongs there
                    take(kind, name)
            for name, value in before.items():
                if now.get(name, missing) is not value:
                    put(kind, name, value)


@contextlib.contextmanager
def _pictures_kept() -> Iterator[None]:
    """Keep matplotlib's settings and figures, and no new ones, if it is in use at all."""
    if "matplotlib.pyplot" not in sys.modules:
        yield
        return
    from matplotlib import _pylab_helpers
    from matplotlib import pyplot as plt

    figures = _pylab_helpers.Gcf.figs
    before, interactive = dict(figures), plt.isinteractive()
    names, backend = dict(vars(plt)), dict.get(plt.rcParams, "backend")
    try:
        with plt.rc_context():
            try:
                yield
            finally:
                vars(plt).update(names)
                for number in set(figures) - set(before):
                    plt.close(number)
                if plt.isinteractive() != interactive:
                    (plt.ion if interactive else plt.ioff)()
    finally:
        figures.clear()
        figures.update(before)
        dict.__setitem__(plt.rcParams, "backend", backend)  # not as `use` does: nothing is closed


@contextlib.contextmanager
def _nothing_shown() -> Iterator[None]:
    """In IPython, catch what `display` or `plt.show` would show."""
    if _shell() is None:
        yield
        return
    from IPython.utils.capture import capture_output

    with capture_output(stdout=False, stderr=False, display=True):
        yield


def _shell() -> Any:
    """IPython's shell, or None outside of it."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


@contextlib.contextmanager
def _doors_shut() -> Iterator[None]:
    """No way out of the process: `os._exit` and its kin raise SystemExit. (`names_kept` opens.)"""
    shell, process, leave = _shell(), os.getpid(), os._exit

    def refuse(*_):
        if os.getpid() != process:  # in a child, whose only way out this is
            leave(1)
        raise SystemExit("it would end the kernel")

    os._exit = os.abort = refuse
    own = {} if shell is None else vars(shell)
    before = own.get("ask_exit", MISSING)
    own["ask_exit"] = refuse
    try:
        yield
    finally:
        own["ask_exit"] = before
        if before is MISSING:
            del own["ask_exit"]


@contextlib.contextmanager
def _alarm_clock_kept() -> Iterator[None]:
    """Stop an alarm clock (`signal.alarm`) that was set inside, and would kill the process."""
    running = getattr(signal, "getitimer", None)
    before = running(signal.ITIMER_REAL) if running else None
    try:
        yield
    finally:
        if before == (0.0, 0.0):
            signal.setitimer(signal.ITIMER_REAL, 0)
