"""The right-hand side as the solvers call it, and what a step leaves behind."""

from contextlib import ExitStack

import torch

from course_lib.solvers.errors import (
    SolverError,
    changed_in_place,
    explain_call,
    see,
    wrong_result,
)

__all__ = ["Field", "NotFinite", "Step", "WatchedField", "ordinary_tensors"]

FIRST_CALLS = 8  # in which func shows whether it hands out the same memory again and again


def ordinary_tensors() -> ExitStack:
    """A context in which tensors are ordinary ones, even inside `torch.inference_mode()`.

    There autograd cannot be switched on again, and the derivatives that implicit Euler or a trace
    take on their way would silently be zero. As there, nothing is recorded unless asked for.
    """
    stack = ExitStack()
    if torch.is_inference_mode_enabled():
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
    return stack


class Field:
    """func(t, y) of a float t: called, counted, and its result looked at."""

    def __init__(self, func, y0: torch.Tensor):
        self.func = func
        self.nfe = 0
        self.shape, self.dtype, self.device = y0.shape, y0.dtype, y0.device
        self.time_dtype = y0.real.dtype
        self.t = self.time = None
        self.first, self.shares_memory = None, False

    def __call__(self, t: float, y: torch.Tensor) -> torch.Tensor:
        self.nfe += 1
        if t != self.t:  # two stages often share a time
            self.t, self.time = t, torch.full((), t, dtype=self.time_dtype, device=self.device)
        version = y._version
        try:
            k = self.func(self.time, y)
        except TypeError as error:
            explain_call(error, self.func)
            raise
        if y._version != version or self.time._version:
            self.t = None  # this time is spoiled
            raise changed_in_place(t)
        if (
            not isinstance(k, torch.Tensor)
            or k.shape != self.shape
            or k.dtype is not self.dtype
            or k.device != self.device
        ):
            raise wrong_result(k, self.shape, self.dtype, self.device, t)
        if self.nfe <= FIRST_CALLS:
            if k.layout is not torch.strided:
                raise wrong_result(k, self.shape, self.dtype, self.device, t)
            k = self.look_at_memory(k)
        return k.clone() if self.shares_memory else k

    def look_at_memory(self, k: torch.Tensor) -> torch.Tensor:
        """Find out whether func writes every result into one buffer: then they must be copied.

        Else a slope would change while it is still needed. The first result is copied anyway.
        """
        if self.first is None:
            self.first = k
            return k.clone()
        self.shares_memory |= k is self.first or _address(k) == _address(self.first)
        if self.nfe == FIRST_CALLS:
            self.first = None
        return k


def _address(k: torch.Tensor):
    """Where the numbers are; the tensors of torch.func have no such place."""
    try:
        return k.data_ptr()
    except RuntimeError:
        return id(k)


class WatchedField(Field):
    """A field that looks at every result and stops at the first one that is not finite."""

    def __init__(self, field: Field):
        vars(self).update(vars(field))

    def __call__(self, t: float, y: torch.Tensor) -> torch.Tensor:
        k = super().__call__(t, y)
        if not torch.isfinite(k).all():
            raise NotFinite(t, y)
        return k


class NotFinite(Exception):
    """func(t, y) is NaN or Inf."""

    def at_step(self, t0: float, y0: torch.Tensor) -> SolverError:
        """What to tell the user, with the last state that was good."""
        t, y = self.args
        return SolverError(
            f"func returned NaN or Inf at t = {t:.9g}, where the largest |y| is "
            f"{float(y.abs().max()):.2g}. Look at func there (a division, a root, a logarithm?); "
            "if |y| is huge, the steps are too large for the method to be stable: take a smaller "
            f"step_size, or method='implicit_euler'. {see('underflow')}",
            t0,
            y0,
        )


class Step:
    """A step from (t0, y0) to (t1, y1), with the slopes that were evaluated on its way."""

    __slots__ = ("slopes", "t0", "t1", "y0", "y1")

    def __init__(self, t0: float, t1: float, y0, y1, slopes: list):
        self.t0, self.t1, self.y0, self.y1, self.slopes = t0, t1, y0, y1, slopes
