"""The right-hand side as the solvers call it, and what a step leaves behind."""

import torch

from course_lib.solvers.errors import SolverError, explain_call, see, wrong_result

__all__ = ["Field", "NotFinite", "Step", "WatchedField"]


class Field:
    """func(t, y) of a float t: called, counted, and its result looked at."""

    def __init__(self, func, y0: torch.Tensor):
        self.func = func
        self.nfe = 0
        self.shape, self.dtype, self.device = y0.shape, y0.dtype, y0.device
        self.time_dtype = y0.real.dtype
        self.t = self.time = None

    def __call__(self, t: float, y: torch.Tensor) -> torch.Tensor:
        self.nfe += 1
        if t != self.t:  # two stages often share a time
            self.t, self.time = t, torch.full((), t, dtype=self.time_dtype, device=self.device)
        try:
            k = self.func(self.time, y)
        except TypeError as error:
            explain_call(error, self.func)
            raise
        if (
            not isinstance(k, torch.Tensor)
            or k.shape != self.shape
            or k.dtype is not self.dtype
            or k.device != self.device
        ):
            raise wrong_result(k, self.shape, self.dtype, self.device, t)
        return k


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
