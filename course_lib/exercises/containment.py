"""The walls around a learner's code: what it changes is put back, and it may not run for ever.

Put back are random states, modes and settings (`STATES`), signal handlers, figures, and every name
in the modules a learner might meddle with; threads started inside are ended. Ways to end the
process (`os._exit`, IPython's `exit`) raise SystemExit instead.

Beyond these walls are files, other processes, attributes of other classes than `CLASSES`, a crash
inside C, and a single call into C that neither returns nor waits, such as `sum(range(10**12))` or
one huge matrix product: Python gets no turn until it is over. (One that waits, `time.sleep` or a
lock, is interrupted where there are Unix signals and the check runs in the main thread.) An answer
that catches everything in two nested endless loops may go on. A huge array is refused by the
operating system or not at all; memory that grows bit by bit is watched on Linux only. All of that
would need another process, and exercises need none of it.
"""

import builtins
import contextlib
import copy
import ctypes
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
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any

import numpy as np
import torch

TICK = 0.05  # seconds between two looks at the memory
REPEAT = 1.0  # seconds until the alarm rings again, should an `except:` have caught it
MEMORY = 512 * 2**20  # bytes that an answer may take beyond what there was
WAKE = getattr(signal, "SIGURG", None)  # who does not ask for this signal does not notice it
MISSING = object()


class TimeLimit(BaseException):
    """The code ran longer than it may; no `except Exception` of its own can catch this."""


class MemoryLimit(TimeLimit):
    """The code went on taking memory."""


class Sink(io.TextIOBase):
    """Takes any amount of printed text and keeps only whether there was some."""

    used = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.used = self.used or bool(text.strip())
        return len(text)


# --- What is put back ----------------------------------------------------------------------------


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
        walls += (_alarm_clock_kept, _threads_ended, _doors_shut)
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


@contextlib.contextmanager
def _threads_ended() -> Iterator[None]:
    """End the threads that were started inside; one that sleeps ends when it wakes."""
    before = set(threading.enumerate())
    try:
        yield
    finally:
        for thread in set(threading.enumerate()) - before:
            if thread.ident is not None and thread.name != WATCH:
                _raise_in(thread.ident, SystemExit)
                thread.join(0.1)


# --- The time limit ------------------------------------------------------------------------------


def limited(call: Callable[[], Any], seconds: float) -> Any:
    """`call()`, or `TimeLimit` from within it at the next Python instruction after `seconds`.

    A watching thread raises it, on every system alike. In the main thread on Unix it sends a
    signal instead, which also ends waiting in C. Either rings only while this very call is on the
    thread's stack: an alarm may interrupt any instruction, and must never go off in the clean-up
    below or in code that comes afterwards. `MemoryLimit` is raised likewise.

    >>> def loop():
    ...     while True:
    ...         pass
    >>> try:
    ...     limited(loop, seconds=0.05)
    ... except TimeLimit:
    ...     print("stopped")
    stopped
    """
    if seconds == math.inf:
        return call()
    thread, over, lock = threading.get_ident(), threading.Event(), Lock()
    frame: FrameType | None = None  # that of `inside`, while it runs
    signals = WAKE is not None and threading.current_thread() is threading.main_thread()
    end, most, tracer = _now() + seconds, _resident() + MEMORY, sys.gettrace()
    reasons: list[type[TimeLimit]] = []  # one for every time that the alarm has rung

    def inside():
        nonlocal frame
        frame = sys._getframe()
        return call()

    def raise_again(here, event, _):
        if event == "line" and _called_by(here, frame):
            raise reasons[-1]
        return raise_again

    def alarm(_, here):
        """Raises in the learner's code; from the second time on also in its next line, which
        is inside the `except:` that has caught the first."""
        if over.is_set() or not _called_by(here, frame):
            return
        if len(reasons) > 1:
            sys.settrace(raise_again)
            while here is not frame:
                here.f_trace = raise_again
                here = here.f_back
        raise reasons[-1]

    def watch():
        while not over.is_set():
            try:
                patrol()
            except BaseException:  # out of memory, say: just then the watch must go on
                continue

    def patrol():
        wait = seconds if seconds < TICK else TICK
        while not over.wait(wait):
            reason = TimeLimit if _now() >= end else MemoryLimit if _resident() > most else None
            if reason is None:
                rest = end - _now()
                wait = rest if 0 < rest < TICK else TICK
                continue
            with lock:
                if over.is_set():
                    return
                if not _called_by(_frames().get(thread), frame):  # not yet, or no longer
                    wait = 0.001
                    continue
                reasons.append(reason)
                if signals:
                    signal.pthread_kill(thread, WAKE)
                else:
                    _raise_in(thread, reason)
            wait = REPEAT

    handler = signal.signal(WAKE, alarm) if signals else None
    threading.Thread(target=watch, daemon=True, name=WATCH).start()
    try:
        try:
            return inside()
        finally:
            with lock:
                over.set()
            if reasons and not signals:
                _take_back(thread)
    finally:
        over.set()
        if sys.gettrace() is not tracer:
            sys.settrace(tracer)
        if signals:
            signal.signal(WAKE, handler)


WATCH = "time limit of an answer"
_now, _frames = time.monotonic, sys._current_frames  # also while an answer has renamed them


def _called_by(now: FrameType | None, frame: FrameType | None) -> bool:
    """Whether a function's call, its frame, is among those that led to `now`."""
    while now is not None and now is not frame:
        now = now.f_back
    return now is not None


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    kind = ctypes.py_object(exception)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), kind)


def _take_back(thread: int) -> None:
    """Put one that is caught here in the place of an alarm that may not have been heard yet.

    (Setting none instead would leave CPython 3.11 waiting for it: the next profiler then hangs.)
    """
    with contextlib.suppress(StopAsyncIteration):
        _raise_in(thread, StopAsyncIteration)
        while True:
            pass


def _resident() -> int:
    """The bytes of memory in use, or 0 on a system that does not tell it as Linux does."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
