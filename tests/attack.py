"""What the solvers are attacked with: strategies of hypothesis, and what counts as a clear error.

`make test` runs a few hundred cases, always the same ones; `make attack` runs CASES times as many,
new ones each time. A failure is printed as the call that shows it, and kept in .hypothesis.
"""

import functools
import os
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from course_lib.solvers import METHODS, SolverError

F32, F64, C64, C128 = torch.float32, torch.float64, torch.complex64, torch.complex128
NAN, INF = float("nan"), float("inf")
LONG = settings.get_current_profile_name() == "attack"
TIMES = int(os.environ.get("CASES", "25")) if LONG else 1
tried: Counter[str] = Counter()  # cases by property
EXPLICIT = [name for name, method in METHODS.items() if method.explicit_rk]
FIXED = [name for name in METHODS if name != "dopri5"]


def cases(number: int):
    """The number of cases of a property in `make test`; those that were tried are counted."""

    def decorate(test):
        inner = test.hypothesis.inner_test

        @functools.wraps(inner)
        def counted(*arguments, **keywords):
            inner(*arguments, **keywords)
            tried[test.__name__] += 1

        test.hypothesis.inner_test = counted
        return settings(
            max_examples=number * TIMES,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )(test)

    return decorate


# --- what is drawn -------------------------------------------------------------------------------

shapes = st.sampled_from([(), (1,), (3,), (2, 3), (1, 2, 1, 2), (0,), (2, 0), (0, 3)])
seeds = st.integers(0, 2**20)
layouts = st.sampled_from(["plain", "transposed", "every second", "expanded", "leaf", "inference"])


def normal(seed: int, *shape, dtype=F64) -> torch.Tensor:
    """Normal numbers that depend on the seed only."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def laid_out(x: torch.Tensor, layout: str) -> torch.Tensor:
    """The same numbers (for "expanded": rows all alike), otherwise in memory."""
    if layout == "transposed" and x.dim() > 1:
        return x.mT.contiguous().mT
    if layout == "every second" and x.dim():
        return torch.stack([x, x + 1], dim=-1)[..., 0]
    if layout == "expanded" and x.dim() and len(x):
        return x[:1].expand(x.shape)
    if layout == "leaf":
        return x.clone().requires_grad_()
    if layout == "inference":
        with torch.inference_mode():
            return x.clone()
    return x


@st.composite
def grids(draw, most: int = 6, span: float = 3.0, dtype=F64) -> torch.Tensor:
    """Output times, rising or falling, sometimes very close to each other."""
    gaps = draw(st.lists(st.sampled_from([1e-6, 0.01, 0.2, 0.5, 1.0]), min_size=1, max_size=most))
    ends = np.cumsum([0.0, *gaps])
    ends = ends / ends[-1] * draw(st.sampled_from([0.1, 1.0, span]))
    t = torch.tensor(ends, dtype=dtype) * draw(st.sampled_from([1, -1]))
    t = t + draw(st.sampled_from([0.0, 0.3, -2.0]))
    return t if len(torch.unique(t)) == len(t) else torch.unique(t)


# --- what an answer may be -----------------------------------------------------------------------


def clear(error: Exception) -> bool:
    """One of the library's own errors: it says what, and where notebook 21 mends it."""
    kind = isinstance(error, ValueError | TypeError | SolverError | FloatingPointError)
    return kind and "notebook 21, §" in str(error)


def from_func(error: Exception) -> bool:
    """Whether the line that raised it stands in a test: the error is func's own."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Path(last.filename).name in ("test_attack.py", "attack.py")


def attempt(call):
    """(result, None) or (None, clear error); anything else is a failure of the library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "takes one step between output times"
        try:
            return call(), None
        except Exception as error:
            if not (clear(error) or from_func(error)):
                raise
            if isinstance(error, SolverError):
                carried = error.solution
                carried = carried if isinstance(carried, tuple) else (carried,)
                assert all(len(part) == len(error.times) for part in carried)
                assert all(torch.isfinite(part).all() for part in carried)
            return None, error


def close(found, wanted, tolerance: float) -> None:
    """Equal up to the tolerance, relative to the largest entry of what is wanted."""
    found, wanted = found.detach(), wanted.detach()
    assert found.shape == wanted.shape
    scale = float(wanted.abs().max()) if wanted.numel() else 0.0
    gap = float((found - wanted).abs().max()) if wanted.numel() else 0.0
    assert gap <= tolerance * max(scale, 1e-300), f"off by {gap:.2e} of {scale:.2e}"
