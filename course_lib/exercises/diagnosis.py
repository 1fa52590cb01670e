"""Diagnoses of values that fit any function exercise, in the learner's terms.

An exercise's own misconceptions come first; these speak when none of them fits. Each gives
`(name, message)`, or None if it does not apply.
"""

from typing import Any

import numpy as np

from course_lib.exercises.sandbox import Trial
from course_lib.exercises.values import a_kind, as_array, shape_text, show


def changed_input(name: str, right: bool) -> str:
    """The function changes an argument in place; its value may be right or not."""
    return (
        f"Your function changes its input `{name}` in place: after the call, the caller's own"
        f" numbers are others. Write `{name} = {name} + …` instead of `{name} += …` or"
        f" `{name}[…] = …`, or work on a copy."
        f" The value returned is {'right' if right else 'not right either'}."
    )


def wrong_kind(got: Any, expected: Any) -> tuple[str, str] | None:
    """None, a generator, a dictionary, … where numbers are expected."""
    if got is None and expected is not None:
        return "returns nothing", "Your function returns None: is a `return` missing?"
    if isinstance(expected, tuple):
        count = len(got) if isinstance(got, (tuple, list)) else None
        if count != len(expected):
            mine = f"a tuple of {count}" if count is not None else a_kind(got)
            return "wrong kind", f"Expected are {len(expected)} values, a tuple; yours is {mine}."
        pairs = zip(got, expected, strict=True)
        return next((found for g, e in pairs if (found := wrong_kind(g, e))), None)
    try:
        as_array(expected)
    except TypeError:
        return None
    try:
        as_array(got)
    except (TypeError, ValueError) as reason:
        why = f": {reason}" if isinstance(got, (list, tuple)) else ""
        return "wrong kind", f"A number or an array is expected; yours is {a_kind(got)}{why}."
    return None


def wrong_shape(got: Any, expected: Any) -> tuple[str, str] | None:
    """Another shape than expected; the [n, n] that broadcasting makes is named."""
    if isinstance(expected, tuple):
        pairs = zip(got, expected, strict=True)
        return next((found for g, e in pairs if (found := wrong_shape(g, e))), None)
    try:
        mine, wanted = as_array(got).shape, as_array(expected).shape
    except (TypeError, ValueError):
        return None
    if mine == wanted or np.prod(mine) == np.prod(wanted) == 1:
        return None
    message = f"The shape is {shape_text(mine)} and should be {shape_text(wanted)}."
    squeezed = tuple(length for length in wanted if length != 1)
    if len(squeezed) == 1 and mine == squeezed * 2:
        n = squeezed[0]
        message += (
            f" An array of shape [{n}] met one of shape [{n}, 1]: broadcasting pairs every entry"
            f" of the one with every entry of the other, which makes [{n}, {n}]."
        )
    elif squeezed == tuple(length for length in mine if length != 1):
        message += " The numbers may be right, but an axis of length 1 is too many or missing."
    elif mine == wanted[::-1]:
        message += " It looks transposed."
    return "wrong shape", message


def not_finite(got: Any, expected: Any) -> tuple[str, str] | None:
    """NaN or infinity where a finite number is expected."""
    try:
        array, wanted = _numbers(got), _numbers(expected)
    except (TypeError, ValueError):
        return None
    spoiled = ~np.isfinite(array) & np.isfinite(wanted)
    if not spoiled.any():
        return None
    what = "NaN (not a number)" if np.isnan(array[spoiled][0]) else "an infinite value"
    return "not finite", (
        f"Your function returns {what}. Look for a division by zero, the logarithm or root of a"
        " negative number, or an exponential of something large."
    )


def common_factor(trials: list[Trial], references: list[Trial]) -> tuple[str, str] | None:
    """The same wrong factor (or sign) everywhere, or right to only a few digits."""
    try:
        got = np.concatenate([_numbers(trial.value) for trial in trials])
        wanted = np.concatenate([_numbers(trial.value) for trial in references])
    except (TypeError, ValueError):
        return None
    size = np.abs(wanted)
    tiny = 1e-6 * size.max(initial=0.0)
    telling = size > tiny
    if got.shape != wanted.shape or telling.sum() < 2 or np.any(np.abs(got[~telling]) > tiny):
        return None
    ratios = got[telling] / wanted[telling]
    factor, spread = ratios.mean(), np.abs(ratios - ratios.mean()).max()
    if np.abs(ratios - 1).max() < 1e-3:
        digits = int(-np.log10(np.abs(ratios - 1).max()))
        return "low precision", (
            f"Yours agrees with the expected value to about {digits} digits, and more are asked"
            " for. Is something rounded, or computed in half precision, or a term left out?"
        )
    if not spread <= 1e-4 * abs(factor):
        return None
    if abs(factor + 1) < 1e-4:
        return "wrong sign", "Yours has the right size in every case and the opposite sign."
    return "constant factor", f"Yours is {show(factor)} times the expected value in every case."


def _numbers(value: Any) -> np.ndarray:
    """All numbers of a value in one row."""
    if isinstance(value, tuple):
        return np.concatenate([_numbers(part) for part in value])
    return as_array(value).ravel()
