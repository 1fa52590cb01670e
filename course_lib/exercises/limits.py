"""How long a learner's code may run and how much memory it may take; its threads end with it.

Beyond these limits is a single call into C that neither returns nor waits, such as
`sum(range(10**12))` or one huge matrix product: Python gets no turn until it is over. (One that
waits, `time.sleep` or a lock, is interrupted where there are Unix signals and the check runs in the
main thread.) An answer that catches everything in two nested endless loops may go on. A huge array
is refused by the operating system or not at all; memory that grows bit by bit is watched on Linux
only. All of that would need another process, and exercises need none of it.
"""

import contextlib
import ctypes
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Any

TICK = 0.05  # seconds between two looks at the memory
REPEAT = 1.0  # seconds until the alarm rings again, should an `except:` have caught it
MEMORY = 512 * 2**20  # bytes that an answer may take beyond what there was
WAKE = getattr(signal, "SIGURG", None)  # who does not ask for this signal does not notice it
WATCH = "time limit of an answer"  # the name of the thread that watches
# Kept here, because an answer may give these names other values.
_now, _frames, _trace = time.monotonic, sys._current_frames, sys.settrace
_send = getattr(signal, "pthread_kill", None)


class TimeLimit(BaseException):
    """The code ran longer than it may; no `except Exception` of its own can catch this."""


class MemoryLimit(TimeLimit):
    """The code went on taking memory."""


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
            _trace(raise_again)
            while here is not frame:
                here.f_trace = raise_again
                here = here.f_back
        raise reasons[-1]

    def watch():
        while not over.is_set():
            try:
                patrol()
            except BaseException:  # no memory, or no `int` any more: the watch must go on
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
                    _send(thread, WAKE)
                else:
                    _raise_in(thread, reason)
            wait = REPEAT

    handler = signal.signal(WAKE, alarm) if signals else None
    try:
        # Not in `inside`, where an alarm could strike in `start` itself.
        threading.Thread(target=watch, daemon=True, name=WATCH).start()
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
            _trace(tracer)
        if signals:
            signal.signal(WAKE, handler)


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


@contextlib.contextmanager
def threads_ended() -> Iterator[None]:
    """End the threads that were started inside; one that sleeps ends when it wakes."""
    before = set(threading.enumerate())
    try:
        yield
    finally:
        for thread in set(threading.enumerate()) - before:
            if thread.ident is not None and thread.name != WATCH:
                _raise_in(thread.ident, SystemExit)
                thread.join(0.1)
