"""Claims: what a notebook says in numbers, asserted where it says it, and collected in a ledger.

`claim` shows one row and fails the cell if the number is not as required. The row is also stored
in the executed notebook in machine-readable form; `python -m course_lib.claims` collects all of
them into CLAIMS.md, and `--check` tells whether that file is current.
"""

import math
import re
from typing import Any

from course_lib.claims.ledger import MIME, collect, main, reproductions, to_markdown

__all__ = [
    "MIME",
    "ClaimError",
    "claim",
    "collect",
    "main",
    "number_text",
    "reproductions",
    "to_markdown",
]

COLUMN = 44  # the width of the claim's own words
WIDTH = 120  # what a notebook's output shows in one line


class ClaimError(AssertionError):
    """A measured number is not as the claim requires; the message says both."""


def claim(
    text: str,
    value: Any,
    *,
    between: tuple[float, float] | None = None,
    below: float | None = None,
    above: float | None = None,
    equals: float | bool | None = None,
    source: str = "",
    published: str | float = "",
) -> None:
    """Assert a number that the text speaks of, and show it as one aligned row.

    Args:
        text: the claim, in words.
        value: the measured number: Python, numpy or torch scalar, or a truth value.
        between: (lower, upper), both allowed.
        below, above: a bound that itself is not allowed.
        equals: the exact value, for counts and truth values.
        source: where the claim comes from: paper and equation, or the notebook's own "(4.8)".
        published: the source's figure, if it has one.

    Raises:
        ClaimError: the number is not as required (NaN never is); the row is shown all the same.
        ValueError: not exactly one requirement is given, or it makes no sense.
        TypeError: the value is not a single real number.

    >>> claim("Half the step, half the error", 2.04, between=(1.8, 2.2), source="(4.8)")
    ✓ Half the step, half the error                measured 2.04      required 1.8 … 2.2     (4.8)
    """
    lower, upper = _bounds(between, below, above, equals)
    number = _scalar(value)
    if between is not None:
        passed, required = lower <= number <= upper, f"{_plain(lower)} … {_plain(upper)}"
    elif below is not None:
        passed, required = number < upper, f"< {_plain(upper)}"
    elif above is not None:
        passed, required = number > lower, f"> {_plain(lower)}"
    else:
        passed, required = number == lower, f"= {_plain(_scalar(equals))}"
    row = {
        "claim": text,
        # Six digits: the last bits differ from machine to machine, and the file should not.
        "measured": float(f"{number:.6g}") if math.isfinite(number) else None,
        "measured_text": number_text(number) if passed else _plain(number),
        "lower": lower,
        "upper": upper,
        "required": required,
        "source": source,
        "published": published if isinstance(published, str) else _plain(published),
        "passed": passed,
        "margin": _margin(number, lower, upper),
    }
    _show(row)
    if not passed:
        raise ClaimError(f"{text}: measured {row['measured_text']}, required {required}")


def number_text(number: float | bool) -> str:
    """A number in a few stable characters: three significant digits, whole numbers in full.

    >>> number_text(3.98412), number_text(0.000012345), number_text(14), number_text(12345.6)
    ('3.98', '1.23e-5', '14', '12346')
    """
    if isinstance(number, (bool, int)) or not math.isfinite(number):
        return str(number)
    size = abs(number)
    if size != 0 and (size < 1e-3 or size >= 1e6):
        return _tidy(f"{number:.2e}")
    return f"{number:.0f}" if size >= 1000 else f"{number:.3g}"


def _bounds(between, below, above, equals) -> tuple[float | None, float | None]:
    """The lower and upper bound of the one requirement given."""
    if sum(given is not None for given in (between, below, above, equals)) != 1:
        raise ValueError("a claim needs exactly one of between=, below=, above=, equals=")
    if between is not None:
        if len(between) != 2 or not between[0] < between[1]:
            raise ValueError(f"between= needs (lower, upper) with lower < upper, got {between}")
        return float(between[0]), float(between[1])
    bound = float(next(given for given in (below, above, equals) if given is not None))
    if math.isnan(bound):
        raise ValueError("the bound is NaN: no number could ever be as required")
    return (None if below is not None else bound), (None if above is not None else bound)


def _scalar(value: Any) -> float | int | bool:
    """A Python number from a Python, numpy or torch scalar (shape [] or [1])."""
    try:
        number = value.item() if hasattr(value, "item") else value
    except (RuntimeError, ValueError):
        number = None
    if not isinstance(number, (bool, int, float)):
        raise TypeError(
            "a claim is about one real number or truth value, got"
            f" {type(value).__name__}{list(getattr(value, 'shape', []))}; reduce it first,"
            " with float(…), .max() or all(…)"
        )
    return number


def _margin(number: float, lower: float | None, upper: float | None) -> float | None:
    """How far inside its bounds a number is: the share of the interval's width to the nearest
    bound, or of a single bound's size; negative outside, None where there is no such distance.
    """
    if not math.isfinite(number) or lower == upper:
        return None
    distances = [number - lower] if lower is not None else []
    distances += [upper - number] if upper is not None else []
    bound = lower if lower is not None else upper
    scale = upper - lower if len(distances) == 2 else abs(bound) or abs(number)
    return float(f"{min(distances) / scale:.3g}") if scale else 0.0


def _plain(number: float | bool) -> str:
    """A bound, or a number that failed, to six digits as one would write it."""
    return str(number) if isinstance(number, (bool, int)) else _tidy(f"{number:.6g}")


def _tidy(text: str) -> str:
    """`1e-09` as `1e-9`, `1e+06` as `1e6`."""
    return re.sub(r"e([+-])0*", r"e\1", text).replace("e+", "e")


def _show(row: dict) -> None:
    """Show the row as text, and beside it, for `collect`, as data."""
    from IPython import get_ipython
    from IPython.display import display

    mark, origin = "✓" if row["passed"] else "✗", row["source"]
    if row["published"]:
        origin = f"published {row['published']}" + (f" ({origin})" if origin else "")
    # What is too long has a line of its own, so that the numbers stay in their columns.
    title = f"{row['claim']:<{COLUMN}}"
    title += "\n" + " " * (COLUMN + 2) if len(title) > COLUMN else ""
    numbers = f"measured {row['measured_text']:<9} required {row['required']:<13}"
    row_length = COLUMN + len(numbers) + len(origin) + 4
    gap = " " if row_length <= WIDTH else "\n" + " " * (COLUMN + 3)
    text = f"{mark} {title} {numbers}{gap}{origin}".rstrip()
    if get_ipython() is None:
        print(text)
    else:
        display({"text/plain": text, MIME: row}, raw=True)
