"""How good are forecasts, and how sure is that? Skill scores, and intervals by blocks in time.

value, low, high = rmse_interval(sums)              # sums [blocks, 2]: squared errors, how many
value, low, high = rmse_interval(sums, reference)   # the difference of two on the same blocks
"""

from collections.abc import Callable

import numpy as np


def skill_score(mse, reference):
    """1 − MSE/MSE_reference: 1 is perfect, 0 no better than the reference, negative worse.

    Args:
        mse, reference: mean squared errors on the same samples, numbers or arrays of one shape.

    Source: Murphy 1988, Mon. Wea. Rev. 116, 2417–2424. Raises `ValueError` if the reference makes
    no error, for then nothing can be better.

    >>> skill_score(1.0, 4.0), skill_score(4.0, 4.0)
    (0.75, 0.0)
    """
    if np.any(np.asarray(reference) <= 0):
        raise ValueError("the reference's mean squared error must be positive")
    return 1 - mse / reference


def block_bootstrap(
    statistic: Callable[[np.ndarray], float | np.ndarray],
    blocks: np.ndarray,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple:
    """An interval [low, high] of `statistic(blocks)`, by drawing whole blocks with replacement.

    Errors of neighbouring hours resemble each other, so hours may not be drawn one by one; blocks
    some days apart nearly may.

    Args:
        statistic: of an array of as many blocks.
        blocks: one entry for each block along the first axis [n, …].

    Source: Künsch 1989, doi:10.1214/aos/1176347265; here the blocks are fixed and do not overlap.

    >>> low, high = block_bootstrap(np.mean, np.arange(100.0))
    >>> bool(43 < low < 45 < 54 < high < 56)
    True
    """
    blocks = np.asarray(blocks)
    if len(blocks) < 2:
        raise ValueError(f"an interval needs at least two blocks, got {len(blocks)}")
    index = np.random.default_rng(seed).integers(len(blocks), size=(draws, len(blocks)))
    values = np.array([statistic(blocks[i]) for i in index])
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail], axis=0)
    return low, high


def rmse_interval(
    blocks: np.ndarray, reference: np.ndarray | None = None, how: Callable = np.subtract
) -> tuple[float, float, float]:
    """A root mean square error, or two compared, with its 95 % interval: value, low, high.

    Args:
        blocks: for each block its sum of squared errors, and of how many [n, 2].
        reference: the same for another forecast of the same blocks. Both are drawn together, so
            that what is hard for both does not widen the interval.
        how: `np.subtract` for error − reference error, `np.divide` for their quotient.

    >>> hard = np.array([[100.0, 1.0], [1.0, 1.0], [25.0, 1.0]])
    >>> worse = hard * [4, 1]  # twice the error in each block
    >>> [round(float(v), 6) for v in rmse_interval(hard, worse, np.divide)]
    [0.5, 0.5, 0.5]
    """
    root = lambda part: np.sqrt(np.divide(*part.sum(0)))  # noqa: E731
    if reference is None:
        return root(blocks), *block_bootstrap(root, blocks)
    if np.shape(reference) != np.shape(blocks):
        raise ValueError(f"blocks {np.shape(blocks)} and reference {np.shape(reference)} differ")
    pair = np.stack([blocks, reference], 1)
    compared = lambda part: how(root(part[:, 0]), root(part[:, 1]))  # noqa: E731
    return compared(pair), *block_bootstrap(compared, pair)
