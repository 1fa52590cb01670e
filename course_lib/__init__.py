"""The library behind the course: small enough to read in an evening.

Importing it is silent and cheap; `setup()` is the one call a notebook makes before anything else.
"""

import os
import random

from course_lib.claims import claim
from course_lib.environment import explain_errors
from course_lib.exercises import check, hint, solution

__all__ = ["check", "claim", "course_seed", "generator", "hint", "setup", "solution"]

_seed = 0
explain_errors()


def course_seed() -> int:
    """The shift that `COURSE_SEED` in the environment adds to every notebook's seed (default 0).

    >>> isinstance(course_seed(), int)
    True
    """
    text = os.environ.get("COURSE_SEED") or "0"
    if not text.isdecimal() or int(text) > 10**6:  # what all generators take, times 1000
        raise ValueError(f"COURSE_SEED must be a whole number from 0 to 1000000, got {text!r}")
    return int(text)


def setup(seed: int = 0, dtype: str = "float32") -> None:
    """Seed every generator, set figure style, threads and default dtype; print nothing.

    `COURSE_SEED` shifts `seed`; `COURSE_CONTEXT` (`notebook` or `projector`) chooses the type size.
    One thread keeps results the same on every machine, and is faster for networks this small.

    Args:
        seed: the notebook's own seed.
        dtype: name of torch's default floating type, `"float32"` or `"float64"`.

    >>> setup(seed=0)
    """
    global _seed
    import numpy as np
    import torch

    from course_lib.plotting import use_style

    _seed = seed + course_seed()
    random.seed(_seed)
    np.random.seed(_seed)  # noqa: NPY002 - libraries that a notebook calls may use the legacy state
    torch.manual_seed(_seed)
    torch.set_num_threads(1)
    torch.set_default_dtype(getattr(torch, dtype))
    use_style(os.environ.get("COURSE_CONTEXT", "notebook"))


def generator(offset: int = 0):
    """A fresh `torch.Generator` for one experiment, so that cells may run in any order.

    Args:
        offset: tells the experiments of a notebook apart; the notebook's seed is added.

    >>> import torch
    >>> same = torch.rand(2, generator=generator(1)) == torch.rand(2, generator=generator(1))
    >>> bool(same.all())
    True
    """
    import torch

    return torch.Generator().manual_seed(1000 * _seed + offset)
